"""Calls that change the gateway in AWS, each about one id, tried with DryRun before the first is made."""

import re
import shlex
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fixtures.evidence import CouldNotAsk
from fixtures.language import N_
from fixtures.migration import Migration
from fixtures.probes.aws.api import asking
from fixtures.probes.aws.changing import client
from fixtures.probes.aws.ec2 import Instance, Item, makers, stands
from scripts.lib.change import Refused

PRESENT, ABSENT = "present", "absent"
POLL_S = 2
_NOT_THERE = re.compile(r"NotFound$|NoSuchEntity$|^InvalidAMIID\.Unavailable$")
_ENABLED, _UNUSABLE = "Enabled", {"Disabled", "PendingDeletion", "PendingImport", "Unavailable"}
"""States of a key (KMS's guide, "Key states")."""
_IN_THE_WAY = re.compile(r"InUse$|^DependencyViolation$")
"""Holds as long as something stands that an earlier call of the plan deletes."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of EC2's, IAM's or CloudWatch's API. ``name`` and ``arguments`` as boto3 has them."""

    client: Any
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def __call__(self) -> dict[str, Any]:
        """Make it. Raises ``CouldNotAsk`` with AWS's own code."""
        with asking(self.command):
            made: dict[str, Any] = getattr(self.client, self.name)(**self.arguments)
        return made

    @property
    def service(self) -> str:
        return str(self.client.meta.service_model.service_name)

    @property
    def command(self) -> str:
        """The same for the aws command."""
        words = (word for key, value in self.arguments.items() for word in _words(key, value))
        return shlex.join(["aws", self.service, self.name.replace("_", "-"), *words])

    def wait(self, waiter: str, limit_s: int) -> None:
        """Until what it asked for is so, by boto3's WAITER. ``CouldNotAsk`` after LIMIT_S."""
        with asking(f"{self.command}: {waiter.replace('_', ' ')}, not within {limit_s} s"):
            waiting = {"Delay": POLL_S, "MaxAttempts": limit_s // POLL_S}
            self.client.get_waiter(waiter).wait(**self.arguments, WaiterConfig=waiting)

    def refusal(self) -> str:
        """Why AWS would not do it (EC2's DryRun: permissions); empty if it would, or can't be asked beforehand."""
        from botocore.exceptions import ClientError

        if self.service != "ec2":
            return ""
        with asking(f"{self.command} --dry-run"):
            try:
                getattr(self.client, self.name)(**self.arguments, DryRun=True)
            except ClientError as error:
                reason = error.response["Error"]
                if reason["Code"] == "DryRunOperation" or _IN_THE_WAY.search(reason["Code"]):
                    return ""
                return f"{self.command}: {reason['Code']}: {reason['Message']}"
        return f"{self.command}: DryRun was not honoured"


@dataclass(frozen=True, slots=True)
class Deletion:
    """What is to be deleted, or a tie to be cut. ``read``: ``present`` or ``absent``."""

    kind: str
    subject: str
    call: Call
    read: Callable[[], str]
    limit_s: int = 0
    """So long AWS may take for it after the call; 0: it is done with the answer."""
    begun: Callable[[], bool] = bool
    """Whether AWS is at it already, as after a run that was killed."""

    def __call__(self) -> None:
        """Make the call, and wait. ``CouldNotAsk`` with AWS's own code, or after ``limit_s``."""
        if not self.begun():
            self.call()
        deadline = time.monotonic() + self.limit_s
        while self.limit_s and self.read() == PRESENT:
            if time.monotonic() > deadline:
                raise CouldNotAsk(
                    f"{self.subject}: `{self.call.command}` was taken, and after {self.limit_s} s it still stands. AWS "
                    "goes on with it: run this again in an hour"
                )
            time.sleep(POLL_S)


def require_permission(calls: Iterable[Call]) -> None:
    """Ask AWS of each call whether it would do it, before the first is made. ``Refused`` names all it would not."""
    refusals = [refusal for call in calls if (refusal := call.refusal())]
    if refusals:
        raise Refused("AWS would not do it, so nothing was begun:\n  " + "\n  ".join(refusals))


def require_unprotected(migration: Migration, attribute: str, switch: str) -> None:
    """``Refused`` while the instance's ATTRIBUTE, such as ``disableApiStop``, protects it. SWITCH: what lifts it."""
    wanted = migration.settings.ec2.instance_id
    found = Call(client(migration), "describe_instance_attribute", {"InstanceId": wanted, "Attribute": attribute})()
    if found.get(attribute[0].upper() + attribute[1:], {}).get("Value"):
        raise Refused(
            f"{wanted} is protected by {attribute}, which somebody set by intent. If it is to go none the less, lift "
            f"that and run this again: aws ec2 modify-instance-attribute --instance-id {wanted} {switch}"
        )


def require_no_maker(migration: Migration, it: Instance, *, ends: bool = False) -> None:
    """``Refused`` where AWS deletes a stopped instance, or makes another in its place. ENDS: it is to be deleted."""
    if found := list(makers(migration, it, ends=ends)):
        what, first = "; ".join(name for name, _ in found), "\n  ".join(command for _, command in found)
        raise Refused(
            f"{it.id} belongs to {what}: when it stands still or ends, AWS makes another in its place, and may delete "
            f"this one. Take it out of that first, and run this again:\n  {first}"
        )


def start_needs(migration: Migration, it: Instance) -> str:
    """What a start needs that no dry run asks for: the keys by which its disks are encrypted; empty: nothing.

    Not those that AWS itself manages. With a key of the account's own, StartInstances is taken, and the instance stops
    again, where the caller may not let EC2 use that key (kms:CreateGrant;
    docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html).
    """
    states = _own_keys(migration, it)
    if not states:
        return ""
    keys = ", ".join(key if state == _ENABLED else f"{key} ({state})" for key, state in states.items())
    return N_(
        f"A start needs kms:CreateGrant on {keys}, unless AWS itself manages that key, and no dry run asks for it: see "
        "StartEncrypted in scripts/deploy/iam-policy.json"
    )


def require_keys(migration: Migration, it: Instance) -> None:
    """``Refused`` where a key of its disks can't be used: it runs on as long as it is not stopped."""
    if lost := [f"{key} is {state}" for key, state in _own_keys(migration, it).items() if state in _UNUSABLE]:
        raise Refused(
            f"{it.id} could not be started again: its disks are encrypted, and the key {'; '.join(lost)}. First make "
            "it usable again, in KMS"
        )


def _own_keys(migration: Migration, it: Instance) -> dict[str, str]:
    """The keys of its encrypted disks that AWS does not manage, each with its state, or why AWS does not say that."""
    if not it.volumes:
        return {}
    disks = Call(client(migration), "describe_volumes", {"VolumeIds": list(it.volumes)})()["Volumes"]
    found = dict[str, str]()
    for key in sorted({each["KmsKeyId"] for each in disks if each.get("Encrypted")}):
        try:
            about = Call(client(migration, "kms"), "describe_key", {"KeyId": key})()["KeyMetadata"]
            if about["KeyManager"] != "AWS":
                found[key] = about["KeyState"]
        except CouldNotAsk as fault:  # such as another account's
            found[key] = str(fault)
    return found


def on_instance(migration: Migration, name: str) -> Call:
    """The call of that name about the gateway's instance, such as ``stop_instances``."""
    return Call(client(migration), name, {"InstanceIds": [migration.settings.ec2.instance_id]})


def elastic(migration: Migration) -> list[dict[str, Any]]:
    """The elastic address that the settings name, which a stop leaves with the instance; empty if it is none."""
    only = [{"Name": "public-ip", "Values": [str(migration.settings.ec2.ipv4)]}]
    found: list[dict[str, Any]] = Call(client(migration), "describe_addresses", {"Filters": only})()["Addresses"]
    return found


def subject(item: Item) -> str:
    """What belongs to the gateway, as a plan names it: what, which, and why it is taken to be the gateway's."""
    return f"{item.kind} {item.id}" + (f" {item.name}" if item.name not in {"", item.id} else "") + f": {item.reason}"


def watched(look: Callable[[], Any], key: str = "") -> Callable[[], str]:
    """Tells ``present`` when LOOK finds anything (below KEY of its answer: that stands), else, or if AWS knows none,
    ``absent``.
    """
    from botocore.exceptions import ClientError

    def read() -> str:
        with asking("what stands"):
            try:
                found = look()
            except ClientError as error:
                if _NOT_THERE.search(error.response["Error"]["Code"]):
                    return ABSENT
                raise
        return PRESENT if (any(map(stands, found[key])) if key else found) else ABSENT

    return read


def _words(name: str, value: object) -> list[str]:
    option = "--" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
    if isinstance(value, bool):
        return [option if value else option.replace("--", "--no-", 1)]
    return [option, *(map(str, value) if isinstance(value, list) else [str(value)])]
