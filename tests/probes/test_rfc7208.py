"""SPF by the standard's own test suite (openspf's, for RFC 7208), and how wide records are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st

from fixtures.evidence import CouldNotAsk, Evidence
from fixtures.probes.dns import queries, spf
from tests.fetched import from_index
from tests.judges import CACHE, answer

PYSPF = "pyspf==2.0.14", "57a7ef01bda090173aafb6af0106251686ed73f03db4e911fcd34c57fc347186"
CASES = 203


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    top = from_index(*PYSPF, tmp_path_factory.mktemp("pyspf"))
    return list(yaml.safe_load_all((top / "test/rfc7208-tests.yml").read_bytes()))


def zone(data: Mapping[str, Sequence[Any]]) -> spf.Ask:
    """Answers as the suite's header defines them: SPF stands for TXT unless there is one; TIMEOUT, of what is left."""
    names = {name.lower(): rows for name, rows in data.items()}

    def ask(name: str, kind: str, depth: int = 0) -> list[str]:
        rows = names.get(name, [])
        records = [(key, value) for row in rows if isinstance(row, dict) for key, value in row.items()]
        types = [key for key, _ in records]
        wanted = "SPF" if kind == "TXT" and "TXT" not in types else kind
        found = [value for key, value in records if key == wanted and value != "NONE"]
        if "TIMEOUT" in found or ("TIMEOUT" in rows and not found):
            raise CouldNotAsk("DNS timeout")
        if not found and "CNAME" in types and depth < 10:
            return ask(dict(records)["CNAME"].lower(), kind, depth + 1)
        return [text(value) for value in found]

    return ask


def text(value: str | list[Any]) -> str:
    if isinstance(value, str):
        return value
    return f"{value[0]} {value[1] or '.'}" if value and isinstance(value[0], int) else "".join(value)


def test_every_case_of_the_standard_s_suite(suite: list[dict[str, Any]]) -> None:
    wrong, cases = [], 0
    for scenario in suite:
        ask = zone(scenario["zonedata"])
        for name, case in scenario["tests"].items():
            cases += 1
            query = spf.Query(ask, case["host"], case["mailfrom"], case["helo"])
            query.set_default_explanation("DEFAULT")
            found = query.result()
            allowed = case["result"] if isinstance(case["result"], list) else [case["result"]]
            said = query.exps["fail"] if found.verdict == "fail" else None
            if found.verdict not in allowed or case.get("explanation", said) != said:
                wrong.append(f"{name}: expected {allowed} {case.get('explanation')}, found {found} {said}")
    assert not wrong
    assert cases == CASES


@pytest.mark.parametrize(
    ("there", "texts"),
    [
        ({"referral": ("ns-1.awsdns.example",)}, ("followed",)),
        ({"aliases": ("spf.esp.example",)}, ("followed",)),
        ({"rrset": ("own",), "aliases": ("b.own.example",)}, ("own",)),
        ({}, ()),
    ],
)
def test_what_a_zone_keeps_elsewhere_is_followed_as_resolvers_do(
    there: dict[str, Any], texts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sub-zone that is delegated to another provider, above all: its records are none that are missing."""

    async def authorities(*_: object) -> tuple[queries.Answer, ...]:
        return (replace(answer(), **there), answer())[: 1 if there.get("rrset") else 2]

    async def resolver(*_: object) -> queries.Answer:
        return answer("followed", server=CACHE)

    monkeypatch.setattr(queries, "aask_authorities", authorities)
    monkeypatch.setattr(queries, "adefault", resolver)
    migration: Any = SimpleNamespace(settings=SimpleNamespace(domain_names=("own.example",)))
    assert spf.Answers(migration)("_spf.aws.own.example", "TXT") == texts


def record(text: str, *others: tuple[str, str]) -> spf.Spf:
    """The record TEXT of ours.example, evaluated, with the records of OTHERS."""
    known = dict([("ours.example", text), *others])
    ask = zone({name: [{"TXT": each}] for name, each in known.items()})
    return spf.Spf("ours.example", (text,), spf.spans(ask, "ours.example"), Evidence("SPF", text))


@pytest.mark.parametrize(
    ("text", "ipv4", "ipv6"),
    [
        ("v=spf1 -all", None, None),
        ("v=spf1 ip4:192.0.2.1 -all", 32, None),
        ("v=spf1 ip4:10.0.0.0/8 ip6:2001:db8::/32 ~all", 8, 32),
        ("v=spf1 ip4:10.0.0.0/8 ip4:11.0.0.1 ~all", 7, None),
        ("v=spf1 ip4:10.0.0.0/8 ip4:10.1.0.0/16 ~all", 8, None),
        ("v=spf1 ip4:0.0.0.0/0 ~all", 0, None),
        ("v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 ~all", 0, None),
        ("v=spf1 ip6:::/1 ip6:8000::/1 -all", None, 0),
        ("v=spf1 include:all.example -all", 0, 0),
        ("v=spf1 -include:all.example ip4:192.0.2.1 -all", None, None),
        ("v=spf1 redirect=all.example", 0, 0),
        ("v=spf1 Redirect=all.example", 0, 0),
        ("v=spf1 -INCLUDE:all.example IP4:192.0.2.1 -ALL", None, None),
        ("v=spf1 -ip4:0.0.0.0/1 -ip4:128.0.0.0/2 ip4:192.0.0.0/2 -all", 2, None),
        ("v=spf1 ?ip4:0.0.0.0/0 -all", None, None),
        ("v=spf1 +all", 0, 0),
    ],
)
def test_how_many_may_send(text: str, ipv4: int | None, ipv6: int | None) -> None:
    found = record(text, ("all.example", "v=spf1 +all"))
    assert (found.width(4), found.width(6)) == (ipv4, ipv6)


NETWORKS = st.builds(
    lambda q, a, n: f"{q}ip4:{a}.{a}.0.0/{n}", st.sampled_from("+-~?"), st.integers(0, 3), st.integers(4, 20)
)


@given(st.lists(NETWORKS, max_size=6), st.lists(NETWORKS, max_size=4), st.lists(st.ip_addresses(v=4), max_size=20))
def test_a_span_says_what_each_of_its_addresses_gets(own: list[str], included: list[str], addresses: list[Any]) -> None:
    """The few addresses that are evaluated stand for all others."""
    others = "inc.example", f"v=spf1 {' '.join(included)} ?all"
    text = f"v=spf1 {' '.join(own[:3])} include:inc.example {' '.join(own[3:])} -all"
    found = record(text, others)
    ask = zone({"ours.example": [{"TXT": text}], others[0]: [{"TXT": others[1]}]})
    for address in addresses:
        (span,) = (each for each in found.spans if address in each)
        assert span.result == spf.check(ask, str(address), "a@ours.example", "")


def test_an_error_that_only_some_meet_is_reported_with_an_address() -> None:
    found = record("v=spf1 ip4:192.0.2.0/24 include:gone.example -all")
    assert found.faults == (
        "No valid SPF record for included domain: gone.example: include:gone.example (asked for 0.0.0.0)",
    )
    assert found.permit("192.0.2.7") == "ip4:192.0.2.0/24"
    assert not found.permit("192.0.3.7")


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (["v=spf1 -all", "v=spf1 ~all"], "Two or more type TXT spf records found, at inner.example"),
        (["v=spf1 moo -all"], "Unknown mechanism found: moo, at inner.example"),
    ],
)
def test_an_error_of_an_include_names_it(rows: list[str], fault: str) -> None:
    names = {
        "ours.example": ["v=spf1 include:outer.example -all"],
        "outer.example": ["v=spf1 include:inner.example -all"],
    }
    ask = zone({name: [{"TXT": each} for each in texts] for name, texts in (names | {"inner.example": rows}).items()})
    assert spf.check(ask, "192.0.2.1", "a@ours.example", "").why == fault
    assert not spf.check(ask, "192.0.2.1", "a@inner.example", "").why.endswith("inner.example")


def test_eleven_lookups_are_one_too_many_and_three_that_find_nothing_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ten = " ".join(f"include:s{number}.example" for number in range(10))
    others = [(f"s{number}.example", "v=spf1 ip4:192.0.2.1 -all") for number in range(10)]
    assert record(f"v=spf1 {ten} -all", *others).lookups == 10
    assert not record(f"v=spf1 {ten} -all", *others).faults
    monkeypatch.setattr(spf, "LOOKUPS_MAX", 8)
    assert record(f"v=spf1 {ten} -all", *others).faults == ("10 lookups",)
    assert "Too many DNS lookups" in record(f"v=spf1 {ten} a -all", *others).faults[0]
    assert "Void lookup limit of 2" in record("v=spf1 a:a.example a:b.example a:c.example -all").faults[0]


def test_who_does_not_answer_leaves_it_open() -> None:
    def ask(name: str, kind: str) -> list[str]:
        if name == "slow.example":
            raise CouldNotAsk(f"{kind} {name}: SERVFAIL")
        return ["v=spf1 ip4:192.0.2.1 include:slow.example -all"]

    assert spf.check(ask, "192.0.2.1", "a@ours.example", "").verdict == "pass"
    assert spf.check(ask, "192.0.2.2", "a@ours.example", "").said == "unknown: TXT slow.example: SERVFAIL"
    assert spf.check(ask, "unknown", "a@ours.example", "").said.startswith("unknown: 'unknown' does not appear")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("v=spf1", True), ("V=SPF1 -all", True), ("v=spf10 -all", False), (" v=spf1", False), ("", False)],
)
def test_which_text_is_an_spf_record(text: str, expected: bool) -> None:
    assert spf.is_spf(text) is expected


def test_where_checkdmarc_and_we_differ_the_standard_says_so() -> None:
    """Of the 55 whole records of its own tests (its repository in November 2026; no package brings them) these two:
    it passes over what follows ``exp`` (4.6.1), and takes "V=SPF1" for none (RFC 5234, 2.3).
    """
    assert record("v=spf1 -all exp=exp.example extra").faults
    assert not record("V=SPF1 -all").faults
