"""A run as it might have been, with hostile text and planted secrets in every place that foreign text can reach."""

# ruff: noqa: E501 - a table of samples reads better unbroken

import random
from datetime import date

from fixtures.evidence import Evidence, Finding, Verdict, failed, passed, unknown
from fixtures.gates.next_steps import Coming
from fixtures.gates.nights import Night
from fixtures.gates.outcome import Outcome, Step
from fixtures.gates.session import StageResult
from fixtures.ledger.accounting import Balance, Entry, added_up
from fixtures.migration.progress import Stage
from fixtures.plan.gates import Gate
from fixtures.probes.aws.cost import Charge, Saving
from fixtures.report.history import Mark, ScriptRun, Standing
from fixtures.report.model import Decision, RunReport, TraceRow
from fixtures.settings import Waiver
from fixtures.settings.rented import NewCost

NOW = 1_764_030_000.0
PILOT, FIRST, SECOND = "pilot.example.net", "webmakeprofit.org", "xn--r8jz45g.example"
SECOND_SHOWN, SUBJECT = (
    "\u4f8b\u3048.example",
    "\u3010\u91cd\u8981\u3011\u53e3\u5ea7\u958b\u8a2d\u306e\u3054\u6848\u5185 \u9ad9\u6a4b\u69d8",
)
"""A name in A-labels as a person reads it, and a subject with a character that Chinese faces draw otherwise."""
HOSTILE = '<script>alert("x")</script>\'"><img src=x onerror=alert(1)> {{ 7*7 }} \u202egnp.exe \x1b[31m\udce9'
"""Markup, a template, a bidirectional override, a terminal escape and a lone surrogate, as a TXT record may hold them."""
SECRET = 'hunter2<&"correct horse'


def mx(domain: str, resolver: str, found: str) -> Evidence:
    return Evidence(
        asked=f"MX {domain} at {resolver} (UDP) from here",
        answer=found,
        transcript=f";; opcode: QUERY, status: NOERROR\n;; QUESTION SECTION:\n;{domain}. IN MX\n;; ANSWER SECTION:\n"
        + "\n".join(f"{domain}. 300 IN MX {line}" for line in found.split(", ")),
        again=f"dig +norecurse @{resolver} {domain} MX",
        at=NOW,
        took_ms=1.4,
    )


def smtp(client: str, reply: str) -> Evidence:
    return Evidence(
        asked=f"RCPT TO:<alice@dell.webmakeprofit.org> at dell.webmakeprofit.org:25 from {client}",
        answer=reply,
        transcript="S: 220 dell.webmakeprofit.org ESMTP Postfix\nC: EHLO probe.invalid\nS: 250-PIPELINING\nS: 250 SIZE\n"
        f"C: AUTH PLAIN {SECRET}\nC: MAIL FROM:<>\nS: 250 2.1.0 Ok\nC: RCPT TO:<alice@dell.webmakeprofit.org>\nS: {reply}\n",
        again="swaks --to alice@dell.webmakeprofit.org --server dell.webmakeprofit.org --quit-after RCPT",
        at=NOW,
        took_ms=5.2,
    )


def scenario(
    name: str, ids: str, verdict: Verdict, *findings: Finding, error: str = "", kind: str = "observe"
) -> Outcome:
    steps = [
        Step("Given", "the settings of this migration", Verdict.PASS, 1),
        Step("When", "every member is asked", Verdict.PASS, 210),
        Step("Then", name, verdict, 20),
    ]
    tags = (*ids.split(), kind)
    return Outcome("phase3", name, "MX", "features/dns/mx.feature", tags, verdict, steps, [*findings], error, NOW, 240)


NEW = "10 route1.mx.cloudflare.net, 20 route2.mx.cloudflare.net, 30 route3.mx.cloudflare.net"
OLD = "10 mail.webmakeprofit.org"


def gate(which: Gate, domain: str, verdict: Verdict, *scenarios: Outcome) -> StageResult:
    stage = Stage(which, (domain,) if domain else (), which.value)
    return StageResult(stage, {domain: verdict}, (), NOW, NOW, stored=True, outcomes=scenarios)


def good(domain: str) -> Outcome:
    letter = Evidence(
        "the newest message in alice's mailbox", f"Subject: {SUBJECT}", f"From: a\nSubject: {SUBJECT}\n", at=NOW
    )
    findings = [passed(f"mail to alice@{domain}", f"\u201c{SUBJECT}\u201d arrived", letter)] + [
        passed(f"{domain} at {name}", OLD, mx(domain, at, OLD))
        for name, at in (("fresh", "1.1.1.1"), ("stale", "8.8.8.8"))
    ]
    return scenario("Before its switch the MX is EC2 everywhere", "N-1 P2.1", Verdict.PASS, *findings)


def bad(domain: str) -> Outcome:
    findings = (
        passed("104.30.0.1", "250 2.1.5 Ok", smtp("104.30.0.1", "250 2.1.5 Ok")),
        failed(
            "104.30.31.254",
            "250 to RCPT",
            "554 5.7.1 Client host rejected: Access denied",
            smtp("104.30.31.254", "554 5.7.1 <unknown[104.30.31.254]>: Client host rejected: Access denied"),
            domain=domain,
            hypothesis="the table holds Cloudflare's web-proxy ranges instead of Email Routing's (X2)",
            hint="Compare /etc/postfix/admit.cidr with what _spf.mx.cloudflare.net publishes",
        ),
    )
    return scenario(
        "Email Routing's addresses are admitted", "A-2 X2 P1.2", Verdict.FAIL, *findings, error=f"Judged: {SECRET}"
    )


def hostile(domain: str) -> Outcome:
    evidence = Evidence(f"TXT {HOSTILE}", HOSTILE, f"{HOSTILE}\n{SECRET}", HOSTILE, NOW, 3.0)
    finding = unknown(HOSTILE, "one SPF record", f"{HOSTILE} {SECRET}", evidence, domain=domain, hint=HOSTILE)
    return scenario(
        f"There is one SPF record {HOSTILE}", "N-4", Verdict.INCONCLUSIVE, finding, error=f"{HOSTILE} {SECRET}"
    )


def drill(domain: str) -> Outcome:
    return scenario(
        "Dell refuses to relay", "A-6 X3", Verdict.PASS, passed("route-addr", "554", domain=domain), kind="drill"
    )


def saving() -> Saving:
    before = (
        Charge("instance i-0 (t4g.micro)", 7.88, "730 hours at $0.0108: $7.88"),
        Charge("public IPv4 address 203.0.113.20", 3.65, "730 hours at $0.005: $3.65"),
    )
    after = (Charge("snapshot snap-0 (8 GiB standard)", 0.4, "8 GiB at $0.05: $0.40"),)
    look = Evidence("what the gateway had, and what is left of it", "2 charges before, 1 after", at=NOW)
    return Saving(
        before,
        after,
        (NewCost(name="a fixed address for Dell", usd_per_month=2.0),),
        "prices of 2026-11-01 in ap-northeast-1",
        (),
        look,
    )


def traffic(lost: int = 3) -> Balance:
    """Five messages a second for four minutes, the MX switched in the middle."""
    dice, entries = random.Random(7), []
    for number in range(1, 1201):
        at = NOW - 240 + number / 5
        sender = ("over IPv4", "over IPv6", "with a stale cache")[number % 3]
        stale = sender == "with a stale cache" and number < 1000
        path = "cloudflare" if number > 600 and not stale else "ec2"
        latency = dice.lognormvariate(-0.6, 0.5) + (40 * dice.random() ** 6 if 590 < number < 660 else 0)
        latency += 75 if number in (611, 617) else 0
        gone = number in (604, 607, 610)[:lost]
        entries.append(
            Entry(
                number, f"<mxgate.{number:032x}@four.example>", sender, "ipv6" if "6" in sender else "ipv4",
                f"alice@{FIRST}", FIRST, at, at, at + 0.1, "mail.webmakeprofit.org[203.0.113.20]:25",
                None if gone else at + latency, 0 if gone else 2 if number == 640 else 1, "" if gone else path,
                1 if number == 640 else 0, "550 5.1.1 Address does not exist" + HOSTILE if gone else "",
            )
        )  # fmt: skip
    return added_up(entries, [f"{HOSTILE} in bob@{FIRST}"] if lost else [], 60, 900)


def night(day: int, *, clean: bool, text: str) -> Night:
    verdict = Verdict.PASS if clean or day not in {3, 4} else Verdict.FAIL if day == 3 else Verdict.INCONCLUSIVE
    return Night(
        NOW + day * 86400, NOW, "", verdict, () if verdict.opens else (f"N-7 The MX is Cloudflare's: {verdict}{text}",)
    )


def override(script: str, domain: str, reason: str) -> dict[str, object]:
    return {"script": script, "domain": domain, "reason": reason, "at": NOW}


def report(*, decision: Decision = Decision.NO_GO) -> RunReport:
    clean = decision is Decision.GO
    verdicts = [good(PILOT)] if clean else [bad(PILOT), hostile(PILOT), good(PILOT), drill(PILOT)]
    gates = [
        gate(Gate.PHASE1, "", Verdict.PASS, *(good(name) for name in (PILOT, FIRST, SECOND))),
        *(gate(Gate.PHASE2, name, Verdict.PASS, good(name), drill(name)) for name in (PILOT, FIRST, SECOND)),
        gate(Gate.PHASE3, PILOT, Verdict.PASS if clean else Verdict.FAIL, *verdicts),
        gate(Gate.PHASE3, FIRST, Verdict.PASS if clean else Verdict.NOT_RUN, *([good(FIRST)] if clean else [])),
        gate(Gate.PHASE3, SECOND, Verdict.PASS if clean else Verdict.NOT_RUN, *([good(SECOND)] if clean else [])),
    ]
    text = "" if clean else f" {HOSTILE} {SECRET}"
    typed = text.replace("\udce9", "")  # a file in UTF-8 can't hold the surrogate
    times: dict[str, tuple[float | None, float]] = {
        "fresh": (1.0, 0.5),
        "plain": (284.0, 283.0),
        "stale": (2900.0, 2890.0),
    }
    times |= {} if clean else {"forgetful" + text: (None, 4000.0)}
    resolvers = {name: {"first_new_s": new, "last_old_s": old} for name, (new, old) in times.items()}
    return RunReport(
        title="Rehearsal of the migration to Cloudflare Email Routing" + text,
        decision=decision,
        reasons=("Every gate is open and nothing was lost.",) if clean else (
            "phase3 of pilot.example.net is closed: 1 expectation fails, 1 is inconclusive.",
            "3 numbered messages bounced while the MX moved." + text,
        ),
        run="20261125T001500" + text, seed="424242" + text, version="0.1.0", target="lab",
        started_real=NOW - 260, ended_real=NOW, started_at=NOW - 260, ended_at=NOW + 21 * 86400, compressed=True,
        gates=tuple(gates),
        waivers=() if clean else (Waiver(id="A-9", owner="the operator" + typed, reason="no lists are used here" + typed, expires=date(2027, 1, 31)),),
        overrides=() if clean else (override("stop_ec2", "", "the lab is stood at a later gate" + text),),
        scripts=(ScriptRun("prepare_dell" + text, "", "9f2c41d0ab34", NOW - 200, 0, 14, 3.1),
                 ScriptRun("switch_mx", PILOT, "77aa01c2de99", NOW - 120, 0, 3, 1.2)),
        ledger=traffic(0 if clean else 3),
        marks=(Mark("MX of pilot switched" + text, NOW - 120, NOW - 120), Mark("MX of webmakeprofit.org switched", NOW - 117, NOW + 40_000), Mark("EC2 stopped", NOW - 20, NOW + 7 * 86400)),
        propagation=({"domain": PILOT + text, "old_ttl_s": 3600, "seconds": 7200, "resolvers": resolvers},),
        nights=tuple(night(day, clean=clean, text=text) for day in range(14) if day != 5),
        coming=(
            Coming(f"Judge phase4 {HOSTILE}", HOSTILE, f"{HOSTILE} {SECRET}", NOW - 90, HOSTILE),
            Coming("Judge a night", "pytest features/ --soak", "one in a day", NOW + 9e4, "write", waits=True),
        ),
        standings=(Standing(PILOT, "phase4", NOW - 120), Standing(FIRST, "phase3"), Standing(SECOND, "phase3")),
        saving=saving(), planned_usd=9.5,
        proved_in_labs=("A-6: no relaying, 24 forms from four identities", "O-1: Dell down, nothing lost" + text),
        certificate="certificate-20261101-120000 of dell.example.net: 47 drills on Dell prepared, all green" + text,
        trace=(
            TraceRow("P1.2", "Dell's Postfix can receive without passing through EC2", ("A-2", "I-6"), (("Email Routing's addresses are admitted" + text, Verdict.PASS if clean else Verdict.FAIL),)),
            TraceRow("P2.1", "The present MX records and TTLs are inventoried", ("N-1",), (("Before its switch the MX is EC2 everywhere", Verdict.PASS),)),
            TraceRow("P3.2", "MX is switched to Cloudflare's values" + text, ("N-7",), ()),
        ),
    )  # fmt: skip
