"""Secrets from the environment, a file or systemd; placeholders are refused.

That no run shows one: ``tests/report/test_canaries.py``.
"""

from pathlib import Path

import pytest

from fixtures.settings import Secrets, SettingsError, load
from fixtures.settings.schema import is_placeholder

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
    ("content", "says"), [(b"", "0 lines"), (f"{SECRET}\nmore".encode(), "2 lines"), (b"\xff\xfe", "no text")]
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
    for each in (
        "me@example.com",
        "https://mail.example.org/",
        "CHANGE-ME",
        "changeme",
        "<your name>",
        "yourdomain.net",
        "mail.your-domain.net",
        "please change me",
        "CHANGE_ME_2",
    ):
        assert is_placeholder(each), each
    for each in (
        "myexample.com",
        "mail.example.net",
        "<>",
        "example.community",
        "webmakeprofit.org",
        "exchangemedia.jp",
        "getyourdomain.jp",
        "yourdomains.jp",
        "they change message sizes",
        "Tanaka <tanaka@kumo-post.net>",
    ):
        assert not is_placeholder(each), each


def test_a_placeholder_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "migration.toml"
    file.write_text('[[senders]]\naddress = "me@example.com"\n[contacts]\naws = ["CHANGE-ME"]\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"senders\.0\.address: this is a placeholder(.|\n)*contacts\.aws\.0"):
        load(file)
