"""Pithos' calls about accounts and containers."""
from . import blocks, listing, metadata
from .serving import Answer, Refused, http_date
from .tree import iso


class Account:
    """/ACCOUNT"""

    def account_call(self, account):
        self.only('HEAD,POST,GET')
        if self.command == 'GET':
            self.form = self.form_of('text')
        user = self.user()
        with self.tree.lock:
            return getattr(self, 'account_' + self.command.lower())(user, account)

    def account_headers(self, user, account):
        """Refuses those with whom nothing is shared; the others learn nothing."""
        shared = self.shared_containers(user, account)
        if user != account:
            if not shared:
                raise Refused(403, 'User does not have read access to the account')
            return []
        known = self.tree.accounts[account]
        headers = [('X-Account-Container-Count', len(known.containers)), ('X-Account-Bytes-Used', known.bytes()),
                   ('X-Account-Policy-Quota', known.quota), ('X-Account-Policy-Quota-' + account, known.quota),
                   ('Last-Modified', http_date(known.modified))]
        headers += [('X-Account-Group-' + name.title(), ','.join(who)) for name, who in known.groups.items()]
        return headers + metadata.shown(known.meta, 'X-Account-Meta-')

    def shared_containers(self, user, account):
        known = self.tree.accounts.get(account)
        return [name for name in sorted(known.containers) if self.tree.readable(user, account, name)] if known else []

    def account_head(self, user, account):
        return Answer(204, headers=self.account_headers(user, account))

    def account_get(self, user, account):
        headers = self.account_headers(user, account)
        containers = self.tree.accounts[account].containers
        lines = []
        for name, in listing.page([(name,) for name in sorted(containers)], self.query):
            container = containers[name]
            if user == account:
                lines.append({'count': len(container.objects()), 'last_modified': iso(container.modified),
                              'bytes': container.bytes(), 'name': name, 'x_container_policy': container.policy})
            elif self.tree.readable(user, account, name):
                lines.append({'last_modified': iso(container.modified), 'name': name})
        return listing.answer(self.form, headers, lines, ('account', account, 'container'))

    def account_post(self, user, account):
        if user != account:
            raise Refused(403, 'User does not have write access to the account')
        known, replace = self.tree.accounts[account], 'update' not in self.query
        meta = metadata.sent(self.headers, 'X-Account-Meta-')
        groups = metadata.sent(self.headers, 'X-Account-Group-')
        known.meta = metadata.merged(known.meta, meta, replace)
        members = {name.lower(): [who.strip() for who in value.split(',') if who.strip(' ~')]
                   for name, value in groups.items()}
        known.groups = metadata.merged(known.groups, members, replace)
        known.modified = self.tree.clock()
        return Answer(202)


class Containers:
    """/ACCOUNT/CONTAINER"""

    def container_call(self, account, name):
        self.only('HEAD,PUT,POST,DELETE,GET')
        if self.command == 'GET':
            self.form = self.form_of('text')
        user = self.user()
        if self.command == 'POST' and 'update' in self.query and not self.content.ended:
            return self.take_blocks(user, account, name)
        with self.tree.lock:
            return getattr(self, 'container_' + self.command.lower())(user, account, name)

    def container(self, user, account, name, to='write'):
        """The container, for its owner only."""
        if user != account:
            raise Refused(403, 'User does not have %s access to the container' % to)
        found = self.tree.accounts[account].containers.get(name)
        if found is None:
            raise Refused(404, 'Container does not exist')
        return found

    def container_headers(self, user, account, name):
        if user == account or name not in self.shared_containers(user, account):
            self.container(user, account, name, 'read')
        container = self.tree.accounts[account].containers[name]
        readable = self.tree.readable(user, account, name)
        keys = dict.fromkeys(key for node in readable for key in node.current.meta)
        shown = [key for key, _ in metadata.shown(dict.fromkeys(keys, ''), '')]
        headers = [('X-Container-Block-Hash', blocks.HASH), ('X-Container-Block-Size', blocks.SIZE),
                   ('X-Container-Object-Meta', ','.join(shown)), ('Last-Modified', http_date(container.modified))]
        if user != account:
            return headers
        headers += [('X-Container-Object-Count', len(readable)), ('X-Container-Bytes-Used', container.bytes())]
        headers += [('X-Container-Policy-' + key.title(), value) for key, value in container.policy.items()]
        return headers + metadata.shown(container.meta, 'X-Container-Meta-')

    def container_head(self, user, account, name):
        return Answer(204, headers=self.container_headers(user, account, name))

    def container_get(self, user, account, name):
        headers = self.container_headers(user, account, name)
        nodes = {node.name: node for node in self.tree.readable(user, account, name)
                 if listing.wanted(node, self.query)}
        names = [(found,) for found in listing.under(nodes, self.query)]
        lines = []
        for found, in listing.page(names, self.query):
            if found in nodes:
                granted = self.tree.rights(user, account, name, found)
                lines.append(listing.entry(nodes[found], user == account, granted, self.public_url))
            else:
                lines.append({'subdir': found})
        return listing.answer(self.form, headers, lines, ('container', name, 'object'))

    def container_put(self, user, account, name):
        if user != account:
            raise Refused(403, 'User does not have write access to the container')
        if len(name) > 256:
            raise Refused(400, 'Container name too large')
        created = self.tree.make_container(account, name)
        self.change_container(self.tree.accounts[account].containers[name], replace=False)
        return Answer(201 if created else 202)

    def container_post(self, user, account, name):
        container = self.container(user, account, name)
        self.change_container(container, 'update' not in self.query)
        self.tree.touch(account, name)
        return Answer(202)

    def change_container(self, container, replace):
        policy = {key.lower(): value
                  for key, value in metadata.sent(self.headers, 'X-Container-Policy-').items()}
        if policy.get('versioning', 'auto') not in ('auto', 'none'):
            raise Refused(400, "The versioning policy value should be either 'auto' or 'none'.")
        if not policy.get('quota', '0').isdigit():
            raise Refused(400, 'The quota policy value should be an integer.')
        meta = metadata.sent(self.headers, 'X-Container-Meta-')
        container.meta = metadata.merged(container.meta, meta, replace)
        container.policy.update(policy)

    def container_delete(self, user, account, name):
        container = self.container(user, account, name)
        if 'delimiter' in self.query:
            for node in container.objects():
                self.tree.remove(account, name, node.name, user)
        elif container.objects():
            raise Refused(409, 'Container is not empty')
        else:
            known = self.tree.accounts[account]
            del known.containers[name]
            known.modified = self.tree.clock()
        return Answer(204)

    def take_blocks(self, user, account, name):
        """POST ?update with a body: blocks for hash maps to come."""
        with self.tree.lock:
            self.container(user, account, name)
        if self.headers.get('Content-Type') != 'application/octet-stream':
            raise Refused(400, 'Blocks are sent as application/octet-stream')
        hashes = []
        while block := self.content.read(blocks.SIZE):
            hashes.append(self.tree.blocks.put(block))
        self.form = self.form_of('text')
        lines = [{'name': one} for one in hashes]
        if self.form == 'json':
            lines = hashes
        answer = listing.answer(self.form, [], lines)
        answer.status = 202
        return answer
