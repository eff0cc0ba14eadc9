"""The deletions that take away the gateway's IAM role and instance profile: what ties them first, then themselves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from fixtures.migration import Migration
from fixtures.probes.aws.api import asking, client
from fixtures.probes.aws.ec2 import Inventory
from scripts.lib.aws.gateway import Call, Deletion, subject, watched
from scripts.lib.change import Refused


def access(migration: Migration, has: Inventory) -> Iterator[Deletion]:
    """Every single one. ``Refused`` while another instance bears the profile, since it would lose its rights."""
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
