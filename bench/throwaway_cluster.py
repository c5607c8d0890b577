"""The server of a benchmark: test/cluster.sh makes it, and ends it with the script."""

import os
import sys
from pathlib import Path

CLUSTER = Path(__file__).resolve().parents[1] / 'test/cluster.sh'


def enter_cluster(configuration):
    """Starts the running script again inside a cluster with these lines in postgresql.conf, unless it is in one."""
    if 'CLUSTER_USER' in os.environ:
        return
    os.environ['CLUSTER_CONF'] = configuration
    os.execv(CLUSTER, [str(CLUSTER), str(Path(sys.argv[0]).resolve())])
