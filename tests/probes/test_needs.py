"""What no machine can make: init asks for it, doctor misses it, README names it, in the same words."""

import re

import pytest

from fixtures.access.transport import Shell
from fixtures.evidence import Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.preflight import needs
from fixtures.preflight.needs import NEEDS, missed
from fixtures.probes.smtp import client_addresses, public_address
from tests.conftest import PROJECT

LOOK = """\
1: lo    inet6 ::1/128 scope host
2: eth0    inet 192.168.1.10/24 brd 192.168.1.255 scope global dynamic eth0
2: eth0    inet6 2001:db8:d::77/64 scope global temporary dynamic
2: eth0    inet6 fd00::1/64 scope global
2: eth0    inet6 2001:db8:d::10/64 scope global
---
1.1.1.1 via 192.168.1.1 dev eth0 src 192.168.1.10
"""
EVERYWHERE = "0: 00000000000000000000000000000000:0019 00000000000000000000000000000000:0000 0A\n"
LISTENS = f"0: 00000000:0019 00000000:0000 0A\n{EVERYWHERE}"
LINK = "fe800000000000000042acfffe140002 02 40 20 80     eth0\n"
OWN = f"20010db8000d00000000000000000010 02 40 00 80     eth0\n{LINK}"


def says(monkeypatch: pytest.MonkeyPatch, sockets: str = LISTENS, inside: str = f"all\n{LINK}") -> None:
    """Dell does: SOCKETS of the machine; INSIDE, of where Postfix runs: its protocols and IPv6 addresses."""
    said = {"/proc/net/tcp6": sockets, "postconf": inside, "ip -o": LOOK}

    def run_(_: Shell, *argv: str, **__: object) -> object:
        return type("Done", (), {"stdout": next(text for word, text in said.items() if word in argv[2])})()

    monkeypatch.setattr(Shell, "run", run_)


def bare() -> dict[str, object]:
    """Of settings that name none of it, while a domain publishes a policy."""
    there = settings_without_a_lab()
    domains = tuple(each.model_copy(update={"mta_sts": True}) for each in there.domains)
    dell = there.dell.model_copy(update={"submissions": (), "port_25_confirmed_by": "", "ipv6": None})
    return {"senders": (), "outside_mailbox": None, "vantages": (), "mta_sts": None, "domains": domains, "dell": dell}


def test_each_is_missed_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its key and with what stays undone; what is named is missed by nobody."""
    says(monkeypatch)
    monkeypatch.setattr(needs, "run", lambda asked: asked.close() or (_ for _ in ()).throw(ConnectionRefusedError()))
    settings = settings_without_a_lab().model_copy(update=bare())
    found = [*missed(settings, decisive=True), *missed(settings, decisive=False)]
    in_turn = sorted(NEEDS, key=lambda need: not need.decisive)
    assert [each.member for each in found] == [need.what for need in in_turn]
    assert {each.verdict for each in found} == {Verdict.INCONCLUSIVE}
    for need, each in zip(in_turn, found, strict=True):
        assert need.key in each.hint
        assert need.without in each.hint
    assert "Dell has 2001:db8:d::10, and it is not named" in [each.found for each in found]
    (fine,) = missed(settings_without_a_lab(), decisive=True)
    assert (fine.verdict, fine.found) == (Verdict.PASS, "7 of 7 are named, or not wanted here")


def test_readme_names_each() -> None:
    page = re.sub(r"\s+", " ", (PROJECT / "README.md").read_text(encoding="utf-8"))
    assert not [need.what for need in NEEDS if need.what not in page]


def test_an_address_for_a_while_is_none_to_publish() -> None:
    there = type("There", (), {"name": "Dell", "run": lambda *_, **__: type("Done", (), {"stdout": LOOK})()})()
    assert public_address.standing(there, "1.1.1.1").six == ("2001:db8:d::10",)


@pytest.mark.parametrize(
    ("sockets", "inside", "direct"),
    [
        (LISTENS, f"all\n{LINK}", False),
        (LISTENS, "ipv4\n", False),
        (LISTENS, f"ipv4\n{OWN}", False),
        (LISTENS, f"all\n{OWN}", True),
        (LISTENS, f"ipv6, ipv4\n{OWN}", True),
        (LISTENS.replace(":0019", ":024B"), "", None),
        (LISTENS.replace(EVERYWHERE, ""), "", None),
        (LISTENS.replace("0000:0019", "1000:0019"), "", None),
    ],
)
def test_port_25_at_an_address_that_is_not_named(
    monkeypatch: pytest.MonkeyPatch, sockets: str, inside: str, direct: bool | None
) -> None:
    """A container without IPv6, behind a proxy; Postfix by IPv4 only, behind another one; Postfix itself; or nobody."""
    says(monkeypatch, sockets, inside)
    monkeypatch.setattr(needs, "run", lambda asked: asked.close())
    settings = settings_without_a_lab().model_copy(update=bare())
    found = client_addresses.unnamed(settings)
    assert (found and (found.address, found.direct)) == (None if direct is None else ("2001:db8:d::10", direct))
    said = [each for each in missed(settings, decisive=True) if "(X16)" in each.found]
    assert bool(said) is (direct is False)
    assert client_addresses.unnamed(settings_without_a_lab()) is None
