"""What the documents say of each other and of the tree: links, the index, names of files and functions, diagrams.

Needs no server. Each check yields what it is about and, where something is wrong, the problem.
"""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / "docs/index.md"
ARCHITECTURE = ROOT / "docs/architecture.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
NOT_OURS = {".git", "build", "node_modules", "tmp_check"}
FENCE = re.compile(r"^```.*?^```\n", re.M | re.S)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
# A path, or a file by its ending. NAME and VERSION stand for any name.
FILE = re.compile(r"(?<![\w./-])(?:(?:src|sql|test|scripts|bench|docs|examples|demo)/[\w./-]*|[\w./-]+\.(?:cpp|hpp|sql|py|sh|spec|md))")


def ours(pattern):
    paths = (path for path in ROOT.rglob(pattern) if not NOT_OURS & set(path.relative_to(ROOT).parts))
    return sorted(path for path in paths if path.is_file())


def documents():
    return ours("*.md")


def sources():
    """Of this version: no script of another one."""
    paths = sorted(path for pattern in ("src/**/*.[ch]pp", "sql/**/*.sql") for path in ROOT.glob(pattern))
    return [path for path in paths if path.relative_to(ROOT).parts[1] not in ("released", "updates")]


def anchors(document):
    """GitHub's names of the headings; a second one of the same name gets a number."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", document.read_text()), re.M):
        anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        copies = sum(1 for other in found if re.fullmatch(re.escape(anchor) + r"(-\d+)?", other))
        found.add(f"{anchor}-{copies}" if copies else anchor)
    return found


def leads_somewhere(document, link):
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    return target.exists() and (not anchor or anchor in anchors(target))


def links(document):
    return LINK.findall(CODE.sub("``", FENCE.sub("", document.read_text())))


def check_links():
    for document in documents():
        broken = [link for link in links(document) if not leads_somewhere(document, link)]
        yield f"{document.relative_to(ROOT)}: its links", f"{broken}" if broken else ""


def check_index():
    listed = {(INDEX.parent / link.partition("#")[0]).resolve() for link in links(INDEX)}
    for document in documents():
        if document.parent in (ROOT, INDEX.parent) and document != INDEX:
            yield f"docs/index.md lists {document.name}", "" if document in listed else "it does not"
        if document.parent == INDEX.parent and document != INDEX:
            yield f"{document.name} links to the index", "" if "index.md" in links(document) else "it does not"


def there(name, files):
    pattern = re.escape(name.rstrip("/")).replace("NAME", r"[\w.-]+").replace("VERSION", r"[\d.]+")
    return any(re.search(rf"(^|/){pattern}(/|$)", path) for path in files)


def check_names():
    """A file's name is a path from the root, or the end of one; a function's is followed by ()."""
    files = [str(path.relative_to(ROOT)) for path in ours("*")]
    code = "".join(path.read_text() for path in sources())
    for document in (ARCHITECTURE, CONTRIBUTING):
        text = document.read_text()
        gone = sorted(name for name in set(FILE.findall(text)) if not there(name.rstrip("."), files))
        yield f"{document.name} names files that are there", f"{gone}" if gone else ""
        gone = sorted(name for name in set(re.findall(r"`(\w+)\(\)`", text)) if not re.search(rf"\b{name}\b", code))
        yield f"{document.name} names functions that are there", f"{gone}" if gone else ""


def check_rooms():
    text = ARCHITECTURE.read_text()
    rooms = {path.name for path in (ROOT / "src").iterdir() if path.is_dir()}
    missing = sorted(room for room in rooms if f"`src/{room}`" not in text)
    yield "architecture.md has every room", f"{missing}" if missing else ""
    yield "architecture.md draws the #includes between rooms", "\n".join(differing_arrows(text, rooms))


def check_majors():
    text = ARCHITECTURE.read_text().split("## What a major version can break")[1]
    header = ROOT / "src/pg/majors.hpp"
    others = [str(path.relative_to(ROOT)) for path in sources() if path != header and "PG_VERSION_NUM" in path.read_text()]
    others += [str(path.relative_to(ROOT)) for path in sources() if path.name != "postgres.hpp" and "__has_include" in path.read_text()]
    yield "one header knows what differs between majors", f"{others}" if others else ""
    functions = re.findall(r"^(?:inline|constexpr|struct|using) .*?(\w+)(?:\(| = | \{)", header.read_text(), re.M)
    missing = sorted({name for name in functions if not re.search(rf"`{name}(\(\))?`", text)})
    yield "architecture.md has every function that serves some majors", f"{missing}" if missing else ""


def differing_arrows(text, rooms):
    drawn = re.search(r"^```mermaid\n(flowchart.*?)^```$", text, re.M | re.S)[1]
    arrows = {(start, end) for start, ends in re.findall(r"^ *(\w+) --> (.*)$", drawn, re.M) for end in ends.split(" & ")}
    included = set()
    for path in ROOT.glob("src/**/*.[ch]pp"):
        room = path.parent.name if path.parent.name in rooms else path.stem
        included |= {(room, other) for other in re.findall(r'#include "(\w+)/', path.read_text()) if other != room}
    yield from (f"not drawn: {start} --> {end}" for start, end in sorted(included - arrows))
    yield from (f"not included: {start} --> {end}" for start, end in sorted(arrows - included))


def diagrams():
    for document in documents():
        for kind, body in re.findall(r"^```mermaid\n(\w+).*?\n(.*?)^```$", document.read_text(), re.M | re.S):
            yield document, kind, [line.strip() for line in body.splitlines() if line.strip()]


def check_diagrams():
    for document, kind, lines in diagrams():
        form = {"sequenceDiagram": sequence_faults, "flowchart": flowchart_faults}.get(kind)
        faults = form(lines) if form else [kind]
        yield f"{document.name}: a {kind}", "\n".join(faults)


def sequence_faults(lines):
    """Lines that are not in Mermaid's form, between participants that are named, by no word of Mermaid's own."""
    named = {line.split()[1] for line in lines if re.fullmatch(r"(actor|participant) \w+( as [^;#]+)?", line)}
    yield from (name for name in named if re.match(r"(link|note|end|loop|alt|opt|box|title|create|destroy)", name, re.I))
    depth = 0
    for line in lines:
        arrow = re.fullmatch(r"(\w+)(?:->>|-->>|-\)|--\))(\w+): [^;#]+", line)
        note = re.fullmatch(r"Note over (\w+)(?:,(\w+))?: [^;#]+", line)
        block = re.fullmatch(r"(alt|else|end|loop|opt)\b[^;#]*", line)
        depth += {"alt": 1, "loop": 1, "opt": 1, "end": -1}.get(block[1], 0) if block else 0
        ends = {end for end in (arrow or note).groups() if end} if arrow or note else set()
        known = arrow or note or block or re.fullmatch(r"(actor|participant) \w+( as [^;#]+)?", line)
        if not known or not ends <= named or depth < 0:
            yield line
    if depth:
        yield "a block without an end"


def flowchart_faults(lines):
    """Boxes with a quoted text, arrows between boxes that have one, subgraphs that end."""
    boxes = {name for line in lines for name in re.findall(r'(\w+)[\[({]+"[^"]+"', line)}
    depth = 0
    for line in lines:
        if re.fullmatch(r'subgraph \w+\["[^"]+"\]', line):
            depth += 1
            continue
        if line == "end":
            depth -= 1
            continue
        plain = re.sub(r'[\[({]+"[^"]+"[\])}]+', "", line)
        plain = re.sub(r'\|"[^"]+"\|', "", plain)
        names = re.split(r" (?:-->|-\.->) ?| & ", plain)
        if depth < 0 or not all(re.fullmatch(r"\w+", name.strip()) and name.strip() in boxes for name in names):
            yield line
    if depth:
        yield "a subgraph without an end"


def check_log_lines():
    """operations.md has every line that the sending processes write, with ... for what differs, and no others."""
    rows = re.findall(r"^\| (LOG|WARNING)[^|]* \| `(.*?)` \|", (ROOT / "docs/operations.md").read_text(), re.M)
    written = set()
    for name in ("launcher", "transaction", "worker"):
        code = (ROOT / f"src/sms/{name}.cpp").read_text()
        for severity, call in re.findall(r"ereport\(\s*(LOG|WARNING),(.*?)\);\n", code, re.S):
            text = re.search(r'errmsg\(((?:\s*"(?:[^"\\]|\\.)*")+)', call)[1]
            text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text)).replace('\\"', '"')
            written.add((severity, re.sub(r"%\w+", "...", text)))
    missing, gone = sorted(written - set(rows)), sorted(set(rows) - written)
    yield "operations.md has the log lines of the sending processes", f"not written: {missing}\nnot there: {gone}" if missing or gone else ""


def problems():
    for part in (check_log_lines, check_links, check_index, check_names, check_rooms, check_majors, check_diagrams):
        yield from part()
