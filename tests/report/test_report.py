"""The report says what happened, asks nothing of anyone, and lets neither markup nor a secret through (Z-2, Z-3)."""

import base64
import os
import re
import time
from dataclasses import replace
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fixtures.evidence import Verdict, failed, passed, plain
from fixtures.gates.catalogue import corrections, expectations
from fixtures.gates.session import StageResult
from fixtures.gates.traceability import scenarios
from fixtures.lab.files import settings_without_a_lab
from fixtures.language import LANGUAGES, speaking
from fixtures.ledger.accounting import added_up
from fixtures.plan.gates import Gate
from fixtures.report import charts
from fixtures.report.model import Decision, RunReport, proved_in_labs, traced
from fixtures.report.render import Card, Exhibits, render, render_markdown_checklist, write
from fixtures.report.text import short, span
from tests.report import sample
from tests.test_route import by_worker

ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "div", "header", "strong", "h1", "h2", "h3", "nav", "ul", "ol",
    "li", "a", "p", "b", "main", "section", "table", "caption", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd",
    "span", "details", "summary", "pre", "code", "br", "footer", "svg", "path", "text", "rect",
}  # fmt: skip
VOID = {"meta", "br"}


class Reading(HTMLParser):
    """What a browser would make of it: elements, attributes, balance."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")


@pytest.fixture(params=[Decision.NO_GO, Decision.GO])
def report(request: pytest.FixtureRequest) -> RunReport:
    return sample.report(decision=request.param)


def test_every_element_is_ours_and_closed(report: RunReport) -> None:
    page = Reading(render(report))
    assert not page.faults
    assert not page.open
    assert {tag for tag, _ in page.elements} <= ALLOWED
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in {"style", "src", "srcset"}], tag
        assert all((value or "").startswith("#") for name, value in attributes.items() if name == "href")


@pytest.mark.parametrize("language", LANGUAGES)
def test_foreign_text_stays_text(language: str) -> None:
    with speaking(language):
        page = render(sample.report())
    assert sample.SECRET not in page
    assert "<script" not in page
    assert "<img" not in page
    assert "{{ 7*7 }}" in page
    assert not re.search("[\u202e\x1b\ud800-\udfff]", page)
    assert plain(sample.HOSTILE) in unescape(page)


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    page = write(sample.report(), tmp_path / "made here" / "report.html")
    modes = {oct(each.stat().st_mode & 0o777) for each in (page.parent, *page.parent.iterdir())}
    assert modes == {"0o700", "0o600"}


@pytest.mark.skipif(os.geteuid() != 0, reason="is about what root leaves")
def test_what_root_writes_is_the_folders_owners(tmp_path: Path) -> None:
    """A rehearsal runs as root, and who signs its report does not."""
    junit = tmp_path / "junit.xml"
    junit.write_text("<testsuites/>", encoding="utf-8")
    os.chown(tmp_path, 4711, 4712)
    page = write(sample.report(), tmp_path / "made" / "here" / "report.html", str(junit))
    made = (junit, page.parent.parent, page.parent, *page.parent.iterdir())
    assert {each.name: (each.stat().st_uid, each.stat().st_gid) for each in made} == dict.fromkeys(
        (each.name for each in made), (4711, 4712)
    )
    assert len(made) == 6


def test_no_secret_survives_in_any_encoding(tmp_path: Path) -> None:
    raw = sample.SECRET.encode()
    forms = [sample.SECRET, quote(sample.SECRET, safe=""), raw.hex(), base64.b64encode(raw).decode().rstrip("=")]
    assert sample.SECRET in repr(sample.report()), "nothing was planted"
    page = write(sample.report(), tmp_path / "report.html")
    for file in tmp_path.iterdir():
        text = file.read_text(encoding="utf-8")
        for form in forms:
            assert form not in text, file.name
            assert form not in unescape(text), file.name
            assert form not in text.replace('\\"', '"'), file.name
    assert "[redacted]" in page.read_text(encoding="utf-8")


def test_the_policy_admits_our_style_only(report: RunReport) -> None:
    page = render(report)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert style is not None
    assert policy is not None
    digest = base64.b64encode(sha256(style[1].encode()).digest()).decode()
    assert policy[1].startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "url(" not in style[1]
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_the_first_page_decides() -> None:
    page = unescape(render(sample.report()))
    first = page[: page.index('id="gates"')]
    for wanted in ("NO-GO", "554 5.7.1 Client host rejected", "1197", "A-9", "stop_ec2", "A-6", "Time was compressed"):
        assert wanted in first
    assert "GO</strong>" in render(sample.report(decision=Decision.GO))


def test_what_fails_is_open_and_what_holds_is_folded() -> None:
    page = render(sample.report())
    assert re.search(r'<details id="s[0-9-]+" open><summary><span class="v v-fail">', page)
    assert 'open><summary><span class="v v-pass">' not in page


def test_what_is_waived_shows_what_failed_and_who_answers_for_it() -> None:
    waived = replace(sample.bad(sample.PILOT), verdict=Verdict.WAIVED, waiver="the operator: Dell is replaced in May")
    gate = sample.gate(Gate.PHASE3, sample.PILOT, Verdict.WAIVED, waived)
    page = unescape(render(replace(sample.report(), gates=(gate,))))
    assert "<p>Waived by the operator: Dell is replaced in May</p>" in page
    assert "<pre>Judged: " in page


def test_evidence_is_printed_once_and_referred_to() -> None:
    look = sample.mx(sample.PILOT, "1.1.1.1", sample.OLD)
    later = replace(look, at=look.at + 3600, took_ms=9.0)
    broken = replace(look, answer=sample.NEW, transcript="x" * 5000)
    exhibits = Exhibits()
    first = exhibits.sheet([passed(name, "as expected", look) for name in ("a", "b", "c")])
    assert [each.number for each in first.exhibits] == [1]
    assert [row.members for row in first.rows] == [{(1,): ["a", "b", "c"]}]
    again = exhibits.sheet([passed("a", "as expected", later), failed("d", "old", "new", broken)])
    assert [row.members for row in again.rows] == [{(2,): ["d"]}, {(1,): ["a"]}], "the worst comes first"
    assert [(each.number, each.transcript) for each in again.exhibits] == [(2, broken.transcript)]
    same = exhibits.sheet([failed("a", "new", "old", look), failed("d", "old", "new", broken)])
    assert [each.number for each in same.exhibits] == [3, 4], "what fails is printed where it fails"


def test_a_report_of_many_like_looks_stays_small() -> None:
    looks = [sample.smtp(f"192.0.2.{n}", "554 5.7.1 Access denied") for n in range(60)]
    findings = [passed(f"form {n}", "554", look, domain=sample.PILOT) for n, look in enumerate(looks)]
    gates = tuple(
        sample.gate(Gate.PHASE2, sample.PILOT, Verdict.PASS, sample.scenario("s", "A-6", Verdict.PASS, *findings))
        for _ in range(13)
    )
    report = replace(sample.report(decision=Decision.GO), gates=gates)
    assert len(render(report)) < 200_000
    assert report.evidence_json.count("Access denied") == 2 * 60


def _labelled(result: StageResult, label: str) -> StageResult:
    return replace(result, stage=replace(result.stage, label=label))


def test_no_closed_gate_is_missing_from_the_first_page() -> None:
    made = sample.report()
    opened = tuple(_labelled(made.gates[0], f"before-{n}") for n in range(30))
    many = replace(made, gates=(made.gates[4], *opened, made.gates[5]))
    assert [gate.stage.label for gate in many.listed] == ["phase3", *(f"before-{n}" for n in range(22, 30)), "phase3"]
    first = render(many).partition('id="ledger"')[0]
    assert "and 22 more that opened, below" in first


def test_many_overrides_are_folded() -> None:
    some = tuple(sample.override("lower_ttl", f"d{n}.example", "the lab is stood at a later gate") for n in range(9))
    page = render(replace(sample.report(), overrides=some))
    assert "9 overrides" in page
    assert "3 of them here" in page
    assert page.count("Override: <b>lower_ttl</b>") == 9
    assert not Reading(page).faults


def test_what_was_let_through_and_each_reason_stand_in_full() -> None:
    """The first page has three of each, and cuts them."""
    let_through = tuple(f"bounds.arrival_s {n}: {'as loose as can be ' * 20}end of it" for n in range(5))
    reasons = tuple(f"reason {n}" for n in range(5))
    lost = sample.traffic().lost
    ledger = replace(sample.traffic(0), closed=lost)
    report = replace(sample.report(), let_through=let_through, reasons=reasons, ledger=ledger)
    assert '"let_through":5' in report.evidence_json.replace(" ", "")
    page = render(report)
    first, _, rest = page.partition('id="ledger"')
    for n in range(5):
        assert (f"reason {n}" in first, f"reason {n}</li>" in rest) == (n < 3, n >= 3)
        assert f"Let through: {let_through[n]}</li>" in rest.partition('id="answers"')[2]
    assert "href='#answers'>all in full</a>" in first
    assert "<dt>lost, closed by name</dt><dd>3</dd>" in rest
    assert f"<li>no. {lost[0].number} from " in rest.partition("Lost, closed by name")[2]
    assert not Reading(page).faults
    assert render_markdown_checklist(report).count("- **Let through**: bounds.arrival") == 5


def test_the_charts_show_every_message_that_is_missing() -> None:
    page = render(sample.report())
    assert page.count('class="cross lost"') == 3
    assert page.count('class="cross late"') == 2
    assert "3 not arrived" in page
    assert 'class="bar stale"' in page
    assert 'class="bar stale"' not in render(sample.report(decision=Decision.GO))


@pytest.mark.parametrize(("days", "form"), [(0.5, r">\d\d:\d\d:\d\d<"), (21, r">\d\d-\d\d \d\d:\d\d<")])
def test_the_times_of_a_long_chart_have_their_date_and_zone(days: float, form: str) -> None:
    first, *_, last = sample.traffic(0).series
    drawn = charts.latency((first, replace(last, injected=first.injected + days * 86400)), (), 60)
    assert len(re.findall(form, drawn)) == 6
    assert re.search(r">[+-]\d{4}<", drawn)


def test_a_time_after_the_clocks_change_has_its_own_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    try:
        drawn = [*charts.axis_time(lambda at: at, 1792885500, 1792905900, 0, "%H:%M")]  # 2026-10-25, 01:45 to 06:25
    finally:
        monkeypatch.undo()
        time.tzset()
    said = re.findall(">([^<]+)<", "".join(drawn))
    assert said == ["+0200", "01:45", "02:53", "03:01 +0100", "04:09 +0100", "05:17 +0100", "06:25 +0100"]


def test_no_mail_is_no_good_news() -> None:
    empty = RunReport("t", Decision.NOT_JUDGED, (), "r", "s", "0", "lab", 0, 1, 0, 1, compressed=False)
    page = render(empty)
    assert "nothing is known about loss" in page
    assert "NOT JUDGED" in page
    assert not Reading(page).faults


@pytest.mark.parametrize(
    ("gone", "closed", "said"),
    [(0, "", "0 of 12"), (3, "", "0 of 12, 3 not arrived"), (3, "it was repaired", "3 of 12")],
)
def test_the_first_page_counts_what_is_not_there(gone: int, closed: str, said: str) -> None:
    """What is overdue, as its queue may hold it for days, and what somebody has closed by name."""
    arrived = sample.traffic(0).series[:12]
    missing = [replace(each, arrived=None, copies=0, closed=closed) for each in arrived[:gone]]
    ledger = added_up([*missing, *arrived[gone:]], [], 60, 1e12)
    made = replace(sample.report(decision=Decision.GO), ledger=ledger)
    red = ' class="red"' if gone else ""
    assert f"<div{red}><dt>mail lost</dt><dd>{said}</dd></div>" in render(made).partition('id="ledger"')[0]
    assert Card.of(made).lost == (gone if closed else 0)


def test_the_evidence_file_is_what_the_report_names(tmp_path: Path) -> None:
    page = write(sample.report(), tmp_path / "report.html")
    digest = sha256(page.with_suffix(".evidence.json").read_bytes()).hexdigest()
    assert digest in page.read_text(encoding="utf-8")
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report.md", "report.evidence.json"}


@pytest.mark.parametrize(
    "changed",
    [
        {"ledger": sample.traffic(0)},
        {"reasons": ("another",)},
        {"waivers": ()},
        {"overrides": (sample.override("stop_ec2", "", "another reason"),)},
        {"let_through": ("bounds.arrival_s: another",)},
        {"nights": ()},
        {"saving": None},
        {"proved_in_labs": ()},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_evidence_has_what_the_first_page_says(changed: dict[str, Any]) -> None:
    """Whoever signs on paper signs its digest only."""
    made = replace(sample.report(), let_through=("bounds.arrival_s: one",))
    assert made.evidence_sha256 == replace(made).evidence_sha256
    assert made.evidence_sha256 != replace(made, **changed).evidence_sha256


def test_the_checklist_ticks_only_what_holds() -> None:
    text = render_markdown_checklist(sample.report())
    assert "- [ ] **P1.2**" in text
    assert "- [x] **P2.1**" in text
    assert "- [ ] **P3.2**" in text, "a line without a scenario is not done"
    assert "<script" not in text


@pytest.mark.parametrize(
    ("gone", "said"), [(False, "Once all of it is gone: net $9.53 a month"), (True, "EC2 is gone: net $9.13 a month")]
)
def test_the_net_is_what_is_or_what_is_to_come(gone: bool, said: str) -> None:
    made = replace(sample.report(), gateway_gone=gone)
    assert said in unescape(render(made))
    assert "$0.40" in render(made)
    assert "Not known: AWS said nothing" in render(replace(made, saving=None, no_saving="AWS said nothing"))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "-"), (0.35, "0.35 s"), (41, "41 s"), (725, "12 min 5 s"), (3600, "1 h"), (183600, "2 d 3 h")],
)
def test_durations_are_for_people(seconds: float | None, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize("verdict", list(Verdict))
def test_proved_is_what_passed(verdict: Verdict) -> None:
    drilled = replace(sample.drill(sample.PILOT), verdict=verdict)
    assert len(proved_in_labs([drilled])) == (verdict is Verdict.PASS)


def test_a_line_of_the_plan_is_judged_by_all_that_covers_it() -> None:
    settings = settings_without_a_lab()
    ids = ("D-1", *sorted({key for row in traced([], settings) if row.line == "P4.2" for key in row.ids} - {"D-1"}))
    whole = [replace(sample.good(sample.PILOT), tags=(key,)) for key in ids]
    for outcomes, verdict in (
        (whole, Verdict.PASS),
        (whole[1:], Verdict.NOT_RUN),
        ([replace(whole[0], verdict=Verdict.WAIVED), *whole[1:]], Verdict.WAIVED),
        ([replace(whole[0], verdict=Verdict.FAIL), *whole[1:]], Verdict.FAIL),
    ):
        assert [row.verdict for row in traced(outcomes, settings) if row.line == "P4.2"] == [verdict]
    written = [("D-1", "P4.2", "before_deletion")]
    for kept in (Verdict.PASS, Verdict.FAIL):
        before = {"D-1": ("deletion", kept)}
        (row,) = (row for row in traced(whole[1:], settings, before, written) if row.line == "P4.2")
        assert (row.verdict, row.scenarios[-1]) == (kept, ("D-1, judged at deletion", kept))
    (row,) = (row for row in traced(whole, settings, {"D-1": ("deletion", Verdict.FAIL)}) if row.line == "P4.2")
    assert row.verdict is Verdict.PASS, "this run's own word is newer"


def test_a_step_is_judged_by_its_own_scenarios_only() -> None:
    """The nights since the last switch and those since the stop are one expectation, at two gates."""
    settings = settings_without_a_lab()
    written = [("S-1", "P4.1", "before_phase4"), ("S-1", "P4.3", "before_deletion")]
    since_switch, since_stop = (
        replace(sample.good(sample.PILOT), name=tags[1], tags=tags[:2], verdict=Verdict.PASS) for tags in written
    )
    for outcomes, kept, verdicts in (
        ([since_switch], {}, (Verdict.PASS, Verdict.NOT_RUN)),
        ([], {"S-1": ("phase4", Verdict.PASS)}, (Verdict.PASS, Verdict.NOT_RUN)),
        ([], {"S-1": ("deletion", Verdict.PASS)}, (Verdict.NOT_RUN, Verdict.PASS)),
        ([since_switch, since_stop], {}, (Verdict.PASS, Verdict.PASS)),
        ([since_switch, replace(since_stop, verdict=Verdict.FAIL)], {}, (Verdict.PASS, Verdict.FAIL)),
    ):
        rows = {row.line: row for row in traced(outcomes, settings, kept, written)}
        assert (rows["P4.1"].verdict, rows["P4.3"].verdict) == verdicts


def test_each_line_has_a_scenario_of_each_expectation_that_covers_it() -> None:
    """None waits for what nobody judges."""
    written, found = [each.tags for each in scenarios()], set()
    for gate in Gate:
        kept = dict.fromkeys(expectations(), (gate.value, Verdict.PASS))
        for row in traced([], by_worker(), kept, written):
            found |= {(row.line, name.partition(",")[0]) for name, verdict in row.scenarios if verdict.opens}
    due = {(line, row.id) for row in expectations().values() for line in row.covers if line not in corrections()}
    assert found == due


def test_a_line_asks_for_nothing_that_is_never_judged_by_this_route() -> None:
    """Each line can be ticked where mail comes directly: what is a Worker's is no part of it there."""
    worker, direct = by_worker(), settings_without_a_lab()
    ids = {row.line: set(row.ids) for row in traced([], worker)}
    assert {line for line, keys in ids.items() if any(key.startswith("W-") for key in keys)} >= {"P1.2", "T"}
    for row in traced([], direct):
        assert set(row.ids) == {key for key in ids[row.line] if not key.startswith("W-")} != set()


def test_what_is_cut_is_cut_at_a_word() -> None:
    assert short("one two three", 20) == "one two three"
    assert short("Judge a night - pytest features/ --soak", 30) == "Judge a night - pytest..."
    assert short("Judge a night - pytest", 19) == "Judge a night..."
    assert short("x" * 99, 20) == "x" * 17 + "..."
