"""What was answered to ``init`` is kept where it comes to no end, and the same command goes on from there."""

import os
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.preflight.init import questions
from fixtures.preflight.init.answers import Answers, Back, Past, folder, kept, port_number
from fixtures.settings import SettingsError
from scripts import init
from tests.conftest import NOBODY, PROJECT, ended, python, run

EXAMPLE = PROJECT / "fixtures/migration.example.toml"
Typed = Callable[..., list[str]]


def wide(text: str) -> str:
    """TEXT as an input method for Japanese leaves it."""
    return "".join(chr(ord(each) + 0xFEE0) for each in text)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Somebody who types these, and what they are asked; an exception is what they do next."""

    def typing(*replies: str | BaseException) -> list[str]:
        left, asked = iter(replies), list[str]()

        def reply(question: str) -> str:
            asked.append(question)
            said = next(left)
            if isinstance(said, BaseException):
                raise said
            return said

        monkeypatch.setattr("builtins.input", reply)
        return asked

    return typing


@pytest.mark.parametrize(
    ("host", "auth", "login"),
    [
        ("[relay.isp.example]", "no", {"login": False}),
        ("[relay.isp.example]", "Yes", {}),
        ("[smtp.sendgrid.net]:587", "no", {}),
    ],
)
def test_a_relay_host_that_asks_for_no_login_is_found(host: str, auth: str, login: dict[str, bool]) -> None:
    """It knows Dell by its address. SendGrid knows nobody so: there the login is still to be set up."""
    values = {"relayhost": host, "smtp_sasl_auth_enable": auth}
    made = questions._relay(Answers(say=lambda _: None), values, ())
    assert {key: made[key] for key in made.keys() & {"login"}} == login


@pytest.mark.parametrize(
    ("leaves", "says"),
    [
        (["x"] * 5, "init: pilot: no answer in 5 tries; no settings were written"),
        ([EOFError()], "init: the input ended at pilot; no settings were written"),
        ([KeyboardInterrupt()], "\ninit: interrupted; no settings were written"),
    ],
    ids=["five slips", "end of input", "Ctrl-C"],
)
def test_the_same_command_goes_on(
    leaves: list[str], says: str, tmp_path: Path, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    made, file = tmp_path / "made.toml", tmp_path / "made.toml.answers"
    typed("own.example.net b.example.net", *leaves)
    assert init.main(["--config", str(made)]) == init.BAD_INPUT
    said = capsys.readouterr().err
    assert says in said
    assert f"What was answered is kept in {file}. Go on by the same command" in said
    assert file.read_text(encoding="utf-8") == 'domains = "own.example.net b.example.net"\n'
    assert file.stat().st_mode & 0o777 == 0o600
    asked = typed("b.example.net", KeyboardInterrupt())
    assert init.main(["--config", str(made)]) == init.BAD_INPUT
    assert asked[0].startswith("The domain that goes first")
    said = capsys.readouterr().err
    assert f"Answers of before are taken from {file}; delete it, and all is asked again" in said
    assert "Domains whose mail is to move, with blanks between: own.example.net b.example.net" in said
    assert [key for key, _ in kept(file)] == ["domains", "pilot"]
    assert not made.exists()


def test_once_all_is_written_nothing_is_kept(tmp_path: Path) -> None:
    """Asked about a file of answers in which only the pilot is missing."""
    answers, made = tmp_path / "answers.toml", tmp_path / "made.toml"
    text = EXAMPLE.read_text(encoding="utf-8")
    pilot = tomllib.loads(text)["pilot"]
    answers.write_text(re.sub(r"(?m)^pilot = .*\n", "", text, count=1), encoding="utf-8")
    command = ["unshare", "-n", sys.executable, "-m", "scripts.init", "--answers", str(answers), "--config", str(made)]
    done = run(command, {}, f"{pilot}\n")
    assert done.returncode == init.BAD_INPUT, done.stderr
    assert kept(tmp_path / "made.toml.answers")[0] == ("pilot", pilot)
    done = run(command, {}, "\n" * 20)
    assert done.returncode == init.DONE, done.stderr
    assert f"The domain that goes first (a test domain): {pilot}" in done.stderr
    assert sorted(tmp_path.iterdir()) == [answers, made]


def test_what_was_kept_is_an_answer_like_any_other() -> None:
    """Where it does not fit any more, or another question is asked, a person is; ``<`` leads back behind all of it."""
    asked: list[str] = []
    replies = iter(["b", "<"])
    past = Past(kept=[("first", "a"), ("gone", "x"), ("second", "CHANGE-ME"), ("third", "c")])
    to = Answers({}, lambda text: asked.append(text) or next(replies), say=lambda _: None, past=past)  # type: ignore[func-returns-value]
    assert to.ask("first", "first") == "a"
    assert to.ask("second", "second") == "b"
    assert to.ask("third", "third") == "c"
    assert asked == ["second: "]
    with pytest.raises(Back):
        to.ask("fourth", "fourth")
    past.again()
    assert past.text() == 'first = "a"\nsecond = "b"\n'
    assert not past.kept


@pytest.mark.parametrize("line", ["pilot: a.example", 'pilot = "a', "pilot = 3", ""], ids=repr)
def test_a_file_of_them_that_was_spoilt(line: str, tmp_path: Path, typed: Typed) -> None:
    """It is named, and left as it is for whoever corrects it."""
    file = tmp_path / "made.toml.answers"
    file.write_text(f'domains = "own.example.net"\n{line}\n', encoding="utf-8")
    before = file.read_bytes()
    if line:
        with pytest.raises(SettingsError, match=r'answers, answer 2: expected key = "answer", found .*or delete the'):
            kept(file)
        asked = typed()
        assert init.main(["--config", str(tmp_path / "made.toml")]) == init.BAD_INPUT
        assert not asked
        assert file.read_bytes() == before
    else:
        assert kept(file) == [("domains", "own.example.net")]


def test_no_secret_is_kept(tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATE_OUTSIDE_PASSWORD", "hunter22hunter22")
    typed("hunter22hunter22.example.net", KeyboardInterrupt())
    assert init.main(["--config", str(tmp_path / "made.toml")]) == init.BAD_INPUT
    assert not list(tmp_path.iterdir())


def test_a_folder_where_nothing_can_be_kept() -> None:
    """That is said before anything is asked."""
    if os.geteuid() != 0 or python("pytest", "--version", before=NOBODY).returncode != 0:
        pytest.skip("nobody may not read this checkout, or this is not root")
    command = [*NOBODY, sys.executable, "-m", "scripts.init", "--config", "/usr/made.toml"]
    ended(
        run(command, {}, "own.example.net\n"),
        2,
        "/usr/made.toml: its folder can't be written to, by this user or by anybody; nothing was asked",
    )


@pytest.mark.parametrize("said", ["no", "いいえ", wide("n"), "NO"])
def test_a_no_in_the_end_writes_nothing(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """What was answered stays."""
    past = Past()
    monkeypatch.setattr(questions, "_settings", lambda to: {"pilot": to.ask("pilot", "pilot")})
    replies = iter(["a.example", said])
    with pytest.raises(SettingsError, match="no settings were written"):
        questions.settings(Answers(prompt=lambda _: next(replies), say=lambda _: None, past=past))
    assert past.text() == 'pilot = "a.example"\n'


@pytest.mark.parametrize(
    ("typed", "means"),
    [(wide("yes"), True), (wide("Y"), True), ("はい\u3000", True), ("いいえ", False), (wide("NO"), False), ("", True)],
)
def test_a_yes_is_understood_as_an_input_method_leaves_it(typed: str, means: bool) -> None:
    assert Answers(prompt=lambda _: typed).yes("key", "text", proposed=True) is means


def test_what_is_neither_yes_nor_no_is_asked_again() -> None:
    said: list[str] = []
    replies = iter(["ええ", "はい"])
    assert Answers(prompt=lambda _: next(replies), say=said.append).yes("key", "text")
    assert said == ["  ええ: expected one of yes, y, true, はい, no, n, false, いいえ"]


def test_answers_in_japanese_typing() -> None:
    replies = iter([f"alice、bob{wide(',')}carol", "²²", "22", wide("2465"), "a", wide("<")])
    to = Answers(prompt=lambda _: next(replies), say=lambda _: None)
    assert to.several("mailboxes", "mailboxes") == ["alice", "bob", "carol"]
    assert to.ask("port", "port", fits=port_number) == "22"
    assert to.ask("port2", "port", fits=port_number) == "2465"
    with pytest.raises(Back):
        to.ask("first", "first"), to.ask("second", "second")


@pytest.mark.parametrize("name", ["ﾃﾞｰﾀ", wide("2"), "m²", "か\u3099"])
def test_a_path_is_taken_as_it_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    for said in (name, str(tmp_path / name)):
        to = Answers(prompt=lambda _, said=said: f"{said} ", say=lambda _: None)  # type: ignore[misc] # said is its default
        assert to.ask("ec2.terraform", "folder", fits=folder) == said
        assert to.ask("dell.log", "log", "/var/log/mail.log") == said or "/" not in said
