"""One address of a domain that is switched: which it is, what has to stand before a write, and the proof afterwards.

This is the gate of ``add_address`` and ``remove_address``. No verdict of another gate is asked for: those are of other
settings, since the address has just been written into them, or taken out.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial

from pydantic import TypeAdapter, ValidationError

from fixtures.access.changing import Shell, dell
from fixtures.gates import upkeep
from fixtures.gates.nights import ADDRESS
from fixtures.migration.progress import Progress
from fixtures.plan import postfix as dellplan
from fixtures.probes.mailbox import delivery
from fixtures.probes.smtp import clients, mx_hosts
from fixtures.settings import Address, SettingsError
from fixtures.settings.schema import LocalPart
from scripts.lib.change import Job, Refused, Write
from scripts.lib.dell import dovecot, effect, host_files, templates

LOCAL: TypeAdapter[str] = TypeAdapter(LocalPart)
BEGUN = "begun"
PAUSE_S = 1.0
DELL_S = 30.0
"""An idle smtpd from before a reload may answer one more client by the old table."""


EXAMPLE = "--address info"


def option(made: argparse.ArgumentParser) -> None:
    """``--address``, of both scripts."""
    made.add_argument("--address", metavar="NAME", required=True, help="its local part, such as info")


def asked_for(job: Job) -> str:
    """The local part of ``--address``. Raises ``SettingsError``, and ``Refused`` for a domain that is not switched."""
    given = str(job.options.address)
    local, _, domain = given.partition("@")
    if domain and domain.lower() != job.domain:
        raise SettingsError(f"--address {given}: expected an address of {job.domain}, which --domain names")
    try:
        local = LOCAL.validate_python(local)
    except ValidationError as error:
        says = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise SettingsError(f"--address {given}: {says}") from None
    progress = Progress.read(job.migration.store, job.migration.settings)
    if not progress.switched(job.domain):
        raise Refused(
            f"{job.domain} is not switched: EC2 receives its mail. Until then the phases care for its addresses: "
            f"it stands before the gate {progress.next_gate(job.domain)}. Nothing was changed"
        )
    return local


def known(job: Job, local: str) -> Address | None:
    """The address of that local part in the settings."""
    return next((each for each in job.migration.settings.domain(job.domain).addresses if each.local == local), None)


def state(job: Job, address: str) -> str:
    """``begun``, ``added`` or ``removed``, as these scripts have left it; empty: they have never met it."""
    last = job.migration.store.last(ADDRESS, job.domain, address=address)
    return str(last["state"]) if last else ""


def keep(job: Job, address: str, now: str) -> None:
    """Record the state of ADDRESS; of a run that did nothing, nothing."""
    if state(job, address) != now and (now == BEGUN or state(job, address) == BEGUN):
        job.migration.store.record(ADDRESS, job.domain, address=address, state=now)


def tables(job: Job, address: str) -> Iterator[Write]:
    """For ADDRESS: Dell's tables of mailboxes and aliases as the settings have them, and read by Postfix.

    Dovecot's first: of an alias that it doesn't know its quota-status takes all, and LMTP bounces it later (X18).
    """
    settings, store = job.migration.settings, job.migration.store
    shell = dell(settings)
    yield from dovecot.service(shell, settings)
    if settings.dell.template:
        with_ec2 = store.last("done", script="retire_ec2_access") is None
        yield from templates.plan(job, settings.dell.template, with_ec2=with_ec2)
        return
    effect.require_readable(shell)
    wanted, at = dellplan.tables(settings, with_ec2=False), dellplan.places(settings)
    files = [write for path in (at.mailboxes, at.aliases) for write in _table(shell, path, wanted[path])]
    host_files.require_lasting(shell, [each.subject for each in files])
    yield from files
    if files or state(job, address) == BEGUN:
        yield from effect.effect(shell, settings, planned=bool(files))


def _table(shell: Shell, path: str, wanted: str) -> Iterator[Write]:
    """At most one write, of which the plan shows the lines that change."""
    present = host_files.contents(shell, path) or ""
    same = set(present.splitlines()) & set(wanted.splitlines())

    def shown(text: str) -> str:
        return "\n".join([*(line for line in text.splitlines() if line not in same), host_files.fingerprint(text)])

    yield from host_files.replacement(shell, path, present, wanted, shown=shown)


def accepted(job: Job, address: Address) -> Iterator[Write]:
    """The proof that ADDRESS works: 250 at each of Cloudflare's MX hosts and at Dell, and one marked message."""
    window_s = job.migration.settings.bounds.window_s
    subject, wanted = f"RCPT of {address.address}", "250"
    yield _asked("Cloudflare's MX hosts", subject, wanted, window_s, lambda: _not_accepted(job, address))
    dells = partial(_at_dell, job, address, takes=True)
    yield _asked("Dell's port 25", f"RCPT of {address.destination}", wanted, DELL_S, dells)
    sent = f"a marked message to {address.address}"
    yield _asked("mail", sent, f"in {address.mailbox}, by Cloudflare", 0, lambda: _not_arrived(job, address))


def refused(job: Job, address: Address) -> Iterator[Write]:
    """The proof that ADDRESS is gone: refused by Cloudflare's MX hosts, unless the catch-all takes it, and by Dell.

    Behind a Worker it is Dell's refusal that the sender hears.
    """
    window_s, wanted = job.migration.settings.bounds.window_s, "refused"
    if not job.migration.settings.by_worker and job.migration.settings.domain(job.domain).catch_all == "off":
        subject = f"RCPT of {address.address}"
        yield _asked("Cloudflare's MX hosts", subject, wanted, window_s, lambda: _not_refused(job, address))
    dells = partial(_at_dell, job, address, takes=False)
    yield _asked("Dell's port 25", f"RCPT of {address.destination}", wanted, DELL_S, dells)


def _asked(group: str, subject: str, wanted: str, limit_s: float, wrong: Callable[[], str]) -> Write:
    """WRONG is asked until it says nothing, LIMIT_S at most. ``Refused`` with what it still says then."""
    done: list[bool] = []

    def do() -> None:
        until = time.monotonic() + limit_s
        while said := wrong():
            if time.monotonic() > until:
                raise Refused(f"{subject}: expected {wanted}; found {said}. Run this again when that is mended")
            time.sleep(PAUSE_S)
        done.append(True)

    return Write(group, subject, "not asked yet", wanted, do, lambda: wanted if done else "not asked yet")


def _not_accepted(job: Job, address: Address) -> str:
    """What Cloudflare's hosts say instead of 250. Hosts that can't be asked count where none was heard."""
    findings = list(mx_hosts.judge(mx_hosts.ask(job.migration, (address,)), accept=True))
    bad = [each for each in findings if not each.verdict.opens]
    heard = [each for each in bad if each.verdict == "fail"]
    return "; ".join(f"{each.member}: {each.found}" for each in heard or (bad if bad == findings else []))


def _not_refused(job: Job, address: Address) -> str:
    heard = [each for each in mx_hosts.ask(job.migration, (address,)) if each.heard]
    bad = [each for each in heard if not each.talk.outcome.rejected]
    return "no answer" if not heard else "; ".join(f"{each.host} ({each.at}): {each.talk.outcome}" for each in bad)


def _at_dell(job: Job, address: Address, *, takes: bool) -> str:
    """What Dell says to Email Routing's addresses, where that is not what it should."""
    talks = clients.offer(job.migration, clients.forwarders(job.migration), (address.destination,))
    bad = [
        f"{client}: {talk.outcome}"
        for client, talk in talks
        if not (talk.outcome.accepted if takes else talk.outcome.rejected)
    ]
    return "; ".join(bad) if talks else "nobody who could ask"


def _not_arrived(job: Job, address: Address) -> str:
    (found,) = delivery.arrivals(job.migration, delivery.from_outside(job.migration, (address,)))
    if not found.sent.taken:
        return f"{found.sent.sender} could not send it: {found.sent.answer}"
    if not found.copies:
        last = found.trace.says if found.trace else ""
        return f"not there after {found.search.waited_s:.0f} s. Last seen: {last or 'in no log that can be read'}"
    return "" if found.path == "cloudflare" else f"it came by {found.path}"


def require_settled(job: Job) -> None:
    """What both scripts ask before their first write, and the record that they have begun."""
    if wrong := tuple(upkeep.faults(job.migration, (job.domain,))):
        raise Refused("; ".join((*wrong, "Nothing was changed")))
    keep(job, f"{asked_for(job)}@{job.domain}", BEGUN)


def mistaken(job: Job, why: str, key: str) -> SettingsError:
    """The settings say otherwise: WHY, and what to write as KEY."""
    return SettingsError(f"{job.migration.settings.file}: {why} of {job.domain}. {key}, then run this again")
