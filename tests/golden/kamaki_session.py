"""Replays what kamaki 0.16 sent in a session: to our image API, and to the Pithos and Astakos of
tests/synnefo.

Some of what it sent depends on answers (kamaki keeps an image's metadata in a file beside it), and is
made anew from ours. The data of the image was not recorded; blocks of other content stand for it.
"""
import json

import plankton_dialect
import synnefo_servers
from placeholders import Placeholders
from steps import Steps, body_of
from synnefo import blocks
from synnefo.daemons import SynnefoCloud

# Counted by a server that had seen other sessions before.
COUNTED = {'x-object-version', 'x_object_version', 'x-account-bytes-used', 'x-container-bytes-used'}
# Cyclades' computers are no part of an image service.
ELSEWHERE = ('/cyclades/compute',)


class Session(Steps):
    def differences(self, expected, actual, at, unordered=False):
        if at.rpartition('.')[2] not in COUNTED:
            yield from super().differences(expected, actual, at, unordered)


class AnyHost(Placeholders):
    """One proxy stood before all services."""

    def pattern(self, text):
        regex, names = super().pattern(text.replace('{{host}}', 'HOST'))
        return regex.replace('HOST', r'[\w.:]+'), names


def exchanges_of(session):
    for command in session['commands']:
        for exchange in command['exchanges']:
            if not exchange['request']['path'].startswith(ELSEWHERE):
                yield command['command'], exchange


def service_of(path):
    return {'astakos': 'astakos', 'pithos': 'pithosroot', 'cyclades': 'image'}[path.split('/')[1]]


def lost_blocks(exchanges, folder):
    """Names for the blocks that the recorded server had, and that were never sent to it."""
    for _, exchange in exchanges:
        request = exchange['request']
        if 'hashmap=' in request['path'] and request['method'] == 'PUT' and exchange['response']['status'] == 201:
            for name in json.loads(request['body'])['hashes']:
                yield folder / name


def made_anew(exchanges, position, values):
    """The exchange as JSON, with the hashes of bodies that depend on answers as they are now."""
    text = json.dumps(exchanges[position][1])
    for _, later in exchanges[max(position - 4, 0):position + 4]:
        if later['request']['path'].partition('?')[2].startswith('update&') and 'body' in later['request']:
            recorded, = json.loads(later['response']['body'])
            text = text.replace(recorded, blocks.digest(body_of(later['request'], values.fill)))
    return json.loads(text)


def request_of(exchange):
    request = exchange['request']
    service = service_of(request['path'])
    path = request['path'].removeprefix('/' + service) if service == 'astakos' else request['path']
    headers = [pair for pair in request['headers'] if pair[0].lower() not in ('host', 'content-length')]
    return {**request, 'service': service, 'headers': headers,
            'path': path.removeprefix(plankton_dialect.PREFIX) if service == 'image' else path}


def replay(path):
    """Yields (place, what was sent, differences) for each exchange with a service of ours."""
    exchanges = list(exchanges_of(json.loads(path.read_text())))
    sent = {digest for _, exchange in exchanges if exchange['response']['status'] == 409
            for digest in json.loads(exchange['response']['body'])}
    with SynnefoCloud(plankton_dialect.LEVELS['kamaki'], plankton_dialect.PREFIX) as cloud:
        for file in lost_blocks(exchanges, cloud.synnefo.tree.blocks.folder):
            if file.name not in sent:
                file.write_bytes(b'lost')
        values = AnyHost(plankton_dialect.given(cloud), ranked=False)
        session = Session(plankton_dialect.services(cloud), values)
        for position, (command, _) in enumerate(exchanges):
            exchange = made_anew(exchanges, position, values)
            exchange['response']['headers'] = [pair for pair in exchange['response']['headers']
                                               if pair[0].lower() not in COUNTED]
            step = {'n': position, 'note': command, 'request': request_of(exchange),
                    'response': exchange['response']}
            yield synnefo_servers.place(path, step), synnefo_servers.told(step), list(session.play(step))
