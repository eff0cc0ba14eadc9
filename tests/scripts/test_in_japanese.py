"""What an operator reads at night, in Japanese: rollback, and the way back by hand. Records and commands stay."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.language import speaking, tr
from scripts import by_hand, rollback
from scripts.lib.aws import power
from scripts.lib.change import Script, digest
from scripts.lib.dns import mx_back
from tests.conftest import minimal
from tests.scripts.test_change import file, script

__all__ = ["file"]
PILOT = "pilot.example.net"
JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
ENGLISH = re.compile(r"\b(?:the|is|are|and|was|not|for|with|that|which|has|have)\b")


def _same(text: str) -> list[str]:
    """What is no language: records, addresses, commands."""
    return re.findall(r"\S+ 300 IN MX .*|python -m .*|nc -vz .*|i-[0-9a-f]+|v=spf1", text)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    with speaking(""):
        yield


def test_the_paper(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(minimal(tmp_path, '[contacts]\nregistrar = ["me@elsewhere.example"]\n'))
    said = {}
    for language in ("en", "ja"):
        assert by_hand.main(["--config", config, "--domain", PILOT, "--lang", language]) == 0
        said[language] = capsys.readouterr().out
    assert _same(said["en"]) == _same(said["ja"])
    assert len(_same(said["en"])) == 6
    steps = [each.split(".")[0] for each in said["ja"].splitlines() if re.match(r"\d\. ", each)]
    assert steps == ["0", "1", "2", "3", "4", "1", "2", "3", "4"]
    for line in said["ja"].splitlines():
        assert not line or JAPANESE.search(line) or _same(line), line
        assert not ENGLISH.search(line), line


def test_a_rollback_that_can_not_ask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how to go on by hand, for the domain that was asked for."""
    monkeypatch.delenv("MXGATE_CLOUDFLARE_TOKEN", raising=False)
    config = str(minimal(tmp_path))
    given = ["--config", config, "--domain", PILOT, "--lang", "ja", "--without-asking-ec2"]
    assert rollback.main(given) == 2
    said = capsys.readouterr().err
    assert "指示どおり、mail.example.net (203.0.113.20) がメールを受けるかは確認しません" in said
    assert f"API なしで、手作業で: python -m scripts.by_hand --config {config} --domain {PILOT}" in said
    assert not ENGLISH.search(re.sub(r"MXGATE_\S+ .*", "", said)), said


def test_a_plan_and_what_it_comes_to(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The digest is the same: it names what is written, in no language."""
    made: Script = script(file)
    assert made.main([]) == 3
    english = capsys.readouterr().out
    assert made.main(["--lang", "ja"]) == 3
    shown = capsys.readouterr().out
    (plan,) = re.findall(r"--apply ([0-9a-f]{12})", shown)
    assert plan in english
    assert f"書き込み 1 件の計画、ダイジェスト {plan}。このとおりに実行するには:" in shown
    assert made.main(["--lang", "ja", "--apply", plan]) == 0
    assert "rollback: 完了、書き込み 1 件。戻し方: switch_mx" in capsys.readouterr().out
    assert made.main(["--lang", "ja"]) == 0
    assert "rollback: 変更なし" in capsys.readouterr().out


def test_every_write_of_a_rollback_is_named() -> None:
    with speaking("ja"):
        for name in (mx_back.GROUP, power.FIRST, f"{PILOT} MX, EC2's added", f"{PILOT} MX, the others deleted"):
            assert JAPANESE.search(tr(name)), name
    assert digest([]) == digest(())
