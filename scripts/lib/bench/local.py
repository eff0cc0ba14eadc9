"""What needs no lab: the mail hop on loopback, between smtp-source and smtp-sink, a large log, and a large report."""

import asyncio
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiosmtplib

from fixtures.evidence import Evidence, Verdict, passed
from fixtures.gates.outcome import Outcome, Step
from fixtures.gates.session import StageResult
from fixtures.lab import image
from fixtures.lab.emulator.rig import ROUTED, SENDER, Rig, rig
from fixtures.migration.progress import Stage
from fixtures.plan.gates import Gate
from fixtures.report.model import Decision, RunReport
from fixtures.report.render import write
from scripts.lib.bench.figure import Figure, Measured, timed, tried

MESSAGES, RUNS, AT_ONCE = 600, 3, 200
RATE_MIN = 150
"""Messages of 4 KiB in a second, on two cores that have nothing else to do."""
GROWTH_MIB_MAX = 40.0
OCTETS, TIMES_MAX = 26_000_000, 4.0
MIB = 1 << 20
LOGGED = 142_858
PROJECT = Path(__file__).parents[3]
SCENARIOS, MEMBERS, OPENINGS = 300, 8, 5
OPENED_S_MAX, SIZE_MB_MAX, OPENING_S_MAX = 1.0, 3.0, 60
_OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,4000"]


def hop() -> Iterator[Figure]:
    """How many messages the hop passes on, and what many connections and a large message cost it."""
    with rig(image.ensure()) as made:
        made.send(50, made.mx_port)
        yield tried(f"{MESSAGES} messages of 4 KiB through the hop", lambda: _passed_on(made), times=RUNS)
        yield tried(f"{AT_ONCE} connections at once: the hop grows by", lambda: _many(made), "MiB")
        yield tried("a message of 25 MiB: the hop grows by so many times it", lambda: _large(made), "x")


def _passed_on(made: Rig) -> Measured:
    ours, theirs = made.send(MESSAGES, made.mx_port), made.send(MESSAGES, made.sink_port)
    return ours, "the sink without the hop", theirs, MESSAGES / RATE_MIN


def _many(made: Rig) -> Measured:
    before = made.memory_mib()
    peak = made.peak_mib(lambda: made.send(MESSAGES, made.mx_port, at_once=AT_ONCE))
    return peak - before, "", None, GROWTH_MIB_MAX


def _large(made: Rig) -> Measured:
    before = made.memory_mib()
    peak = made.peak_mib(lambda: asyncio.run(_send_large(made.mx_port)))
    return (peak - before) * MIB / OCTETS, "", None, TIMES_MAX


async def _send_large(port: int) -> None:
    mail = f"From: <bob@{SENDER}>\r\nSubject: large\r\n\r\n".encode() + b"a few words\r\n" * (OCTETS // 13)
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, local_hostname=f"client.{SENDER}", start_tls=False)
    async with client:
        await client.sendmail(f"bob@{SENDER}", [f"alice@{ROUTED}"], mail)


def log() -> Iterator[Figure]:
    """How fast a Postfix log is read and each message of it accounted for, next to pflogsumm's summary of it."""
    root = image.ensure()
    with tempfile.TemporaryDirectory(dir=root / "tmp") as folder:
        made = Path(folder, "mail.log")
        with made.open("w", encoding="ascii") as file:
            file.writelines(map(_seven_lines, range(LOGGED)))
        theirs = ["chroot", str(root), "pflogsumm", f"/{made.relative_to(root)}"]
        ours = [sys.executable, "-m", "scripts.reconcile", "--dell", str(made), "--json", f"{folder}/all.json"]
        worked: list[Measured] = []

        def both() -> Measured:
            (took, cpu), (others, their_cpu) = _spent(ours), _spent(theirs)
            (said,) = json.loads(Path(folder, "all.json").read_text(encoding="utf-8"))["totals"]
            if (said["received"], said["delivered"], said["unread"]) != (LOGGED, LOGGED, 0):
                raise RuntimeError(f"{said['received']} messages of {LOGGED}, {said['unread']} lines not understood")
            worked.append((cpu, "pflogsumm", their_cpu, None))
            return took, "pflogsumm", others, None

        yield tried(f"{7 * LOGGED:,} log lines, each message accounted for", both, times=RUNS)
        yield tried("and processor time for that", worked.pop, times=RUNS)


def _spent(argv: list[str]) -> tuple[float, float]:
    """How long ARGV takes, and how long processors work for it; both in seconds. ``RuntimeError`` if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    took, done = timed(lambda: subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{argv[2]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-200:]}")
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _seven_lines(number: int) -> str:
    """What a relayed message leaves."""
    queue_id, at = f"4{number:09X}", time.strftime("%b %e %H:%M:%S", time.gmtime(1_790_000_000 + number))
    host = f"{at} dell postfix"
    return (
        f"{host}/smtpd[100]: connect from unknown[104.30.0.5]\n"
        f"{host}/smtpd[100]: {queue_id}: client=unknown[104.30.0.5]\n"
        f"{host}/cleanup[101]: {queue_id}: message-id=<{number}@four.example>\n"
        f"{host}/qmgr[102]: {queue_id}: from=<friend@four.example>, size=2048, nrcpt=1 (queue active)\n"
        f"{host}/lmtp[103]: {queue_id}: to=<alice@webmakeprofit.org>, relay=dell[private/dovecot-lmtp], delay=0.1, "
        "delays=0.05/0/0/0.05, dsn=2.0.0, status=sent (250 2.0.0 <alice@webmakeprofit.org> Saved)\n"
        f"{host}/qmgr[102]: {queue_id}: removed\n"
        f"{host}/smtpd[100]: disconnect from unknown[104.30.0.5] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5\n"
    )


def report() -> Iterator[Figure]:
    """How fast the report of a large gate is opened, and how large it is."""
    with tempfile.TemporaryDirectory() as folder:
        page = write(_made(), Path(folder, "report.html"))
        yield tried(f"a report of {SCENARIOS} scenarios is opened", lambda: _opened(page), times=OPENINGS)
        yield tried("and its size", lambda: (page.stat().st_size / 1e6, "", None, SIZE_MB_MAX), "MB")


def _opened(page: Path) -> Measured:
    """From its start until Chromium has painted it, less the same for an empty page."""
    binary = shutil.which("chromium")
    if binary is None:
        raise RuntimeError("there is no chromium here (apt install chromium)")
    empty = page.with_name("empty.html")
    empty.write_text("<!doctype html><title>empty</title>", encoding="utf-8")
    nothing, whole = _open(binary, empty), _open(binary, page)
    return whole - nothing, "an empty page, from start to end", nothing, OPENED_S_MAX


def _open(binary: str, page: Path) -> float:
    argv = [binary, *_OPTIONS, f"--user-data-dir={page.parent / 'profile'}", f"--screenshot={page}.png", page.as_uri()]
    return timed(lambda: subprocess.run(argv, capture_output=True, check=True, timeout=OPENING_S_MAX))[0]


def _made() -> RunReport:
    """A gate of many scenarios, none of which says what another one says."""
    scenarios = tuple(map(_scenario, range(SCENARIOS)))
    gate = StageResult(Stage(Gate.PHASE3, (), "phase3"), {"": Verdict.PASS}, (), 0, 0, stored=True, outcomes=scenarios)
    return RunReport(
        "Bench", Decision.GO, ("All hold.",), "bench", "1", "0", "lab", 0, 1, 0, 1, compressed=False, gates=(gate,)
    )


def _scenario(number: int) -> Outcome:
    said = f"what scenario {number} says at length in a sentence"
    steps = [Step(word, said, Verdict.PASS) for word in ("Given", "When", "Then")]
    again = f"swaks --to a{number}@b.example --server dell.example"
    findings = []
    for member in range(MEMBERS):
        lines = "\n".join(f"S: 250-line {number}.{member}.{line} of a dialogue with its server" for line in range(14))
        asked = f"RCPT TO:<a{number}@b.example> at dell.example:25 from 192.0.2.{member}"
        look = Evidence(asked, f"250 2.1.5 Ok, {number}", lines, again)
        findings.append(passed(f"192.0.2.{member}", look.answer, look, expected="250"))
    name = f"Scenario {number}"
    return Outcome("phase3", name, "A", "features/a.feature", ("N-7",), Verdict.PASS, steps, findings, took_ms=200)
