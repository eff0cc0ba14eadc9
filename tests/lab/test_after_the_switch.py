"""Life after the last switch: nights hold phase4's gate back; after sign-off an address comes and goes.

Nights are compressed: a red one, and one on which nobody could look. In the end Cloudflare sends from elsewhere too. No
script here goes past a gate: none is given ``--override``.
"""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from fixtures.evidence import Verdict
from fixtures.gates.nights import DAY_S, RECORD
from fixtures.lab.faults import named, planted
from fixtures.lab.faults.walk import carry, keyword
from fixtures.lab.world import Lab
from fixtures.plan.gates import Gate
from fixtures.store import Store, chain
from tests.conftest import PROJECT, ended
from tests.labs import MAILBOX_MADE, applied, on, operator, planned, resettle, shell, standing
from tests.warm import features

NAME, DOMAIN = "tests-after", "webmakeprofit.org"
BOXES, WITH_ERIN = '"office", "tanaka"]', '"office", "tanaka", "erin"]'
NEW = ("--domain", DOMAIN, "--address", "erin")
TURNED_AWAY = "check_recipient_access,inline:{erin@dell.webmakeprofit.org=REJECT}"
NUMBERED = """
import sys, time
from fixtures.ledger import Traffic, settle
from fixtures.ledger.agreement import LAG_S
from fixtures.migration import open_migration
migration = open_migration()
with Traffic(migration, sys.argv[1], 4.0):
    time.sleep(4)
settle(migration, sys.argv[1], 60)
migration.clock.advance(LAG_S + 60)
migration.store.record("time passed", seconds=LAG_S + 60)
"""
"""Numbered mail, and so much time that Cloudflare's events have to be there (C-7)."""
RED, BLIND = "a rule is disabled", "the token may not read analytics"
GREEN = ""
KINDS = keyword("Whoever passes SPF or DKIM gets through, by whatever way")
NO_MONTH = """\
mkdir /run/month
cp -a /var/log/mail.log* /run/month
rm -f /var/log/mail.log.*
: >/var/log/mail.log
[ ! -d /srv/vmail ] || cp -a /srv/vmail /run/month
[ ! -d /srv/vmail ] || find /srv/vmail -type f \\( -path '*/new/*' -o -path '*/cur/*' \\) -delete
"""
"""Of real mail: nothing is known of it any more."""
MONTH = """\
cat /run/month/mail.log >/var/log/mail.log
cp -a /run/month/mail.log.* /var/log
[ ! -d /srv/vmail ] || cp -a --update=none /run/month/vmail /srv
rm -r /run/month
"""


@pytest.fixture(scope="module")
def switched() -> Iterator[Lab]:
    """A lab whose domains have all been switched, before its first night."""
    with standing(NAME, 21, Gate.PHASE4, month=True, quiet=True) as made:
        done = operator(NAME, "-c", NUMBERED, "switched")
        assert done.returncode == 0, done.stderr[-3000:]
        with closing(sqlite3.connect(made.folder / "operator/store.sqlite")) as store, store:
            store.execute("DELETE FROM records WHERE kind = 'night'")  # at which nobody looked
        past = Store(f"sqlite:///{made.folder}/operator/store.sqlite", made.clock)
        with closing(past), past.engine.begin() as db:
            chain.begin(db, "", 0)
        yield made


@pytest.fixture(scope="module")
def lab(switched: Lab) -> Lab:
    """The same lab, where all is over."""
    carry(NAME, Gate.SIGNOFF, Gate.PHASE4, quiet=True, straight=True)
    return switched


def nights(switched: Lab, *faults: str) -> list[int]:
    """A night for each of FAULTS, with that one planted; the exit status of each."""
    found = []
    for fault in faults:
        switched.clock.advance(DAY_S)
        with ExitStack() as stack:
            if fault:
                stack.enter_context(planted(switched, named(fault)))
            found.append(features("--soak", "--lab", NAME).returncode)
    return found


def more_like_it(switched: Lab, number: int = 1) -> None:
    """So many nights of which the record says what it says of the last green one: nobody needs to look each time."""
    for _ in range(number):
        switched.clock.advance(DAY_S)
        with closing(Store(f"sqlite:///{switched.folder}/operator/store.sqlite", switched.clock)) as store:
            *_, last = (each for each in store.recorded(RECORD) if each["verdict"] == Verdict.PASS)
            night = {key: value for key, value in last.items() if key not in {"at", "real_at", "domain"}}
            store.record(RECORD, **{**night, "run": f"{night['run']}, again"})


def gate(switched: Lab) -> str:
    """How phase4's gate judges the nights so far, and nothing else."""
    return features("--gate", "phase4", "--lab", switched.name, "-k", "enough_green_nights").stdout


def test_phase4_waits_for_a_week_of_green_nights(switched: Lab) -> None:
    for faults, statuses, more in (((GREEN,), [0], 1), ((RED,), [1], 2), ((BLIND,), [1], 3)):
        assert nights(switched, *faults) == statuses
        more_like_it(switched, more)
    said = gate(switched)
    assert "the nights: expected 7 green nights in a row, found 5 in a row, of 9 nights: " in said
    assert " fail (" in said
    assert "every night: 2 more" in said
    more_like_it(switched)
    assert nights(switched, GREEN) == [0]
    assert "OPEN                  phase4" in gate(switched)


@contextmanager
def a_small_operators(lab: Lab) -> Iterator[None]:
    """One sender over IPv4, nobody else who could write, and no real mail in the month; then all is again."""
    file = lab.folder / "operator/migration.toml"
    text = file.read_text(encoding="utf-8")
    small = re.sub(r"\[\[other_senders\]\]\n(.+\n)+\n?", "", text)
    file.write_text(re.sub(r'\[\[senders\]\]\nname = "over IPv6"\n(.+\n)+\n?', "", small), encoding="utf-8")
    for host in ("ec2", "dell"):
        on(lab, host, NO_MONTH)
    yield
    for host in ("ec2", "dell"):
        on(lab, host, MONTH)
    file.write_text(text, encoding="utf-8")


def test_of_a_small_operator_no_kind_of_sender_has_to_be_waived(switched: Lab, tmp_path: Path) -> None:
    page = tmp_path / "judged.html"
    with a_small_operators(switched):
        done = features("--lab", switched.name, "--gate", "phase4", "-k", KINDS, "--report", str(page))
    assert re.search(r"^OPEN +phase4 ", done.stdout, re.MULTILINE), done.stdout[-5000:]
    assert "not tried: no [[senders]]" in page.read_text(encoding="utf-8")
    assert "waived" not in done.stdout


def script(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    return operator(NAME, "-m", f"scripts.{name}", *options)


def green(lab: Lab, when: str) -> None:
    """The last gate, and a light run."""
    done = operator(lab.name, "-c", NUMBERED, when)
    assert done.returncode == 0, done.stderr[-3000:]
    for how in (("--gate", "signoff"), ("--soak", "--light")):
        done = features("--lab", lab.name, *how)
        assert done.returncode == 0, done.stdout[-5000:]


@pytest.mark.parametrize(
    ("name", "options", "status", "words"),
    [
        ("add_address", NEW, 2, ("erin stands neither in mailboxes nor in aliases", 'Add "erin" to mailboxes')),
        ("add_address", ("--domain", DOMAIN, "--address", "alice"), 0, ("is in use already", "nothing to do")),
        ("add_address", ("--domain", DOMAIN, "--address", "erin@elsewhere.example"), 2, ("expected an address of",)),
        ("add_address", ("--domain", DOMAIN, "--address", "e rin"), 2, ("expected a local part in ASCII",)),
        ("add_address", ("--address", "erin"), 2, ("--domain with one of",)),
        ("remove_address", ("--domain", DOMAIN, "--address", "alice"), 2, ("alice still stands in mailboxes",)),
        ("remove_address", NEW, 0, ("neither a rule of it is left", "nothing to do")),
    ],
)
def test_an_address_that_does_not_fit(
    lab: Lab, name: str, options: tuple[str, ...], status: int, words: tuple[str, ...]
) -> None:
    ended(operator(lab.name, "-m", f"scripts.{name}", *options), status, *words)


def test_an_address_twice_in_the_settings(lab: Lab) -> None:
    for twice in ('"office", "tanaka", "alice"]', '"office", "tanaka", "info"]'):
        resettle(lab, (BOXES, twice))
        try:
            ended(script("add_address", *NEW), 2, "mailboxes: ", "Expected each address once")
        finally:
            resettle(lab, (twice, BOXES))


def test_an_address_comes_and_is_used(lab: Lab) -> None:
    """Killed while people are waited for, and refused while Dell does not take it, the next run finishes."""
    green(lab, "before")
    resettle(lab, (BOXES, WITH_ERIN))
    ended(script("add_address", *NEW), 1, "Make the mailbox erin@webmakeprofit.org in Dovecot first", "Nothing was")
    made = lab.exec("dell", ["sh", "-c", MAILBOX_MADE, "sh", f"alice@{DOMAIN}", f"erin@{DOMAIN}"])
    assert made.returncode == 0, made.stderr
    _killed_while_people_are_waited_for(lab)
    on(lab, "dell", f"postconf -P smtp/inet/smtpd_recipient_restrictions={TURNED_AWAY} && postfix reload")
    digest = planned(NAME, "add_address", *NEW)["digest"]
    done = script("add_address", *NEW, "--take-lock", "--apply", digest)
    ended(done, 1, "RCPT of erin@dell.webmakeprofit.org: expected 250; found Email Routing 104.30.", "Access denied")
    on(lab, "dell", "postconf -PX smtp/inet/smtpd_recipient_restrictions && postfix reload")
    assert "where S-6 names it, python -m scripts.accept" in applied(NAME, "add_address", *NEW)[1]
    ended(script("add_address", *NEW), 0, "is in use already", "nothing to do")
    assert on(lab, "dell", "grep -v '^#' /etc/postfix/mxgate-guests || :") == ""
    _mailbox_is_accepted()
    green(lab, "with erin")


def _mailbox_is_accepted() -> None:
    """Nothing else is to be accepted: all the rest the scripts themselves have written."""
    shown = script("accept")
    ended(shown, 3, "Dell's Dovecot: users in /etc/dovecot/users", f"+erin@{DOMAIN}", "1 to accept, digest")
    digest = shown.stdout.partition("digest ")[2].partition(".")[0]
    ended(script("accept", "--apply", digest, "--reason", "erin's mailbox, made by hand"), 0, "accepted, 1 by name")


def _killed_while_people_are_waited_for(lab: Lab) -> None:
    (lab.folder / "away").touch()
    outcome = planned(NAME, "add_address", *NEW)
    writes = [f"{each['group']}: {each['subject']}" for each in outcome["writes"]]
    assert writes[:2] == ["Dell's files: /etc/dovecot/mxgate-aliases", "Dell's files: /etc/postfix/mxgate-mailboxes"]
    assert writes[-1] == "mail: a marked message to erin@webmakeprofit.org"
    command = shell(NAME, sys.executable, "-m", "scripts.add_address", *NEW, "--apply", outcome["digest"])
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as begun:
        assert begun.stderr
        for line in begun.stderr:
            if "wait for a person with a browser" in line:
                break
        begun.kill()
    (lab.folder / "away").unlink()


def test_an_address_goes(lab: Lab) -> None:
    resettle(lab, (WITH_ERIN, BOXES))
    groups = [each["group"] for each in applied(NAME, "remove_address", *NEW)[0]]
    assert (groups[:2], groups.count("destinations")) == (["rules", "Dell's files"], 1), groups
    assert groups.index("destinations") > len(groups) - 1 - groups[::-1].index("Dell's files"), "it may have to wait"
    ended(script("remove_address", *NEW), 0, "neither a rule of it is left", "nothing to do")
    assert on(lab, "dell", "ls -d /srv/vmail/erin@webmakeprofit.org/Maildir")
    green(lab, "without erin")


def test_the_account_at_aws_is_closed(lab: Lab) -> None:
    """What is kept up needs no AWS; the tests below have none either."""
    applied(NAME, "retire_xclient")  # behind sign-off, which is open
    denied = "DescribeInstances DescribeSecurityGroups DescribeInstanceAttribute DescribeRegions"
    (lab.folder / "aws/denied").write_text(denied, encoding="ascii")
    applied(NAME, "prepare_dell")
    applied(NAME, "retire_xclient")
    done = features("--lab", lab.name, "--soak", "--light")
    assert done.returncode == 0, done.stdout[-5000:]


def test_cloudflare_sends_from_another_prefix(lab: Lab) -> None:
    """``prepare_dell`` goes by what stands, since "may we start?" can't be asked any more; so does ``restore_ttl``."""
    prefixes = 'prefixes = ["104.30.0.0/19", "2405:8100:c000::/38", "192.0.2.64/28"]'
    resettle(lab, ("[cloudflare]\n", f"[cloudflare]\n{prefixes}\n"))
    applied(NAME, "prepare_dell")
    assert "192.0.2.64/28 OK" in on(lab, "dell", "cat /etc/postfix/mxgate-admit.cidr")
    applied(NAME, "publish_delivery")
    applied(NAME, "restore_ttl", "--domain", DOMAIN)


def test_nothing_is_written_while_the_domain_is_not_wholly_at_cloudflare(lab: Lab) -> None:
    code = """
from fixtures.migration import open_migration
from fixtures.probes.cloudflare import api, changing
migration = open_migration()
zone = api.zone(migration, "pilot.example.net")
changing.client(migration).email_routing.dns.delete(zone_id=zone.id)
"""
    assert operator(lab.name, "-c", code).returncode == 0
    digest = planned(NAME, "restore_ttl", "--domain", "pilot.example.net")["digest"]
    done = script("restore_ttl", "--domain", "pilot.example.net", "--apply", digest)
    ended(done, 1, "pilot.example.net: expected Email Routing enabled, and only Cloudflare's MX; found")
