"""A-1 to A-20: Dell's configuration, files, filters, queue and servers; who is admitted and who is not."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.probes.dell import allow_list, backups, boot, durability, filters, postfix, system_names, tables
from fixtures.probes.dell.allow_list import Published, Table
from fixtures.probes.dell.backups import Backups, Original, Password
from fixtures.probes.dell.filters import Detour, Detours, Filter, Filters
from fixtures.probes.dell.postfix import File, Lookup
from fixtures.probes.dell.system_names import Home
from fixtures.probes.dell.tables import Filed, Rendered
from fixtures.probes.logs.postfix_log import Reject
from fixtures.probes.smtp import clients
from fixtures.probes.smtp.knock import Conversation
from fixtures.settings.dell import hop, is_sendgrid
from fixtures.watching.dellside import own_probe
from tests.judges import ABSENT, CLIENT, FAIL, LOOK, PASS, SERVED, SHUT, UNKNOWN, all_say, says, talk
from tests.judges.test_parameters import SETTINGS, configured


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("[smtp.sendgrid.net]:587", "[smtp.sendgrid.net]", "587"),
        ("[smtp.eu.sendgrid.net]:465", "[smtp.eu.sendgrid.net]", "465"),
        ("[2001:db8::1]", "[2001:db8::1]", "25"),
        ("Relay.example:Submission", "relay.example", "587"),
        ("", "", "25"),
    ],
)
def test_a_hop_in_two_parts(written: str, host: str, port: str) -> None:
    assert hop(written) == (host, port)
    assert is_sendgrid(written) is ("sendgrid" in host)


@pytest.mark.parametrize(
    ("state", "by", "without", "verdict", "found"),
    [
        ("enabled", (), "", PASS, "enabled"),
        ("static", (), "", PASS, "static"),
        ("disabled", (), "", FAIL, "disabled"),
        ("disabled", ("dovecot.socket",), "", PASS, "disabled, and started by dovecot.socket"),
        ("masked", ("mail.target",), "", FAIL, "masked, and started by mail.target"),
        ("enabled-runtime", (), "", FAIL, "enabled-runtime"),
        ("", (), "systemd has no such unit", ABSENT, "systemd has no such unit"),
        ("disabled", (), "it runs in a container", ABSENT, "it runs in a container"),
    ],
)
def test_servers_come_back(state: str, by: tuple[str, ...], without: str, verdict: Verdict, found: str) -> None:
    (judged,) = all_say(boot.judged(boot.Start((boot.Unit("dovecot", state, by, without, LOOK),), (), LOOK)), "")
    hint = ". systemctl enable dovecot.service: after the next start of the machine no mail would be taken, or none be read"
    if state == "masked":
        hint = ". systemctl unmask dovecot.service, then systemctl enable dovecot.service: a start of the machine passes it over"
    expected = f"dovecot.service: expected started with the machine, found {found}{hint if verdict is FAIL else ''}"
    assert judged == (verdict, expected)


@pytest.mark.parametrize(
    ("asked", "docker", "podman", "found"),
    [
        ("docker unless-stopped", ("enabled",), (), ""),
        ("docker always", ("disabled", "enabled"), (), ""),
        ("docker no", ("enabled",), (), "policy no. docker update --restart unless-stopped mx: "),
        ("docker always", ("disabled",), (), "always, but docker.service is not enabled. systemctl enable docker.s"),
        ("docker always", (), ("disabled",), "always, but podman-restart.service is not enabled. systemctl enable"),
        ("podman always", (), ("enabled", "disabled"), ""),
        ("podman unless-stopped", (), ("enabled",), "unless-stopped. Let a unit of systemd's start it (Quadlet), or"),
        ("podman unless-stopped", (), ("enabled", "should-start-on-boot"), ""),
        ("podman ", ("enabled",), ("enabled",), "restart policy no. Let a unit of systemd's start it (Quadlet)"),
        ("podman no by", (), ("disabled",), ""),
    ],
)
def test_containers_come_back(asked: str, docker: tuple[str, ...], podman: tuple[str, ...], found: str) -> None:
    engine, policy, *by = asked.split(" ")
    it = boot.Restarts("mx", policy, tuple(by), LOOK, docker=docker, podman=podman, engine=engine)
    ((verdict, said),) = all_say(boot.judged(boot.Start((), (), LOOK, containers=(it,))), "")
    assert verdict is (FAIL if found else PASS), said
    assert said.startswith("Dell: the container mx: expected started with the machine")
    assert found in said


def test_what_was_acknowledged_lies_on_a_disk() -> None:
    queue = tuple(
        durability.folders("ext2/ext3 /var/spool/postfix\ntmpfs /var/spool/postfix/active\n", "Postfix's queue")
    )
    mailboxes = (durability.Folder("mailbox alice", "/srv/vmail/alice", "ramfs"),)
    kept = durability.Kept(queue, mailboxes, ("optimized", "never"), LOOK, LOOK)
    hint = "It is empty after the next start of the machine. Copy what is there, and put it back on a disk"
    fsync = (
        "Dovecot's mail_fsync: expected optimized or always: a message is on the disk before it is acknowledged, found"
    )
    assert all_say(durability.judged(kept), "") == [
        (PASS, "Postfix's queue: /var/spool/postfix: expected on a disk, found on ext2/ext3"),
        (FAIL, f"Postfix's queue: /var/spool/postfix/active: expected on a disk, found in memory (tmpfs). {hint}"),
        (FAIL, f"mailbox alice: /srv/vmail/alice: expected on a disk, found in memory (ramfs). {hint}"),
        (PASS, f"{fsync} optimized"),
        (FAIL, f"{fsync} never. Take mail_fsync = never out of Dovecot's configuration, then doveadm reload"),
    ]


def test_where_nobody_can_say_nothing_is_claimed() -> None:
    verdicts = [each.verdict for each in durability.judged(durability.Kept((), (), (), LOOK, LOOK))]
    assert verdicts == [ABSENT, UNKNOWN]


@pytest.mark.parametrize(
    ("value", "admitted", "verdict", "found"),
    [
        ("OK", True, PASS, "OK in cidr:/t, found OK"),
        (None, True, FAIL, "OK in cidr:/t, found no entry"),
        ("REJECT", True, FAIL, "OK in cidr:/t, found REJECT"),
        (None, False, PASS, "no entry in cidr:/t, found no entry"),
        ("OK", False, FAIL, "no entry in cidr:/t, found OK. Run retire_ec2_access: whoever gets this address next could deliver here"),
    ],
)  # fmt: skip
def test_the_table_of_the_admitted(value: str | None, admitted: bool, verdict: Verdict, found: str) -> None:
    judged = postfix.judged_lookup(Lookup("cidr:/t", "1.2.3.4", value, LOOK), admitted=admitted)
    assert says(judged, "") == (verdict, f"1.2.3.4: expected {found}")


def test_tables() -> None:
    hint = "Run prepare_dell, which writes them from the settings; an address that is to stay belongs in there"
    assert all_say(tables.judged(Filed("/m", ("a b",), ("c d",), LOOK)), "") == [
        (FAIL, f"/m: a b: expected no such entry, found an entry of its own. {hint}"),
        (FAIL, f"/m: c d: expected this entry, found not there. {hint}"),
    ]
    (extra,) = all_say(tables.judged(Filed("/m", ("a b",), (), LOOK)), "")
    (missing,) = all_say(tables.judged(Filed("/m", (), ("c d",), LOOK)), "")
    assert [extra[0], missing[0]] == [FAIL, FAIL]
    said = "/m: expected the plan's entries, found what came"
    assert all_say(tables.judged(Filed("/m", (), (), LOOK)), "") == [(PASS, said)]
    none = "/g: expected no line: guests are let in while verification mail is awaited, and not longer, found "
    hint = "Run prepare_dell: whoever's address has such a name may deliver here, and nobody else judges them"
    assert says(tables.judged_guests(Filed("/g", (), (), LOOK)), "") == (PASS, f"{none}empty")
    several = tuple(f"{number} OK" for number in range(21))
    said = f"{none}{'; '.join(several[:20])}. {hint}"
    assert says(tables.judged_guests(Filed("/g", several, (), LOOK)), "") == (FAIL, said)
    named, odd = all_say(tables.judged_rendered(Rendered(("a", "b"), ("b",), LOOK)), "")
    assert named == (PASS, "a: expected as rendered, found as rendered")
    assert odd[1].startswith(
        "b: expected as rendered, found another one, or none. Bring the templates and Dell together"
    )


def test_backups() -> None:
    original = Original("/m", "d" * 64)
    same = Backups(original, {"/m.bak-1": "e" * 64, "/m.bak-2": "d" * 64}, (), LOOK)
    expected = f"/m: expected /m.bak-YYYYmmddHHMM, equal to the snapshot's ({'d' * 16}), found "
    hint = "Without it the way back rests only on the snapshot: look who touched it, and write it again from there"
    assert says(backups.judged(same), "") == (PASS, f"{expected}/m.bak-2")
    other = replace(same, found={"/m.bak-1": "e" * 64}, odd=("/m.bak-old",))
    said = f"{expected}/m.bak-1 ({'e' * 16}); named otherwise: /m.bak-old. {hint}"
    assert says(backups.judged(other), "") == (FAIL, said)
    two = replace(same, found={"/m.bak-1": "e" * 64, "/m.bak-2": "f" * 64}, odd=("/a", "/b"))
    said = f"{expected}/m.bak-1 ({'e' * 16}), /m.bak-2 ({'f' * 16}); named otherwise: /a, /b. {hint}"
    assert says(backups.judged(two), "") == (FAIL, said)
    assert says(backups.judged(replace(same, found={})), "") == (FAIL, f"{expected}no backup. {hint}")
    back = "The oldest backup is not what stood before the first change: write it again from the snapshot"
    said = f"/m: expected the snapshot's ({'d' * 16}), found the snapshot's, byte for byte"
    assert says(backups.judged_bytes(original, "d" * 64, LOOK), "") == (PASS, said)
    said = f"/m: expected the snapshot's ({'d' * 16}), found another ({'e' * 16}). {back}"
    assert says(backups.judged_bytes(original, "e" * 64, LOOK), "") == (FAIL, said)


SOURCE = File("/p", True, 0o600, "root", modified_at=100.0)
KEPT = Password("hash:/p", SOURCE, replace(SOURCE, path="/p.db"), (), (LOOK,))


@pytest.mark.parametrize(
    ("file", "found"),
    [
        (SOURCE, ""),
        (replace(SOURCE, mode=0o640), "0640, root. chown root /p; chmod 600 /p"),
        (replace(SOURCE, mode=0o604), "0604, root. chown root /p; chmod 600 /p"),
        (replace(SOURCE, owner="op"), "0600, op. chown root /p; chmod 600 /p"),
        (replace(SOURCE, exists=False), "no such file. chown root /p; chmod 600 /p"),
    ],
)
def test_who_may_read_the_password(file: File, found: str) -> None:
    source, compiled = all_say(backups.judged_owner(replace(KEPT, source=file)), "")
    assert source == (FAIL if found else PASS, f"/p: expected 0600, root, found {found or '0600, root'}")
    assert compiled == (PASS, "/p.db: expected 0600, root, found 0600, root")
    assert len(list(backups.judged_owner(replace(KEPT, compiled=None)))) == 1


def test_a_password_in_main_cf() -> None:
    main = File("/etc/postfix/main.cf", True, 0o644, "root")
    (found,) = all_say(backups.judged_owner(Password("static:a:b", main, None, (), (LOOK,))), "")
    assert found[1].endswith(
        "found 0644, root. There everybody may read it: put it into a file of its own, and name that in its place"
    )


@pytest.mark.parametrize(
    ("compiled", "verdict", "says_"),
    [
        (None, PASS, "hash:/p: expected read as it is: there is no copy that could be old, found read as it is: there is no copy that could be old"),
        (replace(SOURCE, path="/p.db"), PASS, "/p.db: expected no older than /p, found no older"),
        (replace(SOURCE, path="/p.db", modified_at=97.0), FAIL, "/p.db: expected no older than /p, found 3 s older. postmap hash:/p"),
        (replace(SOURCE, path="/p.db", exists=False), FAIL, "/p.db: expected no older than /p, found no such file. postmap hash:/p"),
    ],
)  # fmt: skip
def test_the_passwords_map(compiled: File | None, verdict: Verdict, says_: str) -> None:
    assert says(backups.judged_map(replace(KEPT, compiled=compiled)), "") == (verdict, says_)


def test_the_passwords_entry() -> None:
    expected = "[r] in hash:/p: expected user:password, without a blank or a comment, found "
    assert says(backups.judged_entry(KEPT, "[r]"), "") == (PASS, f"{expected}user:password")
    faulty = replace(KEPT, faults=("it holds a blank", "it holds a #"))
    said = f"{expected}it holds a blank; it holds a #. Put comments on lines of their own, then postmap (X7)"
    assert says(backups.judged_entry(faulty, "[r]"), "") == (FAIL, said)


def test_the_passwords_log() -> None:
    expected = "expected no password in it, found"
    sentence = f"Postfix's log: {expected} nothing is set by which it would have one"
    assert all_say(backups.judged_log(KEPT), "") == [(PASS, sentence)]
    ((verdict, said),) = all_say(backups.judged_log(replace(KEPT, logged=("-v of smtp/unix in master.cf",))), "")
    assert verdict is FAIL
    assert said.startswith(f"-v of smtp/unix in master.cf: {expected} whatever is said there is logged, the login too.")


def test_another_instance_of_postfix_is_none_that_anybody_asks() -> None:
    assert not list(filters.postfix_ones(replace(configured(), values={"multi_instance_directories": ""})))
    found = list(filters.postfix_ones(replace(configured(), values={"multi_instance_directories": "/etc/postfix-out"})))
    does = "takes mail into a queue that nobody looks at"
    assert found == [("multi_instance_directories: /etc/postfix-out", does)]


def test_filters() -> None:
    found = Filters((Filter("smtpd_milters", "inet:1", "the plan"), Filter("content_filter", "x", "")), LOOK)
    known, alien = all_say(filters.judged(found, ("a", "b")), "")
    expected = "expected one of the plan's, or named in dell.filters (a, b), found"
    assert known == (PASS, f"smtpd_milters: inet:1: {expected} known: the plan")
    assert alien[1].startswith(f"content_filter: x: {expected} a filter that nobody named. It judges Cloudflare's addr")
    bounces = Filter("smtpd_sender_restrictions", "check_sender_access inline:{<>=REJECT}", "")
    (of_senders,) = all_say(filters.judged(Filters((bounces,), LOOK), ()), "")
    assert "nobody named. It judges the envelope sender: of bounces <>, and of what Cloudflare forw" in of_senders[1]
    (none,) = all_say(filters.judged(Filters((), LOOK), ()), "")
    said = "Dell's port 25: expected one of the plan's, or named in dell.filters (which names none), found no filter"
    assert none == (ABSENT, said)


def test_detours() -> None:
    expected = "expected named in dell.filters (which names none), found"
    hint = "Take it out; or see what it does to forwarded mail, then name it in the settings"
    opens = filters.judged_detours(Detours((Detour("passdb m", filters.OPENS, ""),), "", (LOOK,)), ())
    ((verdict, said),) = all_say(opens, "")
    assert (verdict, "Take that passdb out, then doveadm reload" in said) == (FAIL, True)
    both = Detours((Detour("a", "copies", "a"), Detour("b", "discards", "")), "", (LOOK,))
    assert all_say(filters.judged_detours(both, ()), "") == [
        (PASS, f"a: {expected} known: a"),
        (FAIL, f"b: {expected} discards, and nobody named it. {hint}"),
    ]
    sentence = f"Dell: {expected} nothing of the kind"
    assert all_say(filters.judged_detours(Detours((), "", (LOOK,)), ()), "") == [(PASS, sentence)]
    sentence = f"Dell's Dovecot: {expected} no doveconf"
    assert all_say(filters.judged_detours(Detours((), "no doveconf", (LOOK,)), ()), "") == [(UNKNOWN, sentence)]


@pytest.mark.parametrize(
    ("way", "end", "verdict", "found"),
    [
        (("op",), "alice", PASS, "alice (op)"),
        ((), "alice", PASS, "alice"),
        (("op", "gone"), "", FAIL, "gone is nobody's (op -> gone). Give it a mailbox: an alias root in migration.toml, then prepare_dell"),
    ],
)  # fmt: skip
def test_names_of_the_system(way: tuple[str, ...], end: str, verdict: Verdict, found: str) -> None:
    expected = "root: expected a mailbox, or an address elsewhere, found "
    assert says(system_names.judged(Home("root", way, end, (LOOK,))), "") == (verdict, expected + found)


# Clients -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "verdict", "found"),
    [(SERVED, PASS, "250 ok"), (SHUT, FAIL, "554 no (at rcpt)"), (talk(code=451, text="later"), FAIL, "451 later (at rcpt)"), (talk("silent"), UNKNOWN, "nothing (at connect)"), (talk("refused"), FAIL, "nothing (at connect)")],
)  # fmt: skip
def test_who_is_admitted(said: Conversation, verdict: Verdict, found: str) -> None:
    sentence = f"a stranger 192.0.2.1: expected {clients.ADMITTED}, found {found}"
    assert says(clients.judged_admitted(CLIENT, said), "") == (verdict, sentence)


RELAY = "Whoever comes from there can deliver here, and perhaps relay: see A-6"


@pytest.mark.parametrize(
    ("said", "blind", "verdict", "found"),
    [
        (SHUT, "", PASS, "554 no (at rcpt)"),
        (SERVED, "", FAIL, f"250 ok. {RELAY}"),
        (talk(code=451, text="later"), "", FAIL, "451 later (at rcpt)"),
        (talk("unreachable"), "", UNKNOWN, "nothing (at connect)"),
        (talk("impostor", 554, "", "banner"), "", PASS, "554 (at banner)"),
        (talk("silent"), "", PASS, "nothing (at connect)"),
        (talk("silent"), "port 25 is shut there", UNKNOWN, "port 25 is shut there"),
    ],
)  # fmt: skip
def test_who_is_refused(said: Conversation, blind: str, verdict: Verdict, found: str) -> None:
    judged = says(clients.judged_refused(CLIENT, said, blind), "")
    assert judged[0] is verdict
    assert judged[1].startswith("a stranger 192.0.2.1: expected ")
    assert judged[1].endswith(f", found {found}")


def test_no_part_of_a_prefix_is_kept_out() -> None:
    one, other = ip_network("104.30.0.0/19"), ip_network("2405:8100:c000::/38")
    published = Published("_spf", frozenset({one, other}), (), "")
    barred = Table("/t", (one, other), ((0, ip_network("104.30.1.0/24")),), (), LOOK)
    hint = "Take that line out, and run prepare_dell: mail from there is refused or thrown away"
    assert all_say(allow_list.judged_whole(published, barred), "") == [
        (FAIL, f"104.30.0.0/19: expected admitted as a whole, found another action than OK for 104.30.1.0/24. {hint}"),
        (PASS, "2405:8100:c000::/38: expected admitted as a whole, found no other line of the table has a part of it"),
    ]


def test_probes_name_a_sender_in_a_domain_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other meets 450 4.1.8, where Dell has reject_unknown_sender_domain; and none is a stranger's mail."""
    senders = (SETTINGS.senders[0].model_copy(update={"address": "friend@customer.example"}),)
    migration: Any = SimpleNamespace(settings=SETTINGS.model_copy(update={"senders": senders}))
    monkeypatch.setattr(clients, "probe_all", lambda knocks, _: list(knocks))
    here = clients.Client("EC2", "192.0.2.1", None, claimed=True)
    ((_, offered),) = clients.offer(migration, [here], ("bob@x.example",))
    *_, (_, _, control) = clients.offer_own_senders(migration, [here], SETTINGS.domain_names[:1])
    knocks: Any = (offered, control)
    for knock in knocks:
        seen = Reject(0, "RCPT", "host", "192.0.2.1", 450, "4.1.8", knock.mail_from, "bob@x.example", "")
        assert (knock.mail_from.endswith("@customer.example"), own_probe(SETTINGS, seen)) == (True, True)
