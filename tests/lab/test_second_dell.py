"""The second Dell: Postfix in a container behind a userland proxy, where every client looks like the gateway (X16)."""

from collections.abc import Iterator

import pytest

from fixtures.lab.world import Lab
from tests.labs import features, standing


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
