"""The report as real Chromium reads, shows and prints it (Z-3): foreign text stays text, and everybody can use it."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from fixtures.evidence import Verdict
from fixtures.gates.next_steps import Coming
from fixtures.gates.session import StageResult
from fixtures.language import speaking
from fixtures.migration.progress import Stage
from fixtures.plan.gates import Gate
from fixtures.report import index
from fixtures.report.model import Decision, RunReport
from fixtures.report.render import write
from fixtures.settings import Waiver
from tests.conftest import run
from tests.report import sample
from tests.report.browser import Page, chromium
from tests.report.test_report import ALLOWED

RUN = "document.documentElement.dataset.ran=1"
MARKUP = [
    f"<script>{RUN}</script>", f"</script><script>{RUN}</script>", f"<img src=x onerror={RUN}>", f"<svg/onload={RUN}>",
    f"</title><body onload={RUN}>", f"</style><script>{RUN}</script>", f"--><script>{RUN}</script>",
    f"</pre></summary></details><details open ontoggle={RUN}>", f"'\"><input autofocus onfocus={RUN}>",
    f'" onmouseover="{RUN}" autofocus tabindex=1 onfocus="{RUN}', f"<iframe srcdoc='<script>parent.{RUN}</script>'>",
    f"<a href='javascript:{RUN}'>x</a>", "<base href=//evil.example/>", "<link rel=stylesheet href=//evil.example>",
    "<meta http-equiv=refresh content='99;url=//evil.example/'>", "<style>*{background:url(//evil.example)}</style>",
    "<form action=//evil.example><button>", "<math><mi//xlink:href='data:x'>", "<b><table><td>",
    "&lt;script&gt;&#60;b&#62;", "{{ 7*7 }}{% raw %}", "\u202e\u0000\x1b]0;x\x07",
]  # fmt: skip
ELEMENTS = """[...document.querySelectorAll('*')].map(e => [e.tagName.toLowerCase(), ...e.getAttributeNames()])"""
OPEN_ALL = "document.querySelectorAll('details').forEach(e => e.open = true)"
WIDE = """[...document.querySelectorAll('*')].filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth
  && getComputedStyle(e).overflowX === 'visible' && !e.closest('.scroll, svg, .skip, thead'))
  .map(e => e.outerHTML.slice(0, 90))"""
ATTRIBUTES = set(
    "id class href lang charset content http-equiv name scope colspan open role tabindex aria-label viewBox d x y "
    "width height text-anchor".split()
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as made:
        yield made


CLOSED = f"it is closed: {', '.join(f'A-{n}' for n in range(10, 26))}. The report says what to do about each"


def fullest() -> RunReport:
    """As much of everything as a first page may have to show."""
    made = sample.report()
    verdicts = dict.fromkeys((sample.PILOT, sample.FIRST, sample.SECOND), Verdict.PASS)
    stages = [Stage(Gate.PHASE3, (), f"phase{n}-others") for n in range(10)]
    gates = [
        StageResult(stage, {"": Verdict.PASS} if n % 2 else verdicts, (), 0, 0, stored=True)
        for n, stage in enumerate(stages)
    ]
    troubled = [made.gates[4]] * 4
    waivers = [
        Waiver(id=f"A-{n}", owner="the operator", reason="x" * 200, expires=date(2027, 1, 31)) for n in range(1, 10)
    ]
    first = Coming("Run switch_mx", "pytest " * 14, CLOSED, sample.NOW, "by hand " * 9)
    return replace(
        made, gates=(*gates, *troubled), coming=(first, *made.coming[1:]), waivers=tuple(waivers),
        reasons=tuple("y " * 150 for _ in range(12)),
        overrides=tuple(sample.override("switch_mx", sample.FIRST, "z " * 150) for _ in range(9)),
        proved_in_labs=tuple(f"A-{n}: what breaks" for n in range(40)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of ours of each kind."""
    made = tmp_path_factory.mktemp("reports")
    write(sample.report(), made / "hostile.html")
    write(sample.report(decision=Decision.GO), made / "clean.html")
    write(fullest(), made / "fullest.html")
    with speaking("ja"):
        write(fullest(), made / "japanese.html")
    index.write(made)
    return made


@pytest.fixture(params=["hostile", "clean", "fullest", "japanese", "index"])
def file(request: pytest.FixtureRequest, folder: Path) -> Path:
    return folder / f"{request.param}.html"


def _without_policy(file: Path) -> Path:
    """A copy that admits everything: what is text there is text only by its escaping."""
    text = re.sub(r"<meta http-equiv=.Content-Security-Policy.[^>]*>", "", file.read_text(encoding="utf-8"))
    assert "Content-Security-Policy" not in text
    copy = file.with_name("open.htm")
    copy.write_text(text, encoding="utf-8")
    return copy


def strange(page: Page) -> set[str]:
    """Elements, attributes and links that are not ours."""
    elements = page.run(ELEMENTS)
    names, attributes = {name for name, *_ in elements}, {each for _, *found in elements for each in found}
    names |= set(
        page.run("[...document.body.querySelectorAll('meta, style, :not(svg, svg *) > title')].map(e => e.outerHTML)")
    )
    links = {
        each for each in page.run("[...document.links].map(e => e.getAttribute('href'))") if re.search("^/|:", each)
    }
    return (names - ALLOWED) | (attributes - ATTRIBUTES) | links


@pytest.mark.parametrize("kind", ["report", "index"])
@pytest.mark.parametrize("policy", [True, False], ids=["with its policy", "without"])
def test_markup_stays_text(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, *, policy: bool
) -> None:
    monkeypatch.setattr(sample, "HOSTILE", " ".join(MARKUP))
    file = write(sample.report(), tmp_path / "reply.html")
    file = index.write(tmp_path) if kind == "index" else file
    file = file if policy else _without_policy(file)
    page.looks()
    page.open(file.as_uri())
    page.run(OPEN_ALL)
    assert page.run("document.documentElement.dataset.ran") is None
    assert page.console == []
    assert page.asked == [file.as_uri()]
    assert strange(page) == set()
    assert MARKUP[0] in page.run("document.body.textContent")


def test_that_check_sees_what_it_is_for(page: Page, tmp_path: Path) -> None:
    """Each canary, not escaped, is more than text; and where escaping fails, the policy still stops it."""
    clean = write(sample.report(decision=Decision.GO), tmp_path / "clean.html")
    for number, canary in enumerate(each for each in MARKUP[:-4] if "<" in each):
        broken = clean.with_name(f"broken{number}.html")
        broken.write_text(clean.read_text(encoding="utf-8").replace("Every gate is open", canary), encoding="utf-8")
        page.open(broken.as_uri())
        assert page.run("document.documentElement.dataset.ran") is None, canary
        assert page.console or len(page.asked) > 1 or strange(page), canary
    page.open(_without_policy(clean.with_name("broken0.html")).as_uri())
    assert page.run("document.documentElement.dataset.ran") == "1"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 1280])
def test_it_fits_and_says_nothing(page: Page, file: Path, width: int, *, dark: bool) -> None:
    page.looks(width=width, dark=dark)
    page.open(file.as_uri())
    page.run(OPEN_ALL)
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.run(WIDE) == []
    assert page.console == []
    assert page.asked == [file.as_uri()]


def test_the_legend_is_seen_in_forced_colours(page: Page, folder: Path) -> None:
    page.open((folder / "hostile.html").as_uri())
    page.send("Emulation.setEmulatedMedia", features=[{"name": "forced-colors", "value": "active"}])
    seen = "[...document.querySelectorAll('#charts .key')].map(e => getComputedStyle(e).backgroundColor)"
    paper = page.run("getComputedStyle(document.body).backgroundColor")
    assert page.run("matchMedia('(forced-colors: active)').matches") is True
    assert len({paper, *page.run(seen)}) == 4, "each path has its colour, and none is the paper's"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everybody_can_use_it(page: Page, file: Path, *, dark: bool) -> None:
    """By axe-core, WCAG 2.1 A and AA and its best practices, with all that is folded open."""
    page.looks(dark=dark)
    page.open(file.as_uri())
    page.run(OPEN_ALL)
    page.run((files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8") + ";0")
    only = json.dumps({"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
    reply = page.run(f"axe.run(document, {only})")
    assert len(reply["passes"]) > 15, "axe looked at next to nothing"
    assert {"color-contrast", "region", "heading-order"} <= {each["id"] for each in reply["passes"]}
    assert [(each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in reply["violations"]] == []


def test_the_keyboard_is_enough(page: Page, folder: Path) -> None:
    page.looks()
    page.open((folder / "hostile.html").as_uri())
    page.key("Tab")
    assert page.run("document.activeElement.className") == "skip"
    assert page.run("document.activeElement.getBoundingClientRect().left") >= 0, "what has the focus is seen"
    page.key("Enter")
    assert page.run("location.hash") == "#main"
    page.run("document.querySelector('#gates details:not([open]) > summary').focus()")
    page.key("Enter")
    assert page.run("document.activeElement.parentElement.open") is True
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def _sheets(page: Page, file: Path, folder: Path) -> list[str]:
    page.open(file.as_uri())
    page.paper(folder / "reply.pdf")
    return run(["pdftotext", "-layout", str(folder / "reply.pdf"), "-"]).stdout.split("\f")


@pytest.mark.parametrize("file", ["hostile", "clean", "fullest"], indirect=True)
def test_the_first_sheet_of_paper_stands_for_itself(page: Page, file: Path, tmp_path: Path) -> None:
    sheets = _sheets(page, file, tmp_path)
    for wanted in (
        "GO", "Why", "mail lost", "of 1200", "gates open", "waivers", "overrides", "To be signed", "SHA-256",
        "Gates by domain", "What somebody answers for", "Proved in rehearsal", "drills, never",
    ):  # fmt: skip
        assert wanted in sheets[0], (wanted, sheets[0])
    assert sheets[1].strip().startswith("Numbered mail"), "the first page runs over"
    assert "Sign-off" in sheets[-2]


def test_paper_has_what_each_member_showed_and_no_transcript(page: Page, tmp_path: Path) -> None:
    file, made = tmp_path / "made.html", sample.report()
    half = replace(
        sample.good(sample.PILOT), verdict=Verdict.INCONCLUSIVE, error="could not judge: Dell can't be reached"
    )
    write(replace(made, gates=(*made.gates, sample.gate(Gate.PHASE4, sample.PILOT, half.verdict, half))), file)
    said, known = "".join(_sheets(page, file, tmp_path)), "C: EHLO probe.invalid"
    assert known in page.run("document.querySelector('#gates').textContent")
    assert known not in said
    for wanted in ("554 5.7.1 Client host", "Perhaps: the table holds", "_spf.mx.cloudflare.net", half.error):
        assert wanted in said


@pytest.mark.parametrize("file", ["japanese"], indirect=True)
def test_so_it_does_in_japanese(page: Page, file: Path, tmp_path: Path) -> None:
    sheets = _sheets(page, file, tmp_path)
    for wanted in ("実施不可", "理由", "消失メール", "免除", "強行", "ドメイン別のゲート", "実システムでは", "A-25"):
        assert wanted in sheets[0], (wanted, sheets[0])
    assert sheets[1].strip().startswith("連番メール"), "the first page runs over"


def test_a_name_is_shown_both_ways_and_japanese_as_it_is(page: Page, folder: Path) -> None:
    page.open((folder / "hostile.html").as_uri())
    text = page.run("document.body.textContent")
    assert f"{sample.SECOND} ({sample.SECOND_SHOWN})" in text
    assert sample.SUBJECT in text
