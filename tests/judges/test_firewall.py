"""A-2: what a kernel said that was asked with Dell's ruleset, and what nobody asked it."""

from dataclasses import replace
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fixtures.access.transport import Result
from fixtures.lab.files import settings_without_a_lab
from fixtures.plan import postfix
from fixtures.probes.dell import firewall, jobs
from fixtures.probes.dell.firewall import Answer, Ruleset, Shut
from tests.judges import ABSENT, FAIL, LOOK, PASS, UNKNOWN, Says, all_say

FOUR, SIX = ip_network("104.30.0.0/19"), ip_network("2001:db8::/32")
COUNTS = "tcp dport 25 limit rate 9/second accept"
WHOLE = Ruleset(
    {"addresses": "[]", "routes": "", "nft": f"table inet a {{\n\tchain c {{\n\t\t{COUNTS}\n\t}}\n}}", "sysctls": ""},
    LOOK,
)
WELL = Answer("", (str(FOUR), str(SIX)), packets=7)
CLAIMED = "expected lets them in at port 25"
GOOD = (PASS, f"Dell's firewall: {CLAIMED}: {FOUR}, {SIX}, found read, and asked: 7 packets")
ASK = "as root on the machine that rehearses: scripts/rehearse --config migration.toml --firewall"


def judged(answer: Answer | None, ruleset: Ruleset = WHOLE, why: str = "") -> list[Says]:
    found = list(firewall.judged(ruleset, answer, (FOUR, SIX), why))
    assert all(each.evidence[0] == LOOK for each in found)
    return [(each.verdict, each.sentence()) for each in found]


def shut(rule: str, *networks: str, what: str = "refuses") -> Answer:
    return replace(WELL, shut=(Shut(rule, what, networks),))


def closed(rule: str, who: str, hint: str) -> Says:
    return FAIL, f"{rule}: {CLAIMED}: {FOUR}, {SIX}, found {who}. {hint}"


AHEAD = "Let a rule ahead of it accept these at port 25, or take it away"


@pytest.mark.parametrize(
    ("answer", "more"),
    [
        pytest.param(WELL, [], id="nobody is shut out"),
        pytest.param(replace(WELL, networks=("104.0.0.0/8", str(SIX))), [], id="asked for more than is needed"),
        pytest.param(shut("drop", "192.0.2.0/24"), [], id="others are shut out"),
        pytest.param(shut("drop", "192.0.2.0/24", "104.30.31.0/24"), [closed("drop", "refuses 104.30.31.0/24", AHEAD)],
                     id="shut out up to the last network"),
        pytest.param(shut("drop", "104.30.32.0/24"), [], id="the network behind the last"),
        pytest.param(
            shut("ip route blackhole", "2001:db8::/48"),
            [
                closed(
                    "ip route blackhole",
                    "refuses 2001:db8::/48",
                    "Take it away (ip route del blackhole), or give these a route of their own",
                )
            ],
            id="a route",
        ),
        pytest.param(
            shut("the policy", str(FOUR), what="lets in only 9 of 20 of"),
            [closed("the policy", f"lets in only 9 of 20 of {FOUR}", f"Perhaps: by what counts: {COUNTS}. {AHEAD}")],
            id="a limit elsewhere",
        ),
        pytest.param(shut(COUNTS, str(FOUR), what="lets in only 9 of 20 of"),
                     [closed(COUNTS, f"lets in only 9 of 20 of {FOUR}", AHEAD)], id="its own limit"),
        pytest.param(
            replace(WELL, networks=(str(FOUR),)),
            [(UNKNOWN, f"{SIX}: {CLAIMED}, found the kernel was not asked for it. Ask a kernel with it, {ASK}")],
            id="not asked for",
        ),
        pytest.param(
            replace(WELL, unasked=((str(SIX), "no route leads there"), ("192.0.2.0/24", "nor there"), ("", "no nft"))),
            [
                (UNKNOWN, f"{SIX}: {CLAIMED}, found no route leads there"),
                (UNKNOWN, f"Dell's firewall: {CLAIMED}, found no nft"),
            ],
            id="could not be asked for",
        ),
        pytest.param(
            replace(WELL, absent=((str(SIX), "no IPv6"), ("192.0.2.0/24", "nor this"))),
            [(ABSENT, f"{SIX}: {CLAIMED}, found no IPv6")],
            id="nobody can come from there",
        ),
    ],
)  # fmt: skip
def test_who_is_let_in(answer: Answer, more: list[Says]) -> None:
    assert judged(answer) == [*more, GOOD]


def test_what_was_asked_is_evidence() -> None:
    for strangers, said in (((), "none tried"), (("192.0.2.1 in", "192.0.2.2 out"), "192.0.2.1 in; 192.0.2.2 out")):
        answer = replace(shut("drop", str(FOUR)), strangers=strangers, absent=((str(SIX), "no IPv6"),))
        assert not answer.shuts_ipv6
        for found in firewall.judged(WHOLE, answer, (FOUR, SIX)):
            _, asked = found.evidence
            assert asked.asked == "a kernel with Dell's ruleset"
            assert asked.answer == f"asked with 7 packets; strangers: {said}"
            assert asked.transcript == str(answer.shut[0])


def test_strangers_are_kept_out_over_ipv6_only_where_each_was() -> None:
    one, other, four = "2001:db8::1 is {}let in", "2001:db8::2 is not let in", "192.0.2.1 is not let in"
    assert replace(WELL, strangers=(four, one.format("not "), other)).shuts_ipv6
    assert not replace(WELL, strangers=(four, one.format(""), other)).shuts_ipv6
    assert not replace(WELL, strangers=(four,)).shuts_ipv6


@pytest.mark.parametrize(
    ("answer", "parts", "said"),
    [
        (None, {}, f"the ruleset that a kernel was asked with, found no certificate. Ask a kernel with it, {ASK}"),
        (replace(WELL, error="line 3"), {}, "a ruleset that a kernel takes, found line 3"),
        (WELL, {"routes": "absent"}, "a ruleset that can be read, found routes: can't be read on Dell"),
        (None, {"nft": "no permission\nfailed"}, "a ruleset that can be read, found nft: no permission"),
        (None, {"iptables": "failed"}, "a ruleset that can be read, found iptables: nothing was printed"),
    ],
)
def test_what_nobody_could_ask(answer: Answer | None, parts: dict[str, str], said: str) -> None:
    ruleset = replace(WHOLE, parts={**WHOLE.parts, **parts})
    assert judged(answer, ruleset, "no certificate") == [(UNKNOWN, f"Dell's firewall: expected {said}")]


@pytest.mark.parametrize(
    ("rule", "open_"),
    [
        ('tcp dport 25 meta hour "03:00"-"06:59" drop', True),
        ("-A INPUT -p tcp -m tcp --dport 25 -m time --timestart 03:00 -j DROP", True),
        ('tcp dport { 22, 25 } meta day "Sunday" drop', True),
        ('meta day "Sunday" drop', True),
        ('tcp dport 22 meta hour "03:00"-"06:59" drop', False),
        ("-A INPUT -p tcp --dport 2525 -m time --timestart 03:00 -j DROP", False),
    ],
)
def test_a_rule_that_goes_by_the_clock_was_asked_now_only(rule: str, open_: bool) -> None:
    ruleset = replace(WHOLE, parts={**WHOLE.parts, "nft": f"table inet a {{\n\tchain c {{\n\t\t{rule}\n\t}}\n}}"})
    said = f"{rule}: {CLAIMED}, found goes by the clock, and was asked now: nobody knows of other hours"
    assert judged(replace(WELL, text=ruleset.text), ruleset) == [*([(UNKNOWN, said)] if open_ else []), GOOD]


def test_a_job_that_loads_other_rules() -> None:
    """What they let in nobody has asked."""
    expected = "expected no job that loads other rules, or takes the network away"
    none = "none, in 3 places and what is named there"
    job = ("/etc/cron.d/x:1", "0 3 * * * root nft -f /srv/old.nft")
    hint = "Let what it loads accept these at port 25, run it once, and judge again; then waive this row"
    its = f"{job[0]}: {expected}, found {job[1]}: its rules are not those that were asked. {hint}"
    assert all_say(firewall.judged_loading(firewall.Changing(jobs.Jobs((job,), 3, LOOK))), "") == [(UNKNOWN, its)]
    sentence = f"Dell's jobs: {expected}, found {none}"
    assert all_say(firewall.judged_loading(firewall.Changing(jobs.Jobs((), 3, LOOK))), "") == [(PASS, sentence)]
    down = ("/etc/cron.d/x:1", "0 3 * * * root ip link set eth0 down")
    away = "Take it out, or bring the network up again in the same job; or waive this row, if another one does"
    said = f"{down[0]}: {expected}, found {down[1]}: it takes the network away. {away}"
    assert all_say(firewall.judged_loading(firewall.Changing(jobs.Jobs((down,), 3, LOOK), (down,))), "") == [
        (FAIL, said)
    ]
    nobody = firewall.loading(cast("Any", None), ())  # and nothing is searched for
    assert [each.verdict for each in firewall.judged_loading(nobody)] == [ABSENT]


@pytest.mark.parametrize(("files", "reads"), [((), 0), (("/srv/a.nft", "/srv/b.nft"), 1)])
def test_rules_are_read_once_for_a_job(files: tuple[str, ...], reads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a job loads others; and not at all where none does."""
    lines, read = [f"/etc/cron.d/x:1:0 3 * * * root nft -f {each}" for each in files], list[object]()

    def look(it: object) -> Ruleset:
        read.append(it)
        return WHOLE

    there = SimpleNamespace(machine=SimpleNamespace(run=lambda *_, **__: Result((), 0, "failed", "")))
    monkeypatch.setattr(firewall, "dell", lambda _: there)
    monkeypatch.setattr(firewall, "of", look)
    monkeypatch.setattr(jobs, "search", lambda _, __, ___, wanted: jobs.Jobs(tuple(wanted(lines)), 3, LOOK))
    assert firewall.loading(cast("Any", SimpleNamespace(settings=None)), (FOUR,)) is not None
    assert len(read) == reads


def test_a_set_that_the_file_leaves_empty_is_filled_again() -> None:
    """By whoever fills it now, a timer say."""
    table = "table inet a {{\n\tset c {{\n\t\ttype ipv4_addr\n{}\t}}\n\tchain c {{\n\t\tip saddr @c accept\n\t}}\n}}"
    filled, other = "\t\telements = { 192.0.2.1 }\n", "\t\telements = { 192.0.2.9 }\n"
    for written, same in ("", True), (filled, True), (other, False):
        parts = {**WHOLE.parts, "nft": table.format(filled), "next": table.format(written)}
        assert (replace(WHOLE, parts=parts).after is None) is same


@pytest.mark.parametrize(
    ("next_", "after", "unread"),
    [
        ("", None, ""),
        ("table inet a {\n\tchain c {\n\t\ttcp dport 22 accept\n\t}\n}", "tcp dport 22 accept", ""),
        (WHOLE.parts["nft"], None, ""),
        ("table ip filter {\n\tchain c {\n\t\tdrop\n\t}\n}", None, ""),
        ("unshare: Operation not permitted\n\nfailed", COUNTS, "nft: unshare: Operation not permitted"),
    ],
)
def test_what_the_next_start_makes_of_a_ruleset(next_: str, after: str | None, unread: str) -> None:
    """Iptables' tables are its own: whatever else fills them."""
    ip = "# Generated by iptables-save (nf_tables)\n*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
    ruleset = replace(WHOLE, parts={**WHOLE.parts, "next": next_, "iptables": ip})
    assert not ruleset.unread
    found = ruleset.after
    assert (found is None) is (after is None)
    assert found is None or (found.unread, unread or str(after) in found.text) == (unread, unread or True)


def test_where_dell_offers_no_ipv6_email_routings_is_not_asked_for() -> None:
    """Hosts are, by whatever address Dell sees them."""
    there, host = settings_without_a_lab(), ip_network("fd7a:115c:a1e0::1")
    ec2 = there.ec2.model_copy(update={"seen_by_dell_as": host.network_address})
    there = there.model_copy(update={"ec2": ec2, "backup_mx": ()})
    four, six = there.cloudflare.prefixes
    assert postfix.coming(there, with_ec2=True) == (four, six, host)
    without = there.model_copy(update={"dell": there.dell.model_copy(update={"ipv6": None})})
    assert postfix.coming(without, with_ec2=True) == (four, host)
    assert postfix.coming(without, with_ec2=False) == (four,)
