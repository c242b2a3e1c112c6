"""Astakos over HTTP: tokens, the catalogue of services, and who is called what."""
import json
import re

from . import catalogue, resources
from .serving import Answer, Handler, JSON, Refused, XML

ROOT = '/astakos'


class Astakos(Handler):
    """server.shared: the Synnefo that this is a part of."""

    @property
    def users(self):
        return self.server.shared.users

    def answer(self):
        path = self.route.removeprefix(ROOT)
        for pattern, call in CALLS:
            if found := re.fullmatch(pattern, path):
                return getattr(self, call)(*found.groups())
        if not path.startswith(('/identity', '/account')):
            return Answer(404, b'<!doctype html>\n<title>Page not found</title>\n', 'text/html; charset=utf-8')
        if path.endswith('.xml'):
            self.form = 'xml'
        raise Refused(400, 'API endpoint not found')

    @staticmethod
    def told(value):
        return Answer(body=json.dumps(value).encode())

    def caller(self):
        """The user of the token in the header."""
        return self.users.token(self.token(), 'Invalid X-Auth-Token').user

    # Tokens

    def tokens(self):
        """POST /identity/v2.0/tokens: who a token belongs to, and where the services are."""
        self.only('POST')
        body, token = self.content.all(), None
        if body:
            token = self.credentials(self.decoded(body))
        services = catalogue.services(self.server.shared)
        if self.form == 'xml':
            return Answer(200, catalogue.xml(token, services).encode(), XML)
        access = {'serviceCatalog': [{'endpoints': [endpoint], 'endpoints_links': [], 'type': kind, 'name': name}
                                     for kind, name, endpoint in services]}
        if token:
            user = token.user
            access['token'] = {'expires': token.expires.isoformat(), 'id': token.id,
                               'tenant': {'id': user.uuid, 'name': user.name}}
            access['user'] = {'roles_links': [], 'projects': [user.uuid], 'id': user.uuid, 'roles': [],
                              'name': user.name}
        return self.told({'access': access})

    def decoded(self, body):
        kind = self.headers.get('Content-Type')
        if kind is None:
            raise Refused(400, 'Missing Content-Type header field')
        if not kind.startswith('application/json'):
            raise Refused(400, "Unsupported Content-type: '%s'" % kind)
        try:
            return json.loads(body)
        except ValueError:
            raise Refused(400, 'Could not decode request body as JSON') from None

    def credentials(self, sent):
        """The token that a request names, alone or as the password of its user."""
        asked = sent.get('auth', {}) if isinstance(sent, dict) else {}
        if 'passwordCredentials' in asked:
            given = asked['passwordCredentials']
            token = self.users.token(given.get('password'))
            if token.user.uuid != given.get('username'):
                raise Refused(401, 'Invalid credentials')
        elif 'token' in asked:
            if asked['token'].get('id') is None:
                raise Refused(400, 'Malformed request: missing token')
            token = self.users.token(asked['token']['id'])
        else:
            raise Refused(400, 'Malformed request: missing credentials')
        if asked.get('tenantName', token.user.uuid) != token.user.uuid:
            raise Refused(400, 'Not conforming tenantName')
        return token

    def no_token(self):
        """GET /identity/v2.0/tokens/…: tokens are not found in this way."""
        raise Refused(404, 'No such token')

    def version(self):
        return self.told({'version': catalogue.identity(self.server, self.users.joined, whole=True)})

    def versions(self):
        return self.told({'versions': {'values': [catalogue.identity(self.server, self.users.joined)]}})

    # Names

    def user_catalogs(self):
        self.only('POST')
        self.caller()
        return self.catalogs()

    def service_user_catalogs(self):
        self.only('POST')
        self.users.component(self.token())
        return self.catalogs(everybody=True)

    def catalogs(self, everybody=False):
        """Names by UUID and UUIDs by name. everybody: without a list of UUIDs, all are meant."""
        try:
            sent = json.loads(self.content.all())
        except ValueError:
            raise Refused(400, 'Request body should be json formatted.') from None
        if not isinstance(sent, dict):
            raise Refused(400, 'Request body should be a json formatted dictionary')
        uuids, names = sent.get('uuids'), sent.get('displaynames') or []
        if not isinstance(names, list):
            raise Refused(400, 'Invalid displaynames: %s' % names)
        if not all(isinstance(name, str) for name in names):
            raise Refused(400, "Items in 'displaynames' must be strings")
        everybody = everybody and uuids is None and 'uuids' in sent
        return self.told({
            'uuid_catalog': {user.uuid: user.email for user in self.users.all
                             if everybody or user.uuid in (uuids or ())},
            'displayname_catalog': {name: user.uuid for name in names for user in self.users.all
                                    if user.email == name.lower()}})

    # Resources

    def quotas(self):
        self.only('GET')
        user = self.caller()
        return self.told({user.uuid: resources.quotas(user, self.used(user))})

    def service_quotas(self):
        self.users.component(self.token())
        asked = self.query.get('user')
        return self.told({user.uuid: {user.uuid: resources.quotas(user, self.used(user), 'pithos.')}
                          for user in self.users.all if asked in (None, user.uuid)})

    def used(self, user):
        tree = self.server.shared.tree
        with tree.lock:
            return tree.accounts[user.uuid].bytes()

    def resources(self):
        self.only('GET')
        return self.told(resources.KINDS)

    def projects(self):
        return self.told([resources.project(self.caller(), self.users.joined)])

    def memberships(self):
        return self.told([resources.membership(self.caller(), self.users.joined)])

    # For tests only: no Astakos has these.

    def issue(self):
        """POST /_test/tokens {"user": "alice", "seconds": 2}: another token, that expires so soon."""
        sent = json.loads(self.content.all())
        token = self.users.issue(sent['user'], sent['seconds'])
        return self.told({'token': token.id, 'uuid': token.user.uuid})

    def revoke(self, token):
        """DELETE /_test/tokens/TOKEN"""
        self.only('DELETE')
        self.users.revoke(token)
        return Answer(204, kind=JSON)


CALLS = [('/identity/v2.0/tokens/?', 'tokens'), ('/identity/v2.0/tokens/.+', 'no_token'),
         ('/identity/v2.0/?', 'version'), ('/identity/?', 'versions'),
         ('/account/v1.0/user_catalogs/?', 'user_catalogs'),
         ('/account/v1.0/service/user_catalogs/?', 'service_user_catalogs'),
         ('/account/v1.0/quotas', 'quotas'), ('/account/v1.0/service_quotas', 'service_quotas'),
         ('/account/v1.0/resources', 'resources'), ('/account/v1.0/projects/?', 'projects'),
         ('/account/v1.0/projects/memberships/?', 'memberships'),
         ('/_test/tokens', 'issue'), ('/_test/tokens/(.+)', 'revoke')]
