#!/usr/bin/python3 -B
"""The control file is the source of the version; what repeats it says the same.

    scripts/same_version.py --released    and CHANGELOG.md has the date of the release, which debian/changelog repeats
"""

import json
import re
import sys
from email.utils import parsedate_to_datetime
from pathlib import Path

NAME = 'customer_identity'


def text(path):
    return Path(path).read_text(encoding='utf-8')


def reaches(version, wanted):
    """Whether scripts lead from a released version to the wanted one."""
    steps = [path.stem.split('--')[1:] for path in Path('sql/updates').glob(f'{NAME}--*--*.sql')]
    return version == wanted or any(reaches(target, wanted) for source, target in steps if source == version)


def faults(version):
    meta = json.loads(text('META.json'))
    log, date = re.search(r'^## \[(.*?)\] - (.*)$', text('CHANGELOG.md'), re.M).groups()
    package = re.match(r'customer-identity \((.*)-[^-]*\)', text('debian/changelog'))[1]
    readme = re.search(r'this is (\d+\.\d+\.\d+)\. Within (\d+\.\d+) we keep', text('README.md')) or ('', 'nothing', 'nothing')
    said = {
        "META.json's name": (meta['name'], NAME),
        'META.json': (meta['version'], version),
        "META.json's provides": (meta['provides'][NAME]['version'], version),
        "CHANGELOG.md's first heading": (log, version),
        'debian/changelog': (package, version),
        'README.md': (readme[1], version),
        "README.md's promise": (readme[2], version.rpartition('.')[0]),
    }
    yield from (f'{where} says {found}, not {wanted}' for where, (found, wanted) in said.items() if found != wanted)
    for script in Path('sql/released').glob('*.sql'):
        released = script.stem.split('--')[1]
        if not reaches(released, version):
            yield f'sql/updates does not lead from {released} to {version}'
    if '--released' in sys.argv:
        packaged = parsedate_to_datetime(re.search(r'^ -- .*>  (.*)$', text('debian/changelog'), re.M)[1]).date()
        if date != str(packaged):
            yield f'CHANGELOG.md has "{date}" as the date of {version}, debian/changelog {packaged}'


def main():
    version = re.search(r"^default_version *= *'(.*)'", text(f'{NAME}.control'), re.M)[1]
    found = list(faults(version))
    if found:
        sys.exit(f'{NAME}.control says {version}.\n' + '\n'.join(found))


main()
