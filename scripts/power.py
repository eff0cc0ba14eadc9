"""The way back to the gateway, as writes: the instance is started, and takes mail at the address that the MX names."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from fixtures.evidence import CouldNotAsk
from fixtures.gates.progress import Progress
from fixtures.loop import run as run_on_loop
from fixtures.migration import Migration
from fixtures.probes import ec2
from fixtures.transport import connect
from scripts.change import Job, Refused, Write
from scripts.gateway import Call

START_S_MAX, POLL_S = 300, 2
PORT_S_MAX, KNOCK_S = 120.0, 2.0
COMING = {"running", "pending"}
FIRST = "EC2 first"
SILENT, ACCEPTS = "silent", "accepts mail"


def require_way_back(job: Job, progress: Progress) -> None:
    """Refuse where our own scripts have taken away what a way back needs."""
    if progress.deleted:
        raise Refused(f"delete_ec2 has deleted {job.migration.settings.ec2.instance_id}: there is no EC2 to go back to")
    if progress.done_at("retire_ec2_access") is not None:
        raise Refused("retire_ec2_access took EC2's admission and names away: Dell would refuse what it brings")


def gateway_again(job: Job, progress: Progress) -> Iterator[Write]:
    """What makes EC2 take mail again. AWS is not needed for that where EC2 was never stopped and takes mail now."""
    it = job.migration.settings.ec2
    require_way_back(job, progress)
    try:
        there = ec2.instance(job.migration)
    except CouldNotAsk as error:
        if progress.stopped or not takes_mail(job.migration):
            raise
        job.say(f"{error}. Never mind: {it.ipv4} was not stopped from here, and takes connections at port 25")
        return
    if there.gone:
        raise Refused(f"the instance {there.id} is {there.state}: there is no EC2 to go back to")
    if there.state not in COMING:
        yield start(job, there.state)
    if there.state not in COMING or (progress.stopped and reach(job.migration) != ACCEPTS):
        yield open_port(job)


def start(job: Job, state: str) -> Write:
    """Start the instance, which is STATE now, and wait until AWS says that it runs."""
    settings, client = job.migration.settings.ec2, ec2.client(job.migration)
    call = Call(client, "start_instances", {"InstanceIds": [settings.instance_id]})

    def do() -> None:
        call()
        with ec2.asking(f"{call.command}: not running within {START_S_MAX} s"):
            waiting = {"Delay": POLL_S, "MaxAttempts": START_S_MAX // POLL_S}
            client.get_waiter("instance_running").wait(**call.arguments, WaiterConfig=waiting)

    def read() -> str:
        return ec2.instance(job.migration).state

    return Write(FIRST, f"{settings.instance_id} ({settings.name})", state, "running", do, read, call.command)


def open_port(job: Job) -> Write:
    """Wait until port 25 of the gateway's address takes connections. Refused if the address is no longer its own."""
    settings = job.migration.settings.ec2

    def do() -> None:
        if not owns_address(job.migration):
            raise Refused(f"{settings.ipv4} is not {settings.instance_id}'s any more: the MX would lead to a stranger")
        deadline = time.monotonic() + PORT_S_MAX
        while reach(job.migration) != ACCEPTS:
            if time.monotonic() > deadline:
                raise Refused(
                    f"{settings.ipv4}: port 25 took no connection in {PORT_S_MAX:.0f} s. Look at Postfix there, and "
                    "whether port 25 can be reached from here at all"
                )
            time.sleep(0.2)

    subject = f"port 25 of {settings.name} ({settings.ipv4})"
    return Write(FIRST, subject, SILENT, ACCEPTS, do, partial(reach, job.migration))


def reach(migration: Migration) -> str:
    """Whether the gateway takes connections at its own address just now."""
    if not owns_address(migration):
        return SILENT
    return ACCEPTS if takes_mail(migration) else SILENT


def takes_mail(migration: Migration) -> bool:
    """Whether somebody takes connections at port 25 of the gateway's address, whoever has that now."""
    return run_on_loop(_accepts(str(migration.settings.ec2.ipv4)))


def owns_address(migration: Migration) -> bool:
    """Whether the settings' address is the instance's: an elastic one, or the one that it has while it runs."""
    wanted = str(migration.settings.ec2.ipv4)
    only = [{"Name": "public-ip", "Values": [wanted]}]
    elastic = Call(ec2.client(migration), "describe_addresses", {"Filters": only})()["Addresses"]
    holders = {each.get("InstanceId") for each in elastic}
    return migration.settings.ec2.instance_id in holders or ec2.instance(migration).address == wanted


async def _accepts(address: str) -> bool:
    try:
        (await connect(address, 25, timeout_s=KNOCK_S)).close()
    except (ConnectionRefusedError, CouldNotAsk):
        return False
    return True
