"""The library of a released version, built from its commit; kept in build/upgradecheck."""

import os
import shutil
import subprocess
from pathlib import Path

from relocated import PG_CONFIG

ROOT = Path(__file__).resolve().parent.parent.parent
COMMITS = {'0.1.0': 'e616da9c3a8f94595a52988d9cf925aeb9368626'}


def released_library(version):
    """Its path, or None and why it is not there."""
    server = subprocess.run([PG_CONFIG, '--version'], capture_output=True, text=True, check=True).stdout.split()[1]
    sources = ROOT / f'build/upgradecheck/{version}-{server}'
    library = sources / 'customer_identity.so'
    if library.exists():
        return library, None
    commit = COMMITS[version]
    if not shutil.which('git') or subprocess.run(
            ['git', 'cat-file', '-e', f'{commit}^{{commit}}'], cwd=ROOT, capture_output=True).returncode != 0:
        return None, f'the history that has {version} is not here'
    sources.mkdir(parents=True, exist_ok=True)
    archive = subprocess.run(['git', 'archive', commit], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(['tar', 'x', '-C', sources], input=archive, check=True)
    compiler = ['CXX=ccache g++'] if shutil.which('ccache') else []
    environment = {k: v for k, v in os.environ.items() if k not in ('MAKEFLAGS', 'MAKELEVEL')}
    built = subprocess.run(['make', '-s', '-j2', 'with_llvm=no', f'PG_CONFIG={PG_CONFIG}', *compiler, 'all'],
                           cwd=sources, capture_output=True, text=True, env=environment)
    if built.returncode != 0:
        library.unlink(missing_ok=True)
        return None, f'{version} cannot be built for PostgreSQL {server}: {built.stderr[-300:]}'
    return library, None
