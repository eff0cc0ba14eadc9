"""Whether the gateway takes mail, and the writes that stop it, start it, and see that it takes mail again.

Its port 25 is knocked at from here and from every vantage, without saying a word. Silence counts only from where
another server's port 25 is heard (``vantages.blind``), or where this one was heard before: many providers shut that
port outwards.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from fixtures.access.loop import gather, run
from fixtures.evidence import CouldNotAsk
from fixtures.language import N_
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, given_up, unended
from fixtures.plan.vps_checklist import ASKED
from fixtures.probes.aws import ec2
from fixtures.probes.aws.ec2 import Instance
from fixtures.probes.smtp import clients, vantages
from fixtures.settings import Vantage
from scripts.lib.aws.gateway import elastic, on_instance, start_needs
from scripts.lib.change import Job, NoWayBack, Refused, Write

START_S_MAX, STOP_S_MAX, POLL_S = 300.0, 300, 2.0
BY_HAND_S_MAX = 1800.0
"""For a person to stop or start it at its provider, where that is not AWS."""
PORT_S_MAX, TELL_S = 120.0, 10.0
DELL_S_MAX = 60.0
"""For EC2 to reach Dell once it takes mail: its tunnel may come up last."""
COMING = {"running", "pending"}
FIRST = N_("EC2 first")
PROVED = "start seen"
"""The record that the instance was stopped, started, and took mail again."""
STOPS = {"stop_ec2", "restart_ec2"}
"""The scripts that stop it."""
_BY_A_PERSON = "Client.UserInitiated"
"""How the reason begins of one that stands still because somebody stopped it (EC2's API reference, StateReason)."""
SILENT, ACCEPTS, UNSEEN = N_("silent"), N_("accepts mail"), "could not look"
HEARD = "port 25 of EC2"
"""The record of who heard it before a stop."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard at the gateway's port 25. ``named``: the greeting has its name, so that it is no other's."""

    state: str
    said: str
    named: bool = False


def knock(job: Job) -> Heard:
    """Whether the gateway takes mail at its address, asked from everywhere. Takes 15 seconds where all is silent."""
    settings = job.migration.settings
    (heard,) = greetings(job.migration, str(settings.ec2.ipv4)).values()
    for via, said in heard.items():
        if said.startswith("220") and settings.ec2.name in said.lower():
            return Heard(ACCEPTS, N_(f"it takes mail, seen from {place(via)}"), named=True)
    with ThreadPoolExecutor(len(heard), "mxgate-knock") as pool:
        seeing = [via for via, why in zip(heard, pool.map(vantages.blind, heard), strict=True) if not why]
    for via in seeing:
        if heard[via].startswith("220"):
            return Heard(ACCEPTS, f"it takes mail, seen from {place(via)}")
    if seeing:
        return Heard(SILENT, N_(f"it takes no mail, seen from {', '.join(map(place, seeing))}"))
    unseen = N_("nobody could look: port 25 is shut, or answered by another, from here and from each vantage")
    return Heard(UNSEEN, unseen)


def greetings(migration: Migration, *addresses: str) -> dict[str, dict[Vantage | None, str]]:
    """What a server says first at port 25 of each address to us here (None) and to each vantage; empty where nothing.

    All are asked at once: silence takes its time-out.
    """

    async def ask(address: str, via: Vantage | None) -> str:
        try:
            return await vantages.greeting(address, via)
        except (CouldNotAsk, OSError):
            return ""

    places = (None, *(each for each in migration.settings.vantages if each.plays != "ec2"))
    questions = [(address, via) for address in addresses for via in places]
    found: dict[str, dict[Vantage | None, str]] = {address: {} for address in addresses}
    for (address, via), said in zip(questions, run(gather(ask(*each) for each in questions)), strict=True):
        found[address][via] = said
    return found


def place(via: Vantage | None) -> str:
    """A vantage's name."""
    return via.name if via else "here"


def heard_now(job: Job, addresses: Sequence[str]) -> None:
    """Keep, before a stop, who hears each address: only they can say later that it is dead."""
    for address, places in heard_from(job.migration, addresses).items():
        job.migration.store.record(HEARD, address=address, places=places)
        job.say(f"port 25 of {address} is heard from {', '.join(places) or 'nowhere: nobody will see it die'}")


def heard_before(job: Job, address: str) -> list[str]:
    """Who heard it then."""
    return list((job.migration.store.last(HEARD, address=address) or {}).get("places", []))


def heard_from(migration: Migration, addresses: Iterable[str]) -> dict[str, list[str]]:
    """From where a server greets now at each address."""
    return {
        address: [place(via) for via, said in heard.items() if said.startswith("220")]
        for address, heard in greetings(migration, *addresses).items()
    }


def require_way_back(job: Job, progress: Progress) -> None:
    """``NoWayBack`` where our own scripts have taken away what a way back needs."""
    if progress.deleted:
        it = job.migration.settings.ec2
        raise NoWayBack(N_(f"delete_ec2 has deleted {it.instance_id or it.name}: there is no EC2 to go back to"))
    if (lost := str(job.migration.settings.ec2.ipv4)) in given_up(job.migration.store):
        raise NoWayBack(N_(f"stop_ec2 gave {lost} back to Amazon: the MX would lead to a stranger"))
    if progress.done_at("retire_ec2_access") is not None:
        raise NoWayBack(N_("retire_ec2_access took EC2's admission and names away: Dell would refuse what it brings"))
    if written := half_retired(job):
        raise NoWayBack(
            N_(
                f"retire_ec2_access was begun ({'; '.join(written)}): Dell may refuse what EC2 brings. First "
                "python -m scripts.prepare_dell, which admits EC2 again; what it deleted is in the first snapshot"
            )
        )


def half_retired(job: Job) -> list[str]:
    """What a retire_ec2_access that did not get done has begun to write, where no prepare_dell was done since."""
    store = job.migration.store
    since = (store.last("done", script="prepare_dell") or {}).get("place", 0)
    runs = {row["run"] for row in store.recorded("run", script="retire_ec2_access") if row["place"] > since}
    return list(dict.fromkeys(row["subject"] for row in store.journaled("retire_ec2_access") if row["run"] in runs))


def was_stopped(job: Job, progress: Progress) -> bool:
    """Whether EC2 was stopped from here, or a stop was begun that did not get done: it may stand still since."""
    begun = {run["script"] for run, _ in unended(job.migration.store, ())}
    return progress.stopped or not begun.isdisjoint(STOPS)


def gateway_again(job: Job, progress: Progress) -> Iterator[Write]:
    """What makes EC2 take mail again. AWS is asked only where EC2 was stopped, or is silent to somebody who hears."""
    it = job.migration.settings.ec2
    require_way_back(job, progress)
    if job.options.without_asking_ec2:
        job.say(N_(f"NOBODY ASKS whether {it.name} ({it.ipv4}) takes mail, as you say"))
        return
    job.say(N_(f"asking whether {it.name} ({it.ipv4}) takes mail; 15 seconds where all is silent"))
    port, stopped = knock(job), was_stopped(job, progress)
    sure = not stopped and not (job.migration.aged and it.at_aws)  # elsewhere nobody could be asked
    if port.state == ACCEPTS and (port.named or sure):
        return
    if port.state == UNSEEN and sure:
        job.say(N_(f"{it.ipv4}: {port.said}. It was not stopped from here, and that has to do"))
        return
    yield from _by_aws(job, port, stopped=stopped) if it.at_aws else _by_hand(job, port)


def _by_hand(job: Job, port: Heard) -> Iterator[Write]:
    it = job.migration.settings.ec2
    if port.state == UNSEEN:
        where = f"{it.name} ({it.ipv4})"
        raise Refused(N_(f"{where}: {port.said}. Start it at {it.provider}, then say --without-asking-ec2"))
    yield open_port(job)


def _by_aws(job: Job, port: Heard, *, stopped: bool) -> Iterator[Write]:
    it = job.migration.settings.ec2
    try:
        there = ec2.instance(job.migration)
    except CouldNotAsk:
        where = f"{it.name} ({it.ipv4})"
        job.say(N_(f"nobody says whether {where} runs: see that in AWS's console, then say --without-asking-ec2"))
        raise
    if there.gone:
        raise NoWayBack(N_(f"the instance {there.id} is {there.state}: there is no EC2 to go back to"))
    if there.state in COMING:
        require_address(job.migration)
    else:
        yield start(job, there.state)
    if port.state == SILENT and there.state == "running" and not stopped:
        job.say(N_(f"{it.name} ({it.ipv4}) TAKES NO MAIL: {port.said}. Senders wait for it; look at its Postfix, now"))
    elif port.state == SILENT:
        yield open_port(job)
    elif port.state == UNSEEN:
        job.say(N_(f"{it.ipv4}: {port.said}. AWS's word that it runs has to do"))


def start(job: Job, state: str) -> Write:
    """Start the instance, which is STATE now, and wait until AWS says that it runs, at its own address."""
    settings, call = job.migration.settings.ec2, on_instance(job.migration, "start_instances")

    def do() -> None:
        try:
            before = ec2.instance(job.migration).reason
            call()
            wait_until(job, "running", START_S_MAX, partial(_coming, job, before))
        except CouldNotAsk as error:
            loud = N_(
                f"{error}\n{settings.name} STANDS STILL AND TAKES NO MAIL: senders wait for it. Run this again, or "
                "start it in AWS's console, now"
            )
            raise CouldNotAsk(". ".join((loud, *_why_not(job)))) from None
        require_address(job.migration)

    subject = f"{settings.instance_id} ({settings.name})"
    return Write(FIRST, subject, state, "running", do, partial(_state, job), call.command)


def _coming(job: Job, before: str) -> str:
    """Its state. ``CouldNotAsk`` where AWS has taken the start and stopped it again, as it does where it lacks a right,
    a key or a machine: it then has another reason to stand still than BEFORE.
    """
    it = ec2.instance(job.migration)
    if it.state == "stopped" and it.reason not in {"", before} and not it.reason.startswith(_BY_A_PERSON):
        raise CouldNotAsk(N_("AWS took the start, and has stopped it again"))
    return it.state


def _why_not(job: Job) -> Iterator[str]:
    """What AWS says of an instance that does not come, and what a start of it needs; as far as it can be asked."""
    with suppress(CouldNotAsk):
        it = ec2.instance(job.migration)
        if it.reason:
            yield N_(f"AWS says: {it.reason}")
        if needs := start_needs(job.migration, it):
            yield needs


def stop(job: Job, group: str, it: Instance, danger: str = "") -> Write:
    """Stop the instance, and wait until AWS says that it stands still."""
    call = on_instance(job.migration, "stop_instances")

    def do() -> None:
        call()
        call.wait("instance_stopped", STOP_S_MAX)

    subject = f"{it.id} {it.name} ({it.type}, {it.address or 'no public address'})"
    return Write(group, subject, it.state, "stopped", do, partial(_state, job), call.command, danger)


def _state(job: Job) -> str:
    return ec2.instance(job.migration).state


def port_state(job: Job) -> str:
    """As ``knock`` found it."""
    return knock(job).state


def open_port(job: Job) -> Write:
    """Wait until port 25 of the gateway's address takes mail; where it is not at AWS, until a person has started it."""
    settings = job.migration.settings.ec2

    def do() -> None:
        limit_s = PORT_S_MAX
        if not settings.at_aws:
            limit_s = BY_HAND_S_MAX
            job.migration.store.record(ASKED, what="start")
            job.say(N_(f"START IT NOW at {settings.provider}: {settings.name} ({settings.ipv4})"))
        try:
            wait_until(job, ACCEPTS, limit_s, read)
        except CouldNotAsk as fault:
            raise Refused(
                N_(
                    f"{settings.ipv4}, port 25: {fault}. Look at Postfix there, and run this again, or "
                    "with --without-asking-ec2: senders wait for a silent MX for days, and Cloudflare may bounce"
                )
            ) from None
        see_it_reach_dell(job)

    read = partial(port_state, job)
    subject = f"port 25 of {settings.name} ({settings.ipv4})"
    return Write(FIRST, subject, SILENT, ACCEPTS, do, read)


def see_it_reach_dell(job: Job) -> None:
    """Say so loudly where EC2, which takes mail again, cannot hand it to Dell. It bars nothing: mail waits there."""
    migration = job.migration
    address, it = next(migration.settings.addresses()).address, migration.settings.ec2

    def read() -> str:
        for _, said in clients.offer(migration, clients.ec2_as_seen(migration), (address,)):
            return ACCEPTS if said.outcome.accepted else str(said.outcome)
        raise CouldNotAsk("the settings say nothing of where EC2 reaches Dell (ec2.reaches_dell_at)")

    try:
        wait_until(job, ACCEPTS, DELL_S_MAX, read)
    except CouldNotAsk as fault:
        job.say(
            N_(
                f"{it.name} TAKES MAIL, AND NOBODY SAW DELL TAKE IT FROM THERE: {fault}. Mail may wait on EC2: look at "
                "its way to Dell (a tunnel that is down, a key that has expired) and at its queue, now"
            )
        )


def wait_until(job: Job, wanted: str, limit_s: float, read: Callable[[], str]) -> None:
    """Until READ says what is WANTED; a person hears how long that takes. ``CouldNotAsk`` at the limit."""
    began = spoke = time.monotonic()
    while (found := read()) != wanted:
        now = time.monotonic()
        if now - began > limit_s:
            raise CouldNotAsk(N_(f"after {limit_s:.0f} s it is {found}, not {wanted}"))
        if now - spoke > TELL_S:
            spoke = now
            job.say(N_(f"{found}, waiting for {wanted}, {now - began:.0f} s of {limit_s:.0f} s"))
        time.sleep(POLL_S)


def require_address(migration: Migration) -> None:
    """``NoWayBack`` if the settings' address is not the instance's: neither an elastic one, nor what it has now."""
    wanted, number = str(migration.settings.ec2.ipv4), migration.settings.ec2.instance_id
    if number in {each.get("InstanceId") for each in elastic(migration)} or ec2.instance(migration).address == wanted:
        return
    raise NoWayBack(N_(f"{wanted} is not {number}'s any more: the MX would lead to a stranger"))
