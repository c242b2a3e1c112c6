"""HTTP/1.1 as both servers speak it: one connection for many requests, answers with Synnefo's
headers, refusals as JSON faults.
"""
import dataclasses
import email.utils
import http.server
import json
import re
import socket
import socketserver
import time
import traceback
import urllib.parse

FAULTS = {400: 'badRequest', 401: 'unauthorized', 403: 'forbidden', 404: 'itemNotFound', 405: 'notAllowed',
          409: 'conflict', 411: 'lengthRequired', 412: 'preconditionFailed', 413: 'overLimit',
          416: 'rangeNotSatisfiable', 422: 'unprocessableEntity'}
JSON, TEXT, XML = ('%s; charset=UTF-8' % kind for kind in ('application/json', 'text/plain', 'application/xml'))
KINDS = {'json': JSON, 'text': TEXT, 'xml': XML}
# What is left of a refused request's body is read up to here, for the sake of the connection.
PATIENCE = 8 << 20


class Refused(Exception):
    """An answer that is a fault. kind: its Content-Type, where it is not that of the call."""

    def __init__(self, status, message='', details='', name=None, headers=(), kind=None):
        super().__init__(message)
        self.status, self.headers, self.kind = status, list(headers), kind
        self.name = name or FAULTS.get(status, 'internalServerError')
        self.fault = {'message': message, 'code': status, 'details': details}

    def body(self, form):
        if form != 'xml':
            return json.dumps({self.name: self.fault}).encode()
        return ('<?xml version="1.0" encoding="UTF-8"?>\n<%s code="%d"><message>%s</message>'
                '<details>%s</details></%s>' % (self.name, self.status, self.fault['message'],
                                                self.fault['details'], self.name)).encode()


@dataclasses.dataclass
class Answer:
    """body: bytes, or pieces of them; then length says how many, None that only the end will tell."""
    status: int = 200
    body: object = b''
    kind: str = JSON
    headers: list = dataclasses.field(default_factory=list)
    length: int | None = None


def http_date(moment):
    return email.utils.formatdate(moment, usegmt=True)


class Body:
    """What comes with a request, piece by piece, whichever way it is sent."""

    def __init__(self, stream, headers):
        self.stream = stream
        self.chunked = 'chunked' in (headers.get('Transfer-Encoding') or '').lower()
        self.declared = self.chunked or headers.get('Content-Length') is not None
        self.left = 0 if self.chunked else int(headers.get('Content-Length') or 0)
        self.ended = not self.chunked and not self.left

    def read(self, size):
        """Up to `size` bytes; fewer only at the end."""
        pieces = []
        while size and not self.ended:
            if self.chunked and not self.left:
                self.left = int(self.stream.readline().split(b';')[0], 16)
                if not self.left:
                    while self.stream.readline().strip():
                        pass
                    self.ended = True
                    break
            piece = self.stream.read(min(size, self.left))
            if not piece:
                raise ConnectionError('the client went away')
            pieces.append(piece)
            size -= len(piece)
            self.left -= len(piece)
            if not self.left:
                if self.chunked:
                    self.stream.readline()
                else:
                    self.ended = True
        return b''.join(pieces)

    def all(self):
        return self.read(1 << 30)


class Handler(http.server.BaseHTTPRequestHandler):
    """Subclasses define answer(), which returns an Answer or raises Refused."""
    protocol_version = 'HTTP/1.1'
    server_version = 'synnefo-for-tests'
    disable_nagle_algorithm = True
    timeout = 120

    def serve(self):
        target = urllib.parse.urlsplit(self.path)
        self.route = urllib.parse.unquote(target.path)
        self.query = dict(urllib.parse.parse_qsl(target.query, keep_blank_values=True))
        self.form = self.form_of('json')
        try:
            self.content = Body(self.rfile, self.headers)
            answer = self.answer()
        except Refused as refused:
            answer = Answer(refused.status, refused.body(self.form), refused.kind or KINDS[self.form],
                            refused.headers)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
            return
        except Exception:
            traceback.print_exc()
            answer = Answer(500, Refused(500, 'Unexpected error').body('json'))
        try:
            self.settle()
            self.send(answer)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_COPY = do_MOVE = do_PATCH = do_OPTIONS = serve

    def form_of(self, default):
        """The serialization that the client asks for."""
        if self.query.get('format') in ('json', 'xml'):
            return self.query['format']
        accepted = self.headers.get('Accept', '')
        return 'json' if 'application/json' in accepted else 'xml' if 'application/xml' in accepted else default

    def token(self):
        """The caller's token: in the query before the header."""
        token = self.query.get('X-Auth-Token') or self.headers.get('X-Auth-Token')
        if not token:
            raise Refused(401, 'Access denied. No authentication token')
        return token

    def only(self, allowed):
        if self.command not in allowed.split(','):
            raise Refused(405, 'Method not allowed', headers=[('Allow', allowed)])

    def settle(self):
        """Comes to the end of the request, so that the next one can follow."""
        spare = PATIENCE
        while not self.content.ended and spare > 0:
            spare -= len(self.content.read(1 << 16))
        self.close_connection |= not self.content.ended

    def send(self, answer):
        now = time.time()
        whole = isinstance(answer.body, bytes)
        headers = [('Content-Language', 'en'), ('Vary', 'X-Auth-Token, Accept-Language'),
                   ('Expires', http_date(now)), ('Content-Type', answer.kind),
                   ('Cache-Control', 'no-cache, no-store, must-revalidate, max-age=0')]
        if not any(name == 'Last-Modified' for name, _ in answer.headers):
            headers.append(('Last-Modified', http_date(now)))
        length = len(answer.body) if whole and answer.length is None else answer.length
        headers.append(('Transfer-Encoding', 'chunked') if length is None else ('Content-Length', str(length)))
        if self.close_connection:
            headers.append(('Connection', 'close'))
        self.send_response(answer.status)
        for name, value in headers + answer.headers:
            # The standard library takes text for Latin-1; here it is UTF-8.
            self.send_header(name, str(value).encode().decode('latin-1'))
        self.end_headers()
        if self.command == 'HEAD' or answer.status in (204, 304):
            return
        for piece in [answer.body] if whole else answer.body:
            if length is None:
                piece = b'%x\r\n%s\r\n' % (len(piece), piece)
            self.wfile.write(piece)
        if length is None:
            self.wfile.write(b'0\r\n\r\n')

    def log_message(self, form, *arguments):
        # Tokens may stand in the query.
        line = re.sub(r'(?i)(X-Auth-Token=)[^& ]*', r'\1***', form % arguments)
        if self.server.telling:
            print('%s %s' % (self.log_date_time_string(), line), flush=True)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A listener whose handlers find what they share as `server.shared`."""
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address, handler, shared, telling=False):
        self.shared, self.telling, self.open = shared, telling, set()
        super().__init__(address, handler)

    @property
    def url(self):
        return 'http://%s:%d' % self.server_address[:2]

    def process_request(self, request, client_address):
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def end(self):
        """Nobody listens any more, nor answers on connections that are open."""
        self.shutdown()
        self.server_close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def handle_error(self, request, client_address):
        # A client that breaks off is nothing to tell about.
        pass
