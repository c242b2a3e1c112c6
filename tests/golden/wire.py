"""Listens between our API and our registry, and compares what is said with what Glance's daemons
said for the same call: the first call, and the identity in every call.

Later calls of one request are not compared: ours renew a lease while they upload and need fewer.
"""
import http.client
import http.server
import json
import threading
import time
import urllib.parse

import replay

IDENTITY = ['x-auth-token', 'x-user-id', 'x-tenant-id', 'x-roles', 'x-identity-status', 'x-openstack-request-id']


class Listener(http.server.BaseHTTPRequestHandler):
    """Passes every call on to the registry, and keeps it."""
    protocol_version = 'HTTP/1.1'

    def pass_on(self):
        length = int(self.headers.get('Content-Length') or 0)
        body = self.rfile.read(length)
        # The leases and the recovery are ours, and nobody's request.
        if not self.path.startswith(('/leases', '/recovery')):
            self.server.calls.append((self.command, self.path, list(self.headers.items()), body))
        connection = http.client.HTTPConnection(self.server.registry, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ('host', 'connection')}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        data = answer.read()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ('transfer-encoding', 'connection', 'content-length'):
                self.send_header(name, value)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        connection.close()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = pass_on

    def log_message(self, *args):
        pass


def replay_calls(recording, cloud_for, source):
    """Yields (place, what was sent, differences) for each API call."""
    listener = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Listener)
    listener.daemon_threads, listener.calls = True, []
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    server = dict(recording['server'])
    server['config'] = {**server['config'], 'REGPORT_FOR_API': listener.server_address[1]}
    cloud = cloud_for(server)
    listener.registry = cloud.registry_address
    with cloud:
        given = {'api_host': cloud.api_address, 'source_host': source, 'datadir': str(cloud.directory)}
        checker = replay.Replay(Options, given)
        copied = None
        for index, call in enumerate(recording['api_calls']):
            call = without(call, copied)
            listener.calls.clear()
            request = call['api_request']
            status, _headers, data = checker.send(cloud.api_address, request)
            # The daemon's own work goes on beside every call.
            calls = [c for c in listener.calls if ('X-Openstack-Request-Id', 'req-recovery') not in titled(c[2])]
            found = list(compare(checker, call, status, data, calls))
            sent = '%s %s (%s)' % (request['method'], request['path'], call.get('note') or '')
            yield '%s#%d' % (recording['name'], index), sent, found
            copied = copy_of(checker, cloud, call, data)
    listener.shutdown()


def titled(headers):
    return [(name.title(), value) for name, value in headers]


def copy_of(checker, cloud, call, data):
    """The recorded id of the image that a call copies in the background, once the copy is over."""
    request = call['api_request']
    if not any(name.lower() == 'x-glance-api-copy-from' for name, _ in request['headers']):
        return None
    image = json.loads(data)['image']['id']
    look = {'method': 'HEAD', 'path': '/v1/images/' + image,
            'headers': [h for h in request['headers'] if h[0] in ('Host', 'X-Auth-Token')]}
    for _ in range(100):
        headers = dict(checker.send(cloud.api_address, look)[1])
        if headers.get('x-image-meta-status') not in ('queued', 'saving'):
            break
        time.sleep(0.05)
    return next(name for name, bound in checker.bound.items() if bound == image)


def without(call, copied):
    """The call without what the recording has in it of a copy that ran beside it."""
    kept = [entry for entry in call['registry_calls']
            if not copied or '{{%s}}' % copied not in entry['request']['path']]
    return {**call, 'registry_calls': kept}


class Options:
    extra = ['uri']


def query_of(path):
    path, _, query = path.partition('?')
    return path, sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))


def compare(checker, call, status, data, calls):
    bind(checker, call, data)
    if status != call['api_status']:
        yield 'status: expected %s, got %s %s' % (call['api_status'], status, data[:200])
        return
    recorded = [entry['request'] for entry in call['registry_calls']]
    if not recorded or not calls:
        if bool(recorded) != bool(calls):
            yield 'calls: expected %d, got %d' % (len(recorded), len(calls))
        return
    first, (method, path, _, body) = recorded[0], calls[0]
    expected_path = checker.fill(first['path'])
    if (first['method'], query_of(expected_path)) != (method, query_of(path)):
        yield 'first call: expected %s %s, got %s %s' % (first['method'], expected_path, method, path)
    elif 'json' in first:
        try:
            yield from checker.differences(first['json'], json.loads(body), 'json')
        except ValueError:
            yield 'first call: no JSON: %r' % body[:200]
    wanted = {k.lower(): v for k, v in first['headers'] if k.lower() in IDENTITY}
    for method, path, headers, _ in calls:
        said = {k.lower(): v for k, v in headers}
        for name, value in wanted.items():
            if name not in said and value:
                yield '%s %s: header %s is missing' % (method, path, name)
            elif not checker.matches(value, said.get(name, '')):
                yield '%s %s: header %s: expected %r, got %r' % (method, path, name, value, said[name])


def bind(checker, call, data):
    """Ids first appear in the registry's answers, which ours gives to the API alone."""
    try:
        image = json.loads(data)['image']['id']
    except (ValueError, KeyError, TypeError):
        return
    for entry in call['registry_calls']:
        answer = entry['response'].get('json')
        if isinstance(answer, dict) and isinstance(answer.get('image'), dict):
            name = str(answer['image'].get('id', '')).strip('{}')
            if name.endswith('.id'):
                checker.bound.setdefault(name, image)
