"""A Keystone for measurements: whoever has the token administers the system. What is measured is what a
token costs that is known already, so how this one answers does not matter. A token for a project would
have the registry look for that project's images, too, which flavor none, without any tenant, does not."""
import http.server
import json
import threading

TOKEN = 'gAAAAAB' + 'm3Yk0Zr_pW8' * 16

SECTION = """
[paste_deploy]
flavor = keystone
[keystone_authtoken]
auth_url = http://127.0.0.1:%d
username = glance
password = secret
project_name = service
"""


def _body():
    endpoints = [{'region': 'RegionOne', 'interface': interface,
                  'url': 'http://cloud.example.org:%d/v1/%s' % (port, 'a' * 32)}
                 for port, interface in enumerate(('public', 'internal', 'admin'), 8000)]
    services = ['identity', 'image', 'compute', 'network', 'volumev3', 'object-store', 'placement',
                'orchestration', 'metering', 'dns']
    return json.dumps({'token': {
        'issued_at': '2026-01-01T00:00:00.000000Z', 'expires_at': '2099-01-01T00:00:00.000000Z',
        'user': {'id': 'b' * 32, 'name': 'admin', 'domain': {'id': 'default', 'name': 'Default'}},
        'system': {'all': True},
        'roles': [{'id': 'c' * 32, 'name': name} for name in ('admin', 'member', 'reader')],
        'catalog': [{'type': kind, 'name': kind, 'endpoints': endpoints} for kind in services],
    }}).encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    body = _body()

    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self._answer(201, [('X-Subject-Token', 'ours')])

    def do_GET(self):
        self._answer(200 if self.headers['X-Subject-Token'] in (TOKEN, 'ours') else 404, [])

    def _answer(self, status, headers):
        self.send_response(status)
        for name, value in [*headers, ('Content-Length', len(self.body))]:
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A daemon that is stopped does not wait for an answer."""


class Keystone:
    """Answers until it is stopped; `section` is what the daemons' files need."""

    def __init__(self):
        self._server = _Server(('127.0.0.1', 0), _Handler)
        self.section = SECTION % self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
