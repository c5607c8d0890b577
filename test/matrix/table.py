#!/usr/bin/python3 -B
"""Prints what came of test/matrix/run_matrix.sh, a table of the systems that are named; --write puts it into docs/compatibility.md."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / 'docs/compatibility.md'
BEGIN, END = '<!-- test/matrix/table.py writes from here -->\n', '<!-- to here -->\n'
VERSIONS = ('version', 'libphonenumber', 'compilers')


def outcomes(system):
    """What was tried with each major, by name, in the order in which it was done."""
    file = ROOT / 'build/matrix' / f'{system}.results' / 'results'
    majors = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        major, what, outcome = line.split('\t')
        majors.setdefault(major, {})[what] = outcome
    return majors


def cell(tried, name):
    return tried.get(name, '')


def rest(tried, suites):
    """Steps, not suites: those that failed, and upgrades."""
    steps = {what: outcome for what, outcome in tried.items() if what not in (*VERSIONS, *suites, 'warnings')}
    upgrades = [f'{what}: {outcome}' for what, outcome in steps.items() if what.startswith('upgrade')]
    return '; '.join(upgrades + [f'{what} failed' for what, outcome in steps.items()
                                if outcome == 'failed' and not what.startswith('upgrade')])


def rows(systems, suites):
    for system in systems:
        majors = outcomes(system)
        if not majors:
            yield [system, 'not tried'] + [''] * (len(suites) + 4)
        for tried in majors.values():
            steps = [cell(tried, name) for name in VERSIONS]
            yield [system, *steps, cell(tried, 'warnings'), *(cell(tried, suite) for suite in suites), rest(tried, suites)]


def table(systems):
    tried = [what for system in systems for of_major in outcomes(system).values() for what in of_major]
    steps = ('demo', 'setup', 'install', 'warnings', *VERSIONS)
    suites = [what for what in dict.fromkeys(tried) if what not in steps and not what.startswith('upgrade')]
    head = ['system', 'PostgreSQL', 'libphonenumber', 'compilers', 'warnings', *suites, 'upgrades']
    lines = [head, ['---'] * len(head), *rows(systems, suites)]
    return ''.join('| ' + ' | '.join(line) + ' |\n' for line in lines)


def main():
    systems = [argument for argument in sys.argv[1:] if argument != '--write']
    if '--write' not in sys.argv:
        print(table(systems), end='')
        return
    before, _, after = DOCUMENT.read_text().partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + '\n' + table(systems) + '\n' + END + after.partition(END)[2])


main()
