"""The PTR of whoever asks Cloudflare's MX hosts: they turn away whose name does not lead back, and he is not blind."""

from ipaddress import ip_address
from types import SimpleNamespace

import pytest

from fixtures.evidence import CouldNotAsk, Evidence, Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.preflight import reach
from fixtures.probes.dns import queries as dns, reverse
from fixtures.probes.smtp import vantages

THERE4, THERE6 = "162.159.205.11", "2606:4700:f5::b"
OWN4, OWN6 = "203.0.113.150", "2001:db8:f::150"
NAME = "out.elsewhere.example.net"


@pytest.mark.parametrize(
    ("own6", "pointers", "forward", "verdicts", "says"),
    [
        (OWN6, {OWN4: NAME, OWN6: NAME}, (OWN4, OWN6), ["pass", "pass"], f"{OWN6} is {NAME}, and that is {OWN6}"),
        (OWN6, {OWN4: NAME}, (OWN4, OWN6), ["pass", "inconclusive"], f"{OWN6}: no PTR"),
        (OWN6, {OWN4: NAME, OWN6: NAME}, (OWN4,), ["pass", "inconclusive"], f"{OWN6}: its PTR {NAME} leads elsewhere"),
        ("", {OWN4: NAME}, (OWN4,), ["pass", "pass"], "no IPv6 there: they are asked by the other family only"),
    ],
    ids=["both lead back", "none over IPv6", "it leads elsewhere", "no IPv6"],
)
def test_a_pointer_that_is_missing_is_found(  # noqa: PLR0917 - a row of the table
    monkeypatch: pytest.MonkeyPatch,
    own6: str,
    pointers: dict[str, str],
    forward: tuple[str, ...],
    verdicts: list[str],
    says: str,
) -> None:
    by_pointer = {ip_address(each).reverse_pointer: name for each, name in pointers.items()}

    async def answered(name: str, kind: str) -> SimpleNamespace:
        found = forward if name == NAME else tuple(filter(None, [by_pointer.get(name)]))
        return SimpleNamespace(rrset=found, error="", evidence=Evidence(kind, str(found)))

    monkeypatch.setattr(reverse, "adefault", answered)
    monkeypatch.setattr(vantages, "seen_as", lambda _, towards: own6 if ":" in towards else OWN4)
    monkeypatch.setattr(dns, "addresses", lambda _: SimpleNamespace(addresses=(THERE4, THERE6)))
    found = list(reach.asker(settings_without_a_lab()))
    assert [each.verdict for each in found] == list(map(Verdict, verdicts))
    assert says in found[1].found
    for each in found:
        assert ("Let the provider set it" in each.hint) == (each.verdict is Verdict.INCONCLUSIVE)


GREETS, AWAY = "220 mx.cloudflare.net Cloudflare Email ESMTP Service ready", "550 Sender IP reverse lookup rejected"
NO_IPV4, NOTHING = CouldNotAsk("[Errno 101] Network is unreachable"), CouldNotAsk("no answer in 5 s")


@pytest.mark.parametrize(
    ("four", "by_name", "says"),
    [
        (GREETS, AWAY, ""),
        (NO_IPV4, GREETS, ""),
        (None, GREETS, ""),
        (NO_IPV4, AWAY, "it turns us away"),
        (AWAY, GREETS, "it turns us away"),
        (NOTHING, GREETS, "no answer in 5 s"),
        ("220 mail.provider.example", GREETS, "that is not Cloudflare's greeting"),
    ],
    ids=["no PTR over IPv6", "IPv6 only", "no A", "IPv6 only, and no PTR", "no PTR", "IPv4 is blocked", "a proxy"],
)
def test_who_sees_cloudflares_port_25_over_ipv4_is_not_blind(
    monkeypatch: pytest.MonkeyPatch, four: str | CouldNotAsk | None, by_name: str, says: str
) -> None:
    """Dell is asked over IPv4; and a rented host seldom has a PTR over IPv6."""

    async def there(_: str) -> SimpleNamespace:
        return SimpleNamespace(ipv4=(THERE4,) if four else ())

    async def greeting(at: str, _: object) -> str:
        said = four if at == THERE4 else by_name
        if isinstance(said, CouldNotAsk):
            raise said
        return str(said)

    monkeypatch.setattr(dns, "ahost", there)
    monkeypatch.setattr(vantages, "greeting", greeting)
    why = vantages.blind.__wrapped__(None)
    assert says in why
    assert bool(why) == bool(says)
