"""The block list, addresses that aren't ASCII, and what the forwarder makes of a destination's abilities."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from fixtures.lab.emulator.hop.delivery import BriefCache
from fixtures.lab.emulator.hop.lookups import BLOCKLIST
from fixtures.lab.emulator.rig import DELIVERY, ROUTED, SENDER, Names, rule
from fixtures.lab.emulator.state import Rule
from tests.emulator.hop_support import Scene, message


@pytest.fixture(autouse=True)
def without_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests publish counts at once."""
    monkeypatch.setattr(BriefCache, "get", lambda *_: None)


async def test_a_sender_on_the_block_list_is_refused_as_documented(stage: Scene) -> None:
    stage.names[f"1.0.0.127.{BLOCKLIST}", "A"] = ["127.0.0.2"]
    reply = await stage.send(message())
    assert reply.startswith("554 127.0.0.1 found on one or more RBLs (abusixip). Refer to https://")
    assert stage.world.events[-1]["status"] == "rejected"
    stage.names[f"1.0.0.127.{BLOCKLIST}", "A"] = ["192.0.2.1"]  # no answer of a list (RFC 5782, 2.3)
    assert (await stage.send(message())).startswith("250")
    assert len(stage.destination.taken) == 1


REVERSE = "1.0.0.127.in-addr.arpa", "PTR"


async def greeting(stage: Scene) -> tuple[str, str, str]:
    """What a client on loopback is greeted with, and the answers to EHLO and QUIT; "" where it was hung up on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.mx_port)
    writer.write(b"EHLO client.example.net\r\nQUIT\r\n")
    said = (await reader.read()).decode().split("\r\n")
    writer.close()
    return said[0], said[1] if len(said) > 2 else "", said[-2] if len(said) > 2 else ""


@pytest.mark.parametrize(
    ("names", "leads_back"),
    [
        ([], False),
        (["mail.example.net."], True),
        (["elsewhere.example.net."], False),
        (["elsewhere.example.net.", "mail.example.net."], True),
    ],
    ids=["no PTR", "there and back", "not back", "one of two"],
)
async def test_who_has_no_name_that_leads_back_is_turned_away_in_place_of_the_greeting(
    stage: Scene, names: list[str], leads_back: bool
) -> None:
    stage.names["elsewhere.example.net", "A"] = ["192.0.2.1"]
    stage.names[REVERSE] = names
    first, ehlo, last = await greeting(stage)
    if leads_back:
        assert (first[:4], ehlo[:4], last[:3]) == ("220 ", "250-", "221")
    else:
        assert (first, ehlo[:3], last[:3]) == ("550 Sender IP reverse lookup rejected", "503", "221")
    stage.world.knobs.reverse_lookup = "ignored"
    assert (await greeting(stage))[0].startswith("220 ")


async def test_where_dns_fails_a_client_may_come_again(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixtures.lab.emulator.hop.lookups.REVERSE_S_MAX", 0.2)
    stage.names.clear()
    monkeypatch.setattr(Names, "datagram_received", lambda *_: None)
    assert await greeting(stage) == ("421 4.4.3 Sender IP reverse lookup failed, try again later", "", "")


async def test_mail_to_nobody_may_be_taken_and_dropped(stage: Scene) -> None:
    assert (await stage.send(message(), to=(f"nobody@{ROUTED}",))).startswith("550 5.1.1")
    stage.world.knobs.nobody = "discarded"
    assert await stage.send(message(), to=(f"nobody@{ROUTED}",)) == "250 2.0.0 Ok"
    assert stage.world.events[-1]["status"] == "dropped"
    assert (await stage.send(message(), to=("nobody@elsewhere.example",))).startswith("550 5.1.1")
    stage.zone.routing.enabled = False
    assert (await stage.send(message(), to=(f"nobody@{ROUTED}",))).startswith("550 5.1.1")
    assert not stage.destination.taken


async def utf8(stage: Scene, recipient: str, content: bytes, *, asked: bool = True, sender: str = "bob") -> str:
    """The last reply to CONTENT for RECIPIENT, with or without SMTPUTF8."""
    option = "SMTPUTF8" if asked else ""
    return await stage.send(content, sender=f"{sender}@{SENDER}", to=(recipient,), option=option)


async def test_international_domains_are_served_and_local_parts_are_not(stage: Scene) -> None:
    stage.zone.name = "xn--piata-pta.example.net"
    catch_all = {"type": "forward", "value": [f"alice@{DELIVERY}"]}
    stage.zone.routing.catch_all = Rule([{"type": "all"}], [catch_all])
    assert (await utf8(stage, "info@pi\u00f1ata.example.net", message())).startswith("250")
    assert b"for <info@xn--piata-pta.example.net>" in stage.last[2]
    assert (await utf8(stage, "info@xn--piata-pta.example.net", message(), asked=False)).startswith("250")
    assert (await utf8(stage, "jos\u00e9@xn--piata-pta.example.net", message())).startswith("553 5.6.7 Intern")
    assert (await utf8(stage, "info@pi\u00f1ata.example.net", message(), asked=False)).startswith("553 5.6.7 A non")


@pytest.mark.parametrize("able", [True, False])
async def test_a_header_in_utf8_reaches_only_a_destination_that_offers_smtputf8(stage: Scene, able: bool) -> None:
    async with _other(stage, enable_SMTPUTF8=able):
        reply = await utf8(stage, f"alice@{ROUTED}", message("caf\u00e9"))
        assert reply.startswith("250" if able else "550")
        assert (len(stage.destination.taken) == 1) is able
        if not able:
            assert "5.6.7 it needs SMTPUTF8" in reply
        assert (await utf8(stage, f"alice@{ROUTED}", message())).startswith("250"), "plain ASCII needs nothing"
        assert (await stage.send(message(body="caf\u00e9\r\n"))).startswith("250")
        assert "caf\u00e9\r\n".encode() in stage.last[2]


async def test_a_sender_in_utf8_is_rewritten_as_it_is(stage: Scene) -> None:
    async with _other(stage, enable_SMTPUTF8=True):
        assert (await utf8(stage, f"alice@{ROUTED}", message(), sender="jos\u00e9")).startswith("250")
        assert stage.last[0].endswith(f"={SENDER}=jos\u00e9@{ROUTED}")


async def test_a_destination_without_ehlo_is_greeted_with_helo(stage: Scene) -> None:
    class Old(SMTP):
        async def smtp_EHLO(self, hostname: str) -> None:  # noqa: ARG002, N802
            await self.push("502 5.5.1 what is that")

    async with _other(stage, Old):
        assert (await stage.send(message())).startswith("250")
        assert stage.world.events[-1]["tls"] is False


async def test_ipv6_comes_first_and_preference_before_it(stage: Scene) -> None:
    stage.names["mail.example.net", "AAAA"] = ["::1"]
    async with _other(stage, host="::1"):
        assert (await stage.send(message())).startswith("250")
        assert stage.world.events[-1]["upstream"] == "mail.example.net[::1]"
    assert (await stage.send(message())).startswith("421"), "nobody listens there now"
    async with _other(stage):
        assert (await stage.send(message())).startswith("250")
        assert stage.world.events[-1]["upstream"] == "mail.example.net[127.0.0.1]"


async def test_a_header_without_end_is_refused(stage: Scene) -> None:
    reply = await stage.send(b"X-Long: y\r\n" * 30_000)
    assert reply.startswith("550 5.6.0 The message's header can't be read (RFC 5322): it is longer than 262144")


async def test_each_recipient_has_its_own_answer(stage: Scene) -> None:
    stage.zone.routing.rules.append(rule("carol", {"type": "drop"}))
    both = (f"nobody@{ROUTED}", f"carol@{ROUTED}")
    async with stage.client() as client:
        errors, _ = await client.sendmail(f"bob@{SENDER}", both, message())
    assert list(errors) == [both[0]]
    assert [row["status"] for row in stage.world.events] == ["rejected", "dropped"]


@asynccontextmanager
async def _other(stage: Scene, kind: type[SMTP] = SMTP, host: str = "127.0.0.1", **options: Any) -> AsyncIterator[None]:
    """Another server for the destination, on HOST."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: kind(stage.destination, hostname=DELIVERY, loop=loop, **options), host, 0)
    stage.hop.forwarder.delivery.port = server.sockets[0].getsockname()[1]
    yield
    server.close()
