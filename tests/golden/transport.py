"""Replays what was recorded on raw sockets: keep-alive, 100-continue, limits, cut connections."""
import json
import re
import socket
import threading
import time

import replay

UUID = re.compile(r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')
SILENCE = 0.4
# Where the recorded server listened, and the checksum of the upload that won the race.
RECORDER = '127.0.0.1:19232'
WINNER = '16c52c6e8326c071da771e66dc6e9e57'
CALLER = 'X-Auth-Token: u1:t1:member\r\n'
DISK = 'x-image-meta-name: x\r\nx-image-meta-disk_format: raw\r\nx-image-meta-container_format: bare\r\n'


def abridged(name, text):
    """What was sent where the recording gives only the beginning and the length."""
    start = 'GET /v1/images HTTP/1.1\r\nHost: h\r\n'
    if name == 'header-line-too-long':
        return start + 'X-Big: ' + 'a' * 20000 + '\r\n' + CALLER + '\r\n'
    if name == 'header-line-16k-ok':
        return start + 'X-Big: ' + 'a' * 16000 + '\r\n' + CALLER + '\r\n'
    if name == 'headers-total-too-large':
        return start + ''.join('X-B%d: %s\r\n' % (n, 'a' * 8000) for n in range(10)) + CALLER + '\r\n'
    if name == 'request-line-too-long':
        return 'GET /v1/images?name=' + 'a' * 20000 + ' HTTP/1.1\r\nHost: h\r\n' + CALLER + '\r\n'
    post = 'POST /v1/images HTTP/1.1\r\nHost: h\r\nx-image-meta-id: %s\r\n' + CALLER + DISK \
        + 'Content-Type: application/octet-stream\r\n'
    if name == 'client-disconnect':
        return post % '33333333-3333-4333-8333-333333333333' + 'Content-Length: 100000\r\n\r\n' + 'a' * 5000
    if name == 'chunked-disconnect':
        return post % '44444444-4444-4444-8444-444444444444' + 'Transfer-Encoding: chunked\r\n\r\n' \
            + '1388\r\n' + 'a' * 5000 + '\r\n'
    assert not re.search(r'\.\.\.\(\d+ bytes\)$', text), 'no full text of ' + name
    return text


def put(image, body, length):
    return ('PUT /v1/images/%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s'
            'Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n%s'
            % (image, CALLER, length, body)).encode()


def receive(connection, at_least=0):
    """What comes until it is silent for a moment, and whether the server closed."""
    data, end = b'', time.monotonic() + 10
    connection.settimeout(SILENCE)
    while True:
        try:
            piece = connection.recv(65536)
        except socket.timeout:
            if len(data) >= at_least or time.monotonic() > end:
                return data, False
            continue
        except OSError:
            return data, True
        if not piece:
            return data, True
        data += piece


def split(data):
    """The answers in what was received, as (status, headers, body)."""
    answers = []
    while data:
        head, _, rest = data.partition(b'\r\n\r\n')
        lines = head.decode('utf-8', 'replace').split('\r\n')
        headers = [tuple(part.strip() for part in line.split(':', 1)) for line in lines[1:] if ':' in line]
        headers = [(name.lower(), value) for name, value in headers]
        length = dict(headers).get('content-length')
        words = lines[0].split(' ')
        status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        body = rest[:int(length)] if length is not None else (b'' if status < 200 else rest)
        answers.append((status, headers, body))
        data = rest[len(body):]
    return answers


def expected_answers(text, chosen):
    """The answers in a recorded text. What the server chose, or chance, becomes placeholders."""
    text = text.replace(RECORDER, '{{api_host}}').replace(WINNER, '{{winner.id}}')
    text = UUID.sub(lambda m: m[0] if m[0] in chosen else '{{%s.id}}' % m[0], text)
    for part in re.split(r'(?=HTTP/1\.[01] \d{3} )', text):
        if not part:
            continue
        head, _, body = part.partition('\r\n\r\n')
        lines = head.split('\r\n')
        headers = [[piece.strip() for piece in line.split(':', 1)] for line in lines[1:] if ':' in line]
        answer = {'status': int(lines[0].split(' ')[1]), 'headers': headers}
        kind = dict((k.lower(), v) for k, v in headers).get('content-type', '')
        if kind.startswith('application/json') and body:
            answer['json'] = json.loads(body)
        elif kind.startswith('text/plain'):
            answer['body'] = body
        yield answer


class Options:
    extra = ['uri']


def replay_cases(recording, cloud):
    """Yields (place, note, differences) for each case."""
    cases = recording['cases']
    chosen = set(UUID.findall(' '.join(entry.get('send', '') for case in cases for entry in case['log'])))
    given = {'api_host': cloud.api_address, 'datadir': str(cloud.directory)}
    checker = replay.Replay(Options, given)
    host, port = cloud.api_address.split(':')
    background = {}

    def connect():
        return socket.create_connection((host, int(port)), timeout=10)

    for index, case in enumerate(cases):
        name = case['name']
        if name == 'saving-upload-finishes-after-delete':
            background['upload'].sendall(b'12345')
            found = list(compare(checker, case, chosen, [receive(background['upload'], 1)]))
        elif name == 'race-two-uploads':
            found = list(compare(checker, case, chosen, race(connect)))
        else:
            found = list(play(checker, case, chosen, connect))
        yield 'transport#%d' % index, '%s (%s)' % (name, case['note']), found
        if name == 'saving-setup':
            background['upload'] = connect()
            background['upload'].sendall(put('55555555-5555-4555-8555-555555555555', '12345', 10))
            time.sleep(0.3)
        if name.endswith('-disconnect'):
            time.sleep(1)


def race(connect):
    """Two uploads at once to one image; the loser's answer first, as recorded."""
    results = []

    def upload(body):
        connection = connect()
        connection.sendall(put('66666666-6666-4666-8666-666666666666', body, 10))
        results.append(receive(connection, 1))
    threads = [threading.Thread(target=upload, args=('aaaaaaaaaa' if n else 'bbbbbbbbbb',)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results, key=lambda result: b' 409 ' not in result[0][:20])


def play(checker, case, chosen, connect):
    """Sends what was sent; where the recording turns to receiving, receives and compares."""
    connection, received, closed, expected, state = connect(), b'', False, '', None
    for entry in case['log']:
        if 'send' in entry:
            try:
                connection.sendall(abridged(case['name'], entry['send']).encode())
            except OSError:
                pass
        elif 'client' in entry:
            connection.close()
            return
        elif entry['recv'].startswith('<'):
            state = 'closed' if 'closed' in entry['recv'] else 'open'
        else:
            expected += entry['recv']
            data, closed = receive(connection, 1)
            received += data
    if state and not closed:
        data, closed = receive(connection)
        received += data
    connection.close()
    yield from compare_texts(checker, expected, chosen, received)
    if state and state != ('closed' if closed else 'open'):
        yield 'connection: expected %s, is %s' % (state, 'closed' if closed else 'open')


def compare(checker, case, chosen, results):
    texts = [entry['recv'] for entry in case['log'] if 'recv' in entry and not entry['recv'].startswith('<')]
    for text, (data, _closed) in zip(texts, results):
        yield from compare_texts(checker, text, chosen, data)


def compare_texts(checker, expected, chosen, received):
    wanted, got = list(expected_answers(expected, chosen)), split(received)
    if len(wanted) != len(got):
        yield 'expected %d answers, got %d: %r' % (len(wanted), len(got), received[:200])
    for answer, (status, headers, body) in zip(wanted, got):
        yield from checker.check(answer, status, headers, body)
