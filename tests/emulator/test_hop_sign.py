"""Signatures and seals, verified by another implementation than the signer: Perl's Mail::DKIM."""

import asyncio
import base64
import hashlib
import ipaddress
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import dkim
import pytest
from dkim import canonicalization
from hypothesis import given, strategies as st

from fixtures.lab import image
from fixtures.lab.emulator.hop import content
from fixtures.lab.emulator.hop.rewrite import helo_name
from fixtures.lab.emulator.rig import ROUTED, SENDER
from tests.emulator.hop_support import Scene, message

SCRIPT = Path(__file__).with_name("verify.pl")


@pytest.fixture(scope="session")
def perl() -> list[str]:
    """Perl with Mail::DKIM: this machine's, else the lab's."""
    probe = ["-MMail::DKIM::ARC::Verifier", "-MNet::DNS", "-e", "1"]
    ways = [["perl"], ["chroot", str(image.HOSTS.path), "perl"]]
    for way in ways:
        if shutil.which(way[0]):
            tried = subprocess.run([*way, *probe], capture_output=True, timeout=20, check=False)
            if tried.returncode == 0:
                return way
    pytest.skip("needs Perl's Mail::DKIM (libmail-dkim-perl), here or in the lab's image")


async def _verify(perl: list[str], stage: Scene, mail: bytes) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *perl, "-e", SCRIPT.read_text(), str(stage.names_port),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    said, errors = await asyncio.wait_for(process.communicate(mail), 30)
    assert not errors, errors.decode()
    return said.decode().splitlines()


OWN = "dkim cloudflare-email.net cf2024-1 pass"
OF_DOMAIN = f"dkim {ROUTED} cf2024-1 pass"


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("plain", "A line.\r\n"),
        ("a" * 70 + "\r\n folded \t twice", "trailing \t\r\n\r\n.\r\ndouble  space\r\n\r\n\r\n"),
        ("empty", ""),
        ("=?utf-8?q?caf=C3=A9?=", "\u6771\u4eac 8bit\r\n"),
        ("repeated\r\nList-Post: <mailto:a@b.example.net>\r\nList-Post: NO", "A line.\r\n"),
    ],
    ids=["plain", "white space", "no body", "8bit", "repeated field"],
)
async def test_both_signatures_and_the_arc_set_verify(stage: Scene, perl: list[str], subject: str, body: str) -> None:
    assert (await stage.send(message(subject, body))).startswith("250")
    assert await _verify(perl, stage, stage.last[2]) == [
        OWN, OF_DOMAIN, "arc pass (as.1.cloudflare-email.net=pass, ams.1.cloudflare-email.net=pass)",
    ]  # fmt: skip


async def test_a_change_on_the_way_is_seen(stage: Scene, perl: list[str]) -> None:
    await stage.send(message())
    said = await _verify(perl, stage, stage.last[2].replace(b"A line.", b"A lie."))
    assert said[0] == "dkim cloudflare-email.net cf2024-1 fail (body has been altered)"
    assert said[-1].startswith("arc fail")
    said = await _verify(perl, stage, stage.last[2].replace(b"From: Bob", b"From: Rob"))
    assert said[0] == "dkim cloudflare-email.net cf2024-1 fail (message has been altered)"


async def test_a_chain_that_was_there_is_carried_on_or_sealed_as_failed(stage: Scene, perl: list[str]) -> None:
    await stage.send(stage.signed(message()))
    first = stage.last[2]
    await stage.send(first)
    second = stage.last[2]
    assert b"ARC-Seal: i=2; a=rsa-sha256; s=cf2024-1; d=cloudflare-email.net; cv=pass;" in second
    said = await _verify(perl, stage, second)
    assert f"dkim {SENDER} s1 pass" in said
    assert said[-1].startswith("arc pass (as.2.cloudflare-email.net=pass")
    await stage.send(second.replace(b"A line.", b"A lie."))
    broken = stage.last[2]
    assert b"ARC-Seal: i=3; a=rsa-sha256; s=cf2024-1; d=cloudflare-email.net; cv=fail;" in broken
    assert b"arc=fail" in broken
    fields, body = dkim.rfc822_parse(broken)
    kept = [field for field in fields if not field[0].startswith(b"ARC-") or b"i=3;" in field[1]]
    verifier = dkim.ARC(b"".join(b"%s:%s" % tuple(field) for field in kept) + b"\r\n" + body)
    _, headers = verifier.sorted_arc_headers()
    found = verifier.verify_instance(headers, 3, dnsfunc=lambda *_args, **_more: stage.signing.dns_txt.encode())
    assert found["as-valid"], "RFC 8617, 5.1.2: such a seal covers only its own set"
    await stage.send(broken)
    assert b"ARC-Seal: i=4" not in stage.last[2], "RFC 8617, 5.1: nothing is added to a chain sealed as failed"


@pytest.mark.parametrize(
    ("address", "label"),
    [("104.30.0.7", "a-h"), ("104.30.8.99", "i-jj"), ("104.30.10.202", "ba-cac"), ("104.30.8.175", "i-bhf")],
)
def test_helo_names_are_those_seen_in_real_mail(address: str, label: str) -> None:
    assert helo_name(address) == f"{label}.cloudflare-email.net"


@given(st.sets(st.integers(0, 2**90 - 1), min_size=2, max_size=2))
def test_no_two_ipv6_sources_share_a_name(hosts: set[int]) -> None:
    base = int(ipaddress.IPv6Address("2405:8100:c000::"))
    names = {helo_name(str(ipaddress.IPv6Address(base + host))) for host in hosts}
    assert len(names) == 2
    assert all(len(name.partition(".")[0]) <= 63 for name in names)


@given(
    st.lists(st.sampled_from([b"\r\n", b" ", b"\t", b"  ", b"x", b".", b" \r\n", b"word word", b"\t\r\n"]), max_size=30)
)
def test_bodies_are_canonicalised_piece_by_piece_as_dkimpy_does_whole(parts: list[bytes]) -> None:
    body = b"".join(parts) + b"\r\n"
    wanted = canonicalization.Relaxed.canonicalize_body(body)
    for size in (1, 7, 1 << 18):
        assert b"".join(content.relaxed(body, 0, size)) == wanted
    assert bytes(canonicalization.ALGORITHMS[b"relaxed"].canonicalize_body(body)) == wanted
    digest = base64.b64encode(hashlib.sha256(wanted).digest()).decode()
    assert content.Content.of(b"From: a@b\r\n\r\n" + body).body_hash == digest


async def test_dkimpy_verifies_the_original_signature_both_added_and_the_chain(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its own algorithms, which the hop replaces by its own."""
    await stage.send(stage.signed(message("=?utf-8?q?caf=C3=A9?=", "two  blanks \t\r\n.\r\n\u6771\r\n\r\n\r\n")))
    mail = stage.last[2]
    monkeypatch.setitem(canonicalization.ALGORITHMS, b"relaxed", canonicalization.Relaxed)

    key = _keys_of(stage)
    verifier = dkim.DKIM(mail)
    found = [(verifier.verify(index, dnsfunc=key), verifier.domain) for index in range(3)]
    assert found == [(True, b"cloudflare-email.net"), (True, ROUTED.encode()), (True, SENDER.encode())]
    assert dkim.ARC(mail).verify(dnsfunc=key)[0] == dkim.CV_Pass
    for index in range(3):
        with pytest.raises(dkim.ValidationError, match="body hash mismatch"):
            dkim.DKIM(mail.replace(b"two ", b"too ")).verify(index, dnsfunc=key)


NAMES = (
    "To:Subject:From:Date:Feedback-ID:reply-to:cc:resent-date:resent-from:resent-to:resent-cc:in-reply-to:references:"
    "list-id:list-help:list-unsubscribe:list-unsubscribe-post:list-subscribe:list-post:list-owner:list-archive"
)


async def test_tags_are_those_of_mail_that_cloudflare_forwarded(stage: Scene) -> None:
    """As a receiver kept it in October 2025."""
    of_arc = ":".join(
        x for x in NAMES.split(":") if x not in {"Feedback-ID", "list-unsubscribe", "list-unsubscribe-post"}
    )
    await stage.send(message())
    fields, _ = dkim.rfc822_parse(stage.last[2])
    tags = {}
    for name, value in fields:
        if name in {b"DKIM-Signature", b"ARC-Message-Signature", b"ARC-Seal"}:
            pairs = (part.partition(b"=") for part in value.split(b";"))
            tags[name.decode()] = {k.strip().decode(): b"".join(v.split()).decode() for k, _, v in pairs}
    signature, of_chain, seal = tags["DKIM-Signature"], tags["ARC-Message-Signature"], tags["ARC-Seal"]
    assert list(signature) == ["v", "a", "s", "d", "c", "h", "t", "x", "bh", "b"]
    assert list(of_chain) == ["i", "a", "s", "d", "c", "h", "t", "x", "bh", "b"]
    assert list(seal) == ["i", "a", "s", "d", "cv", "b"]
    assert (signature["h"], of_chain["h"]) == (NAMES, of_arc)
    assert int(signature["x"]) - int(signature["t"]) == 7 * 86400


@pytest.mark.parametrize(
    ("change", "breaks"),
    [
        ((b"\r\nTo: ", b"\r\nReply-To: eve@evil.example\r\nTo: "), True),
        ((b"\r\nTo: ", b"\r\nList-Id: <x.example>\r\nTo: "), True),
        ((b"Feedback-ID: ", b"Feedback-ID: x"), True),
        ((b"\r\nMessage-ID: <", b"\r\nMessage-ID: <x"), False),
        ((b"\r\nTo: ", b"\r\nContent-Type: text/html\r\nTo: "), False),
    ],
    ids=["Reply-To", "List-Id", "Feedback-ID", "Message-ID", "Content-Type"],
)
async def test_what_breaks_a_signature_is_what_would_break_cloudflares(
    stage: Scene, change: tuple[bytes, bytes], breaks: bool
) -> None:
    await stage.send(message())
    changed = stage.last[2].replace(*change)
    assert changed != stage.last[2]
    assert dkim.DKIM(changed).verify(dnsfunc=_keys_of(stage)) is not breaks


def _keys_of(stage: Scene) -> Callable[..., bytes]:
    """How dkimpy asks for a key that the scene publishes."""

    def key(name: bytes, **_: object) -> bytes:
        (text,) = stage.names[name.decode().rstrip("."), "TXT"]
        return text.replace('" "', "").strip('"').encode()

    return key


async def test_a_greeting_name_without_spf_is_reported_as_cloudflare_reports_it(stage: Scene) -> None:
    await stage.send(message())
    helo = f"client.{SENDER}"
    expected = f"spf=none (mx.cloudflare.net: no SPF records found for postmaster@{helo}) smtp.helo={helo}"
    assert expected.encode() in stage.last[2]
