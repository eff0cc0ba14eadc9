"""Which mail the MX hosts take, and what they answer to the rest."""

import asyncio
import ssl
import time
from pathlib import Path

import aiosmtplib
import dkim
import pytest

from fixtures.lab.emulator.rig import DELIVERY, ROUTED, SENDER, rule
from fixtures.lab.emulator.state import Destination, Rule, Subdomain
from tests.emulator.hop_support import Scene, message


async def test_unknown_address_is_refused_in_session(stage: Scene) -> None:
    reply = await stage.send(message(), to=(f"nobody@{ROUTED}",))
    assert reply.startswith("550 5.1.1 Address does not exist. ")
    assert (await stage.send(message(), to=("alice@elsewhere.example.net",))).startswith("550 5.1.1")
    assert [row["status"] for row in stage.world.events] == ["rejected", "rejected"]
    assert not stage.destination.taken


async def test_postmaster_without_a_rule_is_an_address_like_any_other(stage: Scene) -> None:
    """A guess: RFC 5321 (4.5.1) wants it taken."""
    assert (await stage.send(message(), to=(f"postmaster@{ROUTED}",))).startswith("550 5.1.1")
    assert not stage.destination.taken


async def test_the_same_recipient_three_times_gets_three_copies(stage: Scene) -> None:
    """A guess too."""
    assert (await stage.send(message(), to=(f"alice@{ROUTED}",) * 3)).startswith("250")
    assert [each[1] for each in stage.destination.taken] == [f"alice@{DELIVERY}"] * 3


async def test_mx_hosts_do_not_know_the_zone_until_it_has_settled(stage: Scene) -> None:
    stage.zone.routing.ready_at = time.time() + 60
    assert (await stage.send(message())).startswith("550 5.1.1")
    stage.zone.routing.ready_at = time.time() - 1
    assert (await stage.send(message())).startswith("250")
    stage.zone.routing.enabled = False
    assert (await stage.send(message())).startswith("550 5.1.1")


async def test_the_apex_of_a_zone_that_a_subdomain_enabled_is_refused_or_taken(stage: Scene) -> None:
    below = f"reply.{ROUTED}"
    stage.zone.routing.by_subdomain = True
    stage.zone.routing.subdomains[below] = Subdomain(below, ready_at=0)
    stage.zone.routing.rules.append(rule("bob", {"type": "drop"}))
    stage.zone.routing.rules[-1].matchers[0]["value"] = f"bob@{below}"
    assert (await stage.send(message())).startswith("550 5.1.1")
    assert (await stage.send(message(), to=(f"bob@{below}",))).startswith("250")
    stage.world.knobs.apex_early = "taken"
    assert (await stage.send(message())).startswith("250")


async def test_rules_match_in_the_documented_order(stage: Scene) -> None:
    async def lands(local: str) -> str:
        before = len(stage.destination.taken)
        reply = await stage.send(message(), to=(f"{local}@{ROUTED}",))
        return stage.last[1] if len(stage.destination.taken) > before else reply[:3]

    routing = stage.zone.routing
    assert await lands("ALICE") == f"alice@{DELIVERY}"
    assert await lands("alice+news") == "550"
    routing.support_subaddress = True
    assert await lands("alice+news") == f"alice@{DELIVERY}"
    routing.rules.append(rule("alice+news", {"type": "forward", "value": [f"bob@{DELIVERY}"]}))
    assert await lands("alice+news") == f"bob@{DELIVERY}"
    assert await lands("carol") == "550"
    routing.catch_all = Rule([{"type": "all"}], [{"type": "forward", "value": [f"bob@{DELIVERY}"]}])
    assert await lands("carol") == f"bob@{DELIVERY}"
    routing.rules.append(rule("carol", {"type": "drop"}))
    assert await lands("carol") == "250"
    assert stage.world.events[-1]["status"] == "dropped"


async def test_a_rule_to_an_unverified_destination_is_as_good_as_disabled(stage: Scene) -> None:
    added = Destination(email=f"erin@{DELIVERY}", created="", modified="")
    stage.world.destinations[added.id] = added
    stage.zone.routing.rules.append(rule("erin", {"type": "forward", "value": [added.email]}))
    assert (await stage.send(message(), to=(f"erin@{ROUTED}",))).startswith("550 5.1.1")
    added.verified = "2026-11-25T00:00:00Z"
    assert (await stage.send(message(), to=(f"erin@{ROUTED}",))).startswith("250")


async def test_mail_must_pass_spf_or_dkim(stage: Scene) -> None:
    stage.names[SENDER, "TXT"] = ['"v=spf1 ip4:203.0.113.9 -all"']
    assert (await stage.send(message())).startswith("550 5.7.26 ")
    assert stage.world.events[-1]["spf"] == "fail"
    assert (await stage.send(stage.signed(message()))).startswith("250")
    tampered = stage.signed(message()).replace(b"A line.", b"A lie.")
    assert (await stage.send(tampered)).startswith("550 5.7.26 ")
    stage.names[SENDER, "TXT"] = ['"v=spf1 ip4:127.0.0.1 -all"']
    await asyncio.sleep(0.6)  # longer than the hop keeps an answer
    assert (await stage.send(message())).startswith("250")


async def test_a_sender_domain_that_cannot_be_has_no_spf(stage: Scene) -> None:
    """RFC 7208, section 4.3."""
    assert (await stage.send(message(), sender=f"bob@{'a.' * 125}{SENDER}")).startswith("550 5.7.26 ")


@pytest.mark.parametrize(
    ("record", "sender", "begins"),
    [
        ("v=DMARC1; p=reject", f"bob@{SENDER}", "250"),
        ("v=DMARC1; p=reject", "bob@other.example.com", "550 5.7.1 "),
        ("v=DMARC1; p=none", "bob@other.example.com", "250"),
        ("v=DMARC1; p=reject", f"bob@bounces.{SENDER}", "250"),
        ("v=DMARC1; p=reject; aspf=s", f"bob@bounces.{SENDER}", "550 5.7.1 "),
    ],
    ids=["aligned", "not aligned", "no policy", "relaxed", "strict"],
)
async def test_dmarc_policy_of_the_from_domain_is_followed(stage: Scene, record: str, sender: str, begins: str) -> None:
    stage.names[f"_dmarc.{SENDER}", "TXT"] = [f'"{record}"']
    for domain in ("other.example.com", f"bounces.{SENDER}"):
        stage.names[domain, "TXT"] = ['"v=spf1 ip4:127.0.0.1 -all"']
    assert (await stage.send(message(), sender=sender)).startswith(begins)


async def test_a_message_over_25_mib_is_refused_announced_or_not(stage: Scene) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=stage.mx_port, validate_certs=False) as client:
        await client.ehlo()
        assert client.esmtp_extensions["size"] == "26214400"
        with pytest.raises(aiosmtplib.SMTPSenderRefused, match=r"5\.3\.4 email data size exceeded"):
            await client.mail(f"bob@{SENDER}", options=["SIZE=26214401"])
    body = ("x" * 998 + "\r\n") * (26 * 1024 * 1024 // 1000)
    assert await stage.send(message(body=body)) == "552 5.3.4 email data size exceeded"
    assert stage.world.events[-1]["errorDetail"] == "Email data size exceeded"


async def test_several_recipients_share_a_transaction_and_its_worst_reply(stage: Scene) -> None:
    both = (f"alice@{ROUTED}", f"bob@{ROUTED}")
    assert (await stage.send(message(), to=both)).startswith("250")
    assert sorted(taken[1] for taken in stage.destination.taken) == [f"alice@{DELIVERY}", f"bob@{DELIVERY}"]
    stage.destination.replies["DATA"] = "451 4.3.0 later"
    assert (await stage.send(message(), to=both)).startswith("421 4.3.0 Upstream error")
    stage.destination.replies["DATA"] = "552 5.2.2 full"
    stage.zone.routing.rules.append(rule("carol", {"type": "drop"}))
    assert (await stage.send(message(), to=(f"carol@{ROUTED}", both[0]))).startswith("550 ")


async def test_a_bare_line_feed_does_not_end_the_message(stage: Scene) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.mx_port)
    text = message(body="one\rtwo\n.\nMAIL FROM:<mallory@evil.example.com>\r\n").decode()
    assert (await reader.readline()).startswith(b"220 ")
    for command in (f"HELO client.{SENDER}", f"MAIL FROM:<bob@{SENDER}>", f"RCPT TO:<alice@{ROUTED}>", "DATA"):
        writer.write(command.encode() + b"\r\n")
        assert (await reader.readline())[:1] in b"23"
    writer.write(text.encode() + b".\r\n")
    assert (await reader.readline()).startswith(b"250")
    writer.close()
    assert len(stage.destination.taken) == 1
    assert b"MAIL FROM:<mallory@evil.example.com>" in stage.last[2]
    key = stage.signing.dns_txt.encode()
    assert dkim.verify(stage.last[2], dnsfunc=lambda *_args, **_more: key), "signed as it was sent"


async def test_the_greeting_and_starttls(stage: Scene, tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=stage.mx_port, start_tls=False, tls_context=context)
    greeting = await client.connect()
    assert greeting.message.startswith("mx.cloudflare.net ")
    await client.starttls(server_hostname="mx.cloudflare.net")
    await client.ehlo()
    assert client.supports_extension("8bitmime")
    assert client.supports_extension("smtputf8")
    assert not client.supports_extension("auth")
    again = await client.execute_command(b"STARTTLS")
    assert (again.code, (await client.noop()).code) == (503, 250), "RFC 3207, section 4.2"
    await client.quit()


async def test_a_header_that_is_none_gets_an_answer_not_a_traceback(stage: Scene) -> None:
    assert (await stage.send(b" starts folded\r\n\r\nbody\r\n")).startswith("550 5.6.0")
    assert (await stage.send(b"no colon here\r\n\r\nbody\r\n")).startswith("550 5.6.0")


async def test_a_bounce_to_a_rewritten_sender_is_swallowed(stage: Scene) -> None:
    stage.names[f"client.{SENDER}", "TXT"] = ['"v=spf1 ip4:127.0.0.1 -all"']
    to = (f"SRS0=AInw=jo={SENDER}=bob@{ROUTED}",)
    assert (await stage.send(message(), sender="", to=to)).startswith("250")
    assert stage.world.events[-1]["status"] == "dropped"
    assert (await stage.send(message(), to=to)).startswith("550 5.1.1")
