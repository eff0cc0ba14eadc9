"""Secrets from the environment, a file or systemd; placeholders are refused.

That no run shows one: ``tests/report/test_canaries.py``.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from fixtures.access.transport import here
from fixtures.evidence import CouldNotAsk
from fixtures.plan import templates
from fixtures.probes.aws import terraform
from fixtures.probes.logs import log_blocks
from fixtures.settings import Secrets, SettingsError, load
from fixtures.settings.schema import is_placeholder
from scripts import retire_terraform
from scripts.lib import sshsig

SECRET = "canary-4711"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MXGATE_CLOUDFLARE_TOKEN", "MXGATE_CLOUDFLARE_TOKEN_FILE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "mxgate_cloudflare_token"
    made.write_text(f"{SECRET}\n", encoding="utf-8")
    return made


def _token() -> str:
    return Secrets().cloudflare_token.get_secret_value()


def test_a_secret_has_three_places(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not _token()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(file.parent))
    assert _token() == SECRET
    other = file.with_name("other")
    other.write_text("from-the-file", encoding="utf-8")
    monkeypatch.setenv("MXGATE_CLOUDFLARE_TOKEN_FILE", str(other))
    assert _token() == "from-the-file"
    monkeypatch.delenv("MXGATE_CLOUDFLARE_TOKEN_FILE")
    monkeypatch.setenv("MXGATE_CLOUDFLARE_TOKEN", "from-the-environment")
    assert _token() == "from-the-environment"
    assert SECRET not in repr(Secrets())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "0 lines"),
        (f"{SECRET}\nmore".encode(), "2 lines"),
        (b"\xff\xfe", "no text"),
        (f"{SECRET:x<8193}".encode(), "over 8192 bytes"),
        (f"{SECRET:8192}\nmore".encode(), "over 8192 bytes"),
        (f"{SECRET:x<8192}é".encode(), "over 8192 bytes"),
    ],
)
def test_a_file_that_holds_no_secret(file: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, says: str) -> None:
    monkeypatch.setenv("MXGATE_CLOUDFLARE_TOKEN_FILE", str(file))
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=says) as raised:
        Secrets()
    assert "MXGATE_CLOUDFLARE_TOKEN_FILE" in str(raised.value)
    assert SECRET not in str(raised.value)
    file.unlink()
    with pytest.raises(SettingsError, match="No such file"):
        Secrets()


def test_a_secret_that_is_as_long_as_one_may_be(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATE_CLOUDFLARE_TOKEN_FILE", str(file))
    file.write_text(f"{SECRET:x<8192}", encoding="utf-8")
    assert len(_token()) == 8192


def test_what_editors_and_shells_add_is_none_of_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(f"{SECRET}\n", encoding="utf-8-sig")
    monkeypatch.setenv("MXGATE_CLOUDFLARE_TOKEN_FILE", str(file))
    assert _token() == SECRET
    monkeypatch.delenv("MXGATE_CLOUDFLARE_TOKEN_FILE")
    for added in ("\n", "\r\n", " ", " \n"):
        monkeypatch.setenv("MXGATE_CLOUDFLARE_TOKEN", f"{SECRET}{added}")
        assert _token() == SECRET
    for wrong, says in ((f"\u201c{SECRET}\u201d", "none of ASCII's"), (f"{SECRET}\nmore", "2 lines")):
        monkeypatch.setenv("MXGATE_CLOUDFLARE_TOKEN", wrong)
        with pytest.raises(SettingsError, match=says) as raised:
            Secrets()
        assert SECRET not in str(raised.value)
    monkeypatch.delenv("MXGATE_CLOUDFLARE_TOKEN")
    monkeypatch.setenv("MXGATE_MAILBOX_PASSWORD", "pa\u00dfwort ")
    assert Secrets().mailbox_password.get_secret_value() == "pa\u00dfwort "


def test_a_value_and_a_file_at_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATE_CLOUDFLARE_TOKEN_FILE", str(file))
    monkeypatch.setenv("MXGATE_CLOUDFLARE_TOKEN", SECRET)
    with pytest.raises(SettingsError, match="both set"):
        Secrets()


def test_placeholders_are_distinguished_from_names() -> None:
    placeholders = "me@example.com | https://mail.example.org/ | CHANGE-ME | changeme | <your name> | yourdomain.net | "
    placeholders += "mail.your-domain.net | please change me | CHANGE_ME_2"
    names = "myexample.com | mail.example.net | <> | example.community | webmakeprofit.org | exchangemedia.jp | "
    names += "getyourdomain.jp | yourdomains.jp | they change message sizes | Tanaka <tanaka@kumo-post.net>"
    assert [each for each in placeholders.split(" | ") if not is_placeholder(each)] == []
    assert [each for each in names.split(" | ") if is_placeholder(each)] == []


def test_a_placeholder_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "migration.toml"
    file.write_text('[[senders]]\naddress = "me@example.com"\n[contacts]\naws = ["CHANGE-ME"]\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"senders\.0\.address: this is a placeholder(.|\n)*contacts\.aws\.0"):
        load(file)


def _zstd(folder: Path) -> None:
    file = folder / "mail.log.zst"
    file.write_bytes(b"\x28\xb5\x2f\xfd" * 9)
    with suppress(CouldNotAsk):
        list(log_blocks.of_file(file))


PROGRAMS: dict[str, Callable[[Path], object]] = {
    "terraform": terraform.held,
    "terraform that writes": lambda folder: retire_terraform._terraform(folder, "state", "rm", "a.b"),
    "git": lambda folder: templates.git(folder, "status"),
    "render": lambda folder: templates.command(("render",), folder, 5),
    "ssh-keygen": lambda _: sshsig.sign("a statement", Path("key")),
    "zstd": _zstd,
    "postconf": lambda _: here().run("postconf", "-n"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_other_program_is_given_one(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its plugins and hooks are others' too. What is not ours it keeps."""
    program, said = tmp_path / name.partition(" ")[0], tmp_path / "said"
    program.write_text(f"#!/bin/sh\nenv > {said}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("MXGATE_CLOUDFLARE_TOKEN", SECRET)
    monkeypatch.setenv("AWS_PROFILE", "the operator's")
    with suppress(CouldNotAsk):
        PROGRAMS[name](tmp_path)
    given = said.read_text(encoding="utf-8")
    assert "AWS_PROFILE=the operator's" in given
    assert "MXGATE_" not in given
    assert SECRET not in given
