#!/usr/bin/python3 -B
"""Runs every benchmark, bench/NAME/run or run.py, and writes docs/performance.md from what they measured.

QUICK=1 makes tiny shops, to see that all of it works: the measurements and the page stay in build/bench/quick. NAMES are
those to run; the page has the last results of the others. Without NAMES nothing older than the run is left on the page."""

import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / 'results'
QUICK = {'ROWS': '5000', 'ROUNDS': '1', 'SECONDS': '0', 'CLIENTS': '2', 'USERS': '100', 'CALLS': '2', 'BENCH_ROUNDS': '5',
         'BENCH_COPIES': '1', 'MANY': '200,400'}


def scripts():
    return {path.parent.name: path for path in sorted([*HERE.glob('*/run'), *HERE.glob('*/run.py')])}


def measure(names, folder, sizes):
    """Returns the names of those that failed. What the others have taken hours to measure is not lost."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    today = date.today().isoformat()  # of all of it, also when the run ends tomorrow
    failed = []
    for name in names:
        script, lines = scripts()[name], folder / f'{name}.tsv'
        print(f'== {name}: {script.relative_to(ROOT)}', flush=True)
        environment = {**os.environ, **sizes, 'LINES': str(lines), 'BENCH_DATE': today}
        environment.pop('CLUSTER_USER', None)  # each has a server of its own
        if subprocess.run([script], env=environment, cwd=ROOT, check=False).returncode != 0:
            failed.append(name)
            lines.unlink(missing_ok=True)
    return failed


def publish(measured, is_whole):
    for path in RESULTS.glob('*.tsv') if is_whole else ():
        path.unlink()
    for path in measured.glob('*.tsv'):
        shutil.copy(path, RESULTS)


def main():
    quick = os.environ.get('QUICK', '') not in ('', '0')
    names = os.environ.get('NAMES', '').split() or list(scripts())
    is_whole = len(names) == len(scripts())
    measured = ROOT / 'build/bench' / ('quick' if quick else 'measured')
    failed = measure(names, measured, QUICK if quick else {})
    if not quick:
        publish(measured, is_whole and not failed)
    results, folder = (measured, measured) if quick else (RESULTS, ROOT / 'docs')
    if is_whole or not quick:
        subprocess.run([HERE / 'report.py', results, folder], check=not failed)
        print(f'written: {folder.relative_to(ROOT)}/performance.md', flush=True)
    if failed:
        sys.exit(f'bench/run.py: no figures of {" ".join(failed)}; when they work again: make bench NAMES="{" ".join(failed)}"')


if __name__ == '__main__':
    sys.exit(main())
