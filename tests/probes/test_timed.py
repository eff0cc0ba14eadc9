"""What stops or starts the gateway by itself."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fixtures.evidence import Evidence, Verdict
from fixtures.migration import Migration
from fixtures.probes.aws import ec2, timed, timers

OTHERS: dict[str, Any] = {
    "describe_tags": lambda **_: {"Tags": []},
    "get_caller_identity": lambda: {"Account": "123456789012"},
}
"""What else a client is asked before it lists anything."""


@pytest.mark.parametrize(
    ("target", "ends", "starts"),
    [
        ({"Arn": "arn:aws:lambda:x:1:function:start-stop-ec2", "Input": '{"do": "start", "id": "i-1"}'}, False, True),
        ({"Arn": "arn:aws:lambda:x:1:function:start-stop-ec2", "Input": '{"do": "stop", "id": "i-1"}'}, True, False),
        ({"Arn": "arn:aws:lambda:x:1:function:stop-ec2", "Input": '{"id": "i-1"}'}, True, False),
        ({"Arn": "arn:aws:lambda:x:1:function:stop-ec2", "Input": '{"id": "i-1", "at": "start of night"}'}, True, True),
        ({"Arn": "arn:aws:sns:x:1:ec2-stop-alerts", "Input": "i-1 has an event"}, False, False),
        ({"Arn": "arn:aws:events:x:1:target/stop-instance", "Input": '"i-1 of autostart"'}, True, True),
    ],
)
def test_what_a_target_does(target: dict[str, str], ends: bool, starts: bool) -> None:
    """By what it is, and is handed; a name that a person gave is the last to say."""
    its = cast("ec2.Instance", SimpleNamespace(id="i-1", evidence=Evidence("", ""), schedules={}))
    row = timers.Timed("x", timers.does(target), "")
    found = [[each.verdict for each in timed.judged((row,), its, stopped=stopped)] for stopped in (False, True)]
    assert found == [[Verdict.FAIL] if red else [Verdict.PASS] for red in (ends, starts)]


@pytest.mark.parametrize(
    ("event", "switched", "red"),
    [
        ({"Code": "instance-retirement", "NotBefore": datetime(2026, 12, 11, tzinfo=UTC)}, 0, True),
        ({"Code": "instance-stop", "Description": "The instance is running on degraded hardware"}, 1, True),
        ({"Code": "instance-stop", "Description": "[Completed] The instance is on degraded hardware"}, 0, False),
        ({"Code": "instance-stop"}, 3, False),
        ({"Code": "system-reboot"}, 0, False),
    ],
)
def test_what_aws_has_announced(
    migration: Migration, monkeypatch: pytest.MonkeyPatch, event: dict[str, Any], switched: int, red: bool
) -> None:
    """That it stops the gateway matters as long as mail comes that way; a reboot is over in minutes."""
    for domain in migration.settings.domain_names[:switched]:
        migration.store.record("done", script="switch_mx", domain=domain)
    number = migration.settings.ec2.instance_id
    listed = [{"InstanceId": "i-9", "Events": [{"Code": "instance-stop"}]}, {"InstanceId": number, "Events": [event]}]
    answers = {"describe_instance_status": listed}
    monkeypatch.setattr(timers, "rows", lambda _, call, *__, **___: answers.get(call, []))
    monkeypatch.setattr(timers, "client", lambda *_: SimpleNamespace(**OTHERS))
    its = cast("ec2.Instance", SimpleNamespace(id=number, evidence=Evidence("", ""), schedules={}))
    found = list(timed.judged(timed.ask(migration), its, stopped=False))
    assert [each.verdict for each in found] == [Verdict.FAIL if red else Verdict.PASS]
    assert found[0].found.startswith(f"AWS's own event {event['Code']}: {number} is stopped") == red


@pytest.mark.parametrize("state", [{}, {"State": "ENABLED"}, {"State": "DISABLED"}])
def test_a_rule_that_does_not_say_its_state_may_be_in_force(
    migration: Migration, monkeypatch: pytest.MonkeyPatch, state: dict[str, str]
) -> None:
    """EventBridge's API may leave it out."""
    target = {"Arn": "arn:aws:events:x:1:target/stop-instance", "Input": migration.settings.ec2.instance_id}
    listed = {
        "list_rules": [{"Name": "r"} | state],
        "list_targets_by_rule": [target],
        "list_schedules": [{"Name": "s", "GroupName": "g"} | state],
    }
    schedule = SimpleNamespace(get_schedule=lambda **_: {"Target": target}, **OTHERS)
    monkeypatch.setattr(timers, "rows", lambda _, call, *__, **___: listed.get(call, []))
    monkeypatch.setattr(timers, "client", lambda *_: schedule)
    found = timed.ask(migration)
    assert len(found) == (0 if state.get("State") == "DISABLED" else 2)
