"""A server's installation at another place, made of links: its library is exchanged as a package upgrade does it."""

import os
import shutil
import subprocess
from pathlib import Path

PG_CONFIG = os.environ.get('PG_CONFIG', 'pg_config')
EXECUTED = ('postgres', 'initdb', 'pg_ctl', 'pg_config')
LIBRARY = 'customer_identity.so'


def pg_config(what):
    return Path(subprocess.run([PG_CONFIG, f'--{what}'], capture_output=True, text=True, check=True).stdout.strip())


def install(root):
    """Links what is installed into `root`, as a server finds it by the place of its program. Returns pg_config."""
    for what in ('bindir', 'pkglibdir', 'sharedir'):
        folder = pg_config(what)
        place = root / folder.relative_to('/')
        place.mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir():
            if what == 'bindir' and file.name in EXECUTED:
                shutil.copy2(file.resolve(), place / file.name)
            elif not (place / file.name).exists() and file.name not in (LIBRARY, 'bitcode'):
                (place / file.name).symlink_to(file)
    return root / pg_config('bindir').relative_to('/') / 'pg_config'


def installed_library(root):
    return root / pg_config('pkglibdir').relative_to('/') / LIBRARY


def put_library(place, library):
    """Replaces the library: sessions that have loaded another one keep it."""
    shutil.copy2(library, place.with_suffix('.new'))
    place.with_suffix('.new').replace(place)
