"""Starts both daemons in a directory of their own, for the stories that Python tells.

Standard library only. The programs come from GLANCE_BIN_DIR, else from target/debug.
"""
import atexit
import fcntl
import itertools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = pathlib.Path(os.environ.get('GLANCE_BIN_DIR') or ROOT / 'target' / 'debug')

# Below the range from which systems choose ports for outgoing connections; the stories told in
# Rust lock the same files.
FIRST_PORT, PORTS = 20000, 10000

_next_port = os.getpid() * 7 % PORTS
_port_lock = threading.Lock()


class Port:
    """A port of the loopback address that no other story has, until released."""

    def __init__(self):
        global _next_port
        folder = pathlib.Path(tempfile.gettempdir()) / 'glance-test-ports'
        folder.mkdir(exist_ok=True)
        for _ in range(PORTS):
            with _port_lock:
                number = FIRST_PORT + _next_port % PORTS
                _next_port += 1
            lock = open(folder / str(number), 'w')
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(('127.0.0.1', number))
            except OSError:
                lock.close()
                continue
            self.number, self._lock = number, lock
            return
        raise RuntimeError('every port is taken')

    def release(self):
        self._lock.close()


class Database:
    """The registry's: a file, or one of its own on the server that GLANCE_TEST_DATABASE names."""

    _numbers = itertools.count()

    def __init__(self, directory):
        self.server = urllib.parse.urlsplit(os.environ.get('GLANCE_TEST_DATABASE', ''))
        if not self.server.scheme:
            self.connection = 'sqlite:///%s/glance.sqlite' % directory
            return
        self.name = 'glance_golden_%d_%d' % (os.getpid(), next(self._numbers))
        self.connection = self.server._replace(path='/' + self.name).geturl()
        self.remove()
        self._ask('CREATE DATABASE ' + self.name)

    def remove(self):
        """A failure is told and no more: nobody else uses the name, and the server ends with the suite.

        MariaDB 10.11 that makes triggers in several databases at once leaves, in one of 400, a `.TRG-` file
        behind that it does not remove itself.
        """
        if not self.server.scheme:
            return
        forced = ' WITH (FORCE)' if self._is_postgres() else ''
        try:
            self._ask('DROP DATABASE IF EXISTS %s%s' % (self.name, forced))
        except subprocess.CalledProcessError as error:
            print(error, file=sys.stderr)

    def load(self, folder):
        """Fills it with the sample that Glance 15 wrote on this engine."""
        if not self.server.scheme:
            shutil.copy(folder / 'glance-15.0.2.sqlite', self.connection.removeprefix('sqlite:///'))
            return
        kind = 'postgresql' if self._is_postgres() else 'mariadb'
        with open(folder / ('glance-15.0.2.%s.sql' % kind)) as dump:
            self._run(self._client('/' + self.name), stdin=dump)

    def _ask(self, sql):
        self._run([*self._client(self.server.path), '-c' if self._is_postgres() else '-e', sql])

    def _is_postgres(self):
        return self.server.scheme.startswith('postgres')

    def _client(self, path):
        """The server's own program, on one of its databases."""
        server = self.server
        if self._is_postgres():
            # Debian's psql is a script that looks for the newest version, slowly.
            programs = sorted(map(str, pathlib.Path('/usr/lib/postgresql').glob('*/bin/psql'))) or ['psql']
            url = server._replace(scheme='postgresql', path=path, query='').geturl()
            return [programs[-1], '-qX', '-v', 'ON_ERROR_STOP=1', '-d', url]
        return ['mariadb', '--no-defaults', '--protocol=tcp', '-h', server.hostname, '-P', str(server.port or 3306),
                '-u', server.username, '-D', path.strip('/')]

    def _run(self, command, **more):
        environment = {**os.environ, 'MYSQL_PWD': self.server.password or '',
                       'PGOPTIONS': '-c client_min_messages=error'}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment, **more)


class Cloud:
    """Both daemons; `with Cloud(...) as cloud:` starts and stops them.

    api, registry: lines for the end of the file's [DEFAULT] section; they may open other sections.
    image_format: lines for [image_format]. files: further files, by name; `{directory}` in the
    lines is the cloud's directory. registry_port: another port for the API to look for the
    registry.
    """

    def __init__(self, flavor='fakeauth', api='', registry='', image_format='', files=None,
                 registry_port=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='glance-story-'))
        self.images = self.directory / 'images'
        self.ports = [Port(), Port()]
        self.api_address, self.registry_address = ('127.0.0.1:%d' % p.number for p in self.ports)
        self.processes = []
        for name, text in (files or {}).items():
            (self.directory / name).write_text(text)
        self.database = Database(self.directory)
        database = '[database]\nconnection = %s\n' % self.database.connection
        paste = '[paste_deploy]\nflavor = %s\n' % flavor
        policy = '[oslo_policy]\npolicy_file = %s/policy.json\n' % self.directory
        shutil.copy(ROOT / 'etc' / 'policy.json', self.directory / 'policy.json')
        for name, text in (files or {}).items():
            (self.directory / name).write_text(text)
        self._write('glance-registry.conf', database, paste, policy, '[DEFAULT]',
                    'bind_host = 127.0.0.1', 'bind_port = %d' % self.ports[1].number, registry)
        self._write('glance-api.conf', database, paste, policy,
                    '[glance_store]', 'filesystem_store_datadir = %s' % self.images,
                    '[image_format]', image_format,
                    '[DEFAULT]', 'bind_host = 127.0.0.1', 'bind_port = %d' % self.ports[0].number,
                    'registry_host = 127.0.0.1',
                    'registry_port = %d' % (registry_port or self.ports[1].number),
                    # A registry that trusts headers must be given them.
                    'send_identity_headers = %s' % (flavor == 'trusted-auth'), api)
        atexit.register(self.stop)

    def _write(self, name, *lines):
        text = '\n'.join(lines).replace('{directory}', str(self.directory))
        (self.directory / name).write_text(text + '\n')

    def start(self):
        subprocess.run([PROGRAMS / 'glance-manage', '--config-file',
                        self.directory / 'glance-registry.conf', 'db_sync'],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._run('glance-registry', self.registry_address)
        self._run('glance-api', self.api_address)
        return self

    def _run(self, name, address):
        environment = {k: v for k, v in os.environ.items() if not k.startswith('GLANCE_')}
        with open(self.directory / (name + '.out'), 'ab') as log:
            process = subprocess.Popen(
                [PROGRAMS / name, '--config-file', self.directory / (name + '.conf')],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        self.processes.append(process)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if process.poll() is not None:
                raise RuntimeError('%s ended with %s:\n%s' % (name, process.returncode, self.log(name)))
            try:
                urllib.request.urlopen('http://%s/' % address, timeout=5)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.01)
        raise RuntimeError('no answer of %s:\n%s' % (name, self.log(name)))

    def log(self, name='glance-api'):
        return (self.directory / (name + '.out')).read_text(errors='replace')

    def stop(self):
        """Stops the daemons, the API first, and removes their directory."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []
        for port in self.ports:
            port.release()
        self.database.remove()
        shutil.rmtree(self.directory, ignore_errors=True)
        atexit.unregister(self.stop)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()
