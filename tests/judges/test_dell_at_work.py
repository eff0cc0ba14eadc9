"""A-6, A-9, A-11, A-17, A-22, O-3: what Dell does with large mail, with much of it, with a full mailbox, with relaying."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fixtures.access.transport import Shell
from fixtures.evidence import Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.probes.dell import client_limits, queue_lifetime
from fixtures.probes.dell.postfix import Configuration, Service
from fixtures.probes.logs.log_files import Position
from fixtures.probes.logs.postfix_log import Delivery, Log, Trail
from fixtures.probes.mailbox.imap import Mailboxes, Search
from fixtures.probes.mailbox.message import Marked
from fixtures.probes.smtp import concurrency, quota, relaying, sizes
from fixtures.probes.smtp.concurrency import Burst
from fixtures.probes.smtp.knock import Conversation, RcptResult
from fixtures.probes.smtp.quota import Aftermath, Brought
from fixtures.probes.smtp.relaying import Attempt, Control, Form
from fixtures.probes.smtp.sizes import Announced, Limits
from tests.judges import CLIENT, FAIL, LOOK, PASS, SERVED, SHUT, UNKNOWN, all_say, says, talk

LIMIT = 30_000_000
OFFERS = talk(code=250, text="ok", at="", extensions=("SIZE 30000000",))


@pytest.mark.parametrize(
    ("size", "code", "verdict", "expected"),
    [
        (LIMIT, 250, PASS, "taken (250)"),
        (LIMIT, 552, FAIL, "taken (250)"),
        (LIMIT + 1, 552, PASS, "refused at once with 552"),
        (LIMIT + 1, 250, FAIL, "refused at once with 552"),
        (LIMIT + 1, 452, FAIL, "refused at once with 552"),
    ],
)
def test_an_announcement(size: int, code: int, verdict: Verdict, expected: str) -> None:
    judged = sizes.judged_announced(Announced(size, code, "said", LIMIT, OFFERS), LIMIT)
    assert says(judged, "") == (verdict, f"{size} bytes announced: expected {expected}, found {code} said")
    silent = says(sizes.judged_announced(Announced(size, 0, "gone", LIMIT, OFFERS), LIMIT), "")
    assert silent == (UNKNOWN, f"{size} bytes announced: expected {expected}, found nothing gone")


@pytest.mark.parametrize(
    ("advertised", "said", "verdict", "found"),
    [
        (LIMIT, OFFERS, PASS, f"SIZE {LIMIT}"),
        (LIMIT - 1, OFFERS, FAIL, f"SIZE {LIMIT - 1}. Senders go by what is offered: set message_size_limit as in migration.toml"),
        (None, OFFERS, FAIL, "no SIZE. Senders go by what is offered: set message_size_limit as in migration.toml"),
        (None, talk("silent"), UNKNOWN, "no SIZE"),
    ],
)  # fmt: skip
def test_what_dell_offers(advertised: int | None, said: Conversation, verdict: Verdict, found: str) -> None:
    judged = sizes.judged_offered(Announced(1, 250, "ok", advertised, said), LIMIT)
    assert says(judged, "") == (verdict, f"what Dell offers: expected SIZE {LIMIT}, found {found}")


def test_why_dell_offers_no_size() -> None:
    of_port_25 = {"smtpd_discard_ehlo_keywords": "ETRN, Size"}
    unlisted = {"smtpd_discard_ehlo_keywords": "chunking, etrn", "smtpd_discard_ehlo_keyword_address_maps": ""}
    by_address = {"smtpd_discard_ehlo_keyword_address_maps": "cidr:/etc/postfix/quiet"}
    for values, overrides, why in (
        (unlisted, {}, ""),
        (of_port_25, {}, "smtpd_discard_ehlo_keywords = ETRN, Size"),
        (by_address, {}, "smtpd_discard_ehlo_keyword_address_maps = cidr:/etc/postfix/quiet"),
        (unlisted, {"smtp/inet": of_port_25}, "smtpd_discard_ehlo_keywords = ETRN, Size (-o of smtp/inet)"),
        (unlisted, {"587/inet": of_port_25}, ""),
    ):
        configuration: Any = SimpleNamespace(values=values, overrides=overrides)
        assert sizes.withheld(configuration, ["smtp/inet"]) == why
    judged = sizes.judged_offered(Announced(1, 250, "ok", None, OFFERS, "x = size"), LIMIT)
    assert (judged.verdict, judged.found) == (FAIL, "no SIZE")
    assert judged.hint == "Senders go by what is offered, and it is kept from them: take size out of x = size"


CLOUDFLARES = sizes.CLOUDFLARE_BYTES + sizes.ADDED_BYTES


@pytest.mark.parametrize(
    ("dell", "ec2", "verdicts"),
    [
        (CLOUDFLARES, None, [PASS]),
        (CLOUDFLARES - 1, None, [FAIL]),
        (CLOUDFLARES, CLOUDFLARES, [PASS, PASS]),
        (CLOUDFLARES, CLOUDFLARES + 1, [PASS, FAIL]),
        (CLOUDFLARES, 1, [PASS, PASS]),
        (CLOUDFLARES, 0, [PASS, FAIL]),
        (0, 0, [PASS, PASS]),
    ],
)
def test_limits_along_the_path(dell: int, ec2: int | None, verdicts: list[Verdict]) -> None:
    judged = all_say(sizes.judged_path(Limits({"message_size_limit": dell}, ec2, False, (LOOK,))), "")
    assert [verdict for verdict, _ in judged] == verdicts
    for (verdict, said), name, limit in zip(judged, ("Cloudflare", "EC2"), (CLOUDFLARES, ec2), strict=False):
        expected = f"at most Dell's {dell} bytes" if dell else "any size: Dell takes all"
        hint = f". {name} would have to bounce what lies between: raise Dell's message_size_limit, or lower this one"
        assert said == f"{name}: expected {expected}, found {limit or 'any'} bytes{hint if verdict is FAIL else ''}"


@pytest.mark.parametrize(
    ("dell", "ec2", "verdict", "found"),
    [
        (CLOUDFLARES, None, PASS, "it is stopped"),
        (CLOUDFLARES, 26_214_400, PASS, "26214400 bytes"),
        (CLOUDFLARES, 26_214_399, FAIL, "26214399 bytes"),
        (CLOUDFLARES, 10_240_000, PASS, "10240000 bytes"),
        (CLOUDFLARES, 0, PASS, "any bytes"),
        (0, 20_000_000, FAIL, "20000000 bytes"),
        (20_000_000, 20_000_000, PASS, "20000000 bytes"),
    ],
)
def test_ec2_takes_what_cloudflare_takes(dell: int, ec2: int | None, verdict: Verdict, found: str) -> None:
    it = sizes.judged_not_less(Limits({"message_size_limit": dell}, ec2, False, (LOOK,)))
    expected = (
        f"EC2: expected at least {min(26_214_400, dell or 26_214_400)} bytes, or Postfix's default (10240000), found "
    )
    hint = (
        ". Until the switch, and after a rollback, it refuses what lies between: raise its message_size_limit to Dell's"
    )
    assert says(it, "") == (verdict, f"{expected}{found}{hint if verdict is FAIL else ''}")


@pytest.mark.parametrize(
    ("message", "holding", "free", "verdicts"),
    [
        (100, 0, 0, [PASS, PASS]),
        (100, 100, 150, [PASS, PASS]),
        (100, 99, 149, [FAIL, FAIL]),
        (1, 1, 2, [PASS, PASS]),
        (0, 100, 0, [FAIL, PASS]),
        (0, 0, 1, [PASS, PASS]),
    ],
)
def test_dells_own_limits(message: int, holding: int, free: int, verdicts: list[Verdict]) -> None:
    values = {
        "message_size_limit": message,
        "mailbox_size_limit": holding,
        "virtual_mailbox_limit": 7,
        "queue_minfree": free,
    }
    judged = all_say(sizes.judged_within(Limits(values, None, False, (LOOK,))), "")
    assert [verdict for verdict, _ in judged] == verdicts
    hint = ". A delivery agent whose mailbox may not hold one message dies at each delivery (X13)"
    assert [said for _, said in judged] == [
        f"mailbox_size_limit: expected 0, or at least message_size_limit ({message}), found {holding}{hint if verdicts[0] is FAIL else ''}",
        f"queue_minfree: expected 0, or at least 1.5 times message_size_limit ({message}), found {free}",
    ]
    virtual = list(sizes.judged_within(Limits(values, None, True, (LOOK,))))
    assert [each.member for each in virtual] == ["mailbox_size_limit", "virtual_mailbox_limit", "queue_minfree"]
    assert virtual[1].found == "7"


@pytest.mark.parametrize(
    ("said", "verdict", "found"),
    [
        ("1200 1 9 1000 ext2/ext3", PASS, "1200 bytes and 1000 files, on ext2/ext3"),
        ("1199 1 9 1000 overlayfs", FAIL, "1199 bytes and 1000 files, on overlayfs"),
        ("300 4 9 999 xfs", FAIL, "1200 bytes and 999 files, on xfs"),
        ("300 4 0 0 btrfs", PASS, "1200 bytes and as many as need be files, on btrfs"),
        ("300 4 9 1000 tmpfs", FAIL, "1200 bytes and 1000 files, in memory, on tmpfs"),
        ("300 4 9 1000 UNKNOWN (0x2fc12fc1)", PASS, "1200 bytes and 1000 files, on UNKNOWN (0x2fc12fc1)"),
    ],
)
def test_room_on_a_disk(said: str, verdict: Verdict, found: str) -> None:
    disks = tuple(sizes.Disk("it", *each, 1_200, "EC2", LOOK) for each in sizes.free(said))
    (it,) = sizes.judged_room(Limits({}, None, False, (LOOK,), disks=disks))
    assert (it.verdict, it.member, it.found) == (verdict, "room on it", found)
    assert it.expected == "at least 1200 bytes free and 1000 files, outside of memory"
    hint = "It is empty after the next start" if "tmpfs" in said else "EC2 refuses all mail (452) once less is free"
    assert it.hint.startswith(hint if verdict is FAIL else "")
    assert not list(sizes.judged_room(Limits({}, None, False, (LOOK,))))


@pytest.mark.parametrize(
    ("message", "kept_free", "least"), [(100, 0, 1_150), (100, 150, 1_150), (100, 300, 1_300), (0, 0, 301_465_600)]
)
def test_how_much_room_a_queue_needs(message: int, kept_free: int, least: int) -> None:
    assert sizes._least({"message_size_limit": str(message), "queue_minfree": str(kept_free)}) == least


def test_of_several_disks_the_fullest_counts() -> None:
    said = SimpleNamespace(stdout="5 2 0 0 zfs\n3 2 8 7 xfs\n")
    shell = cast("Shell", SimpleNamespace(name="Dell", run=lambda *_, **__: said))
    (it,) = sizes._disk(shell, "it", ["/a", "/b"], 1)
    assert (it.kind, it.free, it.files) == ("xfs", 6, 7)
    assert not list(sizes._disk(shell, "it", [], 1))


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        ("message_size_limit", "0", PASS),
        ("message_size_limit", "10240000", PASS),
        ("message_size_limit", "10239999", FAIL),
        ("message_size_limit", "$own", UNKNOWN),
        ("smtpd_recipient_limit", "100", PASS),
        ("smtpd_recipient_limit", "99", FAIL),
        ("smtpd_recipient_limit", "0", FAIL),
    ],
)
def test_what_users_may_send(name: str, value: str, verdict: Verdict) -> None:
    values = {"message_size_limit": 2**20, "mailbox_size_limit": 0, "queue_minfree": 0}
    *_, last = sizes.judged_within(Limits(values, None, False, (LOOK,), submission=(("587", name, value),)))
    assert (last.member, last.found, last.verdict) == (f"587: {name}", value, verdict)


def test_by_which_services_users_send() -> None:
    services = tuple(
        Service(name, kind, "smtpd", ())
        for name, kind in (("smtp", "inet"), ("submission", "inet"), ("[::1]:2587", "inet"), ("smtp", "unix"))
    )
    own = {f"{each.name}/{each.type}": {"smtpd_recipient_limit": "5", "x": "y"} for each in services}
    it = Configuration("Dell", {}, {}, services, own, (), 1, 0.0, LOOK)
    assert [each for each, *_ in sizes._submissions(it, {2587})] == ["submission", "[::1]:2587"]
    assert list(sizes._submissions(it, ())) == [("submission", "smtpd_recipient_limit", "5")]


@pytest.mark.parametrize(
    ("written", "verdict"),
    [(each, PASS) for each in ("1 M", "1024k", "1048576", "unlimited", "0")]
    + [(each, FAIL) for each in ("1023k", "5 B", "much")],
)
def test_dovecots_own_limit(written: str, verdict: Verdict) -> None:
    values = {"message_size_limit": 2**20, "mailbox_size_limit": 0, "queue_minfree": 0}
    *_, last = sizes.judged_within(Limits(values, None, False, (LOOK,), written))
    assert (last.member, last.found, last.verdict) == ("Dovecot's quota_mail_size", written, verdict)


# Many at once --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "verdict", "found"),
    [
        (talk(code=250, text="ok", at="", tls="TLSv1.3"), PASS, "250 ok"),
        (talk(code=250, text="ok", at=""), FAIL, "put out again: 250 ok"),
        (replace(talk(code=250, text="ok", at="", tls="TLSv1.3"), stage="rcpt"), FAIL, "put out again: 250 ok"),
        (talk(code=450, text="wait", tls="TLSv1.3"), FAIL, "450 wait (at rcpt)"),
        (talk("refused"), FAIL, "nothing (at connect)"),
        (talk("unreachable"), UNKNOWN, "nothing (at connect)"),
    ],
)
def test_each_of_a_hundred_is_served(said: Conversation, verdict: Verdict, found: str) -> None:
    judged = concurrency.judged_served(7, CLIENT, said)
    expected = "connection 7 from a stranger 192.0.2.1: expected served while the others stood there, too, found "
    hint = (
        ". Its prefixes belong into smtpd_client_event_limit_exceptions, port 25 needs processes enough, and no "
        "greylisting, postscreen or DNSBL may stand before it"
    )
    assert says(judged, "") == (verdict, f"{expected}{found}{hint if verdict is FAIL else ''}")


ONE = Marked("<1@x>", "a@x", ("b@x",), b"")
TAKEN = talk(code=250, text="ok", at="", queued="250 as 1")
WAITS = Delivery(0.0, "lmtp", "b@x", "", "dovecot", 0.0, (), "4.3.0", "deferred", "too many")
SENT = replace(WAITS, status="sent", text="saved")


def burst(said: Conversation, *deliveries: Delivery, there: bool = True) -> Burst:
    trails = (Trail("Q", 0.0, "", "", "", "<1@x>", "", 1, deliveries, None),)
    found = Search("alice", (), () if there else ("<1@x>",), 1.0, LOOK)
    return Burst(((ONE, said),), found, Log(trails, (), (), (), (), 0, 0, Position(), LOOK))


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (burst(TAKEN, SENT), PASS, "arrived"),
        (burst(TAKEN, WAITS, SENT), PASS, "arrived"),
        (burst(TAKEN, there=False), FAIL, "not there"),
        (burst(TAKEN, WAITS, WAITS, there=False), FAIL, "not there (deferred: too many; deferred: too many)"),
        (burst(talk(code=450, text="slow")), FAIL, "refused: 450 slow (at rcpt)"),
        (burst(talk("dropped")), FAIL, "refused: nothing (at connect)"),
        (burst(talk("silent")), UNKNOWN, "refused: nothing (at connect)"),
    ],
)
def test_a_burst_arrives(it: Burst, verdict: Verdict, found: str) -> None:
    said = f"<1@x>: expected in the mailbox, found {found}"
    assert all_say(concurrency.judged_arrived(it), "", 2) == [(verdict, said)]


@pytest.mark.parametrize(("deliveries", "found"), [((SENT,), ""), ((), ""), ((WAITS, SENT), "deferred: too many")])
def test_none_of_a_burst_is_put_off(deliveries: tuple[Delivery, ...], found: str) -> None:
    hint = ". lmtp_destination_concurrency_limit must be below Dovecot's limit for one user (X18)"
    assert all_say(concurrency.judged_at_once(burst(TAKEN, *deliveries)), "") == [
        (FAIL if found else PASS, f"<1@x>: expected not deferred, found {found + hint if found else 'not deferred'}")
    ]


# A full mailbox ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "verdict", "found"),
    [
        (talk(code=552, text="5.2.2 full"), PASS, "552 5.2.2 full"),
        (talk(code=552, text="5.2.3 too large"), PASS, "552 5.2.3 too large"),
        (talk(code=552, text="5.3.4 too large"), FAIL, "552 5.3.4 too large (at rcpt)"),
        (talk(code=452, text="5.2.2 full"), FAIL, "452 5.2.2 full (at rcpt)"),
        (talk(code=600, text="5.2.2 full"), FAIL, "600 5.2.2 full (at rcpt)"),
        (talk(code=500, text="5.2.2 full"), PASS, "500 5.2.2 full"),
        (TAKEN, FAIL, "taken: 250 as 1"),
        (talk("silent", text="no answer"), UNKNOWN, "no answer"),
    ],
)
def test_a_full_mailbox(said: Conversation, verdict: Verdict, found: str) -> None:
    hint = ". Dovecot's quota-status must know every address of the mailbox, and Postfix must ask it: run prepare_dell"
    judged = says(quota.judged_refused(Brought("b@x", "small", said)), "")
    expected = "b@x, small: expected 552 5.2.2 or 5.2.3 in session, found "
    assert judged == (verdict, f"{expected}{found}{hint if verdict is FAIL else ''}")


def test_a_full_mailbox_is_refused_at_the_end_of_data() -> None:
    said = replace(SERVED, code=552, text="5.2.2 full")
    assert quota.judged_refused(Brought("b@x", "large", said)).verdict is PASS


def test_a_message_that_had_to_be_taken_waits() -> None:
    judged = says(quota.judged_refused(Brought("b@x", "large", TAKEN, "deferred: full")), "")
    expected = "552 5.2.2 or 5.2.3 in session, or kept until there is room (Dovecot 2.3)"
    assert judged == (PASS, f"b@x, large: expected {expected}, found deferred: full")


def test_what_became_of_it() -> None:
    failed = (replace(WAITS, status="bounced", text="full"), replace(WAITS, status="expired", text="old"))
    said = "deliveries to alice: expected no bounce, found no bounce"
    assert says(quota.judged_aftermath("alice", Aftermath((), LOOK)), "") == (PASS, said)
    said = "deliveries to alice: expected no bounce, found bounced: full; expired: old"
    assert says(quota.judged_aftermath("alice", Aftermath(failed, LOOK)), "") == (FAIL, said)


# Relaying ------------------------------------------------------------------------------------------------------------

FORM = Form("percent", "a@x", "b%x@y", "takes the percent sign")
LATER = "A 4xx is no refusal: senders would try again for days (X14)"


@pytest.mark.parametrize(
    ("outcome", "lax", "closed", "verdict", "found"),
    [
        (RcptResult("b", 554, "no", "rcpt"), False, False, PASS, "554 no (at rcpt)"),
        (RcptResult("b", 250, "ok", ""), False, False, FAIL, "250 ok. Perhaps: it takes the percent sign. Look"),
        (RcptResult("b", 250, "ok", ""), True, True, FAIL, "250 ok. Perhaps: it takes the percent sign. Look"),
        (RcptResult("b", 454, "later", "rcpt"), False, False, FAIL, f"454 later (at rcpt). {LATER}"),
        (RcptResult("b", 400, "later", "rcpt"), False, False, FAIL, f"400 later (at rcpt). {LATER}"),
        (RcptResult("b", 454, "later", "rcpt"), True, False, PASS, "454 later (at rcpt)"),
        (RcptResult("b", 399, "odd", "rcpt"), True, False, UNKNOWN, "399 odd (at rcpt)"),
        (RcptResult("b", 0, "connection refused", "connect"), True, True, PASS, "nothing connection refused (at connect)"),
        (RcptResult("b", 0, "connection refused", "connect"), True, False, UNKNOWN, "nothing connection refused (at connect)"),
        (RcptResult("b", 0, "connection refused", "rcpt"), True, True, UNKNOWN, "nothing connection refused (at rcpt)"),
        (RcptResult("b", 0, "silence", "connect"), True, True, UNKNOWN, "nothing silence (at connect)"),
    ],
)  # fmt: skip
def test_an_attempt_to_relay(outcome: RcptResult, lax: bool, closed: bool, verdict: Verdict, found: str) -> None:
    attempt = Attempt(CLIENT, FORM, outcome, "", LOOK)
    judged = says(relaying.judged(attempt, "refused", "Look", lax=lax, closed=closed), "")
    assert judged == (verdict, f"percent from a stranger 192.0.2.1: expected refused, found {found}")


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (RcptResult("b", 0, "silence", "connect"), PASS),
        (RcptResult("b", 0, "ConnectionResetError", "banner"), PASS),
        (RcptResult("b", 399, "odd", "rcpt"), UNKNOWN),
        (RcptResult("b", 250, "ok", ""), FAIL),
    ],
)
def test_an_attempt_where_nobody_listens_yet(outcome: RcptResult, verdict: Verdict) -> None:
    attempt = Attempt(CLIENT, FORM, outcome, "", LOOK)
    assert relaying.judged(attempt, "refused", lax=True, silent=True).verdict == verdict


@pytest.mark.parametrize(
    ("there", "arrived", "verdicts", "found"),
    [
        ((), True, [PASS, PASS], "none of 2 attempts is there"),
        (("<9@x>",), True, [PASS, PASS], "none of 2 attempts is there"),
        (("<9@x>", "<1@x>"), True, [FAIL, PASS], "1 came through"),
        ((), False, [PASS, UNKNOWN], "none of 2 attempts is there"),
    ],
)
def test_the_mailbox_elsewhere(there: tuple[str, ...], arrived: bool, verdicts: list[Verdict], found: str) -> None:
    attempts = [Attempt(CLIENT, FORM, RcptResult("b", 250, "ok", ""), number, LOOK) for number in ("<1@x>", "")]
    messages: Any = tuple(SimpleNamespace(message_id=each) for each in (*there, ""))
    copies: Any = (SimpleNamespace(),) if arrived else ()
    control = Control(SHUT, Search("sink", copies, (), 1.0, LOOK))
    elsewhere, direct = relaying.judged_sink(attempts, Mailboxes(messages, (LOOK,)), control)
    assert [says(elsewhere, "")[0], says(direct, "", 2)[0]] == verdicts
    assert elsewhere.sentence() == f"the mailbox elsewhere: expected no relayed message, found {found}"
    said = "it did" if arrived else "it did not"
    assert direct.sentence() == f"the control: expected direct mail arrives, found {said}"


@pytest.mark.parametrize(
    ("number", "value", "verdict", "found"),
    [
        (345_600, "4d", PASS, "4d"),
        (345_599, "x", FAIL, "x"),
        (8_640_000, "100d", PASS, "100d"),
        (8_640_001, "101d", FAIL, "101d"),
        (None, "", FAIL, "not set"),
    ],
)
def test_how_long_dell_keeps_mail(number: int | None, value: str, verdict: Verdict, found: str) -> None:
    it = queue_lifetime.Found(queue_lifetime.BOUNDS[0], value, number)
    name = "maximal_queue_lifetime"
    hint = f". postconf -X {name}, or out of master.cf: Postfix's default is right; then postfix reload"
    expected = f"{name}: expected 4d or more (mail is given up after that), found "
    assert says(queue_lifetime.judged(it, LOOK), "") == (verdict, f"{expected}{found}{hint if verdict is FAIL else ''}")
    assert queue_lifetime.judged(replace(it, host="EC2"), LOOK).member == f"EC2: {name}"


DELL = {
    "default_transport": "smtp",
    "relay_transport": "relay",
    "virtual_transport": "lmtp:unix:private/dovecot-lmtp",
    "smtp_destination_rate_delay": "0s",
    "relay_destination_rate_delay": "0s",
    "lmtp_destination_rate_delay": "0s",
    "smtp_transport_rate_delay": "0s",
    "smtp_sasl_auth_enable": "yes",
    "smtp_sasl_auth_soft_bounce": "yes",
    "qmgr_message_active_limit": "20000",
    "qmgr_message_recipient_limit": "20000",
}


@pytest.mark.parametrize(
    ("values", "overrides", "red"),
    [
        ({}, {}, []),
        ({"qmgr_message_active_limit": "999"}, {}, ["qmgr_message_active_limit"]),
        ({"qmgr_message_recipient_limit": "10"}, {}, ["qmgr_message_recipient_limit"]),
        ({}, {"qmgr/unix": {"qmgr_message_active_limit": "10"}}, ["qmgr_message_active_limit"]),
        ({"smtp_destination_rate_delay": "10s"}, {}, []),
        ({"smtp_destination_rate_delay": "1m"}, {}, ["smtp_destination_rate_delay"]),
        ({"lmtp_destination_rate_delay": "11"}, {}, ["lmtp_destination_rate_delay"]),
        ({"smtp_transport_rate_delay": "1h"}, {}, ["smtp_transport_rate_delay"]),
        ({"slow_destination_rate_delay": "1h"}, {}, []),
        ({"smtp_sasl_auth_soft_bounce": "no"}, {}, ["smtp_sasl_auth_soft_bounce"]),
        ({"smtp_sasl_auth_soft_bounce": "no", "smtp_sasl_auth_enable": "no"}, {}, []),
        ({"smtp_sasl_auth_soft_bounce": "Yes"}, {}, []),
    ],
)
def test_what_holds_mail_up(values: dict[str, str], overrides: dict[str, dict[str, str]], red: list[str]) -> None:
    it = Configuration("Dell", DELL | values, {}, (), overrides, (), 1, 0.0, LOOK)
    found = queue_lifetime.found(it)
    assert [each.bound.parameter for each in found if each.value and not each.holds] == red
    spans = {each.bound.parameter: each.bound.span for each in found}
    assert spans["smtp_destination_rate_delay"] == "10s at most"
    assert spans["qmgr_message_active_limit"] == "1000 or more"
    assert spans.get("smtp_sasl_auth_soft_bounce", "yes") == "yes"


@pytest.mark.parametrize(
    ("values", "red"),
    [
        ({"smtpd_hard_error_limit": "20", "smtpd_error_sleep_time": "1s", "smtpd_client_message_rate_limit": "0"}, []),
        ({"smtpd_hard_error_limit": "9", "smtpd_error_sleep_time": "11"}, [0, 2]),
        ({"smtpd_junk_command_limit": "0"}, [1]),
        ({"smtpd_recipient_limit": "x"}, [3]),
        ({"smtpd_client_connection_count_limit": "4", "smtpd_client_connection_rate_limit": "20"}, [4]),
        ({"smtpd_client_recipient_rate_limit": "100", "anvil_rate_time_unit": "5m"}, []),
        ({"smtpd_client_recipient_rate_limit": "100", "anvil_rate_time_unit": "6m"}, [7]),
    ],
)
def test_what_turns_away_who_brings_mail(values: dict[str, str], red: list[int]) -> None:
    """An older Postfix, which knows a parameter not, has no such limit."""
    settings = settings_without_a_lab()
    it = Configuration("Dell", values, {}, (), {}, (), 1, 0.0, LOOK)
    found = [each.member for each in client_limits.judged(it, settings, with_ec2=True) if each.verdict is FAIL]
    assert found == [client_limits.LIMITS[each].parameter for each in red]
    others = [each.member for each in client_limits.judged(it, settings, with_ec2=False) if each.verdict is FAIL]
    assert others == [name for name in found if not name.startswith("smtpd_client_")]
    own = replace(it, overrides={"smtp/inet": {"smtpd_hard_error_limit": "1"}})
    assert client_limits.LIMITS[0].parameter in [
        each.member for each in client_limits.judged(own, settings, with_ec2=True) if each.verdict is FAIL
    ]
