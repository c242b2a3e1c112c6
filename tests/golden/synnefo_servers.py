"""Holds the Pithos and Astakos of tests/synnefo to the recordings of the real ones."""
import json
import pathlib
import tempfile
import threading

from placeholders import Placeholders
from steps import Steps, body_of
from synnefo.service import Synnefo

KEYS = ('alice', 'bob', 'carol', 'dave', 'erin')


def given(synnefo):
    """What stands for the users, tokens and hosts of a Synnefo."""
    users = synnefo.users
    values = {'%s.host' % name: host for name, host in synnefo.hosts().items()}
    for key in KEYS:
        values[key + '.uuid'], values[key + '.token'] = users.named(key).uuid, users.token_of(key)
    return values | {name + '.service_token': users.token_of(name) for name in ('pithos', 'cyclades')}


def address(server):
    return '%s:%d' % server.server_address[:2]


class Clock:
    """Each time that it is read is a second after the last one."""

    def __init__(self):
        self.now, self.lock = 1700000000.25, threading.Lock()

    def __call__(self):
        with self.lock:
            self.now += 1
            return self.now


def earlier_blocks(recording, synnefo):
    """Blocks of recordings that were made before: the real server still had what is sent later on."""
    for step in recording['steps']:
        request = step['request']
        if request['method'] == 'POST' and request['path'].partition('?')[2].startswith('update&'):
            synnefo.tree.blocks.put(body_of(request, str))


def place(path, step):
    return '%s-%s#%d' % (path.parent.name, path.stem, step['n'])


def told(step):
    request = step['request']
    return '%s %.100s (%s)' % (request['method'], request['path'], step.get('note') or '')


def replay(path):
    """Yields (place, what was sent, differences) for each step."""
    recording = json.loads(path.read_text())
    with tempfile.TemporaryDirectory(prefix='glance-synnefo-') as folder:
        synnefo = Synnefo(pathlib.Path(folder)).start()
        synnefo.tree.clock = Clock()
        synnefo.tree.clear()
        earlier_blocks(recording, synnefo)
        pithos, astakos = address(synnefo.pithos), address(synnefo.astakos)
        services = {'pithos': (pithos, '/pithos/object-store/v1'), 'pithosroot': (pithos, ''),
                    'astakos': (astakos, '/astakos')}
        steps = Steps(services, Placeholders(given(synnefo)))
        for step in recording['steps']:
            yield place(path, step), told(step), list(steps.play(step))
        synnefo.stop()
