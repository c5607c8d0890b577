"""What every customer's totals must be, worked out from plain rows in Decimal arithmetic.
Shares nothing with the extension: no SQL sums and, but for the check of verify_totals, none of its functions."""

from collections import namedtuple
from decimal import ROUND_FLOOR, Decimal, getcontext

from psycopg2 import errors

from shop import TABLES

getcontext().prec = 3000
MOST_POINTS_OF_AN_ORDER = 10**15

Totals = namedtuple('Totals', 'total_orders total_spent loyalty_points')
Difference = namedtuple('Difference', 'customer field stored expected')


def worth(amount):
    """An order's part of total_spent: what is no number counts as nothing."""
    amount = Decimal(0 if amount is None else amount)
    return amount if amount.is_finite() else Decimal(0)


def points(amount, points_per_unit):
    earned = int((worth(amount) * points_per_unit).to_integral_value(ROUND_FLOOR))
    return earned if abs(earned) <= MOST_POINTS_OF_AN_ORDER else 0


def expected_totals(cursor, tables):
    """customer id -> Totals, for every row of customers, from the raw orders and loyalty entries."""
    cursor.execute('SELECT id FROM customers')
    totals = {customer: Totals(0, Decimal(0), 0) for customer, in cursor}
    for table in tables:
        status = table.status or 'NULL'
        cursor.execute(
            f'SELECT customer_id, {table.amount}, {status} FROM {table.name} WHERE customer_id IS NOT NULL')
        for customer, amount, status in cursor:
            if table.status is None or status in table.counted:
                orders, spent, balance = totals[customer]
                totals[customer] = Totals(
                    orders + 1, spent + worth(amount), balance + points(amount, table.points_per_unit))
    cursor.execute('SELECT customer_id, points FROM loyalty_entries WHERE customer_id IS NOT NULL')
    for customer, entry in cursor:
        totals[customer] = totals[customer]._replace(loyalty_points=totals[customer].loyalty_points + entry)
    return totals


def totals_differences(cursor, tables):
    expected = expected_totals(cursor, tables)
    cursor.execute('SELECT id, total_orders, total_spent, loyalty_points FROM customers ORDER BY id')
    for customer, *stored in cursor:
        for field, found, right in zip(Totals._fields, stored, expected[customer]):
            if found is None or found != right:
                yield Difference(customer, field, found, right)


def link_differences(cursor, phones, strict):
    """Users whose customer is not that of their first readable phone. phones: spelling -> E.164.
    Not strict: a user whose customer was deleted may be without one."""
    cursor.execute(
        'SELECT u.id, u."phoneNumber", u.phone, c.phone FROM "user" u LEFT JOIN customers c ON c.id = u.customer_id')
    for user, trusted, claimed, linked in cursor:
        right = phones.get(trusted) or phones.get(claimed)
        if linked != right and (linked or strict):
            yield Difference(f'of user {user}', 'phone', linked, right)


def verify_differences(cursor):
    """What verify_totals reports; it must report nothing whenever the recomputation finds nothing."""
    cursor.execute('SELECT customer_id, field, stored::text, actual::text FROM customer_identity.verify_totals()')
    for row in cursor:
        yield Difference(*row)


def differences(session, phones=None, strict=False, tables=TABLES):
    """Every difference of one snapshot, or none. The tables are locked before the snapshot is taken:
    TRUNCATE empties a table for snapshots that are older than it, too."""
    cursor = session.cursor
    names = ', '.join(table.name for table in tables)
    while True:
        try:
            cursor.execute(f'BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE {names} IN ACCESS SHARE MODE')
            found = list(totals_differences(cursor, tables))
            found += link_differences(cursor, phones, strict) if phones else []
            found += [row._replace(field=f'verify_totals: {row.field}') for row in verify_differences(cursor)]
            return found
        except errors.DeadlockDetected:
            continue
        finally:
            cursor.execute('ROLLBACK')


def report(found, sessions=()):
    """Prints the first differences and what led to them."""
    for row in found[:5]:
        print(f'difference: customer {row.customer} {row.field} stored {row.stored} expected {row.expected}')
    for session in sessions:
        print(f'last statements of {session.name}:')
        for statement in session.recent:
            print(f'  {statement}')
