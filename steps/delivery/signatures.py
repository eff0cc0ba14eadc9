"""What was signed on the way, judged in the mailbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.mailbox import forwarded
from fixtures.probes.mailbox.forwarded import Forwarded
from fixtures.probes.mailbox.signatures import Seal, Signature

Mail = tuple[Forwarded, ...]


@when("a sender that signs writes to each of them", target_fixture="forwarded_mail")
def signer_writes(migration: Migration, subjects: tuple[str, ...]) -> Mail:
    return forwarded.from_signers(migration, subjects)


@then("the sender's own signature verifies in the mailbox")
def own_verifies(expect: Expect, forwarded_mail: Mail) -> None:
    expect("The sender's DKIM signature survives", _each(forwarded_mail, _own))


@then("both DKIM signatures that Cloudflare adds verify, and its ARC seal")
def cloudflares_verify(expect: Expect, forwarded_mail: Mail) -> None:
    expect("Cloudflare's DKIM signatures and ARC seal verify", _each(forwarded_mail, _cloudflares))


@then("the envelope sender has one of Cloudflare's known rewritten forms")
def envelope_known(expect: Expect, forwarded_mail: Mail) -> None:
    expect("The envelope sender has a known form", _each(forwarded_mail, _envelope))


def _each(mail: Mail, judge: Callable[[Forwarded], Iterator[Finding]]) -> Iterator[Finding]:
    for each in mail:
        if each.arrived is None:
            found = "it did not arrive"
            yield unknown(each.member, "a message to look at", found, *each.evidence, domain=each.domain)
        else:
            yield from judge(each)


def _own(each: Forwarded) -> Iterator[Finding]:
    found = [signature for signature in each.signatures if signature.aligned]
    good = next((signature for signature in found if not signature.fault), None)
    yield _verdict(each, f"a signature of {each.author}", good or (found[0] if found else None))


def _cloudflares(each: Forwarded) -> Iterator[Finding]:
    yield _verdict(each, "the signature of Cloudflare's forwarder", each.by_cloudflare)
    yield _verdict(each, f"the signature of {each.domain}", each.by_routed_domain)
    yield _verdict(each, "Cloudflare's ARC seal", each.seal)


def _verdict(each: Forwarded, what: str, found: Signature | Seal | None) -> Finding:
    expected = f"{what} that verifies"
    if found is None:
        return failed(each.member, expected, "none", *each.evidence, domain=each.domain)
    if not found.asked:
        return unknown(each.member, expected, str(found), *each.evidence, domain=each.domain)
    if found.fault:
        return failed(each.member, expected, str(found), *each.evidence, domain=each.domain)
    return passed(each.member, str(found), *each.evidence, expected=expected, domain=each.domain)


def _envelope(each: Forwarded) -> Iterator[Finding]:
    expected = f"one of {', '.join(forwarded.FORMS)} at {each.domain}"
    if each.form:
        yield passed(each.member, each.return_path, *each.evidence, expected=expected, domain=each.domain)
    else:
        hint = "Cloudflare rewrites in a way that was not seen before: does Dell still take such a sender (A-8)?"
        found = each.return_path or "no Return-Path"
        yield failed(each.member, expected, found, *each.evidence, domain=each.domain, hint=hint)
