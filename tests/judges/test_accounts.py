"""I-1, I-2, I-3, D-4: contacts, rights, limits and the bill."""

# ruff: noqa: E501, ISC004 - tables of cases read better unbroken

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from fixtures.evidence import CouldNotAsk
from fixtures.probes.aws import cost
from fixtures.probes.aws.cost import Charge, Saving
from fixtures.probes.cloudflare import contacts, limits, permissions
from fixtures.probes.cloudflare.contacts import Contact, Contacts
from fixtures.probes.cloudflare.limits import Limit, Traffic, Use
from fixtures.probes.cloudflare.permissions import Right, Token
from fixtures.settings.rented import NewCost
from tests.judges import DOMAIN, FAIL, LOOK, PASS, UNKNOWN, Says, all_say, says

ELSEWHERE = Contact("aws", "me@elsewhere.example", "the settings", "", (LOOK,))
WRITE = "Write contacts.aws into the settings"


@pytest.mark.parametrize(
    ("known", "verdict", "found"),
    [
        (Contacts((ELSEWHERE,), ()), PASS, "me@elsewhere.example by the settings"),
        (Contacts((ELSEWHERE,), (("aws", "denied"),)), PASS, "me@elsewhere.example by the settings. Not from the account: denied"),
        (Contacts((), (("aws", "denied"), ("aws", "silent"), ("registrar", "other"))), UNKNOWN, f"denied; silent. {WRITE}"),
        (Contacts((), (("registrar", "other"),)), FAIL, f"none in the settings, and none that the account names. {WRITE}"),
    ],
)  # fmt: skip
def test_each_account_has_a_contact(known: Contacts, verdict: object, found: str) -> None:
    judged = says(contacts.judged_holder("aws", known), "", 0)
    assert judged == (verdict, f"aws: expected a contact address, found {found}")


@pytest.mark.parametrize(
    ("inside", "verdict", "found"),
    [
        ("", PASS, "outside"),
        (DOMAIN, FAIL, "in a.example. When this mail breaks, so does the way back in: give that account an address elsewhere"),
    ],
)  # fmt: skip
def test_no_contact_lies_inside(inside: str, verdict: object, found: str) -> None:
    judged = contacts.judged_contact(Contact("aws", "me@x", "AWS", inside, (LOOK,)))
    words = "expected an address outside of the domains that move"
    assert says(judged, "") == (verdict, f"aws: me@x (AWS): {words}, found {found}")


LIMIT = Limit(200, "rules", "its page", date(2026, 11, 1))


def use(used: int, domain: str = DOMAIN) -> Use:
    return Use("rules", domain, LIMIT, used, "addresses", LOOK)


MOST = "expected at most 200 rules (its page, read 2026-11-01), found"


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (199, (PASS, "199: addresses; 1 of 200 left")),
        (200, (PASS, "200: addresses; 0 of 200 left")),
        (201, (FAIL, f"201: addresses; 1 too many. {limits.FEWER}")),
    ],
)
def test_limits(used: int, expected: Says) -> None:
    assert says(limits.judged_use(use(used), limits.FEWER)) == (expected[0], f"rules: {MOST} {expected[1]}")
    assert limits.FEWER == "Drop addresses, or split them over accounts"


def traffic(**changes: Any) -> Traffic:
    fields: dict[str, Any] = {"peak_day": "2026-11-02", "peak": 30, "largest": use(10, ""), "decided": ()} | changes
    return Traffic(days=30.2, says="none is documented", evidence=(LOOK,), **fields)


BUSY = (
    PASS,
    "the busiest day: expected the number of messages on the busiest day, found 30 messages on 2026-11-02, of 30 days of "
    "logs; none is documented",
)
NONE = (
    UNKNOWN,
    "the mail of the last 30 days: expected mail of the last 30 days, found none in the logs. "
    "Let the logs of EC2 and Dell be read, and keep them for 30 days",
)
LARGEST = (PASS, f"rules: {MOST} 10: addresses; 190 of 200 left")
TOO_LARGE = (
    FAIL,
    f"rules: {MOST} 300: addresses; 100 too many. Cloudflare refuses such mail: its sender needs another way (I-10)",
)


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (traffic(), [LARGEST, BUSY]),
        (traffic(largest=use(300, "")), [TOO_LARGE, BUSY]),
        (traffic(largest=None), [NONE]),
        (traffic(peak=0), [LARGEST, NONE]),
        (traffic(largest=None, peak=0), [NONE]),
    ],
)
def test_traffic(it: Traffic, expected: list[Says]) -> None:
    assert all_say(limits.judged_traffic(it), "") == expected


def test_what_was_decided_on_may_be_too_large() -> None:
    first, *rest = limits.judged_traffic(traffic(decided=("a@b, 30000000 bytes",)))
    said = "over the limit, and decided on in the settings"
    assert says(first, "", 0) == (PASS, f"a@b, 30000000 bytes: expected {said}, found {said}")
    assert all_say(rest, "") == [LARGEST, BUSY]


def test_logs_that_nobody_can_read() -> None:
    (judged,) = limits.judged_traffic(CouldNotAsk("no such file"))
    assert says(judged, "", 0) == (
        UNKNOWN,
        "the mail of the last 30 days: expected logs that can be read, found no such file. "
        "Let the logs of EC2 and Dell be read, and keep them for 30 days",
    )


def right(*, granted: bool | None, permission: str = "DNS: Edit") -> Right:
    return Right("change", permission, granted, "HTTP 403", (LOOK,), DOMAIN)


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (right(granted=True), PASS, ""),
        (right(granted=False), FAIL, ". Add DNS: Edit to the token at Cloudflare; to judge only, the reading rights are enough"),
        (right(granted=None), UNKNOWN, ". Ask again later, or see what stands in the way"),
    ],
)  # fmt: skip
def test_rights(it: Right, verdict: object, found: str) -> None:
    words = "change (DNS: Edit): expected permitted, found HTTP 403"
    assert says(permissions.needed(it)) == (verdict, words + found)


def test_a_right_at_aws_is_added_there() -> None:
    hint = permissions.needed(right(granted=False, permission="ec2:StopInstances")).hint
    assert hint.startswith("Add ec2:StopInstances to the user or role at AWS; ")


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (right(granted=False), PASS, ""),
        (right(granted=True), FAIL, ". Narrow the token to the zones and the account of this migration"),
        (right(granted=None), UNKNOWN, ". Ask again later, or see what stands in the way"),
    ],
)
def test_what_is_not_ours(it: Right, verdict: object, found: str) -> None:
    assert says(permissions.refused(it)) == (verdict, f"change: expected refused, found HTTP 403{found}")


@pytest.mark.parametrize(
    ("days", "verdict", "found"),
    [
        (None, PASS, "it is good for ever"),
        (14.5, PASS, "it is good until 1970-01-15, 14 days"),
        (13.9, FAIL, "it is good until 1970-01-14, 13 days"),
    ],
)
def test_how_long_the_token_is_good(days: float | None, verdict: object, found: str) -> None:
    until = None if days is None else datetime.fromtimestamp(days * 86400, UTC)
    judged = replace(permissions.judged_end(Token("active", until, LOOK), 0.0, 14), hint="")
    words = f"the end of Cloudflare's token: expected none, or 14 days from now at least, found {found}"
    assert says(judged, "") == (verdict, words)


GONE, KEPT = Charge("volume v", 1.0, "8 GiB"), Charge("snapshot s", 0.4, "8 GiB")
DEAR = Charge("address", None, "no price")


def saving(
    *after: Charge, before: float = 10.0, new: float = 0.0, unread: tuple[str, ...] = (), dear: bool = False
) -> Saving:
    had = (Charge("instance", before, "730 h"), *([DEAR] if dear else []))
    stays = frozenset({KEPT.name})
    return Saving(had, after, (NewCost(name="new", usd_per_month=new),), "prices", unread, LOOK, stays)


def test_what_is_left_costs() -> None:
    hint = "Run delete_ec2 again: it finds it"
    assert all_say(cost.judged_left(saving(GONE, KEPT), by_bill=False), "") == [
        (FAIL, f"volume v: expected gone, found 8 GiB. {hint}"),
        (PASS, "snapshot s: expected gone, found 8 GiB"),
    ]
    said = "what is left: expected no charge, found no charge"
    assert all_say(cost.judged_left(saving(), by_bill=False), "") == [(PASS, said)]


@pytest.mark.parametrize(
    ("name", "usd", "verdict", "found"),
    [
        ("instance", 9.99, PASS, "instance: expected less than before, found said"),
        ("instance", 9.996, UNKNOWN, "instance: expected less than before ($10.00 a month), found said. "),
        ("instance", 12.0, UNKNOWN, "instance: expected less than before ($10.00 a month), found said. "),
        ("PublicIPv4:IdleAddress", 3.65, UNKNOWN, "PublicIPv4:IdleAddress: expected less than before ($0.00 a month), found said. "),
        ("APN1-DataTransfer-Out-Bytes", 0.004, PASS, "APN1-DataTransfer-Out-Bytes: expected less than before, found said"),
        (KEPT.name, 0.4, PASS, "snapshot s: expected less than before, or for what stays, found said"),
    ],
    ids=["another's is left", "the same", "more", "new since", "nothing worth a cent", "of the final image"],
)  # fmt: skip
def test_what_a_bill_still_has_is_less_than_before(name: str, usd: float, verdict: object, found: str) -> None:
    """Whose the rest is no bill says: what did not become less may be the gateway's."""
    (judged,) = all_say(cost.judged_left(saving(Charge(name, usd, "said")), by_bill=True), "")
    assert judged == (verdict, found + (cost.WHOSE if verdict is UNKNOWN else ""))


DAY = date(2026, 11, 1)
MORE = "net: expected more than nothing; the plan says $9.50 a month, found"


@pytest.mark.parametrize(
    ("new", "verdict", "hint"),
    [
        (9.99, PASS, ""),
        (10.0, FAIL, ". The new path costs as much as the old one: it is for you to say whether it is worth that"),
        (10.01, FAIL, ". The new path costs as much as the old one: it is for you to say whether it is worth that"),
    ],
)
def test_net(new: float, verdict: object, hint: str) -> None:
    its = saving(new=new)
    said = (
        f"{its.sentence()} (1 charges before, 0 after, by prices); new costs by the settings, looked at on 2026-11-01"
    )
    assert all_say(cost.judged_net(its, DAY, 9.5, "tokyo"), "") == [(verdict, f"{MORE} {said}{hint}")]


def test_what_has_no_price_or_was_not_read_is_unknown() -> None:
    first, second, third = all_say(
        cost.judged_net(saving(dear=True, unread=("volumes: denied",)), DAY, 9.5, "tokyo"), ""
    )
    page = "Add it to fixtures/facts/facts.toml, from AWS's page for tokyo"
    assert first == (UNKNOWN, f"address: expected a price, found no price. {page}")
    assert second == (UNKNOWN, "AWS: expected every kind read, found volumes: denied")
    assert third[0] is PASS


def test_somebody_has_to_have_looked_for_new_costs() -> None:
    hint = "Write into [costs] what is new (perhaps nothing), and reckoned = the day on which you looked"
    said = f"new costs: expected the operator's word on them, found none in the settings. {hint}"
    assert all_say(cost.judged_net(saving(), None, 9.5, "tokyo"), "") == [(UNKNOWN, said)]
