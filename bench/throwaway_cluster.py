"""The server of a benchmark, which test/cluster.sh makes and ends with the script, and a database of it with another version of
the library."""

import os
import re
import subprocess
import sys
from pathlib import Path

CLUSTER = Path(__file__).resolve().parents[1] / 'test/cluster.sh'


def enter_cluster(configuration):
    """Starts the running script again inside a cluster with these lines in postgresql.conf, unless it is in one."""
    if 'CLUSTER_USER' in os.environ:
        return
    os.environ['CLUSTER_CONF'] = configuration
    os.execv(CLUSTER, [str(CLUSTER), str(Path(sys.argv[0]).resolve())])


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def make_base(pg_config):
    """A database of the same server that has the library of the server of pg_config, as two servers differ by where their memory
    lies: while it is made, the script with that library's path is a version of the extension. Returns what clients need to
    reach it."""
    base = Path(output_of(pg_config, '--sharedir'), 'extension')
    version = re.search(r"default_version = '(.*)'", (base / 'customer_identity.control').read_text())[1]
    script = (base / f'customer_identity--{version}.sql').read_text()
    there = Path(output_of(os.environ.get('PG_CONFIG', 'pg_config'), '--sharedir'), 'extension/customer_identity--before.sql')
    library = Path(output_of(pg_config, '--pkglibdir'), 'customer_identity')
    subprocess.run(['createdb', 'before'], check=True)
    try:
        there.write_text(script.replace('MODULE_PATHNAME', str(library)))
        subprocess.run(['psql', '-qX', '-d', 'before', '-c', "CREATE EXTENSION customer_identity VERSION 'before'"], check=True)
    finally:
        there.unlink(missing_ok=True)
    return {'PGDATABASE': 'before'}
