#!/usr/bin/env python3
"""A compute node's day, as Nova's old client for the Images API v1 spends it. Standard library only.

It looks for images by property and visibility, checks one by HEAD, downloads it, resumes after a
cut and compares the checksum, takes a snapshot that is reserved first and uploaded later, keeps
and purges properties, and deletes. Then eight nodes do all of that at once.
"""
import concurrent.futures
import hashlib
import http.client
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from cloud import Cloud
from telling import tell

CHUNK = 65536
BASE = bytes(range(256)) * 20000
ADMIN = 'adm:tadm:admin'


class Glance:
    """What Nova's client can do. One connection, made again when the server has closed it."""

    def __init__(self, address, token):
        self.address, self.token = address, token

    def request(self, method, path, headers=None, body=None):
        """The open answer; the connection belongs to the caller."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        connection.request(method, path, body, {'X-Auth-Token': self.token, **(headers or {})})
        answer = connection.getresponse()
        answer.connection = connection
        return answer

    def call(self, method, path, headers=None, body=None, status=200):
        answer = self.request(method, path, headers, body)
        data = answer.read()
        answer.connection.close()
        assert answer.status == status, '%s %s: %s %s' % (method, path, answer.status, data[:300])
        return answer, data

    def detail(self, **filters):
        """Every image that the filters select, page by page."""
        images, marker = [], None
        while True:
            query = dict(filters, limit='20', **({'marker': marker} if marker else {}))
            text = '&'.join('%s=%s' % (name.replace('__', '-'), value) for name, value in query.items())
            page = json.loads(self.call('GET', '/v1/images/detail?' + text)[1])['images']
            images += page
            if len(page) < 20:
                return images
            marker = page[-1]['id']

    def show(self, image):
        """Fields and properties, from the headers of a HEAD."""
        answer, _ = self.call('HEAD', '/v1/images/' + image)
        meta = {'properties': {}}
        for name, value in answer.getheaders():
            name = name.lower()
            if name.startswith('x-image-meta-property-'):
                meta['properties'][name[22:]] = value
            elif name.startswith('x-image-meta-'):
                meta[name[13:]] = value
        return meta

    @staticmethod
    def headers(meta):
        headers = {}
        for name, value in meta.items():
            if name == 'properties':
                headers.update({'x-image-meta-property-' + k: str(v) for k, v in value.items()})
            else:
                headers['x-image-meta-' + name] = str(value)
        return headers

    def reserve(self, meta):
        answer = self.call('POST', '/v1/images', self.headers(meta), status=201)[1]
        return json.loads(answer)['image']

    def update(self, image, meta, data=None, purge=True):
        headers = self.headers(meta)
        headers['x-glance-registry-purge-props'] = str(purge).lower()
        body = None
        if data is not None:
            # A disk is read as it is sent: its length is not known to the client library.
            headers['Content-Type'] = 'application/octet-stream'
            body = (data[at:at + CHUNK] for at in range(0, len(data), CHUNK))
        return json.loads(self.call('PUT', '/v1/images/' + image, headers, body)[1])['image']

    def download(self, image, cut_after=None):
        """The data; when the connection is cut after some bytes, the rest by Range."""
        answer = self.request('GET', '/v1/images/' + image)
        assert answer.status == 200, answer.status
        size, etag = int(answer.getheader('Content-Length')), answer.getheader('Etag')
        data = answer.read(cut_after) if cut_after else answer.read()
        answer.connection.close()
        if len(data) < size:
            headers = {'Range': 'bytes=%d-' % len(data), 'If-Range': '"%s"' % etag}
            rest = self.request('GET', '/v1/images/' + image, headers)
            assert rest.status == 206, rest.status
            wanted = 'bytes %d-%d/%d' % (len(data), size - 1, size)
            assert rest.getheader('Content-Range') == wanted, rest.getheader('Content-Range')
            data += rest.read()
            rest.connection.close()
        assert hashlib.md5(data).hexdigest() == etag
        return data


def spend_a_day(address, number):
    """One node's work for one tenant."""
    nova = Glance(address, 'nova%d:tenant%d:member' % (number, number))
    public = nova.detail(is_public='True', property__architecture='x86_64', status='active')
    assert [image['name'] for image in public] == ['base'], public
    base = public[0]
    assert base['is_public'] and base['properties']['architecture'] == 'x86_64'

    meta = nova.show(base['id'])
    assert meta['status'] == 'active' and int(meta['size']) == len(BASE), meta
    assert meta['checksum'] == base['checksum'] == hashlib.md5(BASE).hexdigest()
    assert nova.download(base['id']) == BASE
    assert nova.download(base['id'], cut_after=1000000 + number) == BASE

    # A snapshot: reserved with what is known of the instance, uploaded when the disk is ready.
    snapshot = nova.reserve({'name': 'snapshot-%d' % number, 'is_public': 'False',
                             'properties': {'instance_uuid': 'i-%d' % number, 'image_state': 'creating',
                                            'base_image_ref': base['id'], 'user_id': 'nova%d' % number}})
    identity = snapshot['id']
    assert snapshot['status'] == 'queued' and snapshot['owner'] == 'tenant%d' % number
    found = nova.detail(property__instance_uuid='i-%d' % number)
    assert [image['id'] for image in found] == [identity], found
    disk = bytes([number]) * (2000000 + number)
    taken = nova.update(identity, {'name': 'snapshot-%d' % number, 'disk_format': 'raw', 'container_format': 'bare',
                                   'properties': {'image_state': 'available', 'architecture': 'x86_64'}},
                        data=disk, purge=False)
    assert taken['status'] == 'active' and taken['size'] == len(disk), taken
    assert taken['checksum'] == hashlib.md5(disk).hexdigest()
    assert taken['properties']['base_image_ref'] == base['id'], 'properties are kept'
    assert taken['properties']['image_state'] == 'available'
    assert nova.download(identity, cut_after=777777) == disk

    # Kept, then purged.
    kept = nova.update(identity, {'properties': {'kernel_id': 'k'}}, purge=False)['properties']
    assert kept['kernel_id'] == 'k' and kept['image_state'] == 'available', kept
    left = nova.update(identity, {'properties': {'only': 'this'}}, purge=True)['properties']
    assert left == {'only': 'this'}, left

    others = [image['name'] for image in nova.detail(is_public='None') if not image['is_public']]
    assert others == ['snapshot-%d' % number], 'a tenant sees its own: %s' % others
    nova.call('DELETE', '/v1/images/' + identity)
    nova.call('HEAD', '/v1/images/' + identity, status=404)
    assert nova.detail(property__instance_uuid='i-%d' % number) == []


class ComputeNodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud().start()
        admin = Glance(cls.cloud.api_address, ADMIN)
        headers = admin.headers({'name': 'base', 'disk_format': 'raw', 'container_format': 'bare', 'is_public': 'True',
                                 'properties': {'architecture': 'x86_64'}})
        headers['Content-Type'] = 'application/octet-stream'
        admin.call('POST', '/v1/images', headers, BASE, status=201)

    @classmethod
    def tearDownClass(cls):
        cls.cloud.stop()

    def test_one_node(self):
        spend_a_day(self.cloud.api_address, 1)

    def test_eight_nodes_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            days = [pool.submit(spend_a_day, self.cloud.api_address, number) for number in range(10, 18)]
            for day in days:
                day.result()
        left = Glance(self.cloud.api_address, ADMIN).detail(is_public='None')
        self.assertEqual([image['name'] for image in left], ['base'])
        self.assertEqual(len(list(self.cloud.images.iterdir())), 1)


if __name__ == '__main__':
    tell()
