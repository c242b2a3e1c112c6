"""Pithos' calls that change an object: data, metadata, rights, copies, deletion."""
import hashlib
import json
import re
import urllib.parse
import uuid

from . import blocks, metadata, ranges, sharing
from .serving import Answer, Refused, http_date


class Missing(Refused):
    """409: a JSON list of the blocks that are not there."""

    def __init__(self, hashes):
        super().__init__(409)
        self.hashes = hashes

    def body(self, form):
        return json.dumps(self.hashes).encode()


class Writing:
    def writable(self, user, account, container, name):
        """What is there now, if it may be replaced."""
        rights = self.tree.rights(user, account, container, name)
        if rights != 'write':
            raise Refused(403, 'User does not have %saccess to the object' % ('write ' if rights else ''))
        if container not in self.tree.accounts[account].containers:
            raise Refused(404, 'Container does not exist')
        return self.tree.current(account, container, name)

    def given(self, user, account):
        """(sharing, public) as the headers have them; False where they say nothing."""
        asked, public = self.headers.get('X-Object-Sharing'), self.headers.get('X-Object-Public')
        if (asked is not None or public is not None) and user != account:
            raise Refused(403, "Modifying other account's object permissions is not allowed")
        if public is not None and public.lower() not in ('true', 'false', ''):
            raise Refused(400, 'Bad X-Object-Public header value')
        return (False if asked is None else sharing.parse(urllib.parse.unquote(asked)),
                False if public is None else public.lower())

    def settle_rights(self, account, container, name, given):
        if given[0] is not False:
            self.tree.node(account, container, name).sharing = given[0]
        if given[1] is not False:
            self.tree.publish(account, container, name, given[1] == 'true')

    def sent_meta(self):
        meta = metadata.sent(self.headers, 'X-Object-Meta-')
        return {**meta, **{name: self.headers[name] for name in metadata.OWN_NAMES if name in self.headers}}

    def hold(self, account, container, size):
        """Refuses what the quotas do not allow."""
        known = self.tree.accounts[account]
        holder = known.containers[container]
        most = int(holder.policy['quota'])
        if known.bytes() + size > known.quota or most and holder.bytes() + size > most:
            raise Refused(413, 'Limit exceeded')

    def object_put(self, user, account, container, name):
        for verb, name_of in (('copy', 'X-Copy-From'), ('move', 'X-Move-From')):
            if name_of in self.headers:
                source = self.place(self.headers[name_of], self.headers.get('X-Source-Account', account))
                return self.transfer(user, source, (account, container, name), verb)
        if not self.content.declared:
            raise Refused(411, 'Missing Content-Length header')
        if 'Content-Type' not in self.headers:
            raise Refused(411, 'Missing Content-Type header')
        with self.tree.lock:
            # Before the data come, as in Pithos: several who ask at once may all go on.
            ranges.check(self.headers, self.writable(user, account, container, name), False)
            given, meta = self.given(user, account), metadata.merged({}, self.sent_meta(), True)
        hashes, size, md5 = self.take_hashmap() if 'hashmap' in self.query else self.take_data()
        with self.tree.lock:
            self.writable(user, account, container, name)
            self.hold(account, container, size)
            version = self.tree.write(account, container, name, user, hashes=hashes, size=size, md5=md5,
                                      kind=self.headers['Content-Type'], meta=meta)
            self.settle_rights(account, container, name, given)
        return self.written(201, version, etag=True)

    def written(self, status, version, etag=False, number=None):
        headers = [('Last-Modified', http_date(version.time)), ('X-Object-Version', number or version.number)]
        return Answer(status, headers=headers + [('ETag', version.hash)] * etag)

    def take_data(self):
        hashes, size, etag = [], 0, self.headers.get('ETag')
        check = hashlib.md5() if etag else None
        while block := self.content.read(blocks.SIZE):
            hashes.append(self.tree.blocks.put(block))
            size += len(block)
            if check:
                check.update(block)
        if check and etag.strip('"').lower() != check.hexdigest():
            raise Refused(422, 'Object ETag does not match')
        return hashes or [self.tree.blocks.put(b'')], size, check.hexdigest() if check else ''

    def take_hashmap(self):
        """A body that names blocks; 409 lists those that are not there."""
        try:
            sent = json.loads(self.content.all())
            size, hashes = int(sent['bytes']), [str(one) for one in sent['hashes']]
        except (ValueError, KeyError, TypeError):
            raise Refused(400, 'Invalid data formatting') from None
        if -(-size // blocks.SIZE) != len(hashes) and (size or len(hashes) > 1):
            raise Refused(400, "The object's size does not match with the object's hashmap length")
        for one in hashes:
            if not re.fullmatch('(?:[0-9a-fA-F]{2})*', one):
                raise Refused(400, 'Invalid hash: ' + one)
        missing = [one for one in dict.fromkeys(hashes) if one not in self.tree.blocks]
        if missing:
            raise Missing(missing)
        return hashes or [self.tree.blocks.put(b'')], size, ''

    def object_post(self, user, account, container, name):
        with self.tree.lock:
            if self.tree.rights(user, account, container, name) and \
                    not self.tree.current(account, container, name):
                raise Refused(404, 'Object does not exist')
            given = self.given(user, account)
            version = self.writable(user, account, container, name)
            ranges.check(self.headers, version, False)
            replace, meta = 'update' not in self.query, self.sent_meta()
            if self.headers.get('Content-Type') == 'application/octet-stream' and not replace:
                return self.patch(user, account, container, name, version)
            whole = metadata.merged(version.meta, meta, replace)
            self.settle_rights(account, container, name, given)
            if not meta and not replace:
                return Answer(202)
            return self.written(202, self.tree.write(account, container, name, user, meta=whole))

    def patch(self, user, account, container, name, version):
        """POST ?update of data: replaces the bytes from Content-Range on."""
        where = self.headers.get('Content-Range')
        if where is None:
            raise Refused(400, 'Missing Content-Range header')
        found = re.fullmatch(r'bytes (?:(\d+)-(\d*)|\*)/(?:\d+|\*)', where.strip())
        if not found:
            raise Refused(400, 'Invalid Content-Range header')
        data, start = self.content.all(), int(found[1] or version.size)
        if start > version.size:
            raise Refused(416, 'Supplied offset is beyond object limits')
        old = b''.join(self.tree.blocks.read(version.hashes, version.size, 0, version.size))
        new = old[:start] + data + old[start + len(data):]
        hashes = [self.tree.blocks.put(new[at:at + blocks.SIZE]) for at in range(0, len(new) or 1, blocks.SIZE)]
        version = self.tree.write(account, container, name, user, hashes=hashes, size=len(new), md5='')
        return self.written(204, version, etag=True)

    def place(self, path, account):
        parts = urllib.parse.unquote(path).split('/', 2)
        if len(parts) != 3 or parts[0] or not all(parts[1:]):
            raise Refused(400, 'Invalid path')
        return account, parts[1], parts[2]

    def object_copy(self, user, account, container, name):
        target = self.headers.get('Destination')
        if target is None:
            raise Refused(400, 'Missing Destination header')
        target = self.place(target, self.headers.get('Destination-Account', account))
        return self.transfer(user, (account, container, name), target, self.command.lower())

    object_move = object_copy

    def transfer(self, user, source, target, verb):
        """A copy is another object; what was moved is the same one, wherever it is."""
        with self.tree.lock:
            if verb == 'move' and user != source[0]:
                raise Refused(403)
            version = self.version(user, *source)
            self.writable(user, *target)
            given = self.given(user, target[0])
            self.hold(target[0], target[1], version.size if verb == 'copy' else 0)
            meta = metadata.merged(version.meta, self.sent_meta(), 'X-Object-Ignore' in self.headers)
            there = self.tree.current(*target)
            same = version.uuid if verb == 'move' else there.uuid if there else str(uuid.uuid4())
            made = self.tree.write(*target, user, hashes=version.hashes, size=version.size, md5=version.md5,
                                   kind=self.headers.get('Content-Type', version.kind), meta=meta, uuid=same)
            if verb == 'move' and source != target:
                self.tree.remove(*source, user)
            self.settle_rights(*target, given)
            # A quirk: the answer to a move shows a Python tuple.
            number = '%%28%%5B%d%%5D, %dL, %dL%%29' % (made.number, made.size, made.size)
            return self.written(201, made, number=number if verb == 'move' else None)

    def object_delete(self, user, account, container, name):
        with self.tree.lock:
            if user != account:
                raise Refused(403)
            node = self.tree.node(account, container, name)
            if not node or not node.current:
                raise Refused(404, 'Object is deleted.' if node else 'Object does not exist')
            self.tree.remove(account, container, name, user)
            if 'delimiter' in self.query:
                for other in self.tree.accounts[account].containers[container].objects():
                    if other.name.startswith(name + self.query['delimiter']):
                        self.tree.remove(account, container, other.name, user)
        return Answer(204)
