"""The deletions that take the gateway out of AWS, in an order that AWS allows: what ties something goes before it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from fixtures.migration import Migration
from fixtures.probes.aws.api import asking
from fixtures.probes.aws.changing import client
from fixtures.probes.aws.ec2 import Inventory
from scripts.lib.aws.gateway import Call, Deletion, subject, watched
from scripts.lib.change import Refused

FINAL = "mxgate-final-"
_CALLS = {
    "volume": ("delete_volume", "VolumeId", "describe_volumes", "VolumeIds", "Volumes"),
    "image": ("deregister_image", "ImageId", "describe_images", "ImageIds", "Images"),
    "snapshot": ("delete_snapshot", "SnapshotId", "describe_snapshots", "SnapshotIds", "Snapshots"),
    "interface": (
        "delete_network_interface",
        "NetworkInterfaceId",
        "describe_network_interfaces",
        "NetworkInterfaceIds",
        "NetworkInterfaces",
    ),
    "security group": ("delete_security_group", "GroupId", "describe_security_groups", "GroupIds", "SecurityGroups"),
    "key pair": ("delete_key_pair", "KeyName", "describe_key_pairs", "KeyNames", "KeyPairs"),
}
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
    about = f"The mail gateway {has.instance.id} before it was deleted"
    arguments = {"InstanceId": has.instance.id, "Name": FINAL + date, "Description": about}
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

        what = f"instance {its[0]} {has.instance.name} ({has.instance.type})"
        yield Deletion("instance", what, Call(ec2, "terminate_instances", {"InstanceIds": its}), watched(lives))
    kept = _kept(ec2, has)
    for kind, (delete, one, describe, many, answer) in _CALLS.items():
        for item in has.of(kind):
            if item.id not in kept:
                key = item.name if one == "KeyName" else item.id
                read = watched(partial(getattr(ec2, describe), **{many: [key]}), answer)
                yield Deletion(kind, subject(item), Call(ec2, delete, {one: key}), read)
    yield from _access(migration, has)
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
            what = f"address {item.detail}: its association {number} with {has.instance.id}"
            yield Deletion("address", what, call, watched(tied, "Addresses"))
        call = Call(ec2, "release_address", {"AllocationId": item.id})
        yield Deletion("address", f"{subject(item)}, {item.detail}", call, watched(look, "Addresses"))


def _kept(ec2: Any, has: Inventory) -> set[str]:
    """The final image and the snapshots that it is made of."""
    final = [image.id for image in has.of("image") if image.name.startswith(FINAL)]
    if not final:
        return set()
    images = ec2.describe_images(ImageIds=final)["Images"]
    disks = (disk.get("Ebs", {}).get("SnapshotId") for image in images for disk in image["BlockDeviceMappings"])
    return {*final, *(number for number in disks if number)}


def _access(migration: Migration, has: Inventory) -> Iterator[Deletion]:
    """Its IAM role and instance profile. ``Refused`` while another instance has the profile: it would lose rights."""
    iam = client(migration, "iam")
    profiles, roles = has.of("instance profile"), has.of("role")
    with asking("what the role and the instance profile are tied to"):
        _require_unshared(client(migration), has)
        ties = {
            (each["InstanceProfileName"], role["RoleName"])
            for item in roles
            for each in iam.list_instance_profiles_for_role(RoleName=item.name)["InstanceProfiles"]
            for role in each["Roles"]
        } | {
            (item.name, role["RoleName"])
            for item in profiles
            for role in iam.get_instance_profile(InstanceProfileName=item.name)["InstanceProfile"]["Roles"]
        }
        for profile, role in sorted(ties):
            yield _untie(iam, profile, role)
        for item in profiles:
            named = {"InstanceProfileName": item.name}
            read = watched(partial(iam.get_instance_profile, **named))
            yield Deletion(item.kind, subject(item), Call(iam, "delete_instance_profile", named), read)
        for item in roles:
            yield from _policies(iam, item.name)
            named = {"RoleName": item.name}
            read = watched(partial(iam.get_role, **named))
            yield Deletion(item.kind, subject(item), Call(iam, "delete_role", named), read)


def _require_unshared(ec2: Any, has: Inventory) -> None:
    names = {item.name for item in has.of("instance profile")}
    for page in ec2.get_paginator("describe_iam_instance_profile_associations").paginate():
        for each in page["IamInstanceProfileAssociations"]:
            name = each["IamInstanceProfile"]["Arn"].rpartition("/")[2]
            if name in names and each["InstanceId"] != has.instance.id and each["State"] != "disassociated":
                raise Refused(
                    f"instance profile {name} is {each['InstanceId']}'s too, which would lose its rights. "
                    "Give that instance a profile of its own first"
                )


def _untie(iam: Any, profile: str, role: str) -> Deletion:
    def tied() -> list[Any]:
        found = iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"]
        return [each for each in found if each["RoleName"] == role]

    call = Call(iam, "remove_role_from_instance_profile", {"InstanceProfileName": profile, "RoleName": role})
    return Deletion("instance profile", f"role {role} in the instance profile {profile}", call, watched(tied))


def _policies(iam: Any, role: str) -> Iterator[Deletion]:
    """A role can't be deleted while it has any, its own (inline) or attached ones."""
    attached: list[dict[str, Any]] = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    for each in attached:
        arn = each["PolicyArn"]

        def holds(arn: str = arn) -> bool:
            found = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
            return any(each["PolicyArn"] == arn for each in found)

        call = Call(iam, "detach_role_policy", {"RoleName": role, "PolicyArn": arn})
        yield Deletion("role", f"policy {each['PolicyName']} attached to the role {role}", call, watched(holds))
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        call = Call(iam, "delete_role_policy", {"RoleName": role, "PolicyName": name})
        read = watched(partial(iam.get_role_policy, RoleName=role, PolicyName=name))
        yield Deletion("role", f"policy {name} of the role {role}", call, read)
