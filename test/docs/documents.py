"""What the documents say of each other and of the tree: links, the index, diagrams.

Needs no server. Each check yields what it is about and, where something is wrong, the problem.
"""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / "docs/index.md"
NOT_OURS = {".git", "build", "node_modules", "tmp_check"}
FENCE = re.compile(r"^```.*?^```\n", re.M | re.S)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")


def ours(pattern):
    paths = (path for path in ROOT.rglob(pattern) if not NOT_OURS & set(path.relative_to(ROOT).parts))
    return sorted(path for path in paths if path.is_file())


def documents():
    return ours("*.md")


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
    """Lines that are not in Mermaid's form, between participants that are named."""
    named = {line.split()[1] for line in lines if re.fullmatch(r"(actor|participant) \w+( as [^;#]+)?", line)}
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


def problems():
    for part in (check_links, check_index, check_diagrams):
        yield from part()
