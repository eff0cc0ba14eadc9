"""Commands that are shown work where they are pasted: with the settings, or in the lab, that a run was given."""

import shlex
import subprocess
from pathlib import Path

import pytest

from fixtures.access.changing import shell
from fixtures.evidence import Evidence, Judged, failed, judge, tell
from fixtures.gates import drill_certificate
from fixtures.gates.next_steps import Coming
from fixtures.language import pasting, speaking, tr
from fixtures.language.pasting import pasted
from fixtures.report.next_lines import lines
from fixtures.report.text import completed, explained
from fixtures.settings import Transport
from scripts import accept
from scripts.lib.dell import host_files
from tests.conftest import ended, minimal
from tests.warm import program

OTHER = "my files/other.toml"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("first python -m scripts.stop_ec2", "first python -m scripts.stop_ec2 --config 'my files/other.toml'"),
        (
            "Keep `python -m scripts.watch --domain a.example` running",
            "Keep `python -m scripts.watch --config 'my files/other.toml' --domain a.example` running",
        ),
        ("pytest features/ --gate phase1", "pytest features/ --config 'my files/other.toml' --gate phase1"),
        ("sudo -E scripts/rehearse --config migration.toml --firewall", f"'{OTHER}' --firewall"),
        ("scripts/rehearse --config migration.toml; or else", f"'{OTHER}'; or else"),
        ("python -m scripts.init --config /a.toml", "python -m scripts.init --config /a.toml"),
        ("alice says scripts.rollback and pytest", "alice says scripts.rollback and pytest"),
        ("scripts/rehearse --config migration.toml.bak", "scripts/rehearse --config migration.toml.bak"),
    ],
)
def test_a_command_has_the_settings_that_were_given(text: str, shown: str) -> None:
    assert pasted(text) == text, "nothing was given"
    pasting.use(config=OTHER)
    assert pasted(text).endswith(shown)
    assert pasted(pasted(text)) == pasted(text)


def test_a_command_of_a_standing_lab() -> None:
    pasting.use(lab="main")
    assert pasted("python -m scripts.next") == "scripts/lab shell operator -- python -m scripts.next"
    assert pasted("pytest features/ --drill") == "pytest features/ --drill"
    pasting.use(lab="b")
    once = pasted("python -m scripts.next; pytest features/ --drill")
    assert once == "scripts/lab shell --name b operator -- python -m scripts.next; pytest features/ --lab b --drill"
    assert pasted(once) == once


def test_the_variable_names_the_file_where_a_command_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATE_CONFIG", "/etc/m.toml")
    assert pasted(drill_certificate.HINT).endswith("scripts/rehearse --config /etc/m.toml")
    assert pasted("python -m scripts.next") == "python -m scripts.next", "whoever pastes has the variable too"


def test_it_is_shown_so_and_kept_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    """In every way in which a person is shown a text, in each language; a quoted line stays."""
    hint = "Ask again: python -m scripts.doctor"
    quoted = Evidence("a log", "one line", "alice ran python -m scripts.doctor")
    found = failed("a", "one", "two", quoted, hint=hint)
    pasting.use(config="o.toml")
    with pytest.raises(Judged) as raised:
        judge("One", [found])
    error = str(raised.value)
    assert "--config" not in error
    for text in (completed(error), explained(error)):
        assert text.count("python -m scripts.doctor --config o.toml") == 1
        assert "| alice ran python -m scripts.doctor" in text
        assert "| alice ran python -m scripts.doctor --config" not in text
    tell(hint)
    assert "scripts.doctor --config o.toml" in capsys.readouterr().err
    step = Coming("Judge", "pytest features/ --soak", "why", None, "write")
    assert ("how", "pytest features/ --config o.toml --soak") in list(lines([step], 0))
    way_back = "a switch ended half-way. The way back: python -m scripts.rollback --domain a.example"
    with speaking("ja"):
        assert tr(way_back).endswith("python -m scripts.rollback --config o.toml --domain a.example")
        assert "切り替え" in tr(way_back)


def test_programs_name_the_settings_that_they_were_given(tmp_path: Path) -> None:
    """``next`` and ``by_hand`` as a person runs them; what they show is a command that finds the same settings."""
    config = minimal(tmp_path).rename(tmp_path / "other.toml")
    said = program("scripts.next", "--config", str(config)).stdout
    assert f"sudo -E scripts/rehearse --config {config}\n" in said
    paper = program("scripts.by_hand", f"--config={config}", "--domain", "pilot.example.net").stdout
    (back,) = (line.split() for line in paper.splitlines() if "scripts.rollback" in line)
    ended(
        program(*back[2:]), 2, "MXGATE_CLOUDFLARE_TOKEN is not set", f"scripts.by_hand --config {config} --domain pilot"
    )


@pytest.mark.parametrize("given", [[], ["the firewall", "x"], ["--lost", "<1@a.example>"]], ids=str)
def test_what_is_to_be_accepted_is_asked_for_as_before(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With the words or messages that were given, which decide what the digest names."""
    pasting.use(config="o.toml")
    assert not accept._shown((accept.Item("the firewall", "a rule"),), None, given)
    command = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert command[:5] == ["python", "-m", "scripts.accept", "--config", "o.toml"]
    assert command[5:-3] == [*given, "--apply"]
    assert command[-2:] == ["--reason", "why"]


@pytest.mark.parametrize(
    "text", ["a = b\n", "a = b", "", "EOF", "a\nEOF\ntouch made\ncat <<'EOF'\nb\n", "EOF_\nEOF\n$(touch made)\n"]
)
def test_a_host_s_file_stays_text_where_it_is_pasted(tmp_path: Path, text: str) -> None:
    """Whatever stands in it: it ends no here-document, and is no command."""
    path = tmp_path / "main.cf"
    here = shell("here", Transport(kind="local"))
    (write,) = host_files.replacement(here, str(path), "before\n", text)
    done = subprocess.run(
        ["sh"], cwd=tmp_path, input=f"{write.command}\necho ended\n", capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("ended\n", "")
    assert path.read_text("utf-8").removesuffix("\n") == text.removesuffix("\n")
    assert [each.name for each in tmp_path.iterdir()] == ["main.cf"]
