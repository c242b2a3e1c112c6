"""Who there is, and the tokens by which Astakos knows them. Run as a program, tells them to a shell."""
import dataclasses
import datetime
import hashlib
import secrets
import uuid

from .serving import Refused

QUOTA = 40 << 30
# Each is known by the same UUID and token in every run, so that a failure can be told again.
NAMESPACE = uuid.UUID('6b9e7a52-61a8-4f3d-9a0e-0f6d6f2b7c11')


def _token(name):
    return hashlib.sha256(('token of ' + name).encode()).hexdigest()[:43]


@dataclasses.dataclass
class User:
    key: str
    name: str
    active: bool = True
    quota: int = QUOTA

    def __post_init__(self):
        self.uuid = str(uuid.uuid5(NAMESPACE, self.key))
        self.email = self.key + '@example.org'


@dataclasses.dataclass
class Token:
    id: str
    user: User
    expires: datetime.datetime


class Users:
    """alice, bob, carol; dave, whose token has expired; erin, who is inactive. Components, such as
    Pithos itself, have tokens that are nobody's.
    """

    def __init__(self, more=()):
        self.all = [User(key, key.capitalize() + ' Tester', active=key != 'erin')
                    for key in ('alice', 'bob', 'carol', 'dave', 'erin', *more)]
        self.joined = datetime.datetime.now(datetime.timezone.utc)
        self.tokens = {}
        self.components = {_token(name): name for name in ('pithos', 'cyclades')}
        for user in self.all:
            days = -1 if user.key == 'dave' else 30
            self._enter(Token(_token(user.key), user, self.joined + datetime.timedelta(days=days)))

    def _enter(self, token):
        self.tokens[token.id] = token
        return token

    def named(self, key):
        return next(user for user in self.all if user.key == key)

    def token_of(self, key):
        return _token(key)

    def issue(self, key, seconds):
        """Another token for a user, that lives so long."""
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        return self._enter(Token(secrets.token_urlsafe(32), self.named(key), end))

    def revoke(self, token):
        self.tokens.pop(token, None)

    def token(self, given, unknown='Invalid token'):
        """The token of this id, if it is good."""
        token = self.tokens.get(given)
        if token is None:
            raise Refused(401, unknown)
        if not token.user.active:
            raise Refused(401, 'User inactive')
        if token.expires <= datetime.datetime.now(datetime.timezone.utc):
            raise Refused(401, 'Authentication expired')
        return token

    def component(self, given):
        if given not in self.components:
            raise Refused(401, 'Invalid X-Auth-Token')


def main():
    users = Users(more=['glance'])
    for user in users.all:
        print('export SYNNEFO_UUID_%s=%s' % (user.key.upper(), user.uuid))
        print('export SYNNEFO_TOKEN_%s=%s' % (user.key.upper(), users.token_of(user.key)))
    for name in ('pithos', 'cyclades'):
        print('export SYNNEFO_COMPONENT_TOKEN_%s=%s' % (name.upper(), users.token_of(name)))


if __name__ == '__main__':
    main()
