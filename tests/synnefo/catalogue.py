"""The services that Astakos tells of, and itself."""

# type, name, version, whether clients are to see the version, path
SERVICES = [
    ('astakos_weblogin', 'astakos_weblogin', '', True, '/astakos/weblogin'),
    ('account', 'astakos_account', 'v1.0', True, '/astakos/account/v1.0'),
    ('astakos_auth', 'astakos_oauth2', '', True, '/astakos/oauth2'),
    ('identity', 'astakos_identity', 'v2.0', True, '/astakos/identity/v2.0'),
    ('object-store', 'pithos_object-store', 'v1', True, '/pithos/object-store/v1'),
    ('admin', 'cyclades_admin', '', True, '/cyclades/admin'),
    ('image', 'cyclades_plankton', 'v1.0', False, '/cyclades/image'),
    ('compute', 'cyclades_compute', 'v2.0', True, '/cyclades/compute/v2.0'),
    ('vmapi', 'cyclades_vmapi', 'v1.0', True, '/cyclades/vmapi/v1.0'),
    ('volume', 'cyclades_volume', 'v2.0', False, '/cyclades/volume'),
    ('network', 'cyclades_network', 'v2.0', False, '/cyclades/network')]


def services(synnefo):
    """[(type, name, endpoint)]. The image service is where `synnefo` was told that it is."""
    found = []
    for kind, name, version, exposed, path in SERVICES:
        group = path.split('/')[1]
        host = synnefo.hosts()[group]
        endpoint = {'SNF:exposeVersion': str(exposed), 'SNF:uiURL': '%s/%s/ui' % (host, group),
                    'versionId': version, 'region': 'default', 'publicURL': host + path}
        if kind == 'astakos_weblogin':
            endpoint['SNF:webloginURL'] = host + path
        if kind == 'image' and synnefo.image_url:
            endpoint['publicURL'] = synnefo.image_url
        found.append((kind, name, endpoint))
    return found


def xml(token, services):
    """The same as XML; Astakos leaves the parts without content empty."""
    text = ['<?xml version="1.0" encoding="UTF-8"?>',
            '<access xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            ' xmlns="http://docs.openstack.org/identity/api/v2.0">']
    if token:
        who = 'id="%s" name="%s"' % (token.user.uuid, token.user.name)
        text += ['<token id="%s" expires="%s"> <tenant %s /> </token>'
                 % (token.id, token.expires.isoformat(), who), '<user %s> <roles> </roles> </user>' % who]
    text.append('<serviceCatalog>')
    for kind, name, endpoint in services:
        attributes = ' '.join('%s="%s"' % pair for pair in endpoint.items())
        text.append('<service type="%s" name="%s"> <endpoint %s /> </service>' % (kind, name, attributes))
    return ' '.join([*text, '</serviceCatalog> </access>'])


def identity(server, since, whole=False):
    """The one version of the identity service."""
    version = {'status': 'CURRENT', 'updated': since.isoformat(), 'id': 'v2.0',
               'links': [{'href': server.url + '/astakos/identity/v2.0/', 'rel': 'self'}]}
    if whole:
        version['media_types'] = [{'base': 'application/json',
                                   'type': 'application/vnd.openstack.identity-v2.0+json'}]
        version['links'].append({'href': 'https://docs.openstack.org/', 'type': 'text/html',
                                 'rel': 'describedby'})
    return version
