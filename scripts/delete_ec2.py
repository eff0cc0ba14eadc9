"""Delete the EC2 gateway and all that belongs to it, one by one.

    python -m scripts.delete_ec2 [--image] [--apply DIGEST]

What belongs to it is found by attachment, by the settings, and by the ids of the snapshot that was taken while it
lived. A final image is kept with ``--image``; it costs what a snapshot of the instance's volumes costs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial

from fixtures.migration.progress import Progress
from fixtures.probes.aws import ec2
from scripts.lib.aws.belongings import FINAL, deletions, final_image, known
from scripts.lib.aws.gateway import ABSENT, PRESENT, Call, Deletion, require_permission, require_unprotected
from scripts.lib.change import Job, Refused, Script, Write

IMAGE_S_MAX, TERMINATE_S_MAX = 1800, 600
STOPPED = {"stopped", "shutting-down", "terminated", "absent"}


def plan(job: Job) -> Iterator[Write]:
    """The final image if it is asked for, then every deletion in an order that AWS allows."""
    has = _inventory(job)
    if job.options.image and (image := final_image(job.migration, has)):
        yield image_write(image)
    for each in deletions(job.migration, has):
        do = partial(_delete, each)
        yield Write(each.kind, each.subject, PRESENT, ABSENT, do, each.read, each.call.command, "deletes")


def image_write(call: Call) -> Write:
    """Make the image and wait for it: the volumes are deleted next."""

    def do() -> None:
        call.wait("image_available", IMAGE_S_MAX, ImageIds=[call()["ImageId"]])

    def read() -> str:
        only = [{"Name": "name", "Values": [call.arguments["Name"]]}]
        found = Call(call.client, "describe_images", {"Owners": ["self"], "Filters": only})()["Images"]
        return str(found[0]["State"]) if found else ABSENT

    return Write("final image", call.arguments["Name"], ABSENT, "available", do, read, call.command)


def check(job: Job) -> None:
    """Before the first deletion: stopped, refers to it no more, unprotected, and AWS would do all of it."""
    migration, has = job.migration, _inventory(job)
    if has.instance.state not in STOPPED:
        raise Refused(f"{has.instance.id} is {has.instance.state}: stop it first, python -m scripts.stop_ec2")
    if Progress.read(migration.store, migration.settings).done_at("retire_ec2_access") is None:
        raise Refused(
            f"Dell's table, SPF or DNS may still name {migration.settings.ec2.ipv4}, which goes back to Amazon and to "
            "whoever gets it next. Run python -m scripts.retire_ec2_access first"
        )
    if not has.instance.gone:
        require_unprotected(migration, "disableApiTermination", "--no-disable-api-termination")
    image = final_image(migration, has) if job.options.image else None
    require_permission([*([image] if image else []), *(each.call for each in deletions(migration, has))])
    # Once the instance is gone nothing says what it had: a run that was killed is finished by these.
    migration.store.record("ec2 belongings", ids=[item.id for item in has.items])


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", action="store_true", help=f"keep an image of it, named {FINAL}DATE")


def _inventory(job: Job) -> ec2.Inventory:
    has = ec2.inventory(job.migration, known(job.migration))
    if has.unread:
        raise Refused("what belongs to the gateway can't all be listed:\n  " + "\n  ".join(has.unread))
    return has


def _delete(each: Deletion) -> None:
    each.call()
    if each.kind == "instance":
        each.call.wait("instance_terminated", TERMINATE_S_MAX)


SCRIPT = Script("delete_ec2", __doc__, plan, options=options, check=check)
main = SCRIPT.main

if __name__ == "__main__":
    sys.exit(main())
