"""Texts in the reader's language: none is missing, what is shown is whole, and what is kept stays English."""

import re
from pathlib import Path

import pytest

from fixtures import language
from fixtures.evidence import Evidence, Verdict, failed
from fixtures.language import HERE, catalogue, entries, speaking, tr
from fixtures.probes.cloudflare import limits
from fixtures.report.render import render, render_markdown_checklist
from fixtures.report.text import day, dollars, explained, minute, span
from tests.messages import wanted
from tests.report import sample

JAPANESE = "[\u3040-\u30ff\u4e00-\u9fff]"
CATALOGUES = sorted(HERE.glob("*.po"))


@pytest.mark.parametrize("file", CATALOGUES, ids=[file.stem for file in CATALOGUES])
def test_no_text_is_missing_or_wanted_by_nobody(file: Path) -> None:
    texts, said = wanted(), catalogue(file.stem)
    assert not {text: where for text, where in texts.items() if text not in said}
    assert not set(said) - set(texts)


def test_a_hint_is_found_by_whatever_way_it_gets_there() -> None:
    ways = {
        limits.FEWER: "a constant of another module",
        "The client itself is refused, before it names a recipient: see A-2": "what a function returns",
        "Run prepare_cloudflare": "behind an or, and a condition",
        "mail from there is lost": "a constant in a table's text",
        "if a content filter may throw mail away, name content_filter in dell.filters": "added to another",
    }
    assert not set(ways) - set(wanted())


@pytest.mark.parametrize("file", CATALOGUES, ids=[file.stem for file in CATALOGUES])
def test_a_translation_has_the_places_the_markup_and_the_commands_of_its_text(file: Path) -> None:
    for text, said in catalogue(file.stem).items():
        for kind in (r"\{\w+\}", "</?[a-z][^>]*>", r"python -m [\w.]+|pytest features/[ \-a-z]*|scripts/\w+"):
            places = [sorted(re.findall(kind, each, re.ASCII)) for each in (text, said)]
            assert [each.strip() for each in places[0]] == [each.strip() for each in places[1]], text


@pytest.mark.parametrize(
    ("environment", "chosen"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ja"}, "ja"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
    ],
    ids=str,
)
def test_the_locale_decides_where_nobody_says(
    environment: dict[str, str], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in language.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(language, "_chosen", {"option": "", "settings": ""})
    assert language.language() == chosen
    language.use("ja", by="settings")
    assert language.language() == "ja"
    language.use("en")
    assert language.language() == "en"


def test_a_made_text_is_recognised_and_another_stays() -> None:
    made = "6 messages lost, the first: no. 7 from over IPv4 to a@b.example"
    with speaking("ja"):
        assert tr(made) == "6 通が消失。最初の 1 通: no. 7 from over IPv4 to a@b.example"
        assert tr("Email Routing can't relay") == "Email Routing は中継できない"
        assert tr("the disk is made of cheese") == "the disk is made of cheese"
        assert tr("injected 7, arrived 6; loss rate below 0.25% at 95 % (n = 7)").startswith("送信 7 通、到着 6 通、")
        assert tr("port 25 from {0}", **{"0": "alice"}) == "alice からのポート 25"
        late = tr("not open: its verdict is stale: 64 min old, at most 60 min are allowed")
        assert not re.search("[a-z]{4}", late), "the reading that leaves nothing in English"
        assert tr("port 25 from here") == "ここからのポート 25"
    assert tr(made) == made


def test_dates_money_and_time_are_written_as_one_writes_them_there() -> None:
    with speaking("ja"):
        assert re.fullmatch(r"\d{4}年\d{1,2}月\d{1,2}日 \d\d:\d\d", minute(sample.NOW))
        assert dollars(-1234.5) == "-1,234.50ドル"
        assert [span(each) for each in (0.349, 41, 725, 90000)] == ["0.35秒", "41秒", "12分5秒", "1日1時間"]
        assert day(sample.report().waivers[0].expires) == "2027年1月31日"


def test_a_claim_is_translated_and_its_evidence_is_not() -> None:
    error = "Exactly one SPF record: fail for 1 of 3\n  a: expected one, found two\n    ask again: dig TXT a"
    with speaking("ja"):
        shown = explained(error).splitlines()
    assert shown[0] == "SPF レコードはちょうど 1 つである: 3 件中 1 件が不合格"
    assert shown[1:] == error.splitlines()[1:]


def test_a_report_is_japanese_and_its_evidence_the_same() -> None:
    english = sample.report()
    page, digest = render(english), english.evidence_sha256
    with speaking("ja"):
        report = sample.report()
        shown, checklist = render(report), render_markdown_checklist(report)
    assert report.evidence_sha256 == digest
    assert '<html lang="ja">' in shown
    assert "ゲートを閉じている項目" in shown
    assert 'content="{&#34;decision&#34;: &#34;NO-GO&#34;' in shown, "the card is for programs"
    assert "連番メール: 送信 1200 通" in checklist
    assert page != shown


def test_no_sentence_of_the_frame_mixes_languages() -> None:
    """Foreign words in a Japanese sentence are names, identifiers and quotations."""
    english = re.compile(r"\b(?:the|is|are|of|and|was|not|for|with|that|which)\b")
    for text, said in entries((HERE / "ja.po").read_text(encoding="utf-8")):
        assert re.search(JAPANESE, said) or not re.search("[a-z]{4}", re.sub(r"\{\w+\}", "", text)) or said == text, (
            text
        )
        if re.search(JAPANESE, said):
            assert not english.search(re.sub(r"`[^`]*`|\{\w+\}|\S+[=/]\S*", "", said)), said


def test_findings_keep_their_words() -> None:
    look = Evidence("MX b.example at 9.9.9.9", "none")
    found = failed("b.example", "an MX", "none", look, hint="Wait, and ask again")
    assert found.verdict is Verdict.FAIL
    with speaking("ja"):
        assert found.sentence() == "b.example: expected an MX, found none. Wait, and ask again"


def test_mistakes_in_the_settings_are_read_each_of_its_own() -> None:
    """One doesn't swallow the lines of those that follow."""
    made = (
        "c.toml: can't be used; fixtures/migration.example.toml explains every key",
        "dell.ipv4: expected a valid IPv4 address, found 'x'",
        "pilot: is missing, and has no default",
        "dell.color: there is no such key, found 'blue'",
    )
    with speaking("ja"):
        head, address, missing, unknown = tr("\n  ".join(made)).split("\n  ")
    assert head == "c.toml: 使えません。すべてのキーの説明は fixtures/migration.example.toml にあります"
    assert address.startswith("dell.ipv4: ")
    assert address.endswith("「'x'」")
    assert missing == "pilot: ありません。既定値もありません"
    assert unknown == "dell.color: そのようなキーはありません。実際は 'blue'"
