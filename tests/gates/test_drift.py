"""Drift: what is named, what is not, and who accepts what."""

import contextlib
import importlib
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import pytest

from fixtures.evidence import CouldNotAsk, Evidence, Finding
from fixtures.gates.drift import accepted, hosts
from fixtures.gates.drift.judging import differences
from fixtures.gates.drift.reading import EC2, Source, State, dns_of, sources
from fixtures.gates.present import DOVECOT, POSTFIX
from fixtures.plan.gates import TABLE
from fixtures.plan.programs import PROGRAMS
from fixtures.probes.cloudflare.api import Record
from fixtures.probes.dns.spf import Spf
from fixtures.store import Store
from scripts import accept
from scripts.lib.dell.guests import withdrawing
from scripts.lib.dns.records import value
from steps import feasibility
from steps.dns import as_in_snapshot
from tests.gates.conftest import PILOT, World

SEEN = Evidence("all of it", "read")
ZONE = dns_of("example.net")
"""A source of one routed domain."""
WRITES = {
    "dns": r"\b(MX|SPF|TTL|MTA-STS|AAAA)\b",
    "routing": r"\ba rule\b|\brules\b|Email Routing|a Worker",
    "dell": r"main\.cf|master\.cf|\btables?\b",
    "gateway": r"EC2's power|the instance",
}
"""By which words the page says that a script writes there."""


def test_records_lie_one_over_the_other(world: World) -> None:
    store: Store = world.migration.store
    assert accepted.accepted(store) is None
    accepted.keep(world.migration, accepted.FIRST, {POSTFIX: {"a": "1", "b": "2"}})
    accepted.keep(world.migration, "prepare_dell", {POSTFIX: {"a": "3", "b": None}, ZONE: {"c": "4"}})
    assert accepted.accepted(store) == {POSTFIX: {"a": "3"}, ZONE: {"c": "4"}}
    accepted.keep(world.migration, accepted.PERSON, {}, **{accepted.NAMED: ["x"]})
    assert accepted.named(store) == {"x"}


def test_what_a_person_has_accepted_is_theirs_until_a_script_writes_another_value(world: World) -> None:
    store: Store = world.migration.store
    accepted.keep(world.migration, accepted.FIRST, {ZONE: {"MX a": "1", "TXT b": "2"}})
    accepted.keep(world.migration, accepted.PERSON, {ZONE: {"TXT b": "3"}})
    accepted.keep(world.migration, accepted.PERSON, {ZONE: {"TXT b": "4", "A c": None}, POSTFIX: {"d": "5"}})
    accepted.keep(world.migration, accepted.PERSON, {ZONE: {"TXT e": "6 (TTL 300)"}})
    accepted.keep(world.migration, "lower_ttl", {ZONE: {"TXT e": "6 (TTL 60)"}})
    assert accepted.by_person(store, ZONE) == {"TXT b": "4", "A c": None, "TXT e": "6 (TTL 300)"}
    accepted.keep(world.migration, "merge_spf", {ZONE: {"TXT b": "7"}})
    assert accepted.by_person(store, ZONE) == {"A c": None, "TXT e": "6 (TTL 300)"}
    assert accepted.by_person(store, DOVECOT) == {}


MX, SPF = "10 mail.example.net", "v=spf1 ip4:192.0.2.1 include:old.example ~all"
NEW_MX, NEW_SPF = "10 new.example.net", "v=spf1 ip4:192.0.2.9 include:new.example -all"
MERGED = NEW_SPF.replace(" -all", " include:_spf.mx.cloudflare.net -all")
ROUTINGS = "10 route1.mx.cloudflare.net (TTL 1)\n20 route2.mx.cloudflare.net (TTL 1)"
BACK: dict[str, tuple[list[tuple[str, dict[str, str | None]]], list[str]]] = {
    "nothing accepted": (
        [("merge_spf", {"TXT": MERGED}), ("rollback", {"MX": NEW_MX})],
        [MX, "20 backup.example", SPF],
    ),
    "before merge_spf": (
        [("accept", {"MX": f"{NEW_MX} (TTL 60)", "TXT": f"{NEW_SPF} (TTL 1)"}), ("merge_spf", {"TXT": MERGED})],
        [NEW_MX, NEW_SPF],
    ),
    "after it, other TXT with it": (
        [("accept", {"TXT": f"v=DMARC1 (TTL 1)\n{MERGED} (TTL 60)"})],
        [MX, "20 backup.example", MERGED],
    ),
    "there and back, and the last counts": (
        [
            ("accept", {"MX": f"{MX} (TTL 60)"}),
            ("switch_mx", {"MX": ROUTINGS}),
            ("rollback", {"MX": MX}),
            ("accept", {"MX": f"{NEW_MX} (TTL 60, proxied)\n30 third.example (TTL 60)"}),
            ("switch_mx", {"MX": ROUTINGS}),
        ],
        [NEW_MX, "30 third.example", SPF],
    ),
    "nothing to go back to": (
        [
            ("accept", {"MX": ROUTINGS, "TXT": "v=spf1 include:_spf.mx.cloudflare.net ~all (TTL 1)"}),
            ("accept", {"MX": f"{NEW_MX} (TTL 1)\n20 route1.mx.cloudflare.net (TTL 1)"}),
            ("accept", {"MX": None, "TXT": None}),
        ],
        [MX, "20 backup.example", SPF],
    ),
}


@pytest.mark.parametrize(("kept", "expected"), BACK.values(), ids=BACK)
def test_a_way_back_leads_to_what_a_person_has_accepted(
    world: World, kept: list[tuple[str, dict[str, str | None]]], expected: list[str]
) -> None:
    """Whatever scripts have written since. The TTL of the first snapshot stays."""
    mx = [
        Record("MX", "example.net", host, 3600, at) for at, host in ((10, "mail.example.net"), (20, "backup.example"))
    ]
    others = [Record("TXT", "example.net", "v=DMARC1", 5), Record("TXT", "sub.example.net", SPF, 5)]
    spf = Record("TXT", "example.net", SPF, 3600)
    for by, parts in kept:
        accepted.keep(world.migration, by, {ZONE: {f"{kind} example.net": part for kind, part in parts.items()}})
    rows = accepted.persons(world.migration.store)
    found = accepted.to_go_back_to([*mx, spf, *others], rows, "example.net")
    assert [each for each in found if each.ttl == 5] == others
    assert sorted(value(each) for each in found if each.ttl == 3600) == sorted(expected)


def test_after_a_rollback_the_spf_is_the_accepted_one(world: World) -> None:
    """N-4 at R: nobody is asked for a sender that had left before the switch."""
    first = {"type": "TXT", "name": "example.net", "content": SPF, "ttl": 3600}
    world.migration.store.put_snapshot("start", "0", {"zones": {"example.net": {"records": [first]}}})
    now = (Spf("example.net", (NEW_SPF,), (), SEEN),)
    held: list[bool] = []

    def expect(_: str, found: Iterable[Finding]) -> None:
        held.extend(each.verdict.opens for each in found)

    as_in_snapshot(world.migration, expect, now)
    accepted.keep(world.migration, accepted.PERSON, {ZONE: {"TXT example.net": f"{NEW_SPF} (TTL 300)"}})
    as_in_snapshot(world.migration, expect, now)
    assert held == [False, True]


def test_the_gateways_files_are_accepted_by_what_stands_in_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stands = State({EC2: Source({"banner": "new", "relay": "x"}, {}, SEEN)})
    monkeypatch.setattr(feasibility, "read", lambda *_: stands)
    accepted.keep(world.migration, accepted.FIRST, {EC2: {"banner": "new", "relay": "x"}})
    assert not feasibility._gateway_accepted(world.migration)  # it never was, by name
    accepted.keep(world.migration, accepted.PERSON, {EC2: {"banner": "new"}})
    assert feasibility._gateway_accepted(world.migration)
    stands.read[EC2].parts["relay"] = "by a stranger"
    assert not feasibility._gateway_accepted(world.migration)
    stands.read.clear()
    assert not feasibility._gateway_accepted(world.migration)


def test_only_what_a_script_changed_is_its_doing() -> None:
    before = {ZONE: {"MX": "old", "TXT": "somebody else's"}, POSTFIX: {"a": "1"}}
    after = {ZONE: {"MX": "new", "TXT": "somebody else's", "A": "more"}, DOVECOT: {"b": "2"}}
    assert accepted.changed(before, after) == {ZONE: {"MX": "new", "A": "more"}}


def test_every_script_that_changes_systems_has_its_scope(world: World) -> None:
    names = set(sources(world.migration.settings.domain_names))
    opened = {script for gate in TABLE.values() for script in gate.opens} - {"trial"}  # it takes all of it away again
    assert opened <= accepted.SCOPE.keys()
    for script in accepted.SCOPE:
        assert set(accepted.scope(world.migration, script, "", hurried=False)) <= names


def test_a_script_for_one_domain_answers_for_no_other_ones_rules(world: World) -> None:
    for script in ("prepare_cloudflare", "add_address", "rollback", "switch_mx"):
        its = accepted.scope(world.migration, script, PILOT, hurried=False)
        assert [each for each in its if each.startswith("Email Routing of ")] == [f"Email Routing of {PILOT}"], script


def test_a_script_has_no_more_scope_than_its_page_says() -> None:
    """Else another hand's change during its run is accepted as its own. A rollback undoes whatever was written."""
    for script, kinds in accepted.SCOPE.items():
        said = PROGRAMS[script][0]
        if script != "rollback":
            assert {kind for kind, words in WRITES.items() if re.search(words, said)} == set(kinds), script


@pytest.mark.parametrize(("elastic", "more"), [(True, False), (False, True), (None, True)])
def test_a_stop_answers_for_dell_and_dns_if_the_address_goes(world: World, elastic: bool | None, more: bool) -> None:
    its = world.having(ec2=world.migration.settings.ec2.model_copy(update={"elastic": elastic}))
    reach = set(accepted.scope(its, "stop_ec2", "", hurried=False))
    assert ({dns_of(PILOT), POSTFIX} <= reach, bool({dns_of(PILOT), POSTFIX} & reach)) == (more, more)


def test_what_hosts_print_is_read() -> None:
    printed = """\
=-=-= postfix
mail_version = 3.10.5
myhostname = dell.example.net
smtp       inet  n       -       n       -       -       smtpd
=-=-= files
none 644 root:root 1790000000 /etc/postfix/main.cf
digest 600 root:root 1790000000 /etc/postfix/sasl_passwd
text 644 root:root 1790000000 /etc/postfix/virtual
none 600 root:root 1790000000 /etc/ssl/key.pem
=-=-= sums
0123456789abcdef0123  /etc/postfix/sasl_passwd
=-=-= texts
/etc/postfix/virtual:# who: where
/etc/postfix/virtual:alice@example.net x
=-=-= map hash:/etc/postfix/virtual
bob@example.net y
alice@example.net x
=-=-= sum hash:/etc/postfix/sasl_passwd
0123456789abcdef0123  -
"""
    parts, when = hosts.postfix(printed)
    assert parts["parameter myhostname"] == "dell.example.net"
    assert parts["file /etc/postfix/sasl_passwd"] == "mode 600 root:root\ndigest 0123456789abcdef"
    assert parts["file /etc/ssl/key.pem"] == "mode 600 root:root"
    assert parts["file /etc/postfix/virtual"] == "mode 644 root:root\n# who: where\nalice@example.net x"
    assert parts["map hash:/etc/postfix/virtual"] == "alice@example.net x\nbob@example.net y\n"
    assert parts["map hash:/etc/postfix/sasl_passwd"] == "digest 0123456789abcdef"
    assert "its owner is root" in when["parameter myhostname"]
    assert when["map hash:/etc/postfix/virtual"] == when["file /etc/postfix/virtual"]
    listens = (
        'LISTEN 0 100 0.0.0.0:25 0.0.0.0:* users:(("smtpd",pid=9,fd=6),("gone",pid=5,fd=6),("master",pid=7,fd=13))\n'
    )
    listens += 'LISTEN 0 9 *:80 *:* users:(("nginx",pid=8,fd=6),("eve",pid=6,fd=6))\nLISTEN 0 1 [::]:40123 [::]:*'
    writers = "644 root:root 1790000000 '/etc/cron.d/x'\n777 root:root 1 '/etc/y' -> '/lib/y'"
    rest = "=-=-= sums\n00112233445566778899  /etc/cron.d/x\n=-=-= names\n127.0.0.1 localhost\n"
    ports = f"=-=-= ports\n{listens}\n=-=-= parents\n7 1\n8 1\n9 7\n6 1"
    parts, _ = hosts.machine(f"{ports}\n=-=-= writers\n{writers}\n{rest}")
    assert parts == {
        "listens at 0.0.0.0:25": "master",
        "listens at *:80": "eve, nginx",
        "file /etc/cron.d/x": "mode 644 root:root\ndigest 0011223344556677",
        "file /etc/y": "mode 777 root:root\nleads to /lib/y",
        "/etc/hosts": "127.0.0.1 localhost",
    }


def test_no_password_is_kept_of_dovecots_users() -> None:
    printed = (
        "=-=-= dovecot\n2.4.1\nprotocols = imap\n=-=-= users\n/etc/users: alice@example.net::::/srv/a::\n=-=-= sieve\n"
    )
    parts, _ = hosts.dovecot(printed)
    assert parts["users in /etc/users"] == "alice@example.net::::/srv/a::"


def reads(monkeypatch: pytest.MonkeyPatch, *states: dict[str, dict[str, str]]) -> None:
    """What is read, one state after the other."""
    coming = iter(states)

    def read(*_: object) -> State:
        return State({source: Source(parts, {}, SEEN) for source, parts in next(coming).items()})

    monkeypatch.setattr(accepted, "read", read)


def writing(
    world: World,
    script: str = "lower_ttl",
    domain: str = "example.net",
    *,
    finishes: Collection[str] = (),
    hurried: bool = False,
) -> Any:
    return accepted.by_script(world.migration, script, domain, finishes=finishes, hurried=hurried)


def test_what_a_script_writes_is_accepted_however_it_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted.keep(world.migration, accepted.FIRST, {ZONE: {"MX": "old", "TXT": "as it was"}})
    reads(monkeypatch, {ZONE: {"MX": "old", "TXT": "by a stranger"}}, {ZONE: {"MX": "new", "TXT": "by a stranger"}})
    with pytest.raises(RuntimeError), writing(world):
        raise RuntimeError
    assert accepted.accepted(world.migration.store) == {ZONE: {"MX": "new", "TXT": "as it was"}}


def test_what_a_killed_run_left_is_accepted_by_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted.keep(world.migration, accepted.FIRST, {ZONE: {"MX": "old"}})
    reads(monkeypatch, {ZONE: {"MX": "old"}})
    with pytest.raises(CouldNotAsk), writing(world):
        raise CouldNotAsk
    assert accepted.accepted(world.migration.store) == {ZONE: {"MX": "old"}}
    reads(monkeypatch, {ZONE: {"MX": "new"}})
    with writing(world, finishes=("lower_ttl",)):
        pass
    assert accepted.accepted(world.migration.store) == {ZONE: {"MX": "new"}}


def test_what_could_not_be_read_before_is_not_the_scripts_doing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted.keep(world.migration, accepted.FIRST, {ZONE: {"MX": "old"}})
    reads(monkeypatch, {}, {ZONE: {"MX": "by a stranger"}})
    with writing(world):
        pass
    assert accepted.accepted(world.migration.store) == {ZONE: {"MX": "old"}}


TABLE_OF_GUESTS, TABLE_OF_MAILBOXES = "file /etc/postfix/mxgate-guests", "file /etc/postfix/mxgate-mailboxes"
ALIASES = "users in /etc/dovecot/mxgate-aliases"
ROUTING = f"Email Routing of {PILOT}"
ITS_RULE = f"rule carol@{PILOT}"
QUIET = {
    POSTFIX: {TABLE_OF_GUESTS: "one", TABLE_OF_MAILBOXES: "one", "parameter mynetworks": "ours"},
    DOVECOT: {"a": "1", ALIASES: "one"},
    ROUTING: {"Email Routing": "enabled", "rule stray@x": "drop", "catch-all": "reject"},
}
BY_ANOTHER = {
    POSTFIX: {"parameter always_bcc": "eve@evil.example", "parameter mynetworks": "everybody"},
    DOVECOT: {"a": "2"},
    ROUTING: {"Email Routing": "off", "rule boss@x": "forward eve@evil.example"},
}
"""What somebody does while people are waited for."""


def after(*changes: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """All that stood, with CHANGES."""
    return {
        source: parts | {k: v for each in changes for k, v in each.get(source, {}).items()}
        for source, parts in QUIET.items()
    }


@pytest.mark.parametrize("finishes", [(), ("prepare_cloudflare",), ("add_address",)])
@pytest.mark.parametrize("ends", [None, RuntimeError])
def test_what_another_does_while_people_are_waited_for_is_not_the_scripts_doing(
    world: World, monkeypatch: pytest.MonkeyPatch, finishes: tuple[str, ...], ends: type[Exception] | None
) -> None:
    """Whether during the wait, or between a run that ended in it and the next."""
    accepted.keep(world.migration, accepted.FIRST, QUIET)
    its = {POSTFIX: {TABLE_OF_GUESTS: "two"}, ROUTING: {ITS_RULE: "forward carol"}}
    then = after(its, BY_ANOTHER)
    del then[ROUTING]["rule stray@x"]
    reads(monkeypatch, after(BY_ANOTHER) if finishes else QUIET, then)
    with contextlib.suppress(RuntimeError), writing(world, "prepare_cloudflare", PILOT, finishes=finishes):
        if ends:
            raise ends
    known = accepted.accepted(world.migration.store)
    assert known == {
        POSTFIX: QUIET[POSTFIX] | its[POSTFIX],
        DOVECOT: QUIET[DOVECOT],
        ROUTING: {"Email Routing": "enabled", "catch-all": "reject", ITS_RULE: "forward carol"},
    }
    named = {each.subject for each in differences(known, State({k: Source(v, {}, SEEN) for k, v in then.items()}))}
    assert named == {f"{source}: {name}" for source, parts in BY_ANOTHER.items() for name in parts}


def test_what_a_cut_run_has_left_is_no_other_parts_excuse(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that may write all of Dell finishes only what the other may have written there."""
    accepted.keep(world.migration, accepted.FIRST, QUIET)
    left = after(BY_ANOTHER, {POSTFIX: {TABLE_OF_GUESTS: "left"}})
    reads(monkeypatch, left, after(BY_ANOTHER, {POSTFIX: {TABLE_OF_GUESTS: "left", "parameter myhostname": "dell"}}))
    with writing(world, "prepare_dell", PILOT, finishes=("prepare_cloudflare",)):
        pass
    known = accepted.accepted(world.migration.store) or {}
    assert known[POSTFIX] == QUIET[POSTFIX] | {TABLE_OF_GUESTS: "left", "parameter myhostname": "dell"}
    assert known[DOVECOT] == QUIET[DOVECOT]


def test_an_address_more_is_in_dells_tables_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted.keep(world.migration, accepted.FIRST, QUIET)
    its = {POSTFIX: {TABLE_OF_MAILBOXES: "two"}, DOVECOT: {ALIASES: "two"}}
    reads(monkeypatch, QUIET, after(BY_ANOTHER, its))
    with writing(world, "add_address", PILOT):
        pass
    assert accepted.accepted(world.migration.store) == after(its)


def test_each_script_that_waits_for_people_answers_for_single_parts() -> None:
    programs = {name: importlib.import_module(f"scripts.{name}") for name in accepted.SCOPE}
    waits = {name for name, program in programs.items() if program.SCRIPT.around is withdrawing}
    assert waits == accepted.WAITS.keys()


def test_a_way_back_asks_nothing_before_it_writes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted.keep(world.migration, accepted.FIRST, {ZONE: {"MX example.net": "cloudflare", "TXT x": "as it was"}})
    reads(monkeypatch, {ZONE: {"MX example.net": "ec2", "TXT x": "by a stranger"}})
    with writing(world, "rollback", hurried=True):
        pass
    assert accepted.accepted(world.migration.store) == {ZONE: {"MX example.net": "ec2", "TXT x": "as it was"}}


def test_nothing_is_read_where_nothing_was_accepted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reads(monkeypatch)
    with writing(world):
        pass
    assert accepted.accepted(world.migration.store) is None


@pytest.mark.parametrize("given", ["", "mxgate", "<>", "<a@b> <c@d>"])
def test_a_loss_is_closed_by_one_whole_message_id(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    monkeypatch.setattr(accept, "opened", lambda _: world.migration)
    assert accept.main(["--lost", given]) == 2
    assert "expected a Message-ID" in capsys.readouterr().err


def test_without_ss_nobody_says_that_nothing_listens(tmp_path: Path) -> None:
    """As on Alpine: the script ends there, with a status that is one."""
    for tool in ("sh", "id"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    argv = ["sh", "-c", hosts.MACHINE.replace('"$(id -u)" = 0', "0 = 0")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)})
    assert done.returncode
    assert "ss" in done.stderr


@pytest.mark.parametrize(
    "place", "crontabs periodic nftables sysconfig/nftables.conf sysconfig/iptables sysconfig/ip6tables dnf".split()
)
def test_other_distributions_places_are_watched(place: str) -> None:
    assert f" /etc/{place} " in hosts.MACHINE
