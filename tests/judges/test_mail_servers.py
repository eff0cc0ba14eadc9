"""N-2, N-10, I-6, I-7, C-4: lifetimes, mail servers' names, Dell's name and address, its port 25, delivery domains."""

# ruff: noqa: E501 - tables of cases read better unbroken

from functools import partial
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.probes.cloudflare.api import Record
from fixtures.probes.dns import mail_servers, queries
from fixtures.probes.dns.mail_servers import Exchanger
from fixtures.probes.dns.queries import Answer
from fixtures.probes.smtp import clients, public_address
from fixtures.probes.smtp.knock import Conversation
from tests import judges
from tests.judges import CACHE, CLIENT, DOMAIN, FAIL, NS, PASS, UNKNOWN, all_say, says, talk

answer = partial(judges.answer, type="MX")


@pytest.mark.parametrize(
    ("ttl", "error", "verdict"),
    [(300, "", PASS), (301, "", FAIL), (1, "", PASS), (0, "", FAIL), (None, "", FAIL), (None, "SERVFAIL", UNKNOWN)],
)
def test_how_long_an_mx_may_be_kept(ttl: int | None, error: str, verdict: Verdict) -> None:
    judged = says(queries.judged_kept(answer("10 x", ttl=ttl, error=error), 300, DOMAIN))
    said = f"{DOMAIN} at {NS}: expected an MX that may be kept at most 300 s, found {error or 'what came'}"
    assert judged == (verdict, said)


@pytest.mark.parametrize(
    ("ago_s", "verdict", "found"),
    [
        (86_400.0, PASS, "shortened at least 24 h ago, found shortened 24.0 h ago"),
        (86_399.0, FAIL, "shortened at least 24 h ago, found shortened 24.0 h ago. Wait, and ask again"),
        (0.0, FAIL, "shortened at least 24 h ago, found shortened 0.0 h ago. Wait, and ask again"),
        (None, UNKNOWN, "a record of when the lifetime was shortened, found none"),
    ],
)
def test_the_old_lifetime(ago_s: float | None, verdict: Verdict, found: str) -> None:
    judged = queries.judged_run_out(DOMAIN, ago_s, 86_400)
    assert says(judged, looks=0) == (verdict, f"{DOMAIN}: expected {found}")


@pytest.mark.parametrize(
    ("rrset", "error", "verdict"),
    [
        (("10 mail.x",), "", PASS),
        ((), "", PASS),
        (("10 route1.mx.cloudflare.net",), "", FAIL),
        (("10 mail.x", "20 route2.mx.cloudflare.net"), "", FAIL),
        ((), "SERVFAIL", UNKNOWN),
    ],
)
def test_nobody_is_led_to_cloudflare(rrset: tuple[str, ...], error: str, verdict: Verdict) -> None:
    judged = says(mail_servers.judged_not_cloudflare(answer(*rrset, error=error), DOMAIN))
    found = error or "what came"
    assert judged == (verdict, f"{DOMAIN} at {NS}: expected no host of Cloudflare's, found {found}")


RUN = "Run publish_delivery: what is forwarded goes there and nowhere else"
HIDDEN = "Delete the NS records at this name, or above it in the zone: what stands below them nobody sees"


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (answer("10 mx.dell"), PASS, "what came"),
        (answer("10 mx.dell", "20 x"), FAIL, f"what came. {RUN}"),
        (answer("10 x"), FAIL, f"what came. {RUN}"),
        (answer(), FAIL, f"what came. {RUN}"),
        (answer("10 x", server=CACHE, ttl=41), FAIL, "what came. Gone from this cache in 41 s"),
        (answer(server=CACHE, ttl=None, absent_s=1766), FAIL, "what came. Gone from this cache in 1766 s"),
        (answer(server=CACHE, ttl=None), FAIL, f"what came. {RUN}"),
        (answer(absent_s=1766), FAIL, f"what came. {RUN}"),
        (answer(referral=("ns.x",)), FAIL, f"delegated to ns.x. {HIDDEN}"),
        (answer(error="time-out"), UNKNOWN, "time-out"),
    ],
)
def test_who_serves_a_delivery_domain(it: Answer, verdict: Verdict, found: str) -> None:
    (judged,) = mail_servers.judged_delivery([it], ("mx.dell",), DOMAIN)
    assert says(judged) == (verdict, f"{DOMAIN} at {it.server}: expected only mx.dell, found {found}")


def test_nobody_waits_for_a_cache_while_a_delivery_domain_is_not_published() -> None:
    never = [answer(), answer(server=CACHE, ttl=None, absent_s=1766)]
    assert [each.hint for each in mail_servers.judged_delivery(never, ("mx.dell",), DOMAIN)] == [RUN, RUN]


@pytest.mark.parametrize(
    ("rrset", "sharing", "routed", "verdict", "says_"),
    [
        (("10 mx.dell",), [], ["a.example"], PASS, "only of a.example, not routed, found only of a.example, not routed"),
        (("10 mx.dell",), ["b.example", "c.example"], [], FAIL, "only a.example's, found also that of b.example, c.example. Two mailboxes of the same name would become one: give each domain its own"),
        (("10 mx.dell",), [], ["d.a.example"], FAIL, "not routed, found a routed domain. Cloudflare would ask itself"),
        (("10 route1.mx.cloudflare.net",), [], [], FAIL, "not routed, found route1.mx.cloudflare.net. Cloudflare would ask itself"),
    ],
)  # fmt: skip
def test_a_delivery_domain_is_nobody_elses(
    rrset: tuple[str, ...], sharing: list[str], routed: list[str], verdict: Verdict, says_: str
) -> None:
    judged = mail_servers.judged_apart(DOMAIN, "d.a.example", [answer(*rrset)], sharing, routed)
    assert says(judged) == (verdict, f"d.a.example: expected {says_}")


# Mail servers' names -------------------------------------------------------------------------------------------------


def mx(content: str = "mail.x", name: str = DOMAIN, **more: Any) -> Exchanger:
    fields: dict[str, Any] = {"owner_aliases": (), "target": (), "answers": ()} | more
    return Exchanger(DOMAIN, Record("MX", name, content, 300, 10), **fields)


def word(it: Exchanger, judged: Any) -> tuple[Verdict, str]:
    """Verdict and sentence, which begins with the record."""
    assert [each.answer for each in judged.evidence] == [str(it)]
    assert judged.domain == DOMAIN
    assert judged.sentence().startswith(f"{it}: expected ")
    return judged.verdict, judged.sentence().removeprefix(f"{it}: expected ")


def test_an_address_is_no_mail_server() -> None:
    hint = "Name the host: an address is none (RFC 5321, 5.1)"
    for content in ("203.0.113.9", "2001:db8::9"):
        it = mx(content)
        found = f"a mail server, found an address. {hint}"
        assert word(it, mail_servers.judged_null(it, {DOMAIN})) == (FAIL, found)


def test_a_null_mx() -> None:
    hint = "A null MX (RFC 7505) tells senders to bounce at once: delete it"
    assert word(mx(), mail_servers.judged_null(mx(), {DOMAIN})) == (PASS, "a mail server, found a mail server")
    for content in (".", ""):
        it, www = mx(content), mx(content, f"www.{DOMAIN}")
        found = f"a mail server, found no mail is taken. {hint}"
        assert word(it, mail_servers.judged_null(it, {DOMAIN})) == (FAIL, found)
        assert mail_servers.judged_null(www, {DOMAIN}).verdict is PASS
        assert mail_servers.judged_known(www, {DOMAIN}).verdict is PASS


def test_a_proxied_mail_server() -> None:
    hint = "Cloudflare's web proxy takes no mail: switch the proxy off for this name (DNS only)"
    it = mx(target=(Record("A", "mail.x", "1.2.3.4", 1, proxied=True), Record("AAAA", "mail.x", "::1", 1)))
    expected = "a target that is not proxied"
    assert word(it, mail_servers.judged_proxied(it)) == (FAIL, f"{expected}, found A mail.x is proxied. {hint}")
    assert word(mx(), mail_servers.judged_proxied(mx())) == (PASS, f"{expected}, found {expected}")


def test_a_forgotten_name() -> None:
    hint = "If it has to be there, name it in other_mx of its domain; else delete it: mail to it goes astray"
    it, expected = mx(name="old.a.example"), "one of a.example, b.example"
    said = f"{expected}, found old.a.example. {hint}"
    assert word(it, mail_servers.judged_known(it, {"b.example", DOMAIN})) == (FAIL, said)
    assert word(mx(), mail_servers.judged_known(mx(), {"b.example", DOMAIN})) == (PASS, f"{expected}, found {expected}")


def test_an_alias() -> None:
    hint = "RFC 2181, 10.3: some senders refuse an alias. Name the host itself"
    own = "a name of its own, no alias"
    none = answer(type="CNAME")
    led = answer("h.x", type="CNAME")
    mute = answer(error="SERVFAIL")
    gone = answer(type="CNAME", rcode="NXDOMAIN")
    name = f"list.{DOMAIN}"
    its = mx(name=name, owner_aliases=(Record("CNAME", name, "y.x", 1),), answers=(none, led, mute, gone))
    owner, *targets = mail_servers.judged_aliases(its)
    assert word(its, owner) == (FAIL, f"{own}, found {name} is an alias of y.x. {hint}")
    member = f"{its} at {NS}: expected {own}, found "
    assert [says(each) for each in targets] == [
        (PASS, f"{member}no alias"),
        (FAIL, f"{member}mail.x is an alias of h.x. {hint}"),
        (UNKNOWN, f"{member}SERVFAIL"),
        (FAIL, f"{member}mail.x does not exist. Mail to it bounces: name a host that is there"),
    ]
    assert list(mail_servers.judged_aliases(mx())) == []
    several = mx(owner_aliases=tuple(Record("CNAME", name, target, 1) for target in ("y.x", "z.x")))
    (both,) = mail_servers.judged_aliases(several)
    assert both.found == f"{name} is an alias of y.x; {name} is an alias of z.x"


def test_an_alias_that_nobody_sees() -> None:
    """Cloudflare answers with its target's addresses at the apex, and with its proxy's where it is proxied."""
    apex, shop = Record("CNAME", DOMAIN, "shops.x", 1), Record("CNAME", f"shop.{DOMAIN}", "shops.x", 1, proxied=True)
    assert list(mail_servers.judged_aliases(mx(owner_aliases=(apex,)))) == []
    assert list(mail_servers.judged_aliases(mx(name=shop.name, owner_aliases=(shop,)))) == []


# Dell's name and door ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "rrset", "error", "verdict", "said"),
    [
        ("A", ("203.0.113.9",), "", PASS, "203.0.113.9, found 203.0.113.9"),
        ("A", ("203.0.113.10",), "", FAIL, "203.0.113.9, found 203.0.113.10. {hint}"),
        ("A", (), "", FAIL, "203.0.113.9, found none. {hint}"),
        ("A", (), "no answer", UNKNOWN, "203.0.113.9, found no answer"),
        ("AAAA", (), "", PASS, "none, found none"),
        ("AAAA", ("2001:db8::1",), "", FAIL, "none, found 2001:db8::1. {hint}"),
    ],
)
def test_dells_name(kind: str, rrset: tuple[str, ...], error: str, verdict: Verdict, said: str) -> None:
    hint = "A proxied record, or one of the tailnet, leads Email Routing nowhere (X4)"
    seen = answer(*rrset, error=error, type=kind)
    judged = all_say(public_address.judged_name([seen], {"203.0.113.9"}), "")
    assert judged == [(verdict, f"{DOMAIN} {kind} at {NS}: expected {said.format(hint=hint)}")]


def test_dells_name_where_others_have_it() -> None:
    """A dynamic name, say, of which the zone's own name server knows only the alias."""
    seen = answer(type="A", aliases=("dell.elsewhere.example",))
    (found,) = public_address.judged_name([seen], {"203.0.113.9"})
    assert (found.verdict, found.found) == (PASS, "an alias of dell.elsewhere.example")


def test_dells_name_in_the_tailnet() -> None:
    (found,) = public_address.judged_name([answer("100.64.0.1", type="A")], {"100.64.0.1"})
    assert found.verdict is FAIL
    assert found.found.startswith("100.64.0.1 (of 100.64.0.0/10: ")


@pytest.mark.parametrize(
    ("address", "verdict", "found"),
    [
        ("203.0.113.9", PASS, "public"),
        ("10.0.0.1", FAIL, "private (RFC 1918). Without a public address of its own Dell can't receive: a fixed address, a relay, or keep EC2"),
    ],
)  # fmt: skip
def test_dells_address(address: str, verdict: Verdict, found: str) -> None:
    said = f"Dell {address}: expected a public address, found {found}"
    assert says(public_address.judged(address), "", 0) == (verdict, said)


OPEN = "Open it on the router, in the firewall, in inet_interfaces and in the container's ports"
GREETS = talk(code=220, text="hi", at="", banner="220 dell")


@pytest.mark.parametrize(
    ("said", "blind", "word", "verdict", "found"),
    [
        (GREETS, "", "", PASS, "220 dell"),
        (GREETS, "blocked", "", PASS, "220 dell"),
        (GREETS, "", "me", PASS, "220 dell"),
        (talk("refused"), "", "", FAIL, f"nothing (at connect). {OPEN}"),
        (talk("dropped"), "", "me", FAIL, f"nothing (at connect). {OPEN}"),
        (talk("silent"), "", "", FAIL, f"nothing (at connect). {OPEN}"),
        (talk("silent"), "blocked", "", UNKNOWN, "blocked"),
        (talk("unreachable"), "", "", UNKNOWN, "nothing (at connect)"),
        (talk("unreachable"), "blocked", "", UNKNOWN, "nothing (at connect)"),
    ],
)
def test_port_25_opens(said: Conversation, blind: str, word: str, verdict: Verdict, found: str) -> None:
    judged = says(clients.judged_opened(CLIENT, said, blind, word), "")
    assert judged == (verdict, f"port 25 of 192.0.2.9 from {CLIENT}: expected a greeting, found {found}")


def test_somebody_vouches_for_port_25() -> None:
    said = "not open yet; me confirmed that it can be"
    judged = says(clients.judged_opened(CLIENT, talk("refused"), "", "me"), "")
    assert judged == (PASS, f"port 25 from {CLIENT}: expected {said}, found {said}")


def test_an_address_that_nobody_tried() -> None:
    hint = "Name a host by SSH that has an address of this family ([[vantages]] ipv6), or take the AAAA record away"
    judged = all_say(clients.judged_tried(["1.2.3.4", "2001:db8::1"], ["1.2.3.4"]), "", 0)
    assert judged == [(UNKNOWN, f"port 25 of 2001:db8::1: expected a greeting, found nobody here could try it. {hint}")]
    assert list(clients.judged_tried(["1.2.3.4"], ["1.2.3.4"])) == []


# EC2's door, when it is gone -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "verdict", "found"),
    [
        (talk("silent"), PASS, "dead (silent)"),
        (talk("refused"), PASS, "dead (refused)"),
        (talk("open", banner="220 mail"), FAIL, "220 mail"),
        (talk("dropped"), FAIL, "it connects"),
    ],
)
def test_port_25_is_dead(said: Conversation, verdict: Verdict, found: str) -> None:
    assert says(clients.judged_dead(said), "") == (verdict, f"{said.knock}: expected no answer, found {found}")


@pytest.mark.parametrize(
    ("said", "verdict", "found"),
    [
        (talk(banner="220 mx.CloudFlare.net"), PASS, "220 mx.CloudFlare.net"),
        (talk(banner="554 turned away"), PASS, "554 turned away"),
        (talk(banner="421 busy"), PASS, "421 busy"),
        (talk(banner="220 somebody else"), UNKNOWN, "220 somebody else"),
        (talk("silent"), UNKNOWN, "nothing (at connect)"),
    ],
)
def test_the_control_of_a_dead_port(said: Conversation, verdict: Verdict, found: str) -> None:
    judged = says(clients.judged_alive(said), "")
    assert judged == (verdict, f"the control: {said.knock}: expected a greeting, found {found}")
