#!/usr/bin/python3 -B
"""Look-alikes: schema customer_identity is full of functions and operators that look like what the extension's SQL
uses, made before CREATE EXTENSION, committed while its script runs, or made by the schema's owner afterwards. None is
called, and nothing of the extension depends on one; nobody gains a right."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg2

HERE = Path(__file__).resolve().parent
SHARE = subprocess.run([os.environ.get('PG_CONFIG', 'pg_config'), '--sharedir'], capture_output=True, text=True, check=True).stdout.strip()
CONTROL = Path(HERE, '..', '..', 'customer_identity.control').read_text()
VERSION = re.search(r"default_version = '(.*)'", CONTROL)[1]
SCRIPT = Path(SHARE, f'extension/customer_identity--{VERSION}.sql').read_text()
WORKLOAD = str(HERE / 'workload.sql')
# Where the script is made to wait while another session commits: it comes to these functions one after the other.
WAITS = ('customer_identity.normalize_phone(text, text)', 'customer_identity.start_verification(text, text, text, inet, text, regclass)')

checks = 0
ours = ''


def check(passed, what):
    global checks
    if not passed:
        sys.exit(f'failed: {what}')
    checks += 1


def connect(database, user='postgres'):
    connection = psycopg2.connect(dbname=database, user=user)
    connection.autocommit = True
    return connection


def run(connection, statement, *arguments):
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments or None)
        return cursor.fetchall() if cursor.description else []


def signatures():
    """name(types) of every function of the extension."""
    server = connect('postgres')
    run(server, 'CREATE EXTENSION customer_identity')
    found = run(server, """
        SELECT string_agg(proname || '(' || oidvectortypes(proargtypes) || ')', ';') FROM pg_proc
        WHERE pronamespace IN ('customer_identity'::regnamespace, 'customer_identity_internal'::regnamespace)""")[0][0]
    run(server, 'DROP EXTENSION customer_identity')
    server.close()
    return found


def plant(connection):
    run(connection, 'SELECT set_config(%s, %s, false), set_config(%s, %s, false)',
        'lookalikes.script', SCRIPT, 'lookalikes.ours', ours)
    run(connection, (HERE / 'plant.sql').read_text())


def new_database(name):
    with_server = connect('postgres')
    run(with_server, f'CREATE DATABASE {name} OWNER mallory')
    with_server.close()
    owner = connect(name, 'mallory')
    run(owner, 'CREATE SCHEMA customer_identity')
    return owner


def check_database(name, what):
    """The whole workload runs as a superuser, and nothing of ours depends on what mallory made."""
    superuser = connect(name)
    check(run(superuser, "SELECT count(*) > 1000 FROM pg_proc WHERE pronamespace = 'customer_identity'::regnamespace AND proowner = 'mallory'::regrole")[0][0],
          f'{what}: the look-alikes are there')
    dependent = run(superuser, """
        SELECT pg_describe_object(d.classid, d.objid, d.objsubid), pg_describe_object(d.refclassid, d.refobjid, 0)
        FROM pg_depend AS d
        LEFT JOIN pg_proc AS p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid AND p.proowner = 'mallory'::regrole
        LEFT JOIN pg_operator AS o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid AND o.oprowner = 'mallory'::regrole
        WHERE (p.oid IS NOT NULL OR o.oid IS NOT NULL)
            AND NOT (d.classid = 'pg_operator'::regclass AND d.objid IN (SELECT oid FROM pg_operator WHERE oprowner = 'mallory'::regrole))""")
    check(not dependent, f'{what}: these depend on look-alikes: {dependent[:5]}')
    run(superuser, 'CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public')
    superuser.close()
    done = subprocess.run(['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', name, '-f', WORKLOAD], capture_output=True, text=True)
    check(done.returncode == 0 and 'EV001' not in done.stderr, f'{what}: {done.stderr[-2000:]}')


def check_role(what):
    server = connect('postgres')
    check(run(server, "SELECT NOT rolsuper AND NOT rolcreaterole FROM pg_roles WHERE rolname = 'mallory'")[0][0], f'{what}: mallory is who she was')
    server.close()


def before():
    owner = new_database('made_before')
    plant(owner)
    for installer in (owner, connect('made_before')):
        try:
            run(installer, 'CREATE EXTENSION customer_identity')
            check(False, 'a schema full of look-alikes is refused')
        except psycopg2.Error as error:
            check(error.pgcode == '55000', f'a schema full of look-alikes is refused: {error}')
        installer.close()


def race(number, place, installer):
    """One session holds look-alikes back, another one makes the script wait at a function, the first one commits."""
    name = f'race_{number}'
    owner = new_database(name)
    blocker, planter, script = connect(name, 'mallory'), connect(name, 'mallory'), connect(name, installer)
    run(planter, 'BEGIN')
    plant(planter)
    run(blocker, 'BEGIN')
    run(blocker, f"CREATE FUNCTION {place} RETURNS text LANGUAGE sql AS 'SELECT NULL::text'")
    failure = []

    def install():
        try:
            run(script, 'CREATE EXTENSION customer_identity')
        except psycopg2.Error as error:
            failure.append(error)
    thread = threading.Thread(target=install)
    thread.start()
    watcher = connect('postgres')
    waiting = 'SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = %s'
    while thread.is_alive() and not run(watcher, waiting, script.get_backend_pid(), 'Lock')[0][0]:
        time.sleep(0.01)
    check(thread.is_alive(), f'the script waits at {place}: {failure}')
    run(planter, 'COMMIT')
    run(blocker, 'ROLLBACK')
    thread.join()
    check(not failure, f'the script goes on at {place}: {failure}')
    for session in (owner, blocker, planter, script, watcher):
        session.close()
    check_role(f'race at {place}')
    check_database(name, f'race at {place} of {installer}')


def afterwards():
    owner = new_database('made_afterwards')
    run(owner, 'CREATE EXTENSION customer_identity')
    plant(owner)
    owner.close()
    check_database('made_afterwards', 'made afterwards')
    check_role('made afterwards')


def main():
    global ours
    ours = signatures()
    server = connect('postgres')
    run(server, 'CREATE ROLE mallory LOGIN')
    server.close()
    before()
    for number, place in enumerate(WAITS):
        race(number, place, ('mallory', 'postgres')[number % 2])
    afterwards()
    print(f'lookalikes: {checks} checks passed')


main()
