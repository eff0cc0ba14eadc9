"""E-6: an alias that Dell's Postfix sends in a way of its own is tried like a user; any other is not."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.probes.dell import postfix
from fixtures.probes.dell.postfix import Configuration
from fixtures.probes.smtp import submission
from tests.judges import ALICE, DOMAIN, LOOK

INFO = replace(ALICE, local="info")
MAPS = {"smtp_sasl_password_maps": "static:a:b, texthash:/own"}
DEPENDING = {"smtp_sender_dependent_authentication": "yes"}
WAY = {"sender_dependent_relayhost_maps": "texthash:/ways"}


@pytest.mark.parametrize(
    ("values", "send", "asked"),
    [
        (MAPS, True, []),
        (MAPS | DEPENDING, True, ["texthash:/own"]),
        (MAPS | DEPENDING, False, []),
        (WAY, True, ["texthash:/ways"]),
        (MAPS | WAY | {"smtp_sender_dependent_authentication": "no"}, True, ["texthash:/ways"]),
    ],
)
def test_who_writes_by_which_address(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], send: bool, asked: list[str]
) -> None:
    tables = list[str]()

    def holding(_: object, table: str, keys: Any) -> set[str]:
        tables.append(table)
        return {*keys}

    it = Configuration("Dell", values, {}, (), {}, (), 1, 0.0, LOOK)
    monkeypatch.setattr(submission, "dell", lambda _: None)
    monkeypatch.setattr(postfix, "configuration", lambda _: it)
    monkeypatch.setattr(postfix, "holding", holding)
    settings = SimpleNamespace(addresses=lambda _: (ALICE, INFO), dell=SimpleNamespace(aliases_send=send))
    found = submission.users(SimpleNamespace(settings=settings), (DOMAIN,))  # type: ignore[arg-type] # a stand-in
    assert found == ((ALICE, INFO) if asked else (ALICE,))
    assert tables == asked
