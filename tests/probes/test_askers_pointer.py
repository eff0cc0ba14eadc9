"""The doctor on the PTR of whoever asks Cloudflare's MX hosts: they turn away whose name does not lead back."""

from ipaddress import ip_address
from types import SimpleNamespace

import pytest

from fixtures.evidence import Evidence, Verdict
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
