#!/usr/bin/env python3
"""Measures transfers through glance-api to real stores, as ratios to each store's own client.

The same bytes go straight to the same server in the same rounds. Every figure is the median of the
rounds after a warm-up. Writes docs/PERFORMANCE.md's part on stores when all are measured.
"""
import argparse
import os
import subprocess
import sys
import tempfile

from run import BIN, GIB, ROOT, Service, Table, rounds, tool, write_part

PYTHON = os.path.join(ROOT, 'var', 'bench', 'bin', 'python')
DIRECT = os.path.join(ROOT, 'tests', 'bench', 'direct.py')
MB = 1e6


class Server:
    """A real server, started by its script."""

    def __init__(self, name, directory, **settings):
        self.script = os.path.join(ROOT, 'scripts', 'services', name)
        self.directory = os.path.join(directory, name + settings.get('S3_SERVER', ''))
        os.makedirs(self.directory)
        output = subprocess.run([self.script, 'start', self.directory], check=True, text=True,
                                stdout=subprocess.PIPE, env={**os.environ, **settings}).stdout
        exports = [line.removeprefix('export ').partition('=') for line in output.splitlines()]
        self.variables = {name: value.strip('\'"') for name, _, value in exports}

    def __getitem__(self, name):
        return self.variables[name]

    def stop(self):
        subprocess.run([self.script, 'stop', self.directory], check=True, stdout=subprocess.DEVNULL)


def direct(environment, *arguments):
    """Seconds of a transfer by the store's own client."""
    output = subprocess.run([PYTHON, DIRECT, *map(str, arguments)], check=True, text=True,
                            stdout=subprocess.PIPE, env={**os.environ, **environment}).stdout
    return float(output)


def by_curl(url, file='/dev/null'):
    """Seconds of a download to a new file."""
    if file != '/dev/null' and os.path.exists(file):
        os.remove(file)
    return float(subprocess.run(['curl', '-sf', '-o', file, '-w', '%{time_total}', url], check=True, text=True,
                                stdout=subprocess.PIPE).stdout)


def measure(table, what, options, directory, client, environment, configuration):
    """Uploads and downloads through a store that is the default."""
    service = Service(tempfile.mkdtemp(dir=directory), configuration)
    file = os.path.join(directory, 'file')
    size = options.size

    def work():
        figures = {}
        figures['theirs_up'] = direct(environment, client, 'upload', file, size)
        uploaded = tool('upload', service.address, 1, size)
        path = uploaded['detail'][0]
        figures['ours_up'] = size / MB / uploaded['mb_per_s']
        figures['theirs_down'] = direct(environment, client, 'download', 'object', size)
        figures['ours_down'] = size / MB / tool('download', service.address, 1, path)['mb_per_s']
        service.call('DELETE', path)
        direct(environment, client, 'delete', 'object')
        figures['up'] = figures['theirs_up'] / figures['ours_up']
        figures['down'] = figures['theirs_down'] / figures['ours_down']
        return figures

    try:
        figures = rounds(options.rounds, work)
        for way, name in (('up', 'upload'), ('down', 'download')):
            table.ratio('%s, %s' % (what, name), figures[way], 0.9, ' (%.0f MB/s)'
                        % (size / MB / figures['ours_' + way]))
        table.below('  peak memory of glance-api', service.api.memory('VmHWM'), 128, 'MiB')
    finally:
        service.stop()


def measure_http(table, options, directory, server):
    """An image that is where a URL says, and one that is copied from there."""
    service = Service(tempfile.mkdtemp(dir=directory), 'external_allow = 127.0.0.1\n')
    url = server['STATIC_HTTP_URL'] + '/file'
    headers = {'x-image-meta-name': 'x', 'x-image-meta-disk_format': 'raw',
               'x-image-meta-container_format': 'bare', 'x-image-meta-location': url}
    answer, _ = service.call('POST', '/v1/images', headers)
    path = '/v1/images/' + answer.headers['location'].rsplit('/', 1)[1]

    file = os.path.join(directory, 'downloaded')

    def work():
        figures = {}
        for what, where in ('saved', file), ('thrown', '/dev/null'):
            theirs = by_curl(url, where)
            ours = by_curl('http://%s%s' % (service.address, path), where)
            figures[what], figures[what + '_ours'] = theirs / ours, ours
        os.remove(file)
        return figures

    try:
        figures = rounds(options.rounds, work)
        rate = lambda what: ' (%.0f MB/s)' % (options.size / MB / figures[what + '_ours'])
        table.ratio('http (nginx), download to a file', figures['saved'], 0.9, rate('saved'))
        table.add('  the same, thrown away as it comes', '%.3f%s' % (figures['thrown'], rate('thrown')))
        table.below('  peak memory of glance-api', service.api.memory('VmHWM'), 128, 'MiB')
    finally:
        service.stop()


def swift(table, options, directory):
    server = Server('swift', directory)
    try:
        conf = ('stores = file,swift\ndefault_store = swift\nswift_store_auth_version = 1\n'
                'swift_store_auth_address = %s\nswift_store_user = %s\nswift_store_key = %s\n'
                'swift_store_create_container_on_put = true\n'
                % (server['SWIFT_AUTH_URL'], server['SWIFT_USER'], server['SWIFT_KEY']))
        # By Glance's default, what is smaller than 5 GiB is one object.
        for way, more in (('one object', ''), ('segments', 'swift_store_large_object_size = 100\n')):
            measure(table, 'swift (%s)' % way, options, directory, 'swift', server.variables, conf + more)
    finally:
        server.stop()


def s3(table, options, directory, kind):
    if kind == 'swift':
        server = Server('swift', os.path.join(directory, 's3'))
        access = {name: server['SWIFT_S3_' + name]
                  for name in ('ENDPOINT', 'REGION', 'ACCESS_KEY', 'SECRET_KEY')}
    else:
        server = Server('s3', directory, S3_SERVER=kind)
        access = {name: server['S3_' + name]
                  for name in ('ENDPOINT', 'REGION', 'ACCESS_KEY', 'SECRET_KEY')}
    try:
        conf = ('stores = file,s3\ndefault_store = s3\ns3_store_host = %(ENDPOINT)s\n'
                's3_store_access_key = %(ACCESS_KEY)s\ns3_store_secret_key = %(SECRET_KEY)s\n'
                's3_store_bucket = images\ns3_store_create_bucket_on_put = true\n'
                's3_store_bucket_url_format = path\ns3_store_region_name = %(REGION)s\n' % access)
        environment = {'S3_' + name: value for name, value in access.items()}
        measure(table, 's3 (%s)' % kind, options, directory, 's3', environment, conf)
    finally:
        server.stop()


def http(table, options, directory):
    www = os.path.join(directory, 'static-http', 'www')
    server = Server('static-http', directory)
    try:
        os.link(os.path.join(directory, 'file'), os.path.join(www, 'file'))
        measure_http(table, options, directory, server)
    finally:
        server.stop()


MEASURES = {
    'swift': swift,
    's3-swift': lambda *what: s3(*what, 'swift'),
    's3-s3s-fs': lambda *what: s3(*what, 's3s-fs'),
    's3-garage': lambda *what: s3(*what, 'garage'),
    'http': http,
}
# Garage takes long to build: only when it is asked for.
DEFAULT = ['swift', 's3-swift', 's3-s3s-fs', 'http']


def write_report(table, options):
    write_part('stores', 'Stores', '`scripts/bench stores` wrote this table: %d MiB, the median of %d rounds after a '
               'warm-up. A ratio is the time that the store\'s own client needs for the same bytes '
               '(python-swiftclient with segments of 64 MiB, boto3 with parts of 8 MiB, both ten at a '
               'time; curl to a file) to the time through glance-api.' % (options.size >> 20, options.rounds),
               ['what', 'figure', 'to reach', 'reached'], table)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('stores', nargs='*', metavar='STORE', help=', '.join(MEASURES))
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--size', type=int, default=GIB, help='bytes of a transfer')
    parser.add_argument('--directory', help='where the data goes; default: under target/')
    options = parser.parse_args()
    if unknown := set(options.stores) - set(MEASURES):
        parser.error('there is no %s' % ', '.join(unknown))
    table = Table()
    parent = options.directory or os.path.dirname(BIN)
    with tempfile.TemporaryDirectory(prefix='bench-stores-', dir=parent) as directory:
        with open(os.path.join(directory, 'file'), 'wb') as file:
            piece = os.urandom(1 << 20)
            for _ in range(options.size >> 20):
                file.write(piece)
        for name in options.stores or DEFAULT:
            MEASURES[name](table, options, directory)
    if not options.stores:
        write_report(table, options)
    if table.missed:
        print('%d figures are not reached' % table.missed, file=sys.stderr)


if __name__ == '__main__':
    main()
