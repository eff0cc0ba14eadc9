"""C-1 to C-4, and N-7's sets: destinations, rules, catch-all, state and loops of Email Routing; MX hosts."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace
from typing import Any, Literal

import pytest

from fixtures.probes.cloudflare import routed
from fixtures.probes.cloudflare.api import Destination, Destinations, Record, Records, Routing, Rule, Zone, rule as read
from fixtures.probes.dns import queries
from tests.judges import ALICE, DOMAIN, FAIL, LOOK, NS, PASS, UNKNOWN, Says, all_say, answer, says

ZONE = Zone("z", DOMAIN, "active", (), "a")
HERS = "alice@dell.a.example"
OFF = Rule("c", "", False, 0, "", "drop", ())


def rule(address: str = "alice@a.example", *to: str, on: bool = True, action: str = "forward", name: str = "") -> Rule:
    return Rule("r", name, on, 0, address, action, to or (HERS,))


READY = Routing(
    ZONE, enabled=True, status="ready", subaddressing=False, required=(), missing=(), rules=(), catch_all=OFF,
    evidence=LOOK, present=Records(ZONE, (), LOOK),
)  # fmt: skip


def routing(*rules: Rule, **changes: Any) -> Routing:
    return replace(READY, rules=rules, **changes)


def test_a_rule_that_asks_for_more_than_an_address_is_not_that_addresss_own() -> None:
    to = {"type": "literal", "field": "to", "value": "Alice@a.example"}
    found = [read({"matchers": each}).address for each in ([to], [to, {"type": "all"}], [])]
    assert found == ["alice@a.example", "", ""]


@pytest.mark.parametrize(
    ("there", "hint", "expected"),
    [
        ((Destination("d", HERS, "2026-11-01"),), "", (PASS, "found verified 2026-11-01")),
        ((Destination("d", HERS, ""),), "", (FAIL, "found registered, not verified. Somebody must follow the link in Cloudflare's mail to it")),
        ((Destination("d", HERS, ""),), "Open it", (FAIL, "found registered, not verified. Open it")),
        ((), "", (FAIL, "found not registered. Run prepare_cloudflare")),
        ((Destination("d", "bob@dell.a.example", "2026"),), "", (FAIL, "found not registered. Run prepare_cloudflare")),
    ],
)  # fmt: skip
def test_destination(there: tuple[Destination, ...], hint: str, expected: Says) -> None:
    found = says(routed.judged_destination(ALICE, Destinations(there, LOOK), hint))
    assert found == (expected[0], f"{HERS}: expected registered and verified, {expected[1]}")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((rule(),), (PASS, f"forward {HERS}")),
        ((rule(), rule("bob@a.example")), (PASS, f"forward {HERS}")),
        ((), (FAIL, "no rule")),
        ((rule("bob@a.example"),), (FAIL, "no rule")),
        ((rule(on=False),), (FAIL, f"disabled forward {HERS}")),
        ((rule("alice@a.example", "bob@dell.a.example"),), (FAIL, "forward bob@dell.a.example")),
        ((rule("alice@a.example", HERS, "x@b.example"),), (FAIL, f"forward {HERS}, x@b.example")),
        ((rule(action="worker"),), (FAIL, f"worker {HERS}")),
        ((rule(), rule()), (FAIL, f"forward {HERS}; forward {HERS}")),
        ((rule(), rule(on=False)), (FAIL, f"forward {HERS}; disabled forward {HERS}")),
    ],
)
def test_rule(rules: tuple[Rule, ...], expected: Says) -> None:
    found = says(routed.judged_rule(ALICE, routing(*rules)))
    assert found == (expected[0], f"alice@a.example: expected one enabled rule, forward to {HERS}, found {expected[1]}")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((rule(),), (PASS, "1 rules, all known")),
        ((), (PASS, "0 rules, all known")),
        ((rule(), rule("old@a.example")), (FAIL, "old@a.example")),
        ((rule("", name="all of b"), rule("c@a.example")), (FAIL, "all of b, c@a.example")),
        ((rule(), rule("r@b.a.example")), (PASS, "2 rules, all known; not of a.example, and left: r@b.a.example")),
        ((rule("c@a.example"), rule("r@b.a.example")), (FAIL, "c@a.example; not of a.example, and left: r@b.a.example")),
    ],
)  # fmt: skip
def test_other_rules(rules: tuple[Rule, ...], expected: Says) -> None:
    found = says(routed.judged_others(DOMAIN, routing(*rules), {"alice@a.example"}))
    assert found == (expected[0], f"a.example: expected no other rule, found {expected[1]}")


REFUSES, DROPS = "disabled: unknown addresses are refused", "enabled: drops"


@pytest.mark.parametrize(
    ("wanted", "on", "action", "to", "expected"),
    [
        ("off", False, "drop", (), (PASS, f"{REFUSES}, found disabled, drop")),
        ("off", False, "forward", ("x@y",), (PASS, f"{REFUSES}, found disabled, forward x@y")),
        ("off", True, "drop", (), (FAIL, f"{REFUSES}, found enabled, drop")),
        ("off", True, "forward", ("x@y", "z@y"), (FAIL, f"{REFUSES}, found enabled, forward x@y, z@y")),
        ("drop", True, "drop", (), (PASS, f"{DROPS}, found enabled, drop")),
        ("drop", False, "drop", (), (FAIL, f"{DROPS}, found disabled, drop")),
        ("drop", True, "forward", ("x@y",), (FAIL, f"{DROPS}, found enabled, forward x@y")),
    ],
)
def test_catch_all(
    wanted: Literal["off", "drop"], *, on: bool, action: str, to: tuple[str, ...], expected: Says
) -> None:
    its = routing(catch_all=Rule("c", "", on, 0, "", action, to))
    assert says(routed.judged_catch_all(DOMAIN, its, wanted)) == (expected[0], f"a.example: expected {expected[1]}")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (PASS, "enabled: True, status ready, missing: nothing")),
        ({"status": "unlocked"}, (PASS, "enabled: True, status unlocked, missing: nothing")),
        ({"status": "misconfigured"}, (FAIL, "enabled: True, status misconfigured, missing: nothing")),
        ({"enabled": False}, (FAIL, "enabled: False, status ready, missing: nothing")),
        (
            {"missing": (Record("MX", DOMAIN, "r1", 1), Record("TXT", "k.a.example", "v", 1))},
            (FAIL, "enabled: True, status ready, missing: MX a.example, TXT k.a.example"),
        ),
        ({"faults": ("mx.foreign", "spf.missing")}, (PASS, "enabled: True, status ready, missing: nothing; Cloudflare says: mx.foreign, spf.missing")),
    ],
)  # fmt: skip
def test_state(changes: dict[str, Any], expected: Says) -> None:
    found = says(routed.judged_state(DOMAIN, routing(**changes)))
    said = f"a.example: expected enabled, status ready or unlocked, nothing missing, found {expected[1]}"
    assert found == (expected[0], said)


def test_loops() -> None:
    """Also by a rule that is disabled, by one of several destinations, and by the catch-all."""
    fine = all_say(routed.judged_loops(DOMAIN, routing(rule()), {DOMAIN}))
    said = "1 rules and the catch-all, none of them to a routed domain"
    assert fine == [(PASS, f"a.example: expected {said}, found {said}")]
    its = routing(
        rule(),
        rule("b@a.example", HERS, "x@a.example"),
        rule("", "y@b.example", on=False, name="named"),
        catch_all=Rule("c", "", True, 0, "", "forward", ("z@b.example",)),
    )
    hint = "Cloudflare is its mail server too: forward to the delivery domain"
    assert all_say(routed.judged_loops(DOMAIN, its, {DOMAIN, "b.example"})) == [
        (FAIL, f"b@a.example: expected an address that is not routed, found forward to x@a.example. {hint}"),
        (FAIL, f"catch-all of a.example: expected an address that is not routed, found disabled: forward to y@b.example. {hint}"),
        (FAIL, f"catch-all of a.example: expected an address that is not routed, found forward to z@b.example. {hint}"),
    ]  # fmt: skip


def test_it_stays_on_after_a_rollback() -> None:
    hint = "Stale caches still lead mail there, which it refuses now: switch it on again until they have let go"
    said = "a.example: expected enabled, found enabled: True, status ready"
    assert says(routed.judged_still_on(DOMAIN, routing())) == (PASS, said)
    said = f"a.example: expected enabled, found enabled: False, status unconfigured. {hint}"
    assert says(routed.judged_still_on(DOMAIN, routing(enabled=False, status="unconfigured"))) == (FAIL, said)


@pytest.mark.parametrize(
    ("rrset", "error", "expected"),
    [
        (("10 r1.mx", "20 r2.mx"), "", (PASS, "what came")),
        (("10 r2.mx", "20 r1.mx"), "", (PASS, "what came")),
        (("10 r1.mx",), "", (FAIL, "what came")),
        (("10 r1.mx", "20 r2.mx", "30 x.mx"), "", (FAIL, "what came")),
        ((), "", (FAIL, "what came")),
        ((), "time-out", (UNKNOWN, "time-out")),
    ],
)
def test_mx_hosts(rrset: tuple[str, ...], error: str, expected: Says) -> None:
    """N-7, and the pilot's: the set counts, not its order."""
    it = answer(*rrset, error=error, type="MX")
    verdict, sentence = says(queries.judged_hosts(it, ("r1.mx", "r2.mx"), DOMAIN))
    said = f"a.example at {NS}: expected r1.mx, r2.mx, found {expected[1]}"
    assert (verdict, sentence.partition(". ")[0]) == (expected[0], said)
