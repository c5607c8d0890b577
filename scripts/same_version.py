#!/usr/bin/python3 -B
"""The control file is the source of the version; META.json repeats it."""

import json
import re
import sys
from pathlib import Path

NAME = 'customer_identity'
version = re.search(r"^default_version *= *'(.*)'", Path(f'{NAME}.control').read_text(encoding='utf-8'), re.M)[1]
meta = json.loads(Path('META.json').read_text(encoding='utf-8'))
found = (meta['name'], meta['version'], meta['provides'][NAME]['version'])
if found != (NAME, version, version):
    sys.exit(f'META.json says {found}, {NAME}.control says {version}')
