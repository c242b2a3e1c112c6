"""X-…-Meta-… headers and their limits."""
import urllib.parse

from .serving import Refused

MOST = 32
# Kept with the metadata, but sent and shown under their own names.
OWN_NAMES = ('Content-Encoding', 'Content-Disposition')


def key(name):
    """As it is shown: however it was sent, each word begins in upper case."""
    return urllib.parse.unquote(name).replace('_', '-').title()


def sent(headers, prefix):
    """{key: value} of a request's headers that begin with the prefix."""
    found = {}
    for name, value in headers.items():
        if not name.lower().startswith(prefix.lower()):
            continue
        if not value.isascii():
            raise Refused(400, 'Bad character in headers.')
        name, value = key(name[len(prefix):]), urllib.parse.unquote(value)
        if len(name) > 114:
            raise Refused(400, 'Header name too large.')
        if len(value) > 256:
            raise Refused(400, 'Header value too large.')
        found[name] = value
    return found


def merged(old, new, replace):
    """What is there after a change: an empty value removes."""
    whole = {**({} if replace else old), **new}
    whole = {name: value for name, value in whole.items() if value}
    if len(whole) > MOST:
        raise Refused(400, 'Pithos+ resources cannot have more than %d metadata items per domain' % MOST)
    return whole


def shown(meta, prefix):
    return [(prefix + urllib.parse.quote(name), urllib.parse.quote(value, safe=" !\"#$&'()*+,-./:;<=>?@[]^_`{|}~"))
            for name, value in meta.items()]
