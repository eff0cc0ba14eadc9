"""A truncated answer is asked for again by TCP; one that never comes says so."""

import socket
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rrset
import pytest

from fixtures.probes.dns import queries as probe

LONG = " ".join(['"' + "x" * 250 + '"'] * 20)


@pytest.fixture
def truncating() -> Iterator[int]:
    """The port of a name server that answers only by TCP, and by UDP that it would be too long."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        port: int = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        tcp.listen()
        threads = [threading.Thread(target=serve, args=(made,)) for serve, made in ((_by_udp, udp), (_by_tcp, tcp))]
        for each in threads:
            each.start()
        yield port
        for each in threads:
            each.join(5)


def _by_udp(server: socket.socket) -> None:
    server.settimeout(5)
    wire, sender = server.recvfrom(4096)
    reply = dns.message.make_response(dns.message.from_wire(wire))
    reply.flags |= dns.flags.TC
    server.sendto(reply.to_wire(), sender)


def _by_tcp(server: socket.socket) -> None:
    server.settimeout(5)
    connection, _ = server.accept()
    with connection, connection.makefile("rwb") as stream:
        wire = stream.read(int.from_bytes(stream.read(2), "big"))
        query = dns.message.from_wire(wire)
        reply = dns.message.make_response(query)
        reply.answer.append(dns.rrset.from_text(query.question[0].name, 300, "IN", "TXT", LONG))
        answer = reply.to_wire(max_size=65_535)
        stream.write(len(answer).to_bytes(2, "big") + answer)


def test_a_truncated_answer_is_asked_for_again_by_tcp(truncating: int) -> None:
    (answer,) = probe.ask([probe.Server("long", "127.0.0.1", port=truncating)], "own.example", "TXT")
    assert not answer.error
    assert [len(text) for text in answer.rrset] == [5000]
    assert answer.evidence.again == f"dig @127.0.0.1 -p {truncating} own.example TXT"


def test_silence_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "TRY_S", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        (answer,) = probe.ask([probe.Server("deaf", "127.0.0.1", port=deaf.getsockname()[1])], "own.example", "MX")
    assert "Timeout" in answer.error
    assert answer.rrset == ()
