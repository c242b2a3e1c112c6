#!/usr/bin/env python3
"""The real python-glanceclient in v1 mode, as a library and as the command `glance`.

Run it with the Python of an environment that has python-glanceclient (scripts/test makes one).
"""
import hashlib
import io
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from cloud import Cloud
from telling import tell

import glanceclient
from glanceclient import exc

GLANCE = pathlib.Path(sys.executable).parent / 'glance'
DATA = bytes(range(256)) * 10001 + b'the end'


def setUpModule():
    global CLOUD
    CLOUD = Cloud().start()


def tearDownModule():
    CLOUD.stop()


def client(user='u1', tenant='t1', role='member'):
    token = '%s:%s:%s' % (user, tenant, role)
    return glanceclient.Client('1', 'http://' + CLOUD.api_address, token=token)


class Library(unittest.TestCase):
    """The calls of glanceclient.v1."""

    def create(self, name='image', data=DATA, **fields):
        image = client().images.create(name=name, disk_format='raw', container_format='bare',
                                       data=io.BytesIO(data), **fields)
        self.addCleanup(self.remove, image.id)
        return image

    @staticmethod
    def remove(image):
        try:
            client().images.delete(image)
        except exc.HTTPNotFound:
            pass

    def test_create_show_download_delete(self):
        image = self.create(properties={'distro': 'Debian', 'city': 'Zürich'})
        self.assertEqual((image.status, image.size), ('active', len(DATA)))
        self.assertEqual(image.checksum, hashlib.md5(DATA).hexdigest())
        shown = client().images.get(image.id)
        self.assertEqual(shown.properties['distro'], 'Debian')
        self.assertIs(shown.is_public, False)
        data = client().images.data(image.id)
        self.assertEqual(b''.join(data), DATA)
        client().images.delete(image.id)
        with self.assertRaises(exc.HTTPNotFound):
            client().images.get(image.id)

    def test_reserve_then_upload(self):
        image = client().images.create(name='later', disk_format='raw', container_format='bare')
        self.addCleanup(self.remove, image.id)
        self.assertEqual(image.status, 'queued')
        updated = client().images.update(image.id, data=io.BytesIO(DATA))
        self.assertEqual((updated.status, updated.size), ('active', len(DATA)))

    def test_update_and_purge(self):
        image = self.create(properties={'a': '1', 'b': '2'})
        kept = client().images.update(image.id, name='renamed', properties={'c': '3'}, purge_props=False)
        self.assertEqual((kept.name, kept.properties), ('renamed', {'a': '1', 'b': '2', 'c': '3'}))
        left = client().images.update(image.id, properties={'d': '4'}, purge_props=True)
        self.assertEqual(left.properties, {'d': '4'})

    def test_list_by_page_and_filter(self):
        created = [self.create('page-%02d' % number, b'x').id for number in range(25)]
        names = [image.name for image in client().images.list(sort_key='name', sort_dir='asc', page_size=10)
                 if image.name.startswith('page-')]
        self.assertEqual(names, ['page-%02d' % number for number in range(25)])
        found = list(client().images.list(filters={'name': 'page-07'}))
        self.assertEqual([image.id for image in found], [created[7]])
        special = self.create('special', b'xyz', properties={'role': 'web'})
        found = list(client().images.list(filters={'properties': {'role': 'web'}, 'size_min': 2}))
        self.assertEqual([image.id for image in found], [special.id])
        owned = list(client(role='admin').images.list(owner='t1', page_size=10))
        self.assertGreaterEqual(len(owned), 26)

    def test_members(self):
        image = self.create()
        other = client('u2', 't2')
        with self.assertRaises(exc.HTTPNotFound):
            other.images.get(image.id)
        client().image_members.create(image.id, 't2', can_share=True)
        self.assertEqual(other.images.get(image.id).name, 'image')
        members = client().image_members.list(image=image.id)
        self.assertEqual([(member.member_id, member.can_share) for member in members], [('t2', True)])
        shared = other.image_members.list(member='t2')
        self.assertEqual([membership.image_id for membership in shared], [image.id])
        client().image_members.delete(image.id, 't2')
        with self.assertRaises(exc.HTTPNotFound):
            other.images.get(image.id)

    def test_errors_arrive_as_such(self):
        with self.assertRaises(exc.HTTPNotFound):
            client().images.get('00000000-0000-4000-8000-000000000000')
        with self.assertRaises(exc.HTTPBadRequest):
            client().images.create(name='bad', disk_format='nonesuch', container_format='bare')
        with self.assertRaises(exc.HTTPForbidden):
            client().images.create(name='p', disk_format='raw', container_format='bare', is_public=True)
        image = self.create()
        with self.assertRaises(exc.HTTPConflict):
            client().images.update(image.id, data=io.BytesIO(DATA))
        with self.assertRaises(exc.HTTPUnauthorized):
            glanceclient.Client('1', 'http://' + CLOUD.api_address, token='').images.get(image.id)


class Command(unittest.TestCase):
    """The command `glance`."""

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.disk = self.directory / 'disk.img'
        self.disk.write_bytes(DATA)

    def command(self, *arguments, token='cli:tcli:member'):
        return [str(GLANCE), '--os-image-api-version', '1', '--os-image-url', 'http://' + CLOUD.api_address,
                '--os-auth-token', token, *map(str, arguments)]

    def glance(self, *arguments, data=None, status=0, **options):
        run = subprocess.run(self.command(*arguments, **options), input=data, capture_output=True, timeout=120)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run.stdout.decode()

    def at_a_terminal(self, *arguments):
        """`glance` takes whatever is not a terminal for image data."""
        line = shlex.join(self.command(*arguments))
        run = subprocess.run(['script', '-qec', line, '/dev/null'], capture_output=True, timeout=120,
                             env={**os.environ, 'COLUMNS': '200'})
        self.assertEqual(run.returncode, 0, run.stdout)
        return run.stdout.decode()

    @staticmethod
    def table(text):
        rows = (re.fullmatch(r'\|\s*(.*?)\s*\|\s*(.*?)\s*\|', line.strip()) for line in text.splitlines())
        return {row[1]: row[2] for row in rows if row}

    def test_a_file_there_and_back(self):
        made = self.table(self.glance('image-create', '--name', 'from-file', '--disk-format', 'raw',
                                      '--container-format', 'bare', '--file', self.disk, '--property', 'k=v'))
        self.assertEqual((made['status'], made['size']), ('active', str(len(DATA))))
        self.assertEqual(made['checksum'], hashlib.md5(DATA).hexdigest())
        self.assertEqual(made["Property 'k'"], 'v')
        self.assertIn(made['id'], self.glance('image-list'))
        self.assertIn(made['id'], self.glance('image-list', '--name', 'from-file', '--property-filter', 'k=v'))
        self.assertNotIn(made['id'], self.glance('image-list', '--status', 'queued'))
        self.assertEqual(self.table(self.glance('image-show', 'from-file'))['id'], made['id'])
        copy = self.directory / 'copy.img'
        self.glance('image-download', made['id'], '--file', copy)
        self.assertEqual(copy.read_bytes(), DATA)
        self.glance('image-delete', made['id'])
        self.glance('image-show', made['id'], status=1)

    def test_a_pipe(self):
        made = self.table(self.glance('image-create', '--name', 'from-pipe', '--disk-format', 'raw',
                                      '--container-format', 'bare', data=DATA))
        self.assertEqual((made['status'], made['size']), ('active', str(len(DATA))))
        self.glance('image-delete', made['id'])

    def test_update_and_members(self):
        made = self.table(self.glance('image-create', '--name', 'shared', '--disk-format', 'raw',
                                      '--container-format', 'bare', '--file', self.disk))
        image = made['id']
        updated = self.table(self.at_a_terminal('image-update', image, '--name', 'renamed', '--property', 'a=1',
                                                '--min-ram', '64'))
        self.assertEqual((updated['name'], updated['min_ram'], updated["Property 'a'"]), ('renamed', '64', '1'))
        self.glance('image-show', image, token='x:friend:member', status=1)
        self.glance('member-create', image, 'friend', '--can-share')
        self.assertIn('friend', self.glance('member-list', '--image-id', image))
        self.assertIn(image, self.glance('member-list', '--tenant-id', 'friend', token='x:friend:member'))
        self.assertIn('renamed', self.glance('image-show', image, token='x:friend:member'))
        self.glance('member-delete', image, 'friend')
        self.glance('image-show', image, token='x:friend:member', status=1)
        self.glance('image-delete', image)


if __name__ == '__main__':
    tell()
