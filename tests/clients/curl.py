#!/usr/bin/env python3
"""What curl sends and shows: uploads from files and pipes, Expect, resumed downloads, headers."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from cloud import Cloud
from telling import tell

DATA = bytes(range(256)) * 12345 + b'end'


class Curl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud().start()
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix='glance-curl-'))
        cls.disk = cls.directory / 'disk.img'
        cls.disk.write_bytes(DATA)

    @classmethod
    def tearDownClass(cls):
        cls.cloud.stop()
        for path in cls.directory.iterdir():
            path.unlink()
        cls.directory.rmdir()

    def curl(self, path, *arguments, data=None):
        """The status and the body."""
        command = ['curl', '-sS', '-w', '\n%{http_code}', '-H', 'X-Auth-Token: u1:t1:member', *map(str, arguments),
                   'http://%s%s' % (self.cloud.api_address, path)]
        run = subprocess.run(command, input=data, capture_output=True, timeout=120)
        self.assertEqual(run.returncode, 0, run.stderr)
        body, _, status = run.stdout.rpartition(b'\n')
        return int(status), body

    def disk_headers(self, name):
        return ['-H', 'x-image-meta-name: ' + name, '-H', 'x-image-meta-disk_format: raw',
                '-H', 'x-image-meta-container_format: bare', '-H', 'Content-Type: application/octet-stream']

    def upload(self, name, *arguments, data=None):
        status, body = self.curl('/v1/images', '-X', 'POST', *self.disk_headers(name), *arguments, data=data)
        self.assertEqual(status, 201, body)
        return json.loads(body)['image']

    def test_a_file(self):
        # Over a mebibyte, curl asks with Expect: 100-continue before it sends.
        image = self.upload('file', '--data-binary', '@%s' % self.disk)
        self.assertEqual((image['status'], image['size']), ('active', len(DATA)))
        self.assertEqual(self.curl('/v1/images/' + image['id']), (200, DATA))

    def test_a_pipe(self):
        image = self.upload('pipe', '-T', '-', data=DATA)
        self.assertEqual((image['status'], image['size']), ('active', len(DATA)))

    def test_a_refused_upload_sends_nothing(self):
        run = subprocess.run(
            ['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code} %{size_upload}', '-X', 'POST',
             '-H', 'Expect: 100-continue', *self.disk_headers('refused'), '--data-binary', '@%s' % self.disk,
             'http://%s/v1/images' % self.cloud.api_address], capture_output=True, timeout=60)
        self.assertEqual(run.stdout, b'401 0')

    def test_a_download_is_resumed(self):
        image = self.upload('resumed', '--data-binary', '@%s' % self.disk)['id']
        part = self.directory / 'part.img'
        part.write_bytes(DATA[:1000000])
        status, _ = self.curl('/v1/images/' + image, '-C', '-', '-o', part)
        self.assertEqual(status, 206)
        self.assertEqual(part.read_bytes(), DATA)

    def test_a_download_is_not_repeated(self):
        image = self.upload('cached', '--data-binary', '@%s' % self.disk)
        status, body = self.curl('/v1/images/' + image['id'], '-H', 'If-None-Match: "%s"' % image['checksum'])
        self.assertEqual((status, body), (304, b''))

    def test_head_list_and_delete(self):
        image = self.upload('shown', '--data-binary', 'x')['id']
        status, head = self.curl('/v1/images/' + image, '-I')
        self.assertEqual(status, 200)
        self.assertIn(b'X-Image-Meta-Name: shown', head)
        status, body = self.curl('/v1/images?name=shown')
        self.assertEqual([item['id'] for item in json.loads(body)['images']], [image])
        self.assertEqual(self.curl('/v1/images/' + image, '-X', 'DELETE')[0], 200)
        self.assertEqual(self.curl('/v1/images/' + image)[0], 404)


if __name__ == '__main__':
    tell()
