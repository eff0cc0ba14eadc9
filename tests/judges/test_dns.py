"""N-3 to N-6: other writers, the prepared change, SPF, keys and DMARC."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import asdict, replace
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes import snapshot
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Record, Records, Zone
from fixtures.probes.dns import dkim_keys, dmarc, prepared_change, spf, writers
from fixtures.probes.dns.dmarc_record import Applied
from fixtures.probes.dns.queries import Answer
from fixtures.probes.mailbox.signatures import Signature
from fixtures.probes.smtp.submission import Authentication
from fixtures.settings import Relay, Secrets
from tests.judges import ALICE, CACHE, DOMAIN, FAIL, LOOK, NS, PASS, SILENT, UNKNOWN, all_say, answer, says

# Delegation and other writers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "touches", "unread", "verdict", "said"),
    [
        ("", (), "", PASS, "nothing of ours"),
        ("ddclient", (), "", PASS, "ddclient"),
        ("ddclient", None, "", FAIL, "ddclient: which records it writes is not known"),
        ("ddclient", ("a MX", "a TXT"), "", FAIL, "a MX, a TXT (ddclient)"),
        ("", (), "denied", UNKNOWN, "denied"),
    ],
)
def test_another_writer(found: str, touches: tuple[str, ...] | None, unread: str, verdict: Verdict, said: str) -> None:
    judged = writers.judged(writers.Writer("Terraform", found, touches, (LOOK,), DOMAIN, unread))
    hint = ". Take it out there, or exclude these records there: it would undo what the scripts do"
    expected = "Terraform: expected no writing of MX, SPF or the hosts' addresses, found "
    assert says(judged) == (verdict, f"{expected}{said}{hint if verdict is FAIL else ''}")


def test_a_record_that_a_person_has_accepted_is_no_other_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after phase 1, when an SPF record is corrected by hand, as ``merge_spf`` asks."""
    settings = settings_without_a_lab()
    domain = settings.domains[0].name
    before = {"zones": {domain: {"records": [asdict(Record("TXT", domain, "v=spf1 ip4:192.0.2.300 ~all", 300))]}}}
    stands = Records(Zone("z", domain, "active", (), "a"), (Record("TXT", domain, "v=spf1 ~all", 3600),), LOOK)
    monkeypatch.setattr(snapshot, "first", lambda _: snapshot.Kept("", "", before, LOOK))
    monkeypatch.setattr(snapshot, "written", lambda _: {})
    routing = SimpleNamespace(present=stands, enabled=False)
    monkeypatch.setattr(cloudflare, "routing", lambda *_: routing)
    for accepted, touches in (({}, (f"TXT {domain}",)), ({f"TXT {domain}": "v=spf1 ~all (TTL 300)"}, ())):
        (found,) = writers._records(Migration(settings, Secrets()), domain, accepted)
        assert found.touches == touches


# The prepared change -------------------------------------------------------------------------------------------------

WANTED = Record("TXT", f"cf._domainkey.{DOMAIN}", '"key"', 1)


def prepared(*writes: prepared_change.Planned, stands: tuple[Record, ...] = ()) -> prepared_change.Prepared:
    there = (Record("MX", DOMAIN, "mail.x", 300, 10), Record("A", DOMAIN, "192.0.2.1", 300), *stands)
    present = Records(Zone("z", DOMAIN, "active", (), "a"), there, LOOK)
    wanted = (WANTED, Record("MX", DOMAIN, "r1.mx", 1, 10))
    routing: Any = SimpleNamespace(required=wanted, present=present, evidence=LOOK)
    return prepared_change.Prepared(DOMAIN, writes, "", routing, ("10 mail.x",), LOOK)


ROUTE1, ROUTE2, NAMED = "route1.mx.cloudflare.net", "route2.mx.cloudflare.net", "amir.mx.cloudflare.net"
ENABLES = prepared_change.Planned(f"Email Routing of {DOMAIN}", "off", "on", "MX")


def changing(
    *after: str, hosts: tuple[str, ...] = (ROUTE1, ROUTE2), refusal: str = "", enables: bool = False
) -> prepared_change.Prepared:
    """A plan that leaves AFTER as MX, where Cloudflare asks for HOSTS."""
    mx = prepared_change.Planned(f"{DOMAIN} MX", "10 mail.x (TTL 300)", "\n".join(after), "MX")
    asked = tuple(Record("MX", DOMAIN, host, 1, 10 * number) for number, host in enumerate(hosts, 1))
    routing: Any = SimpleNamespace(required=asked, evidence=LOOK)
    return replace(prepared(*[mx] * bool(after), *[ENABLES] * enables), routing=routing, refusal=refusal)


BOTH = f"10 {ROUTE1}, 20 {ROUTE2}"


@pytest.mark.parametrize(
    ("it", "verdict", "said"),
    [
        (changing(f"20 {ROUTE2} (TTL 300)", f"10 {ROUTE1} (TTL 300)"), PASS, f"{BOTH}, found 20 {ROUTE2}, 10 {ROUTE1}"),
        (changing(f"10 {NAMED} (TTL 300)", hosts=(f"{NAMED}.",)), PASS, f"10 {NAMED}, found 10 {NAMED}"),
        (changing(f"10 {ROUTE1} (TTL 300)"), FAIL, f"{BOTH}, found 10 {ROUTE1}"),
        (changing(f"10 {ROUTE2}", f"20 {ROUTE1}"), FAIL, f"{BOTH}, found 10 {ROUTE2}, 20 {ROUTE1}"),
        (changing(), FAIL, f"{BOTH}, found 10 mail.x"),
        (replace(changing(), present_mx=()), FAIL, f"{BOTH}, found no mail server in the plan"),
        (changing(refusal="no token"), FAIL, f"{BOTH}, found the script refuses: no token"),
        (changing(hosts=()), FAIL, "mail servers of Cloudflare's, found Cloudflare asks for no mail server: is Email Routing to be had for this zone?"),
        (changing(hosts=("b.evil.example", "a.evil.example", ROUTE1)), FAIL, f"10 b.evil.example, 20 a.evil.example, 30 {ROUTE1}, found asked for, but no mail server of Cloudflare's (*.mx.cloudflare.net): 10 b.evil.example, 20 a.evil.example"),
        (changing(f"10 {ROUTE1}", enables=True), FAIL, f"{BOTH}, found 10 {ROUTE1}"),
    ],
)  # fmt: skip
def test_the_mail_servers_that_the_plan_brings(it: prepared_change.Prepared, verdict: Verdict, said: str) -> None:
    judged = says(prepared_change.judged_mx(it), looks=2)
    assert judged == (verdict, f"{DOMAIN}: expected {said}{LOOK_AT_IT if verdict is FAIL else ''}")


def test_email_routing_brings_them_by_itself() -> None:
    found = "Email Routing sets them by itself when it is switched on"
    judged = says(prepared_change.judged_mx(changing(enables=True)))
    assert judged == (PASS, f"{DOMAIN}: expected {found}, found {found}")


OLD_KEY = replace(WANTED, content='"old"')
TAKE_OUT = "Delete it first, if nothing else signs by it: of two keys at one name receivers may use either"
BRINGS = prepared_change.Planned(f"{WANTED.name} TXT", "", "key (TTL 300)", "")
LOOK_AT_IT = f". {prepared_change.LOOK}"


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (prepared(stands=(WANTED,)), PASS, "stands already"),
        (prepared(BRINGS), PASS, "comes with the plan"),
        (prepared(prepared_change.Planned(f"Email Routing of {DOMAIN}", "off", "on", "")), PASS, "Email Routing adds it when it is switched on"),
        (prepared(), FAIL, f"in neither{LOOK_AT_IT}"),
        (prepared(ENABLES, stands=(OLD_KEY,)), FAIL, f"another key stands there: old. {TAKE_OUT}"),
        (prepared(stands=(WANTED, OLD_KEY)), FAIL, f"another key stands there: old. {TAKE_OUT}"),
        (prepared(BRINGS, stands=(OLD_KEY,)), PASS, "comes with the plan"),
    ],
)  # fmt: skip
def test_what_cloudflare_asks_for_stands_or_comes(it: prepared_change.Prepared, verdict: Verdict, found: str) -> None:
    expected = f"{WANTED.name} TXT: expected key stands, or comes with the plan, found "
    assert all_say(prepared_change.judged_records(it)) == [(verdict, expected + found)]


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (prepared(BRINGS), PASS, "1 records stay"),
        (prepared(prepared_change.Planned("www.a.example A", "", "1.2.3.4", "")), FAIL, f"www.a.example A would become 1.2.3.4{LOOK_AT_IT}"),
        (prepared(prepared_change.Planned(f"{DOMAIN} TXT", "", "v=spf1 -all", "SPF")), FAIL, f"SPF, which stands as none, would become v=spf1 -all{LOOK_AT_IT}"),
        (prepared(prepared_change.Planned(f"{DOMAIN} TXT", "", "", "")), FAIL, f"{DOMAIN} TXT would become none{LOOK_AT_IT}"),
    ],
)  # fmt: skip
def test_the_rest_of_the_zone_stays(it: prepared_change.Prepared, verdict: Verdict, found: str) -> None:
    expected = f"{DOMAIN}: expected the rest of the zone as it stands, found "
    assert says(prepared_change.judged_rest(it)) == (verdict, expected + found)


# SPF -----------------------------------------------------------------------------------------------------------------

LAST4, LAST6 = ip_address("255.255.255.255"), ip_address("ffff:" * 7 + "ffff")


def span(first: str, last: str, verdict: Any = "pass", why: str = "ip4:x", lookups: int = 2) -> spf.Span:
    return spf.Span(ip_address(first), ip_address(last), spf.Result(verdict, why, lookups, 0))


def record(*texts: str, spans: tuple[spf.Span, ...] = ()) -> spf.Spf:
    return spf.Spf(DOMAIN, texts or ("v=spf1 include:c include:s -all",), spans or NOBODY, LOOK)


SPF_APART = "Receivers get the one or the other. Find out why the zone is not the same everywhere"
NOBODY = (span("0.0.0.0", str(LAST4), "fail"), span("::", str(LAST6), "fail"))


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (record(), PASS, "1 records, 2 lookups"),
        (record("v=spf1 -all", "v=spf1 ~all"), FAIL, "2 records, 2 lookups"),
        (record(spans=(span("0.0.0.0", "::", "fail", lookups=10),)), PASS, "1 records, 10 lookups"),
        (record(spans=(span("0.0.0.0", "::", "fail", lookups=11),)), FAIL, "1 records, 11 lookups 11 lookups"),
        (record(spans=(span("1.2.3.4", "::", "permerror", "a loop"),)), FAIL, "1 records, 2 lookups a loop (asked for 1.2.3.4)"),
        (record(spans=(span("1.2.3.4", "::", "temperror", "SERVFAIL"),)), UNKNOWN, "SERVFAIL (asked for 1.2.3.4)"),
        (replace(record(), apart=("ns1 has none", "ns2 has v=spf1 -all")), FAIL, "name servers that differ: ns1 has none; ns2 has v=spf1 -all. " + SPF_APART),
    ],
)  # fmt: skip
def test_one_record(it: spf.Spf, verdict: Verdict, found: str) -> None:
    assert says(spf.judged_one(it)) == (verdict, f"{DOMAIN}: expected one record, at most 10 lookups, found {found}")


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("v=spf1 include:c include:s -all", PASS),
        ("v=spf1 +Include:C ip4:1.2.3.4 include:s ~all", PASS),
        ("v=spf1 include:c -all", FAIL),
        ("v=spf1 include:c -all include:s", FAIL),
        ("", FAIL),
    ],
)
def test_it_includes_both(text: str, verdict: Verdict) -> None:
    it = replace(record(), records=(text,) if text else ())
    hint = ". Enabling Email Routing may have replaced the record (X10): run merge_spf again"
    found = f"{text or 'no record'}{hint if verdict is FAIL else ''}"
    judged = says(spf.judged_includes(it, ("c", "s")))
    assert judged == (verdict, f"{DOMAIN}: expected include:c and include:s, found {found}")


@pytest.mark.parametrize(
    ("spans", "verdict", "found"),
    [
        (NOBODY, PASS, "no address of IPv4 and no address of IPv6"),
        ((span("0.0.0.0", "0.255.255.255"),), PASS, "a /8 of IPv4 and no address of IPv6"),
        ((span("0.0.0.0", "1.0.0.0"), span("2.0.0.0", "2.0.0.9", why="a")), FAIL, "a /7 of IPv4 and no address of IPv6"),
        ((span("::", "0:0:ffff:ffff:ffff:ffff:ffff:ffff"),), PASS, "no address of IPv4 and a /32 of IPv6"),
        ((span("::", "0:1::"),), FAIL, "no address of IPv4 and a /31 of IPv6"),
    ],
)  # fmt: skip
def test_how_many_may_send(spans: tuple[spf.Span, ...], verdict: Verdict, found: str) -> None:
    hint = (
        ". Above all by ip4:x: take out what is so wide, in the record itself or in one that it includes, and end it "
        "with ~all or -all. Where exists, ptr or a macro decides there, fewer may send: only one sender was asked for"
    )
    expected = f"{DOMAIN}: expected no more senders than a /8 of IPv4 and a /32 of IPv6, found as many addresses as "
    judged = says(spf.judged_width(record(spans=spans)))
    assert judged == (verdict, f"{expected}{found}{hint if verdict is FAIL else ''}")


HERS = record(spans=(span("192.0.2.0", "192.0.2.9", why="ip4:192.0.2.2"), *NOBODY))


@pytest.mark.parametrize(
    ("it", "ours", "verdict", "said"),
    [
        (HERS, True, PASS, "named or not, while it is ours, found 192.0.2.2 is named, and ours"),
        (record(), True, PASS, "named or not, while it is ours, found 192.0.2.2 is not named, and ours"),
        (record(), False, PASS, "nothing that names 192.0.2.2, found 192.0.2.2 is not named, and not ours any more"),
        (HERS, False, FAIL, "nothing that names 192.0.2.2, found ip4:192.0.2.2. Take it out: whoever has that address now may send in the domain's name"),
    ],
)  # fmt: skip
def test_ec2_is_named_while_it_is_ours(it: spf.Spf, ours: bool, verdict: Verdict, said: str) -> None:
    assert says(spf.judged_ec2(it, "192.0.2.2", ours=ours)) == (verdict, f"{DOMAIN}: expected {said}")


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (record(), PASS, "nothing that lets it send"),
        (HERS, FAIL, "ip4:192.0.2.2"),
        (replace(HERS, spans=(*HERS.spans, span("1.2.3.4", "1.2.3.4", "temperror", "x"))), FAIL, "ip4:192.0.2.2"),
        (record(spans=(*NOBODY, span("1.2.3.4", "1.2.3.4", "temperror", "x"))), UNKNOWN, "x (asked for 1.2.3.4)"),
        (record(spans=(*NOBODY, span("1.2.3.4", "1.2.3.4", "permerror", "y"))), UNKNOWN, "y (asked for 1.2.3.4)"),
    ],
)
def test_ec2_may_not_send(it: spf.Spf, verdict: Verdict, found: str) -> None:
    expected = f"{DOMAIN} for 192.0.2.2: expected nothing that lets it send, found "
    assert says(spf.judged_gone(it, "192.0.2.2")) == (verdict, expected + found)


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        ("v=spf1 a -all", "v=spf1 a -all", PASS),
        ("v=spf1 a -all", "V=SPF1 -all A", PASS),
        ("v=spf1 a -all", "v=spf1 a include:c -all", PASS),
        ("v=spf1 a -all", "v=spf1 a mx -all", FAIL),
        ("v=spf1 a -all", "v=spf1 include:c -all", FAIL),
        ("", "v=spf1 a -all", UNKNOWN),
    ],
)
def test_whoever_could_send_before(before: str, now: str, verdict: Verdict) -> None:
    judged = says(spf.judged_as_before(record(now), [before] if before else [], {"include:c"}))
    said = f"{before}, found {now}" if before else "the snapshot's record, found the snapshot has none"
    assert judged == (verdict, f"{DOMAIN}: expected {said}")


# DKIM keys and DMARC -------------------------------------------------------------------------------------------------

ED = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def key(whose: str = "SendGrid", wanted: str = "") -> dkim_keys.Published:
    return dkim_keys.Published(DOMAIN, f"s1._domainkey.{DOMAIN}", whose, wanted, (), "Ask them")


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (answer(ED), PASS, "one key, fit to verify with, found ed25519, 256 bits"),
        (answer(aliases=("s1.sendgrid.net",)), PASS, "a key, or an alias of one, found an alias of s1.sendgrid.net"),
        (answer(), FAIL, "one key, fit to verify with, found 0 keys: what came"),
        (answer(ED, ED), FAIL, "one key, fit to verify with, found 2 keys: what came"),
        (answer("v=DKIM1; p="), FAIL, "one key, fit to verify with, found p= is empty: the key was revoked"),
        (answer(referral=("ns1.x",)), PASS, "a key, or an alias of one, found delegated to ns1.x"),
        (answer(aliases=("s1.x",), server=CACHE), FAIL, "one key, fit to verify with, found 0 keys (a.example leads to s1.x): what came"),
        (answer(error=SILENT), UNKNOWN, f"one key, fit to verify with, found {SILENT}"),
    ],
)  # fmt: skip
def test_a_key(it: Answer, verdict: Verdict, found: str) -> None:
    member = f"SendGrid's s1._domainkey.{DOMAIN} at {it.server}"
    judged = says(dkim_keys.judged(key(), it))
    assert judged == (verdict, f"{member}: expected {found}{'. Ask them' if verdict is FAIL else ''}")


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (answer("wanted"), PASS, "the same key"),
        (answer("other"), FAIL, "what came. Run switch_mx again: it adds what Cloudflare misses"),
        (answer("wanted", "other"), FAIL, "what came. Run switch_mx again: it adds what Cloudflare misses"),
        (answer(error=SILENT), UNKNOWN, SILENT),
    ],
)
def test_cloudflares_own_key(it: Answer, verdict: Verdict, found: str) -> None:
    judged = says(dkim_keys.judged_same(key("Cloudflare", "wanted"), it))
    assert judged == (verdict, f"{DOMAIN} at {NS}: expected wanted, found {found}")


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (answer("v=DMARC1; p=none"), PASS, "v=DMARC1; p=none"),
        (answer("v=DMARC1; p=none", "something else"), PASS, "v=DMARC1; p=none"),
        (answer(), FAIL, "0 policies: what came"),
        (answer("v=DMARC1; p=none", "v=DMARC1; p=reject"), FAIL, "2 policies: what came"),
        (answer(error=SILENT), UNKNOWN, f"0 policies: {SILENT}"),
        (answer("v=DMARC1; p=none", aliases=("d.x",), server=CACHE), PASS, "v=DMARC1; p=none"),
        (answer(aliases=("d.x",), server=CACHE), FAIL, "0 policies: what came"),
    ],
)
def test_a_policy(it: Answer, verdict: Verdict, found: str) -> None:
    hint = "Receivers act as if there were none (RFC 9989, 4.10)"
    member, expected = f"{DOMAIN} at {it.server}", "one policy that can be read"
    found = SILENT if verdict is UNKNOWN else found
    hinted = f". {hint}" if verdict is FAIL else ""
    assert says(dmarc.judged(DOMAIN, it)) == (verdict, f"{member}: expected {expected}, found {found}{hinted}")


@pytest.mark.parametrize(
    ("it", "found"),
    [
        (answer(aliases=("e.x", "d.x")), "an alias of d.x"),
        (answer(referral=("ns1.x", "ns2.x")), "delegated to ns1.x, ns2.x"),
    ],
)
def test_a_policy_that_a_provider_keeps(it: Answer, found: str) -> None:
    """A zone's own servers name only where it is; resolvers go there, and their answers are judged."""
    wanted = f"{DOMAIN} at {NS}: expected a policy, or an alias of one, found {found}"
    assert says(dmarc.judged(DOMAIN, it)) == (PASS, wanted)


def test_a_policy_that_nobody_can_read() -> None:
    for text in ("v=DMARC1; p=perhaps", "v=DMARC1; p=reject;; rua=mailto:a@b.example"):
        judged = dmarc.judged(DOMAIN, answer(text))
        assert judged.verdict is FAIL
        assert judged.found.startswith("1 policies: ")
        assert str(judged.hint).startswith("Receivers discard what is wrong")


def test_receivers_of_reports() -> None:
    asked: dict[str, Any] = {"name": "a.example._report._dmarc.b.example"}
    found = (
        (DOMAIN, "b.example", answer("v=DMARC1", **asked)),
        (DOMAIN, "b.example", answer(**asked)),
        (DOMAIN, "b.example", answer(error=SILENT, **asked)),
    )
    member = "reports about a.example to b.example: expected TXT a.example._report._dmarc.b.example: v=DMARC1, found "
    assert all_say(dmarc.judged_agreements([DOMAIN], found)) == [
        (PASS, f"{member}what came"),
        (FAIL, f"{member}what came. Without it no report is sent there (RFC 9990, 4)"),
        (UNKNOWN, f"{member}{SILENT}"),
    ]
    none = f"{DOMAIN}: expected no report goes outside, found no report goes outside"
    assert all_say(dmarc.judged_agreements([DOMAIN], ()), looks=0) == [(PASS, none)]


SETTINGS_OF = ". Look at N-5, and at SendGrid's settings"


def signed(domain: str = DOMAIN, fault: str = "", *, asked: bool = True) -> Signature:
    return Signature(domain, "s1", fault, aligned=True, asked=asked)


def receipt(*signatures: Signature, spf: str = "fail", back: str = DOMAIN, trouble: str = "", seen: bool = True) -> Any:
    applied = Applied(None, "none", DOMAIN)
    judged = Authentication(DOMAIN, signatures, back, spf, applied, trouble, LOOK)
    sent = SimpleNamespace(address=ALICE, sender="587")
    seen_as = judged if seen else None
    return SimpleNamespace(sent=sent, authentication=seen_as, search=SimpleNamespace(evidence=LOOK), relay=Relay())


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (receipt(signed()), PASS, f"DKIM of {DOMAIN} is aligned with {DOMAIN}"),
        (receipt(spf="pass"), PASS, f"SPF of {DOMAIN} is aligned with {DOMAIN}"),
        (receipt(signed(fault="bad")), FAIL, f"DKIM of {DOMAIN} bad; SPF of {DOMAIN}: fail{SETTINGS_OF}"),
        (receipt(seen=False), FAIL, "not in the outside mailbox"),
        (receipt(signed(fault="no answer", asked=False)), UNKNOWN, f"DKIM of {DOMAIN} no answer; SPF of {DOMAIN}: fail"),
        (receipt(signed("esp.net", fault="no answer", asked=False)), FAIL, f"DKIM of esp.net no answer; SPF of {DOMAIN}: fail{SETTINGS_OF}"),
        (receipt(spf="unknown: no answer"), UNKNOWN, f"SPF of {DOMAIN}: unknown: no answer"),
        (receipt(spf="unknown: no answer", back="esp.net"), FAIL, f"SPF of esp.net: unknown: no answer{SETTINGS_OF}"),
        (receipt(signed(), trouble="no answer"), PASS, f"DKIM of {DOMAIN} is aligned with {DOMAIN}"),
        (receipt(signed(f"mail.{DOMAIN}")), PASS, f"DKIM of mail.{DOMAIN} is aligned with {DOMAIN}"),
        (receipt(signed(f"mail.{DOMAIN}"), trouble="no answer"), UNKNOWN, f"DKIM of mail.{DOMAIN} verifies; SPF of {DOMAIN}: fail; DMARC of {DOMAIN}: no answer"),
        (receipt(spf="pass", back=f"em1.{DOMAIN}", trouble="no answer"), UNKNOWN, f"SPF of em1.{DOMAIN}: pass; DMARC of {DOMAIN}: no answer"),
        (receipt(signed(fault="bad"), trouble="no answer"), FAIL, f"DKIM of {DOMAIN} bad; SPF of {DOMAIN}: fail; DMARC of {DOMAIN}: no answer{SETTINGS_OF}"),
    ],
)  # fmt: skip
def test_mail_passes_dmarc(it: Any, verdict: Verdict, found: str) -> None:
    expected = f"alice@{DOMAIN} by 587: expected arrived outside, DKIM or SPF passes and is aligned, found "
    assert says(dmarc.judged_receipt(it)) == (verdict, expected + found)
