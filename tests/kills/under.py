"""One run of a script in a process of its own: plan, then apply that plan, with an injector."""

import contextlib
import importlib
import io
import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3  # noqa: F401 - so that each child finds it loaded
import cloudflare  # noqa: F401

from scripts.lib import change
from tests.kills import wires
from tests.kills.injector import Injector

CRASHED = 99
NAMES = (
    "publish_delivery prepare_dell merge_spf lower_ttl widen_mta_sts prepare_cloudflare switch_mx rollback stop_ec2 "
    "retire_ec2_access delete_ec2 retire_terraform narrow_mta_sts restore_ttl retire_xclient "
    "add_address remove_address deploy_worker"
).split()
for _name in NAMES:
    importlib.import_module(f"scripts.{_name}")


@dataclass(frozen=True, slots=True)
class Order:
    """What to run. OUTCOME: the file where the child writes what came of it, if it lives."""

    script: str
    argv: tuple[str, ...]
    reason: str
    """To go on behind gates that nobody has judged."""
    kind: str
    every: bool
    number: int
    turn: int
    memory: Path
    outcome: Path


def run(order: Order) -> None:
    """In the child: leaves ``status``, ``said``, and how many faults ``befell`` it in OUTCOME."""
    injector = Injector.recall(order.kind, order.memory, every=order.every, number=order.number, turn=order.turn)
    wires.tap(injector)
    _name_writes(injector)
    said, before = io.StringIO(), len(injector.done)
    try:
        with contextlib.redirect_stderr(said):
            status = _run(order, injector, said)
    except Exception:  # noqa: BLE001 - whatever it is, the walk shows it
        status = CRASHED
        said.write(traceback.format_exc())
    befell = len(injector.done) - before if order.kind == "faults" else 0
    outcome = {"status": status, "said": said.getvalue(), "befell": befell}
    order.outcome.write_text(json.dumps(outcome), encoding="utf-8")


def _run(order: Order, injector: Injector, said: io.StringIO) -> int:
    module, argv = importlib.import_module(f"scripts.{order.script}"), [*order.argv, "--override", order.reason]
    status, outcome = _main(module, [*argv, "--json"])
    if change.NOT_COUNTED in said.getvalue():  # with nothing to do, and behind a gate that is not open
        status, outcome = _main(module, [*argv, "--apply", "0" * 12])
    if status != change.PLANNED:
        return status
    assert injector.writes == 0, f"the plan of {order.script} has written"
    plan = json.loads(outcome)
    status, outcome = _main(module, [*argv, "--apply", plan["digest"]])
    said.write(outcome)
    if status != change.DONE:
        return status
    before = injector.writes
    for more in (["--json"], ["--apply", plan["digest"]]):
        again, outcome = _main(module, [*argv, *more])
        assert (again, injector.writes) == (change.DONE, before), f"after it was done {order.script} goes on: {outcome}"
    return status


def _main(module: Any, argv: list[str]) -> tuple[int, str]:
    outcome = io.StringIO()
    with contextlib.redirect_stdout(outcome):
        return int(module.main(argv)), outcome.getvalue()


def _name_writes(injector: Injector) -> None:
    """The same call may belong to several writes, such as a reload."""
    for step in ("_begin", "_do", "_end"):
        vars(change)[step] = _naming(injector, vars(change)[step])


def _naming(injector: Injector, step: Callable[..., Any]) -> Callable[..., Any]:
    def named(*given: Any) -> Any:
        write: change.Write = given[-1]
        injector.write = f"{write.subject} -> {write.after[:40]}"
        outcome = step(*given)
        injector.write = ""
        return outcome

    return named
