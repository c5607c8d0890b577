#!/usr/bin/env python3
"""Runs what the documents show, and compares what they name with the installed extension.

Every SQL block runs unless <!-- not run --> stands before it: those of README.md and of the tour in order in one empty
database each, as if they were pasted into psql; those of the other documents each in a fresh copy of the shop that
the reference's first two blocks make, but those of verification in order in one such copy, and those of clients, which have
a shop of their own, in order in one database. All run as the role that the README promises, the owner of the database, who
is no superuser but makes roles, in a session of their own; those that begin with "-- as superuser" as one. The books of a
recipe are counted. A fence right after an SQL block is the end of its output, or the error.

    test/docs/run.py README.md    runs its blocks and nothing else, on a server without tools for tests
"""
import os
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

from documents import documents, problems, sources

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
REFERENCE = ROOT / "docs/reference.md"
OPERATIONS = ROOT / "docs/operations.md"
VERIFICATION = ROOT / "docs/verification.md"
ADMIN = ROOT / "docs/admin.md"
CLIENTS = ROOT / "docs/clients.md"
RECIPES = ROOT / "docs/recipes.md"
PRIVACY = ROOT / "docs/privacy.md"
TOUR = ROOT / "docs/tour.md"
LIFECYCLE = ROOT / "docs/lifecycle.md"
CHANGELOG = ROOT / "CHANGELOG.md"
SECURITY = ROOT / "SECURITY.md"
VARYING = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=Your code is )\d{6}|\b[123]\d{14}\b")
BLOCK = re.compile(
    r"(?P<skip><!-- not run -->\n)?^```sql\n(?P<sql>.*?)^```\n(?:^```\n(?P<output>.*?)^```\n)?", re.M | re.S
)
END = "(end of block)"
AS_SUPERUSER = "-- as superuser\n"
OWNER = "shop_owner"

passed = 0
failed = 0


def check(what, problem):
    global passed, failed
    if not problem:
        passed += 1
        return
    failed += 1
    print(f"not ok: {what}\n{problem}", file=sys.stderr)


def psql(database, sql, *options, user="postgres"):
    """Runs it like pasted text: statement by statement, up to the first error."""
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database, *options]
    environment = {**os.environ, "PGOPTIONS": "-c client_min_messages=warning", "PGCLIENTENCODING": "UTF8"}
    return subprocess.run(command, input=sql, env=environment, text=True, capture_output=True, check=False)


def ask(query, database="shop"):
    result = psql(database, query, "-At", "-F", "\t")
    if result.returncode != 0:
        sys.exit(f"{query}\n{result.stderr}")
    return [tuple(line.split("\t")) for line in result.stdout.splitlines()]


def names(query):
    return {row[0] for row in ask(query)}


def plain(text):
    lines = VARYING.sub("VARYING", text).strip("\n").split("\n")
    return [line.rstrip() for line in lines]


def compare(what, block, printed):
    shown = plain(block["output"])
    wrong = plain(printed)[-len(shown) :] != shown
    check(f"{what}: the output shown", printed if wrong else "")


def blocks_of(document):
    text = document.read_text()
    for block in BLOCK.finditer(text):
        if not block["skip"]:
            yield f"{document.name}:{text.count(chr(10), 0, block.start()) + 1}", block


def create_database(name, template="template1"):
    psql("postgres", f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template};")
    # The setting belongs to a database, not to what is copied from a template.
    psql("postgres", f"ALTER DATABASE {name} SET customer_identity.default_region = 'DE';")


def run_pasted(document):
    """Blocks that one user pastes without a break are one session, those of a superuser another one."""
    psql("postgres", f"CREATE DATABASE shop OWNER {OWNER};")
    for superuser, group in groupby(blocks_of(document), lambda block: block[1]["sql"].startswith(AS_SUPERUSER)):
        blocks = list(group)
        script = "".join(f"{block['sql']}\n\\echo {END}\n" for _, block in blocks)
        result = psql("shop", script, user="postgres" if superuser else OWNER)
        check(f"{blocks[0][0]} and what follows, pasted", result.stderr)
        for (what, block), printed in zip(blocks, result.stdout.split(END)):
            if block["output"]:
                compare(what, block, printed)
    psql("postgres", "DROP DATABASE shop;")


def run_example(what, block, database):
    """Returns what was printed."""
    superuser = block["sql"].startswith(AS_SUPERUSER)
    result = psql(database, block["sql"], user="postgres" if superuser else OWNER)
    if (block["output"] or "").startswith("ERROR:"):
        compare(what, block, re.sub(r"^psql:\S+ ", "", result.stderr))
        return ""
    check(what, block["sql"] + result.stderr if result.returncode else "")
    if block["output"] and not result.returncode:
        compare(what, block, result.stdout)
    return result.stdout


def run_examples():
    examples = [example for document in (REFERENCE, OPERATIONS, ADMIN, LIFECYCLE, RECIPES, PRIVACY) for example in blocks_of(document)]
    for what, block in examples[:2]:
        run_example(what, block, "shop")
    for number, (what, block) in enumerate(examples[2:]):
        copy = f"shop_{number}"
        create_database(copy, "shop")
        run_example(what, block, copy)
        if what.startswith(RECIPES.name):
            check_books(what, copy)
        psql("postgres", f"DROP DATABASE {copy};")


def check_books(what, database):
    """Those of a recipe: their totals are those of their orders, and nothing is wrong with them."""
    books = "FROM (SELECT DISTINCT customers FROM customer_identity.attachments) AS b CROSS JOIN LATERAL customer_identity"
    wrong = ask(f"SELECT v.* {books}.verify_totals(b.customers) AS v", database)
    wrong += ask(f"SELECT f.* {books}.check_setup(b.customers) AS f WHERE f.severity <> 'info'", database)
    check(f"{what}: its books", f"{wrong}" if wrong else "")


def run_verification():
    """Ids and codes of the document stand for those that the blocks before have printed."""
    create_database("verified", "shop")
    actual = {}
    for what, block in blocks_of(VERIFICATION):
        sql = block["sql"]
        for shown, printed in actual.items():
            sql = sql.replace(shown, printed)
        printed = run_example(what, {**block.groupdict(), "sql": sql}, "verified")
        pairs = zip(VARYING.finditer(block["output"] or ""), VARYING.finditer(printed))
        actual.update((shown[0], printed[0]) for shown, printed in pairs)


def run_clients():
    create_database("clients")
    for what, block in blocks_of(CLIENTS):
        run_example(what, block, "clients")


def parameters(text):
    text = text.replace("timestamp with time zone", "timestamptz")
    text = re.sub(r"::\w+(\[\])?|\bIN (?=\w)", "", text)
    return [" ".join(part.split()) for part in re.split(r",\s*(?![^{(]*[})])", text.strip()) if part]


def check_signatures(reference):
    """Returns the functions that have one."""
    actual = {
        name: (arguments, result)
        for name, arguments, result in ask(
            "SELECT proname, pg_get_function_arguments(oid), replace(pg_get_function_result(oid), 'customer_identity.', '')"
            " FROM pg_proc WHERE pronamespace = 'customer_identity'::regnamespace"
        )
    }
    documented = set()
    for heading, shown in re.findall(r"^### (\w+)\n\n```\n(.*?)```\n", reference, re.M | re.S):
        signature = re.fullmatch(r"(\w+)\((.*?)\)(?: → (.*))?\n", shown, re.S)
        check(f"{heading}: a signature", "" if signature and signature[1] == heading else shown)
        documented.add(heading)
        arguments, result = actual.get(heading, ("", ""))
        shown_result = signature[3] or ""
        same = parameters(signature[2]) == parameters(arguments) and shown_result == result
        check(f"{heading}: its signature", "" if same else f"the extension has {heading}({arguments}) → {result}")
    return documented


def check_functions(reference):
    documented = check_signatures(reference)
    internal = set(re.findall(r"`(\w+)`", reference.split("## Internal")[1])) - {"customer_identity", "customer_identity_internal"}
    others = {"link_user", "attach_order", "maintain_totals", "attachments", "phone_details", "verification_health"}
    check("the reference has every function, view and type", differences(objects(), documented | internal | others))
    table = re.findall(r"^\| \[?`(\w+)[`(]", reference.split("## Functions")[1].split("\n## ")[0], re.M)
    listed = [name for (name,) in ask(
        r"SELECT proname FROM pg_proc WHERE pronamespace = 'customer_identity'::regnamespace ORDER BY proname"
    )]
    check("the reference lists functions as \\df does", "" if table == listed else differences(set(listed), set(table)) or f"{table}")


def objects():
    return names(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'customer_identity'::regnamespace UNION"
        " SELECT relname FROM pg_class WHERE relnamespace = 'customer_identity'::regnamespace AND relkind IN ('r', 'v', 'c')"
    )


def differences(actual, written):
    missing, wrong = sorted(actual - written), sorted(written - actual)
    return (f"not written: {missing}\n" if missing else "") + (f"not there: {wrong}\n" if wrong else "")


def in_order(what, wanted, text):
    check(what, "".join(f"not written: {word}\n" for word in sorted(wanted) if f"`{word}`" not in text))


def settings():
    """Those of the account are in no list that the server shows."""
    sources = "".join(path.read_text() for path in ROOT.glob("src/*/settings.cpp"))
    defined = ", ".join(f"('{name}')" for name in set(re.findall(r'"(customer_identity\.\w+)"', sources)))
    return names(
        "LOAD 'customer_identity'; SELECT name FROM pg_settings WHERE name LIKE 'customer_identity.%'"
        f" UNION SELECT name FROM (VALUES {defined}) AS v (name) WHERE current_setting(name) IS NOT NULL"
    )


def check_limits(reference):
    table = re.search(r"^\| argument \| bytes \|\n.*?\n\n", reference, re.M | re.S)[0]
    rows = re.findall(r"^\| (`.*`) \| (\d+) \|$", table, re.M)
    written = {f"{name} {size}" for arguments, size in rows for name in re.findall(r"`(\w+)`", arguments)}
    actual = names(
        "SELECT DISTINCT a || ' ' || customer_identity_internal.text_limit(a) FROM pg_proc, unnest(proargnames[:pronargs]) AS a"
        " WHERE pronamespace = 'customer_identity'::regnamespace AND customer_identity_internal.text_limit(a) IS NOT NULL"
    )
    check("the reference has the limits of texts", differences(actual, written))


def check_tables(section):
    """Those of a book: a list of columns and types for each, as create_tables makes it."""
    tables = re.findall(r"^`(\w+)`(?:(?!\n\n).)*\n\n\| column [^\n]*\n[^\n]*\n((?:\|[^\n]*\n)+)", section, re.M | re.S)
    made = {"customers"} | names("SELECT name FROM customer_identity_internal.companions()")
    check("the reference has the tables of a book", differences(made, {table for table, _ in tables}))
    for table, rows in tables:
        written = {
            f"{name} {type_}"
            for columns, type_ in re.findall(r"^\| (.*?) \| (.*?) \|", rows, re.M)
            for name in re.findall(r"`(\w+)`", columns)
        }
        actual = names(
            "SELECT attname || ' ' || replace(replace(format_type(atttypid, atttypmod), 'character varying', 'varchar'),"
            " 'timestamp with time zone', 'timestamptz') FROM pg_attribute"
            f" WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped"
        )
        check(f"the reference has the columns of {table}", differences(actual, written))


def check_names(reference):
    check_limits(reference)
    in_order("the reference has every setting", settings(), reference)

    text = "".join(path.read_text() for path in sources())
    raised = set(re.findall(r"ERRCODE = '(CI\d{3})'", text))
    raised |= {"".join(code) for code in re.findall(r"'(C)', '(I)', '(\d)', '(\d)', '(\d)'", text)}
    in_order("the reference has every error", raised, reference)
    in_order("operations.md has every error", raised, OPERATIONS.read_text().split("## Troubleshooting")[1])

    columns = names(
        "SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid IN ("
        "'customer_identity.attachments'::regclass, 'customer_identity.phone_details'::regclass,"
        "'customer_identity.verification_health'::regclass)"
    )
    in_order("the reference has every column", columns, reference)
    check_tables(reference.split("## Tables of the book")[1])

    arguments = names(
        "SELECT DISTINCT split_part(a, '=', 1) || '=' FROM pg_trigger,"
        " unnest(customer_identity_internal.trigger_arguments(tgargs)) AS a WHERE tgname LIKE 'customer_identity%'"
    )
    missing = "".join(f"not written: {key}\n" for key in sorted(arguments) if f"`{key}" not in reference)
    check("the reference has every trigger argument", missing)

    triggers = names("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
    stem = "customer_identity_totals_insert"
    shortened = {name if name.startswith(("customer_identity_link", "customer_identity_attach", stem)) else
                 name.replace("customer_identity_totals", "") for name in triggers}
    in_order("the reference has every trigger", shortened - {"_truncate"}, reference)


def check_mentions(document):
    text = document.read_text()
    known = objects() | {name.partition(".")[2] for name in settings()} | {"control"}
    mentioned = set(re.findall(r"\bcustomer_identity\.(\w+)", text))
    check(f"{document.name} mentions what exists", f"{sorted(mentioned - known)}" if mentioned - known else "")


def check_claims():
    """What SECURITY.md quotes of a test is in it."""
    for path, quotes in re.findall(r'\]\(([\w/.]+)\)((?:,? "[^"]+")+)', SECURITY.read_text()):
        test = (ROOT / path).read_text().replace("''", "'")
        for quote in re.findall(r'"([^"]+)"', quotes):
            check(f"{path}: {quote}", "" if quote in test else "SECURITY.md quotes it, and it is not there")


def check_version():
    version = re.search(r"default_version = '(.*)'", (ROOT / "customer_identity.control").read_text())[1]
    check("CHANGELOG.md has the version", "" if f"## [{version}]" in CHANGELOG.read_text() else version)


def run_others():
    reference = REFERENCE.read_text()
    run_pasted(TOUR)
    psql("postgres", f"CREATE DATABASE shop OWNER {OWNER};")
    run_examples()
    run_verification()
    run_clients()
    check_functions(reference)
    check_names(reference)
    for document in documents():
        check_mentions(document)
    for what, problem in problems():
        check(what, problem)
    check_claims()
    check_version()


def main():
    if "PGHOST" not in os.environ:
        os.execv(ROOT / "test/cluster.sh", ["test/cluster.sh", __file__, *sys.argv[1:]])
    psql("postgres", f"CREATE ROLE {OWNER} LOGIN CREATEROLE;")
    run_pasted(README)
    if sys.argv[1:] != ["README.md"]:
        run_others()
    if failed:
        sys.exit(f"docs: {failed} of {passed + failed} checks failed")
    print(f"docs: {passed} checks passed")


main()
