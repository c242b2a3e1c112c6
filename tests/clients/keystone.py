#!/usr/bin/env python3
"""The real clients with credentials: `openstack token issue`, and `glance` as users of two projects.

They are asked for names and passwords, get tokens of a real Keystone, and find the service in its
catalogue. Run it with the Python of an environment that has python-glanceclient and
python-openstackclient (scripts/test makes one).
"""
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
from cloud import Cloud
from telling import tell

PROGRAMS = pathlib.Path(sys.executable).parent
SERVICE = TESTS.parent / 'scripts' / 'services' / 'keystone'
DATA = bytes(range(256)) * 4001 + b'the end'

# The service's own account; where Keystone is, is known only when it runs.
SECTION = """
[keystone_authtoken]
auth_url = http://KEYSTONE
www_authenticate_uri = http://KEYSTONE
auth_type = password
username = glance
password = glance-secret
project_name = service
user_domain_name = Default
project_domain_name = Default
"""


def setUpModule():
    global CLOUD, KEYSTONE
    CLOUD = Cloud('keystone', api=SECTION, registry=SECTION)
    settings = {**os.environ, 'IMAGE_ENDPOINT': 'http://' + CLOUD.api_address,
                'SERVICE_OWNER': str(os.getpid())}
    # One of our own: its catalogue has our address.
    settings.pop('KEYSTONE_DIR', None)
    started = subprocess.run([SERVICE, 'start'], env=settings, capture_output=True, text=True)
    if started.returncode:
        raise RuntimeError(started.stderr)
    KEYSTONE = dict(word.split('=', 1) for line in started.stdout.splitlines()
                    for word in shlex.split(line.removeprefix('export ')) if '=' in word)
    for name in ('glance-api.conf', 'glance-registry.conf'):
        file = CLOUD.directory / name
        file.write_text(file.read_text().replace('http://KEYSTONE', KEYSTONE['KEYSTONE_URL']))
    CLOUD.start()


def tearDownModule():
    CLOUD.stop()
    subprocess.run([SERVICE, 'stop', KEYSTONE['KEYSTONE_DIR']], check=True, capture_output=True)


def credentials(user, project):
    own = {name: value for name, value in os.environ.items() if not name.startswith('OS_')}
    return {**own, 'OS_AUTH_URL': KEYSTONE['KEYSTONE_AUTH_URL'], 'OS_IDENTITY_API_VERSION': '3',
            'OS_REGION_NAME': KEYSTONE['KEYSTONE_REGION'], 'OS_USERNAME': user,
            'OS_PASSWORD': user + '-secret', 'OS_PROJECT_NAME': project,
            'OS_USER_DOMAIN_NAME': 'Default', 'OS_PROJECT_DOMAIN_NAME': 'Default', 'COLUMNS': '200'}


class User:
    """Somebody at a command line."""

    def __init__(self, name, project):
        self.project = KEYSTONE['KEYSTONE_PROJECT_' + project.upper()]
        self.environment = credentials(name, project)

    def run(self, *arguments, status=0, terminal=False):
        command = [str(PROGRAMS / arguments[0]), *map(str, arguments[1:])]
        if terminal:
            # `glance` takes whatever is not a terminal for image data.
            command = ['script', '-qec', shlex.join(command), '/dev/null']
        run = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL,
                             capture_output=True, timeout=120)
        if run.returncode != status:
            raise AssertionError('%s: %d\n%s' % (command, run.returncode,
                                                 (run.stdout + run.stderr).decode()))
        return run.stdout.decode()

    def glance(self, *arguments, **options):
        return self.run('glance', '--os-image-api-version', '1', *arguments, **options)

    def token(self):
        return json.loads(self.run('openstack', 'token', 'issue', '-f', 'json'))['id']


def table(text):
    rows = (re.fullmatch(r'\|\s*(.*?)\s*\|\s*(.*?)\s*\|', line.strip()) for line in text.splitlines())
    return {row[1]: row[2] for row in rows if row}


class Credentials(unittest.TestCase):
    """What names and passwords are good for."""

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.disk = self.directory / 'disk.img'
        self.disk.write_bytes(DATA)
        self.alice, self.bob = User('alice', 'alpha'), User('bob', 'beta')

    def create(self, user, *arguments):
        return table(user.glance('image-create', '--name', 'disk', '--disk-format', 'raw',
                                 '--container-format', 'bare', '--file', self.disk, *arguments))

    def test_create_share_and_download(self):
        made = self.create(self.alice)
        self.assertEqual((made['status'], made['owner']), ('active', self.alice.project))
        self.assertEqual(made['checksum'], hashlib.md5(DATA).hexdigest())
        image = made['id']
        self.bob.glance('image-show', image, status=1)
        self.assertNotIn(image, self.bob.glance('image-list'))
        self.alice.glance('member-create', image, self.bob.project)
        self.assertIn(image, self.bob.glance('member-list', '--tenant-id', self.bob.project))
        copy = self.directory / 'copy.img'
        self.bob.glance('image-download', image, '--file', copy)
        self.assertEqual(copy.read_bytes(), DATA)
        # It says 403, and ends well.
        self.bob.glance('image-delete', image)
        self.alice.glance('image-show', image)
        self.alice.glance('member-delete', image, self.bob.project)
        self.bob.glance('image-show', image, status=1)
        self.alice.glance('image-delete', image)

    def test_only_the_administrator_publishes(self):
        image = self.create(self.alice)['id']
        publish = ('image-update', image, '--is-public', 'True')
        self.alice.glance(*publish, terminal=True, status=1)
        User('admin', 'admin').glance(*publish, terminal=True)
        self.assertIn(image, self.bob.glance('image-list'))
        self.alice.glance('image-delete', image)

    def test_a_token_from_openstack(self):
        image = self.create(self.alice)['id']
        token = self.alice.token()
        by_token = ('--os-auth-token', token, '--os-image-url', 'http://' + CLOUD.api_address)
        self.assertEqual(table(self.alice.glance(*by_token, 'image-show', image))['id'], image)
        request = urllib.request.Request('http://%s/v1/images' % CLOUD.api_address,
                                         headers={'X-Auth-Token': token})
        with urllib.request.urlopen(request) as answer:
            self.assertIn(image, [known['id'] for known in json.load(answer)['images']])
        self.alice.run('openstack', 'token', 'revoke', token)
        # One of nobody's. Changed in its middle: a change of the last letter may mean the same bytes.
        token = self.bob.token()
        half = len(token) // 2
        wrong = token[:half] + ('y' if token[half] == 'x' else 'x') + token[half + 1:]
        request = urllib.request.Request('http://%s/images' % CLOUD.registry_address,
                                         headers={'X-Auth-Token': wrong})
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        refused.exception.close()
        self.assertEqual(refused.exception.code, 401)
        self.assertEqual(refused.exception.headers['WWW-Authenticate'],
                         "Keystone uri='%s'" % KEYSTONE['KEYSTONE_URL'])
        self.alice.glance('image-delete', image)

    def test_a_wrong_password_gets_nowhere(self):
        stranger = User('alice', 'alpha')
        stranger.environment['OS_PASSWORD'] = 'wrong'
        stranger.glance('image-list', status=1)


if __name__ == '__main__':
    tell()
