"""Pithos' calls about objects, /ACCOUNT/CONTAINER/OBJECT: what is there, and its data."""
import json
import urllib.parse
import uuid

from . import blocks, metadata, ranges
from .serving import Answer, Refused, http_date
from .tree import epoch


class Reading:
    def object_call(self, account, container, name):
        self.only('HEAD,GET,PUT,COPY,MOVE,POST,DELETE')
        user = self.user()
        if len(name) > 1024:
            raise Refused(400, 'Object name too large.')
        return getattr(self, 'object_' + self.command.lower())(user, account, container, name)

    def version(self, user, account, container, name, number=None):
        """The version that is there, or the one of this number."""
        if not self.tree.rights(user, account, container, name):
            raise Refused(403, 'User does not have access to the object')
        node = self.tree.node(account, container, name)
        if number is None:
            if not node or not node.current:
                raise Refused(404, 'Object does not exist')
            return node.current
        for version in node.versions if node else ():
            if str(version.number) == number and version.hashes is not None:
                return version
        raise Refused(404, 'Version does not exist')

    def object_headers(self, user, account, container, name, version):
        current = self.tree.current(account, container, name) or version
        headers = [('Available', 1), ('ETag', version.hash), ('X-Object-Hash', version.hash),
                   ('X-Object-UUID', version.uuid), ('X-Object-Version', version.number),
                   ('X-Object-Version-Timestamp', http_date(version.time)),
                   ('X-Object-Modified-By', version.author), ('Last-Modified', http_date(current.time))]
        own = {key: value for key, value in version.meta.items() if key in metadata.OWN_NAMES}
        headers += own.items()
        headers += metadata.shown({k: v for k, v in version.meta.items() if k not in own}, 'X-Object-Meta-')
        granted, by = self.tree.sharing_of(account, container, name)
        if granted:
            headers.append(('X-Object-Sharing', str(granted).replace('*', '%2A')))
            if by != name:
                headers.append(('X-Object-Shared-By', '%s/%s/%s' % (account, container, by)))
        if user != account:
            headers.append(('X-Object-Allowed-To', self.tree.rights(user, account, container, name)))
        node = self.tree.node(account, container, name)
        if user == account and node.public:
            headers.append(('X-Object-Public', self.public_url(node.public)))
        return headers

    def object_head(self, user, account, container, name):
        with self.tree.lock:
            version = self.version(user, account, container, name, self.query.get('version'))
            ranges.check(self.headers, version, True)
            headers = self.object_headers(user, account, container, name, version)
        return Answer(kind=version.kind, headers=headers, length=version.size)

    def object_get(self, user, account, container, name):
        if self.query.get('version') == 'list':
            return self.versions(user, account, container, name)
        with self.tree.lock:
            version = self.version(user, account, container, name, self.query.get('version'))
            ranges.check(self.headers, version, True)
            headers = self.object_headers(user, account, container, name, version)
        if 'hashmap' in self.query:
            return self.hashmap(name, version, headers)
        return self.data(name, version, headers)

    def versions(self, user, account, container, name):
        with self.tree.lock:
            if not self.tree.rights(user, account, container, name):
                raise Refused(403, 'User does not have access to the object')
            node = self.tree.node(account, container, name)
            if not node:
                raise Refused(404, 'Object does not exist')
            pairs = [[one.number, epoch(one.time)] for one in node.versions if one.hashes is not None]
        return Answer(body=json.dumps({'versions': pairs}).encode())

    def hashmap(self, name, version, headers):
        parts = {'block_hash': blocks.HASH, 'block_size': blocks.SIZE, 'bytes': version.size}
        if self.form == 'xml':
            attributes = ''.join(' %s="%s"' % pair for pair in {'name': name, **parts}.items())
            hashes = ' '.join('<hash>%s</hash>' % one for one in version.hashes)
            text = '<?xml version="1.0" encoding="UTF-8"?> <object%s> %s </object>' % (attributes, hashes)
        else:
            text = json.dumps({**parts, 'hashes': version.hashes})
        # A quirk: it has the type of the object.
        return Answer(body=text.encode(), kind=version.kind, headers=headers)

    def data(self, name, version, headers):
        """The bytes of a version, or the ranges of them that are asked for."""
        if not any(key == 'Content-Disposition' for key, _ in headers):
            kind = self.query.get('disposition-type', 'inline')
            headers.append(('Content-Disposition', '%s; filename="%s"' % (kind, urllib.parse.quote(name))))
        wanted = ranges.parse(self.headers.get('Range', ''), version.size)
        if self.headers.get('If-Range', version.hash).strip('"') != version.hash:
            wanted = None

        def read(first, end):
            return self.tree.blocks.read(version.hashes, version.size, first, end)
        if not wanted:
            return Answer(200, read(0, version.size), version.kind, headers, version.size)
        if len(wanted) == 1:
            (first, end), = wanted
            headers.append(('Content-Range', 'bytes %d-%d/%d' % (first, end - 1, version.size)))
            return Answer(206, read(first, end), version.kind, headers, end - first)
        boundary = uuid.uuid4().hex

        def parts():
            for first, end in wanted:
                yield ('--%s\r\nContent-Range: bytes %d-%d/%d\r\nContent-Transfer-Encoding: binary\r\n\r\n'
                       % (boundary, first, end - 1, version.size)).encode()
                yield from read(first, end)
                yield b'\r\n'
            yield b'--%s--\r\n' % boundary.encode()
        return Answer(206, parts(), 'multipart/byteranges; boundary=' + boundary, headers)
