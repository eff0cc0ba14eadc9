"""W-1 to W-8: the Worker at Cloudflare, its way to Dell, who gets in by it, and what senders hear."""

# ruff: noqa: E501 - tables of cases read better unbroken

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import ip_network
from typing import Any

import pytest

from fixtures.evidence import Finding
from fixtures.plan import worker as plan
from fixtures.probes.cloudflare import access
from fixtures.probes.cloudflare.api import Records, Routing, Rule, Zone
from fixtures.probes.cloudflare.bucket import Bucket, Waits
from fixtures.probes.cloudflare.email_worker import Deployed, Serving
from fixtures.probes.dell.allow_list import Table
from fixtures.probes.dell.doors import Door, Doors
from fixtures.probes.dns.queries import Answer, Host, Server
from fixtures.probes.mailbox.bounces import Returned
from fixtures.probes.mailbox.delivery import Delivery, Sent
from fixtures.probes.mailbox.imap import Search, Stored
from fixtures.probes.mailbox.message import Marked, Report
from fixtures.probes.mailbox.signatures import Forwarded
from fixtures.probes.smtp.knock import RcptResult
from fixtures.probes.worker import deployed, fetched, login, port_25, reach, refusals, unaltered, way_out
from fixtures.probes.worker.login import CLEAR, WORKER, Tried
from fixtures.probes.worker.way_out import Knocked, Unit
from tests.judges import ALICE, CLIENT, DOMAIN, FAIL, LOOK, PASS, SERVED, UNKNOWN, all_say, says, talk
from tests.test_route import by_worker

SETTINGS = by_worker()
DIGEST = sha256(plan.source().encode()).hexdigest()
VARIABLES = {"HOST": "in.example.net", "PORT": "2465", "LOGIN": "worker@pilot.example.net"}
THERE = Deployed("mxgate", DIGEST, plan.DATE, VARIABLES, frozenset({"PASSWORD"}), {}, frozenset(), "2026-11-27", LOOK)
LED = Rule("c", "", True, 0, "", "worker", ("mxgate",))
RULE = Rule("r", "", True, 0, "alice@a.example", "forward", ("x@b.example",))


def routing(*rules: Rule, catch_all: Rule = LED) -> Routing:
    zone = Zone("z", DOMAIN, "active", (), "a")
    return Routing(zone, True, "ready", False, (), (), rules, catch_all, LOOK, Records(zone, (), LOOK))


def test_the_source_is_ours() -> None:
    assert says(deployed.judged_source(THERE, SETTINGS), "")[0] is PASS
    found = says(deployed.judged_source(replace(THERE, digest="0" * 64), SETTINGS), "")
    assert found == (FAIL, f"the Worker mxgate: expected sha256 {DIGEST}, found sha256 {'0' * 64}. {deployed.DEPLOY}")
    found = says(deployed.judged_source(None, SETTINGS), "", looks=0)
    said = f"the Worker mxgate: expected sha256 {DIGEST}, found the account has no such Worker. {deployed.DEPLOY}"
    assert found == (FAIL, said)


@pytest.mark.parametrize(
    ("shares", "verdict", "said"),
    [
        ({"new": 100.0}, PASS, "found 100 % by new"),
        ({"old": 100.0}, FAIL, "found 100 % by old"),
        ({"new": 90.0, "old": 10.0}, FAIL, "found 90 % by new, 10 % by old"),
        ({}, UNKNOWN, "no version"),
    ],
)
def test_the_newest_version_takes_all(shares: Mapping[str, float], verdict: Any, said: str) -> None:
    found = says(deployed.judged_serving(Serving("mxgate", "new", shares, LOOK)), "")
    assert found[0] is verdict
    assert said in found[1]


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({}, []),
        ({"bindings": {**VARIABLES, "HOST": "evil.example"}}, ["HOST of the Worker: expected in.example.net, found evil.example"]),
        ({"bindings": {**VARIABLES, "PORT": "25"}}, ["PORT of the Worker: expected 2465, found 25"]),
        ({"bindings": {"HOST": "in.example.net", "PORT": "2465"}}, ["LOGIN of the Worker: expected worker@pilot.example.net, found not set"]),
        ({"secrets": frozenset()}, ["PASSWORD of the Worker: expected a secret, found not set"]),
        ({"secrets": frozenset(), "bindings": {**VARIABLES, "PASSWORD": "x"}}, ["PASSWORD of the Worker: expected a secret, found to be read by whoever may look"]),
        ({"bindings": {**VARIABLES, "COPY": "x"}}, ["what else the Worker is given: expected nothing, found COPY"]),
        ({"secrets": frozenset({"PASSWORD", "Z"}), "others": frozenset({"MAIL"})}, ["what else the Worker is given: expected nothing, found MAIL, Z"]),
        ({"date": "2021-11-02"}, ["the Worker's compatibility date: expected 2026-04-01, found 2021-11-02"]),
        ({"date": ""}, ["the Worker's compatibility date: expected 2026-04-01, found none"]),
    ],
)  # fmt: skip
def test_its_variables_are_the_settings_and_no_more(change: dict[str, Any], faults: list[str]) -> None:
    found = all_say(deployed.judged_variables(replace(THERE, **change), SETTINGS), "")
    assert len(found) == 6
    assert [said for verdict, said in found if verdict is FAIL] == [f"{each}. {deployed.DEPLOY}" for each in faults]


@pytest.mark.parametrize(
    ("rule", "verdict", "said"),
    [
        (LED, PASS, "enabled, worker mxgate"),
        (replace(LED, enabled=False), FAIL, "disabled, worker mxgate"),
        (replace(LED, destinations=("other",)), FAIL, "enabled, worker other"),
        (replace(LED, destinations=("mxgate", "other")), FAIL, "enabled, worker mxgate, other"),
        (replace(LED, action="forward"), FAIL, "enabled, forward mxgate"),
        (replace(LED, action="drop", destinations=()), FAIL, "enabled, drop"),
    ],
)
def test_the_catch_all_leads_to_it(rule: Rule, verdict: Any, said: str) -> None:
    found = says(deployed.judged_led(DOMAIN, routing(catch_all=rule), "mxgate"))
    assert found[0] is verdict
    assert found[1].startswith(f"the catch-all of a.example: expected enabled, worker mxgate, found {said}")


def test_no_rule_comes_before_it() -> None:
    assert says(deployed.judged_unruled(DOMAIN, routing())) == (PASS, "rules of a.example: expected none, found none")
    assert says(deployed.judged_unruled(DOMAIN, routing(replace(RULE, address="r@b.a.example"))))[0] is PASS
    found = says(deployed.judged_unruled(DOMAIN, routing(RULE)))
    assert found[0] is FAIL
    assert "found alice@a.example: forward x@b.example. A rule comes before" in found[1]


TUNNEL: dict[str, Any] = {"connection": "refused", "tunnel": True}


def way(*addresses: str, error: str = "", tunnel: bool = False, **said: Any) -> reach.Way:
    server = Server("quad9", "9.9.9.9")
    answer = Answer(server, "in.example.net", "A", addresses, 60, "NOERROR", (), error, LOOK)
    return reach.Way("in.example.net", 2465, Host("in.example.net", addresses, (), (answer,)), tunnel, talk(**said))


@pytest.mark.parametrize(
    ("address", "tunnel", "verdict", "said"),
    [
        ("198.51.100.10", False, PASS, "found public"),
        ("100.64.1.1", False, FAIL, "found of 100.64.0.0/10"),
        ("192.168.1.1", False, FAIL, "found private (RFC 1918)"),
        ("104.16.0.7", False, FAIL, "found Cloudflare's web proxy, to which no Worker may connect"),
        ("104.16.0.7", True, PASS, "expected Cloudflare's web proxy, found proxied"),
        ("198.51.100.10", True, FAIL, "found no proxy's. Publish it as a proxied CNAME"),
    ],
)
def test_its_name_is_public_and_a_tunnels_cloudflares(address: str, tunnel: bool, verdict: Any, said: str) -> None:
    ((found, sentence),) = all_say(reach.judged_name(way(address, tunnel=tunnel)), "")
    assert found is verdict
    assert said in sentence


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"connection": "refused", "text": "the tunnel's name answers 302 Found"}, PASS),
        ({"connection": "refused", "text": "the tunnel's name answers 503 Service Unavailable"}, UNKNOWN),
        ({"connection": "refused", "text": "connection refused"}, UNKNOWN),
        ({"connection": "silent", "text": "no answer"}, UNKNOWN),
        ({"connection": "open", "banner": "dell.example ESMTP", "code": 554}, FAIL),
    ],
)
def test_without_a_token_nobody_hears_of_dell(said: dict[str, Any], verdict: Any) -> None:
    (found,) = login.judged(login.Tried(login.UNKNOWN_TO_ACCESS[0], talk(**said)))
    assert found.verdict is verdict


def test_a_name_that_is_not_there_and_one_that_nobody_could_ask_for() -> None:
    assert [each.verdict for each in reach.judged_name(way())] == [FAIL]
    assert [each.verdict for each in reach.judged_name(way(error="SERVFAIL"))] == [UNKNOWN]


@pytest.mark.parametrize(
    ("said", "word", "verdict"),
    [
        ({"connection": "refused"}, "", PASS),
        ({"connection": "open", "banner": "dell.example ESMTP"}, "", PASS),
        ({"connection": "dropped", "text": "no TLS"}, "", PASS),
        ({"connection": "silent"}, "", UNKNOWN),
        ({"connection": "unreachable"}, "", UNKNOWN),
        ({"connection": "silent"}, "the provider", PASS),
        (TUNNEL | {"text": "the tunnel's name answers 302 Found"}, "", UNKNOWN),
        (TUNNEL | {"text": "the tunnel's name answers 404 Not Found"}, "", UNKNOWN),
        (TUNNEL | {"text": "the tunnel's name answers 502 Bad Gateway"}, "", PASS),
        (TUNNEL | {"text": "the tunnel's name answers 530"}, "", UNKNOWN),
    ],
)
def test_before_the_start_an_answer_or_a_word_is_enough(said: dict[str, Any], word: str, verdict: Any) -> None:
    """For a tunnel it is cloudflared that has to answer."""
    assert says(reach.judged_before(way(**said), word), "")[0] is verdict


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"banner": "Dell.example ESMTP Postfix"}, PASS),
        ({"banner": "other.example ESMTP"}, FAIL),
        ({"connection": "refused"}, FAIL),
        ({"connection": "dropped"}, FAIL),
        ({"connection": "silent"}, UNKNOWN),
        ({"connection": "unreachable"}, UNKNOWN),
    ],
)
def test_it_is_dell_that_greets(said: dict[str, Any], verdict: Any) -> None:
    assert says(reach.judged_greeting(way(**said), "dell.example"), "")[0] is verdict


OK, NO = RcptResult("a", 250, "ok", ""), RcptResult("a", 554, "no", "rcpt")
LATER = RcptResult("a", 450, "later", "rcpt")
OTHERS = "4.7.1 <bob@x.example>: SASL login name rejected: Access denied"
UNSAID = RcptResult("a", 0, "", "rcpt")


def tried(who: str, *results: RcptResult, **said: Any) -> Tried:
    return Tried(who, replace(talk(**({"extensions": ("CHUNKING",)} | said)), recipients=results))


@pytest.mark.parametrize(
    ("it", "verdicts"),
    [
        (tried(WORKER, OK, NO), [PASS, PASS]),
        (tried(WORKER, OK, NO, extensions=("SIZE",)), [FAIL, PASS, PASS]),
        (tried(WORKER, OK, OK), [PASS, FAIL]),
        (tried(WORKER, OK, LATER), [PASS, FAIL]),
        (tried(WORKER, NO, NO), [FAIL, PASS]),
        (tried(WORKER, LATER, NO), [FAIL, PASS]),
        (tried(WORKER, UNSAID, UNSAID), [UNKNOWN, UNKNOWN]),
        (tried(WORKER, code=535, text="bad login", at="auth"), [FAIL]),
        (tried(WORKER, connection="silent"), [UNKNOWN]),
        (tried("nobody", NO, NO, code=554), [PASS]),
        (tried("nobody", LATER, LATER, code=450), [FAIL]),
        (tried("nobody", code=450, text=OTHERS), [FAIL]),
        (tried("the user bob", code=450, text=OTHERS), [PASS]),
        (tried("the user bob", code=450, text="4.7.1 <bob>: Recipient address rejected: Greylisted"), [FAIL]),
        (tried("nobody", OK, NO, code=250), [FAIL, PASS]),
        (tried("nobody", OK, OK, code=250), [FAIL, FAIL]),
        (tried("nobody", connection="silent"), [UNKNOWN]),
        (tried("nobody", connection="dropped"), [UNKNOWN]),
    ],
)
def test_only_the_worker_is_taken_in(it: Tried, verdicts: list[Any]) -> None:
    assert [found.verdict for found in login.judged(it)] == verdicts


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"connection": "dropped", "text": "no reply in 4 s"}, PASS),
        ({"connection": "open", "banner": "dell ESMTP"}, FAIL),
        ({"connection": "silent"}, UNKNOWN),
        ({"connection": "unreachable"}, UNKNOWN),
    ],
)
def test_nothing_is_said_in_the_clear(said: dict[str, Any], verdict: Any) -> None:
    assert says(login.judged_clear(tried(CLEAR, **said)), "")[0] is verdict


def test_the_table_is_ours() -> None:
    ours = (ip_network("172.20.0.0/24"), ip_network("100.64.10.1/32"))
    full = Table("/t", ours, (), (), LOOK)
    assert [verdict for verdict, _ in all_say(port_25.judged_table(full, ours), "")] == [PASS, PASS]
    assert [verdict for verdict, _ in all_say(port_25.judged_table(full, ours[:1]), "")] == [PASS, FAIL]
    odd = Table("/t", ours[:1], (), ("if /x/",), LOOK)
    assert [verdict for verdict, _ in all_say(port_25.judged_table(odd, ours), "")] == [PASS, FAIL]
    assert [verdict for verdict, _ in all_say(port_25.judged_table(Table("/t", (), (), (), LOOK), ours), "")] == [PASS]


UP = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "Restart": "always",
    "UnitFileState": "enabled",
}


@pytest.mark.parametrize(
    ("values", "verdicts"),
    [
        ({}, [PASS, PASS, PASS]),
        ({"Restart": "on-failure", "UnitFileState": "static"}, [PASS, PASS, PASS]),
        ({"SubState": "auto-restart", "ActiveState": "activating"}, [FAIL, PASS, PASS]),
        ({"SubState": "exited"}, [FAIL, PASS, PASS]),
        ({"ActiveState": "failed"}, [FAIL, PASS, PASS]),
        ({"UnitFileState": "disabled"}, [PASS, FAIL, PASS]),
        ({"UnitFileState": ""}, [PASS, FAIL, PASS]),
        ({"Restart": "no"}, [PASS, PASS, FAIL]),
        ({"Restart": ""}, [PASS, PASS, FAIL]),
        ({"LoadState": "not-found"}, [FAIL]),
    ],
)
def test_the_unit_is_supervised(values: Mapping[str, str], verdicts: list[Any]) -> None:
    assert [
        verdict for verdict, _ in all_say(way_out.judged_unit(Unit("way.service", {**UP, **values}, LOOK)), "")
    ] == verdicts


def door(port: int, *addresses: str) -> Door:
    return Door(port, addresses, f"{port}/inet", True, ())


@pytest.mark.parametrize(
    ("doors", "verdict"),
    [
        ((door(2465, "127.0.0.1"),), PASS),
        ((door(25, "0.0.0.0"), door(2465, "127.0.0.1", "::1")), PASS),
        ((door(2465, "0.0.0.0"),), FAIL),
        ((door(2465, "127.0.0.1", "198.51.100.10"),), FAIL),
        ((door(25, "127.0.0.1"),), FAIL),
    ],
)
def test_postfix_listens_on_loopback(doors: tuple[Door, ...], verdict: Any) -> None:
    assert says(way_out.judged_inner(Doors(doors, LOOK), "127.0.0.1:2465"), "")[0] is verdict


@pytest.mark.parametrize(
    ("said", "blind", "verdict"),
    [
        ({"connection": "refused"}, "", PASS),
        ({"connection": "refused"}, "blind", PASS),
        ({"connection": "silent"}, "", PASS),
        ({"connection": "silent"}, "port 25 is blocked there", UNKNOWN),
        ({"connection": "unreachable"}, "", PASS),
        ({"connection": "open", "code": 554}, "", FAIL),
        ({"connection": "dropped"}, "", FAIL),
        ({"connection": "impostor"}, "", FAIL),
    ],
)
def test_no_port_is_open(said: dict[str, Any], blind: str, verdict: Any) -> None:
    knocked = Knocked(CLIENT, door(25, "0.0.0.0"), talk(**said), blind)
    assert [each[0] for each in all_say(way_out.judged_shut((knocked,), Doors((), LOOK)), "")] == [verdict]
    assert [each[0] for each in all_say(way_out.judged_shut((), Doors((), LOOK)), "")] == [PASS]


@pytest.mark.parametrize(
    ("path", "verdict"),
    [("bob@four.example", PASS), ("Bob@Four.example", PASS), ("SRS0=x@a.example", FAIL), ("", FAIL), (None, UNKNOWN)],
)
def test_the_envelope_is_as_it_was(path: str | None, verdict: Any) -> None:
    sent = Sent(ALICE, "four", Marked("<m>", "bob@four.example", ("alice@a.example",), b""), "alice@a.example", talk())
    copy = None if path is None else Stored("alice", "INBOX", 7, (("Return-Path", f"<{path}>"),) if path else ())
    delivery = Delivery(sent, (), Search("alice", (), (), 0.0, LOOK), "")
    assert says(unaltered.judged_envelope(Forwarded(delivery, copy, (), None, (LOOK,))))[0] is verdict


@pytest.mark.parametrize(
    ("said", "relay", "known", "verdict"),
    [
        ("550 5.7.1 5.1.1 <x>: User unknown", "route1.mx.cloudflare.net", True, PASS),
        ("550 5.7.1 Worker took too long", "route1.mx.cloudflare.net", True, FAIL),
        ("550 5.1.1 <x> User doesn't exist", "dell.example", True, FAIL),
        ("", "", True, FAIL),
        ("", "", False, UNKNOWN),
    ],
)
def test_the_sender_hears_dells_words(said: str, relay: str, *, known: bool, verdict: Any) -> None:
    sent = Sent(ALICE, "four", Marked("<m>", "b@x", ("b@x",), b""), "b@x", replace(SERVED, queued="250 ok"))
    back = Returned(Report("<m>", said, relay) if said else None, 2.0, LOOK)
    assert says(refusals.judged_nobody(refusals.Heard(sent, back, known)), looks=2)[0] is verdict


BUCKET = Bucket("waiting", (), (), (), (), (), LOOK)
TIMER = Unit("mxgate-fetch.timer", {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled"}, LOOK)
SERVICE = Unit("mxgate-fetch.service", {"LoadState": "loaded", "Result": "success"}, LOOK)
PRIVATE = {"/etc/mxgate-bucket.curl": "600 root", "/etc/mxgate-postfix.curl": "600 root"}
FETCHING = fetched.Fetching(TIMER, SERVICE, PRIVATE, LOOK)


@pytest.mark.parametrize(
    ("ages_s", "said"),
    [
        ((), ""),
        ((899, 10), ""),
        ((901, 3700, 5), "the bucket waiting: expected no message for over 15 min, found 2, the oldest for 62 min, from <a@a.example> to <b@b.example>"),
    ],
)  # fmt: skip
def test_nothing_waits_for_long(ages_s: tuple[int, ...], said: str) -> None:
    since = [datetime.fromtimestamp(10_000 - each, UTC) for each in ages_s]
    mail = tuple(Waits(f"mail/{each}", 1, each, "a@a.example", "b@b.example") for each in since)
    verdict, text = says(fetched.judged_waiting(replace(BUCKET, mail=mail), 10_000, 900), "")
    assert verdict is (FAIL if said else PASS)
    assert said in text


@pytest.mark.parametrize("waits", [0, 1])
def test_nothing_waits_where_nobody_fetches_and_nothing_is_deleted_unfetched(waits: int) -> None:
    it = replace(BUCKET, mail=(Waits("mail/1", 1, None),) * waits, rules=("after a day",) * waits)
    for judge, found in ((fetched.judged_former, f"{waits} messages"), (fetched.judged_lasting, "after a day")):
        verdict, text = says(judge(it), "")
        assert (verdict, found in text) == ((FAIL, True) if waits else (PASS, found.startswith("0")))


@pytest.mark.parametrize(
    ("timer", "service", "said"),
    [
        ({}, {}, []),
        ({"LoadState": "not-found"}, {}, ["mxgate-fetch.timer: expected loaded, found not-found"]),
        ({"ActiveState": "inactive"}, {}, ["mxgate-fetch.timer: expected active, found inactive"]),
        ({"UnitFileState": "enabled-runtime"}, {}, ["mxgate-fetch.timer, when Dell starts: expected enabled, found enabled-runtime"]),
        ({}, {"Result": "timeout"}, ["the last run of mxgate-fetch.service: expected success, found timeout"]),
    ],
)  # fmt: skip
def test_what_fetches_is_on(timer: Mapping[str, str], service: Mapping[str, str], said: list[str]) -> None:
    it = replace(FETCHING, timer=replace(TIMER, values={**TIMER.values, **timer}))
    it = replace(it, service=replace(SERVICE, values={**SERVICE.values, **service}))
    assert _faults(fetched.judged_units(it)) == said


@pytest.mark.parametrize(
    ("modes", "public", "said"),
    [
        ({}, (), []),
        ({"/etc/mxgate-bucket.curl": "640 root"}, (), ["/etc/mxgate-bucket.curl: expected 600 root, found 640 root"]),
        ({"/etc/mxgate-postfix.curl": "600 bob"}, (), ["/etc/mxgate-postfix.curl: expected 600 root, found 600 bob"]),
        ({}, ("pub-1.r2.dev",), ["who in the world reads the bucket waiting: expected nobody, found pub-1.r2.dev"]),
    ],
)
def test_nobody_else_reads_what_waits(modes: Mapping[str, str], public: tuple[str, ...], said: list[str]) -> None:
    it = replace(FETCHING, modes={**PRIVATE, **modes})
    assert _faults(fetched.judged_private(it, replace(BUCKET, public=public))) == said


OPENS_NOTHING_ELSE = {403: PASS, 401: PASS, 200: FAIL, 0: UNKNOWN, 503: UNKNOWN}
DELETES = {204: PASS, 404: PASS, 403: FAIL, 401: FAIL, 200: UNKNOWN, 0: UNKNOWN, 503: UNKNOWN}


@pytest.mark.parametrize(
    ("judge", "verdicts"), [(fetched.judged_narrow, OPENS_NOTHING_ELSE), (fetched.judged_deleting, DELETES)]
)
def test_what_dells_keys_may(judge: Any, verdicts: dict[int, Any]) -> None:
    assert {each: says(judge(fetched.Tried("it", each, LOOK)), "")[0] for each in verdicts} == verdicts


@pytest.mark.parametrize(
    ("days", "known", "enabled", "verdict", "said"),
    [
        (14, True, True, PASS, "found 14 days left"),
        (13, True, True, FAIL, "found 13 days left. Refresh it"),
        (None, True, True, PASS, "found for ever"),
        (300, True, False, FAIL, "found 300 days left, disabled"),
        (None, False, False, FAIL, "found none of that client id"),
    ],
)
def test_the_service_token_lasts(days: int | None, *, known: bool, enabled: bool, verdict: Any, said: str) -> None:
    until = None if days is None else datetime.fromtimestamp(days * 86400, UTC)
    ((found, sentence),) = all_say(access.judged(access.ServiceToken(known, until, enabled, LOOK), 0, 14), "")
    assert found is verdict
    assert said in sentence


def test_where_access_guards_nothing_no_token_is_wanted() -> None:
    assert [each.verdict for each in access.judged(None, 0, 14)] == [PASS]


def _faults(found: Iterable[Finding]) -> list[str]:
    """Without their hints."""
    return [text.partition(". ")[0] for verdict, text in all_say(found, "") if verdict is FAIL]
