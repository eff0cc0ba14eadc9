"""Every link between the pages leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.reading import ROOT, files, report

_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_every_link_leads_somewhere() -> None:
    pages = [path for path in files() if path.suffix == ".md"]
    assert len(pages) > 5
    report(f"{page.relative_to(ROOT)}: {link}" for page in pages for link in _dead(page))


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
