"""Replays recordings of Synnefo: sequences of steps at several services, each compared.

Not compared: what is about the connection, in which language it is, the order of keys and headers, and
of lists that Synnefo keeps as sets.
"""
import base64
import hashlib
import http.client
import json
import re
import xml.parsers.expat

IGNORED = {'date', 'server', 'connection', 'content-length', 'content-language', 'keep-alive',
           'transfer-encoding'}
SETS = re.compile(r'(?i)x[-_]object[-_]sharing|x-account-group-.*|x-container-object-meta')
UNORDERED = {'members', 'memberships'}


def generated(form):
    """The bytes that {len, salt} stands for."""
    length, salt = form['len'], form['salt']
    body = bytearray()
    for block in range(0, length, 251):
        body += bytes((i * 7 + block // 251 + salt) & 255 for i in range(block, min(block + 251, length)))
    assert hashlib.sha256(body).hexdigest() == form['sha256']
    return bytes(body)


def body_of(message, fill):
    """The bytes of a recorded request, or None."""
    if 'body_gen' in message:
        return generated(message['body_gen'])
    if 'body_json' in message:
        return fill(json.dumps(message['body_json'])).encode()
    body = message.get('body')
    if isinstance(body, dict):
        return base64.b64decode(body['base64']) if 'base64' in body else body['latin1'].encode('latin-1')
    return None if body is None else fill(body).encode()


def send(address, prefix, request, fill):
    """(status, [(name, value)], body)"""
    body = body_of(request, fill)
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.putrequest(request['method'], prefix + fill(request['path']), skip_accept_encoding=True)
    names = {name.lower() for name, _ in request['headers']}
    for name, value in request['headers']:
        value = value['latin1'].encode('latin-1') if isinstance(value, dict) else fill(value).encode()
        # The standard library has no objection to any byte that a test may send.
        connection._buffer.append(fill(name).encode() + b': ' + value)
    if not names & {'content-length', 'transfer-encoding'} and (body or request['method'] in ('PUT', 'POST')):
        connection.putheader('Content-Length', str(len(body or b'')))
    connection.endheaders(body or None)
    response = connection.getresponse()
    data = response.read()
    headers = [(name, value.encode('latin-1').decode('utf-8', 'replace')) for name, value in response.getheaders()]
    connection.close()
    return response.status, headers, data


def folded(text):
    return ' '.join(text.split())


def tree_of(text):
    """A document as lists of [tag, attributes, text, children]; children in the order of their tags."""
    stack = [['', {}, '', []]]
    parser = xml.parsers.expat.ParserCreate()

    def start(tag, attributes):
        stack[-1][3].append([tag, attributes, '', []])
        stack.append(stack[-1][3][-1])

    def end(_):
        found = stack.pop()
        found[2] = found[2].strip()
        found[3].sort(key=lambda child: child[0])

    def characters(data):
        stack[-1][2] += data
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    parser.Parse(text, True)
    return stack[0][3]


class Steps:
    """services: {name: (host:port, prefix)}. values: Placeholders."""

    def __init__(self, services, values):
        self.services, self.values = services, values

    def play(self, step):
        """Sends what was sent; yields every difference of the answer."""
        request = step['request']
        address, prefix = self.services[request['service']]
        try:
            answer = send(address, prefix, request, self.values.fill)
        except (OSError, http.client.HTTPException) as error:
            yield 'no answer: %r' % error
            return
        yield from self.check(step['response'], request['method'], 'VOLATILE' in (step.get('note') or ''), *answer)

    def check(self, expected, method, unordered, status, headers, data):
        if status != expected['status']:
            yield 'status: expected %s, got %s %s' % (expected['status'], status, data[:200])
            return
        for name, value in expected['headers']:
            name = self.values.fill(name).lower()
            if name in IGNORED and not (name == 'content-length' and method == 'HEAD' and status == 200):
                continue
            if name == 'last-modified' and status == 304:
                # It says when it was answered.
                value = '{{http}}'
            values = [given for key, given in headers if key.lower() == name]
            if not values:
                yield 'header %s: missing (%s)' % (name, self.values.fill(value))
            elif not any(self.same(name, value, given) for given in values):
                yield 'header %s: expected %r, got %r' % (name, self.values.fill(value), values)
        if method != 'HEAD':
            yield from self.check_body(expected, data, unordered)

    def check_body(self, expected, data, unordered):
        if 'body_sha256' in expected:
            if hashlib.sha256(data).hexdigest() != expected['body_sha256']:
                yield 'body: other bytes (%d of %d)' % (len(data), expected['body_len'])
            return
        text, actual = expected.get('body', ''), data.decode('utf-8', 'replace')
        try:
            if 'body_json' in expected or text[:1] in ('{', '['):
                # Numbers stand there without quotes.
                text = re.sub(r'([\[ ])(\{\{version:v\d+\}\})', r'\1"\2"', text)
                wanted = expected['body_json'] if 'body_json' in expected else json.loads(text)
                yield from self.differences(wanted, json.loads(actual), 'json', unordered)
            elif text.startswith('<?xml'):
                yield from self.differences(tree_of(text), tree_of(actual), 'xml', unordered)
            elif not self.values.matches(folded(text), folded(actual)):
                yield 'body: expected %r, got %r' % (folded(self.values.fill(text))[:300], folded(actual)[:300])
        except (ValueError, xml.parsers.expat.ExpatError) as error:
            yield 'body: %s: %r' % (error, actual[:200])

    def same(self, name, expected, actual):
        if SETS.fullmatch(name):
            def settled(text):
                lists = [part.strip().rpartition('=') for part in text.split(';')]
                return [(what, sorted(members.split(','))) for what, _, members in lists]
            return settled(self.values.fill(expected)) == settled(actual)
        return self.values.matches(expected, actual)

    def differences(self, expected, actual, at, unordered=False):
        name = at.rpartition('.')[2]
        if isinstance(expected, str) and isinstance(actual, (str, int)) and not isinstance(actual, bool):
            if isinstance(actual, int) and '{{version' not in expected or not self.same(name, expected, str(actual)):
                yield '%s: expected %r, got %r' % (at, self.values.fill(expected)[:160], actual)
        elif isinstance(expected, dict) and isinstance(actual, dict):
            expected = {self.values.fill(key): value for key, value in expected.items()}
            for key in sorted(expected.keys() | actual.keys()):
                if key not in actual:
                    yield '%s.%s: missing' % (at, key)
                elif key not in expected:
                    yield '%s.%s: not in the recording (%r)' % (at, key, actual[key])
                else:
                    yield from self.differences(expected[key], actual[key], '%s.%s' % (at, key), unordered)
        elif isinstance(expected, list) and isinstance(actual, list):
            if len(expected) != len(actual):
                yield '%s: expected %d items, got %d: %.300r' % (at, len(expected), len(actual), actual)
                return
            if unordered or name in UNORDERED:
                expected = sorted(expected, key=lambda one: self.values.fill(json.dumps(one, sort_keys=True)))
                actual = sorted(actual, key=lambda one: json.dumps(one, sort_keys=True))
            for index, (one, other) in enumerate(zip(expected, actual)):
                yield from self.differences(one, other, '%s[%d]' % (at, index), unordered)
        elif expected != actual or type(expected) is not type(actual):
            yield '%s: expected %.200r, got %.200r' % (at, expected, actual)
