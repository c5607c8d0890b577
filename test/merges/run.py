#!/usr/bin/python3 -B
"""A merge that is undone leaves the database as it was, apart from the history: in BOOKS random books (1000), with tables of
strangers that refer to customers in every way. A merge moves rows and deletes none, or is refused and changes nothing, as its
preview said. The books are the same ones each time, unless SEED names others."""

import itertools
import os
import random
import re
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'oracle'))

import shapes
import shop

BOOKS = int(os.environ.get('BOOKS', 1000))
# Books that share their tables, and are filled anew each time.
FILLINGS = 10
SESSIONS = 2
# Of so many books a dump by pg_dump is compared as well.
DUMPED = 6
PHONES = [f'030 1234{n:02}' for n in range(12)]
HOME = 'Asia/Kolkata'
ZONES = (HOME, 'UTC', 'America/New_York')


class Wrong(Exception):
    pass


def differences(before, after):
    """What two states, {table: rows}, have not in common."""
    for table in sorted(before.keys() | after.keys()):
        old, new = Counter(before.get(table, ())), Counter(after.get(table, ()))
        if old != new:
            yield f'{table}: gone {list((old - new).elements())[:3]}, new {list((new - old).elements())[:3]}'


# Where an id of a merged customer is right, or rows come and go with the merge.
MERGE_KEEPS = ('customer_merges', 'duplicate_dismissals')
CHANGED = ('customers', 'customer_merges', 'customer_phones')


def rows_by_table(state):
    """How many rows the tables have that a merge leaves the number of; partitions are one table."""
    counts = Counter()
    for table, rows in state.items():
        if table not in CHANGED and not table.endswith('_counts'):
            counts[re.sub(r'_(\d|paid|rest|old|new)$', '', table)] += sum(rows.values())
    return counts


class Layout:
    """A schema with a book, and all that refers to it."""

    def __init__(self, session, seed, number):
        self.session, self.name = session, f'{seed} {number}'
        self.choose = random.Random(self.name)
        self.schema = f'book{number}'
        self.done = Counter()
        made, self.user_key = shapes.shop(self.choose, self.schema)
        self.customers = f'{self.schema}.customers'
        self.strangers = {}
        self.children = {}
        for n in range(self.choose.randint(1, shapes.STRANGERS)):
            made += self.make_stranger(n)
        for statement in made:
            session.run(statement)
        tables = session.run("SELECT oid::regclass::text FROM pg_class WHERE relnamespace IN (%s::regnamespace, ('crm_' || %s)::regnamespace)"
                             " AND (relname = 'customer_events') IS FALSE AND relkind = 'r' AND relpersistence = 'p'", (self.schema, self.schema))
        self.tables = [table for table, in tables]
        self.contents = ' UNION ALL '.join(
            f"SELECT '{t}', array_agg(t::text) FROM {t} AS t HAVING count(*) > 0" for t in self.tables)

    def make_stranger(self, n):
        choose = self.choose
        table = f'{choose.choice(("crm_", ""))}{self.schema}.t{n}'
        made, columns = shapes.stranger(choose, table, self.customers)
        self.strangers[table] = columns
        if choose.random() < 0.3 and 'PARTITION' not in made[0]:
            made.append(f'ALTER TABLE {table} ADD number int GENERATED ALWAYS AS IDENTITY')
            made += shapes.child(choose, f'{table}_lines', table, self.customers)
            self.children[f'{table}_lines'] = table
        if table.startswith('crm_') and choose.random() < 0.3:
            made.append(f'ALTER TABLE {table} OWNER TO stranger')
            made += [f'ALTER TABLE {table}_counts OWNER TO stranger'] if any('_counts' in m for m in made) else []
        return made

    def state(self):
        return {table: Counter(rows) for table, rows in self.session.run(self.contents)}

    def attempt(self, sql, values=None, allowed=()):
        """The answer, or None for an error with one of the codes; `allowed` None: with any code."""
        session = self.session
        session.run('SAVEPOINT attempt')
        try:
            value = session.value(sql, values)
            session.run('RELEASE attempt')
            return value
        except psycopg2.Error as error:
            if allowed is not None and error.pgcode not in allowed:
                raise
            session.run('ROLLBACK TO attempt; RELEASE attempt')
            return None

    def travel(self, *zones):
        """Sessions in other time zones merge and undo; states are compared in one."""
        self.session.run('SET TIME ZONE %s', (self.choose.choice(zones),))

    def fill(self):
        choose, run = self.choose, self.session.run
        for n in range(choose.randint(2, 5)):
            self.attempt(f"INSERT INTO users VALUES ({self.user_key.format(n)}, %s, %s)",
                         (choose.choice(('Ann', 'Bea', None)), choose.choice(PHONES)))
        for n in range(choose.randint(0, 12)):
            user = choose.choice((None, self.user_key.format(choose.randint(0, 4))))
            if user is not None and not run(f'SELECT FROM users WHERE id = {user}'):
                user = None
            run(f'INSERT INTO orders (id, user_id, phone, status, total) VALUES (%s, {user or "NULL"}, %s, %s, %s)',
                (n + 1, choose.choice((None, choose.choice(PHONES))), choose.choice(('paid', 'paid', 'open')), choose.choice((1, 2.5, 10, None))))
        for _ in range(2):
            run("SELECT customer_identity.get_or_create_customer(%s, region => 'DE')", (choose.choice(PHONES),))
        self.people = [person for person, in run('SELECT id::text FROM customers ORDER BY phone')]
        self.fill_companions()
        self.fill_strangers()
        # A book may write its totals at commit.
        run('SELECT customer_identity.flush_totals()')

    def fill_companions(self):
        choose, run = self.choose, self.session.run
        for person in self.people:
            if choose.random() < 0.5:
                run(f'UPDATE customers SET {choose.choice(OWN_VALUES)} WHERE id = %s', (person,))
            if choose.random() < 0.3:
                run("SELECT customer_identity.adjust_points(%s, %s, 'gift')", (person, choose.randint(1, 9)))
            if choose.random() < 0.3:
                self.attempt("SELECT customer_identity.add_phone(%s, %s, 'DE')", (person, choose.choice(PHONES)), {'CI006'})
            if choose.random() < 0.2:
                run('UPDATE customers SET friend = %s WHERE id = %s', (choose.choice(self.people), person))
        for _ in range(choose.randint(0, 3)):
            self.attempt("SELECT customer_identity.record_proof(%s, (SELECT id::text FROM users ORDER BY random() LIMIT 1), region => 'DE')",
                         (choose.choice(PHONES),))
        if choose.random() < 0.3:
            self.attempt("SELECT customer_identity.set_phone_rule(%s, 'shared', 'DE')", (choose.choice(PHONES),))
        if choose.random() < 0.2:
            self.attempt("SELECT customer_identity.release_phone(%s)", (choose.choice(self.people),))
        if choose.random() < 0.2:
            self.attempt('SELECT customer_identity.dismiss_duplicate(%s, %s)', choose.sample(self.people, 2))
        if choose.random() < 0.2:
            self.attempt("SELECT FROM customer_identity.start_verification(%s, region => 'DE')", (choose.choice(PHONES),))

    def fill_strangers(self):
        choose = self.choose
        for table, columns in self.strangers.items():
            for n in range(choose.randint(0, 8)):
                names = ['id', 'product', 'note', 'doc', *columns]
                values = [n, choose.randint(1, 3), choose.choice(('x', ' y ', 'X', None)), '{"b": 1,  "a":2}']
                values += [choose.choice((*self.people, None)) for _ in columns]
                marks = ', '.join(['%s'] * len(names))
                self.attempt(f'INSERT INTO {table} ({", ".join(names)}) VALUES ({marks})', values, {'23505', '23502', '23503'})
        for table, parent in self.children.items():
            self.session.run(f'INSERT INTO {table} SELECT a, number, n FROM {parent}, generate_series(1, 2) AS n WHERE a IS NOT NULL')
        for table in self.strangers:
            self.attempt(f"UPDATE {table} SET external = (SELECT external_id FROM customers WHERE id = {table}.a)", None, None)

    def merge(self, winner, loser):
        """The id of the merge, or None when it was refused as it may be."""
        before = self.state()
        preview = self.session.value('SELECT customer_identity.merge_preview(%s, %s)', (winner, loser))
        self.travel(*ZONES)
        merge = self.attempt('SELECT customer_identity.merge_customers(%s, %s)', (winner, loser), {'CI006'})
        self.travel(HOME)
        if merge is not None and preview['refused']:
            raise Wrong(f'merged although refused: {preview["refused"]}')
        if merge is None:
            self.done['refused' if preview['refused'] else 'refused, unforeseen'] += 1
            self.compare(before, 'a refused merge')
            return None
        self.done['merged'] += 1
        self.check_merged(before, loser)
        return merge

    def check_merged(self, before, loser):
        after = self.state()
        old, new = rows_by_table(before), rows_by_table(after)
        if any(new[table] != count for table, count in old.items()):
            raise Wrong(f'rows are gone, or new: {old} {new}')
        for table, rows in after.items():
            if table not in MERGE_KEEPS and any(loser in row for row in rows):
                raise Wrong(f'{table} still refers to the loser')
        self.check_totals()

    def check_totals(self):
        wrong = self.session.run('SELECT * FROM customer_identity.verify_totals()')
        if wrong:
            raise Wrong(f'totals: {wrong}')

    def check_people(self, before):
        """After merges were undone in the order in which they were made; rows that name several people may stay where they are."""
        people = {row[1:37] for row in before['customers']}
        if {row[1:37] for row in self.state()['customers']} != people:
            raise Wrong('not everybody is back')

    def undo(self, merge):
        self.travel(*ZONES)
        self.session.run('SELECT customer_identity.unmerge_customers(%s)', (merge,))
        self.travel(HOME)
        self.check_totals()

    def try_to_undo(self, merge):
        """Out of order. False: refused, as rows that it moved refer to others that stay."""
        before = self.state()
        self.travel(*ZONES)
        done = self.attempt('SELECT customer_identity.unmerge_customers(%s)', (merge,), {'CI006'})
        self.travel(HOME)
        if done is None:
            self.done['undone in order only'] += 1
            self.compare(before, 'a refused undoing')
            return False
        self.check_totals()
        return True

    def compare(self, before, what):
        found = list(differences(before, self.state()))
        if found:
            raise Wrong(f'after {what}: ' + '\n'.join(found))

    def live(self):
        a, b, c = (self.choose.sample(self.people, 3) + [None])[:3] if len(self.people) > 2 else (*self.people[:2], None)
        before = self.state()
        first = self.merge(a, b)
        if first is None:
            return
        if c is not None and self.choose.random() < 0.6:
            between = self.state()
            second = self.merge(c, a)
            if second is not None:
                self.done['chains'] += 1
                if self.choose.random() < 0.5:
                    self.undo(second)
                    self.compare(between, 'the second merge is undone')
                    self.undo(first)
                elif self.try_to_undo(first):
                    if self.try_to_undo(second):
                        self.check_people(before)
                    return
                else:
                    self.undo(second)
                    self.undo(first)
                self.compare(before, 'a chain is undone')
                return
        self.undo(first)
        self.compare(before, 'a merge is undone')

    def book(self, number):
        """One random book, in a transaction of its own."""
        self.choose = random.Random(f'{self.name} {number}')
        self.session.run('BEGIN')
        try:
            self.fill()
            self.live()
            self.session.run('SET CONSTRAINTS ALL IMMEDIATE')
        except (Wrong, psycopg2.Error) as error:
            raise Wrong(f'book {self.name} {number}: {error}\n' + '\n'.join(q for q in list(self.session.recent)[-5:] if 'array_agg' not in q)) from error
        finally:
            self.session.run('ROLLBACK')


    def dump(self):
        command = ['pg_dump', '-n', self.schema, '-n', f'crm_{self.schema}', '--exclude-table-data=*.customer_events', '--data-only']
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split('\n')
        return Counter(line for line in lines if not re.match(r'\\(un)?restrict', line))

    def dumped_book(self):
        """A merge and its undoing, each committed."""
        self.session.run('BEGIN')
        self.fill()
        self.session.run('COMMIT')
        before = self.dump()
        for winner, loser in itertools.permutations(self.people, 2):
            self.session.run('BEGIN')
            merge = self.merge(winner, loser)
            self.session.run('COMMIT')
            if merge is not None:
                self.undo(merge)
                break
        if self.dump() != before:
            raise Wrong(f'dumps of book {self.name} differ: {list((before - self.dump()).elements())[:5]}')
        self.done['dumps'] += 1


OWN_VALUES = (
    "external_id = 'x' || left(id::text, 8)", "tier = 'gold'", 'region = 2', "born = '2000-02-29'", "pay = 0.1::float8 + 0.2",
    """doc = '{"b": 1,   "a":2}'""", "tags = '{a,NULL,\"b c\"}'", "notes = 'note ' || left(id::text, 2)", "notes = ' '",
    "preferred_name = ' '", 'preferred_name = NULL', "pay = 'NaN'", "tags = '[2:3]={a,b}'")


class Run:
    def __init__(self, seed):
        self.seed, self.failures, self.done, self.books = seed, [], Counter(), 0
        self.lock = threading.Lock()

    def work(self, part):
        session = shop.Session(f'merges{part}')
        session.run("SET SESSION AUTHORIZATION keeper; SET client_min_messages = warning")
        session.run('SET TIME ZONE %s', (HOME,))
        for number in range(part, BOOKS // FILLINGS, SESSIONS):
            try:
                layout = Layout(session, self.seed, number)
            except psycopg2.Error as error:
                self.failures.append(f'layout {number}: {error} {session.recent[-1]}')
                continue
            for filling in range(FILLINGS):
                try:
                    layout.book(filling)
                except Wrong as wrong:
                    self.failures.append(str(wrong))
            if number < DUMPED:
                self.try_dumped(layout)
            with self.lock:
                self.books += FILLINGS
                self.done += layout.done
            session.run(f'DROP SCHEMA {layout.schema}, crm_{layout.schema} CASCADE')


    def try_dumped(self, layout):
        try:
            layout.dumped_book()
        except (Wrong, psycopg2.Error) as wrong:
            self.failures.append(str(wrong))
            layout.session.run('ROLLBACK')


def main():
    shop.enter_cluster()
    os.environ.setdefault('SEED', '1')
    run = Run(shop.take_seed())
    control = shop.Session('control')
    control.run('CREATE EXTENSION customer_identity; CREATE ROLE stranger; CREATE ROLE keeper LOGIN IN ROLE stranger;'
                ' GRANT CREATE ON DATABASE postgres TO keeper; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_identity TO keeper')
    threads = [threading.Thread(target=run.work, args=(n,)) for n in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(dict(run.done))
    if run.failures or run.books < BOOKS:
        sys.exit(f'{len(run.failures)} failures in {run.books} books\n' + '\n'.join(run.failures[:8]))
    print(f'merges: {run.books} checks passed (seed {run.seed})')


main()
