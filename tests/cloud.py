"""Starts both daemons in a directory of their own, for the stories that Python tells.

Standard library only. The programs come from GLANCE_BIN_DIR, else from target/debug.
"""
import atexit
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
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
        database = '[database]\nconnection = sqlite:///%s/glance.sqlite\n' % self.directory
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
