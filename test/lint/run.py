#!/usr/bin/python3 -B
"""The rules of make lint find what is planted: includes and calls that run upwards, Python with faults, a name that sql/order lacks, words of other fields."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UP = 'which is above it'
POSTGRES = "includes PostgreSQL's"
META = json.loads((ROOT / 'META.json').read_text(encoding='utf-8'))
# The file, what is planted in it, and what is said of it: nothing where it may stay.
INCLUDES = (
    ('src/pg/planted.cpp', '#include "book/book.hpp"', UP),
    ('src/book/planted.hpp', '#include "totals/amount.hpp"', UP),
    ('src/totals/planted.cpp', '#  include <identity/users.hpp>', UP),
    ('src/verification/planted.cpp', 'int i;\n#include "sms/outbox.hpp"\n', UP),
    ('src/phone/planted.cpp', '#include "pg/postgres.hpp"', UP),
    ('src/phone/planted.cpp', '#include <postgres.h>', POSTGRES),
    ('src/sms/planted.hpp', '#include "executor/spi.h"', POSTGRES),
    ('src/pg/planted.cpp', '#include "executor/spi.h"', POSTGRES),
    ('src/identity/planted.cpp', '#include "lib/simplehash.h"', POSTGRES),
    ('src/pg/planted.cpp', '#include "lib/simplehash.h"', ''),
    ('src/new_room/planted.cpp', '', 'is not among the rooms'),
    ('src/identity/planted.cpp', '#include "totals/amount.hpp"', ''),
    ('src/book/planted.cpp', '#include "book/book.hpp"', ''),
    ('src/totals/planted.cpp', '#include "no_room.hpp"\n#include <vector>', ''),
    ('src/module.cpp', '#include "administration/settings.hpp"', ''),
    ('src/pg/postgres.hpp', '#include <postgres.h>', ''),
    ('src/totals/planted.cpp', 'Numeric sum = numeric_add_opt_error(a, b, nullptr);', 'not the same in all majors'),
    ('src/book/planted.cpp', '#if PG_VERSION_NUM >= 160000', 'not the same in all majors'),
    ('src/book/planted.cpp', 'PG_RETURN_POINTER(nullptr);', 'not the same in all majors'),
    ('src/book/planted.cpp', 'Datum none = PointerGetDatum(nullptr);', 'not the same in all majors'),
    ('src/book/planted.cpp', 'execute("SELECT 1 WHERE a IS NOT DISTINCT FROM b");', 'on any path'),
    ('src/book/planted.cpp', 'execute("SELECT NULLIF(a, b)");', 'on any path'),
    ('src/book/planted.cpp', 'execute("SELECT a OPERATOR(pg_catalog.=) ANY (b)");', ''),
    ('sql/book/planted.sql', 'SELECT customer_identity_internal.rebuild_book(NULL);', UP),
    ('sql/history/planted.sql', 'SELECT customer_identity_internal.check_book(NULL);', UP),
    ('sql/identity/planted.sql', 'SELECT customer_identity_internal.rebuild_book(NULL);', ''),
    ('sql/updates/planted.sql', 'SELECT customer_identity_internal.check_book(NULL);', ''),
    ('sql/new_room/planted.sql', '', 'is not among the rooms'),
    ('sql/lifecycle/planted.sql', 'SELECT customer_identity_internal.erase_at_once(NULL, NULL, NULL);', UP),
)
OTHERS = (
    ('install_order', 'sql/book/planted.sql', '', 'planted.sql'),
    ('python_names', 'bench/planted.py', 'import os\n', 'imported but unused'),
    ('python_names', 'test/planted.py', 'print(never_made)\n', 'undefined name'),
    ('python_names', 'test/planted.py', 'def f(:\n', 'invalid syntax'),
    ('words_of_the_field', 'docs/planted.md', 'A verdict.\n', 'docs/planted.md'),
    ('words_of_the_field', 'sql/planted.sql', '-- What is heeded.\n', 'sql/planted.sql'),
    ('words_of_the_field', 'src/planted.cpp', 'errmsg("the number was retired")', 'src/planted.cpp'),
    ('words_of_the_field', 'sql/planted.sql', 'most_ids constant integer := 1;\n', 'sql/planted.sql'),
    ('words_of_the_field', 'docs/planted.md', 'Its name is `verdict`.\n', ''),
    ('words_of_the_field', 'src/planted.cpp', 'int duty = judge("a", heed, "b c");', ''),
    *(('meta', 'META.json', json.dumps({**META, **change}), said) for change, said in (
        ({}, ''), ({'x_note': 1}, ''), ({'license': ['postgresql', 'mit']}, ''), ({'license': {'own': 'https://example.org/'}}, ''),
        ({'name': 'a b'}, 'name'), ({'name': 'x'}, 'name'), ({'version': '0.2'}, 'version'), ({'version': '01.2.0'}, 'version'),
        ({'license': 'PostgreSQL'}, 'license'), ({'license': []}, 'license'), ({'abstract': ''}, 'abstract'), ({'maintainer': []}, 'maintainer'),
        ({'meta-spec': {'version': '1.0'}}, 'meta-spec'), ({'provides': {}}, 'provides'), ({'provides': {'a': {'version': '1.0.0'}}}, 'provides'),
        ({'provides': {'aa': {'file': 'gone.sql', 'version': '1.0.0'}}}, 'gone.sql'), ({'prereqs': {'run': {}}}, 'prereqs'),
        ({'prereqs': {'test': {'requires': {'pgTAP': 'new'}}}}, 'prereqs'), ({'prereqs': {'test': {'requires': {'pgTAP': '>= 1.2.0, != 1.3.0'}}}}, ''),
        ({'release_status': 'done'}, 'release_status'), ({'tags': ['a/b']}, 'tags'), ({'keywords': []}, 'keywords'),
        ({'resources': {'homepage': 'nowhere'}}, 'resources'))),
    *(('meta', 'META.json', json.dumps({key: META[key] for key in META if key != gone}), f'{gone} is missing') for gone in
      ('abstract', 'license', 'maintainer', 'meta-spec', 'name', 'provides', 'version')),
    ('meta', 'META.json', '{', 'META.json'),
    ('versions', 'META.json', json.dumps({**META, 'version': '9.9.9'}), '9.9.9'),
    ('versions', 'customer_identity.control', "default_version = '0.3.0'", '0.3.0'),
    ('versions', 'debian/changelog', 'customer-identity (0.1.0-1) unstable; urgency=low', 'debian/changelog'),
    ('versions', 'README.md', 'this is 0.9.0. Within 0.2 we keep', 'README.md says 0.9.0'),
    ('versions', 'README.md', 'this is 0.2.0. Within 0.9 we keep', 'promise says 0.9'),
    ('versions', 'README.md', 'this is new', 'README.md says nothing'),
    ('versions', 'CHANGELOG.md', '## [0.1.0] - 2026-11-23', "CHANGELOG.md"),
    ('versions', 'sql/released/customer_identity--0.0.1.sql', '', 'does not lead from 0.0.1'),
    ('licences', 'src/sms/planted.cpp', '#include <boost/any.hpp>', 'boost'),
    ('licences', 'src/planted.cpp', '#include <nlohmann/json.hpp>\n#include <utils/acl.h>', ''),
    ('licences', 'docs/planted.tsv', 'a', 'docs/planted.tsv'),
    ('licences', 'src/planted.cpp', '// Copyright (c) 1999 Somebody Else', 'Somebody Else'),
    ('python_files', 'test/planted', '#!/usr/bin/env python3\n', 'test/planted'),
    ('python_files', 'scripts/planted.sh', "#!/usr/bin/env bash\npython3 - x <<'END'\nEND\n", 'scripts/planted.sh'),
)
passed = failed = 0


def check(rule, path, text, expected, programs=os.environ['PATH']):
    """Plants the text in a copy of what the rules read, and runs the rule there."""
    global passed, failed
    with tempfile.TemporaryDirectory() as folder:
        for name in ('sql', 'scripts', 'bench', 'debian', 'customer_identity.control', 'META.json', 'CHANGELOG.md', 'README.md', 'NOTICE.md'):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder, name))
        planted = Path(folder, path)
        planted.parent.mkdir(parents=True, exist_ok=True)
        planted.write_text(text, encoding='utf-8')
        run = subprocess.run(['scripts/lint.sh', rule], cwd=folder, capture_output=True, text=True, check=False, env=dict(os.environ, PATH=programs))
    said = run.stdout + run.stderr
    if (run.returncode != 0 and expected in said) if expected else run.returncode == 0:
        passed += 1
    else:
        failed += 1
        print(f'not ok: {rule}, {path}: {text!r}\n{said}', file=sys.stderr)


for path, text, expected in INCLUDES:
    check('include_rule', path, text, expected)
for arguments in OTHERS:
    check(*arguments)
# An archive may be tested where there is no git.
with tempfile.TemporaryDirectory() as programs:
    for program in Path('/usr/bin').iterdir():
        if program.name != 'git':
            Path(programs, program.name).symlink_to(program)
    check('meta', 'META.json', json.dumps(META), '', programs)
    check('meta', 'META.json', json.dumps({**META, 'tags': []}), 'tags', programs)
    check('licences', 'docs/planted.tsv', 'a', 'docs/planted.tsv', programs)
if failed:
    sys.exit(f'lint: {failed} of {passed + failed} checks failed')
print(f'lint: {passed} checks passed')
