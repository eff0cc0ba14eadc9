"""The deletions that take the gateway out of AWS, in an order that AWS allows: what ties something goes before it.

What stays is decided elsewhere (``probes/aws/staying``).
"""

import json
import time
from collections.abc import Collection, Iterator
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import Any

from fixtures.migration import Migration
from fixtures.probes.aws import reverse_dns
from fixtures.probes.aws.api import asking
from fixtures.probes.aws.changing import client
from fixtures.probes.aws.ec2 import Inventory, Item
from fixtures.probes.aws.staying import FINAL, referred
from scripts.lib.aws.gateway import Call, Deletion, subject, watched
from scripts.lib.change import Refused

TERMINATE_S_MAX, PTR_S_MAX = 600, 900
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


def final_image(migration: Migration, has: Inventory) -> Call | Item | None:
    """The call that makes the final image, or one that AWS is making; None if there is one.

    ``Refused`` where one failed, and when there is nothing to make it of.
    """
    made = {image.detail: image for image in has.of("image") if image.name.startswith(FINAL)}
    if "available" in made:
        return None
    if "pending" in made:
        return made["pending"]
    for state, image in made.items():
        raise Refused(
            f"--image: {image} is {state}: nothing starts from it. Deregister it, and run this again: "
            f"aws ec2 deregister-image --image-id {image.id}"
        )
    if has.instance.gone:
        raise Refused(f"--image: {has.instance.id} is {has.instance.state}, no image can be made of it any more")
    date = time.strftime("%Y-%m-%d", time.gmtime(migration.clock.now()))
    about = f"The mail gateway {has.instance.id} before it was deleted"
    arguments = {"InstanceId": has.instance.id, "Name": FINAL + date, "Description": about}
    return Call(client(migration), "create_image", arguments)


def deletions(migration: Migration, has: Inventory, stays: Collection[str]) -> Iterator[Deletion]:
    """All of it but what STAYS, by id. The address goes after the instance, and after its reverse DNS."""
    ec2, goes = client(migration), partial(_going, has, stays)
    yield from _reverse_dns(migration, ec2, goes("address"))
    if not has.instance.gone:
        its = [has.instance.id]

        def lives() -> list[Any]:
            found = ec2.describe_instances(InstanceIds=its)["Reservations"]
            return [i for r in found for i in r["Instances"] if i["State"]["Name"] != "terminated"]

        what = f"instance {its[0]} {has.instance.name} ({has.instance.type})"
        call = Call(ec2, "terminate_instances", {"InstanceIds": its})
        yield Deletion("instance", what, call, watched(lives), limit_s=TERMINATE_S_MAX)
    yield from _addresses(ec2, has, goes("address"))
    for kind, (delete, one, describe, many, answer) in _CALLS.items():
        for item in _in_order(ec2, kind, goes(kind)):
            key = item.name if one == "KeyName" else item.id
            read = watched(partial(getattr(ec2, describe), **{many: [key]}), answer)
            yield Deletion(kind, subject(item), Call(ec2, delete, {one: key}), read)
    yield from _access(migration, has, stays)
    watch = client(migration, "cloudwatch")
    for item in goes("alarm"):
        names = {"AlarmNames": [item.name]}
        read = watched(partial(watch.describe_alarms, **names), "MetricAlarms")
        yield Deletion("alarm", subject(item), Call(watch, "delete_alarms", names), read)


def require_kept(migration: Migration, has: Inventory, stays: Collection[str]) -> None:
    """``Refused`` while the instance would take with it what STAYS, as DeleteOnTermination says."""
    its, faults = has.instance.id, []
    found = Call(client(migration), "describe_instances", {"InstanceIds": [its]})()["Reservations"]
    row = found[0]["Instances"][0] if found else {}
    change = f"aws ec2 modify-instance-attribute --instance-id {its} --block-device-mappings"
    for disk in row.get("BlockDeviceMappings", ()):
        number = disk.get("Ebs", {}).get("VolumeId")
        if number in stays and disk["Ebs"].get("DeleteOnTermination"):
            wanted = [{"DeviceName": disk["DeviceName"], "Ebs": {"DeleteOnTermination": False}}]
            faults.append(f"volume {number}: {change} '{json.dumps(wanted)}'")
    for each in row.get("NetworkInterfaces", ()):
        number, tie = each["NetworkInterfaceId"], each.get("Attachment", {})
        if number in stays and tie.get("DeleteOnTermination"):
            argv = f"aws ec2 modify-network-interface-attribute --network-interface-id {number} --attachment"
            faults.append(f"interface {number}: {argv} AttachmentId={tie['AttachmentId']},DeleteOnTermination=false")
    if faults:
        listed = "\n  ".join(faults)
        raise Refused(f"ec2.keep names what AWS deletes with the instance. Change that first:\n  {listed}")


def _going(has: Inventory, stays: Collection[str], kind: str) -> list[Item]:
    return [item for item in has.of(kind) if item.id not in stays]


def _reverse_dns(migration: Migration, ec2: Any, going: list[Item]) -> Iterator[Deletion]:
    """AWS refuses to take an address back that has a PTR record, also while it deletes that."""
    for item in going:
        with asking(f"the reverse DNS of {item.detail}"):
            name, update = reverse_dns.attribute(migration, item.id)
        if name or update:
            look, begun = partial(_named, migration, item.id), partial(_under_way, migration, item.id)
            call = Call(ec2, "reset_address_attribute", {"AllocationId": item.id, "Attribute": reverse_dns.ATTRIBUTE})
            what = f"{reverse_dns.subject(item.detail)}: {name}"
            yield Deletion("reverse DNS", what, call, watched(look), limit_s=PTR_S_MAX, begun=begun)


def _named(migration: Migration, allocation: str) -> list[str]:
    return [each for each in reverse_dns.attribute(migration, allocation) if each]


def _under_way(migration: Migration, allocation: str) -> bool:
    with asking("the reverse DNS"):
        return bool(reverse_dns.attribute(migration, allocation)[1])


def _addresses(ec2: Any, has: Inventory, going: list[Item]) -> Iterator[Deletion]:
    for item in going:
        look = partial(ec2.describe_addresses, AllocationIds=[item.id])
        with asking(f"the address {item.detail}"):
            found = look()["Addresses"]
        if not found:  # it has been released meanwhile
            continue
        tie: dict[str, Any] = found[0]
        serves = tie.get("InstanceId") or tie.get("NetworkInterfaceId")
        if serves and serves not in {has.instance.id, *(each.id for each in has.of("interface"))}:
            raise Refused(f"address {item.detail} serves {serves} now. If that is meant, name the address in ec2.keep")
        if number := tie.get("AssociationId"):  # the instance takes it along, another interface does not
            tied = partial(ec2.describe_addresses, Filters=[{"Name": "association-id", "Values": [number]}])
            call = Call(ec2, "disassociate_address", {"AssociationId": number})
            what = f"address {item.detail}: its association {number} with {has.instance.id}"
            yield Deletion("address", what, call, watched(tied, "Addresses"))
        call = Call(ec2, "release_address", {"AllocationId": item.id})
        yield Deletion("address", f"{subject(item)}, {item.detail}", call, watched(look, "Addresses"))


def _in_order(ec2: Any, kind: str, going: list[Item]) -> list[Item]:
    """Security groups before those that their rules name. ``Refused`` where they name each other."""
    if kind != "security group" or len(going) < 2:
        return going
    by_id = {item.id: item for item in going}
    with asking("the rules of the security groups"):
        groups = ec2.describe_security_groups(GroupIds=list(by_id))["SecurityGroups"]
    order = TopologicalSorter({number: set[str]() for number in by_id})
    for row in groups:
        for other in referred(row) & by_id.keys() - {row["GroupId"]}:
            order.add(other, row["GroupId"])
    try:
        return [by_id[number] for number in order.static_order()]
    except CycleError as error:
        circle = ", ".join(dict.fromkeys(error.args[1]))
        raise Refused(
            f"the rules of {circle} name each other, so AWS deletes neither. Take one of these rules away first: "
            "aws ec2 revoke-security-group-ingress"
        ) from None


def _access(migration: Migration, has: Inventory, stays: Collection[str]) -> Iterator[Deletion]:
    """Its IAM role and instance profile, and what ties them."""
    iam = client(migration, "iam")
    profiles, roles = _going(has, stays, "instance profile"), _going(has, stays, "role")
    with asking("what the role and the instance profile are tied to"):
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
