"""One run of a script in a process of its own: plan, then apply that plan, under a fate."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3  # noqa: F401 - so that each child finds it loaded
import cloudflare  # noqa: F401

from scripts import change
from tests.kills import wires
from tests.kills.fate import Fate

CRASHED = 99
NAMES = (
    "publish_delivery prepare_dell merge_spf lower_ttl widen_mta_sts prepare_cloudflare switch_mx rollback stop_ec2 "
    "retire_ec2_access delete_ec2 retire_terraform narrow_mta_sts restore_ttl"
).split()
for _name in NAMES:
    importlib.import_module(f"scripts.{_name}")


@dataclass(frozen=True, slots=True)
class Order:
    """What to run. TOLD: where the child writes what came of it, if it lives."""

    script: str
    argv: tuple[str, ...]
    apply: tuple[str, ...]
    """More arguments for the second of the two."""
    kind: str
    every: bool
    number: int
    turn: int
    memory: Path
    told: Path


def run(order: Order) -> None:
    """In the child: leaves ``status``, ``planned`` (writes), ``said`` and ``calls`` (that have written) in TOLD."""
    fate = Fate.recall(order.kind, order.memory, every=order.every, number=order.number, turn=order.turn)
    wires.tap(fate)
    _name_writes(fate)
    said = io.StringIO()
    planned = 0
    try:
        with contextlib.redirect_stderr(said):
            status, planned = _run(order, fate, said)
    except Exception:
        status = CRASHED
        said.write(traceback.format_exc())
    told = {"status": status, "planned": planned, "said": said.getvalue(), "calls": fate.writes}
    order.told.write_text(json.dumps(told), encoding="utf-8")


def _run(order: Order, fate: Fate, said: io.StringIO) -> tuple[int, int]:
    module = importlib.import_module(f"scripts.{order.script}")
    status, told = _main(module, [*order.argv, "--json"])
    if status != change.PLANNED:
        return status, 0
    assert fate.writes == 0, f"the plan of {order.script} has written"
    plan = json.loads(told)
    planned = len(plan["writes"])
    status, told = _main(module, [*order.argv, *order.apply, "--apply", plan["digest"]])
    said.write(told)
    if status != change.DONE:
        return status, planned
    before = fate.writes
    again, told = _main(module, [*order.argv, "--json"])
    assert (again, fate.writes) == (change.DONE, before), f"after it was done {order.script} plans: {told}"
    return status, planned


def _main(module: Any, argv: list[str]) -> tuple[int, str]:
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        return int(module.main(argv)), told.getvalue()


def _name_writes(fate: Fate) -> None:
    """The same call may belong to several writes, such as a reload."""
    write = change._write

    def named(script: change.Script, job: change.Job, each: change.Write, number: str) -> None:
        fate.write = f"{each.subject} -> {each.after[:40]}"
        write(script, job, each, number)
        fate.write = ""

    change._write = named
