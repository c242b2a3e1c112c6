#!/usr/bin/env python3
"""Measures lists and changes through both daemons while the registry grows, on each engine.

A registry of 100 images and a larger one run side by side; each load goes to the one and to the other in turn,
and what counts is the ratio, so that a machine whose speed drifts cannot favour either. Writes the part of
docs/PERFORMANCE.md on registries.
"""
import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile

import engines
from run import BIN, ROOT, Service, Table, write_part
from stores import Server

SIZES = [10000, 100000, 1000000]
ENGINES = ['sqlite', 'postgres', 'mariadb']
# An acknowledged creation is on the disk, on every engine.
CREATIONS = {'SQLite': 500, 'PostgreSQL': 1000, 'MariaDB': 1000}
FLAVOR = '[paste_deploy]\nflavor = fakeauth\n'
# A thousand users in turn: requests of one user that are alike would share an answer.
MEMBER = 'X-Auth-Token: user-{user}:tenant-1:member'
ADMIN = 'X-Auth-Token: admin-{user}:admin:admin'
ONE_USER = 'X-Auth-Token: user:tenant-1:member'
KEYS = ['name', 'status', 'container_format', 'disk_format', 'size', 'id', 'created_at', 'updated_at']


def start_engine(name, directory):
    if name == 'sqlite':
        return engines.Sqlite(directory)
    server = Server(name, directory, **{name.upper() + '_DURABLE': 'yes'})
    return {'postgres': engines.Postgres, 'mariadb': engines.Mariadb}[name](server)


class Registry:
    """Both daemons on a database of this name with `count` images."""

    def __init__(self, engine, directory, database, count):
        self.engine, self.database, self.count = engine, database, count
        directory = os.path.join(directory, self.database)
        os.mkdir(directory)
        engine.make(self.database)
        connection = engine.connection(self.database)
        conf = os.path.join(directory, 'manage.conf')
        with open(conf, 'w') as file:
            file.write('[database]\nconnection = %s\n' % connection)
        subprocess.run([os.path.join(BIN, 'glance-manage'), '--config-file', conf, 'db_sync'], check=True,
                       stdout=subprocess.DEVNULL)
        engine.fill(self.database, count)
        visible = int(self.ask("SELECT count(*) FROM images WHERE deleted = %s AND visibility = 'public'" % engine.false))
        # In the middle, with a whole page behind it even among a hundred.
        self.marker = self.ask("SELECT id FROM images WHERE deleted = %s AND visibility = 'public' "
                               'ORDER BY created_at DESC LIMIT 1 OFFSET %d'
                               % (engine.false, visible // 2 if visible > 100 else 2))
        self.since = self.ask('SELECT max(updated_at) FROM (SELECT updated_at FROM images ORDER BY updated_at LIMIT %d) x'
                              % (count * 6 // 10))
        self.service = Service(directory, both=FLAVOR, connection=connection)

    def ask(self, sql):
        return self.engine.ask(self.database, sql)

    def load(self, case, connections, seconds):
        what, method, path, headers, _ = case
        path = path.replace('{marker}', self.marker).replace('{since}', self.since[:19].replace(' ', 'T') + 'Z')
        script = os.path.join(ROOT, 'tests', 'bench', 'registry.lua')
        command = ['wrk', '-t1', '-c%d' % connections, '-d%ds' % seconds, '--latency', '-s', script]
        for header in headers:
            command += ['-H', header]
        command += ['http://%s%s' % (self.service.address, '/'), '--', method, path, str(self.count)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        figures = json.loads(output[output.index('{"requests"'):].splitlines()[0])
        if figures['errors'] or not figures['requests']:
            one = path.replace('{public}', '00000000-0000-4000-8000-000000000001')
            answer = subprocess.run(['curl', '-si', '-X', method, '-m', '5', *sum((['-H', h] for h in headers), []),
                                     'http://%s%s' % (self.service.address, one)], capture_output=True).stdout
            sys.exit('%s at %d images: %s\n%s' % (what, self.count, figures, answer[:400]))
        figures['rate'] = figures['requests'] / figures['seconds']
        return figures

    def stop(self):
        self.service.stop()


NEW = ['x-image-meta-name: new', 'x-image-meta-disk_format: raw', 'x-image-meta-container_format: bare',
       'x-image-meta-property-key0: os-0', 'x-image-meta-property-key1: new']


def cases():
    """(what, method, path, headers, the share of its speed at 100 images to reach or None)."""
    list_ = '/v1/images?limit=25'
    detail = '/v1/images/detail?limit=25'
    middle = '&marker={marker}'
    yield 'HEAD', 'HEAD', '/v1/images/{public}', [MEMBER], 0.8
    yield 'list of 25', 'GET', list_, [MEMBER], 0.8
    yield 'page in the middle, by marker', 'GET', list_ + middle, [MEMBER], 0.8
    yield 'detailed list of 25', 'GET', detail, [MEMBER], 0.8
    yield 'detailed page in the middle, by marker', 'GET', detail + middle, [MEMBER], 0.8
    for what, path in (('list of 25', list_), ('page in the middle, by marker', list_ + middle),
                       ('detailed list of 25', detail), ('detailed page in the middle, by marker', detail + middle)):
        yield what + ', of one user', 'GET', path, [ONE_USER], 0.8
    for key in KEYS:
        yield 'list by ' + key, 'GET', '%s&sort_key=%s&sort_dir=asc' % (list_, key), [MEMBER], 0.8
    yield 'filter: name', 'GET', list_ + '&name=name-2', [MEMBER], 0.5
    # Pages that are full among a hundred images, too.
    list_ = '/v1/images?limit=10'
    yield 'filter: size range', 'GET', list_ + '&size_min=104857600&size_max=734003200', [MEMBER], 0.8
    yield 'filter: property of half the images', 'GET', list_ + '&property-key0=os-0', [MEMBER], 0.5
    yield 'filter: property of ten images', 'GET', list_ + '&property-key1=batch-2', [MEMBER], 0.5
    yield 'filter: changes-since', 'GET', list_ + '&changes-since={since}', [ADMIN], 0.8
    yield 'members of an image', 'GET', '/v1/images/00000000-0000-4000-8000-000000000000/members', [ADMIN], 0.8
    yield 'list of a tenant with 10,000 shared images', 'GET', '/v1/images?limit=5', \
        ['X-Auth-Token: user-{user}:popular:member'], 0.8
    # Its answer grows: it names every one of them.
    yield 'shared images of that tenant', 'GET', '/v1/shared-images/popular', [ADMIN], None
    yield 'create', 'POST', '/v1/images', [MEMBER, *NEW], None
    yield 'update', 'PUT', '/v1/images/{public}', [ADMIN, 'x-image-meta-property-key0: os-0',
                                                   'x-glance-registry-purge-props: false'], None


def measure(table, engine, small, large, options):
    for case in cases():
        what, method = case[:2]
        if options.case and options.case not in what:
            continue
        what = '%s, %s images: %s' % (engine.name, format(large.count, ','), what)
        slow = 'shared images' in what
        rows = {}
        for connections in (1, 32):
            for registry in (small, large):
                registry.load(case, connections, 1)
            pairs = []
            for round_ in range(options.rounds):
                # In turn, and the first of a pair is not always the same.
                order = [small, large] if round_ % 2 == 0 else [large, small]
                found = {id(registry): registry.load(case, connections, options.seconds) for registry in order}
                pairs.append((found[id(small)], found[id(large)]))
            ratio = statistics.median(theirs['rate'] / ours['rate'] for ours, theirs in pairs)
            middle = {name: statistics.median(pair[1][name] for pair in pairs) for name in pairs[0][1]}
            rows[connections] = ratio, middle
        detail = ' · '.join('%d: %.0f/s, %.1f / %.1f ms' % (n, m['rate'], m['p50_ms'], m['p99_ms'])
                            for n, (_, m) in rows.items())
        ratio = rows[32][0]
        target = case[4]
        if method == 'POST':
            wanted = CREATIONS[engine.name]
            table.add(what, '%.2f' % ratio, '>= %d/s' % wanted, rows[32][1]['rate'] >= wanted, detail)
        elif target:
            good = ratio >= target and rows[32][1]['p99_ms'] < 20
            table.add(what, '%.2f' % ratio, '>= %g, p99 < 20 ms' % target, good, detail)
        else:
            table.add(what, '' if slow else '%.2f' % ratio, '', None, detail)
    for registry in (small, large):
        table.add('%s, %s images: peak memory of the registry' % (engine.name, format(registry.count, ',')),
                  '%.1f MiB' % registry.service.registry.memory('VmHWM'), '< 64 MiB',
                  registry.service.registry.memory('VmHWM') < 64, '')


class Wide(Table):
    def add(self, what, figure, target='', reached=None, detail=''):
        mark = '' if reached is None else ('yes' if reached else '**no**')
        self.missed += reached is False
        self.rows.append((what, figure, detail, target, mark))
        print('%-66s %-9s %-60s %-22s %s' % self.rows[-1], flush=True)


def write_report(table, options):
    times = 'the median of %d rounds' % options.rounds if options.rounds > 1 else 'one round'
    write_part('registry', 'Registries that grow', '`scripts/bench registry` wrote this table: requests through both '
               'daemons to a registry of so many images, half of them deleted ones (`tests/bench/engines.py` says what '
               'they are like). Each request is of another user of the same tenant, unless it says "of one user": such '
               'requests are alike and share answers ([ADR 18](adr/0018-reads-that-are-alike.md)). The ratio is to the '
               'speed of the same requests at 100 images, 32 connections, both measured in turn: %s of %d s. Then for '
               '1 and for 32 connections the requests per second and the median and 99th percentile of their times. '
               'Every commit is flushed to the disk, on every engine.' % (times, options.seconds),
               ['what', 'ratio', 'connections: rate, p50 / p99', 'to reach', 'reached'], table)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('engines', nargs='*', metavar='ENGINE', help=', '.join(ENGINES) + '; default: all')
    parser.add_argument('--sizes', type=lambda text: [int(size) for size in text.split(',')], default=SIZES,
                        help='numbers of images, with commas between; default: 10000,100000,1000000')
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--seconds', type=int, default=3, help='of each load')
    parser.add_argument('--case', help='only what has this in its name; nothing is written then')
    parser.add_argument('--dry', action='store_true', help='leave docs/PERFORMANCE.md as it is')
    parser.add_argument('--directory', help='where the data goes; default: under target/')
    options = parser.parse_args()
    if unknown := set(options.engines) - set(ENGINES):
        parser.error('there is no %s' % ', '.join(unknown))
    table = Wide()
    parent = options.directory or os.path.dirname(BIN)
    for name in options.engines or ENGINES:
        with tempfile.TemporaryDirectory(prefix='bench-registry-', dir=parent) as directory:
            os.chmod(directory, 0o711)
            engine = start_engine(name, directory)
            try:
                for count in options.sizes:
                    with contextlib.ExitStack() as running:
                        # Creations make it larger: the next one begins with a hundred again.
                        small = Registry(engine, directory, 'bench_100_beside_%d' % count, 100)
                        running.callback(small.stop)
                        large = Registry(engine, directory, 'bench_%d' % count, count)
                        running.callback(large.stop)
                        measure(table, engine, small, large, options)
            finally:
                engine.stop()
    if not options.case and not options.dry:
        write_report(table, options)
    if table.missed:
        print('%d figures are not reached' % table.missed, file=sys.stderr)


if __name__ == '__main__':
    main()
