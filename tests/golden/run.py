#!/usr/bin/env python3
"""Replays every recording of Glance 15 and of Synnefo, each from an empty service.

    run.py [--jobs N] [--quiet] [NAME ...]       NAME: recordings to replay, else all

NAME may be a folder, too. Each recording of Glance says with which options the real server ran; ours
are started with the same. What was recorded at Pithos and Astakos is replayed at the servers that stand
for them in tests (../synnefo). The accepted differences stand with their reasons in deviations.txt. The
last line counts recordings.
"""
import argparse
import collections
import concurrent.futures
import http.server
import json
import pathlib
import re
import sys
import threading
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import engine
import kamaki_session
import plankton_dialect
import replay
import synnefo_servers
import transport
import wire
from cloud import Cloud, ROOT
from deviations import Deviations

FOLDERS = ['glance-v1', 'glance-v1-variants', 'glance-v1-registry', 'glance-v1-transport', 'pithos', 'astakos',
           'plankton', 'plankton-0.13', 'kamaki']
# Beyond Glance: list items carry their address, as the documents before Glance's show it.
EXTRA = ['uri']


class Options:
    extra = EXTRA


def cloud_for(server):
    """The service that a recording's `server` asks for."""
    config = dict(server.get('config') or {})
    files, port = {}, config.pop('REGPORT_FOR_API', None)
    api = config.pop('EXTRA_API', '')
    protections = config.pop('property_protection_file', None)
    if protections:
        files['protections.conf'] = protections
        api = api.replace('/tmp/glance-v1-pp.conf', '{directory}/protections.conf')
    overrides = config.pop('policy.json overrides', None)
    if overrides:
        policy = json.loads((ROOT / 'etc' / 'policy.json').read_text())
        files['policy.json'] = json.dumps({**policy, **overrides})
    # The source that recordings name is on this machine, where users' URLs must not lead otherwise.
    api += '\n[glance_store]\nexternal_allow = 127.0.0.1\n'
    cloud = Cloud(flavor=server['flavor'], api=api, registry=config.pop('EXTRA_REG', ''),
                  image_format=config.pop('EXTRA_FMT', ''), files=files, registry_port=port and int(port))
    assert not config, 'unknown settings: %s' % config
    return cloud


def remove_data(cloud, exchange):
    """What the recorder did by hand before an exchange."""
    if (exchange.get('note') or '') == 'image file removed behind the server':
        for path in cloud.images.iterdir():
            path.unlink()


class Replay(replay.Replay):
    """An id that the client chose stands as a placeholder too: here it is chosen anew."""

    def body_of(self, message):
        for name in re.findall(r'\{\{(\w+\.id)\}\}', json.dumps(message.get('json', ''))):
            self.bound.setdefault(name, str(uuid.uuid4()))
        return super().body_of(message)

    def answered(self, recording, request, status):
        changed = request['method'] not in ('GET', 'HEAD') and 200 <= status < 300
        if changed and engine.WHOLE_SECONDS and engine.orders_images(recording):
            engine.let_time_pass()


def replay_exchanges(recording, cloud, source):
    """Yields (place, what was sent, differences) for each exchange."""
    given = {'api_host': cloud.api_address, 'registry_host': cloud.registry_address,
             'datadir': str(cloud.directory), 'source_host': source}
    exchanges = recording['exchanges']
    for index, exchange, found in Replay(Options, given).run(recording):
        request = exchange['request']
        sent = '%s %s (%s)' % (request['method'], request['path'], exchange.get('note') or '')
        yield '%s#%d' % (recording['name'], index), sent, found
        for following in exchanges[index + 1:index + 2]:
            remove_data(cloud, following)


def name_of(path):
    """Folders of Synnefo have files of the same name."""
    return path.stem if path.parent.name.startswith('glance') else '%s-%s' % (path.parent.name, path.stem)


def group_of(path):
    return 'Glance' if path.parent.name.startswith('glance') else path.parent.name


def run_one(path, source):
    """(name, [(place, what was sent, differences)])."""
    recording = json.loads(path.read_text())
    if path.parent.name in ('pithos', 'astakos'):
        return name_of(path), list(synnefo_servers.replay(path))
    if path.parent.name == 'kamaki':
        return name_of(path), list(kamaki_session.replay(path))
    if 'steps' in recording:
        return name_of(path), list(plankton_dialect.replay(path))
    if 'cases' in recording:
        with cloud_for(recording['server']) as cloud:
            return recording['name'], list(transport.replay_cases(recording, cloud))
    if 'api_calls' in recording:
        return recording['name'], list(wire.replay_calls(recording, cloud_for, source))
    with cloud_for(recording['server']) as cloud:
        return recording['name'], list(replay_exchanges(recording, cloud, source))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--jobs', type=int, default=engine.JOBS)
    parser.add_argument('--quiet', action='store_true', help='name the recordings that differ only')
    parser.add_argument('names', nargs='*')
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), replay.Source)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = '127.0.0.1:%d' % server.server_address[1]
    meant = Deviations()
    paths = [path for folder in FOLDERS for path in sorted((HERE / folder).glob('*.json'))
             if not options.names or {name_of(path), folder} & set(options.names)]
    total, equal, failed = collections.Counter(), collections.Counter(), 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = [(path, pool.submit(run_one, path, source)) for path in paths]
        for path, run in runs:
            try:
                name, results = run.result()
            except Exception as error:
                print('%s: %s' % (name_of(path), error))
                failed += 1
                continue
            good = bad = 0
            for place, sent, found in results:
                total[group_of(path)] += 1
                if not found:
                    good += 1
                elif not meant.accept(group_of(path), place, found):
                    bad += 1
                    print('%s %s' % (place, sent))
                    for difference in found:
                        print('    ' + difference)
            equal[group_of(path)] += good
            failed += bool(bad)
            if bad or not options.quiet:
                print('%-44s %d/%d' % (name, good, len(results)))
    if not options.names:
        for line in meant.unused():
            print('deviations.txt: nothing deviates by %s any more' % line)
            failed += 1
    for group in total:
        rows = meant.rows[group]
        told = ', '.join('%d %s' % (count, row) for row, count in rows.most_common())
        print('%s: %d of %d exchanges as recorded, %d accepted deviations (%.1f %%)%s' % (
            group, equal[group], total[group], rows.total(), 100 * rows.total() / total[group], told and ': ' + told))
    print('%d passed, %d failed' % (max(len(paths) - failed, 0), failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
