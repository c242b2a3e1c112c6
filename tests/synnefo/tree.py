"""What Pithos keeps: accounts, containers, objects and their versions, all in memory."""
import dataclasses
import datetime
import itertools
import secrets
import threading
import time
import uuid

from . import blocks, sharing

FOLDERS = ('application/directory', 'application/folder')


@dataclasses.dataclass
class Version:
    """What an object is between two changes. hashes: None for the version that is its absence."""
    number: int
    time: float
    author: str
    uuid: str = ''
    hashes: list | None = None
    size: int = 0
    kind: str = ''
    md5: str = ''
    meta: dict = dataclasses.field(default_factory=dict)

    @property
    def hash(self):
        return blocks.top(self.hashes)


class Node:
    """A name in a container, and everything that was ever there."""

    def __init__(self, name):
        self.name, self.versions, self.sharing, self.public = name, [], None, None

    @property
    def current(self):
        return self.versions[-1] if self.versions and self.versions[-1].hashes is not None else None


class Container:
    def __init__(self, name, owner, now):
        self.name, self.modified, self.nodes, self.meta = name, now, {}, {}
        self.policy = {'project': owner, 'quota': '0', 'versioning': 'auto'}

    def objects(self):
        """Those that are there now, by name."""
        return [node for _, node in sorted(self.nodes.items()) if node.current]

    def bytes(self):
        return sum(node.current.size for node in self.objects())


class Account:
    def __init__(self, uuid, quota, now):
        self.uuid, self.quota, self.modified = uuid, quota, now
        self.containers, self.meta, self.groups = {}, {}, {}

    def bytes(self):
        return sum(container.bytes() for container in self.containers.values())


class Tree:
    """Whoever looks at it or changes it holds `lock`. clock: what time it is, in seconds."""

    def __init__(self, users, folder):
        self.users, self.blocks = users, blocks.Blocks(folder)
        self.lock, self.clock = threading.RLock(), time.time
        self.numbers = itertools.count(1)
        self.clear()

    def clear(self):
        """Empties every account. Blocks stay, as they do in Pithos."""
        with self.lock:
            self.accounts = {user.uuid: Account(user.uuid, user.quota, self.clock()) for user in self.users.all}

    def node(self, account, container, name):
        holder = self.accounts.get(account) and self.accounts[account].containers.get(container)
        return holder and holder.nodes.get(name)

    def current(self, account, container, name):
        node = self.node(account, container, name)
        return node and node.current

    def sharing_of(self, account, container, name):
        """The sharing that counts for an object, and the name it is given for: its own, else that of
        the nearest folder above that has any."""
        while True:
            node = self.node(account, container, name)
            if node and node.sharing and node.current:
                return node.sharing, name
            # Folders that are no objects share nothing, but those above them may.
            name, slash, _ = name.rpartition('/')
            while slash and not self._is_folder(account, container, name):
                name, slash, _ = name.rpartition('/')
            if not slash:
                return None, None

    def _is_folder(self, account, container, name):
        version = self.current(account, container, name)
        return version is not None and version.kind in FOLDERS

    def groups(self, account):
        return self.accounts[account].groups if account in self.accounts else {}

    def rights(self, user, account, container, name):
        """'write', 'read' or None."""
        if user == account:
            return 'write'
        return sharing.allowed(self.sharing_of(account, container, name)[0], user, self.groups)

    def readable(self, user, account, container):
        """The objects of a container that a user may read."""
        holder = self.accounts[account].containers[container]
        return [node for node in holder.objects() if self.rights(user, account, container, node.name)]

    def make_container(self, account, name):
        """Whether it was not there."""
        known = self.accounts[account]
        if name in known.containers:
            return False
        known.modified = self.clock()
        known.containers[name] = Container(name, account, known.modified)
        return True

    def touch(self, account, container):
        now = self.clock()
        self.accounts[account].modified = self.accounts[account].containers[container].modified = now
        return now

    def write(self, account, container, name, author, **values):
        """A new version; what is not named stays as it is. An object that was not there gets a UUID."""
        holder = self.accounts[account].containers[container]
        node = holder.nodes.setdefault(name, Node(name))
        base = node.current or Version(0, 0, '', uuid=str(uuid.uuid4()))
        version = dataclasses.replace(base, **values, number=next(self.numbers), author=author,
                                      time=self.touch(account, container))
        self._enter(holder, node, version)
        return version

    def remove(self, account, container, name, author):
        """The object is gone, and with it who may read it."""
        holder = self.accounts[account].containers[container]
        node = holder.nodes[name]
        self._enter(holder, node, Version(next(self.numbers), self.touch(account, container), author))
        node.sharing = node.public = None

    @staticmethod
    def _enter(holder, node, version):
        if holder.policy['versioning'] == 'none':
            node.versions.clear()
        node.versions.append(version)

    def publish(self, account, container, name, public):
        node = self.node(account, container, name)
        node.public = (node.public or secrets.token_urlsafe(12)) if public else None

    def published(self, public):
        """(container, node) of what has this public name."""
        for account in self.accounts.values():
            for container in account.containers.values():
                for node in container.objects():
                    if node.public == public:
                        return container, node
        return None, None


def iso(moment):
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).isoformat(timespec='microseconds')


def epoch(moment):
    """As Python 2 prints a float."""
    return '%.12g' % moment
