#!/usr/bin/env python3
"""kamaki 0.16, the command line of Synnefo, with our image service: upload, register, list, show,
modify, share, unregister.

It needs Python 2.7: KAMAKI_PYTHON names that, and KAMAKI_HOME the folder where
`pip install --target` put kamaki (scripts/test does both, where there is one). Without them its
recorded requests are what is left: tests/golden/run.py kamaki.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from synnefo.daemons import SynnefoCloud
from telling import tell

PYTHON, HOME = os.environ.get('KAMAKI_PYTHON'), os.environ.get('KAMAKI_HOME')
DATA = bytes(range(256)) * 20000 + b'the end'
CONFIGURATION = """[global]
default_cloud = alice
[cloud "alice"]
url = {url}
token = {alice}
[cloud "bob"]
url = {url}
token = {bob}
"""


class Stories:
    level = prefix = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix='glance-kamaki-')
        cls.addClassCleanup(cls.folder.cleanup)
        cls.cloud = cls.enterClassContext(SynnefoCloud(cls.level, cls.prefix))
        users, home = cls.cloud.synnefo.users, pathlib.Path(cls.folder.name)
        url = cls.cloud.synnefo.astakos.url + '/astakos/identity/v2.0'
        (home / '.kamakirc').write_text(CONFIGURATION.format(
            url=url, alice=users.token_of('alice'), bob=users.token_of('bob')))
        cls.disk = home / 'disk.diskdump'
        cls.disk.write_bytes(DATA)
        cls.alice, cls.bob = users.named('alice').uuid, users.named('bob').uuid
        cls.kamaki('container', 'create', 'images')

    @classmethod
    def kamaki(cls, *arguments, status=0, cloud='alice'):
        """What it says; its errors are told on the same stream."""
        command = [PYTHON, os.path.join(HOME, 'bin', 'kamaki'), '--cloud', cloud, *map(str, arguments)]
        environment = {**os.environ, 'HOME': cls.folder.name, 'PYTHONPATH': HOME, 'PYTHONIOENCODING': 'utf-8',
                       'LC_ALL': 'C.UTF-8', 'PYTHONDONTWRITEBYTECODE': '1'}
        run = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=120, cwd=cls.folder.name)
        said = run.stdout.decode()
        if bool(run.returncode) != bool(status):
            raise AssertionError('%s: %d\n%s\n%s' % (command, run.returncode, said, cls.cloud.glance.log()))
        return said

    def listed(self, *arguments, cloud='alice'):
        """{name: image} of what `image list` shows."""
        said = self.kamaki('image', 'list', '-l', '--output-format', 'json', *arguments, cloud=cloud)
        images = json.loads('[' + said.partition('[')[2])
        return {image['name']: image for image in images}

    def register(self, name, *arguments):
        """The image of an object of that name."""
        path = '/images/%s.diskdump' % name
        self.kamaki('file', 'upload', self.disk, path, '--no-progress-bar')
        self.kamaki('image', 'register', '--name', name, '--location', path, *arguments)
        return self.listed()[name]

    def test_an_image_is_registered_shown_and_unregistered(self):
        image = self.register('Debian κόσμος', '--disk-format', 'diskdump', '-p', 'os=debian',
                              '-p', 'description=Debian 12 (κόσμος)')
        self.assertEqual((image['size'], image['disk_format'], image['container_format'], image['is_public']),
                         (len(DATA), 'diskdump', 'bare', False))
        self.assertEqual(image['status'].lower(), 'available')
        self.assertEqual(image['properties'], {'os': 'debian', 'description': 'Debian 12 (κόσμος)'})
        said = self.kamaki('image', 'info', image['id'])
        self.assertIn('name: Debian κόσμος', said)
        self.assertIn('checksum: ' + image['checksum'], said)
        # kamaki has put what it knows into a file beside the object.
        self.kamaki('file', 'info', '/images/Debian κόσμος.diskdump.meta')
        self.kamaki('image', 'unregister', image['id'])
        self.assertNotIn('Debian κόσμος', self.listed())
        self.assertIn('404', self.kamaki('image', 'info', image['id'], status=1))
        self.kamaki('file', 'info', '/images/Debian κόσμος.diskdump')

    def test_an_image_is_modified(self):
        image = self.register('modified', '-p', 'os=debian')
        self.kamaki('image', 'modify', image['id'], '--name', 'Renamed image', '-p', 'kernel=6.1')
        renamed = self.listed()['Renamed image']
        self.assertEqual(renamed['id'], image['id'])
        self.assertEqual(renamed['properties'], {'os': 'debian', 'kernel': '6.1'})

    def test_a_public_image_is_everybodys(self):
        image = self.register('public')
        self.assertNotIn('public', self.listed(cloud='bob'))
        self.kamaki('image', 'modify', image['id'], '--public')
        self.assertTrue(self.listed(cloud='bob')['public']['is_public'])
        self.assertIn('name: public', self.kamaki('image', 'info', image['id'], cloud='bob'))
        self.kamaki('image', 'modify', image['id'], '--name', 'hacked', cloud='bob', status=1)
        self.kamaki('image', 'modify', image['id'], '--private')
        self.assertNotIn('public', self.listed(cloud='bob'))

    def test_an_image_is_shared(self):
        image = self.register('shared')
        self.kamaki('image', 'modify', image['id'], '--member-add', self.bob)
        self.assertIn(self.bob, self.kamaki('image', 'list', '--members-of', image['id']))
        self.assertEqual(self.listed(cloud='bob')['shared']['id'], image['id'])
        # The object goes with it.
        copy = pathlib.Path(self.folder.name) / 'copy'
        self.kamaki('file', 'download', '-A', self.alice, '/images/shared.diskdump', copy, '--no-progress-bar',
                    cloud='bob')
        self.assertEqual(copy.read_bytes(), DATA)
        self.kamaki('image', 'modify', image['id'], '--member-del', self.bob)
        self.assertNotIn(self.bob, self.kamaki('image', 'list', '--members-of', image['id']))
        self.assertNotIn('shared', self.listed(cloud='bob'))
        self.kamaki('image', 'info', image['id'], cloud='bob', status=1)

    def test_an_image_is_uploaded_while_registered(self):
        self.kamaki('image', 'register', '--name', 'uploaded', '--location', '/images/uploaded.diskdump',
                    '--upload-image-file', self.disk, '-f', '--public', '--no-progress-bar')
        image = self.listed()['uploaded']
        self.assertEqual((image['size'], image['is_public']), (len(DATA), True))

    def test_what_is_not_so_is_refused(self):
        self.register('checked', '--size', len(DATA))
        again = ('image', 'register', '--location', '/images/checked.diskdump', '-f', '--name')
        self.assertIn('badRequest', self.kamaki(*again, 'small', '--size', 17, status=1))
        self.assertIn('badRequest', self.kamaki(*again, 'other', '--checksum', 'deadbeef', status=1))
        self.kamaki('image', 'register', '--name', 'absent', '--location', '/images/absent', status=1)
        self.assertFalse({'small', 'other', 'absent'} & self.listed().keys())

    def test_lists_are_filtered(self):
        self.register('filtered', '--disk-format', 'ntfsdump')
        self.assertEqual(self.listed('--name', 'filtered').keys(), {'filtered'})
        self.assertEqual(self.listed('--disk-format', 'ntfsdump').keys(), {'filtered'})
        self.assertIn('filtered', self.listed('--size-min', 1, '--status', 'available', '--order', 'name'))
        self.assertEqual(self.listed('--size-min', 1 << 40), {})


class Guide(Stories, unittest.TestCase):
    """As the guides say; where the service is by default."""
    level, prefix = 'guide', '/image/v1.0'


class Synnefo(Stories, unittest.TestCase):
    """As Synnefo itself, where it has it."""
    level, prefix = 'synnefo', '/cyclades/image/v1.0'


if __name__ == '__main__':
    if not PYTHON or not HOME:
        sys.exit('KAMAKI_PYTHON and KAMAKI_HOME are not set')
    tell()
