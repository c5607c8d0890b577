"""What must be true after a storm."""

import recompute
import weather
from people import FAIR, READABLE, STALL, TENT
from shop import TABLES

# A transaction is seen a moment after its commit timestamp was taken.
MOMENT = '1 second'

ORPHANS = """
    SELECT o.id, o.{phone}, {customer} FROM {table} AS o {users} WHERE o.customer_id IS NULL"""
PROOFS = 'SELECT phone, user_id FROM {book}phone_proofs WHERE ended_at IS NULL'
UNVERIFIED = """
    SELECT c.phone, c.is_phone_verified FROM {book}customers AS c
    WHERE c.is_phone_verified <> EXISTS (SELECT FROM {book}phone_proofs AS p WHERE p.phone = c.phone AND p.ended_at IS NULL)"""
STRANGE_PROOFS = """
    SELECT p.phone, c.phone FROM {book}phone_proofs AS p JOIN {book}customers AS c ON c.id = p.customer_id
    WHERE p.phone <> c.phone"""
REGISTERED = "SELECT user_id, phone FROM registrar_proofs ORDER BY 1"
PROVED = "SELECT user_id, phone FROM phone_proofs WHERE ended_at IS NULL AND user_id LIKE 'r%' ORDER BY 1"
DIARY = f"""
    SELECT effect, phone, user_id, kept, began, pg_xact_commit_timestamp(xid::xid) + interval '{MOMENT}' FROM diary"""
TENT_IS_ATTACHED = "SELECT 1 FROM customer_identity.attachments WHERE attached = 'annex.tent_orders'::regclass"
PUBLISHED = "SELECT format('%I.%I', schemaname, tablename) FROM pg_publication_tables ORDER BY 1"
SETUP = "SELECT object, finding FROM customer_identity.check_setup(%s) WHERE severity = 'error'"


class Check:
    """Collects what is wrong on a server."""

    def __init__(self, server):
        self.server = server
        self.session = server.session()
        self.wrong = []
        self.count = 0

    def expect_none(self, what, rows):
        self.count += 1
        for row in list(rows)[:5]:
            self.wrong.append(f'{self.server.name}: {what}: {row}')

    def select(self, what, statement, arguments=None):
        self.expect_none(what, self.session.run(statement, arguments))

    def select_same(self, what, statement, other):
        self.expect_none(what, set(self.session.run(statement)) ^ set(self.session.run(other)))

    def totals(self, tables, phones=None):
        names = ', '.join(table.name for table in tables)
        self.expect_none(f'totals of {names}', recompute.differences(self.session, phones, True, tables))

    def totals_of_annex(self, stall):
        self.session.run('SET search_path = annex')
        self.totals([*stall, TENT])
        self.session.run('RESET search_path')

    def apart(self, partitioned, table):
        return weather.Parts(self.session, partitioned).orders(table)

    def orphans(self, table, users):
        """An order without a customer whose phone or user makes one certain."""
        self.expect_none(f'no customer in {table.name}', (
            row for row in self.session.run(ORPHANS.format(
                phone=table.phone, table=table.name,
                customer='u.customer_id' if table.user else 'NULL',
                users=f'LEFT JOIN {users} AS u ON u.id = o.{table.user}' if table.user else ''))
            if row[1] in READABLE or row[2]))

    def proofs(self):
        for book in ('', 'annex.'):
            self.select('is_phone_verified', UNVERIFIED.format(book=book))
            self.select('a proof of another phone', STRANGE_PROOFS.format(book=book))
        self.select('proofs of the annex, where nobody proves', PROOFS.format(book='annex.'))

    def diary(self):
        """Each live proof was made by somebody, and not ended for certain since; one that was made, and not ended, lives."""
        live = set(self.session.run(PROOFS.format(book='')))
        diary = Diary(self.session.run(DIARY))
        self.expect_none('a proof too many', (proof for proof in live if diary.must_have_ended(*proof)))
        self.expect_none('a proof is lost', (proof for proof in diary.must_live() if proof not in live))

    def setup(self):
        for book in ('public.customers', 'annex.customers'):
            self.select(f'check_setup of {book}', SETUP, (book,))


class Diary:
    """What makes and ends proofs, each from the beginning of its transaction to the moment when it is seen for certain."""

    def __init__(self, rows):
        self.made = {}
        self.may = {}
        self.ended = {}
        for effect, phone, user, kept, began, seen in rows:
            if effect == 'ended':
                self.ended.setdefault((phone, user), []).append((kept, began, seen))
                continue
            first, last = self.may.get((phone, user), (began, seen))
            self.may[phone, user] = (max(first, began), max(last, seen))
            if effect == 'made':
                self.made[phone, user] = max(self.made.get((phone, user), began), began)

    def ends(self, phone, user):
        for key in {(phone, user), (phone, None), (None, user)}:
            if key != (None, None):
                yield from (end for end in self.ended.get(key, ()) if end[0] != phone)

    def must_have_ended(self, phone, user):
        if (phone, user) not in self.may:
            return True
        return any(began > self.may[phone, user][1] for _, began, _ in self.ends(phone, user))

    def must_live(self):
        for (phone, user), began in self.made.items():
            if all(seen < began for _, _, seen in self.ends(phone, user)):
                yield phone, user


def check_storm(server, random):
    """After a storm, and again when all that it has carried away is back in its place: attaching counts the annex anew."""
    check = Check(server)
    weather.end_prepared(check.session, random)
    check.totals([*TABLES, *check.apart(weather.FAIR, FAIR)], READABLE)
    if check.session.run(TENT_IS_ATTACHED):
        check.totals_of_annex(check.apart(weather.STALL, STALL))
    check.diary()
    weather.calm(check.session)
    for table in ('annex.members', FAIR.name, STALL.name, TENT.name):
        check.session.run(f"CALL customer_identity.backfill('{table}')")
    check_calm(check)
    return check


def check_calm(check):
    """What holds on every server."""
    check.totals((*TABLES, FAIR), READABLE)
    for table in (*TABLES, FAIR):
        check.orphans(table, '"user"')
    for table in (STALL, TENT):
        check.orphans(table, 'annex.members')
    check.expect_none('members without a customer', (
        row for row in check.session.run('SELECT id, phone FROM annex.members WHERE customer_id IS NULL') if row[1] in READABLE))
    check.proofs()
    check.select_same('proofs of the registrar', REGISTERED, PROVED)
    check.setup()
    check.totals_of_annex([STALL])


def check_subscriber(primary, subscriber):
    """It has what the primary has."""
    check = Check(subscriber)
    publisher = primary.session()
    for table, in publisher.run(PUBLISHED):
        content = f'SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {table} AS t'
        check.expect_none(table, set(publisher.run(content)) - set(check.session.run(content)))
    publisher.close()
    check_calm(check)
    return check
