"""Every planted fault of the mail, at every stage, as a real client meets it, and what our forwarder makes of it."""

import asyncio
import time

import aiosmtplib
import pytest

from fixtures.lab.emulator.hop import forward
from fixtures.lab.emulator.rig import DELIVERY, ROUTED, SENDER
from tests.emulator.hop_support import Scene, message

STAGES = ("connect", "ehlo", "mail", "rcpt", "data", "dot", "quit")
REFUSING = {"4xx": 451, "5xx": 554, "421": 421}
STALL_S = 0.3


async def met(stage: Scene) -> tuple[str, int]:
    """A whole session: where it ended otherwise than well, and with which code (0: hung up); ``("", 0)``: nowhere."""
    client, at = stage.client(start_tls=False), "connect"
    try:
        await client.connect()
        at = "ehlo"
        await client.ehlo()
        at = "mail"
        await client.mail(f"bob@{SENDER}")
        at = "rcpt"
        await client.rcpt(f"alice@{ROUTED}")
        at = "data"
        reply = await client.execute_command(b"DATA")
        if reply.code != 354:
            return at, reply.code
        at = "dot"
        assert client.protocol is not None
        client.protocol.write(message() + b".\r\n")
        reply = await client.protocol.read_response()
        if reply.code != 250:
            return at, reply.code
        at = "quit"
        reply = await client.execute_command(b"QUIT")
    except aiosmtplib.SMTPConnectResponseError as error:
        return at, error.code
    except aiosmtplib.SMTPResponseException as error:
        return at, error.code
    except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPConnectError):
        return at, 0
    finally:
        client.close()
    return ("", 0) if reply.code == 221 else (at, reply.code)


@pytest.mark.parametrize("kind", ["4xx", "5xx", "421", "drop", "stall"])
@pytest.mark.parametrize("at", STAGES)
async def test_a_sender_meets_it_once_where_it_was_planted(stage: Scene, at: str, kind: str) -> None:
    stage.world.mail_faults.plant({"stage": at, "kind": kind, "stall_s": STALL_S})
    began = time.monotonic()
    found = await met(stage)
    took = time.monotonic() - began
    if kind == "stall":
        assert (found, took >= STALL_S) == (("", 0), True)
    elif kind == "drop" and at == "quit":
        # Gone without a word is how aiosmtplib takes QUIT anyway; the message was delivered before.
        assert found in {("", 0), ("quit", 0)}
    else:
        assert found == (at, REFUSING.get(kind, 0))
    taken = len(stage.destination.taken)
    assert taken == (1 if at == "quit" or kind == "stall" else 0)
    assert stage.world.mail_faults.as_json() == []
    assert await met(stage) == ("", 0), "the next sender is served"
    assert len(stage.destination.taken) == taken + 1


@pytest.mark.parametrize("kind", ["4xx", "5xx", "421", "drop", "stall"])
@pytest.mark.parametrize("at", STAGES)
async def test_our_forwarder_meets_it_at_the_destination(stage: Scene, at: str, kind: str) -> None:
    stage.names[DELIVERY, "MX"] = ["10 mail.example.net."]  # the only one: no other makes up for it
    stage.world.mail_faults.plant({"side": "upstream", "stage": at, "kind": kind, "stall_s": STALL_S})
    began = time.monotonic()
    reply = await stage.send(message())
    took = time.monotonic() - began
    row = stage.world.events[-1]
    if at == "quit" or kind == "stall":
        assert (reply[:3], row["status"], len(stage.destination.taken)) == ("250", "delivered", 1)
        assert kind != "stall" or took >= STALL_S
        return
    assert (reply[:3], row["status"]) == ("550" if kind == "5xx" else "421", "deliveryFailed")
    assert not stage.destination.taken, "what the sender hears has failed is not at the destination"
    said = {"4xx": "transient error (451)", "5xx": "permanent error (554)", "421": "transient error (421)"}
    assert said.get(kind, "connection lost") in row["errorDetail"]
    assert at in row["errorDetail"]
    assert (await stage.send(message())).startswith("250"), "and the next is delivered"


async def test_it_is_met_by_those_it_is_for(stage: Scene) -> None:
    stage.world.mail_faults.plant({"stage": "rcpt", "kind": "5xx", "matching": "^bob@", "reply": "550 5.1.1 gone"})
    assert (await stage.send(message())).startswith("250")
    assert await stage.send(message(), to=(f"bob@{ROUTED}",)) == "550 5.1.1 gone"
    row = stage.world.events[-1]
    assert (row["to"], row["status"], row["reply"]) == (f"bob@{ROUTED}", "rejected", "550 5.1.1 gone")


async def test_whoever_is_greeted_with_a_refusal_may_only_leave(stage: Scene) -> None:
    stage.world.mail_faults.plant({"stage": "connect", "kind": "5xx"})
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.mx_port)
    writer.write(b"EHLO x\r\nMAIL FROM:<>\r\nQUIT\r\n")
    assert [line[:3] for line in (await reader.read()).splitlines()] == [b"554", b"503", b"503", b"221"]
    writer.close()


async def test_a_stalling_destination_is_given_up_in_time(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "COMMAND_S_MAX", 0.2)
    stage.world.mail_faults.plant({"side": "upstream", "stage": "dot", "kind": "stall", "stall_s": 60})
    began = time.monotonic()
    assert (await stage.send(message())).startswith("421 4.3.0")
    assert time.monotonic() - began < 5
    assert not stage.destination.taken


async def test_a_deferral_that_is_planted_is_retried_where_the_knob_says_so(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "RETRY_S", 0.05)
    stage.world.knobs.upstream_4xx = "retried"
    for kind in ("4xx", "421", "drop"):
        stage.world.mail_faults.plant({"side": "upstream", "stage": "dot", "kind": kind})
        stage.destination.arrived.clear()
        assert (await stage.send(message())).startswith("250")
        await asyncio.wait_for(stage.destination.arrived.wait(), 5)
    assert len(stage.destination.taken) == 3
