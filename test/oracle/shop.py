"""The shop of shop.sql as Python sees it: its orders tables, its phones, and a cluster of its own.
The oracle, crash, race and chaos tests share it."""

import os
import random
import sys
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg2

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class OrdersTable:
    name: str
    phone: str
    amount: str
    amount_type: str
    points_per_unit: Decimal
    user: str = None
    status: str = None
    counted: tuple = ()
    statuses: tuple = ()


ORDERS = OrdersTable(
    'orders', 'phone', 'total', 'numeric', Decimal('1'), 'user_id', 'status',
    ('paid', 'shipped'), ('paid', 'paid', 'shipped', 'new', 'cancelled', 'refunded', 'gift', 'void', None))
MARKET = OrdersTable(
    'market_orders', '"buyerPhone"', '"Amount"', 'numeric', Decimal('0.35'), '"buyerId"', 'state',
    ('done',), ('done', 'done', 'open', 'Done', '', None))
KIOSK = OrdersTable('kiosk_orders', 'phone', 'cents', 'integer', Decimal('0.01'))
TABLES = (ORDERS, MARKET, KIOSK)


def enter_cluster(**settings):
    """Starts the running script again inside a throw-away cluster with these settings, unless it is in one."""
    if 'CLUSTER_USER' in os.environ and all(os.environ.get(name) == value for name, value in settings.items()):
        return
    os.environ.update(settings)
    cluster = str(HERE.parent / 'cluster.sh')
    os.execv(cluster, [cluster, str(Path(sys.argv[0]).resolve())])


def take_seed():
    """The seed given in the environment, or a fresh one; printed before anything can fail."""
    seed = os.environ.get('SEED') or str(random.SystemRandom().randrange(10**9))
    print(f'seed {seed}', flush=True)
    return seed


def open_shop(**where):
    with psycopg2.connect('', **where) as connection, connection.cursor() as cursor:
        cursor.execute((HERE / 'shop.sql').read_text())
    connection.close()


def phone(number):
    """The E.164 form of the pool's n-th phone."""
    return f'+49151{23450000 + number}'


def spellings(number):
    """Ways in which people type the same phone, all readable in Germany."""
    digits = str(23450000 + number)
    return (
        f'+49151{digits}', f'+49 151 {digits[:4]} {digits[4:]}', f'0151{digits}', f'0151 / {digits}',
        f'(0151) {digits[:4]}-{digits[4:]}', f'0049 151 {digits}', f'tel:+49-151-{digits}', f' 0151.{digits} ')


class Session:
    """One connection that remembers its last statements."""

    def __init__(self, name='session', **where):
        self.name = name
        self.recent = deque(maxlen=25)
        self.connection = psycopg2.connect(
            '', application_name=name, options='-c statement_timeout=60s -c deadlock_timeout=20ms', **where)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()

    def run(self, statement, arguments=None):
        text = statement if arguments is None else self.cursor.mogrify(statement, arguments).decode()
        self.recent.append(text)
        self.cursor.execute(text)
        return self.cursor.fetchall() if self.cursor.description else []

    def value(self, statement, arguments=None):
        rows = self.run(statement, arguments)
        return rows[0][0] if rows else None

    def copy(self, statement, data):
        self.recent.append(f'{statement}\n{data.getvalue()}')
        self.cursor.copy_expert(statement, data)

    def close(self):
        self.connection.close()
