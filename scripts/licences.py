#!/usr/bin/python3 -B
"""NOTICE.md names the licence of what others made: libraries that the sources include, data, and files with a copyright of their own."""

import re
import sys
from pathlib import Path

from tracked_files import tracked_files

OURS = {path.name for path in Path('src').glob('*')} | {'sys', 'arpa', 'netinet'}
# Headers of PostgreSQL, by their folders.
SERVER = set("""access catalog commands common executor fmgr foreign funcapi lib libpq mb miscadmin nodes optimizer parser
    partitioning pgstat port postmaster replication rewrite statistics storage tcop tsearch utils""".split())
DATA = {'.tsv', '.csv', '.bin', '.dat', '.xml'}
OUR_COPYRIGHT = 'customer_identity contributors'


def faults(notice):
    files = [Path(name) for name in tracked_files()]
    for file in files:
        if file.suffix in ('.cpp', '.hpp') and file.parts[0] == 'src':
            for library in re.findall(r'#include [<"](\w+)/', file.read_text(encoding='utf-8')):
                if library not in OURS | SERVER and f'`{library}/`' not in notice:
                    yield f'{file} includes {library}, which NOTICE.md does not name'
        elif file.suffix in DATA and not any(f'`{parent}/`' in notice for parent in file.parents) and file.parts[0] != 'bench':
            yield f'{file} is data, and NOTICE.md does not say whose'
        if file.suffix not in DATA and file.name not in ('NOTICE.md', 'copyright', 'licences.py'):
            text = file.read_bytes().decode('utf-8', 'replace')
            for holder in re.findall(r'^\W*Copyright (?:\(c\)|©|\d{4})[ ,\d-]*(.*)$', text, re.M | re.I):
                if OUR_COPYRIGHT not in holder and f'`{file.parent}/`' not in notice:
                    yield f'{file} has a copyright of {holder}, which NOTICE.md does not name'


def main():
    found = sorted(set(faults(Path('NOTICE.md').read_text(encoding='utf-8'))))
    if found:
        sys.exit('\n'.join(found))


main()
