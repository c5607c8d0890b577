#!/usr/bin/env python3
"""Writes sql/updates/customer_identity--OLD--NEW.sql, which brings an installed version up to the one of the control file:

    scripts/write_update.py            writes it for each folder sql/updates/OLD--NEW
    scripts/write_update.py --check    fails where what is there is not what it would write

It compares sql/released/customer_identity--OLD.sql with the files of sql/order. Functions that are in both keep their
OID, whichever schema they are in now, and with it what depends on them and who may execute them; one whose arguments
or result are others is made anew and takes the rights of the old one. What a comparison of texts cannot tell is
written by hand: sql/updates/OLD--NEW/first.sql (tables, indexes, schemas) and last.sql (event triggers, owners)."""

import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PUBLIC, WORKINGS = 'customer_identity', 'customer_identity_internal'
ROUTINE = re.compile(
    r'CREATE (FUNCTION|PROCEDURE) (?:(\w+)\.)?(\w+)\s*\((.*?)\)\s*(RETURNS .*?)?\s*\n    LANGUAGE', re.S)
QUALIFIER = re.compile(rf'\b{PUBLIC}(_internal)?\.')


class Routine(NamedTuple):
    kind: str
    schema: str
    name: str
    arguments: str
    result: str
    text: str

    def shape(self):
        """What CREATE OR REPLACE cannot change."""
        return squeezed(QUALIFIER.sub('', f'{self.arguments} {self.result}'))

    def types(self):
        """The types of the arguments that identify it, as a list in SQL."""
        return ', '.join(filter(None, map(type_of, arguments_in(self.arguments))))

    def signature(self, schema=None):
        return f'{schema or self.schema}.{self.name}({self.types()})'


def squeezed(text):
    return ' '.join(text.split())


def without_comments(text):
    return re.sub(r'^\s*--.*\n?', '', text, flags=re.M).strip()


def arguments_in(text):
    """The arguments of a list, split at the commas that are in no quotes or brackets."""
    return re.findall(r"(?:'[^']*'|\([^)]*\)|[^,'(])+", text)


def type_of(argument):
    """The type of an argument; None for one that is only returned."""
    words = squeezed(re.split(r'\s(?:DEFAULT|=)\s', argument)[0]).split(' ')
    if words[0] == 'OUT':
        return None
    if words[0] in ('IN', 'INOUT', 'VARIADIC'):
        words = words[1:]
    return ' '.join(words[1:])


def statements_of(text):
    """The statements of an install script, each with the comments before it."""
    token = re.compile(r"--[^\n]*|'[^']*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$|;", re.S)
    start, is_atomic = 0, False
    for found in token.finditer(text):
        if found[0] != ';':
            continue
        statement = text[start:found.end()]
        is_atomic = '\nBEGIN ATOMIC\n' in statement
        if is_atomic and not statement.endswith('\nEND;'):
            continue
        yield statement.strip('\n')
        start = found.end()


def routine_in(statement):
    found = ROUTINE.match(without_comments(statement))
    if not found:
        return None
    kind, schema, name, arguments, result = found.groups()
    return Routine(kind, schema or PUBLIC, name, arguments, result or '', statement)


def named(statement, what):
    """The schema and the name of what a statement of this kind is about, or None."""
    found = re.match(rf'{what} (?:(\w+)\.)?(\w+)', without_comments(statement))
    return found and (found[1] or PUBLIC, found[2])


class Script:
    """What an install script makes."""

    def __init__(self, text):
        self.statements = list(statements_of(text))
        self.routines = {r.name: r for r in map(routine_in, self.statements) if r}
        self.types = self.all_named('CREATE TYPE')
        self.views = self.all_named('CREATE VIEW')
        self.languages = self.all_named('CREATE LANGUAGE')
        self.tables = self.all_named('CREATE TABLE')
        self.revoked = {name for _, name in filter(None, (
            named(s, r'REVOKE EXECUTE ON (?:FUNCTION|PROCEDURE)') for s in self.statements))}

    def all_named(self, what):
        found = ((named(s, what), s) for s in self.statements)
        return {name[1]: (name[0], s) for name, s in found if name}


class Update:
    """The statements that make the one script's objects those of the other."""

    def __init__(self, old, new):
        self.old, self.new = old, new
        self.kept = {n for n, r in new.routines.items() if n in old.routines and old.routines[n].shape() == r.shape()}

    def types_of_old(self, routine):
        """Old scripts do not qualify the types that they make."""
        own = '|'.join({**self.old.types, **self.old.views, **self.old.tables})
        return re.sub(rf'(?<![.\w])({own})\b', rf'{PUBLIC}.\1', routine.types())

    def moves(self):
        yield '-- The workings move. Their OIDs stay, and with them triggers, policies and views. Their rights are as they are made:'
        yield '-- anybody may execute them unless it is revoked below.'
        for name, routine in self.old.routines.items():
            if name in self.kept and self.new.routines[name].schema != routine.schema:
                yield (f'ALTER {routine.kind} {routine.schema}.{name}({self.types_of_old(routine)})'
                       f' SET SCHEMA {self.new.routines[name].schema};')
        yield f'GRANT EXECUTE ON ALL ROUTINES IN SCHEMA {WORKINGS} TO PUBLIC;'
        yield '\n-- What takes or gives something else now waits under another name until nothing names it any more.'
        for name, routine in self.old.routines.items():
            if name not in self.kept:
                kind, types = routine.kind, self.types_of_old(routine)
                yield f'ALTER {kind} {routine.schema}.{name}({types}) RENAME TO released_{name};'
                if routine.schema != WORKINGS:
                    yield f'ALTER {kind} {routine.schema}.released_{name}({types}) SET SCHEMA {WORKINGS};'
        yield ''
        for kind, olds, news in (('TYPE', self.old.types, self.new.types), ('VIEW', self.old.views, self.new.views)):
            for name, (schema, _) in olds.items():
                if news[name][0] != schema:
                    yield f'ALTER {kind} {schema}.{name} SET SCHEMA {news[name][0]};'

    def definitions(self):
        for statement in self.new.statements:
            written = self.written(statement)
            if written:
                yield written

    def written(self, statement):
        """The statement as an update says it, or None where nothing is to be done."""
        if routine := routine_in(statement):
            return replacing(statement, routine.kind) if routine.name in self.kept else statement
        if view := named(statement, 'CREATE VIEW'):
            return replacing(statement, 'VIEW') if view[1] in self.old.views else statement
        if type_ := named(statement, 'CREATE TYPE'):
            return self.written_type(type_[1], statement)
        if revoked := named(statement, r'REVOKE EXECUTE ON (?:FUNCTION|PROCEDURE)'):
            is_as_before = revoked[1] in self.kept and revoked[1] in self.old.revoked
            return None if is_as_before and revoked[0] == PUBLIC else statement
        if granted := named(statement, 'GRANT SELECT ON'):
            return None if granted[1] in self.old.views else statement
        if language := named(statement, 'CREATE LANGUAGE'):
            return None if language[1] in self.old.languages else statement
        return statement if re.match(r'COMMENT ON|CREATE AGGREGATE', without_comments(statement)) else None

    def written_type(self, name, statement):
        if name not in self.old.types:
            return statement
        old, new = (squeezed(QUALIFIER.sub('', without_comments(text))) for text in (self.old.types[name][1], statement))
        if new == old:
            return None
        added = new.removeprefix(old.removesuffix(' );') + ', ')
        if added == new:
            sys.exit(f'type {name} has lost or changed columns: change it in first.sql, and let this program know')
        columns = ', '.join(f'ADD ATTRIBUTE {column}' for column in added.removesuffix(' );').split(', '))
        return f'ALTER TYPE {self.new.types[name][0]}.{name} {columns};'

    def rights(self):
        """Who might execute what is made anew may execute it now; then what waited goes."""
        released = [r for n, r in self.old.routines.items() if n not in self.kept]
        opened = [n for n in self.kept if self.new.routines[n].schema == PUBLIC
                  and n in self.old.revoked and n not in self.new.revoked]
        for name in sorted(opened):
            yield f'GRANT EXECUTE ON {self.new.routines[name].kind} {self.new.routines[name].signature()} TO PUBLIC;'
        created = [r for n, r in self.new.routines.items() if n not in self.kept and r.schema == PUBLIC]
        yield RIGHTS % (',\n        '.join(f"('{r.name}', '{r.signature()}'::regprocedure)" for r in created))
        yield 'DROP ROUTINE\n    ' + ',\n    '.join(f'{WORKINGS}.released_{r.name}' for r in released) + ';'


RIGHTS = """\
-- What is new in schema customer_identity belongs to whom the rest belongs to, and who might execute a function
-- before it was made anew may do so now.
DO $$
DECLARE
    owner constant regrole := (SELECT p.proowner FROM pg_proc AS p WHERE p.oid = 'customer_identity.normalize_phone(text, text)'::regprocedure);
    extension_owner constant regrole := (SELECT e.extowner FROM pg_extension AS e WHERE e.extname = 'customer_identity');
    made record;
    given record;
BEGIN
    FOR made IN SELECT * FROM (VALUES
        %s
    ) AS v (name, routine) LOOP
        EXECUTE format('ALTER ROUTINE %%s OWNER TO %%s', made.routine, owner);
        IF NOT EXISTS (
            SELECT FROM pg_proc AS p
            WHERE p.pronamespace = 'customer_identity_internal'::regnamespace AND p.proname = 'released_' || made.name
        ) THEN
            EXECUTE format('GRANT EXECUTE ON ROUTINE %%s TO %%s WITH GRANT OPTION', made.routine, extension_owner);
        END IF;
        FOR given IN
            SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS to_whom, a.is_grantable
            FROM pg_proc AS p
            CROSS JOIN LATERAL aclexplode(p.proacl) AS a
            WHERE p.pronamespace = 'customer_identity_internal'::regnamespace AND p.proname = 'released_' || made.name
                AND a.grantee <> p.proowner
        LOOP
            EXECUTE format('GRANT EXECUTE ON ROUTINE %%s TO %%s %%s', made.routine, given.to_whom,
                CASE WHEN given.is_grantable THEN 'WITH GRANT OPTION' ELSE '' END);
        END LOOP;
        -- GRANT cannot say who granted, and only he could revoke it; and in a script it means what the extension gives
        -- by itself, which no dump has.
        UPDATE pg_proc AS p
        SET proacl = r.proacl
        FROM pg_proc AS r
        WHERE p.oid = made.routine AND r.pronamespace = 'customer_identity_internal'::regnamespace
            AND r.proname = 'released_' || made.name AND r.proowner = p.proowner;
        UPDATE pg_init_privs AS i
        SET initprivs = o.initprivs
        FROM pg_init_privs AS o
        JOIN pg_proc AS r ON r.oid = o.objoid
        WHERE i.objoid = made.routine AND i.classoid = 'pg_proc'::regclass AND o.classoid = 'pg_proc'::regclass
            AND r.pronamespace = 'customer_identity_internal'::regnamespace AND r.proname = 'released_' || made.name;
    END LOOP;
END
$$;"""


def replacing(statement, what):
    return re.sub(rf'^CREATE {what} ', f'CREATE OR REPLACE {what} ', statement, count=1, flags=re.M)


def install_script():
    files = re.findall(r'^[^#\s].*', (ROOT / 'sql/order').read_text(), re.M)
    return ''.join((ROOT / 'sql' / f).read_text() for f in files if f not in ('prologue.sql', 'epilogue.sql'))


def update_script(old, new):
    by_hand = ROOT / f'sql/updates/{old}--{new}'
    released = (ROOT / f'sql/released/customer_identity--{old}.sql').read_text()
    update = Update(Script(released), Script(install_script()))
    return '\n'.join([(by_hand / 'first.sql').read_text(), *update.moves(), '', *update.definitions(), '',
                      *update.rights(), '', (by_hand / 'last.sql').read_text()])


def main():
    new = re.search(r"default_version = '(.*)'", (ROOT / 'customer_identity.control').read_text())[1]
    for folder in sorted((ROOT / 'sql/updates').glob(f'*--{new}')):
        old = folder.name.split('--')[0]
        file = ROOT / f'sql/updates/customer_identity--{old}--{new}.sql'
        written = update_script(old, new)
        if '--check' not in sys.argv:
            file.write_text(written)
        elif not file.exists() or file.read_text() != written:
            sys.exit(f'{file.relative_to(ROOT)} is out of date: make update-scripts writes it')


main()
