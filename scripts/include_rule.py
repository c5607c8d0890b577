#!/usr/bin/python3 -B
"""The rooms of src/: each includes those before it and itself, src/phone itself alone, src/module.cpp all of them.
PostgreSQL is included by src/pg/postgres.hpp alone.
  scripts/include_rule.py SERVER_HEADERS [FOLDER]      FOLDER holds src/ (the current one)"""

import re
import sys
from pathlib import Path

ROOMS = ['phone', 'pg', 'phones', 'book', 'search', 'history', 'totals', 'identity', 'loyalty', 'verification', 'sms', 'administration']
DOOR = 'src/pg/postgres.hpp'
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)', re.M)


def complaint(file, header, server_headers):
    """What is wrong with a file's including a header, or None."""
    if str(file) != DOOR and (server_headers / header).exists():
        return f"{file} includes PostgreSQL's {header}"
    room, other = file.parts[1], header.partition('/')[0]
    if room == 'module.cpp' or other == room or other not in ROOMS:
        return None
    if room == 'phone' or ROOMS.index(other) > ROOMS.index(room):
        return f'{file} includes {header}, which is above it'
    return None


def complaints(folder, server_headers):
    for room in sorted(path.name for path in (folder / 'src').iterdir() if path.is_dir()):
        if room not in ROOMS:
            yield f'src/{room} is not among the rooms of scripts/include_rule.py'
            return
    for path in sorted((folder / 'src').rglob('*.[ch]pp')):
        for header in INCLUDE.findall(path.read_text(encoding='utf-8')):
            found = complaint(path.relative_to(folder), header, server_headers)
            if found:
                yield found


def main():
    server_headers, folder = Path(sys.argv[1]), Path(*sys.argv[2:])
    found = list(complaints(folder, server_headers))
    if found:
        sys.exit('\n'.join(found))


main()
