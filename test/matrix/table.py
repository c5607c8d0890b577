#!/usr/bin/python3 -B
"""Prints what came of test/matrix/run_matrix.sh, a table of the systems that are named; --write puts it into docs/compatibility.md."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / 'docs/compatibility.md'
BEGIN, END = '<!-- test/matrix/table.py writes from here -->\n', '<!-- to here -->\n'
VERSIONS = ('version', 'libphonenumber', 'compilers')
STEPS = ('make demo', 'set-up', 'installation', 'warnings', *VERSIONS)
# Those with a column of their own.
SHOWN = ('unit', 'regress', 'isolation', 'fast_path', 'functions', 'pgtap', 'races', 'restore')


def outcomes(system):
    """What was tried with each major, by name, in the order in which it was done."""
    file = ROOT / 'build/matrix' / f'{system}.results' / 'results'
    majors = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        major, what, outcome = line.split('\t')
        majors.setdefault(major, {})[what] = outcome
    return majors


def is_upgrade(what):
    return what.startswith('upgrade from')


def others(tried):
    """The suites without a column: how many passed, and which did not."""
    suites = {what: outcome for what, outcome in tried.items() if what not in (*STEPS, *SHOWN) and not is_upgrade(what)}
    failed = [f'{suite}: {outcome}' for suite, outcome in suites.items() if not outcome.isdigit()]
    passed = len(suites) - len(failed)
    return '; '.join(([f'{passed} passed'] if passed else []) + failed)


def rest(tried):
    """Upgrades, and the steps that failed."""
    upgrades = [f'{what}: {outcome}' for what, outcome in tried.items() if is_upgrade(what)]
    return '; '.join(upgrades + [f'{what} failed' for what in STEPS if tried.get(what) == 'failed'])


def rows(systems):
    for system in systems:
        majors = outcomes(system)
        if not majors:
            yield [system, 'not tried'] + [''] * (len(SHOWN) + 5)
        for tried in majors.values():
            cells = [tried.get(name, '') for name in (*VERSIONS, 'warnings', *SHOWN)]
            yield [system, *cells, others(tried), rest(tried)]


def table(systems):
    head = ['system', 'PostgreSQL', 'libphonenumber', 'compilers', 'warnings', *SHOWN, 'other suites', 'upgrades']
    lines = [head, ['---'] * len(head), *rows(systems)]
    return ''.join('| ' + ' | '.join(line) + ' |\n' for line in lines)


def main():
    systems = [argument for argument in sys.argv[1:] if argument != '--write']
    if '--write' not in sys.argv:
        print(table(systems), end='')
        return
    before, _, after = DOCUMENT.read_text().partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + '\n' + table(systems) + '\n' + END + after.partition(END)[2])


main()
