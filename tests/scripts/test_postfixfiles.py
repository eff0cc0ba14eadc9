"""What a snapshot keeps of a host's Postfix: no password and no key, of which there is only the digest."""

import base64
import subprocess
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.access.changing import Shell
from fixtures.access.transport import Result
from fixtures.gates import present
from fixtures.gates.present import HIDES_BY_TEXT, without_passwords
from fixtures.settings import Transport
from scripts.snapshot import files_of

POSTCONF = """\
#!/bin/sh
case "$1" in
-h) echo "{folder}" ;;
-n) {said} ;;
-nx) printf '%s\\n' "smtp_sasl_password_maps = hash:{folder}/relay_login" "smtpd_tls_key_file = {folder}/own" \\
     "alias_maps = hash:{outside}/aliases" "virtual_alias_maps = mysql:{outside}/lookups.cf" ;;
*) echo "mydomain = example.net" ;;
esac
"""
SAID = {
    "in whole": """exec "$0" -nx""",
    "by another parameter": """echo 'smtp_sasl_password_maps = hash:$config_directory/relay_login'""",
}
"""What main.cf says of its files."""
KEPT = {
    "main.cf": "smtp_sasl_password_maps = static:needed-for-the-way-back\n",
    "virtual": "alice@example.net alice\n",
    "virtual_users": "bob@example.net bob\n",
    "aliases": "root: alice\n",
}
SECRET = {
    "sasl_passwd": "[smtp.example.net]:587 apikey:hunter2\n",
    "relay_login": "[smtp.example.net]:587 apikey:hunter2\n",
    "own": "a key in another form\n",
    "certificate.pem": "-----BEGIN CERTIFICATE-----\n",
    "chain": "-----BEGIN CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\n",
    "mysql-aliases.cf": "hosts = db\npassword = hunter2\n",
    "ldap.cf": "bind_dn = cn=x\n  bind_pw = hunter2\n",
    "passdb": "alice:{SHA512-CRYPT}$6$x:1000:1000\n",
    "logins": "bob@example.net:$2y$05$abcdef\n",
    "users": "carol:1:2\n",
    "unreadable": "anything\n",
}


@pytest.fixture(params=SAID.values(), ids=list(SAID))
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    folder, outside, programs = (tmp_path / name for name in ("postfix", "outside", "bin"))
    for each in (folder, outside, programs):
        each.mkdir()
    for name, text in {**KEPT, **SECRET}.items():
        (folder / name).write_text(text, encoding="ascii")
        (folder / name).chmod(0o640 if name == "unreadable" else 0o644)
    (outside / "aliases").write_text("root: alice\n", encoding="ascii")
    (outside / "lookups.cf").write_text("password = hunter2\n", encoding="ascii")
    postconf = programs / "postconf"
    postconf.write_text(POSTCONF.format(folder=folder, outside=outside, said=request.param), encoding="ascii")
    postconf.chmod(0o755)
    return Shell("Dell", Transport(kind="local", prefix=("env", f"PATH={programs}:/usr/bin:/bin")))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  args = password=hunter2 nopassword=n", "  args = password=digest:f52fbd32b2b3b86f nopassword=n"),
        ("passdb_static_password = hunter2", "passdb_static_password = digest:f52fbd32b2b3b86f"),
        ("doveadm_password = # hidden, use -P to show it", "doveadm_password = # hidden, use -P to show it"),
        ("  pass = %{password}", "  pass = %{password}"),
        ("default_pass_scheme = CRYPT", "default_pass_scheme = CRYPT"),
    ],
)
def test_what_dovecot_is_asked_for_has_none_either(line: str, shown: str) -> None:
    assert without_passwords(line) == shown


@pytest.mark.parametrize(
    ("line", "hides"),
    [
        ("hosts = postgresql://me:hunter2@db.example.net/mail", True),
        ("uri = mongodb+srv://me:hunter2@db.example.net/mail", True),
        ("sql_passwd: hunter2", True),
        ("ldapdb_pw: hunter2", True),
        ("ldap_bind_pw: hunter2", True),
        ("hosts = postgresql://me@db.example.net/mail", False),
        ("passwd: root", False),
        ("example.net smtp:[mx.example.net]:25", False),
        ("/^Subject: http:\\/\\//  REJECT see https://example.net/why", False),
    ],
)
def test_a_password_may_stand_in_a_url_or_behind_a_colon(tmp_path: Path, line: str, hides: bool) -> None:
    """As in tables of Postfix's (pgsql_table(5), mongodb_table(5)), and in what SASL reads."""
    file = tmp_path / "table.cf"
    file.write_text(f"{line}\n", encoding="ascii")
    done = subprocess.run(["sh", "-c", f"grep -qiE {HIDES_BY_TEXT} -- {file}"], check=False)
    assert (done.returncode == 0) is hides


DOVECONF = "# 2.4.1-4 (7d8c0e5759): /etc/dovecot/dovecot.conf\n# Hostname: dell\nprotocols = imap\nquota user {\n}\n"
AS_KEPT = "2.4.1-4 (7d8c0e5759)\nprotocols = imap\nquota user {\n}\n"


@pytest.mark.parametrize(
    ("status", "said", "kept"),
    [
        pytest.param(0, DOVECONF, AS_KEPT, id="in order"),
        pytest.param(89, DOVECONF, AS_KEPT, id="a setting fails its check"),
        pytest.param(0, f"welcome\n{DOVECONF}", AS_KEPT.replace("\n", "\nwelcome\n", 1), id="the shell says something"),
        pytest.param(
            89, "# 2.4.1-4 (7d8c0e5759): /etc/dovecot/dovecot.conf\n", "can't be asked", id="it can't be read"
        ),
        pytest.param(127, "", "can't be asked", id="there is none"),
    ],
)
def test_dovecots_version_stands_ahead_of_its_settings(
    monkeypatch: pytest.MonkeyPatch, status: int, said: str, kept: str
) -> None:
    shell = SimpleNamespace(run=lambda *_, **__: Result((), status, said, ""))
    monkeypatch.setattr(present, "dell", lambda _: shell)
    monkeypatch.setattr(present, "dovecot", lambda _: shell)
    settings: Any = None
    assert present.dell_as_it_runs(settings)[present.DOVECOT] == kept


def test_no_password_and_no_key_is_kept(host: Shell) -> None:
    outcome = files_of(host)
    assert outcome["files"] == {name: base64.b64encode(text.encode()).decode() for name, text in KEPT.items()}
    assert outcome["digests"] == {name: sha256(text.encode()).hexdigest() for name, text in SECRET.items()}
    outside = {Path(path).name: base64.b64decode(content) for path, content in outcome["elsewhere"].items()}
    assert outside == {"aliases": b"root: alice\n", "lookups.cf": b""}
