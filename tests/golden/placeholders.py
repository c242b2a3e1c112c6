"""What stands for the volatile values in recordings of Synnefo.

Given: {{alice.uuid}}, {{alice.token}}, hosts. Bound where first seen and equal afterwards: ids and
public addresses. {{sql:tN}}, {{http:tN}}, {{iso:tN}}, {{epoch:tN}} are times, {{version:vN}} Pithos'
version numbers: the N are ranks, so equal ones are the same, and larger ones later or larger. Without
a rank they are any value of that form.
"""
import datetime
import email.utils
import re

TOKEN = re.compile(r'\{\{([^}]*)\}\}')
UUID = r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
FORMS = {'sql': r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d', 'http': r'\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT',
         'iso': r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00', 'epoch': r'\d+\.?\d*', 'version': r'\d+'}
UTC = datetime.timezone.utc


def moment(form, text):
    """Seconds since the epoch."""
    if form == 'epoch':
        return float(text)
    if form == 'http':
        return email.utils.parsedate_to_datetime(text).timestamp()
    when = datetime.datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


class Placeholders:
    """ranked: whether every change has a second and a version of its own, as it had when recorded;
    else times and versions need only have their form."""

    def __init__(self, given, ranked=True):
        self.given, self.ranked = given, ranked
        self.bound, self.times, self.versions = {}, {}, {}

    def value(self, name):
        base, _, spelling = name.partition('|')
        value = self.given.get(base, self.bound.get(base))
        if value is None and base.endswith('.path') and base[:-4] + 'url' in self.bound:
            value = '/' + self.bound[base[:-4] + 'url'].split('/', 3)[3]
        if value is None and base.startswith('version:'):
            value = self.versions.get(int(base[9:]))
        if value is None:
            return None
        return {'upper': str(value).upper(), 'nodash': str(value).replace('-', '')}.get(spelling, str(value))

    def fill(self, text):
        def known(match):
            value = self.value(match[1])
            return match[0] if value is None else value
        return TOKEN.sub(known, text)

    def pattern(self, text):
        """A regular expression for `text`, and the names of its groups."""
        out, names, last = [], [], 0
        for match in TOKEN.finditer(text):
            out.append(re.escape(text[last:match.start()]))
            last, name = match.end(), match[1]
            form, _, rank = name.partition(':')
            if name == 'now':
                out.append('.+?')
            elif form in FORMS:
                out.append('(%s)' % FORMS[form])
                names.append(name)
            elif self.value(name) is not None:
                out.append(re.escape(self.value(name)))
            elif name.endswith(('.id', '.uuid')):
                out.append('(%s)' % UUID)
                names.append(name)
            else:
                out.append(r'(\S+?)')
                names.append(name)
        out.append(re.escape(text[last:]))
        return ''.join(out), names

    def matches(self, expected, actual):
        regex, names = self.pattern(expected)
        found = re.fullmatch(regex, actual, re.S)
        return bool(found) and all([self.take(*pair) for pair in zip(names, found.groups())])

    def take(self, name, value):
        """Notes a value; False when it cannot be that of its name."""
        form, _, rank = name.partition(':')
        if form not in FORMS:
            return self.bound.setdefault(name, value) == value
        if not rank or not self.ranked:
            return True
        if form == 'version':
            return self.fits(self.versions, int(rank[1:]), int(value))
        return self.fits(self.times, int(rank[1:]), int(moment(form, value)))

    @staticmethod
    def fits(known, rank, value):
        if rank in known:
            return known[rank] == value
        for other, its in known.items():
            if (its < value) != (other < rank) or its == value:
                return False
        known[rank] = value
        return True
