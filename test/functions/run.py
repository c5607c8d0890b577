#!/usr/bin/python3 -B
"""Calls every function of the extension with drawn arguments, then forges triggers and fires them. No call may crash the
server, raise an internal error, outlast statement_timeout or leave the session as somebody else.
SEED=n test/functions/run.py repeats a run; CALLS and FORGERIES size it, and a failure prints the statements that repeat it."""

import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'oracle'))

import shop

import calls
import server
import triggers
from values import Values

CALLS = int(os.environ.get('CALLS', 3500))
FORGERIES = int(os.environ.get('FORGERIES', 600))
ROLES = ('postgres', 'shopper', 'tenant')
MOST_FAULTS = int(os.environ.get('MOST_FAULTS', 5))


class Checks:
    """Counts what went well, and shows what did not."""

    def __init__(self, sessions):
        self.sessions = sessions
        self.passed = 0
        self.faults = []
        self.log = server.Log()

    def check(self, session, work):
        try:
            fault = work()
        except server.Stuck as stuck:
            fault = str(stuck)
        except server.Died as death:
            fault = f'the session died: {death}'
        if session.connection.closed:  # one that dies takes all others along
            for other in self.sessions.values():
                other.open_again()
        death = self.log.deaths()
        if death:
            fault = f'{fault}\n{death}'
        if fault is None:
            self.passed += 1
            return
        self.faults.append(fault)
        print(f'\n{fault}\n-- repeat it with:', *session.script, sep='\n', flush=True)
        if len(self.faults) >= MOST_FAULTS:
            sys.exit('enough')


def open_zoo():
    shop.open_shop()
    session = server.Session('postgres', is_bare=True)
    session.run((Path(__file__).parent / 'zoo.sql').read_text())


def call_functions(checks, seed):
    drawn = random.Random(seed)
    functions = calls.functions_of(checks.sessions['postgres'])
    values = Values(checks.sessions['postgres'], drawn)
    session = checks.sessions['postgres']
    for statement in (each for function in functions for each in calls.calls_about_no_table(function, values)):
        checks.check(session, lambda: calls.fault_without_table(session, statement))
    for function in calls.drawn(functions, CALLS, drawn):
        session = checks.sessions[drawn.choice(ROLES)]
        checks.check(session, lambda: calls.fault_of_call(session, function, values))
    print(f'{CALLS} calls of {len(functions)} functions', flush=True)


def forge_triggers(checks, seed):
    session = checks.sessions['postgres']
    forger = triggers.Forger(session, Values(session, random.Random(f'{seed}/triggers')))
    for _ in range(FORGERIES):
        checks.check(session, forger.fault)
    print(f'{forger.number} forged triggers', flush=True)


def main():
    shop.enter_cluster()
    seed = shop.take_seed()
    open_zoo()
    checks = Checks({role: server.Session(role) for role in ROLES})
    call_functions(checks, seed)
    forge_triggers(checks, seed)
    if checks.faults:
        sys.exit(f'{len(checks.faults)} faults (seed {seed})')
    print(f'functions: {checks.passed} checks passed (seed {seed})')


main()
