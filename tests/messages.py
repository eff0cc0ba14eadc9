"""Every text that has to have a translation: those marked in Python and in templates, and those of the features.

    .venv/bin/python -m tests.messages          which texts a catalogue lacks, and which it has for nobody
    .venv/bin/python -m tests.messages --write  adds what it lacks, untranslated, at its place

Found by ``tr("...")`` and ``N_(...)`` in Python, also around an f-string, whose expressions become ``{places}``; by
``_("...")`` in the report's templates; by every ``hint`` of a finding, since that is what to do next (``tests.hints``).
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from gherkin import Parser
from jinja2 import Environment, nodes

from fixtures.evidence import Verdict
from fixtures.facts import facts
from fixtures.gates.by_worker import changes
from fixtures.gates.catalogue import plan_lines
from fixtures.gates.traceability import FEATURES
from fixtures.language import HERE, entries
from fixtures.plan.gates import TABLE
from tests.hints import Hints, trees

ROOT = Path(__file__).parents[1]
CALLS = {"tr", "N_", "expect", "Absent", "Inconclusive"}
"""The last three claim something of findings; the report shows the claim where it does not hold."""
PREFLIGHT = ROOT / "fixtures" / "preflight"
ASKS = {"ask", "several", "yes"}
"""Methods of whoever answers ``init``: a key, and the question."""
PHRASE = re.compile(r"[a-z]{2,}.*\s.*[a-z]{2,}")
UNSHOWN = {"Evidence", "keep_secret"}
HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Language: {0}\\n"\n'


@cache
def wanted() -> dict[str, str]:
    """Each text with where it stands first."""
    found: dict[str, str] = {}
    places = chain(_python(), _hints(), _templates(), _features(), _tables())
    for where, text in places:
        if not re.fullmatch(r"(\{\d\}\W*)*", text):
            found.setdefault(text, where)
    return found


def _python() -> Iterator[tuple[str, str]]:
    for where, tree in trees().items():
        marked = (each for node in ast.walk(tree) for each in _said(node))
        folder = (ROOT / where).parent
        phrases = _phrases(tree) if folder == PREFLIGHT else ()
        phrases = _questions(tree) if folder == PREFLIGHT / "init" else phrases
        yield from ((where, text) for each in chain(marked, phrases) for text in _texts(each))


def _hints() -> Iterator[tuple[str, str]]:
    """What to do next, but for names, commands and records that stand in it; "; " is between the parts of one."""
    for where, each in Hints().texts():
        for text in (text.removeprefix("; ") for text in _texts(each)):
            if re.match("[A-Z][a-z]", text) or PHRASE.search(text):
                yield where, text


def _said(node: ast.AST) -> Iterator[ast.expr]:
    """What a node marks for translation."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS and node.args:
        yield node.args[0]


def _phrases(tree: ast.AST) -> Iterator[ast.expr]:
    """What a module shows at once: phrases outside of evidence, docstrings and what was expected."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in UNSHOWN:
            continue
        if isinstance(node, ast.keyword) and node.arg in {"expected", "again"}:
            continue
        if isinstance(node, ast.Constant | ast.JoinedStr):
            yield from (node for text in _texts(node) if PHRASE.search(text))
        else:
            yield from _phrases(node)


def _questions(tree: ast.AST) -> Iterator[ast.expr]:
    """What a module asks a person, and what it has said."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ASKS:
            yield from node.args[1:2]
        if isinstance(node, ast.Assign) and [t.id for t in node.targets if isinstance(t, ast.Name)] == ["said"]:
            yield node.value


def _texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be: of each branch of a condition."""
    if isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts, number = "", 0
        for each in node.values:
            if isinstance(each, ast.Constant):
                parts += str(each.value)
            else:
                parts, number = f"{parts}{{{number}}}", number + 1
        yield parts


def _templates() -> Iterator[tuple[str, str]]:
    environment = Environment(autoescape=True)
    for path in sorted((ROOT / "fixtures" / "report").glob("*.[hm][td]*")):
        where = path.relative_to(ROOT).as_posix()
        for call in environment.parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "_" and isinstance(call.args[0], nodes.Const):
                yield where, call.args[0].value


def _features() -> Iterator[tuple[str, str]]:
    """Titles and steps; the columns of an outline are places, and its cells are texts too."""
    for path in sorted(FEATURES.rglob("*.feature")):
        where = path.relative_to(ROOT).as_posix()
        feature = Parser().parse(path.read_text(encoding="utf-8"))["feature"]
        for child in feature["children"]:
            scenario: Any = child.get("scenario") or {"name": "", "steps": ()}
            steps = [each["text"] for each in scenario["steps"]]
            for text in (scenario["name"], *steps):
                yield where, re.sub(r"<([\w ]+)>", lambda found: "{" + found[1].replace(" ", "_") + "}", text)
            for row in (row for table in scenario.get("examples", ()) for row in table["tableBody"]):
                yield from ((where, cell["value"]) for cell in row["cells"] if cell["value"])
            yield from ((where, each["keyword"].strip()) for each in scenario["steps"])


def _tables() -> Iterator[tuple[str, str]]:
    yield from (("fixtures/plan/gates.py", spec.question) for spec in TABLE.values())
    yield from (("fixtures/gates/catalogue.toml", says) for says in plan_lines().values())
    yield from (("fixtures/gates/by_worker.toml", it.says) for it in changes() if not it.judged)
    units = (each["unit"] for each in facts("cloudflare")["limits"].values() if "unit" in each)
    yield from (("fixtures/facts/facts.toml", unit) for unit in units)
    for verdict in Verdict:
        yield from (("fixtures/evidence/__init__.py", text) for text in (str(verdict), f"{{n}} {verdict}"))


def quoted(text: str) -> str:
    """TEXT as a string of a ``.po`` file."""
    return json.dumps(text, ensure_ascii=False)


def written(language: str, said: dict[str, str]) -> str:
    """The catalogue, with what is translated so far, in its order; what nobody wants any more is left out."""
    blocks, order = [HEADER.format(language)], {each: place for place, each in enumerate(said)}
    for text, where in sorted(wanted().items(), key=lambda it: (it[1], order.get(it[0], len(order)))):
        blocks.append(f"#: {where}\nmsgid {quoted(text)}\nmsgstr {quoted(said.get(text, ''))}\n")
    return "\n".join(blocks)


def main(arguments: list[str]) -> int:
    texts = wanted()
    for file in sorted(HERE.glob("*.po")):
        said = dict(entries(file.read_text(encoding="utf-8")))
        missing, left = [each for each in texts if each not in said], [each for each in said if each not in texts]
        print(f"{file.name}: {len(said)} texts, {len(missing)} missing, {len(left)} wanted by nobody")
        for text in missing:
            print(f"  {texts[text]}: {text}")
        if "--write" in arguments:
            file.write_text(written(file.stem, said), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
