"""A truncated answer is asked for again by TCP; one that never comes says so, and one to another question is none."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import dns.asyncquery
import dns.flags
import dns.message
import dns.resolver
import dns.rrset
import pytest

from fixtures.access.loop import gather, run
from fixtures.evidence import Verdict
from fixtures.preflight import reach
from fixtures.probes.dns import datagrams, queries as probe

OWN = "own.example"


def test_silence_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "TRY_S", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        (answer,) = probe.ask([probe.Server("deaf", "127.0.0.1", port=deaf.getsockname()[1])], "own.example", "MX")
    assert "Timeout" in answer.error
    assert answer.rrset == ()


Replies = Callable[[dns.message.Message], list[bytes]]


@contextmanager
def answering(replies: Replies, number: int) -> Iterator[tuple[int, list[int]]]:
    """The port of a name server that takes NUMBER questions, then answers each by REPLIES; and from where they came.

    A reply with an ID that nobody used comes first.
    """
    asked, ports = list[tuple[dns.message.Message, tuple[str, int]]](), list[int]()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)

        def serve() -> None:
            for _ in range(number):
                wire, sender = server.recvfrom(4096)
                asked.append((dns.message.from_wire(wire), sender))
                ports.append(sender[1])
            nobodys = next(number for number in range(0x10000) if number not in {query.id for query, _ in asked})
            for query, sender in reversed(asked):
                for reply in (nobodys.to_bytes(2, "big") + answer_to(query, "forged")[2:], *replies(query)):
                    server.sendto(reply, sender)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], ports
        thread.join(5)


def answer_to(query: dns.message.Message, text: str = "") -> bytes:
    reply = dns.message.make_response(query)
    name = query.question[0].name
    reply.answer.append(dns.rrset.from_text(name, 300, "IN", "TXT", text or name.to_text()))
    return reply.to_wire()


def saying(section: Literal["answer", "authority"], *rrset: Any, flags: int = dns.flags.AA) -> Replies:
    """Replies with this RRset, if any: an answer of the server's own, with FLAGS, or what it names in its place."""

    def replies(query: dns.message.Message) -> list[bytes]:
        reply = dns.message.make_response(query)
        reply.flags |= flags if section == "answer" else 0
        getattr(reply, section).extend([dns.rrset.from_text(*rrset)] if rrset else [])
        return [reply.to_wire()]

    return replies


def asked(replies: Replies, name: str, kind: str = "TXT", *, zone: str = "") -> probe.Answer:
    """What comes of one question that is answered so, by a name server of ZONE, or a resolver."""
    with answering(replies, 1) as (port, _):
        (answer,) = probe.ask([probe.Server("own", "127.0.0.1", port=port, zone=zone)], name, kind)
    return answer


def test_a_truncated_answer_is_asked_for_again_by_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the same port."""
    came = list[int]()

    def truncated(query: dns.message.Message) -> list[bytes]:
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.TC
        return [reply.to_wire()]

    async def tcp(query: dns.message.Message, _: str, *, port: int, **__: Any) -> dns.message.Message:
        came.append(port)
        return dns.message.from_wire(answer_to(query, "whole"))

    monkeypatch.setattr(dns.asyncquery, "tcp", tcp)
    with answering(truncated, 1) as (port, _):
        (answer,) = probe.ask([probe.Server("long", "127.0.0.1", port=port)], "own.example", "TXT")
    assert (answer.error, answer.rrset) == ("", ("whole",))
    assert came == [port]
    assert answer.evidence.again == f"dig @127.0.0.1 -p {port} own.example TXT"


NAMES = [f"{number}.own.example" for number in range(8)]


def test_questions_at_one_time_share_a_port_and_each_gets_its_own_answer() -> None:
    with answering(lambda query: [answer_to(query), answer_to(query, "twice")], len(NAMES)) as (port, ports):
        server = probe.Server("own", "127.0.0.1", port=port)
        found = run(gather(probe.aask(server, name, "TXT") for name in NAMES))
    assert [each.rrset for each in found] == [(f"{name}.",) for name in NAMES]
    assert len(set(ports)) == 1


def test_later_questions_come_from_another_port() -> None:
    seen = set[int]()
    for _ in range(4):
        with answering(lambda query: [answer_to(query)], 1) as (port, ports):
            probe.ask([probe.Server("own", "127.0.0.1", port=port)], "own.example", "TXT")
        seen.update(ports)
    assert len(seen) > 1


def test_an_answer_to_another_question_is_none() -> None:
    def other(query: dns.message.Message) -> list[bytes]:
        wrong = dns.message.make_query("other.example", "TXT")
        wrong.id = query.id
        return [answer_to(wrong)]

    answer = asked(other, "own.example")
    assert "BadResponse" in answer.error
    assert answer.rrset == ()
    query = dns.message.make_query("own.example", "TXT", id=7)
    with answering(other, 1) as (port, _), pytest.raises(dns.query.BadResponse):
        run(datagrams.ask(query, "127.0.0.1", port, 5))
    assert query.id == 7


def test_equal_replies_keep_the_ids_of_their_questions() -> None:
    """Though they are parsed once."""
    queries = [dns.message.make_query("own.example", "TXT", id=number) for number in (7, 8)]
    with answering(lambda query: [answer_to(query)], len(queries)) as (port, _):
        replies = run(gather(datagrams.ask(each, "127.0.0.1", port, 5) for each in queries))
    assert [each.id for each in replies] == [each.id for each in queries] == [7, 8]
    assert replies[0].answer is replies[1].answer


@pytest.mark.parametrize(
    ("owner", "aliases", "zone", "elsewhere"),
    [
        ("_dmarc.own.example.", "", "own.example", "delegated to ns1.d.example"),
        ("_dmarc.own.example.", "", "", ""),
        (".", "d.example", "own.example", "an alias of d.example"),
        (".", "d.example", "", ""),
    ],
)
def test_a_servers_own_word_that_the_answer_is_elsewhere(owner: str, aliases: str, zone: str, elsewhere: str) -> None:
    led = saying("authority", owner, 300, "IN", "NS", "ns1.d.example.")
    if aliases:
        led = saying("answer", "_dmarc.own.example.", 300, "IN", "CNAME", f"{aliases}.")
    answer = asked(led, "_dmarc.own.example", zone=zone)
    assert (answer.rrset, answer.error, answer.elsewhere) == ((), "", elsewhere)


LED = ("ns1.d.example",)


@pytest.mark.parametrize(
    ("owner", "led"),
    [
        ("dell.mx.own.example.", LED),
        ("mx.own.example.", LED),
        ("own.example.", ()),
        (".", ()),  # a server that doesn't know the zone sends upwards
        ("x.dell.mx.own.example.", ()),
        ("ell.mx.own.example.", ()),
    ],
)
def test_a_name_that_is_delegated_or_one_above_it(owner: str, led: tuple[str, ...]) -> None:
    """Whatever it is called; to the zone itself, or above it, only a server sends that doesn't serve it."""
    there = asked(saying("authority", owner, 300, "IN", "NS", "ns1.d.example."), "dell.mx.own.example", "MX", zone=OWN)
    assert there.referral == led
    assert there.error.startswith("not authoritative") == (not led)


@pytest.mark.parametrize(("kind", "flags"), [("NS", 0), ("NS", dns.flags.RA), ("A", dns.flags.RA)])
@pytest.mark.parametrize("zone", [OWN, ""])
def test_what_answers_in_a_name_servers_place_is_not_taken_for_it(kind: str, flags: int, zone: str) -> None:
    """A cache, where a router redirects port 53: its lifetime, and that it has nothing, say nothing of the zone."""
    answer = asked(saying("answer", f"{OWN}.", 300, "IN", "NS", "ns1.d.example.", flags=flags), OWN, kind, zone=zone)
    assert answer.rrset == (LED if kind == "NS" else ())
    assert answer.error.startswith("not authoritative") == bool(zone)


@pytest.mark.parametrize(("flags", "verdict"), [(dns.flags.AA, Verdict.PASS), (dns.flags.RA, Verdict.INCONCLUSIVE)])
def test_the_doctor_finds_out_who_answers_for_the_name_servers(
    flags: int, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    soa = f"{OWN}.", 300, "IN", "SOA", "ns1.own.example. dns.own.example. 1 2 3 4 5"
    with answering(saying("answer", *soa, flags=flags), 1) as (port, _):
        monkeypatch.setitem(probe._authorities, OWN, (probe.Server("own", "127.0.0.1", port=port, zone=OWN),))
        (found,) = reach.name_server(OWN)
    assert found.verdict is verdict
    assert (verdict is Verdict.PASS) or "redirects port 53" in found.found


@pytest.mark.parametrize(
    ("ways", "near"),
    [({"192.0.2.1", "2001:db8::1"}, ("192.0.2.1",)), ({"2001:db8::1"}, ("2001:db8::1",)), (set(), ("192.0.2.1",))],
)
def test_a_name_server_is_asked_at_an_address_to_which_there_is_a_way(
    ways: set[str], near: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without IPv4 asks by IPv6; one without a network says of the first that it can't be reached."""
    monkeypatch.setattr(probe, "_has_way", ways.__contains__)
    assert probe.Host("ns1", ("192.0.2.1",), ("2001:db8::1",), ()).near == near
    assert probe.Host("ns1", (), ("2001:db8::1",), ()).near == ("2001:db8::1",)
    assert probe.Host("ns1", (), (), ()).near == ()


def test_this_machine_has_a_way_to_itself() -> None:
    assert probe._has_way("127.0.0.1")


def test_where_no_resolver_is_named_it_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the C library takes it (resolv.conf(5))."""

    def none() -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver, "Resolver", none)
    assert [each.address for each in probe.default_servers()] == ["127.0.0.1"]


@pytest.mark.parametrize(("ttl", "minimum", "kept_s"), [(1766, 3600, 1766), (3600, 300, 300), (None, 0, None)])
def test_how_long_a_cache_keeps_that_there_is_none(ttl: int | None, minimum: int, kept_s: int | None) -> None:
    soa = ("own.example.", ttl, "IN", "SOA", f"ns1.own.example. dns.own.example. 1 2 3 4 {minimum}")
    answer = asked(saying("authority", *(() if ttl is None else soa)), "dell.own.example", "MX")
    assert (answer.ttl, answer.absent_s) == (None, kept_s)
