"""The doctor in a lab where all is well, and with one broken thing at a time."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from fixtures.lab import plan, present
from fixtures.lab.world import Lab
from tests.conftest import ended, until
from tests.labs import cut_the_power, operator, shared
from tests.warm import program

NAME = "tests-doctor"
LIAR = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("{plan.WORLD4}", 53))
print("up", flush=True)
while True:
    q, who = s.recvfrom(512)
    end = q.index(b"\\0", 12) + 5
    answer = b"\\xc0\\x0c\\0\\x01\\0\\x01\\0\\0\\0\\x3c\\0\\x04" + socket.inet_aton("{plan.WORLD4}")
    s.sendto(q[:2] + b"\\x81\\x80\\0\\x01\\0\\x01\\0\\0\\0\\0" + q[12:end] + answer, who)
"""
"""A captive network's resolver: every name there could be is its own host."""

ALARMS = "json://hooks.elsewhere.example.net/mail"
"""A way that exists only in form: the doctor sends nothing."""

Doctor = tuple[int, str]


lab = shared(NAME, 6, month=True)


@pytest.fixture
def ask(lab: Lab, tmp_path: Path) -> Callable[..., Doctor]:
    """Ask the doctor with the lab's settings, edited, as the operator; returns the exit status and what it said."""

    def run(*edit: tuple[str, str], before: str = "", **environment: str) -> Doctor:
        text = (lab.folder / "operator/migration.toml").read_text(encoding="utf-8")
        for was, is_ in edit:
            assert was in text
            text = text.replace(was, is_, 1)
        config = tmp_path / "migration.toml"
        config.write_text(text, encoding="utf-8")
        given = {"MXGATE_ALARM_URLS": ALARMS} | environment
        way = ("sh", "-c", f'{before} "$@"', "sh") if before else ()
        done = operator(
            lab.name, "-m", "scripts.doctor", "--config", str(config), before=way, environ=given, timeout_s=200
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    return run


def _bad(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith(("WRONG", "missing"))]


def _only_bad(answer: Doctor, status: int = 2) -> str:
    """The one line that says so, of a doctor who ended with STATUS."""
    assert answer[0] == status, answer[1]
    (bad,) = _bad(answer[1])
    return bad


@contextmanager
def _planted(lab: Lab, host: str, plant: str) -> Iterator[None]:
    done = lab.exec(host, ["sh", "-c", plant])
    assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        lab.exec(host, ["nft", "flush", "ruleset"])


def test_all_is_well(ask: Callable[..., Doctor]) -> None:
    status, said = ask()
    assert (status, _bad(said)) == (0, []), said
    for words in ("ok", "Cloudflare's token: active", "the way to Dell: 100.64.10.2", "host key SHA256:"):
        assert words in said
    assert "the clock of EC2: 0." in said
    assert "port 25 outwards from ec2: 220 mx.cloudflare.net" in said
    assert "IMAP as alice@webmakeprofit.org" in said
    assert f"IMAP as outside@{present.OUTSIDE}" in said
    assert "the alarm's way out: way 1 (json)" in said


def test_passwords_and_alarms_that_are_not_set(ask: Callable[..., Doctor]) -> None:
    """A token too: each is one line, however many questions it leaves without an answer."""
    names = ("CLOUDFLARE_TOKEN", "MAILBOX_PASSWORD", "OUTSIDE_PASSWORD", "ALARM_URLS")
    status, said = ask(**{f"MXGATE_{name}": "" for name in names})
    assert status == 1, said
    bad = _bad(said)
    for name in names:
        assert sum(f"MXGATE_{name} is not set" in line for line in bad) == 1, bad
        assert any(f"systemd's mxgate_{name.lower()}" in line for line in bad), bad
    assert len(bad) == len(names), bad


def test_passwords_and_alarms_that_are_wrong(ask: Callable[..., Doctor]) -> None:
    wrong = {"MXGATE_MAILBOX_PASSWORD": "not-this-one", "MXGATE_OUTSIDE_PASSWORD": "nor-that-one"}
    status, said = ask(**wrong, MXGATE_ALARM_URLS=f"mailto://me:secret-way@{present.DELL_NAME}")
    assert status == 2, said
    dell, outside, alarm = _bad(said)
    assert all(line.startswith("WRONG") for line in (dell, outside, alarm)), said
    assert dell.startswith("WRONG    IMAP as alice@webmakeprofit.org: "), "one try: more might get us banned"
    assert "login refused" in dell
    assert "Expected in MXGATE_MAILBOX_PASSWORD: test mailboxes of that password" in dell
    assert "Expected in MXGATE_OUTSIDE_PASSWORD" in outside
    assert "whose mail is under test" in alarm
    assert not [each for each in (*wrong.values(), "secret-way") if each in said]


def test_a_key_that_is_not_there(lab: Lab, ask: Callable[..., Doctor]) -> None:
    """It is the file that is named, once, and not that the host can't be reached."""
    line = _way_to_ec2(lab)
    bad = _only_bad(ask((line, line.replace(f"{lab.folder}/operator/ssh_key", "keys/ec2"))))
    assert bad.startswith("WRONG    the way to EC2"), bad
    assert "EC2: key_file keys/ec2: no such file. Correct it in that transport" in bad


def _way_to_ec2(lab: Lab) -> str:
    """As the settings have it."""
    text = (lab.folder / "operator/migration.toml").read_text(encoding="utf-8")
    return next(line for line in text.splitlines() if line.startswith("transport = ") and plan.EC2_TAILNET in line)


def test_a_host_key_that_nobody_knows(lab: Lab, ask: Callable[..., Doctor]) -> None:
    known = lab.folder / "operator/known_hosts"
    before = known.read_text(encoding="ascii")
    lines = before.splitlines()
    other = next(line.partition(" ")[2] for line in lines if line.startswith(plan.EC2_TAILNET))
    mine = [f"{plan.DELL_TAILNET} {other}" if line.startswith(f"{plan.DELL_TAILNET} ") else line for line in lines]
    known.write_text("\n".join(mine) + "\n", encoding="ascii")
    try:
        status, said = ask()
    finally:
        known.write_text(before, encoding="ascii")
    assert status == 2, said
    assert any(line.startswith("WRONG") and "the way to Dell" in line for line in said.splitlines())
    assert f"ssh-keyscan -p 22 {plan.DELL_TAILNET} >> {known}" in said
    assert all("Dell" in line for line in _bad(said)), _bad(said)


def test_a_clock_that_is_off(lab: Lab, ask: Callable[..., Doctor]) -> None:
    library = lab.exec("ec2", ["sh", "-c", "echo /usr/lib/*/faketime/libfaketime.so.1"]).stdout.strip()
    line, prefix = _way_to_ec2(lab), json.dumps(["env", f"LD_PRELOAD={library}", "FAKETIME=+90s"])
    bad = _only_bad(ask((line, line.replace(" }", f", prefix = {prefix} }}"))))
    assert re.match(r"WRONG    the clock of EC2: (89\.9|9\d\.\d) s ahead", bad), bad
    assert "timedatectl set-ntp true" in bad


def test_a_resolver_and_a_vantage_that_lie(lab: Lab, ask: Callable[..., Doctor]) -> None:
    kept = lab.exec("world", ["cat", "/etc/resolv.conf"]).stdout
    plant = f"echo nameserver {plan.WORLD4} > /etc/resolv.conf; setsid python3 -c '{LIAR}' > /run/liar 2>&1 &"
    with _planted(lab, "world", f"{plant} echo $! > /run/liar.pid"):
        try:
            until(lambda: "up" in lab.exec("world", ["cat", "/run/liar"]).stdout, "the liar is up")
            status, said = ask((
                "[[resolvers]]", f'[[resolvers]]\nname = "hotel"\naddress = "{plan.WORLD4}"\n\n[[resolvers]]',
            ))  # fmt: skip
        finally:
            lab.exec("world", ["sh", "-c", f"kill $(cat /run/liar.pid); printf '%s' '{kept}' > /etc/resolv.conf"])
    assert status == 2, said
    bad = _bad(said)
    assert all("it lies: www.mxgate-" in line for line in bad), bad
    assert any(f"resolver hotel ({plan.WORLD4}, UDP)" in line for line in bad), bad
    assert any("DNS on sender over IPv4" in line for line in bad), bad


def test_a_vantage_where_somebody_else_answers_for_cloudflare(lab: Lab, ask: Callable[..., Doctor]) -> None:
    redirect = """nft 'add table ip n
        add chain ip n o { type nat hook output priority dstnat; }
        add rule ip n o tcp dport 25 redirect'"""
    with _planted(lab, "ec2", redirect):
        assert "port 25 outwards from ec2: 220 mail.webmakeprofit.org" in _only_bad(ask())


def test_port_25_blocked_at_a_vantage_is_no_fault_of_the_settings(lab: Lab, ask: Callable[..., Doctor]) -> None:
    drop = "nft 'add table inet f; add chain inet f o { type filter hook output priority 0; };"
    with _planted(lab, "ec2", f"{drop} add rule inet f o tcp dport 25 drop'"):
        bad = _only_bad(ask(), status=1)
    assert bad.startswith("missing  port 25 outwards from ec2")
    assert "Most hosted machines have port 25 blocked" in bad


def test_a_store_from_a_newer_version(tmp_path: Path, ask: Callable[..., Doctor]) -> None:
    file = tmp_path / "newer.sqlite"
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE schema (version INTEGER PRIMARY KEY)")
        db.execute("INSERT INTO schema VALUES (99)")
        db.commit()
    before = file.read_bytes()
    bad = _only_bad(ask(("[store]\nurl = ", f'[store]\nurl = "sqlite:///{file}" #')))
    assert "version 99" in bad
    assert "update this one" in bad
    assert file.read_bytes() == before


def test_a_folder_that_can_not_be_written_to(tmp_path: Path, ask: Callable[..., Doctor]) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir()
    seal = f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder} &&"
    bad = _only_bad(ask(("[store]\nurl = ", f'[store]\nurl = "sqlite:///{folder}/s.sqlite" #'), before=seal))
    assert f"{folder}: user 0 may not write there" in bad


def test_tokens(lab: Lab, ask: Callable[..., Doctor]) -> None:
    """One that may only read, one that nobody knows, and one that reaches other zones too."""
    secrets = json.loads((lab.folder / "operator/secrets.json").read_text(encoding="utf-8"))
    status, said = ask(MXGATE_CLOUDFLARE_TOKEN=secrets["cloudflare_read_token"])
    assert status == 2, said
    assert "may change DNS records of webmakeprofit.org" in said
    assert "Add DNS: Edit to the token" in said
    status, said = ask(MXGATE_CLOUDFLARE_TOKEN="nonsense-that-nobody-knows")
    assert status == 2, said
    assert any(line.startswith("WRONG") and "Cloudflare's token" in line and "40" in line for line in _bad(said))
    assert "nonsense-that" not in said
    text = (lab.folder / "operator/migration.toml").read_text(encoding="utf-8")
    begin = text.index("[[domains]]")
    second, end = text.index("[[domains]]", begin + 1), text.index("[dell]")
    pilot = text.rindex("[[domains]]", 0, end)
    assert second < pilot
    only = ((text[begin:pilot], ""), (f'name = "{present.DELL_NAME}"', f'name = "mx.{present.PILOT}"'))
    for more, found in (
        ("", "it reads 2 zones besides: fx-trader-life.com, webmakeprofit.org"),
        ('zone = "webmakeprofit.org"\n', "it reads 1 zones besides: fx-trader-life.com"),
    ):
        assert f"{found}. Narrow it" in _only_bad(ask(*only, ("[trial]\n", f"[trial]\n{more}")))


def test_an_expired_token(lab: Lab, ask: Callable[..., Doctor]) -> None:
    """Last: the emulator starts again with it."""
    file = lab.folder / "cloudflare/world.json"
    account = json.loads(file.read_text(encoding="utf-8"))
    account["tokens"].append({"value": "expired-0123456789", "scopes": ["zone:read"], "status": "expired"})
    file.write_text(json.dumps(account), encoding="utf-8")
    cut_the_power(lab, "cloudflare")
    address = f"('{plan.API4}', 443)"
    knock = ["python3", "-c", f"import socket; socket.create_connection({address}, 1)"]
    until(lambda: lab.exec("world", knock).returncode == 0, "the API is up")
    status, said = ask(MXGATE_CLOUDFLARE_TOKEN="expired-0123456789")
    assert status == 2, said
    assert any(line.startswith("WRONG") and "Cloudflare's token: expired" in line for line in _bad(said)), said


def test_bad_input() -> None:
    ended(program("scripts.doctor", "--config", "/no/such.toml"), 2, "doctor: /no/such.toml: there is no such file")
