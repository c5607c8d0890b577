"""The fuzzer: calls every function and procedure of the extension with drawn arguments."""

from collections import namedtuple

import server

Function = namedtuple('Function', 'name kind types names defaults is_c is_for_people')

REGCLASS = 2205

SETTINGS = (
    "search_path = ''", "search_path = zoo, pg_temp", "search_path = draft, public", "search_path = broken",
    "search_path = mistyped",
    "search_path = seen", "search_path = halved", "search_path = parted", "search_path = nowhere",
    "search_path = tenant, public",
    "customer_identity.default_region = ''", "customer_identity.default_region = 'US'",
    "customer_identity.phone_validation = 'possible'",
    "customer_identity.trust_claims = on", "row_security = off", "transaction_read_only = on", "work_mem = '64kB'",
    "transaction_isolation = 'repeatable read'", "transaction_isolation = 'serializable'", "DateStyle = 'German'",
    "IntervalStyle = 'sql_standard'", "extra_float_digits = -15", "bytea_output = 'escape'",
    "TimeZone = 'Pacific/Apia'",
    "standard_conforming_strings = off", "session_replication_role = replica", "enable_indexscan = off",
    "plan_cache_mode = 'force_generic_plan'",
    "client_min_messages = 'debug5'", "check_function_bodies = off", "default_tablespace = 'nowhere'")


def functions_of(session):
    return [Function(*row) for row in session.run('''
        SELECT p.oid::regproc::text, p.prokind, p.proargtypes::oid[]::integer[],
            coalesce(p.proargnames, array_fill(''::text, ARRAY[p.pronargs::integer])), p.pronargdefaults,
            l.lanname <> ALL ('{sql,plpgsql}'), p.pronamespace = 'customer_identity'::regnamespace
        FROM pg_proc p
        JOIN pg_language l ON l.oid = p.prolang
        JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'customer_identity'
        WHERE p.prorettype <> ALL ('{trigger,event_trigger,language_handler}'::regtype[]) AND p.prokind <> 'a' AND 'internal'::regtype <> ALL (p.proargtypes)
        ORDER BY p.oid::regprocedure::text''')]


def drawn_arguments(function, values):
    """Each argument drawn by itself, by position."""
    count = len(function.types)
    if values.chance(0.3):
        count -= values.random.randint(0, function.defaults)
    return [values.value(type_, name) for type_, name in zip(function.types[:count], function.names)]


def sensible_arguments(function, values):
    """Arguments that make sense, by name, but for at most one; some that have defaults are left out."""
    count = len(function.types)
    odd = values.random.randrange(count + 1)
    return [
        f'{name} => {values.value(type_, name) if place == odd else values.sensible(type_, name)}'
        for place, (type_, name) in enumerate(zip(function.types, function.names))
        if place < count - function.defaults or values.chance(0.5)]


def call(function, arguments):
    return f'{"CALL" if function.kind == "p" else "SELECT * FROM"} {function.name}({", ".join(arguments)})'


def calls_about_no_table(function, values):
    """Sensible calls but for one argument each, the id of a table that does not exist."""
    for odd in (place for place, type_ in enumerate(function.types) if type_ == REGCLASS):
        yield call(function, [
            '987654::regclass' if place == odd else values.sensible(type_, name)
            for place, (type_, name) in enumerate(zip(function.types, function.names))])


def call_of(function, values):
    names_all = all(function.names[:len(function.types)]) and function.names
    arguments = sensible_arguments if names_all and values.chance(0.5) else drawn_arguments
    return call(function, arguments(function, values))


def drawn(functions, count, random):
    """Each function as often as the others; one without arguments seldom, one in C or a language of ours twice as often."""
    pool = [function for function in functions for _ in range(1 + function.is_c) if function.types or random.random() < 0.3]
    return [pool[n % len(pool)] for n in range(count)]


def fault_without_table(session, statement):
    session.begin()
    session.fault('BEGIN')
    fault = session.fault(statement)
    return session.fault('ROLLBACK') or fault


def fault_of_call(session, function, values):
    """Runs one call in a transaction of its own, now and then under odd settings, and mostly takes it back."""
    session.begin()
    if function.kind == 'p':
        return session.fault(call_of(function, values))
    session.fault('BEGIN')
    if values.chance(0.3):
        session.fault(f'SET LOCAL {values.random.choice(SETTINGS)}')
    fault = None
    if session.error is None:
        fault = session.fault(call_of(function, values))
        if function.is_for_people and server.is_badly_composed(session.error):
            fault = f'a statement of the extension is no SQL: {session.error}'
        if session.error is None and not session.is_itself():
            fault = fault or 'the session acts as somebody else after the call'
    return session.fault('COMMIT' if values.chance(0.1) else 'ROLLBACK') or fault
