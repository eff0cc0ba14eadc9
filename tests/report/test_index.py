"""The index lists every report that lies next to it, whoever writes at the same time, and believes none of them."""

import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import replace
from html import unescape
from pathlib import Path

from fixtures.report import index
from fixtures.report.model import Decision
from fixtures.report.render import write
from tests.report import sample


def _leave(folder: Path, number: int) -> None:
    made = replace(sample.report(decision=Decision.GO), title=f"Gate phase{number}", ended_real=sample.NOW + number)
    write(made, folder / f"phase{number}.html", str(folder / f"phase{number}.xml"))
    index.write(folder)


def _listed(folder: Path) -> list[str]:
    return re.findall(r'<a href="([^"]*)\.html">', (folder / index.NAME).read_text(encoding="utf-8"))


def test_the_newest_is_first_with_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "phase2.xml").write_text("<testsuites/>", encoding="utf-8")
    for number in (1, 3, 2):
        _leave(tmp_path, number)
    assert _listed(tmp_path) == ["phase3", "phase2", "phase1"]
    page = unescape((tmp_path / index.NAME).read_text(encoding="utf-8"))
    rows = page.split("<tr>")[2:]
    texts = ("GO", "Gate phase2", sample.PILOT, sample.SECOND_SHOWN, "424242", "0 of 1200", "phase3", "2025-11-25")
    for wanted in texts:
        assert wanted in rows[1], wanted
    assert [row.count(".xml") for row in rows] == [0, 1, 0], "only what lies there is linked"
    assert 'href="phase2.xml"' in (tmp_path / "phase2.html").read_text(encoding="utf-8")
    assert 'href="index.html"' in (tmp_path / "phase2.html").read_text(encoding="utf-8")


def test_a_statement_that_nobody_signed_is_none(tmp_path: Path) -> None:
    _leave(tmp_path, 1)
    (tmp_path / "phase1.intoto.json").write_text("{}", encoding="utf-8")
    link = '<a href="phase1.intoto.json" aria-label="statement of phase1.html">statement</a>'
    assert "intoto" not in index.write(tmp_path).read_text(encoding="utf-8")
    (tmp_path / "phase1.intoto.json.somebody.sig").touch()
    assert link in index.write(tmp_path).read_text(encoding="utf-8")


def test_what_is_gone_is_not_listed(tmp_path: Path) -> None:
    _leave(tmp_path, 1)
    _leave(tmp_path, 2)
    (tmp_path / "phase1.html").unlink()
    index.write(tmp_path)
    assert _listed(tmp_path) == ["phase2"]
    (tmp_path / "phase2.html").unlink()
    assert "No report lies here yet" in index.write(tmp_path).read_text(encoding="utf-8")


def test_runs_that_end_at_once_are_all_there(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as at_once:
        for done in [at_once.submit(_leave, tmp_path, number) for number in range(8)]:
            done.result(60)
    assert len(_listed(tmp_path)) == 8
    assert not list(tmp_path.glob(".*")), "nothing half written is left"


def test_who_writes_waits_for_who_writes(tmp_path: Path) -> None:
    """Else the one that looked first may write last, and a run would be missing."""
    _leave(tmp_path, 1)
    before = (tmp_path / index.NAME).stat().st_ino
    with ThreadPoolExecutor(1) as other:
        with index._locked(tmp_path):
            writing = other.submit(index.write, tmp_path)
            assert not wait([writing], 0.3).done
        writing.result(10)
    assert (tmp_path / index.NAME).stat().st_ino != before


def test_other_pages_and_broken_ones_are_left_out(tmp_path: Path) -> None:
    _leave(tmp_path, 1)
    card = (tmp_path / "phase1.html").read_text(encoding="utf-8").partition("</head>")[0]
    pages = {
        "other": "<!doctype html><title>coverage</title>",
        "empty": "",
        "binary": "\0\1\2",
        "cut": '<meta name="mxgate" content="{',
        "list": '<meta name="mxgate" content="[1]">',
        "never": re.sub(r"&#34;ended&#34;: [0-9.]+", "&#34;ended&#34;: 1e308", card),
        "types": re.sub(r"&#34;domains&#34;: \[.*?\]", "&#34;domains&#34;: 7", card),
    }
    assert len({card, *pages.values()}) == 8, "each is another one"
    for name, text in pages.items():
        (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")
    index.write(tmp_path)
    assert _listed(tmp_path) == ["phase1"]


def test_it_believes_no_page(tmp_path: Path) -> None:
    """A page that lies there by a stranger's hand can only say text."""
    _leave(tmp_path, 1)
    lie = tmp_path / "javascript:alert(1).html"
    lie.write_text(
        (tmp_path / "phase1.html").read_text(encoding="utf-8").replace("Gate phase1", "<img src=x>"), "utf-8"
    )
    page = index.write(tmp_path).read_text(encoding="utf-8")
    assert "<img" not in page
    assert 'href="javascript%3Aalert%281%29.html"' in page
