"""The live path: a lab driven as if it were remote, by a process that has no lab (``fixtures.lab`` can't be imported).

By SSH with a key to Dell, to EC2 and to a host elsewhere, by DNS and HTTPS, with secrets from the environment; what
nobody but Cloudflare could say on the wire is claimed on Dell's loopback.
"""

from collections.abc import Iterator

import pytest

from fixtures.lab import plan
from fixtures.lab.faults import Fault, named, planted
from fixtures.lab.faults.walk import keyword
from tests.conftest import run
from tests.lab.live import HOST, Live, cold, living
from tests.labs import standing

NAME = "tests-remote"
RULES = "No rule of the firewall and no route shuts out the admitted addresses"
STRANGERS, SEEN = "may not deliver here", "Dell's log names the address that a client really has"
ADDRESSES = (f'ipv4 = "{plan.LAGGARD4}"', f'ipv6 = "{plan.LAGGARD6}"')


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A lab before phase 1, whose operator has one host elsewhere."""
    with standing(NAME, 4, month=True) as lab, living(lab, tmp_path_factory.mktemp("operator")) as made:
        made.settle(made.vantage(*ADDRESSES))
        yield made


def test_there_is_no_lab(live: Live) -> None:
    imports = ("-c", "import fixtures.lab.world")
    for done in (run(cold(live.lab, live.folder, *imports)), live.python(*imports)):
        assert done.returncode == 1
        assert "ModuleNotFoundError" in done.stderr


def test_phase_1(live: Live) -> None:
    assert _whole(live, "phase1") >= {"I-1", "I-2", "I-4", "I-5", "E-2", "E-6"}
    for script in ("publish_delivery", "prepare_dell"):
        live.apply(script)


def test_phase_2(live: Live) -> None:
    wanted = {"A-1", "A-2", "A-3", "A-4", "A-7", "A-8", "A-11", "A-13", "A-14", "A-18", "A-20", "E-1", "I-6", "N-1"}
    assert _whole(live, "phase2") >= wanted


def _whole(live: Live, gate: str) -> set[str]:
    """What holds. What breaks things rests on a certificate, which this operator hasn't; nothing else is open."""
    rows = live.judge(gate)
    drills = [row for row in rows if "drill" in row["tags"] or row["name"] == RULES]
    assert {row["verdict"] for row in drills} == {"inconclusive"}
    without = ("expected a drill certificate", "there is no drill certificate")
    assert [row["name"] for row in drills if not any(words in row["error"] for words in without)] == []
    assert [(row["name"], row["error"]) for row in rows if row not in drills and not _opens(row)] == []
    return {each for row in rows if row["verdict"] == "pass" for each in row["ids"]}


def _fault(identifier: str, covers: str, scenario: str, *says: str, **more: object) -> Fault:
    return Fault.model_validate(
        {"id": identifier, "covers": covers, "at": "phase2", "scenario": scenario, "says": says} | more
    )


def _filter(hook: str, rule: str) -> str:
    return f"nft 'add table inet f; add chain inet f c {{ type {hook} priority 0; }}; add rule inet f c {rule}'"


CLAIMED = "(claimed by XCLIENT on loopback, not seen on the wire): expected"
FAULTS = (
    named("EC2 is locked out"),
    named("the web proxies get in"),
    named("half of a prefix").model_copy(update={"says": (f"104.30.31.255 {CLAIMED}", "found 554 5.7.1")}),
    named("anybody may claim another client's address").model_copy(
        update={"says": ("nobody may, by Postfix's own settings, found smtpd_authorized_xclient_hosts = 104.30.",)}
    ),
    named("a router hides who comes").model_copy(
        update={"says": (f"expected seen as {plan.LAGGARD4}, found seen as 172.20.0.1",)}
    ),
    _fault(
        "the stranger gets in", "A-3", STRANGERS, f"the stranger {HOST} {plan.LAGGARD4}: expected refused", "found 250",
        rows=("strangers",), host="dell", plant=f"echo '{plan.LAGGARD4} OK' >> /etc/postfix/mxgate-admit.cidr; reload",
    ),
    _fault(
        "the listener judges as port 25 did once", "A-2", "The ends and a sample", "port 25 permit. Run prepare_dell",
        verdict="inconclusive",
        host="dell", plant="postconf -P 'smtp/inet/smtpd_client_restrictions=permit'; reload",
    ),
    _fault(
        "the host elsewhere can't reach any port 25", "A-3", STRANGERS, f"port 25 outwards from {HOST} is blocked",
        verdict="inconclusive", rows=("strangers",),
        host="laggard", plant=_filter("filter hook output", "tcp dport 25 drop"),
    ),
    _fault(
        "another answers in Dell's place", "A-3", STRANGERS, "answers there in the place of dell.webmakeprofit.org",
        verdict="inconclusive", rows=("strangers",),
        host="laggard", plant=_filter("nat hook output", "tcp dport 25 redirect"),
    ),
    _fault(
        "EC2 can't be entered", "A-4", "EC2 is admitted", f"SSH to {plan.EC2_TAILNET} failed",
        verdict="inconclusive", host="ec2", plant=_filter("filter hook input", "tcp dport 22 reject with tcp reset"),
    ),
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_what_is_wrong_is_seen(live: Live, fault: Fault) -> None:
    with planted(live.lab, fault):
        rows = live.judge("phase2", keyword(fault.scenario))
    bad = {row["name"]: row for row in rows if not _opens(row)}
    assert list(bad) == [row["name"] for row in rows if any(words in row["name"] for words in fault.rows)]
    for row in bad.values():
        assert row["verdict"] == fault.verdict, row["error"]
        assert [words for words in fault.says if words not in row["error"]] == [], row["error"]


def test_without_a_host_elsewhere(live: Live) -> None:
    """What can be judged without one is; the other rows say what to add, and to what file."""
    live.settle()
    rows = live.judge("phase2", f"{keyword(STRANGERS)} or {keyword(SEEN)} or {keyword('Dell is there')} or outsiders")
    assert {row["ids"][0] for row in rows if row["verdict"] == "inconclusive"} == {"A-3", "A-13", "A-18"}
    for row in rows:
        if not _opens(row):
            assert "Add a host elsewhere to migration.toml" in row["error"], row["error"]
            assert "[[vantages]]" in row["error"]


def test_a_host_that_is_no_stranger(live: Live) -> None:
    live.settle(live.vantage(f'ipv4 = "{plan.EC2_4}"', name="the gateway", address=plan.EC2_TAILNET))
    rows = live.judge("phase2", f"({keyword(STRANGERS)} and strangers) or {keyword(SEEN)}")
    assert {row["verdict"] for row in rows} == {"inconclusive"}
    for row in rows:
        assert f"the gateway ({plan.EC2_4}) is no stranger to Dell" in row["error"], row["error"]


def _opens(row: dict[str, object]) -> bool:
    return row["verdict"] in {"pass", "n/a"}
