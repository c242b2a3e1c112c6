"""Lists of what is in an account or a container, as text, JSON or XML."""
import json
import xml.sax.saxutils

from .serving import Answer, KINDS
from .tree import epoch, iso

MOST = 10000


def page(entries, query):
    """The part of the sorted [(name, …)] that was asked for."""
    after = query.get('marker', '')
    limit = query.get('limit', '')
    limit = min(int(limit), MOST) if limit.isdigit() and int(limit) else MOST
    return [entry for entry in entries if entry[0] > after][:limit]


def under(names, query):
    """Which of the names are asked for, and the folders that stand for the others."""
    prefix, delimiter, folders = query.get('prefix', ''), query.get('delimiter', ''), True
    if 'path' in query:
        prefix, delimiter, folders = query['path'].strip('/') + '/', '/', False
    found = set()
    for name in names:
        if not name.startswith(prefix):
            continue
        head, between, _ = name[len(prefix):].partition(delimiter) if delimiter else (name, '', '')
        if not between:
            found.add(name)
        elif folders:
            found.add(prefix + head + delimiter)
    return sorted(found)


def entry(node, owner, granted, public_url):
    """A line about an object. owner: whether its owner asks; granted: else what the asker may do."""
    version = node.current
    line = {'name': node.name, 'bytes': version.size, 'content_type': version.kind, 'hash': version.md5,
            'last_modified': iso(version.time), 'available': 1, 'map_check_timestamp': None,
            'x_object_hash': version.hash, 'x_object_uuid': version.uuid, 'x_object_version': version.number,
            'x_object_version_timestamp': epoch(version.time), 'x_object_modified_by': version.author}
    if node.sharing:
        line['x_object_sharing'] = str(node.sharing)
    if owner and node.public:
        line['x_object_public'] = public_url(node.public)
    if not owner:
        line['x_object_allowed_to'] = granted
    return line


def wanted(node, query):
    """Whether the filters shared, public and meta let an object through."""
    if 'shared' in query and not node.sharing or 'public' in query and not node.public:
        return False
    return matches(node.current.meta, query['meta']) if query.get('meta') else True


def matches(meta, wanted):
    """Whether metadata are as `meta=KEY`, `KEY=VALUE` or `!KEY`, several with commas, ask."""
    known = {key.lower(): value for key, value in meta.items()}
    for condition in wanted.split(','):
        key, equals, value = condition.strip().partition('=')
        absent, key = key.startswith('!'), key.lstrip('!').strip().lower()
        if (key in known) == absent or equals and known.get(key) != value.strip():
            return False
    return True


def answer(form, headers, lines, outer=None):
    """lines: objects with a name (or a subdir). outer: (what this is a list of, its name, of what)."""
    if form == 'text':
        text = ''.join('%s\n' % (line.get('name') or line['subdir']) for line in lines)
        return Answer(200 if text else 204, text.encode(), KINDS[form], headers)
    text = json.dumps(lines) if form == 'json' else _xml(lines, *outer)
    return Answer(200, text.encode(), KINDS[form], headers)


def _xml(lines, outer, name, inner):
    escape = xml.sax.saxutils.escape
    text = ['<?xml version="1.0" encoding="UTF-8"?>', '<%s name=%s>' % (outer, xml.sax.saxutils.quoteattr(name))]
    for line in lines:
        if 'subdir' in line:
            text.append('<subdir name=%s />' % xml.sax.saxutils.quoteattr(line['subdir']))
            continue
        text.append('<%s>' % inner)
        for key, value in line.items():
            if isinstance(value, dict):
                value = ' %s ' % ' '.join('<key>%s</key><value>%s</value>' % pair for pair in value.items())
            else:
                value = escape(str(value))
            text.append('<%s>%s</%s>' % (key, value, key))
        text.append('</%s>' % inner)
    return ' '.join([*text, '</%s>' % outer])
