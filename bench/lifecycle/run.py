#!/usr/bin/python3 -B
"""What lists of duplicates and of suspect phones cost, in the book of bench/admin/shop.sql with an order for each customer,
and a merge of two customers with many orders.

ROWS (1000000) customers, CALLS (3) of each function; MERGED (a tenth of ROWS) orders of each customer that is merged. LINES
names a file for the measurements of the server's processor time, for bench/report.py."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg2

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from figures import Figures  # noqa: E402
from processor_time import of_process  # noqa: E402
from throwaway_cluster import enter_cluster  # noqa: E402

ROWS = int(os.environ.get('ROWS', 1000000))
CALLS = int(os.environ.get('CALLS', 3))
MERGED = int(os.environ.get('MERGED', ROWS // 10))
LISTS, MERGES = 'lists of a book', 'two customers with many orders'
CONFIGURATION = """
shared_buffers = 1GB
maintenance_work_mem = 512MB
max_wal_size = 8GB
synchronous_commit = off
autovacuum = off
max_parallel_workers_per_gather = 0
"""

# A tenth of the proofs are of a former phone; each 500th customer signed up twice by an e-mail.
MORE = """
ALTER TABLE orders DISABLE TRIGGER USER;
INSERT INTO orders (customer_id, total) SELECT md5((1 + (hashint8(n) & 2147483647) %% %(rows)s)::text)::uuid, 1 FROM generate_series(1, %(rows)s) AS n;
ALTER TABLE orders ENABLE TRIGGER USER;
INSERT INTO phone_proofs (customer_id, phone, method, ended_at)
SELECT c.id, CASE WHEN n %% 10 = 0 THEN f.phone ELSE c.phone END, 'external', CASE WHEN n %% 10 = 0 THEN now() END
FROM generate_series(3, %(rows)s - 1, 3) AS n
JOIN customers AS c ON c.id = md5(n::text)::uuid
JOIN customers AS f ON f.id = md5((n + 1)::text)::uuid;
ALTER TABLE users DISABLE TRIGGER USER;
UPDATE users SET email = 'user' || (substr(id, 2)::bigint - 1) * 31 %% 1000000007 || '@gmail.com' WHERE substr(id, 2)::bigint %% 500 = 1;
ALTER TABLE users ENABLE TRIGGER USER;
VACUUM (ANALYZE) orders, phone_proofs, users;
"""
STATEMENTS = {
    'duplicate_customers': "RESET work_mem; SELECT customer_identity.duplicate_customers()",
    'duplicate_customers, work_mem 64 MB': "SET work_mem = '64MB'; SELECT customer_identity.duplicate_customers()",
    'phone_suspects': 'RESET work_mem; SELECT * FROM customer_identity.phone_suspects()',
}
# Of the customers that are merged in round %(round)s.
ORDERS = """
ALTER TABLE orders DISABLE TRIGGER USER;
INSERT INTO customers (phone) VALUES ('+49160000000%(round)s1'), ('+49160000000%(round)s2');
INSERT INTO orders (customer_id, total)
SELECT c.id, 1 FROM customers AS c, generate_series(1, %(orders)s) WHERE c.phone IN ('+49160000000%(round)s1', '+49160000000%(round)s2');
UPDATE customers SET total_orders = %(orders)s, total_spent = %(orders)s, loyalty_points = %(orders)s
WHERE phone IN ('+49160000000%(round)s1', '+49160000000%(round)s2');
ALTER TABLE orders ENABLE TRIGGER USER;
VACUUM (ANALYZE) orders, customers;
"""
MERGE = """
SELECT customer_identity.merge_customers(w.id, l.id)
FROM customers AS w, customers AS l WHERE (w.phone, l.phone) = ('+49160000000%(round)s1', '+49160000000%(round)s2')
"""
UNMERGE = 'SELECT customer_identity.unmerge_customers(id) FROM customer_merges'


def run_script(text):
    subprocess.run(['psql', '-qX', '-v', 'ON_ERROR_STOP=1'], input=text, text=True, check=True)


def make_book():
    script = ['psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-v', f'rows={ROWS}', '-f', str(HERE.parent / 'admin' / 'shop.sql')]
    subprocess.run(script, check=True, stdout=subprocess.DEVNULL)
    run_script(MORE % {'rows': ROWS})


class Clock:
    """Adds to the figures what statements take in one session."""

    def __init__(self, figures):
        self.figures = figures
        self.connection = psycopg2.connect('')
        self.connection.autocommit = True
        self.pid = self.connection.get_backend_pid()

    def cpu(self):
        return 1000 * of_process(self.pid)

    def measure(self, workload, variant, number, statement):
        cpu, start = self.cpu(), time.monotonic()
        self.connection.cursor().execute(statement)
        self.figures.add(workload, variant, number, 'cpu', 'ms', self.cpu() - cpu)
        self.figures.add(workload, variant, number, 'time', 'ms', 1000 * (time.monotonic() - start))


def main():
    enter_cluster(CONFIGURATION)
    print(f'making {ROWS} customers', file=sys.stderr, flush=True)
    make_book()
    figures = Figures()
    clock = Clock(figures)
    for number in range(1, CALLS + 1):
        for name, statement in STATEMENTS.items():
            clock.measure(LISTS, name, number, statement)
    figures.print(LISTS)
    for number in range(1, CALLS + 1):
        sizes = {'round': number, 'orders': MERGED}
        run_script(ORDERS % sizes)
        clock.measure(MERGES, 'merge_customers', number, MERGE % sizes)
        clock.measure(MERGES, 'unmerge_customers', number, UNMERGE)
    figures.print(MERGES)
    version = clock.connection.server_version // 10000
    figures.facts.update({'machine': f'{os.cpu_count()} cores, PostgreSQL {version}, shared_buffers 1 GB, autovacuum off',
                          'size': f'{ROWS} customers, {CALLS} calls; {MERGED} orders of each customer that is merged'})
    if 'LINES' in os.environ:
        figures.write(os.environ['LINES'])


main()
