#!/usr/bin/python3 -B
"""Runs every benchmark, bench/NAME/run or run.py, and writes docs/performance.md from what they measured.

QUICK=1 makes tiny shops, to see that all of it works: the measurements and the page stay in build/bench/quick. NAMES are
those to run; the page has the last results of the others."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / 'results'
QUICK = {'ROWS': '5000', 'ROUNDS': '1', 'SECONDS': '0', 'CLIENTS': '2', 'USERS': '100', 'CALLS': '2', 'BENCH_ROUNDS': '5',
         'BENCH_COPIES': '1'}


def main():
    quick = os.environ.get('QUICK', '') not in ('', '0')
    scripts = {path.parent.name: path for path in sorted([*HERE.glob('*/run'), *HERE.glob('*/run.py')])}
    names = os.environ.get('NAMES', '').split() or list(scripts)
    measured = ROOT / 'build/bench' / ('quick' if quick else 'measured')
    shutil.rmtree(measured, ignore_errors=True)
    measured.mkdir(parents=True)
    for name in names:
        print(f'== {name}: {scripts[name].relative_to(ROOT)}', flush=True)
        environment = {**os.environ, **(QUICK if quick else {}), 'LINES': str(measured / f'{name}.tsv')}
        environment.pop('CLUSTER_USER', None)  # each has a server of its own
        subprocess.run([scripts[name]], env=environment, cwd=ROOT, check=True)
    if not quick:
        for path in measured.glob('*.tsv'):
            shutil.copy(path, RESULTS)
    results, folder = (measured, measured) if quick else (RESULTS, ROOT / 'docs')
    subprocess.run([HERE / 'report.py', results, folder], check=True)
    print(f'written: {folder.relative_to(ROOT)}/performance.md', flush=True)


if __name__ == '__main__':
    sys.exit(main())
