#!/usr/bin/python3 -B
"""The queries of monitoring/sql_exporter.yml run with the rights that they say they need, and not with fewer. The dashboard and
the documents name what they export; where prometheus-sql-exporter is installed, it exports that."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXPORTER = ROOT / 'monitoring/sql_exporter.yml'
QUERY = re.compile(
    r"  # needs: (?P<needs>.*)\n  - name: (?P<name>\w+)\n    help: .+\n(?:    labels: \[(?P<labels>.*)\]\n)?"
    r"    values: \[(?P<values>.*)\]\n    query: \|\n(?P<sql>(?:      .*\n)+)")
SHOP = """
    CREATE EXTENSION customer_identity;
    SELECT customer_identity.create_tables();
    CREATE TABLE users (id text PRIMARY KEY, phone text);
    CREATE TABLE orders (id int PRIMARY KEY, user_id text REFERENCES users ON DELETE SET NULL, phone text, total numeric);
    SELECT customer_identity.attach_users('users', default_region => 'DE');
    SELECT customer_identity.attach_orders('orders', users => 'users', default_region => 'DE');
    INSERT INTO users VALUES ('mara', '0151 23456789'), ('ben', 'call me'), ('eva', '123');
    INSERT INTO users VALUES ('kim', '0151 23456789 or 0171 2345678'), ('ida', '0151 2345X6789'), ('ole', '+999 1234567');
    INSERT INTO orders VALUES (1, 'mara', NULL, 40), (2, NULL, '0151 23456789', 25), (3, NULL, 'none', 1);
    SET customer_identity.default_region = 'DE'; SET customer_identity.sms_countries = 'DE';
    SELECT customer_identity.start_verification('0151 23456789');
    UPDATE customers SET total_spent = 1;
    SELECT customer_identity.start_sms_worker();
"""
# What the shop above makes of them; the rest are figures of the server.
EXPECTED = {
    ('verification', 'pending'): 1, ('verification', 'sent'): 0, ('sms_workers', 'workers'): 1, ('people', 'customers'): 1,
    ('people', 'users'): 6, ('people', 'users_linked'): 1, ('phone_problems', 'users', 'not_a_number', 'rows'): 1,
    ('phone_problems', 'orders', 'not_a_number', 'rows'): 1, ('phone_problems', 'users', 'no_region', 'rows'): 0,
    ('setup_findings', 'error', 'findings'): 0, ('wrong_totals', 'customers'): 1,
}
passed = failed = 0


def check(what, problem):
    global passed, failed
    if not problem:
        passed += 1
        return
    failed += 1
    print(f'not ok: {what}\n{problem}', file=sys.stderr)


def psql(sql, user='postgres'):
    return subprocess.run(['psql', '-XAtq', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-U', user, '-d', 'shop'], input=sql, text=True,
                          capture_output=True, check=False)


def names(listed):
    return [name.strip() for name in (listed or '').split(',') if name.strip()]


def rights(needs):
    """GRANT statements, one for each object."""
    if needs == 'nothing':
        return []
    if ' ON ' not in needs:
        return [needs]
    right, objects = needs.split(' ON ')
    kind, objects = ('FUNCTION ', objects.removeprefix('FUNCTION ')) if objects.startswith('FUNCTION ') else ('', objects)
    return [f'{right} ON {kind}{name}' for name in names(objects)]


def ask_as(role, granted, sql):
    """What a new role with these rights gets."""
    psql(f'CREATE ROLE {role} LOGIN; ' + ' '.join(f'GRANT {right} TO {role};' for right in granted))
    result = psql(sql, role)
    psql(f'DROP OWNED BY {role}; DROP ROLE {role}')
    return result


def figures(query, rows):
    """{(name, labels..., value column): figure}, as the exporter makes them."""
    count = len(names(query['labels']))
    name = query['name'].removeprefix('customer_identity_')
    return {(name, *row[:count], column): float(figure)
            for row in rows for column, figure in zip(names(query['values']), row[count:])}


def check_query(query):
    """Returns its figures."""
    granted = rights(query['needs'])
    result = ask_as('monitor', granted, query['sql'])
    check(f"{query['name']}: with what it needs", result.stderr)
    rows = [line.split('\t') for line in result.stdout.splitlines()]
    columns = psql(f"CREATE TEMP VIEW v AS {query['sql']}; SELECT attname FROM pg_attribute WHERE attrelid = 'v'::regclass AND attnum > 0"
                   ' ORDER BY attnum').stdout.split()
    said = names(query['labels']) + names(query['values'])
    check(f"{query['name']}: its columns", '' if columns == said else f'{columns}, not {said}')
    for right in granted:
        fewer = ask_as('monitor', [other for other in granted if other != right], query['sql'])
        check(f"{query['name']}: {right} is needed", '' if fewer.returncode or fewer.stdout != result.stdout else 'it is the same without')
    return figures(query, rows)


def parse():
    text = EXPORTER.read_text(encoding='utf-8')
    found = [match.groupdict() for match in QUERY.finditer(text)]
    rest = QUERY.sub('', text)
    check('every query has its form', '' if rest.count('query:') == rest.count('name:') - 2 == 0 else rest)
    check('there are queries', '' if len(found) >= 9 else f'{len(found)}')
    return found


def check_names(exported):
    """The dashboard and the documents name no others, and the dashboard shows all."""
    dashboard = json.loads((ROOT / 'monitoring/dashboard.json').read_text(encoding='utf-8'))
    ids = [panel['id'] for panel in dashboard['panels']]
    check("the dashboard's panels differ", '' if len(set(ids)) == len(ids) else f'{ids}')
    expressions = [target['expr'] for panel in dashboard['panels'] for target in panel['targets']]
    series = {pair for text in expressions for pair in re.findall(r'sql_(\w+)\{[^}]*?(?:col="(\w+)")?\}', text)}
    shown = {name for name, _ in series}
    check('the dashboard names what is exported', f'{sorted(shown - set(exported))}' if shown - set(exported) else '')
    check('the dashboard shows all of it', f'{sorted(set(exported) - shown)}' if set(exported) - shown else '')
    wrong = [(name, column) for name, column in series if column and column not in exported.get(name, ())]
    check("the dashboard's columns", f'{wrong}' if wrong else '')
    for document in ('docs/operations.md', 'monitoring/dashboard.json'):
        mentioned = set(re.findall(r'\bsql_(customer_identity_\w+)', (ROOT / document).read_text(encoding='utf-8')))
        check(f'{document} names what is exported', f'{sorted(mentioned - set(exported))}' if mentioned - set(exported) else '')
        check(f'{document} names metrics', '' if mentioned else 'none')


def documented_reasons():
    """Those that a row can have, from the table of parse_phone's and what phone_problems adds to them."""
    text = (ROOT / 'docs/reference.md').read_text(encoding='utf-8')
    table = re.search(r'\| reason \| \|\n(?:\|.*\n)+', text)[0]
    reasons = {name for line in table.splitlines()[2:] for name in re.findall(r'`(\w+)`', line.split('|')[1])}
    return reasons - {'ok', 'empty'} | {'unknown_region', 'names_nobody'}


def scrape(url):
    for _ in range(100):
        try:
            with urllib.request.urlopen(url) as answer:
                text = answer.read().decode()
            if text.count('sql_exporter_last_scrape_failed{') >= 9:
                return text
        except urllib.error.URLError:
            pass
        time.sleep(0.1)
    return ''


def check_exporter(program, queries):
    """The real exporter, as a role with all that is needed."""
    granted = sorted({right for query in queries for right in rights(query['needs'])})
    psql('CREATE ROLE shop_monitor LOGIN; ' + ' '.join(f'GRANT {right} TO shop_monitor;' for right in granted))
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, 'sql_exporter.yml')
        config.write_text(EXPORTER.read_text(encoding='utf-8').replace('/var/run/postgresql', os.environ['PGHOST']), encoding='utf-8')
        address = f'127.0.0.1:{20000 + os.getpid() % 10000}'
        with subprocess.Popen([program, '-config.file', config, '-web.listen-address', address], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as exporter:
            text = scrape(f'http://{address}/metrics')
            exporter.terminate()
    failures = re.findall(r'^sql_exporter_last_scrape_failed\{.*\} [^0]', text, re.M)
    check('the exporter: every query', '\n'.join(failures) if text else 'it did not answer')
    for key, figure in EXPECTED.items():
        name, *labels, column = key
        lines = [line for line in text.splitlines() if line.startswith(f'sql_customer_identity_{name}{{') and f'col="{column}"' in line
                 and all(f'="{label}"' in line for label in labels)]
        check(f'the exporter: {key}', '' if len(lines) == 1 and float(lines[0].split()[-1]) == figure else f'{lines}, not {figure}')


def main():
    if 'PGHOST' not in os.environ:
        os.execv(ROOT / 'test/cluster.sh', ['test/cluster.sh', __file__])
    subprocess.run(['createdb', '-U', 'postgres', 'shop'], check=True)
    made = psql(SHOP)
    check('the shop', made.stderr if made.returncode else '')
    queries = parse()
    figured = {}
    with subprocess.Popen(['psql', '-XAtq', '-c', 'BEGIN; SELECT pg_current_xact_id(); SELECT pg_sleep(600)']) as other:
        for query in queries:
            figured.update(check_query(query))
        other.kill()
    for key, figure in EXPECTED.items():
        check(f'{key}', '' if figured.get(key) == figure else f'{figured.get(key)}, not {figure}')
    problems = {key[2]: figure for key, figure in figured.items() if key[:2] == ('phone_problems', 'users')}
    listed = psql("SELECT count(*) FROM customer_identity.phone_problems('users')").stdout
    check('every problem is counted', '' if sum(problems.values()) == int(listed) >= 5 else f'{problems} of {listed}')
    check('every reason has its figure', f'{problems}' if set(problems) != documented_reasons() else '')
    check_names({query['name']: names(query['values']) for query in queries})
    program = shutil.which('prometheus-sql-exporter')
    if program:
        check_exporter(program, queries)
    else:
        print('the exporter itself did not run: prometheus-sql-exporter is not installed')
    if failed:
        sys.exit(f'monitoring: {failed} of {passed + failed} checks failed')
    print(f'monitoring: {passed} checks passed')


main()
