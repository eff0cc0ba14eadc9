"""Delete the EC2 gateway and all that belongs to it, one by one.

    python -m scripts.delete_ec2 [--image] [--apply DIGEST]

What belongs to it is found by attachment, by the settings, and by the ids of the snapshot that was taken while it
lived. What others use too stays (a security group, a key pair, a role), and so does what ``ec2.keep`` names, and each
snapshot and image that ``ec2.delete_copies`` does not name: the plan says each. The reverse DNS of its address is reset
first, which AWS takes minutes for. A final image is kept with ``--image``; it costs what a snapshot of the instance's
volumes costs.

A gateway that is not at AWS a person deletes at its provider: the plan is a checklist, and to apply it is to confirm
each line, which the store keeps. Before that, probes see that port 25 is dead, that no record names it, and that
nothing came from it since the stop.
"""

import argparse
from collections.abc import Collection, Iterator

from fixtures.evidence.exiting import leave
from fixtures.gates import upkeep
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes import snapshot
from fixtures.probes.aws import ec2, reverse_dns, terraform
from fixtures.probes.aws.changing import client
from fixtures.probes.aws.staying import FINAL, misnamed, staying
from fixtures.settings import SettingsError
from fixtures.store import user
from scripts.lib import vps
from scripts.lib.aws.belongings import deletions, final_image, require_kept
from scripts.lib.aws.gateway import ABSENT, PRESENT, Call, require_no_maker, require_permission, require_unprotected
from scripts.lib.change import Job, Refused, Script, Write
from scripts.lib.paper import renewed
from scripts.lib.terraform.configuration import unshared

IMAGE_S_MAX = 1800
STOPPED = {"stopped", "shutting-down", "terminated", "absent"}


def plan(job: Job) -> Iterator[Write]:
    """The final image if it is asked for, then every deletion in an order that AWS allows. What stays is said."""
    if not job.migration.settings.ec2.at_aws:
        yield from vps.delete(job)
        return
    has = _inventory(job)
    stays = staying(job.migration, has)
    for item in has.items:
        if item.id in stays:
            job.say(f"stays: {item}: {stays[item.id].why}")
    if job.options.image and (image := final_image(job.migration, has)):
        yield image_write(job.migration, image)
    for each in deletions(job.migration, has, stays):
        yield Write(each.kind, each.subject, PRESENT, ABSENT, each, each.read, each.call.command, "deletes")


def image_write(migration: Migration, image: Call | ec2.Item) -> Write:
    """Make the image, unless AWS is making it already, and wait for it: the volumes are deleted next."""
    name = image.name if isinstance(image, ec2.Item) else str(image.arguments["Name"])
    only = [{"Name": "name", "Values": [name]}]
    look = Call(client(migration), "describe_images", {"Owners": ["self"], "Filters": only})

    def do() -> None:
        if isinstance(image, Call):
            image()
        look.wait("image_available", IMAGE_S_MAX)

    def read() -> str:
        found = look()["Images"]
        return str(found[0]["State"]) if found else ABSENT

    if isinstance(image, Call):
        return Write("final image", name, ABSENT, "available", do, read, image.command)
    command = f"aws ec2 wait image-available --image-ids {image.id}"
    return Write("final image", name, image.detail, "available", do, read, command)


def check(job: Job) -> None:
    """Before the first deletion: stopped, forgotten, not protected, its address can go, and AWS would do all of it."""
    if not job.migration.settings.ec2.at_aws:
        vps.require_gone(job)
        return
    _require_account(job.migration)
    migration, has = job.migration, _inventory(job)
    stays = staying(migration, has)
    retired = Progress.read(migration.store, migration.settings).done_at("retire_ec2_access") is not None
    if has.instance.state not in STOPPED:
        how = f"{upkeep.STOP} {has.instance.id}" if retired else "python -m scripts.stop_ec2"
        raise Refused(f"{has.instance.id} is {has.instance.state}: stop it first. {how}")
    if not retired:
        raise Refused(
            f"Dell's table, SPF or DNS may still name {migration.settings.ec2.ipv4}, which goes back to Amazon and to "
            "whoever gets it next. Run python -m scripts.retire_ec2_access first"
        )
    _require_forgotten(migration)
    if (folder := migration.settings.ec2.terraform) and (only_here := unshared(folder)):
        job.say(only_here)
    if not has.instance.gone:
        require_no_maker(migration, has.instance, ends=True)
        require_unprotected(migration, "disableApiTermination", "--no-disable-api-termination")
        require_kept(migration, has, stays)
    _require_released(migration, has, stays)
    image = final_image(migration, has) if job.options.image else None
    require_permission(
        [*([image] if isinstance(image, Call) else []), *(each.call for each in deletions(migration, has, stays))]
    )
    # Once the instance is gone nothing says what it had: a run that was killed is finished by these.
    migration.store.record("ec2 belongings", ids=[item.id for item in has.items])


def _require_account(migration: Migration) -> None:
    """In another account nothing of that id is found, and a key pair or role of the same name is somebody else's."""
    first = snapshot.first(migration)
    wanted = first.body.get("ec2", {}).get("instance", {}).get("account") if first else ""
    has = Call(client(migration, "sts"), "get_caller_identity")()["Account"] if wanted else ""
    if has != wanted:
        raise Refused(
            f"the credentials are of AWS account {has}, expected {wanted}, which had the gateway when the first "
            "snapshot was taken. Choose the right ones: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )


def _require_forgotten(migration: Migration) -> None:
    """Terraform would make it again, or fail at what it misses, whoever applies next."""
    settings = migration.settings.ec2
    if settings.terraform and (left := terraform.remains(settings.terraform, settings.terraform_addresses)):
        raise Refused(
            f"{settings.terraform} still has {', '.join(left)}: the next `terraform apply` would make the gateway "
            "again. Run python -m scripts.retire_terraform first"
        )


def _require_released(migration: Migration, has: ec2.Inventory, stays: Collection[str]) -> None:
    """AWS says that an address is locked only when it is to be released, and then the instance is gone."""
    if all(item.id in stays for item in has.of("address")):
        return
    found = reverse_dns.ask(migration)
    if name := found.by_support:
        raise Refused(
            f"{found.address} has the reverse DNS {name}, of which EC2's API knows nothing: AWS support set it, and "
            "only a support case unlocks the address (days). Open one, or name the address in ec2.keep"
        )


def options(parser: argparse.ArgumentParser) -> None:
    who = "who confirms the checklist of a gateway that is not at AWS (default: %(default)s)"
    parser.add_argument("--by", metavar="NAME", default=user(), help=who)
    parser.add_argument("--image", action="store_true", help=f"keep an image of it, named {FINAL}DATE")


def _inventory(job: Job) -> ec2.Inventory:
    migration = job.migration
    has = ec2.inventory(migration, ec2.known(migration))
    if has.unread:
        raise Refused("what belongs to the gateway can't all be listed:\n  " + "\n  ".join(has.unread))
    if wrong := [f"{key}: {fault}" for key, fault in misnamed(migration, has)]:
        raise SettingsError("\n  ".join(("the settings name what is not there", *wrong)))
    return has


SCRIPT = Script("delete_ec2", __doc__, plan, options=options, check=check, leaves=renewed)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
