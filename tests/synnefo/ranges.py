"""Range and conditional requests, as Pithos takes them."""
import email.utils
import re

from .serving import Refused, http_date


def parse(header, size):
    """[(first, end)] of the ranges asked for; None when there are none that make sense. A range that
    reaches beyond the end is refused, not cut."""
    if not header.startswith('bytes='):
        return None
    found = []
    for part in header[6:].split(','):
        match = re.fullmatch(r'(\d*)-(\d*)', part.strip())
        if not match or not any(match.groups()):
            return None
        first, last = match.groups()
        if not first:
            first, end = size - int(last), size
            beyond = first < 0 or first >= size
        else:
            first, end = int(first), int(last) + 1 if last else size
            if last and end <= first:
                return None
            beyond = first >= size or end > size
        if beyond:
            raise Refused(416, 'Requested range exceeds object limits', kind='text/plain; charset=UTF-8')
        found.append((first, end))
    return found


def tags(header):
    return [tag.strip().removeprefix('W/').strip('"') for tag in header.split(',')]


def check(headers, version, reading):
    """Refuses what an If-… header forbids. version: None when nothing is there."""
    match, none_match = headers.get('If-Match'), headers.get('If-None-Match')
    if match is not None:
        if version is None:
            raise Refused(412, 'Resource does not exist')
        if match != '*' and version.hash not in tags(match):
            raise Refused(412, 'Resource ETag does not match')
    if none_match is not None and version and (none_match == '*' or version.hash in tags(none_match)):
        if reading:
            raise Refused(304, headers=[('ETag', version.hash)])
        raise Refused(412, 'Resource exists or ETag matches')
    if reading and version:
        changed = email.utils.parsedate_to_datetime(http_date(version.time))
        since = _date(headers.get('If-Modified-Since'))
        if since and changed <= since:
            raise Refused(304)
        until = _date(headers.get('If-Unmodified-Since'))
        if until and changed > until:
            raise Refused(412, 'Resource has been modified')


def _date(text):
    try:
        return text and email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
