"""The way back to the gateway, as writes: the instance is started, and takes mail at the address that the MX names."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from fixtures.evidence import CouldNotAsk
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.aws import api as aws
from fixtures.probes.aws import ec2
from scripts.lib.aws.gateway import Call
from scripts.lib.aws.knocking import ACCEPTS, SILENT, UNSEEN, knock
from scripts.lib.change import Job, Refused, Write

START_S_MAX, POLL_S = 300.0, 2.0
PORT_S_MAX, TELL_S = 120.0, 10.0
COMING = {"running", "pending"}
FIRST = "EC2 first"
PROVED = "start seen"
"""The record that the instance was stopped, started, and took mail again."""


def require_way_back(job: Job, progress: Progress) -> None:
    """Refuse where our own scripts have taken away what a way back needs."""
    if progress.deleted:
        raise Refused(f"delete_ec2 has deleted {job.migration.settings.ec2.instance_id}: there is no EC2 to go back to")
    if progress.done_at("retire_ec2_access") is not None:
        raise Refused("retire_ec2_access took EC2's admission and names away: Dell would refuse what it brings")


def gateway_again(job: Job, progress: Progress) -> Iterator[Write]:
    """What makes EC2 take mail again. AWS is asked only where EC2 was stopped, or is silent to somebody who hears."""
    it = job.migration.settings.ec2
    require_way_back(job, progress)
    if job.options.without_asking_ec2:
        job.say(f"NOBODY ASKS whether {it.name} ({it.ipv4}) takes mail, as you say")
        return
    job.say(f"asking whether {it.name} ({it.ipv4}) takes mail; half a minute where all is silent")
    port = knock(job)
    if port.state == ACCEPTS and (port.named or not progress.stopped):
        return
    if port.state == UNSEEN and not progress.stopped:
        job.say(f"{it.ipv4}: {port.told}. It was not stopped from here, and that has to do")
        return
    there = ec2.instance(job.migration)
    if there.gone:
        raise Refused(f"the instance {there.id} is {there.state}: there is no EC2 to go back to")
    if there.state in COMING:
        require_address(job.migration)
    else:
        yield start(job, there.state)
    if port.state == SILENT and there.state == "running" and not progress.stopped:
        job.say(f"{it.name} ({it.ipv4}) TAKES NO MAIL: {port.told}. Senders wait for it; look at its Postfix, now")
    elif port.state == SILENT:
        yield open_port(job)
    elif port.state == UNSEEN:
        job.say(f"{it.ipv4}: {port.told}. AWS's word that it runs has to do")


def start(job: Job, state: str) -> Write:
    """Start the instance, which is STATE now, and wait until AWS says that it runs, at its own address."""
    settings, client = job.migration.settings.ec2, aws.client(job.migration)
    call = Call(client, "start_instances", {"InstanceIds": [settings.instance_id]})

    def do() -> None:
        call()
        wait_until(job, "running", START_S_MAX, read)
        require_address(job.migration)

    def read() -> str:
        return ec2.instance(job.migration).state

    return Write(FIRST, f"{settings.instance_id} ({settings.name})", state, "running", do, read, call.command)


def open_port(job: Job) -> Write:
    """Wait until port 25 of the gateway's address takes mail."""
    settings = job.migration.settings.ec2

    def do() -> None:
        try:
            wait_until(job, ACCEPTS, PORT_S_MAX, read)
        except CouldNotAsk as fault:
            raise Refused(
                f"{settings.ipv4}, port 25: {fault}. Look at Postfix there, and run this again, or "
                "with --without-asking-ec2: senders wait for a silent MX for days, and Cloudflare may bounce"
            ) from None

    def read() -> str:
        return knock(job).state

    subject = f"port 25 of {settings.name} ({settings.ipv4})"
    return Write(FIRST, subject, SILENT, ACCEPTS, do, read)


def wait_until(job: Job, wanted: str, limit_s: float, read: Callable[[], str]) -> None:
    """Until READ says what is WANTED; a person is told how long that takes. ``CouldNotAsk`` at the limit."""
    began = told = time.monotonic()
    while (found := read()) != wanted:
        now = time.monotonic()
        if now - began > limit_s:
            raise CouldNotAsk(f"after {limit_s:.0f} s it is {found}, not {wanted}")
        if now - told > TELL_S:
            told = now
            job.say(f"{found}, waiting for {wanted}, {now - began:.0f} s of {limit_s:.0f} s")
        time.sleep(POLL_S)


def require_address(migration: Migration) -> None:
    """``Refused`` if the settings' address is not the instance's: neither an elastic one, nor what it has now."""
    wanted, instance_id = str(migration.settings.ec2.ipv4), migration.settings.ec2.instance_id
    only = [{"Name": "public-ip", "Values": [wanted]}]
    elastic = Call(aws.client(migration), "describe_addresses", {"Filters": only})()["Addresses"]
    if instance_id in {each.get("InstanceId") for each in elastic} or ec2.instance(migration).address == wanted:
        return
    raise Refused(f"{wanted} is not {instance_id}'s any more: the MX would lead to a stranger")
