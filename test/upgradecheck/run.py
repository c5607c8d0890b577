#!/usr/bin/python3 -B
"""Updates of the extension from a released version: fresh and updated installations have equal catalogs, a shop lives
on while its library and its catalogs are exchanged one after the other, and nothing that somebody put in the script's
way is called. The shop, its random statements and the recomputation are the oracle's. SEED=n repeats a run."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / 'oracle'))

import psycopg2  # noqa: E402

import recompute  # noqa: E402
import relocated  # noqa: E402
import released_library  # noqa: E402
import shop  # noqa: E402
import workload  # noqa: E402

OLD = '0.1.0'
UPDATE = 'ALTER EXTENSION customer_identity UPDATE'
# Whether the server begins with the library of the released version.
HAS_OLD = os.environ.get('UPGRADECHECK_HAS_OLD') == 'yes'
STEPS = int(os.environ.get('STEPS', 120))
# What a call must never end with, whatever library meets whatever catalogs.
UNCLEAR = {'42883', '42704', '42P01', '58P01', 'XX000'}

# Functions in C that look at how many arguments they are declared with.
FEWER_ARGUMENTS = {'table_of_argument'}

checks = 0
ids = iter(range(1, 10**9, 10**6))


def check(passed, what):
    global checks
    if not passed:
        sys.exit(f'failed: {what}')
    checks += 1


def equal(found, expected, what):
    check(found == expected, f'{what}: {found!r} instead of {expected!r}')


def empty(rows, what):
    check(not rows, f'{what}: {rows[:5]}')


class Session(shop.Session):
    """One of any role, closed where its block ends."""

    def __init__(self, database='shop', user='postgres'):
        self.name, self.recent = 'upgradecheck', deque(maxlen=25)
        self.connection = psycopg2.connect(dbname=database, user=user, options='-c statement_timeout=60s')
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def refused(session, statement, code, hint, what):
    try:
        session.run(statement)
    except psycopg2.Error as error:
        check(error.pgcode == code and hint in (error.diag.message_hint or ''), f'{what}: {error.pgcode} {error}')
    else:
        check(False, f'{what}: it is not refused')


def psql(database, *arguments, **options):
    return subprocess.run(['psql', '-qXAt', '-v', 'ON_ERROR_STOP=1', '-d', database, *map(str, arguments)],
                          capture_output=True, text=True, **options)


def new_database(name, owner='postgres'):
    with Session('postgres') as server:
        server.run(f'CREATE DATABASE {name} OWNER {owner}')
    return name


def catalog(database):
    found = psql(database, '-f', HERE / 'catalog.sql')
    equal(found.stderr, '', f'the catalogs of {database} are read')
    return found.stdout.splitlines()


def same_catalogs(database, fresh, what):
    found, expected = set(catalog(database)), set(catalog(fresh))
    empty([f'+ {line}' for line in sorted(found - expected)] + [f'- {line}' for line in sorted(expected - found)],
          f'{what}: catalogs')
    check(len(found) > 500, f'{what}: there are catalogs')


# -- Fresh and updated ------------------------------------------------------------------------------------------------

def acls(database):
    """To the letter; catalog.sql compares them as they work."""
    with Session(database) as session:
        return session.run("""SELECT p.oid::regprocedure::text, p.proacl::text, i.initprivs::text FROM pg_proc AS p
            LEFT JOIN pg_init_privs AS i ON i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid
            WHERE p.pronamespace::regnamespace::text LIKE 'customer\\_identity%%' ORDER BY 1""")


def catalogs(installer):
    """Also what is granted stays, of functions that were made anew as well, and of workings nothing."""
    fresh, updated = new_database(f'fresh_{installer}', installer), new_database(f'updated_{installer}', installer)
    with Session(fresh, installer) as session:
        session.run('CREATE EXTENSION customer_identity')
    with Session(updated, installer) as session:
        session.run(f"CREATE EXTENSION customer_identity VERSION '{OLD}'")
        session.run('GRANT EXECUTE ON FUNCTION customer_identity.write_event(regclass, uuid, text, jsonb, text) TO clerk')
        session.run(UPDATE)
    same_catalogs(updated, fresh, f'installed by {installer}')
    equal(*map(acls, (updated, fresh)), f'installed by {installer}: rights as they are stored')
    rights = """SELECT p.oid::regprocedure::text FROM pg_proc AS p, aclexplode(p.proacl) AS a
        WHERE a.grantee = 'clerk'::regrole AND NOT a.is_grantable AND p.proname = ANY (%s) ORDER BY p.oid::regprocedure::text"""
    granted = new_database(f'granted_{installer}', installer)
    with Session(granted, installer) as session:
        session.run(f"CREATE EXTENSION customer_identity VERSION '{OLD}'")
        session.run('GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity TO clerk')
        released = session.value("SELECT array_agg(proname::text) FROM pg_proc WHERE pronamespace = 'customer_identity'::regnamespace")
        session.run(UPDATE)
        updated = session.run(rights, (released,))
        session.run('REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity FROM clerk')
        session.run('GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity TO clerk')
        equal(updated, session.run(rights, (released,)), f'who might execute what {installer} had installed may do so now')
        check(len(updated) > 40, 'that is a good deal')


def by_another_superuser():
    """The extension stays with who has installed it, and is the same whatever strings mean in the session."""
    database = new_database('by_another', 'shop_owner')
    with Session(database, 'shop_owner') as session:
        session.run(f"CREATE EXTENSION customer_identity VERSION '{OLD}'")
    with Session(database, 'admin') as session:
        if int(session.value('SHOW server_version_num')) < 190000:
            session.run('SET standard_conforming_strings = off')
        session.run(UPDATE)
    same_catalogs(database, 'fresh_shop_owner', 'updated by another superuser')


def refusals():
    database = new_database('squatted', 'shop_owner')
    with Session(database, 'shop_owner') as session:
        session.run(f"CREATE EXTENSION customer_identity VERSION '{OLD}'")
        session.run('CREATE SCHEMA customer_identity_internal')
        refused(session, UPDATE, '42P06', 'Drop or rename it first', 'a schema that is there is not taken over')
        session.run('DROP SCHEMA customer_identity_internal')
        session.run(UPDATE)
    with Session(new_database('outside')) as session:
        script = Path(relocated.pg_config('sharedir'), 'extension', f'customer_identity--{OLD}--{new_version()}.sql').read_text()
        check(script.startswith('\\echo Use "ALTER EXTENSION'), 'the script runs in ALTER EXTENSION alone')


def new_version():
    with Session('postgres') as session:
        return session.value("SELECT default_version FROM pg_available_extensions WHERE name = 'customer_identity'")


# -- A living shop ----------------------------------------------------------------------------------------------------

class Shop:
    """The oracle's shop and a second book of another owner, made by a released version."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        script = (HERE.parent / 'oracle/shop.sql').read_text()
        script = script.replace('CREATE EXTENSION customer_identity;', f"CREATE EXTENSION customer_identity VERSION '{OLD}';")
        with Session('shop') as session:
            session.run(script.replace('ALTER DATABASE postgres', 'ALTER DATABASE shop'))
            session.run("ALTER DATABASE shop SET customer_identity.sms_countries = 'DE'; CREATE EXTENSION pg_trgm")
        with Session('shop') as session:
            session.run((HERE / 'second_shop.sql').read_text())
            if HAS_OLD:
                self.verification = session.value('SELECT verification_id FROM customer_identity.start_verification(%s)', ('0151 99999999',))
                self.code = session.value(r"SELECT substring(body FROM '\d{6}') FROM customer_identity.sms_messages")

    def live(self, session, when):
        """Random statements in this session, and both books are exact after them."""
        work = workload.Workload(session, self.random, next(ids), workload.EXPECTED_TOGETHER)
        for _ in range(STEPS):
            work.step()
        session.run("INSERT INTO second.orders (login, phone, total) SELECT CASE WHEN n % 2 = 0 THEN 'u1' END, '0151 8888888' || n, n"
                    " FROM generate_series(1, 9) AS n")
        session.run("UPDATE second.orders SET total = total + 1, status = CASE WHEN status = 'paid' THEN 'open' ELSE 'paid' END")
        session.run("INSERT INTO second.users VALUES (gen_random_uuid()::text, '0151 7777777' || (random() * 9)::integer)")
        self.check(when)

    def begin(self, session, phone):
        """A transaction that the update is made in the middle of."""
        session.run("BEGIN; INSERT INTO market_orders (id, created_at, \"buyerPhone\", \"Amount\", state)"
                    " VALUES (%s, '2024-02-02', %s, 10, 'done')", (next(ids), phone))

    def finish(self, session, phone):
        session.run("INSERT INTO orders (id, phone, total, status) VALUES (%s, %s, 5, 'paid'); COMMIT", (next(ids), phone))

    def check(self, when):
        with Session() as session:
            found = recompute.differences(session, workload.READABLE)
            recompute.report(found)
            empty(found, f'{when}: the books are exact')
            empty(session.run("SELECT * FROM customer_identity.verify_totals('second.customers')"), f'{when}: the second book is exact')
            empty(session.run("""
                SELECT c.id FROM second.customers AS c
                LEFT JOIN (SELECT customer_id, count(*) AS orders, sum(total) AS spent FROM second.orders WHERE status = 'paid' GROUP BY 1) AS o
                    ON o.customer_id = c.id
                WHERE (c.total_orders, c.total_spent) IS DISTINCT FROM (COALESCE(o.orders, 0), COALESCE(o.spent, 0))"""),
                  f'{when}: and so it is added up by hand')
            empty(session.run('SELECT id FROM second.orders WHERE customer_id IS NULL'), f'{when}: every order has a customer')


def every_function(session, when):
    """Called with NULLs, each function does its work or says what to do: no error is about what we are made of."""
    calls = session.run("""
        SELECT p.prokind, p.oid::regproc::text, array_to_string(ARRAY(SELECT 'NULL::' || format_type(t, NULL) FROM unnest(p.proargtypes) AS t), ', ')
        FROM pg_proc AS p
        WHERE p.pronamespace = 'customer_identity'::regnamespace AND p.prorettype <> ALL ('{trigger,event_trigger}'::regtype[])""")
    outdated = 0
    for kind, name, arguments in calls:
        try:
            session.run(f'{"CALL" if kind == "p" else "SELECT * FROM"} {name}({arguments})'.replace('anyelement', 'text'))
        except psycopg2.Error as error:
            told = UPDATE in (error.diag.message_hint or '')
            outdated += told
            is_unclear = error.pgcode in UNCLEAR or 'customer_identity_internal' in error.diag.message_primary
            check(told or not is_unclear, f'{when}: {name}: {error.pgcode} {error}')
    check(len(calls) > 40, f'{when}: there are functions')
    return outdated


def attach_again(session):
    """As the shops did first, twice in a session: what it has read of a table's triggers is read anew."""
    calls = [call for name in (HERE.parent / 'oracle/shop.sql', HERE / 'second_shop.sql')
             for call in re.findall(r'^SELECT customer_identity\.attach_\w+\(.*?\);', name.read_text(), re.M | re.S)]
    for call in calls * 2:
        session.run(call)
    check(len(calls) > 3, 'there are tables to attach again')


def arguments_in_c(session):
    """{function in the library: with how many arguments it is declared}"""
    rows = session.run("SELECT prosrc, pronargs FROM pg_proc WHERE prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')"
                       " AND probin LIKE '%customer_identity%'")
    declared = {}
    for name, count in rows:
        declared.setdefault(name, set()).add(count)
    return declared


def living_shop(seed):
    """Before the update, with the new library under old catalogs, with the old library under new ones, and after."""
    place = Shop(seed)
    old = Session()
    place.live(old, f'{OLD} lives')
    relocated.put_library(Path(os.environ['UPGRADECHECK_PLACE']), os.environ['UPGRADECHECK_LIBRARY'])
    with Session() as new:
        place.live(new, 'new library, old catalogs')
        attach_again(new)
        place.live(new, 'tables are attached again')
        every_function(new, 'new library, old catalogs')
        declared = arguments_in_c(new)
    place.live(old, 'the session from before goes on')
    if HAS_OLD:
        refused(old, UPDATE, '55000', 'connect anew', 'a session with the old library updates nothing')
    with Session() as waiting, Session() as new:
        place.live(waiting, 'a session waits for the update')
        place.begin(old, '0151 55555551')
        place.begin(waiting, '0151 55555552')
        new.run(UPDATE)
        warned = 'may have loaded the library of an earlier version' in ''.join(new.connection.notices)
        check(warned, 'it tells of sessions that began before')
        place.finish(old, '0151 55555553')
        place.finish(waiting, '0151 55555554')
        place.live(old, 'old library, new catalogs')
        place.live(waiting, 'a session that was open during the update')
    with Session() as new:
        place.live(new, 'updated')
        equal(every_function(new, 'updated'), 0, 'no function says that it is outdated')
        now = arguments_in_c(new)
        changed = [f'{name}: {counts} arguments, {now[name]} now' for name, counts in declared.items() if name in now and not counts <= now[name]]
        empty([text for text in changed if text.split(':')[0] not in FEWER_ARGUMENTS], 'no function in C reads arguments that old catalogs do not pass')
        if HAS_OLD:
            answer = 'SELECT status FROM customer_identity.check_verification(%s, %s)'
            equal(new.value(answer, (place.verification, place.code)), 'approved', 'a code that was under way is answered')
    old.close()
    set_up(place)


def set_up(place):
    """check_setup() says what the update left to do; what it says is done until it says no more."""
    with Session() as session:
        for book in ('public.customers', 'second.customers'):
            findings = "SELECT finding, what_to_do FROM customer_identity.check_setup(%s) WHERE severity <> 'info' AND what_to_do ~ '^(SELECT|CALL)'"
            found = session.run(findings, (book,))
            check(found, f'{book}: there is something to do')
            for _, what in found:
                session.run(what)
            empty(session.run(findings, (book,)), f'{book}: it is done')
        place.live(session, 'set up anew')
        new_life(session)
        place.live(session, 'after a merge, a further phone and a rule')


def new_life(session):
    """What the released version did not have works in both books of the living shop."""
    for schema, place in (('public', 1), ('second', 2)):
        book = f'{schema}.customers'
        winner, loser = (session.value('SELECT customer_identity.get_or_create_customer(%s, customers => %s)', (f'0151 666660{place}{n}', book))
                         for n in (1, 2))
        merge = session.value('SELECT customer_identity.merge_customers(%s, %s, customers => %s)', (winner, loser, book))
        find = 'SELECT customer_identity.find_customer(%s, customers => %s)'
        equal(session.value(find, (f'0151 666660{place}2', book)), winner, f"{book}: a merged customer's phone leads to the winner")
        equal(session.value('SELECT customer_identity.current_customer(%s, %s)', (loser, book)), winner, f'{book}: and so does its id')
        session.run('SELECT customer_identity.unmerge_customers(%s, customers => %s)', (merge, book))
        equal(session.value(find, (f'0151 666660{place}2', book)), loser, f'{book}: the merge is undone')
        session.run('SELECT customer_identity.add_phone(%s, %s, customers => %s)', (winner, f'0151 666660{place}3', book))
        equal(session.value(find, (f'0151 666660{place}3', book)), winner, f'{book}: a further phone leads to its customer')
        session.run("SELECT customer_identity.set_phone_rule(%s, 'nobody', customers => %s)", (f'0151 666660{place}4', book))
        refused(session, f"SELECT customer_identity.get_or_create_customer('0151 666660{place}4', customers => '{book}')", 'CI001', 'set_phone_rule',
                f'{book}: a phone names nobody')


def restored():
    """A dump of the updated database has what one of a fresh one has."""
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(['pg_dump', '-Fc', '-f', file.name, 'shop'], check=True)
        new_database('restored')
        done = subprocess.run(['pg_restore', '--exit-on-error', '-d', 'restored', file.name], capture_output=True, text=True)
        equal(done.stderr, '', 'a dump of the updated database is restored')
    same_catalogs('restored', 'shop', 'restored, with what was granted')
    with Session('restored') as session:
        for book in ('public.customers', 'second.customers'):
            empty(session.run('SELECT * FROM customer_identity.verify_totals(%s)', (book,)), f'restored: {book} is exact')


# -- Look-alikes ------------------------------------------------------------------------------------------------------

def signatures(session):
    return session.value("""SELECT string_agg(proname || '(' || oidvectortypes(proargtypes) || ')', ';') FROM pg_proc
        WHERE pronamespace::regnamespace::text LIKE 'customer\\_identity%' """)


def plant():
    """mallory, who has installed the extension and owns its schema and the database, has filled that with what the
    scripts name, and public with what the update itself calls."""
    folder = relocated.pg_config('sharedir') / 'extension'
    whole = ''.join((folder / f'customer_identity--{name}.sql').read_text() for name in (new_version(), f'{OLD}--{new_version()}'))
    by_hand = ''.join(part.read_text() for part in (HERE.parent.parent / f'sql/updates/{OLD}--{new_version()}').iterdir())
    statements = (HERE.parent / 'lookalikes/plant.sql').read_text()
    with Session('fresh_postgres') as session:
        ours = signatures(session)
    with Session(new_database('planted', 'mallory'), 'mallory') as session:
        session.run(f"CREATE EXTENSION customer_identity VERSION '{OLD}'")
        ours += ';' + signatures(session)
        for script, schema in ((whole, 'customer_identity'), (by_hand, 'public')):
            session.run("SELECT set_config('lookalikes.script', %s, false), set_config('lookalikes.ours', %s, false)", (script, ours))
            session.run(statements.replace('customer_identity.%', f'{schema}.%'))


def lookalikes(updater):
    with Session('postgres') as server:
        server.run(f'CREATE DATABASE planted_{updater} TEMPLATE planted OWNER mallory')
    with Session(f'planted_{updater}', updater) as session:
        session.run(UPDATE)
    with Session(f'planted_{updater}') as session:
        planted = session.value("SELECT count(*) FROM pg_proc WHERE proowner = 'mallory'::regrole")
        check(planted > 2000, f'updated by {updater}: there are look-alikes')
        empty(session.run("""
            SELECT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend AS d
            LEFT JOIN pg_proc AS p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid AND p.proowner = 'mallory'::regrole
            LEFT JOIN pg_operator AS o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid AND o.oprowner = 'mallory'::regrole
            WHERE (p.oid IS NOT NULL OR o.oid IS NOT NULL)
                AND NOT (d.classid = 'pg_operator'::regclass AND d.objid IN (SELECT oid FROM pg_operator WHERE oprowner = 'mallory'::regrole))"""),
              f'updated by {updater}: nothing depends on look-alikes')
        check(session.value("SELECT NOT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), f'updated by {updater}: mallory is who she was')


# -- The servers ------------------------------------------------------------------------------------------------------

def in_the_cluster():
    seed = shop.take_seed()
    with Session('postgres') as session:
        session.run('CREATE ROLE shop_owner LOGIN; CREATE ROLE mallory LOGIN; CREATE ROLE clerk; CREATE ROLE admin LOGIN SUPERUSER')
    new_database('shop')
    living_shop(seed)
    for installer in ('postgres', 'shop_owner'):
        catalogs(installer)
    by_another_superuser()
    refusals()
    restored()
    plant()
    for updater in ('mallory', 'postgres'):
        lookalikes(updater)
    print(f'upgradecheck: {checks} checks passed')


def main():
    """A server of its own, whose library can be exchanged without touching the one that is installed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    old, reason = released_library.released_library(OLD)
    new = relocated.pg_config('pkglibdir') / relocated.LIBRARY
    if old is None:
        print(f'skipped: sessions that keep the library of {OLD}: {reason}', flush=True)
    root = Path(tempfile.mkdtemp(prefix='customer_identity.', dir='/tmp'))
    try:
        root.chmod(0o755)
        pg_config = relocated.install(root)
        place = relocated.installed_library(root)
        relocated.put_library(place, old or new)
        environment = {**os.environ, 'PG_CONFIG': str(pg_config), 'UPGRADECHECK_PLACE': str(place),
                       'UPGRADECHECK_LIBRARY': str(new), 'UPGRADECHECK_HAS_OLD': 'yes' if old else 'no'}
        return subprocess.run([HERE.parent / 'cluster.sh', Path(__file__).resolve()], env=environment).returncode
    finally:
        shutil.rmtree(root)


if 'UPGRADECHECK_PLACE' in os.environ:
    in_the_cluster()
else:
    sys.exit(main())
