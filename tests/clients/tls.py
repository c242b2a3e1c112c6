#!/usr/bin/env python3
"""The real `glance` over https, with certificates that openssl made as docs/OPERATIONS.md says.

The daemons speak TLS to each other, too, and each shows the other a certificate. Run it with the Python
of an environment that has python-glanceclient (scripts/test makes one).
"""
import hashlib
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
from cloud import Cloud
from telling import tell

import glanceclient
from glanceclient import exc

GLANCE = pathlib.Path(sys.executable).parent / 'glance'
DATA = bytes(range(256)) * 10001 + b'the end'
SERVES = 'cert_file = {directory}/%s.pem\nkey_file = {directory}/%s.key\n'


def commands():
    """What OPERATIONS says to make certificates with."""
    page = (TESTS.parent / 'docs' / 'OPERATIONS.md').read_text()
    blocks = re.findall(r'^```sh\n(.*?)^```', page, re.MULTILINE | re.DOTALL)
    return next(block for block in blocks if 'openssl req' in block)


def setUpModule():
    global CLOUD, CA
    # Requests prefers these to what a program tells it.
    for name in ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'):
        os.environ.pop(name, None)
    CLOUD = Cloud(
        registry=SERVES % ('registry', 'registry') + 'ca_file = {directory}/ca.pem\n',
        api=SERVES % ('api', 'api') + '\n'.join((
            'registry_client_protocol = https', 'registry_client_ca_file = {directory}/ca.pem',
            'registry_client_cert_file = {directory}/api.pem', 'registry_client_key_file = {directory}/api.key')))
    made = subprocess.run(['sh', '-e'], input=commands(), text=True, capture_output=True, cwd=CLOUD.directory)
    if made.returncode:
        raise RuntimeError(made.stdout + made.stderr)
    CA = CLOUD.directory / 'ca.pem'
    CLOUD.start()


def tearDownModule():
    CLOUD.stop()


class Https(unittest.TestCase):
    """Whoever knows the authority is served; others do not go on."""

    def glance(self, *arguments, status=0, trust=None):
        trust = trust or ['--os-cacert', str(CA)]
        command = [str(GLANCE), '--os-image-api-version', '1', '--os-image-url', 'https://' + CLOUD.api_address,
                   '--os-auth-token', 'cli:tcli:member', *trust, *map(str, arguments)]
        run = subprocess.run(command, capture_output=True, timeout=120)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return (run.stdout + run.stderr).decode()

    def test_create_list_and_download(self):
        with tempfile.TemporaryDirectory() as folder:
            disk, copy = pathlib.Path(folder) / 'disk.img', pathlib.Path(folder) / 'copy.img'
            disk.write_bytes(DATA)
            made = self.glance('image-create', '--name', 'secure', '--disk-format', 'raw',
                               '--container-format', 'bare', '--file', disk)
            image = re.search(r'\| id +\| (\S+)', made)[1]
            self.assertIn(hashlib.md5(DATA).hexdigest(), made)
            self.assertIn(image, self.glance('image-list'))
            self.glance('image-download', image, '--file', copy)
            self.assertEqual(copy.read_bytes(), DATA)
            self.glance('image-delete', image)

    def test_whoever_does_not_know_the_authority_does_not_go_on(self):
        # Without --os-cacert, this client checks nothing.
        other = ['--os-cacert', str(CLOUD.directory / 'registry.pem')]
        self.assertIn('CERTIFICATE_VERIFY_FAILED', self.glance('image-list', status=1, trust=other))
        end = time.monotonic() + 30
        while 'handshake fails' not in CLOUD.log():
            self.assertLess(time.monotonic(), end, CLOUD.log())
            time.sleep(0.1)

    def test_whoever_asks_for_no_proof_gets_none(self):
        self.glance('image-list', trust=['--insecure'])

    def test_the_library(self):
        client = glanceclient.Client('1', 'https://' + CLOUD.api_address, token='lib:tlib:member', cacert=str(CA))
        image = client.images.create(name='secure', disk_format='raw', container_format='bare', data=io.BytesIO(DATA))
        self.assertEqual(b''.join(client.images.data(image.id)), DATA)
        client.images.delete(image.id)
        with self.assertRaises(exc.HTTPNotFound):
            client.images.get(image.id)


if __name__ == '__main__':
    tell()
