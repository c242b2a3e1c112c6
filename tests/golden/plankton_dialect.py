"""Holds the Plankton dialect to the recordings of Synnefo: our daemons over the Pithos and Astakos of
tests/synnefo, at level `synnefo` for 0.20 and at level `guide` for 0.13.

Of what Pithos answers in between only what the image API does to it is compared: whether an object is
there, which one, and who may read it. Versions and times are not: where Synnefo writes into Pithos'
database, the image API keeps records of its own, so that Pithos counts fewer versions.
"""
import json
import re
import urllib.parse

import synnefo_servers
from placeholders import Placeholders
from steps import Steps
from synnefo.daemons import SynnefoCloud

LEVELS = {'plankton': 'synnefo', 'plankton-0.13': 'guide', 'kamaki': 'synnefo'}
PREFIX = '/cyclades/image/v1.0'
# What is compared of Pithos' answers in these recordings.
OF_PITHOS = {'x-object-uuid', 'x-object-hash', 'x-object-sharing', 'x-object-allowed-to', 'content-length',
             'content-range'}

# What the guide wants to be percent-quoted, and 0.13 did not quote.
QUOTED = re.compile('x-image-meta-(name|location|property-.*)|location')

# Where the recorder gave the name of one image to another one, whose object is registered there.
RENAMED = {('04-quoting', 51): 'image1.id'}


def services(cloud):
    api, pithos = cloud.glance.api_address, synnefo_servers.address(cloud.synnefo.pithos)
    return {'image': (api, PREFIX), 'imageroot': (api, PREFIX.rpartition('/')[0]),
            'pithos': (pithos, '/pithos/object-store/v1'), 'pithosroot': (pithos, ''),
            'astakos': (synnefo_servers.address(cloud.synnefo.astakos), '/astakos')}


def given(cloud):
    return {**synnefo_servers.given(cloud.synnefo), 'cyclades.host': 'http://' + cloud.glance.api_address}


def make_containers(recording, cloud):
    """The containers of what is uploaded: that was not recorded."""
    tree, known = cloud.synnefo.tree, given(cloud)
    for step in recording['steps']:
        request = step['request']
        found = re.match(r'/\{\{(\w+\.uuid)\}\}/([^/?]+)/', request['path'])
        if request['service'] == 'pithos' and request['method'] == 'PUT' and found:
            with tree.lock:
                tree.make_container(known[found[1]], found[2])


class Compared(Steps):
    """level: guide compares what 0.13 meant (status, metadata, JSON), not how its framework said it."""

    def __init__(self, services, values, level):
        super().__init__(services, values)
        self.level = level

    def check(self, expected, method, unordered, status, headers, data):
        if self.service == 'pithos':
            expected = {**expected, 'headers': [pair for pair in expected['headers']
                                                if pair[0].lower() in OF_PITHOS]}
        elif self.level == 'guide' and expected['status'] == 500:
            # Not always by its own fault: its database was younger than it.
            yield '0.13 failed, got %s %s' % (status, data[:200])
            return
        elif self.level == 'guide':
            expected = {**expected, 'headers': [pair for pair in expected['headers']
                                                if pair[0].lower().startswith('x-image-meta-')]}
            if 'body_json' not in expected:
                expected.pop('body', None)
        self.quoted = False
        yield from super().check(expected, method, unordered, status, headers, data)
        if self.quoted:
            yield 'quoted'

    def same(self, name, expected, actual):
        if super().same(name, expected, actual):
            return True
        if self.level != 'guide' or not QUOTED.fullmatch(name):
            return False
        plain = self.values.matches(expected, urllib.parse.unquote(actual).strip())
        self.quoted |= plain
        return plain

    def check_body(self, expected, data, unordered):
        if self.level == 'guide' and not any(key.startswith('body') for key in expected):
            # 0.13 said in plain text, or not at all, what was wrong.
            return
        yield from super().check_body(expected, data, unordered)

    def play(self, step):
        self.service = step['request']['service']
        yield from super().play(step)


def unknown(step, level):
    """0.13 could not unregister; what follows counts on the image that stayed."""
    request, status = step['request'], step['response']['status']
    return level == 'guide' and request['service'] == 'image' and (request['method'], status) == ('DELETE', 405)


def replay(path):
    """Yields (place, what was sent, differences) for each step."""
    recording, level = json.loads(path.read_text()), LEVELS[path.parent.name]
    with SynnefoCloud(level, PREFIX) as cloud:
        make_containers(recording, cloud)
        steps = Compared(services(cloud), Placeholders(given(cloud), ranked=False), level)
        port = None
        for step in recording['steps']:
            if unknown(step, level):
                continue
            steps.values.bound.pop(RENAMED.get((recording['sequence'], step['n'])), None)
            note = step.get('note') or ''
            if note == 'Astakos down' and cloud.synnefo.astakos:
                port = cloud.synnefo.stop_astakos()
            elif note == 'Astakos is back':
                cloud.synnefo.start_astakos(port)
            yield synnefo_servers.place(path, step), synnefo_servers.told(step), list(steps.play(step))
