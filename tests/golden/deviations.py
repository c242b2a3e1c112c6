"""The differences from the recordings that are meant: deviations.txt, read and looked up."""
import collections
import fnmatch
import pathlib
import re

import engine

FILE = pathlib.Path(__file__).resolve().parent / 'deviations.txt'
# NAME#3: reason, NAME#3,7,9: reason, NAME#*: reason
PLACES = re.compile(r'([\w.-]+)#([\w*,-]+): (.+)')
# With the name of an engine before it, and a blank: on that engine only
ENGINE = re.compile(r'(sqlite|postgresql|mysql) (.+)')
# NAMES /REGEX/: reason, where * in NAMES stands for anything
PATTERN = re.compile(r'([\w.*-]+) /(.+)/: (.+)')


class Deviations:
    def __init__(self, text=None):
        self.places, self.patterns = {}, []
        for line in (FILE.read_text() if text is None else text).splitlines():
            on_engine = ENGINE.fullmatch(line)
            if on_engine and on_engine[1] != engine.NAME:
                continue
            line = on_engine[2] if on_engine else line
            found, pattern = PLACES.fullmatch(line), PATTERN.fullmatch(line)
            if found:
                for index in found[2].split(','):
                    self.places['%s#%s' % (found[1], index)] = found[3]
            elif pattern:
                self.patterns.append((line, pattern[1], re.compile(pattern[2]), pattern[3]))
        self.used, self.rows = set(), collections.defaultdict(collections.Counter)

    def accept(self, group, place, differences):
        """Whether all of these are meant: by their place, or each by a pattern. They are counted in `rows`, by
        group and by row of the reasons."""
        name = place.partition('#')[0]
        for line in (place, name + '#*'):
            if line in self.places:
                return self.note(group, [(line, self.places[line])])
        reasons = [next(((line, reason) for line, names, regex, reason in self.patterns
                         if fnmatch.fnmatchcase(name, names) and regex.match(difference)), None)
                   for difference in differences]
        return None not in reasons and self.note(group, reasons)

    def note(self, group, reasons):
        self.used.update(line for line, _ in reasons)
        self.rows[group][re.search(r'\[\w+\]|$', reasons[0][1])[0] or 'others'] += 1
        return True

    def unused(self):
        """The lines that nothing deviates by any more."""
        known = [*self.places.items(), *((line, reason) for line, _, _, reason in self.patterns)]
        return sorted(line for line, reason in known
                      if line not in self.used and not reason.startswith('sometimes'))
