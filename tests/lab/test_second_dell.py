"""The second Dell: Postfix in a container behind a userland proxy, where every client looks like the gateway (X16)."""

import re
from collections.abc import Iterator

import pytest

from fixtures.lab.plan import DELL6
from fixtures.lab.world import Lab
from tests.labs import on, standing
from tests.warm import features


@pytest.fixture(params=["proxied", "proxied-ipv6"])
def lab(request: pytest.FixtureRequest) -> Iterator[tuple[str, Lab]]:
    """A lab with such a Dell before phase 2."""
    with standing(f"tests-{request.param}", 4, "phase2", dell=request.param) as made:
        yield request.param, made


def test_phase2_is_closed_for_who_comes_can_not_be_known(lab: tuple[str, Lab]) -> None:
    kind, made = lab
    done = features("--gate", "phase2", "--lab", made.name, "-k", "dells_log_names or may_not_deliver")
    said = done.stdout + done.stderr
    assert "CLOSED: phase2" in said, said[-3000:]
    for words in ("seen as 172.20.0.1, which is one of our own networks", "(X16)"):
        assert words in said, said[-6000:]
    seen_right = "at 198.51.100.10: expected seen as 104.30.0.0, found" not in said
    assert seen_right == (kind == "proxied-ipv6"), said[-6000:]
    assert "stranger 2001:db8:f::7: expected refused with 5xx by RCPT, or dropped by a firewall, found 250" in said


PROXY = """\
postconf inet_protocols=ipv4
postfix stop
postfix start
exec 3>/dev/null >&3 2>&3
docker-proxy -proto tcp -host-ip :: -host-port 25 -container-ip 127.0.0.1 -container-port 25 &
"""
"""Postfix by IPv4 only, and something else that takes IPv6, and connects to it in its own name."""
OPEN = r"(?m)^OPEN +phase2 "
SHUT = """\
nft 'add table ip6 t; add chain ip6 t i { type filter hook input priority 0; }; add rule ip6 t i %s tcp dport 25 drop'
"""


def test_where_the_settings_leave_dells_ipv6_out() -> None:
    """Who comes over IPv6 is seen all the same; where nobody does, what hides them is no pass, unless it is shut."""
    with standing("tests-ipv6-left-out", 4, "phase2") as lab:
        file = lab.folder / "operator/migration.toml"
        text, lines = re.subn(r'(?m)^(ipv4 = "198.51.100.10"\n)ipv6 = .*\n', r"\1", file.read_text(encoding="utf-8"))
        assert lines == 1
        file.write_text(text, encoding="utf-8")

        def judged(*plants: str) -> str:
            for plant in plants:
                on(lab, "dell", plant)
            done = features("--gate", "phase2", "--lab", lab.name, "-k", "dells_log_names")
            return done.stdout + done.stderr

        assert re.search(OPEN, said := judged()), said[-5000:]
        said = judged(PROXY)
        assert "found seen as 127.0.0.1, which is one of our own networks" in said, said[-5000:]
        said = judged(SHUT % "ip6 saddr { 2405:8100:c000::/38, 2001:db8:f::/48, 2620:fe::/48 }")
        assert f"a client over IPv6 at {DELL6}: expected seen by its true address, found nothing" in said, said[-5000:]
        assert re.search(OPEN, said := judged(SHUT % "")), said[-5000:]
