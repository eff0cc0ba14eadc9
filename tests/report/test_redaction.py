"""No form of a secret survives, in whatever mixture of encodings; and what is no secret is left as it was (Z-2)."""

import base64
import json
import quopri
import re
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.header import Header
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, strategies as st

from fixtures.evidence import redaction
from fixtures.evidence.redaction import REDACTED, hidden, keep_secret, plain, redact

SECRETS = {
    "with everything": "hunter2<&\"correct horse=%41\\n+/'",
    "in Japanese": "合言葉は山と川🗻",
    "of an API": "Zx9_k-QwErTy0123456789AbCdEfGhIjKlMnOp",
    "of four": "s3_7",
}


def _qp(text: str) -> str:
    return quopri.encodestring(text.encode(), quotetabs=True).decode()


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


WAYS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "url": lambda s: quote(s, safe=""),
    "url, lower case": lambda s: "".join(f"%{b:02x}" for b in s.encode()),
    "form": quote_plus,
    "url twice": lambda s: quote(quote(s, safe=""), safe=""),
    "json": lambda s: json.dumps(s)[1:-1],
    "json, as read": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "json in json": lambda s: json.dumps(json.dumps(s))[1:-1],
    "repr": lambda s: repr(s)[1:-1],
    "repr of bytes": lambda s: repr(s.encode())[2:-1],
    "html": escape,
    "html by number": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "quoted-printable": _qp,
    "every octet quoted": lambda s: "".join(f"={b:02X}" for b in s.encode()),
    "quoted-printable, folded": lambda s: "=\r\n".join(_qp(s[at : at + 3]) for at in range(0, len(s), 3)),
    "hexadecimal": lambda s: s.encode().hex(),
    "hexadecimal, capital": lambda s: s.encode().hex().upper(),
    "hexadecimal, apart": lambda s: s.encode().hex(":"),
    "hexdump": lambda s: s.encode().hex(" "),
    "zone file": lambda s: "".join(f"\\{b:03d}" if b < 33 or b > 126 or b in b'"\\' else chr(b) for b in s.encode()),
    "base64": _b64,
    "base64 of the web": lambda s: base64.urlsafe_b64encode(s.encode()).decode().rstrip("="),
    "AUTH PLAIN": lambda s: _b64(f"\0alice\0{s}"),
    "AUTH PLAIN, one more": lambda s: _b64(f"\0bob22\0{s}"),
    "AUTH PLAIN, two more": lambda s: _b64(f"\0carol3\0{s}"),
    "basic authorization": lambda s: _b64(f"api:{s}"),
    "within base64": lambda s: _b64(f"before {s} and after"),
    "base64 in a url": lambda s: quote(_b64(f"x{s}y"), safe=""),
    "base64, folded": lambda s: base64.encodebytes(f"{'x' * 50}{s}{'y' * 50}".encode()).decode(),
    "base64, folded, in json": lambda s: json.dumps(base64.encodebytes(f"{'x' * 50}{s}{'y' * 50}".encode()).decode()),
    "base64 of json": lambda s: _b64(json.dumps({"password": s})),
    "encoded word": lambda s: Header(s, "utf-8").encode(maxlinelen=10_000),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _named() -> None:
    keep_secret(*SECRETS.values())


def _shows(text: str, secret: str) -> bool:
    """Whether enough of the secret's encoded form is left to read it: all but what its neighbours share."""
    return any(text.find(secret[at : at + 4]) >= 0 for at in range(len(secret) - 3))


@pytest.mark.parametrize("secret", SECRETS.values(), ids=list(SECRETS))
@pytest.mark.parametrize("way", WAYS)
def test_no_form_of_it_survives(way: str, secret: str) -> None:
    written = WAYS[way](secret)
    shown = redact(f"S: 235 {written} ok")
    assert REDACTED in shown
    assert shown.startswith("S: 235 ")
    assert written not in shown
    assert not _shows(shown, secret)
    assert shown.endswith(" ok")


SEEN = "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001343f"
"""Signs of format that are drawn: they go before or around what follows."""
IGNORED = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u180f\u200b\u2028\u2029\u202e\u2065\u2800\u3164\ufe00\ufe0f\ufeff\uffa0"
    "\ufff0\U0001d173\U000e0001\U000e0041\U000e01ef\U000e0fff"
)


def test_what_nobody_sees_is_spelt_out() -> None:
    formats = [each for n in range(0x110000) if unicodedata.category(each := chr(n)) in {"Cf", "Zl", "Zp", "Cs"}]
    hidden = [each for each in [*formats, *IGNORED] if not re.match(f"[{SEEN}]", each)]
    assert len(hidden) > 2000
    for sign in hidden:
        spelt = f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"
        assert plain(f"a{sign}b") == f"a{spelt}b"


@pytest.mark.parametrize(
    "text",
    [
        "\u2764\ufe0f",
        "1\ufe0f\u20e3",
        "\u845b\U000e0100\u57ce",
        "\u1820\u180b",
        "\u0627\u0651\u0600",
        "\u0915\u094d\u0937",
        "a\tb\nc",
    ],
)
def test_what_is_seen_stays(text: str) -> None:
    assert plain(text) == text


def test_a_second_selector_hides_something() -> None:
    assert plain("\u2764\ufe0f\ufe01") == "\u2764\ufe0f\\ufe01"


@pytest.mark.parametrize("way", ["plain", "url", "json", "html", "quoted-printable", "AUTH PLAIN", "base64, folded"])
def test_nor_within_another_way(way: str) -> None:
    """A body in quoted-printable, shown in JSON, shown in HTML: what a log of an API call in a report is."""
    for secret in SECRETS.values():
        inner = WAYS[way](secret)
        shown = redact(escape(json.dumps(f"body {_qp(inner)} end")))
        assert REDACTED in shown, (way, secret)
        assert not _shows(shown, secret)


@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(sorted(WAYS)))
def test_whatever_stands_around_it(before: str, after: str, way: str) -> None:
    secret = SECRETS["of an API"]
    assert REDACTED in redact(f"{before} {WAYS[way](secret)} {after}")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_what_is_no_secret_is_left_as_it_was(text: str) -> None:
    if not redaction._SHAPES.search(text) and REDACTED not in (shown := redact(text)):
        assert shown == text


def test_ordinary_evidence_is_left_as_it_was() -> None:
    text = 'S: 250-SIZE 52428800\r\nC: MAIL FROM:<a=b@c.example>\n{"a": "b\\n", "c": "%41=42&amp;\\u3042"}\\000\n'
    assert redact(text) == text


def test_the_encodings_are_tried_on_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the undoing of escapes these tests are red: they see what they are for."""
    monkeypatch.setattr(redaction, "DEPTH_MAX", 0)
    redaction._redacted.cache_clear()
    left = {way for way in WAYS if REDACTED not in redact(f" {WAYS[way](SECRETS['with everything'])} ")}
    assert {"url", "json", "html", "quoted-printable", "zone file", "base64, folded"} <= left


def test_what_stands_next_to_it_is_left() -> None:
    secret = SECRETS["of an API"]
    assert redact(f"GET /?a=%20&token={quote(secret)}&b=1") == f"GET /?a=%20&token={REDACTED}&b=1"
    assert redact(WAYS["AUTH PLAIN"](secret)) == f"AGFsaWNlA{REDACTED}"
    assert redact(f"{secret}{secret} {secret}") == f"{REDACTED}{REDACTED} {REDACTED}"
    assert redact(f"one\ntwo {secret}\nthree") == f"one\ntwo {REDACTED}\nthree"


def test_shapes_are_known_without_the_secret() -> None:
    assert redact("C: AUTH PLAIN AGFsaWNlAHg=") == f"C: AUTH PLAIN {REDACTED}"
    assert redact(block := "service auth { unix_listener auth-userdb }") == block
    assert redact("Authorization: Bearer abc.def") == f"Authorization: Bearer {REDACTED}"
    assert redact("key SG.abcdefghijk.lmn") == f"key {REDACTED}"
    for token in (
        "ghp_0123456789abcdef",
        "glpat-0123456789abc",
        *("cfk_0123456789abc", "cfut_0123456789abc", "cfat_0123456789abc"),
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjF9.c2",
    ):
        assert redact(f"curl -d {token} a.example") == f"curl -d {REDACTED} a.example"
    for hook in ("api.telegram.org/bot", "hooks.slack.com/services/", "discord.com/api/webhooks/"):
        assert redact(f"curl https://{hook}123456:AAE/x-y_z0123 -d x") == f"curl https://{hook}{REDACTED} -d x"
    assert redact(plain := "right_after the hooks of /etc/letsencrypt/renewal-hooks/deploy/botany") == plain


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("docker run -e CF_API_TOKEN=s3cret x/cloudflare-ddns:1", "docker run -e CF_API_TOKEN=... x/cloudflare-ddns:1"),
        ('curl -H "X-Auth-Key: s3cret" https://a.example', 'curl -H "X-Auth-Key: ... https://a.example'),
        ("curl -H 'Authorization: Bearer s3cret.x' a.example", "curl -H 'Authorization: ... a.example"),
        ('CF_Key="s3cret and more" acme.sh --cron', "CF_Key=... acme.sh --cron"),
        ('{"api_key": "s3cret", "host": "a.example"}', '{"api_key": ..., "host": "a.example"}'),
        ("mysqldump -u root -ps3cret -P3306 wiki >/b", "mysqldump -u ... -p... -P3306 wiki >/b"),
        ("sshpass -p s3cret ssh -p22 b", "sshpass -p ... ssh -p22 b"),
        ("mariadb -h a.example -ps3cret", "mariadb -h a.example -p..."),
        ("rsync rsync://me:s3cret@a.example:873/x /x", "rsync rsync://me:...@a.example:873/x /x"),
        ("curl --user me:s3cret a.example; curl -ume:s3cret b", "curl --user me:... a.example; curl -ume:... b"),
        ("MYSQL_PWD=s3cret mysqldump wiki", "MYSQL_PWD=... mysqldump wiki"),
        ("nsupdate -v -y hmac-sha256:dell:s3cret /x", "nsupdate -v -y ... /x"),
        ("ldapsearch.conf: bindpw=s3cret", "ldapsearch.conf: bindpw=..."),
        ("systemctl --user restart x.service; chown -R me:me /x", ""),
        ("restic --password-file /etc/x -r https://a.example:8000/b", ""),
        ("ssh -p22 a.example 'docker run -p 25:25 -p127.0.0.1:80:80 x'; mkdir -p /x; cp -pr /a /b", ""),
        ("mysql -h a.example -P3306 --port=3306; find /x -print", ""),
    ],
)  # fmt: skip
def test_what_others_call_by_is_hidden(line: str, shown: str) -> None:
    """What stands next to it, names, ports and addresses, stays: it is what is judged. SHOWN is empty: all of it."""
    assert hidden(line) == (shown or line)
    assert hidden(hidden(line)) == (shown or line)


def test_secrets_are_named_while_others_write() -> None:
    """A thread that makes a client names its key; what is written from then on has it no more."""
    text = " ".join(f"line-{n}" for n in range(3000))

    def write() -> set[str]:
        return {redact(f"{text} {n}") for n in range(40)}

    with ThreadPoolExecutor(3) as pool:
        writing = [pool.submit(write) for _ in range(2)]
        for number in range(200):
            keep_secret(f"line-{number}-secret")
            assert redact(f"the key is line-{number}-secret") == f"the key is {REDACTED}"
        assert all(len(each.result()) == 40 for each in writing)
