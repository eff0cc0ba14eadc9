"""The deletions that take the gateway out of AWS, in an order that AWS allows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from fixtures.migration import Migration
from fixtures.probes.aws.api import client
from fixtures.probes.aws.ec2 import Inventory
from scripts.lib.aws.gateway import Call, Deletion, subject, watched
from scripts.lib.aws.iam import access
from scripts.lib.change import Refused

FINAL = "mxgate-final-"
_CALLS = {
    "volume": ("delete_volume", "VolumeId", "describe_volumes", "VolumeIds", "Volumes"),
    "image": ("deregister_image", "ImageId", "describe_images", "ImageIds", "Images"),
    "snapshot": ("delete_snapshot", "SnapshotId", "describe_snapshots", "SnapshotIds", "Snapshots"),
    "interface": (
        "delete_network_interface", "NetworkInterfaceId", "describe_network_interfaces", "NetworkInterfaceIds",
        "NetworkInterfaces",
    ),
    "security group": ("delete_security_group", "GroupId", "describe_security_groups", "GroupIds", "SecurityGroups"),
    "key pair": ("delete_key_pair", "KeyName", "describe_key_pairs", "KeyNames", "KeyPairs"),
}  # fmt: skip
"""How EC2 deletes one of a kind and tells whether it stands."""


def known(migration: Migration) -> frozenset[str]:
    """The ids that belonged to the gateway when it still lived, by the first snapshot and by runs that were killed."""
    start = (migration.store.snapshot("start") or {}).get("ec2") or {}
    before = (number for row in migration.store.recorded("ec2 belongings") for number in row["ids"])
    return frozenset([*start.get("ids", ()), *before])


def final_image(migration: Migration, has: Inventory) -> Call | None:
    """The call that makes the final image; None if there is one. ``Refused`` when there is nothing to make it of."""
    if any(image.name.startswith(FINAL) for image in has.of("image")):
        return None
    if has.instance.gone:
        raise Refused(f"--image: {has.instance.id} is {has.instance.state}, no image can be made of it any more")
    date = time.strftime("%Y-%m-%d", time.gmtime(migration.clock.now()))
    told = f"The mail gateway {has.instance.id} before it was deleted"
    arguments = {"InstanceId": has.instance.id, "Name": FINAL + date, "Description": told}
    return Call(client(migration), "create_image", arguments)


def deletions(migration: Migration, has: Inventory) -> Iterator[Deletion]:
    """All of it; a final image and its snapshots are kept."""
    ec2 = client(migration)
    yield from _addresses(ec2, has)
    if not has.instance.gone:
        its = [has.instance.id]

        def lives() -> list[Any]:
            found = ec2.describe_instances(InstanceIds=its)["Reservations"]
            return [i for r in found for i in r["Instances"] if i["State"]["Name"] != "terminated"]

        told = f"instance {its[0]} {has.instance.name} ({has.instance.type})"
        yield Deletion("instance", told, Call(ec2, "terminate_instances", {"InstanceIds": its}), watched(lives))
    kept = _kept(ec2, has)
    for kind, (delete, one, describe, many, answer) in _CALLS.items():
        for item in has.of(kind):
            if item.id not in kept:
                key = item.name if one == "KeyName" else item.id
                read = watched(partial(getattr(ec2, describe), **{many: [key]}), answer)
                yield Deletion(kind, subject(item), Call(ec2, delete, {one: key}), read)
    yield from access(migration, has)
    watch = client(migration, "cloudwatch")
    for item in has.of("alarm"):
        names = {"AlarmNames": [item.name]}
        read = watched(partial(watch.describe_alarms, **names), "MetricAlarms")
        yield Deletion("alarm", subject(item), Call(watch, "delete_alarms", names), read)


def _addresses(ec2: Any, has: Inventory) -> Iterator[Deletion]:
    for item in has.of("address"):
        look = partial(ec2.describe_addresses, AllocationIds=[item.id])
        tie: dict[str, Any] = look()["Addresses"][0]
        if tie.get("InstanceId") not in {None, "", has.instance.id}:
            raise Refused(f"address {item.detail} serves {tie['InstanceId']} now: it is not the gateway's any more")
        if number := tie.get("AssociationId"):
            tied = partial(ec2.describe_addresses, Filters=[{"Name": "association-id", "Values": [number]}])
            call = Call(ec2, "disassociate_address", {"AssociationId": number})
            told = f"address {item.detail}: its association {number} with {has.instance.id}"
            yield Deletion("address", told, call, watched(tied, "Addresses"))
        call = Call(ec2, "release_address", {"AllocationId": item.id})
        yield Deletion("address", f"{subject(item)}, {item.detail}", call, watched(look, "Addresses"))


def _kept(ec2: Any, has: Inventory) -> set[str]:
    """The final image and the snapshots that it is made of."""
    final = [image.id for image in has.of("image") if image.name.startswith(FINAL)]
    if not final:
        return set()
    told = ec2.describe_images(ImageIds=final)["Images"]
    disks = (disk.get("Ebs", {}).get("SnapshotId") for image in told for disk in image["BlockDeviceMappings"])
    return {*final, *(number for number in disks if number)}
