"""Every link between the pages leads somewhere, and so does every path that they name."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.reading import ROOT, files, report

_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_PATH = re.compile(r"`((?:\.github|features|fixtures|reports|scripts|steps|tests)/[\w./-]*|[\w.-]+\.(?:md|toml|lock))`")
_MADE = {"migration.toml", "observed.toml", "scripts/NAME"}
"""Named on pages, and made by whoever runs a migration."""
_MODULE = re.compile(r"python -m ((?:fixtures|scripts)\.[\w.]+)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_every_link_leads_somewhere() -> None:
    pages = [path for path in files() if path.suffix == ".md"]
    assert len(pages) > 5
    report(f"{page.relative_to(ROOT)}: {link}" for page in pages for link in _dead(page))


def test_every_path_on_a_page_is_there() -> None:
    """From the top of the repository, or from the page's own folder; a module's name may leave its end out."""
    report(
        f"{page.relative_to(ROOT)}: {path}"
        for page in files()
        if page.suffix == ".md" and page.name != "CHANGELOG.md"
        for path in [*_PATH.findall(page.read_text(encoding="utf-8")), *_modules(page)]
        if path not in _MADE and not _is_there(path, page)
    )


def test_the_house_has_the_rooms_that_contributing_names() -> None:
    page = (ROOT / ".github/CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^      (\w+)/ ", page, re.MULTILINE))
    rooms = {path.relative_to(ROOT).parts[1] for path in files() if path.parent.parent == ROOT / "fixtures"}
    assert named == rooms


def _is_there(path: str, page: Path) -> bool:
    return any((folder / f"{path}{end}").exists() for folder in (ROOT, page.parent) for end in ("", ".py"))


def _modules(page: Path) -> Iterator[str]:
    for name in _MODULE.findall(page.read_text(encoding="utf-8")):
        path = name.rstrip(".").replace(".", "/")
        if path not in _MADE:
            yield path if (ROOT / path / "__main__.py").exists() else f"{path}.py"


def _dead(page: Path) -> Iterator[str]:
    for link in _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        if path.startswith(("http:", "https:", "mailto:")):
            continue
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in _anchors(there)):
            yield link


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings: lower-case, without marks, blanks as hyphens."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", each)) for each in headings)
    return {each.strip().lower().replace(" ", "-") for each in plain}


def test_these_tests_see_what_they_are_for(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Here\n[a](#here) [b](#there) `fixtures/nowhere.py` `steps/common` python -m scripts.nothing\n")
    assert list(_dead(page)) == ["#there"]
    named = [*_PATH.findall(page.read_text(encoding="utf-8")), *_modules(page)]
    assert [each for each in named if not _is_there(each, page)] == ["fixtures/nowhere.py", "scripts/nothing.py"]
