"""Fills Keystone's database, and enters where services are.

    identities.py fill CONFIGURATION           makes the tables, projects, users and services
    identities.py place DATABASE KIND=URL...   changes URLs of the catalogue; prints numbers as variables
    identities.py enter KEYSTONE URL           enters a Swift into the catalogue of a running Keystone,
                                               unless another one is there that answers
    identities.py key KEYSTONE USER PROJECT    prints a key pair for S3 as variables

The passwords are the users' names with -secret.
"""
import json
import os
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request

PROJECTS = ('service', 'alpha', 'beta')
USERS = (('glance', 'service', ('admin', 'service')), ('swift', 'service', ('admin', 'service')),
         ('alice', 'alpha', ('member',)), ('bob', 'beta', ('member',)), ('carol', 'alpha', ('reader',)))
SERVICES = (('image', 'glance'), ('object-store', 'swift'))


def login(user, project):
    """The body of a request for a token."""
    domain = {'id': 'default'}
    password = {'user': {'name': user, 'domain': domain, 'password': user + '-secret'}}
    return {'auth': {'identity': {'methods': ['password'], 'password': password},
                     'scope': {'project': {'name': project, 'domain': domain}}}}


def fill(configuration):
    manage = os.path.join(os.path.dirname(sys.executable), 'keystone-manage')
    subprocess.run([manage, '--config-file', configuration, 'db_sync'], check=True)
    urls = [part for kind in ('public', 'internal', 'admin')
            for part in ('--bootstrap-%s-url' % kind, 'http://identity.invalid')]
    subprocess.run([manage, '--config-file', configuration, 'bootstrap', '--bootstrap-password',
                    'admin-secret', '--bootstrap-region-id', 'RegionOne', *urls], check=True)
    # Everything else by Keystone's API, in this process.
    del sys.argv[1:]
    from keystone.server import wsgi
    from webob import Request
    application = wsgi.initialize_public_application()
    headers = {'Content-Type': 'application/json'}

    def call(method, path, body=None):
        request = Request.blank('/v3' + path, method=method, headers=headers)
        if body is not None:
            request.body = json.dumps(body).encode()
        answer = request.get_response(application)
        if answer.status_int >= 300:
            sys.exit('%s %s: %s %s' % (method, path, answer.status, answer.text))
        headers.setdefault('X-Auth-Token', answer.headers.get('X-Subject-Token'))
        return answer.json if answer.body else None

    def make(kind, **fields):
        return call('POST', '/%ss' % kind, {kind: fields})[kind]['id']

    call('POST', '/auth/tokens', login('admin', 'admin'))
    roles = {role['name']: role['id'] for role in call('GET', '/roles')['roles']}
    if 'service' not in roles:
        roles['service'] = make('role', name='service')
    projects = {name: make('project', name=name, domain_id='default') for name in PROJECTS}
    for name, project, granted in USERS:
        user = make('user', name=name, password=name + '-secret', domain_id='default',
                    default_project_id=projects[project])
        for role in granted:
            call('PUT', '/projects/%s/users/%s/roles/%s' % (projects[project], user, roles[role]))
    for kind, name in SERVICES:
        service = make('service', type=kind, name=name)
        for interface in ('public', 'internal', 'admin'):
            make('endpoint', service_id=service, interface=interface, region_id='RegionOne',
                 url='http://%s.invalid' % kind)


def place(database, *places):
    connection = sqlite3.connect(database)
    for kind, _, url in (pair.partition('=') for pair in places):
        connection.execute('UPDATE endpoint SET url = ? WHERE service_id IN '
                           '(SELECT id FROM service WHERE type = ?)', (url, kind))
    connection.commit()
    numbers = {'PROJECT': "SELECT name, id FROM project WHERE domain_id = 'default' ORDER BY name",
               'USER': 'SELECT name, user_id FROM local_user ORDER BY name'}
    for what, query in numbers.items():
        for name, number in connection.execute(query):
            print('export KEYSTONE_%s_%s=%s' % (what, name.upper(), number))


class Keystone:
    """A running Keystone, as seen by one of its users."""

    def __init__(self, url, user, project):
        self.url, self.headers = url + '/v3', {'Content-Type': 'application/json'}
        answer, headers = self.call('POST', '/auth/tokens', login(user, project))
        self.token = answer['token']
        self.headers['X-Auth-Token'] = headers['X-Subject-Token']

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer), answer.headers


def answers(url):
    try:
        with urllib.request.urlopen(url.partition('/v1/')[0] + '/healthcheck', timeout=5):
            return True
    except (OSError, ValueError):
        return False


def enter(keystone, url):
    swift = Keystone(keystone, 'swift', 'service')
    service = swift.call('GET', '/services?type=object-store')[0]['services'][0]['id']
    endpoints = swift.call('GET', '/endpoints?service_id=' + service)[0]['endpoints']
    account = url + '/v1/AUTH_%(tenant_id)s'
    if any(entry['url'] != account and answers(entry['url']) for entry in endpoints):
        return
    for entry in endpoints:
        swift.call('PATCH', '/endpoints/' + entry['id'], {'endpoint': {'url': account}})


def key(keystone, user, project):
    caller = Keystone(keystone, user, project)
    path = '/users/%s/credentials/OS-EC2' % caller.token['user']['id']
    pairs = caller.call('GET', path)[0]['credentials']
    if not pairs:
        pairs = [caller.call('POST', path, {'tenant_id': caller.token['project']['id']})[0]['credential']]
    print('export SWIFT_KEYSTONE_S3_ACCESS_KEY=%(access)s' % pairs[0])
    print('export SWIFT_KEYSTONE_S3_SECRET_KEY=%(secret)s' % pairs[0])


if __name__ == '__main__':
    {'fill': fill, 'place': place, 'enter': enter, 'key': key}[sys.argv[1]](*sys.argv[2:])
