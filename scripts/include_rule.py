#!/usr/bin/python3 -B
"""The rooms of src/: each includes those before it and itself, src/phone itself alone, src/module.cpp all of them.
PostgreSQL is included by src/pg/postgres.hpp alone, but for its templates. What a file of sql/ calls of the workings is made in its room or in
one before it. What differs between the majors of PostgreSQL is called by src/pg/majors.hpp alone. Statements in C++ name the schema of
their operators.
  scripts/include_rule.py SERVER_HEADERS [FOLDER]      FOLDER holds src/ and sql/ (the current one)"""

import re
import sys
from pathlib import Path

ROOMS = ['phone', 'pg', 'phones', 'book', 'search', 'history', 'totals', 'identity', 'loyalty', 'verification', 'sms', 'administration', 'lifecycle', 'privacy']
NO_ROOMS = ['sql/released', 'sql/updates']
DOOR = 'src/pg/postgres.hpp'
MAJORS = 'src/pg/majors.hpp'
TEMPLATES = ['lib/simplehash.h']  # written for each include anew: src/pg may
DIFFERS = re.compile(r'\b((?:numeric_(?:add|sub)_(?:opt_error|safe)|index_beginscan|table_beginscan|table_tuple_update|ExecInsertIndexTuples'
                     r'|ExecCheckIndexConstraints|pushJsonbValue|tuplesort_getdatum|get_guc_variables|unicode_normalize|object_aclcheck'
                     r'|pg_namespace_aclcheck)\(|(?:PG_RETURN_POINTER|PointerGetDatum)\((?=nullptr)|PG_VERSION_NUM)')
# These look for their operators on the path of who calls.
UNQUALIFIED = re.compile(r'"[^"\n]*\b(IS (?:NOT )?DISTINCT FROM|NULLIF\(|BETWEEN|I?LIKE|IN \()')
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)', re.M)
MADE = re.compile(r'^CREATE (?:FUNCTION|PROCEDURE|VIEW|TYPE) customer_identity_internal\.(\w+)', re.M)
CALLED = re.compile(r'customer_identity_internal\.(\w+)')


def complaint(file, header, server_headers):
    """What is wrong with a file's including a header, or None."""
    is_template = header in TEMPLATES and file.parts[1] == 'pg'
    if str(file) != DOOR and not is_template and (server_headers / header).exists():
        return f"{file} includes PostgreSQL's {header}"
    room, other = file.parts[1], header.partition('/')[0]
    if room == 'module.cpp' or other == room or other not in ROOMS:
        return None
    if room == 'phone' or ROOMS.index(other) > ROOMS.index(room):
        return f'{file} includes {header}, which is above it'
    return None


def complaints(folder, server_headers):
    for path in sorted([*(folder / 'src').glob('*/'), *(folder / 'sql').glob('*/')]):
        name = str(path.relative_to(folder))
        if path.is_dir() and path.name not in ROOMS and name not in NO_ROOMS:
            yield f'{name} is not among the rooms of scripts/include_rule.py'
            return
    for path in sorted((folder / 'src').rglob('*.[ch]pp')):
        for header in INCLUDE.findall(path.read_text(encoding='utf-8')):
            found = complaint(path.relative_to(folder), header, server_headers)
            if found:
                yield found
        for name in DIFFERS.findall(path.read_text(encoding='utf-8')) if path != folder / MAJORS else ():
            yield f'{path.relative_to(folder)} uses {name}, which is not the same in all majors'
        for name in UNQUALIFIED.findall(path.read_text(encoding='utf-8')):
            yield f'{path.relative_to(folder)} says {name}, which looks for an operator on any path: write OPERATOR(pg_catalog.=)'


def complaints_of_sql(folder):
    texts = {path: path.read_text(encoding='utf-8') for room in ROOMS for path in sorted((folder / 'sql' / room).glob('*.sql'))}
    room_of = {name: path.parent.name for path, text in texts.items() for name in MADE.findall(text)}
    for path, text in texts.items():
        for name in sorted(room_of.keys() & set(CALLED.findall(text))):
            if ROOMS.index(room_of[name]) > ROOMS.index(path.parent.name):
                yield f'{path.relative_to(folder)} calls {name}, which is above it'


def main():
    server_headers, folder = Path(sys.argv[1]), Path(*sys.argv[2:])
    found = [*complaints(folder, server_headers), *complaints_of_sql(folder)]
    if found:
        sys.exit('\n'.join(found))


main()
