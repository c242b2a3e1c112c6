"""What Astakos says of resources, quotas and projects. Only Pithos' space is ever used here."""
import datetime

ENDLESS = (1 << 63) - 1


def _kind(service, description, unit=None):
    return {'api_visible': True, 'unit': unit, 'ui_visible': True, 'description': description, 'service': service}


KINDS = {
    'cyclades.disk': _kind('cyclades_compute', 'Virtual machine disk size', 'bytes'),
    'cyclades.vm': _kind('cyclades_compute', 'Number of virtual machines'),
    'cyclades.cpu': _kind('cyclades_compute', 'Number of virtual machine processors of running servers'),
    'cyclades.ram': _kind('cyclades_compute', 'Virtual machine memory size of running servers', 'bytes'),
    'pithos.diskspace': _kind('pithos_object-store', 'Pithos account diskspace', 'bytes'),
    'cyclades.floating_ip': _kind('cyclades_network', 'Number of Floating IP addresses'),
    'cyclades.network.private': _kind('cyclades_network', 'Number of private networks')}


def _limit(user, name):
    return user.quota if name == 'pithos.diskspace' else ENDLESS


def quotas(user, used, prefix=''):
    found = {}
    for name in KINDS:
        if name.startswith(prefix):
            usage = used if name == 'pithos.diskspace' else 0
            found[name] = {'project_limit': _limit(user, name), 'limit': _limit(user, name), 'usage': usage,
                           'project_usage': usage, 'project_pending': 0, 'pending': 0}
    return found


def project(user, since):
    """Every user's own project, which has the user's UUID."""
    return {'id': user.uuid, 'name': 'system:' + user.uuid, 'owner': None, 'homepage': '', 'state': 'active',
            'description': 'system project for user ' + user.email, 'creation_date': since.isoformat(),
            'end_date': (since + datetime.timedelta(days=36500)).isoformat(), 'join_policy': 'closed',
            'leave_policy': 'closed', 'max_members': 1, 'private': True, 'system_project': True,
            'resources': {name: {'project_capacity': _limit(user, name), 'member_capacity': _limit(user, name)}
                          for name in KINDS}}


def membership(user, since):
    return {'project': user.uuid, 'state': 'accepted', 'accepted': since.isoformat(), 'user': user.uuid,
            'allowed_actions': [], 'id': 1}
