"""N-11, N-13: MTA-STS, TLS reports, DNSSEC and pins."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fixtures.evidence import Verdict
from fixtures.probes import snapshot
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Record, Records, Zone
from fixtures.probes.dns import dnssec, mta_sts, tlsa
from fixtures.probes.dns.dnssec import Chain, Proof
from fixtures.probes.dns.mta_sts import Change, Policy, Published
from fixtures.probes.dns.queries import Answer
from tests.judges import ABSENT, CACHE, DOMAIN, FAIL, LOOK, NS, PASS, SILENT, UNKNOWN, Says, all_say, answer, says, talk

# MTA-STS -------------------------------------------------------------------------------------------------------------

POLICY = Policy("enforce", ("mail.x", "*.mx.y"), 86_400, ())
ID = "v=STSv1; id=1;"


def published(*answers: Answer, policy: Policy | None = POLICY, why: str = "", could_ask: bool = True) -> Published:
    return Published(DOMAIN, answers or (answer(ID),), policy, why, could_ask, LOOK)


ONE = f"{DOMAIN} at {NS}: expected one record with an id, found "
TAKEN = f"{DOMAIN}: expected a policy that senders take, found "


def test_a_policy_of_mta_sts() -> None:
    assert all_say(mta_sts.judged_sound(published(), wanted=True)) == [(PASS, f"{ONE}id 1"), (PASS, f"{TAKEN}{POLICY}")]
    bad = published(
        answer("v=STSv1; id=?"), answer(error=SILENT), answer(ID), policy=replace(POLICY, faults=("no mx", "old"))
    )
    assert all_say(mta_sts.judged_sound(bad, wanted=True)) == [
        (FAIL, f"{ONE}id=?: 1 to 32 letters and digits"),
        (UNKNOWN, f"{ONE}{SILENT}"),
        (PASS, f"{ONE}id 1"),
        (FAIL, f"{TAKEN}no mx; old"),
    ]
    for could_ask, verdict in ((True, FAIL), (False, UNKNOWN)):
        (_, gone) = all_say(mta_sts.judged_sound(published(policy=None, why="404", could_ask=could_ask), wanted=True))
        assert gone == (verdict, f"{TAKEN}404")


@pytest.mark.parametrize("elsewhere", [{"aliases": ("p.x",)}, {"referral": ("ns.x",)}])
def test_a_policy_that_a_provider_keeps(elsewhere: dict[str, Any]) -> None:
    """A zone's own servers name only where its record is; resolvers go there, and their answers are judged."""
    found = "an alias of p.x" if "aliases" in elsewhere else "delegated to ns.x"
    led = f"{DOMAIN} at {NS}: expected a record, or an alias of one, found {found}"
    at = answer(**elsewhere)
    for text, verdict, said in ((ID, PASS, "id 1"), ("", FAIL, "0 records, expected one")):
        its = published(at, answer(*filter(None, [text]), server=CACHE, **elsewhere))
        owner, resolver, _ = all_say(mta_sts.judged_sound(its, wanted=True))
        assert (owner, resolver[0]) == ((PASS, led), verdict)
        assert f"found {said}" in resolver[1]


def test_a_policy_that_the_settings_deny() -> None:
    none = f"{DOMAIN}: expected no policy, by the settings, found "
    hint = "Set mta_sts = true for it, so that widen_mta_sts admits the new gateway"
    denied, *others = all_say(mta_sts.judged_sound(published(), wanted=False))
    assert denied == (FAIL, f"{none}{POLICY}. {hint}")
    assert [each[0] for each in others] == [PASS, PASS]
    (left, *_) = mta_sts.judged_sound(published(policy=None, why="no connection"), wanted=False)
    nowhere = (
        "If nobody serves a policy there, delete the TXT record: senders go on as if there were none. If somebody does, "
        "set mta_sts = true for it"
    )
    assert says(left) == (FAIL, f"{none}a record, but no connection. {nowhere}")
    assert [each.verdict for each in mta_sts.judged_sound(published(answer()), wanted=False)] == [ABSENT]
    silent, absent = mta_sts.judged_sound(published(answer(), answer(error=SILENT)), wanted=False)
    assert says(silent) == (UNKNOWN, f"{DOMAIN} at {NS}: expected no record, found {SILENT}")
    assert says(absent, looks=2) == (ABSENT, f"{none}no policy")
    assert [
        each.verdict for each in mta_sts.judged_sound(published(answer(), policy=None, why="404"), wanted=True)
    ] == [FAIL, FAIL]


@pytest.mark.parametrize(
    ("policy", "but_not", "verdict", "found"),
    [
        (POLICY, "", PASS, str(POLICY)),
        (replace(POLICY, mx=("mail.x",)), "", FAIL, "r1.mx.y is not admitted ({}). widen_mta_sts admits both"),
        (replace(POLICY, mx=()), "", FAIL, "mail.x is not admitted; r1.mx.y is not admitted ({}). widen_mta_sts admits both"),
        (replace(POLICY, mode="none", mx=()), "", PASS, "{}"),
        (replace(POLICY, mx=("mail.x", "*.mx.y", "old")), "old", FAIL, "old still is ({}). narrow_mta_sts leaves only the new ones"),
        (POLICY, "old", PASS, "{}"),
        (None, "", UNKNOWN, "404"),
    ],
)  # fmt: skip
def test_which_hosts_a_policy_admits(policy: Policy | None, but_not: str, verdict: Verdict, found: str) -> None:
    judged = mta_sts.judged_hosts(
        published(policy=policy, why="404"), ("mail.x", "r1.mx.y"), (but_not,) if but_not else ()
    )
    expected = f"{DOMAIN}: expected admits mail.x, r1.mx.y{', and not old' if but_not else ''}, found "
    assert says(judged) == (verdict, expected + found.replace("{}", str(policy)))


@pytest.mark.parametrize(
    ("mode", "mx", "verdict"),
    [("enforce", ("r1.mx.cloudflare.net",), FAIL), ("enforce", ("*.mx.cloudflare.net",), PASS), ("none", (), PASS)],
)
def test_a_policy_admits_whatever_cloudflare_assigns_next(mode: str, mx: tuple[str, ...], verdict: Verdict) -> None:
    it = published(policy=replace(POLICY, mode=mode, mx=mx), why="")
    judged = mta_sts.judged_hosts(it, ("r1.mx.cloudflare.net",), any_of_routing=True)
    assert judged.verdict is verdict
    assert judged.expected == "admits r1.mx.cloudflare.net, *.mx.cloudflare.net"


NOTICED = "Until then strict senders may hold the old policy without looking for a new one (RFC 8461, 5.1)"


@pytest.mark.parametrize(
    ("change", "verdict", "found"),
    [
        (Change(0.0, "0", ("1",)), PASS, "changed 1.0 h ago, id 1, before it 0"),
        (Change(3299.0, "0", ("1", "2")), PASS, "changed 0.1 h ago, id 1, 2, before it 0"),
        (Change(3300.0, "0", ("1",)), FAIL, f"changed 0.1 h ago, id 1, before it 0. {NOTICED}"),
        (Change(0.0, "1", ("1", "2")), FAIL, f"changed 1.0 h ago, id 1, 2, before it 1. {NOTICED}"),
        (Change(0.0, "", ()), PASS, "changed 1.0 h ago, id none, before it none"),
        (Change(None, "0", ("1",)), PASS, "changed by hand, nobody says when, id 1, before it 0"),
        (Change(None, "1", ("1",)), FAIL, f"changed by hand, nobody says when, id 1, before it 1. {NOTICED}"),
    ],
)
def test_senders_have_noticed(change: Change, verdict: Verdict, found: str) -> None:
    it = published(answer(ID), answer(ID, ttl=None), answer(ID, ttl=60))
    expected = f"{DOMAIN}: expected changed under a new id, longer ago than the record may be kept (300 s), found "
    assert says(mta_sts.judged_noticed(it, change, 3600.0)) == (verdict, expected + found)
    same = "not changed in this migration"
    assert says(mta_sts.judged_noticed(it, None, 3600.0)) == (PASS, f"{DOMAIN}: expected {same}, found {same}")


BEFORE = {"id": "0", "mx": ["mail.x"]}
AT = 1_700_000_040.0


@pytest.mark.parametrize(
    ("before", "now", "texts", "expected"),
    [
        (BEFORE, ID, (ID,), Change(AT, "0", ("1",))),  # by hand, under a new id
        (BEFORE, "v=STSv1; id=0;", ("v=STSv1; id=0;",), Change(AT, "0", ("0",))),  # which was forgotten
        (BEFORE, ID, (), Change(None, "0", ("1",))),  # the record is a provider's, so nobody says when
        (BEFORE | {"mx": ["*.mx.y", "mail.x"]}, ID, (ID,), None),
        (None, ID, (ID,), None),
    ],
)
def test_a_policy_that_was_changed_by_hand(
    monkeypatch: pytest.MonkeyPatch,
    before: dict[str, Any] | None,
    now: str,
    texts: tuple[str, ...],
    expected: Change | None,
) -> None:
    kept = snapshot.Kept("", "", {"zones": {DOMAIN: {"records": [], "senders_read": before}}}, LOOK)
    zone = tuple(Record("TXT", f"_mta-sts.{DOMAIN}", text, 300, modified="2023-11-14 22:13") for text in texts)
    monkeypatch.setattr(snapshot, "first", lambda _: kept)
    there = Records(Zone("z", DOMAIN, "active", (), "a"), zone, LOOK)
    monkeypatch.setattr(cloudflare, "records", lambda *_: there)
    unjournaled: Any = SimpleNamespace(store=SimpleNamespace(journaled=lambda *_: []))
    assert mta_sts.last_change(unjournaled, published(answer(now))) == expected


def test_what_a_snapshot_keeps_of_a_policy() -> None:
    assert mta_sts.as_senders_read(published()) == {"id": "1", "mx": ["mail.x", "*.mx.y"]}
    led = published(answer(aliases=("p.x",)), answer("v=STSv1; id=7;", server=CACHE))
    assert mta_sts.as_senders_read(led) == {"id": "7", "mx": ["mail.x", "*.mx.y"]}
    assert mta_sts.as_senders_read(published(policy=None)) is None


@pytest.mark.parametrize(
    ("change", "switched", "verdict", "found"),
    [
        (Change(86_500.0, "0", ("1",)), 100.0, PASS, "narrowed 1.0 days after the switch"),
        (Change(86_499.0, "0", ("1",)), 100.0, FAIL, "narrowed 1.0 days after the switch"),
        (None, 100.0, UNKNOWN, "no record of the switch, or of the change"),
        (Change(86_500.0, "0", ("1",)), None, UNKNOWN, "no record of the switch, or of the change"),
        (Change(None, "0", ("1",)), 100.0, UNKNOWN, "no record of the switch, or of the change"),
    ],
)
def test_both_were_admitted_long(change: Change | None, switched: float | None, verdict: Verdict, found: str) -> None:
    expected = f"{DOMAIN}: expected narrowed at least 1.0 days after the switch (max_age), found "
    assert says(mta_sts.judged_narrowed(published(), change, switched)) == (verdict, expected + found)


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (answer("v=TLSRPTv1; rua=mailto:a@b.example"), PASS, "v=TLSRPTv1; rua=mailto:a@b.example"),
        (answer("v=TLSRPTv1; rua=a@b.example"), FAIL, "rua=a@b.example: expected mailto: or https: addresses"),
        (answer(), ABSENT, "no record"),
        (answer(error=SILENT), UNKNOWN, SILENT),
    ],
)
def test_where_tls_reports_go(it: Answer, verdict: Verdict, found: str) -> None:
    expected = f"{DOMAIN} at {NS}: expected one record with addresses, or none, found "
    assert says(mta_sts.judged_reporting(DOMAIN, it)) == (verdict, expected + found)


# DNSSEC and pins -----------------------------------------------------------------------------------------------------


def chain(*delegation: Answer, ds: tuple[str, ...] = ("ds",), proofs: tuple[Proof, ...] = ()) -> Chain:
    return Chain(DOMAIN, delegation or (answer("ds", type="DS", dnssec=True),), ds, proofs, (), ())


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (chain(), []),
        (chain(answer(type="DS"), ds=()), [(ABSENT, "signed, or not, found no DS: not signed")]),
        (chain(answer(error=SILENT), ds=()), [(UNKNOWN, f"a DS at the parent, or none, found {SILENT}")]),
        (chain(answer("ds", type="DS")), [(UNKNOWN, "a DS that some resolver has validated, found none. Name a resolver that validates among [[resolvers]], such as 9.9.9.9")]),
    ],
)  # fmt: skip
def test_a_chain(it: Chain, expected: list[Says]) -> None:
    assert all_say(dnssec.judged(it)) == [(verdict, f"{DOMAIN}: expected {said}") for verdict, said in expected]


def test_signatures() -> None:
    proof = Proof(NS, DOMAIN, "MX", "", "", 86_400.0, LOOK)
    others = (replace(proof, fault="expired"), replace(proof, error=SILENT), replace(proof, expires_s=None))
    member = f"{DOMAIN} MX at {NS}: expected a signature that holds, by a key that the parent names, found "
    assert all_say(dnssec.judged(chain(proofs=(proof, *others)))) == [
        (PASS, f"{member}holds for 1.0 days more"),
        (FAIL, f"{member}expired. Compare the DS at the registrar with Cloudflare's (DNS, Settings, DNSSEC)"),
        (UNKNOWN, f"{member}{SILENT}"),
        (PASS, member),
    ]


def asked_twice(checked: Answer, unchecked: Answer, *, validates: bool = True) -> Chain:
    return replace(chain(answer("ds", dnssec=validates)), answers=(checked,), unchecked=(unchecked,))


def test_resolvers() -> None:
    """One that is silent has refused nothing."""
    member = f"{DOMAIN} at {NS}: expected an answer that the resolver vouches for, found "
    bogus = answer(error="SERVFAIL", rcode="SERVFAIL")
    hint = "It finds the signatures bogus: its users get no answer, and no mail from here reaches them or you"
    for it, said in (
        (asked_twice(bogus, answer()), (FAIL, f"{member}SERVFAIL, and what came when asked not to check. {hint}")),
        (asked_twice(bogus, answer(error=SILENT)), (UNKNOWN, f"{member}SERVFAIL")),
        (asked_twice(answer(error=SILENT, rcode=""), answer()), (UNKNOWN, f"{member}{SILENT}")),
        (asked_twice(*[answer(error=SILENT, rcode="")] * 2), (UNKNOWN, f"{member}{SILENT}")),
        (asked_twice(answer(dnssec=True), answer()), (PASS, f"{member}what came")),
        (asked_twice(answer(), answer()), (FAIL, f"{member}what came, not vouched for")),
        (asked_twice(answer(), answer(), validates=False), (ABSENT, f"{member}an answer; it checks no signatures")),
    ):
        assert all_say(dnssec.judged_resolvers(it), looks=2) == [said]


def test_pins() -> None:
    """What a pin has to be: tests/probes/test_records.py."""
    shown, name = talk("refused", text="no"), "_25._tcp.mx.dell"
    foreign, pinned = answer("3 0 1 " + "0" * 64, type="TLSA"), f"{name} at {NS}: expected"
    none = tlsa.Dane(name, (answer(), answer(error=SILENT)), ())
    fits = "a pin that fits Dell's certificate, found"
    assert all_say(tlsa.judged(none, "mx.dell"), "") == [
        (ABSENT, f"{pinned} a pin, or none, found none"),
        (UNKNOWN, f"{pinned} {fits} {SILENT}"),
    ]
    seen, lacking = tlsa.judged(tlsa.Dane(name, (foreign, answer()), (shown,)), "mx.dell")
    assert says(seen, "", 2) == (UNKNOWN, f"192.0.2.9 by {NS}: expected {fits} Dell showed none: 0 no")
    assert says(lacking, "") == (FAIL, f"{pinned} the pins that others give, found what came")
    issued = trustme.CA().issue_cert("mx.dell").cert_chain_pems[0].bytes()
    own = x509.load_pem_x509_certificate(issued).public_bytes(Encoding.DER)
    fit, lead = f"3 0 0 {own.hex()}", f"192.0.2.9 by {NS}: expected {fits} "
    hint = "Publish the pin of the new certificate first, and change the certificate a TTL later"
    its, more, others = (answer(*pins, type="TLSA") for pins in ((fit,), (fit, *foreign.rrset, "x"), foreign.rrset))
    whole = tlsa.Dane(name, (its, more, others), (replace(shown, chain=(own,)),))
    first, zeros = f"3 0 0 {own.hex()[:16]}...", "3 0 1 0000000000000000... is of another"
    assert all_say(tlsa.judged(whole, "mx.dell"), "", 2) == [
        (PASS, f"{lead}{first}"),
        (PASS, f"{lead}{first}; {zeros}; 'x' is no TLSA record"),
        (FAIL, f"{lead}none fits; {zeros}. {hint}"),
    ]
