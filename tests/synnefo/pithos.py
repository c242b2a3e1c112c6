"""Pithos over HTTP: which call a request is, and who asks."""
from . import listing
from .containers import Account, Containers
from .reading import Reading
from .serving import Handler, Refused
from .tree import iso
from .writing import Writing

API, PUBLIC = '/pithos/object-store/v1', '/pithos/public/'


class Pithos(Account, Containers, Reading, Writing, Handler):
    """server.shared: the Synnefo that this is a part of."""

    @property
    def tree(self):
        return self.server.shared.tree

    def user(self):
        """The caller's UUID. Whoever Astakos refuses is told in its words."""
        token = self.token()
        if not self.server.shared.astakos:
            raise Refused(500, '[Errno 111] Connection refused', name='fault')
        try:
            return self.server.shared.users.token(token).user.uuid
        except Refused as refused:
            said = refused.body('json').decode()
            raise Refused(401, 'UNAUTHORIZED', said, name='fault') from None

    def public_url(self, name):
        return self.server.url + PUBLIC + name

    def answer(self):
        if self.route.startswith(PUBLIC):
            return self.public_call(self.route.removeprefix(PUBLIC))
        path = self.route.removeprefix(API)
        if path == self.route or not path.startswith('/'):
            raise Refused(400, 'API endpoint not found')
        account, _, rest = path[1:].partition('/')
        container, _, name = rest.partition('/')
        if name:
            return self.object_call(account, container, name)
        if container:
            return self.container_call(account, container)
        return self.account_call(account) if account else self.sharers()

    def sharers(self):
        """GET /: the accounts that share something with the caller."""
        self.only('GET')
        if not (self.query.get('X-Auth-Token') or self.headers.get('X-Auth-Token')):
            raise Refused(400, 'Missing X-Auth-User or X-Auth-Key header')
        self.form = self.form_of('text')
        user = self.user()
        with self.tree.lock:
            lines = [{'last_modified': iso(known.modified), 'name': account}
                     for account, known in sorted(self.tree.accounts.items())
                     if account != user and self.shared_containers(user, account)]
        return listing.answer(self.form, [], lines, ('accounts', '', 'account'))

    def public_call(self, name):
        """What has been published by X-Object-Public, for everybody."""
        self.only('HEAD,GET')
        with self.tree.lock:
            _, node = self.tree.published(name)
            if not node:
                raise Refused(404, 'Object does not exist')
            version = node.current
        found = self.data(node.name.rpartition('/')[2], version, [('Available', 1), ('ETag', version.hash)])
        if self.command == 'HEAD':
            found.headers = [pair for pair in found.headers if pair[0] != 'Content-Disposition']
        return found
