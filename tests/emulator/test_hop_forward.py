"""What the destination gets, and what the sender hears of it."""

import asyncio
import re

import pytest

from fixtures.lab.emulator.hop import forward, verification
from fixtures.lab.emulator.rig import DELIVERY, ROUTED, SENDER
from fixtures.lab.emulator.state import Destination
from tests.emulator.hop_support import Scene, message


async def test_the_envelope_sender_is_in_the_routed_domain_in_both_forms(stage: Scene) -> None:
    await stage.send(message())
    assert re.fullmatch(rf"SRS0=[^=]{{4}}=[^=]{{2}}={re.escape(SENDER)}=bob@{re.escape(ROUTED)}", stage.last[0])
    await stage.send(stage.signed(message()))
    assert stage.last[0] == f"cfbounces+ndrdrop@{ROUTED}"


async def test_added_fields_stand_on_top_in_the_order_seen_in_real_mail(stage: Scene) -> None:
    original = stage.signed(message())
    await stage.send(original)
    received = stage.last[2]
    assert received.endswith(original)
    added = received.removesuffix(original).decode()
    assert re.findall(r"^([\w-]+):", added, re.MULTILINE) == [
        "DKIM-Signature", "DKIM-Signature", "X-Forwarded-To", "X-Forwarded-For", "Feedback-ID", "Received",
        "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results", "Received-SPF",
        "Authentication-Results",
    ]  # fmt: skip
    assert f"X-Forwarded-For: alice@{ROUTED} alice@{DELIVERY}\r\n" in added
    assert f"for <alice@{ROUTED}>;" in added
    assert f"dkim=pass header.d={SENDER}" in added
    assert f"smtp.mailfrom=bob@{SENDER}" in added


async def test_what_a_sender_chooses_cannot_add_fields_or_results(stage: Scene) -> None:
    sender = f'"a) dmarc=pass (;x"@{SENDER}'
    assert (await stage.send(stage.signed(message()), sender=sender)).startswith("250")
    results = re.search(rb"\r\nAuthentication-Results:(.*?)\r\n(?=\S)", stage.last[2], re.DOTALL)
    assert results is not None
    assert re.findall(rb"[\s;]dmarc=(\w+)", results[1]) == [b"none"]


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
async def test_the_destinations_refusal_is_passed_on_in_session(stage: Scene, step: str) -> None:
    stage.destination.replies[step] = "552 5.2.2 mailbox over quota"
    reply = await stage.send(message())
    assert reply.startswith("550 ")
    assert "552 5.2.2 mailbox over quota" in reply
    row = stage.world.events[-1]
    assert (row["status"], row["errorDetail"]) == (
        "deliveryFailed", "permanent error (552): 5.2.2 mailbox over quota",
    )  # fmt: skip


async def test_a_deferral_is_passed_on_as_421(stage: Scene) -> None:
    stage.destination.replies["RCPT"] = "451 4.7.1 Greylisted"
    assert (await stage.send(message())).startswith("421 4.3.0 Upstream error, please check https://")
    assert stage.world.events[-1]["errorDetail"] == "transient error (451): 4.7.1 Greylisted"
    stage.hop.forwarder.delivery.port = 1  # nobody listens there
    assert (await stage.send(message())).startswith("421 4.3.0")


async def test_a_deferral_is_retried_where_the_knob_says_so(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "RETRY_S", 0.1)
    stage.world.knobs.upstream_4xx = "retried"
    stage.destination.replies["RCPT"] = "451 4.7.1 Greylisted"
    assert (await stage.send(message())).startswith("250")
    assert not stage.destination.taken
    del stage.destination.replies["RCPT"]
    await stage.destination.arrived.wait()
    await asyncio.sleep(0.1)
    assert [row["status"] for row in stage.world.events][-1] == "delivered"


@pytest.mark.parametrize("after", ["another destination", "drop", "no rule"])
async def test_a_retry_follows_the_rule_as_it_is_then(
    stage: Scene, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """Seen once: mail that waited for a destination went to the one that the rule was changed to."""
    monkeypatch.setattr(forward, "RETRY_S", 0.1)
    other = f"other@{DELIVERY}"
    stage.world.knobs.upstream_4xx = "retried"
    stage.destination.replies["RCPT"] = "451 4.7.1 Greylisted"
    assert (await stage.send(message())).startswith("250")
    stage.world.destinations["other"] = Destination(other, "", "", verified="2026-11-26T00:00:00Z")
    rules = next(iter(stage.world.zones.values())).routing.rules
    for each in rules:
        each.enabled = after != "no rule"
        each.actions = [{"type": "drop"} if after == "drop" else {"type": "forward", "value": [other]}]
    del stage.destination.replies["RCPT"]
    for _ in range(200):
        if stage.world.events[-1]["status"] != "deferred":
            break
        await asyncio.sleep(0.05)
    if after == "another destination":
        assert (stage.last[1], stage.world.events[-1]["destination"]) == (other, other)
        assert f"X-Forwarded-For: alice@{ROUTED} {other}\r\n".encode() in stage.last[2]
    else:
        assert (stage.destination.taken, stage.world.events[-1]["status"]) == ([], "dropped")


@pytest.mark.parametrize("registered", [f"Alice@{DELIVERY}", f"alice@{DELIVERY.title()}"])
async def test_a_destination_in_another_case_is_not_the_rules(stage: Scene, registered: str) -> None:
    for each in stage.world.destinations.values():
        each.email = registered if each.email == f"alice@{DELIVERY}" else each.email
    assert (await stage.send(message())).startswith("550 5.1.1")
    assert not stage.destination.taken


async def test_a_share_is_answered_421_although_it_was_delivered(stage: Scene) -> None:
    stage.world.knobs.duplicate_421 = 1.0
    assert (await stage.send(message())).startswith("421 4.3.0")
    assert len(stage.destination.taken) == 1
    assert stage.world.events[-1]["status"] == "delivered"


async def test_a_destination_without_mx_is_refused_though_it_has_an_address(stage: Scene) -> None:
    del stage.names[DELIVERY, "MX"]
    stage.names[DELIVERY, "A"] = ["127.0.0.1"]
    assert "has no MX record" in await stage.send(message())


async def test_a_dead_exchanger_is_passed_over_for_the_next(stage: Scene) -> None:
    stage.names[DELIVERY, "MX"] = ["5 six.example.net.", "10 mail.example.net."]
    assert (await stage.send(message())).startswith("250")
    assert stage.world.events[-1]["upstream"] == "mail.example.net[127.0.0.1]"


@pytest.mark.parametrize(("stage", "tls"), [(True, True), (False, False)], indirect=["stage"])
async def test_starttls_is_used_where_it_is_offered(stage: Scene, tls: bool) -> None:
    assert (await stage.send(message())).startswith("250")
    assert stage.world.events[-1]["tls"] is tls


async def test_verification_mail_is_tried_until_it_is_taken(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "RETRY_S", 0.1)
    added = Destination(email=f"erin@{DELIVERY}", created="", modified="", token="t0k-en_")
    stage.destination.replies["RCPT"] = "450 4.7.1 not yet"
    assert stage.world.verifier is not None
    sending = asyncio.ensure_future(stage.world.verifier(added))
    await asyncio.sleep(0.25)
    assert not stage.destination.taken
    del stage.destination.replies["RCPT"]
    await sending
    sender, recipient, mail, helo = stage.last
    assert (sender, recipient, helo) == (
        "noreply@notify.cloudflare.com", added.email, "mta.notify.cloudflare.com",
    )  # fmt: skip
    assert b"\r\nhttps://dash.cloudflare.com/email-routing/verify?token=t0k-en_\r\n" in mail


async def test_verification_mail_that_is_refused_is_lost(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "RETRY_S", 0.05)
    stage.destination.replies["RCPT"] = "554 5.7.1 Client host rejected: Access denied"
    assert stage.world.verifier is not None
    await stage.world.verifier(Destination(email=f"erin@{DELIVERY}", created="", modified=""))
    assert [row["status"] for row in stage.world.events] == ["deliveryFailed"]
