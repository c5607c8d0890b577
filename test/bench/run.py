#!/usr/bin/python3 -B
"""The benchmarks run from end to end with tiny shops, the page has every figure that they measured, and
docs/performance.md is what bench/report.py makes of the last results. How fast anything is is not looked at."""

import os
import re
import subprocess
import sys
import xml.dom.minidom
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QUICK = ROOT / 'build/bench/quick'
FIGURE = re.compile(r'[\d.]+ (µs|ns|ms|MB)\b.*')
sys.path.insert(0, str(ROOT / 'bench'))

from figures import Figures  # noqa: E402

passed = failed = 0


def check(what, good):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f'not ok: {what}', file=sys.stderr)


def cells(page):
    """(workload, variant) and what the page has there."""
    found = {}
    for table in re.findall(r'(?:^\|.*\n)+', page, re.M):
        heading, _, *rows = ([cell.strip() for cell in line.split('|')[1:-1]] for line in table.splitlines())
        found.update({(row[0], variant): cell for row in rows for variant, cell in zip(heading[1:], row[1:])})
    return found


def check_ruler():
    """Bad figures are seen, and good ones pass."""
    for number, (cost, is_right) in enumerate(((1.0, True), (0.8, True), (1.3, True), (0.21, False), (2.2, False))):
        figures = Figures()
        for clients in ('1 client', '8 clients'):
            for round_ in (1, 2, 3):
                figures.add(f'order, {clients}', 'none', round_, 'cpu', 'µs', 40 + round_)
                figures.add(f'order, {clients}', 'nothing', round_, 'cpu', 'µs', (40 + round_) * (cost if clients == '8 clients' else 1))
        check(f'the ruler: one client {number}', figures.ruler_faults(['order, 1 client'], 'nothing', 'none') == '')
        check(f'the ruler: {cost} times', (figures.ruler_faults(['order, 8 clients'], 'nothing', 'none') == '') == is_right)
    check('the ruler: what was not measured', Figures().ruler_faults(['order, 1 client'], 'nothing', 'none') == '')
    for name in ('totals', 'sign_ups'):
        check(f'{name} asks the ruler', '.ruler_faults(' in (ROOT / f'bench/{name}/run.py').read_text(encoding='utf-8'))


def check_comparison_with_before():
    """What is slower than before in each round is told, and nothing else."""
    figures = Figures()
    for workload, variant, before, times in (
            ('slower', 'ours', 'before', (1.1, 1.3, 1.2)), ('faster', 'ours', 'before', (0.5, 0.7, 0.6)), ('noise', 'ours', 'before', (1.5, 0.9, 1.2)),
            ('the same', 'ours', 'before', (1.01, 1.02, 1.03)), ('once', 'ours', 'before', (2,)), ('phones', 'fast path', 'before', (2, 2, 2)),
            ('kind', 'ours, all', 'before, all', (3, 3, 3)), ('stage', 'all', 'before, all', (4, 4, 4)), ('alone', 'ours', 'by hand', (5, 5, 5))):
        for round_, ratio in enumerate(times, 1):
            figures.add(workload, variant, round_, 'cpu', 'µs', 10 * ratio)
            figures.add(workload, before, round_, 'cpu', 'µs', 10)
    told = {(workload, variant): ratios for workload, variant, ratios in figures.slower_than_before(lambda _figures, _workload: 'cpu')}
    check(f'slower than before: {told}', told == {
        ('slower', 'ours'): [1.1, 1.3, 1.2], ('phones', 'fast path'): [2, 2, 2], ('kind', 'ours, all'): [3, 3, 3], ('stage', 'all'): [4, 4, 4]})


def main():
    check_ruler()
    check_comparison_with_before()
    ruler = subprocess.run([ROOT / 'test/cluster.sh', ROOT / 'test/bench/processor_time.py'], check=False)
    check('the ruler counts what sessions have used', ruler.returncode == 0)
    subprocess.run([ROOT / 'bench/run.py'], env={**os.environ, 'QUICK': '1'}, check=True)
    page = (QUICK / 'performance.md').read_text(encoding='utf-8')
    found = cells(page)
    for name in sorted(path.parent.name for pattern in ('*/run', '*/run.py') for path in (ROOT / 'bench').glob(pattern)):
        figures = Figures.read(QUICK / f'{name}.tsv')
        check(f'{name} measures something', figures.measurements)
        check(f'the page says where {name} ran', f'- {name}: {figures.facts["date"]}; {figures.facts["machine"]}' in page)
        for key in dict.fromkeys((m.workload, m.variant) for m in figures.measurements):
            check(f'{name}: {key} has its figure, not {found.get(key)!r}', FIGURE.fullmatch(found.get(key, '')))
    check('the page has nothing left of its template', not re.search(r'^\{', page, re.M))
    xml.dom.minidom.parse(str(QUICK / 'performance.svg'))
    report = subprocess.run([ROOT / 'bench/report.py', ROOT / 'bench/results', ROOT / 'docs', '--check'], check=False)
    check('docs/performance.md is written by bench/report.py', report.returncode == 0)
    if failed:
        sys.exit(f'bench: {failed} of {passed + failed} checks failed')
    print(f'bench: {passed} checks passed')


main()
