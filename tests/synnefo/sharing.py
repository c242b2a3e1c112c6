"""Who may read and write an object: what X-Object-Sharing says, and what it comes to."""
import dataclasses

from .serving import Refused


@dataclasses.dataclass(frozen=True)
class Sharing:
    read: tuple = ()
    write: tuple = ()

    def __str__(self):
        lists = [('read', self.read), ('write', self.write)]
        return '; '.join('%s=%s' % (what, ','.join(who)) for what, who in lists if who)


def parse(text):
    """The lists of the header; None when it is empty, which ends all sharing."""
    if not text.strip():
        return None
    given = {'read': (), 'write': ()}
    for part in (part.strip() for part in text.replace(' ', '').split(';')):
        what, equals, who = part.partition('=')
        if what not in given or not equals:
            raise Refused(400, 'Bad X-Object-Sharing header value: missing prefix')
        names = tuple(dict.fromkeys(name.lower() for name in who.split(',') if name))
        if not names:
            raise Refused(400, 'Bad X-Object-Sharing header value: invalid length')
        # Everybody is everybody: the others are forgotten.
        given[what] = ('*',) if '*' in names else names
    # Who may write may read.
    read = tuple(name for name in given['read'] if name == '*' or name not in given['write'])
    return Sharing(read, given['write'])


def allowed(sharing, user, groups_of):
    """'write', 'read' or None. groups_of(account): the groups of that account, by name."""
    def among(names):
        for name in names:
            owner, colon, group = name.partition(':')
            if name in ('*', user) or colon and user in groups_of(owner).get(group, ()):
                return True
        return False
    if sharing is None:
        return None
    return 'write' if among(sharing.write) else 'read' if among(sharing.read) else None
