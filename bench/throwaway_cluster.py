"""The server of a benchmark, and one with another version of the library beside it, whose settings are the same:
test/cluster.sh makes the first, and ends both with the script."""

import os
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


def as_server(*command):
    user = os.environ['CLUSTER_USER']
    prefix = [] if user == output_of('id', '-un') else ['runuser', '-u', user, '--']
    subprocess.run([*prefix, *map(str, command)], check=True, cwd='/', stdout=subprocess.DEVNULL)


def start_base(pg_config):
    """Returns what clients need to reach it."""
    data = Path(os.environ['PGDATA'])
    folder, programs = data.parent / 'base', output_of(pg_config, '--bindir')
    as_server(f'{programs}/initdb', '-D', folder, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync')
    (folder / 'postgresql.conf').write_text((data / 'postgresql.conf').read_text())
    as_server(f'{programs}/pg_ctl', 'start', '-D', folder, '-l', data.parent / 'base.log', '-s', '-w', '-o', '-p 5433')
    return {'PGPORT': '5433', 'PGDATA': str(folder)}
