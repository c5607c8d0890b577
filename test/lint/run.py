#!/usr/bin/python3 -B
"""The rules of make lint find what is planted: includes and calls that run upwards, Python with faults, a name that sql/order lacks, words of other fields."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UP = 'which is above it'
POSTGRES = "includes PostgreSQL's"
# The file, what is planted in it, and what is said of it: nothing where it may stay.
INCLUDES = (
    ('src/pg/planted.cpp', '#include "book/book.hpp"', UP),
    ('src/book/planted.hpp', '#include "totals/amount.hpp"', UP),
    ('src/totals/planted.cpp', '#  include <identity/users.hpp>', UP),
    ('src/verification/planted.cpp', 'int i;\n#include "sms/outbox.hpp"\n', UP),
    ('src/phone/planted.cpp', '#include "pg/postgres.hpp"', UP),
    ('src/phone/planted.cpp', '#include <postgres.h>', POSTGRES),
    ('src/sms/planted.hpp', '#include "executor/spi.h"', POSTGRES),
    ('src/new_room/planted.cpp', '', 'is not among the rooms'),
    ('src/identity/planted.cpp', '#include "totals/amount.hpp"', ''),
    ('src/book/planted.cpp', '#include "book/book.hpp"', ''),
    ('src/totals/planted.cpp', '#include "no_room.hpp"\n#include <vector>', ''),
    ('src/module.cpp', '#include "administration/settings.hpp"', ''),
    ('src/pg/postgres.hpp', '#include <postgres.h>', ''),
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
    ('python_files', 'test/planted', '#!/usr/bin/env python3\n', 'test/planted'),
    ('python_files', 'scripts/planted.sh', "#!/usr/bin/env bash\npython3 - x <<'END'\nEND\n", 'scripts/planted.sh'),
)
passed = failed = 0


def check(rule, path, text, expected):
    """Plants the text in a copy of what the rules read, and runs the rule there."""
    global passed, failed
    with tempfile.TemporaryDirectory() as folder:
        for name in ('sql', 'scripts', 'bench', 'customer_identity.control'):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder, name))
        planted = Path(folder, path)
        planted.parent.mkdir(parents=True, exist_ok=True)
        planted.write_text(text, encoding='utf-8')
        run = subprocess.run(['scripts/lint.sh', rule], cwd=folder, capture_output=True, text=True, check=False)
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
if failed:
    sys.exit(f'lint: {failed} of {passed + failed} checks failed')
print(f'lint: {passed} checks passed')
