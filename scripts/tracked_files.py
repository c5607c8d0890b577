"""Which files are the repository's."""

import shutil
import subprocess
from pathlib import Path


def tracked_files():
    """Their paths; outside git, or where it is not installed, all files but what was built."""
    listed = []
    if shutil.which('git'):
        listed = subprocess.run(['git', 'ls-files'], capture_output=True, text=True, check=False).stdout.splitlines()
    skipped = {'build', 'node_modules'}
    return listed or [str(path) for path in Path().rglob('*') if path.is_file() and not skipped & set(path.parts)]
