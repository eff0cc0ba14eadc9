"""The house stands as CONTRIBUTING.md says: sizes, who may write and send, and what no text of ours may hold."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reading import (
    ROOT,
    calls,
    files,
    imports,
    is_python,
    report,
    text,
    tree,
    under,
    where,
    writes_a_file,
    writes_to_a_system,
)

MODULE_LINES, FEATURE_LINES = 500, 60
"""How long a function may be is ruff's business (PLR0915)."""

STEPS_IMPORT_NOT = set(
    """
    aiosmtplib anyio asyncio asyncssh boto3 botocore cloudflare concurrent dkim dns email fcntl ftplib http httpx
    imapclient imaplib multiprocessing os pathlib re requests select shutil signal socket sqlalchemy sqlite3 ssl
    subprocess tempfile threading time urllib
    """.split()
)
"""A step calls a probe and its judge; what needs these belongs into the probe."""
STEPS_CALL_NOT = {"open", "input", "exec", "eval", "sleep", "write_text", "write_bytes", "read_text", "read_bytes"}
STEPS_CALL_NOT |= {"finding", "failed", "passed", "unknown"}
"""The last four: a judge stands next to the probe whose evidence it judges, with a table in tests/judges/."""

NOT_OURS_TO_SAY = {
    "a package registry": re.compile(
        r"pypi\.org|pythonhosted\.org|registry\.npmjs|proxy\.golang|crates\.io"
        r"|--(?:extra-)?index-url|--find[-]links|https?://[^\s/]*(?:artifactory|nexus|devpi|pypi)"
    ),
    "a developer's own path": re.compile(r"(?<![\w.])/(?:root|home/\w+|Users/\w+)/"),
}


def test_nothing_is_longer_than_a_reader_takes_in() -> None:
    report(
        f"{path.relative_to(ROOT)}: {lines} lines, at most {limit}"
        for path in files()
        if (limit := _limit(path)) and (lines := len(text(path).splitlines())) > limit
    )


def test_the_program_is_formatted_as_it_comes() -> None:
    report(
        f"{path.relative_to(ROOT)} has a fmt: skip"
        for folder in ("fixtures", "steps", "scripts")
        for path in under(folder)
        if "fmt: skip" in text(path)
    )


def _limit(path: Path) -> int | None:
    if path.suffix == ".feature":
        return FEATURE_LINES
    return MODULE_LINES if is_python(path) else None


def test_only_scripts_and_the_lab_write_to_a_system() -> None:
    lab = under("fixtures/lab")
    judging = [path for path in [*under("fixtures"), *under("steps"), ROOT / "conftest.py"] if path not in lab]
    report(fault for path in judging for fault in writes_to_a_system(path))


def test_probes_write_no_file() -> None:
    report(fault for path in under("fixtures/probes") for fault in writes_a_file(path))


def test_steps_do_nothing_themselves() -> None:
    report(_busy(under("steps")))


def _busy(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        for node, module in imports(path):
            if module.split(".")[0] in STEPS_IMPORT_NOT:
                yield f"{where(path, node)}: imports {module}; what needs it belongs into a probe"
        for call, name in calls(path):
            if name[-1] in STEPS_CALL_NOT:
                yield f"{where(path, call)}: calls {'.'.join(name)}; what needs it belongs into a probe"
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.AsyncFunctionDef):
                yield f"{where(path, node)}: is async, and pytest-bdd never awaits a step: it would pass unjudged"


@pytest.mark.parametrize("what", NOT_OURS_TO_SAY)
def test_no_text_tells_where_it_was_written(what: str) -> None:
    report(
        f"{path.relative_to(ROOT)}:{number}: {what}: {line.strip()[:120]}"
        for path in files()
        if b"\0" not in path.read_bytes()
        for number, line in enumerate(text(path).splitlines(), 1)
        if NOT_OURS_TO_SAY[what].search(line)
    )


WRITES = """\
client.dns.records.batch(zone_id=z)
cf.email_routing.rules.create(zone_id=z)
ec2.stop_instances(InstanceIds=[i])
iam.delete_role(RoleName=r)
imap.delete_messages(1)
host.run(["postconf", "-e", x])
host.run("postsuper", "-d", "ALL")
argv = ["/usr/sbin/postfix", "reload"]
host.run("postfix reload")
host.run(["terraform", "state", "rm", a])
open(p, "w")
p.open("ab")
p.open(mode="r+")
p.write_text(x)
p.unlink()
"""
READS = """\
client.dns.records.list(zone_id=z)
ec2.describe_instances()
ec2.stop_instances(InstanceIds=[i], DryRun=True)
imap.fetch(1)
host.run(["postconf", "-n"])
host.run(["postmap", "-q", x])
host.run("terraform", "state", "list")
loop.create_task(x)
sha256().update(x)
headers.update(x)
open(p)
open(p, "rb")
p.open("r")
"""
BUSY_STEPS = """\
import re
from time import sleep
async def step(): pass
clock.sleep(1)
file.read_text()
expect("x", [finding("a", "b", "c", holds=True)])
import os
"""


def test_these_tests_see_what_they_are_for(tmp_path: Path) -> None:
    """Each line of the first is an alarm, none of the second."""
    writes, reads, busy = tmp_path / "writes.py", tmp_path / "reads.py", tmp_path / "busy.py"
    for path, body in ((writes, WRITES), (reads, READS), (busy, BUSY_STEPS)):
        path.write_text(body, encoding="utf-8")
    assert _lines(writes_to_a_system(writes)) == set(range(1, 11))
    assert _lines(writes_a_file(writes)) == set(range(11, 16))
    assert not [*writes_to_a_system(reads), *writes_a_file(reads)]
    assert _lines(_busy([busy])) == set(range(1, 8))


def _lines(faults: Iterator[str] | list[str]) -> set[int]:
    return {int(fault.split(":")[1]) for fault in faults}
