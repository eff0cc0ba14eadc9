"""What is for insiders only, and by which address Dell sees its clients."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from fixtures.evidence import Verdict
from fixtures.probes.logs.log_files import Position
from fixtures.probes.logs.postfix_log import Log
from fixtures.probes.smtp import client_addresses, clients, insiders
from fixtures.probes.smtp.client_addresses import Sighting, Unnamed
from fixtures.probes.smtp.insiders import Request
from fixtures.probes.smtp.knock import Conversation
from tests.judges import ABSENT, CLIENT, FAIL, LOOK, PASS, SERVED, SHUT, UNKNOWN, all_say, says, talk


def sees(_: clients.Client) -> str:
    """That client's network lets port 25 through."""
    return ""


HIDES = "Something before Postfix hides who comes: publish port 25 without a userland proxy or masquerading"
OURS = "which is one of our own networks: whoever comes may relay"
LOG = Log((), (), (), (), (), 0, 0, Position(), LOOK)


@pytest.mark.parametrize(
    ("seen", "verdict", "found"),
    [
        (("192.0.2.1",), PASS, "seen as 192.0.2.1"),
        (("::ffff:192.0.2.1",), PASS, "seen as ::ffff:192.0.2.1"),
        (("198.51.100.7",), FAIL, f"seen as 198.51.100.7. {HIDES}"),
        (("172.20.0.1",), FAIL, f"seen as 172.20.0.1, {OURS}. {HIDES} (X16). Close port 25 until then"),
        ((), UNKNOWN, "the mark m is not in Dell's log; Dell said 554 no (at rcpt)"),
    ],
)
def test_true_addresses(seen: tuple[str, ...], verdict: Verdict, found: str) -> None:
    sighted, own = (Sighting(CLIENT, "m", seen, SHUT, LOG),), (ip_network("172.20.0.0/24"),)
    (judged,) = all_say(client_addresses.judged(sighted, own, ipv6=False), "", 2)
    assert judged == (verdict, f"a stranger 192.0.2.1 at 192.0.2.9: expected seen as 192.0.2.1, found {found}")
    assert [each.verdict for each in client_addresses.judged(sighted, own, ipv6=True)] == [verdict, UNKNOWN]


@pytest.mark.parametrize(
    ("request_", "verdict", "found"),
    [
        (Request(CLIENT, False, (), 503, "no", LOOK), PASS, "503 no"),
        (Request(CLIENT, False, (), 500, "what", LOOK), PASS, "500 what"),
        (Request(CLIENT, False, (), 250, "yes", LOOK), FAIL, "250 yes"),
        (Request(CLIENT, False, (), 600, "odd", LOOK), FAIL, "600 odd"),
        (Request(CLIENT, True, ("AUTH", "X"), 503, "no", LOOK), FAIL, "offered: AUTH, X"),
        (Request(CLIENT, False, (), 0, "gone", LOOK), UNKNOWN, "nothing gone"),
        (Request(CLIENT, False, (), 0, "", LOOK, ""), PASS, "nobody may, by Postfix's own settings"),
        (Request(CLIENT, False, (), 0, "", LOOK, "a = b"), FAIL, "a = b"),
    ],
)
def test_privileges(request_: Request, verdict: Verdict, found: str) -> None:
    expected = (
        "not offered, and refused with 5xx" if request_.setting is None else "nobody may, by Postfix's own settings"
    )
    (judged,) = insiders.judged([request_], sees)
    assert says(judged, "") == (verdict, f"{request_}: expected {expected}, found {found}")


def test_a_stranger_at_a_shut_door_asks_for_nothing() -> None:
    routing = clients.Client("Email Routing", "104.30.0.0", None)
    served = Request(routing, False, (), 503, "no", LOOK)
    shut = [
        Request(each, False, (), 0, "connection refused (at connect)", LOOK, shut=each.stranger)
        for each in (CLIENT, routing)
    ]
    assert [each.verdict for each in insiders.judged([served, *shut], sees)] == [PASS, ABSENT, UNKNOWN]
    assert [each.verdict for each in insiders.judged(shut, lambda _: "port 25 is shut there")] == [UNKNOWN, UNKNOWN]
    refused = talk("refused")
    sighted = [
        Sighting(routing, "m", ("104.30.0.0",), SHUT, LOG),
        Sighting(CLIENT, "n", (), refused, LOG),
        Sighting(replace(CLIENT, source="2001:db8::7"), "o", (), refused, LOG),
    ]
    assert [each.verdict for each in client_addresses.judged(sighted, (), ipv6=False)] == [PASS, ABSENT, UNKNOWN]


SIX = replace(CLIENT, source="2001:db8::7")
UNTRIED = Sighting(CLIENT, "m", ("192.0.2.1",), SHUT, LOG)
NO_WAY = Sighting(SIX, "n", (), talk("silent", text="no answer"), LOG)
PROXIED = Sighting(SIX, "n", ("172.20.0.1",), SHUT, LOG)
TRUE = Sighting(SIX, "n", ("2001:db8::7",), SHUT, LOG)


@pytest.mark.parametrize(
    ("direct", "shut", "sighted", "verdict", "found"),
    [
        (False, False, (UNTRIED,), UNKNOWN, "nobody has one here. Port 25 listens there"),
        (False, False, (UNTRIED, NO_WAY), UNKNOWN, "nothing no answer (at connect). Port 25 listens there"),
        (False, True, (UNTRIED, NO_WAY), ABSENT, "Dell's firewall lets nobody in there"),
        (True, False, (UNTRIED, NO_WAY), ABSENT, "Postfix itself has that address"),
        (True, False, (UNTRIED, PROXIED), FAIL, f"seen as 172.20.0.1, {OURS}"),
        (False, True, (UNTRIED, PROXIED), FAIL, f"seen as 172.20.0.1, {OURS}"),
        (False, False, (UNTRIED, TRUE), PASS, "seen as 2001:db8::7"),
    ],
)
def test_an_address_that_the_settings_leave_out(
    direct: bool, shut: bool, sighted: tuple[Sighting, ...], verdict: Verdict, found: str
) -> None:
    """Nobody has to get there; who does is seen. Where nobody is, it counts whether something hides who comes."""
    it, own = Unnamed("2001:db8:d::10", direct, LOOK), (ip_network("172.20.0.0/24"),)
    judged = [*client_addresses.judged(sighted, own, ipv6=False, unnamed=it)]
    judged += client_addresses.judged_unnamed(it, sighted, lambda: shut)
    assert [each.verdict for each in judged] == [PASS, verdict]
    assert judged[-1].found.startswith(found)
    assert not [*client_addresses.judged_unnamed(None, sighted, lambda: shut)]


@pytest.mark.parametrize(
    ("said", "verdict", "found"),
    [
        (talk(code=530, text="log in", at="mail"), PASS, "530 log in (at mail)"),
        (SERVED, FAIL, "accepted b@x without a login"),
        (talk("refused"), PASS, "refused"),
        (talk("silent"), PASS, "silent"),
        (talk("unreachable"), UNKNOWN, ""),
        (talk("impostor", 250, "other", ""), UNKNOWN, "other"),
        (talk(code=451, text="later"), UNKNOWN, "451 later (at rcpt)"),
    ],
)
def test_submission(said: Conversation, verdict: Verdict, found: str) -> None:
    expected = "192.0.2.9 port 25 from here: expected a login required, or no connection, found "
    assert says(insiders.judged_submission(said), "") == (verdict, expected + found)
