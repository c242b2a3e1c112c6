#!/usr/bin/env python3
"""Measures the service against its yardsticks in one run on one machine, as ratios.

Every figure is the median of the rounds after a warm-up; what is compared is measured in turn in
the same rounds, so that a machine whose speed drifts cannot favour one side. Standard library only.
"""
import argparse
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

import auth

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
BIN = os.path.join(os.environ.get('CARGO_TARGET_DIR', os.path.join(ROOT, 'target')), 'release')
GIB = 1 << 30
# The fastest library that we know of is aws-lc's, which was measured at 1.06 of OpenSSL's speed.
AWS_LC = 1.06
HZ = os.sysconf('SC_CLK_TCK')

NGINX = """
worker_processes 2; daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx.log; user root;
events {{ worker_connections 512; }}
http {{
  access_log off; tcp_nodelay on; client_body_temp_path {dir}/nginx-body;
  proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen 127.0.0.1:{on}; root {root}; sendfile on; sendfile_max_chunk 2m; }}
  server {{ listen 127.0.0.1:{off}; root {root}; sendfile off; output_buffers 2 256k; }}
}}
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def wait_for(port):
    for _ in range(2000):
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection('127.0.0.1', port, timeout=5)
            connection.request('GET', '/')
            connection.getresponse().read()
            return
        time.sleep(0.001)
    sys.exit('nothing answers on port %d' % port)


class Process:
    """A server with the figures that the kernel keeps of it and its children."""

    def __init__(self, arguments, port, log, environment=None):
        begin = time.monotonic()
        self.child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      env={**os.environ, **(environment or {})})
        self.port = port
        wait_for(port)
        self.started_in = time.monotonic() - begin

    def pids(self):
        with open('/proc/%d/task/%d/children' % (self.child.pid, self.child.pid)) as children:
            return [self.child.pid] + [int(pid) for pid in children.read().split()]

    def cpu(self):
        """User and system seconds."""
        total = 0
        for pid in self.pids():
            with open('/proc/%d/stat' % pid) as stat:
                fields = stat.read().rpartition(')')[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / HZ

    def memory(self, field):
        """MiB of VmRSS or VmHWM."""
        with open('/proc/%d/status' % self.child.pid) as status:
            line = next(line for line in status if line.startswith(field + ':'))
        return int(line.split()[1]) / 1024

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(90)


class Service:
    """Both daemons in a directory of their own, with everybody as administrator."""

    def __init__(self, directory, store='', both='', connection=None):
        """`store`: more lines for [glance_store]. `both`: more sections for both files. `connection`: the
        registry's database, else a file in the directory."""
        self.directory = directory
        self.store = store
        self.both = both
        self.datadir = os.path.join(directory, 'images')
        self.database = os.path.join(directory, 'glance.sqlite')
        self.connection = connection or 'sqlite:///' + self.database
        self.log = open(os.path.join(directory, 'daemons.log'), 'a')
        self.start()

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def start(self):
        registry, api = free_port(), free_port()
        conf = self.write('glance-registry.conf', """[DEFAULT]
bind_host = 127.0.0.1
bind_port = %d
[database]
connection = %s
%s""" % (registry, self.connection, self.both))
        self.registry = Process([os.path.join(BIN, 'glance-registry'), conf], registry, self.log)
        conf = self.write('glance-api.conf', """[DEFAULT]
bind_host = 127.0.0.1
bind_port = %d
registry_host = 127.0.0.1
registry_port = %d
[glance_store]
filesystem_store_datadir = %s
%s%s""" % (api, registry, self.datadir, self.store, self.both))
        self.api = Process([os.path.join(BIN, 'glance-api'), conf], api, self.log)
        self.address = '127.0.0.1:%d' % api

    def restart(self):
        self.stop()
        self.start()

    def stop(self):
        self.api.stop()
        self.registry.stop()

    def call(self, method, path, headers=None):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status >= 400:
            sys.exit('%s %s: %d %s' % (method, path, answer.status, body[:200]))
        return answer, body

    def raw(self, method, path):
        """An answer as it comes over the wire."""
        with socket.create_connection(self.address.split(':')) as connection:
            request = '%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' % (method, path)
            connection.sendall(request.encode())
            answer = b''
            while piece := connection.recv(65536):
                answer += piece
        return answer.replace(b'Connection: close\r\n', b'').replace(b'connection: close\r\n', b'')


def tool(*arguments):
    output = subprocess.run([os.path.join(BIN, 'glance-bench'), *map(str, arguments)],
                            check=True, capture_output=True, text=True).stdout
    return json.loads(output)


def rounds(count, work):
    """`work` after a warm-up, `count` times; it returns a dict of figures. Their medians."""
    work()
    results = [work() for _ in range(count)]
    return {name: statistics.median(result[name] for result in results) for name in results[0]}


class Table:
    def __init__(self):
        self.rows, self.missed = [], 0

    def add(self, what, figure, target='', reached=None):
        mark = '' if reached is None else ('yes' if reached else '**no**')
        self.missed += reached is False
        self.rows.append((what, figure, target, mark))
        print('%-64s %-30s %-18s %s' % (what, figure, target, mark), flush=True)

    def ratio(self, what, ratio, target, detail=''):
        self.add(what, '%.3f%s' % (ratio, detail), '>= %g' % target, ratio >= target)

    def below(self, what, value, limit, unit):
        self.add(what, '%.1f %s' % (value, unit), '< %g %s' % (limit, unit), value < limit)


def write_part(name, title, introduction, head, table):
    """Puts the table into its part of docs/PERFORMANCE.md, which is added under this title if it is not there."""
    begin, end = '<!-- %s: begin -->' % name, '<!-- %s: end -->' % name
    lines = [begin, '', introduction, '', '| %s |' % ' | '.join(head), '|---' * len(head) + '|']
    lines += ['| %s |' % ' | '.join(row) for row in table.rows] + ['', end]
    path = os.path.join(ROOT, 'docs', 'PERFORMANCE.md')
    text = open(path).read()
    if begin in text:
        before, _, rest = text.partition(begin)
        text = before + '\n'.join(lines) + rest.partition(end)[2]
    else:
        text = text.rstrip('\n') + '\n\n## ' + title + '\n\n' + '\n'.join(lines) + '\n'
    with open(path, 'w') as output:
        output.write(text)


def touch_memory(directory, size):
    """Has the host of a virtual machine back the page cache that a transfer is going to need.

    On first touch after a while each page is a fault in the host, which makes a plain write several
    times slower than the next one to the same memory: that is no property of what is measured.
    """
    path = os.path.join(directory, 'touch')
    piece = b'x' * (1 << 20)
    begin = time.monotonic()
    with open(path, 'wb', buffering=0) as file:
        for _ in range(size >> 20):
            file.write(piece)
    elapsed = time.monotonic() - begin
    os.remove(path)
    return size / 1e6 / elapsed


def md5_limit():
    """MB/s of one MD5 stream over memory, hashed by us and by OpenSSL."""
    ours = tool('md5', 2)['mb_per_s']
    speed = subprocess.run(['openssl', 'speed', '-elapsed', '-seconds', '2', '-bytes', '262144',
                            '-evp', 'md5'], check=True, capture_output=True, text=True).stdout
    openssl = float(speed.strip().splitlines()[-1].split()[-1].rstrip('k')) / 1000
    return ours, openssl


def measure_uploads(service, table, options):
    def upload(count):
        begin = service.api.cpu()
        result = tool('upload', service.address, count, options.size)
        cpu = (service.api.cpu() - begin) / (result['bytes'] / GIB)
        for path in result['detail']:
            service.call('DELETE', path)
        return result['mb_per_s'], cpu

    def work():
        ours, openssl = md5_limit()
        one, cpu_one = upload(1)
        eight, cpu_eight = upload(8)
        library = openssl * AWS_LC
        return {'ours': ours, 'openssl': openssl, 'one': one, 'eight': eight,
                'one_ratio': one / library, 'eight_ratio': eight / library,
                'one_ours': one / ours, 'eight_ours': eight / ours,
                'cpu_one': cpu_one, 'cpu_eight': cpu_eight}

    figures = rounds(options.rounds, work)
    table.add('MD5 of one stream over memory: ours / OpenSSL',
              '%.0f / %.0f MB/s' % (figures['ours'], figures['openssl']))
    table.ratio('upload, 1 connection, to one MD5 stream of the fastest library',
                figures['one_ratio'], 0.9, ' (%.0f MB/s)' % figures['one'])
    table.ratio('upload, 8 connections together, to the same', figures['eight_ratio'], 1.35,
                ' (%.0f MB/s)' % figures['eight'])
    table.add('  both to one stream of our own hash', '%.3f / %.3f'
              % (figures['one_ours'], figures['eight_ours']))
    table.add('upload, CPU seconds per GiB: 1 / 8 connections',
              '%.2f / %.2f' % (figures['cpu_one'], figures['cpu_eight']))


def measure_downloads(service, table, options, directory):
    path = tool('upload', service.address, 1, options.size)['detail'][0]
    on, off = free_port(), free_port()
    conf = service.write('nginx.conf', NGINX.format(dir=directory, root=service.datadir,
                                                    on=on, off=off))
    program = shutil.which('nginx', path=os.environ['PATH'] + ':/usr/sbin')
    nginx = Process([program, '-c', conf], on, service.log)
    name = '/' + path.rsplit('/', 1)[1]

    def one(process, address, target, count):
        begin = process.cpu()
        result = tool('download', address, count, target)
        gib = result['bytes'] / GIB
        return result['mb_per_s'], (process.cpu() - begin) / gib

    def work():
        figures = {}
        for count in (1, 8):
            touch_memory(service.directory, GIB)
            plain, cpu_on = one(nginx, '127.0.0.1:%d' % on, name, count)
            copied, _ = one(nginx, '127.0.0.1:%d' % off, name, count)
            ours, cpu = one(service.api, service.address, path, count)
            figures.update({'ours%d' % count: ours, 'off%d' % count: ours / copied,
                            'on%d' % count: ours / plain, 'cpu%d' % count: cpu,
                            'nginx_cpu%d' % count: cpu_on})
        return figures

    figures = rounds(options.rounds, work)
    nginx.stop()
    for count in (1, 8):
        noun = '%d connection%s' % (count, 's' if count > 1 else '')
        table.ratio('download, %s, to nginx with sendfile off' % noun, figures['off%d' % count], 1.0,
                    ' (%.0f MB/s)' % figures['ours%d' % count])
        table.ratio('download, %s, to nginx with sendfile on' % noun, figures['on%d' % count], 0.9)
        cpu, theirs = figures['cpu%d' % count], figures['nginx_cpu%d' % count]
        table.add('download, %s, CPU per GiB to nginx with sendfile on' % noun,
                  '%.2f (%.3f s / %.3f s)' % (cpu / max(theirs, 1 / HZ), cpu, theirs), '<= 1.2',
                  cpu <= 1.2 * theirs + 1 / HZ)
    service.call('DELETE', path)


def wrk(address, path, method, seconds, *headers):
    script = os.path.join(ROOT, 'tests', 'bench', 'wrk.lua')
    output = subprocess.run(['wrk', '-t1', '-c32', '-d%ds' % seconds, '--latency', '-s', script,
                             *headers, 'http://%s%s' % (address, path), '--', method],
                            check=True, capture_output=True, text=True).stdout
    figures = json.loads(output[output.index('{"requests"'):].splitlines()[0])
    if figures['errors']:
        sys.exit('%s %s: %d failed requests' % (method, path, figures['errors']))
    return figures['requests'] / figures['seconds'], figures['p99_ms']


@contextlib.contextmanager
def bare(service, answer):
    port = free_port()
    recorded = os.path.join(service.directory, 'answer')
    with open(recorded, 'wb') as file:
        file.write(answer)
    address = '127.0.0.1:%d' % port
    process = Process([os.path.join(BIN, 'glance-bench'), 'bare', address, recorded], port,
                      service.log)
    try:
        yield address
    finally:
        process.stop()


def fill(service, count):
    """Puts `count` images into the stopped registry's database, as an adopted Glance would have."""
    database = sqlite3.connect(service.database)
    columns = [row[1] for row in database.execute('pragma table_info(images)')]
    now = '2026-01-01 00:00:%02d.%06d'
    values = {'size': 1 << 20, 'status': 'active', 'deleted': 0, 'disk_format': 'qcow2',
              'container_format': 'bare', 'checksum': 'd' * 32, 'owner': 't1', 'min_disk': 0,
              'min_ram': 0, 'protected': 0, 'visibility': 'public'}
    names = [name for name in columns if name in {'id', 'name', 'created_at', 'updated_at', *values}]
    rows, properties = [], []
    for index in range(count):
        time_ = now % (index // 1000000, index % 1000000)
        row = {**values, 'id': str(uuid.UUID(int=index + 1)), 'name': 'image %d' % index,
               'created_at': time_, 'updated_at': time_}
        rows.append([row[name] for name in names])
        properties += [(row['id'], 'key%d' % key, 'value', time_, time_, 0) for key in range(4)]
    with database:
        database.executemany('insert into images (%s) values (%s)'
                             % (', '.join(names), ', '.join('?' * len(names))), rows)
        database.executemany('insert into image_properties (image_id, name, value, created_at, '
                             'updated_at, deleted) values (?, ?, ?, ?, ?, ?)', properties)
        database.execute('analyze')
    database.close()


def measure_small(service, table, options):
    image = '/v1/images/%s' % uuid.UUID(int=50)
    cases = [('HEAD of an image', 'HEAD', image, 0.12),
             ('GET /v1/images?limit=25', 'GET', '/v1/images?limit=25', 0.06)]
    speed = {}
    for images in (100, 100000):
        service.stop()
        fill_count = images if images == 100 else images - 100
        if images == 100:
            fill(service, fill_count)
        else:
            os.remove(service.database)
            service.start()
            service.stop()
            fill(service, images)
        service.start()
        for what, method, path, target in cases:
            with bare(service, service.raw(method, path)) as address:
                def work():
                    yardstick, _ = wrk(address, '/', method, options.seconds)
                    ours, p99 = wrk(service.address, path, method, options.seconds)
                    return {'ratio': ours / yardstick, 'ours': ours, 'p99': p99}
                figures = rounds(options.rounds, work)
            speed[what, images] = figures['ratio']
            if images == 100:
                table.ratio('%s, 32 connections, to a bare handler' % what, figures['ratio'],
                            target, ' (%.0f/s)' % figures['ours'])
            else:
                table.ratio('%s at 100,000 images, to the same at 100' % what,
                            figures['ratio'] / speed[what, 100], 0.9,
                            ' (%.0f/s)' % figures['ours'])
            table.below('  its p99', figures['p99'], 30, 'ms')
    table.below('peak memory of glance-registry at 100,000 images',
                service.registry.memory('VmHWM'), 64, 'MiB')


def measure_auth(service, table, options):
    """The service as it is, and another that asks for tokens of Keystone, in turn."""
    directory = os.path.join(service.directory, 'keystone')
    os.mkdir(directory)
    with auth.Keystone() as keystone:
        other = Service(directory, both=keystone.section)
        try:
            for each in (service, other):
                each.stop()
                with contextlib.suppress(FileNotFoundError):
                    os.remove(each.database)
                each.start()
                each.stop()
                fill(each, 100)
                each.start()
            token = ('-H', 'X-Auth-Token: ' + auth.TOKEN)
            for what, method, path in (('HEAD of an image', 'HEAD', '/v1/images/%s' % uuid.UUID(int=50)),
                                       ('GET /v1/images?limit=25', 'GET', '/v1/images?limit=25')):
                def load(each, *headers):
                    begin = each.api.cpu() + each.registry.cpu()
                    rate, _ = wrk(each.address, path, method, options.seconds, *headers)
                    cpu = each.api.cpu() + each.registry.cpu() - begin
                    return rate, cpu / (rate * options.seconds) * 1e6

                def work():
                    # Forth and back, so that a drift of the machine is in both.
                    none, ours = [load(service)], [load(other, *token), load(other, *token)]
                    none.append(load(service))
                    (none, cpu_none), (ours, cpu) = (map(statistics.mean, zip(*runs))
                                                     for runs in (none, ours))
                    return {'ratio': ours / none, 'ours': ours, 'cpu': cpu, 'cpu_none': cpu_none,
                            'cpu_ratio': cpu / cpu_none}
                figures = rounds(options.rounds, work)
                table.ratio('%s with a cached token, to flavor none' % what, figures['ratio'], 0.95,
                            ' (%.0f/s)' % figures['ours'])
                table.add('  CPU of both daemons for a request, to flavor none',
                          '%.3f (%.1f µs / %.1f µs)'
                          % (figures['cpu_ratio'], figures['cpu'], figures['cpu_none']))
        finally:
            other.stop()


def measure_memory(service, table, options):
    service.restart()
    time.sleep(1)
    table.below('memory of glance-api, idle', service.api.memory('VmRSS'), 20, 'MiB')
    table.below('memory of glance-registry, idle', service.registry.memory('VmRSS'), 20, 'MiB')
    table.below('glance-registry, from start to the first answer',
                service.registry.started_in * 1000, 100, 'ms')
    table.below('glance-api, from start to the first answer', service.api.started_in * 1000, 100,
                'ms')
    room = shutil.disk_usage(service.directory).free
    size = options.size if room > 36 * options.size else room // 40
    paths = tool('upload', service.address, 32, size)['detail']
    table.below('peak memory of glance-api, 32 uploads of %d MiB at once' % (size >> 20),
                service.api.memory('VmHWM'), 64, 'MiB')
    tool('download', service.address, 32, *paths)
    table.below('  and 32 downloads', service.api.memory('VmHWM'), 64, 'MiB')
    for path in paths:
        service.call('DELETE', path)


def write_report(table, options):
    model = next((line.split(':')[1].strip() for line in open('/proc/cpuinfo')
                  if line.startswith('model name')), 'unknown')
    lines = ['# Performance', '',
             '`scripts/bench` wrote this table. Every figure is the median of %d rounds after a '
             'warm-up; what is compared ran in turn in the same rounds on the same machine and file '
             'system: %d CPUs (%s), Linux %s.' % (options.rounds, os.cpu_count(), model,
                                                  os.uname().release), '',
             '| what | figure | to reach | reached |', '|---|---|---|---|']
    lines += ['| %s |' % ' | '.join(row) for row in table.rows]
    path = os.path.join(ROOT, 'docs', 'PERFORMANCE.md')
    notes = ''
    if os.path.exists(path):
        notes = open(path).read().partition('\n## ')[2]
    with open(path, 'w') as file:
        file.write('\n'.join(lines) + '\n' + ('\n## ' + notes if notes else ''))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--size', type=int, default=GIB, help='bytes of a transfer')
    parser.add_argument('--seconds', type=int, default=3, help='of each load of small requests')
    parser.add_argument('--only', choices=['upload', 'download', 'small', 'auth', 'memory'])
    parser.add_argument('--directory', help='where the data goes; default: under target/')
    options = parser.parse_args()
    parent = options.directory or os.path.dirname(BIN)
    table = Table()
    with tempfile.TemporaryDirectory(prefix='bench-', dir=parent) as directory:
        service = Service(directory)
        try:
            if options.only in (None, 'upload'):
                measure_uploads(service, table, options)
            if options.only in (None, 'download'):
                measure_downloads(service, table, options, directory)
            if options.only in (None, 'small'):
                measure_small(service, table, options)
            if options.only in (None, 'auth'):
                measure_auth(service, table, options)
            if options.only in (None, 'memory'):
                measure_memory(service, table, options)
        finally:
            service.stop()
    if options.only is None:
        write_report(table, options)
    if table.missed:
        print('%d figures are not reached' % table.missed)


if __name__ == '__main__':
    main()
