#!/usr/bin/env python3
"""Glance 15 itself and we on one database: one that Glance wrote and `db_sync` adopted.

GLANCE15_PYTHON names a Python 2.7 that has Glance 15.0.2; `scripts/test glance15` makes one where there
is a Python 2.7. GLANCE_TEST_DATABASE chooses the engine, as for the other stories.
"""
import json
import os
import pathlib
import subprocess
import sys
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from cloud import Cloud, Port
from telling import tell

PYTHON = os.environ.get('GLANCE15_PYTHON')
PASTE = """[pipeline:glance-registry]
pipeline = unauthenticated-context registryapp
[app:registryapp]
paste.app_factory = glance.registry.api:API.factory
[filter:unauthenticated-context]
paste.filter_factory = glance.api.middleware.context:UnauthenticatedContextMiddleware.factory
"""
CONFIGURATION = """[DEFAULT]
bind_host = 127.0.0.1
bind_port = %d
workers = 0
metadata_encryption_key = 0123456789abcdef
[database]
connection = %s
[paste_deploy]
config_file = %s
"""
EVERYTHING = '/images/detail?is_public=None&limit=1000'


class Glance:
    """Its registry, and its glance-manage, on the database of a cloud of ours."""

    def __init__(self, cloud):
        self.cloud, self.port = cloud, Port()
        self.file = cloud.directory / 'glance15.conf'
        paste = cloud.directory / 'glance15-paste.ini'
        paste.write_text(PASTE)
        connection = cloud.database.connection.replace('mysql://', 'mysql+pymysql://', 1)
        connection = connection.replace('postgresql://', 'postgresql+psycopg2://', 1)
        self.file.write_text(CONFIGURATION % (self.port.number, connection, paste))

    def _command(self, program, *arguments):
        return [PYTHON, '-W', 'ignore', pathlib.Path(PYTHON).parent / program,
                '--config-file', self.file, *arguments]

    def manage(self, *arguments):
        """What it says; it must succeed."""
        command = self._command('glance-manage', *arguments)
        return subprocess.run(command, check=True, text=True, capture_output=True).stdout

    def __enter__(self):
        log = open(self.cloud.directory / 'glance15.log', 'w')
        self.daemon = subprocess.Popen(self._command('glance-registry'), stdout=log, stderr=log)
        for _ in range(600):
            try:
                self.ask('GET', '/images')
                return self
            except OSError:
                if self.daemon.poll() is not None:
                    break
                time.sleep(0.1)
        sys.exit('Glance 15 does not start: ' + (self.cloud.directory / 'glance15.log').read_text()[-3000:])

    def __exit__(self, *_):
        self.daemon.terminate()
        self.daemon.wait()
        self.port.release()

    def ask(self, method, path, image=None):
        return ask('127.0.0.1:%d' % self.port.number, method, path, image, {})


def ask(address, method, path, image, headers):
    # What memberships are sent as stands beside images.
    members = 'members' in path
    body = json.dumps(image if members else {'image': image}).encode() if image else None
    request = urllib.request.Request('http://%s%s' % (address, path), body, {
        'Content-Type': 'application/json', **headers}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return None if answer.status == 204 else json.load(answer)


class OneDatabase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud()
        cls.addClassCleanup(cls.cloud.stop)
        cls.cloud.database.load(pathlib.Path(__file__).parent.parent / 'golden' / 'databases')
        glance = Glance(cls.cloud)
        with glance:
            cls.before = glance.ask('GET', EVERYTHING)
        # Adopts it.
        cls.cloud.start()
        cls.glance = cls.enterClassContext(Glance(cls.cloud))

    def ours(self, method, path, image=None, token='admin:admin:admin'):
        return ask(self.cloud.registry_address, method, path, image, {'X-Auth-Token': token})

    def test_glances_own_check_of_the_schema_finds_its_own(self):
        self.assertEqual(self.glance.manage('db_version').split()[-1], 'pike01')
        self.glance.manage('db_sync')
        self.assertEqual(self.glance.manage('db_version').split()[-1], 'pike01')

    def test_adopted_images_are_to_glance_what_they_were(self):
        now = self.glance.ask('GET', EVERYTHING)
        found = {image['id']: image for image in now['images']}
        self.assertGreater(len(self.before['images']), 40)
        for image in self.before['images']:
            self.assertEqual(found[image['id']], image)

    def test_both_serve_the_same(self):
        theirs = {image['id']: image for image in self.glance.ask('GET', EVERYTHING)['images']}
        ours = {image['id']: image for image in self.ours('GET', EVERYTHING)['images']}
        self.assertEqual(set(theirs), set(ours))
        for id, image in theirs.items():
            for field, value in image.items():
                self.assertEqual(ours[id][field], value, '%s of %s' % (field, id))

    def test_what_one_makes_the_other_changes_and_the_first_deletes(self):
        sides = [self.glance.ask, self.ours]
        for one, other in (sides, sides[::-1]):
            image = {'name': 'of one', 'status': 'queued', 'disk_format': 'raw', 'container_format': 'bare',
                     'is_public': False, 'owner': 't1', 'properties': {'a': '1', 'b': '2'}}
            id = one('POST', '/images', image)['image']['id']
            self.assertEqual(other('GET', '/images/' + id)['image']['properties'], image['properties'])
            other('PUT', '/images/' + id, {'name': 'of both', 'properties': {'b': '3'}})
            found = one('GET', '/images/' + id)['image']
            self.assertEqual((found['name'], found['properties']['b']), ('of both', '3'))
            one('DELETE', '/images/' + id)
            listed = [image['id'] for image in other('GET', EVERYTHING)['images']]
            self.assertNotIn(id, listed)

    def test_what_glance_shares_is_in_our_lists(self):
        def listed():
            images = self.ours('GET', '/images/detail?sort_key=name', token='u:t7:member')['images']
            return [image['name'] for image in images if image['id'] == id]

        image = {'name': 'shared', 'status': 'queued', 'disk_format': 'raw', 'container_format': 'bare',
                 'is_public': False, 'owner': 't1'}
        id = self.glance.ask('POST', '/images', image)['image']['id']
        members = '/images/%s/members' % id
        self.assertEqual(listed(), [])
        self.glance.ask('PUT', members + '/t7', {'member': {'can_share': False}})
        self.assertEqual(listed(), ['shared'])
        self.glance.ask('PUT', '/images/' + id, {'name': 'renamed'})
        self.assertEqual(listed(), ['renamed'])
        self.glance.ask('DELETE', members + '/t7')
        self.assertEqual(listed(), [])
        self.glance.ask('PUT', members, {'memberships': [{'member_id': 't7', 'can_share': True}, {'member_id': 't8'}]})
        self.assertEqual(listed(), ['renamed'])
        self.glance.ask('PUT', members, {'memberships': [{'member_id': 't8'}]})
        self.assertEqual(listed(), [])
        self.glance.ask('PUT', members + '/t7', {'member': {'can_share': False}})
        self.assertEqual(listed(), ['renamed'])
        self.glance.ask('DELETE', '/images/' + id)
        self.assertEqual(listed(), [])


if __name__ == '__main__':
    if not PYTHON:
        sys.exit('GLANCE15_PYTHON names no Python with Glance 15')
    tell()
