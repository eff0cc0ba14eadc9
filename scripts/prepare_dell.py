"""Prepare Dell's Postfix to receive from Cloudflare, while EC2 goes on delivering.

The operator's plan, corrected (``fixtures/plan/postfix.py``): backups, Dovecot's quota-status, lookup tables,
master.cf, main.cf, then a check and one reload or restart. If Postfix then does not serve, both files go back to
what they were. With [route] bucket: last, what fetches the mail that waits there.

    python -m scripts.prepare_dell [--apply DIGEST]
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from fixtures.access.changing import Shell, dell
from fixtures.evidence.exiting import leave
from fixtures.migration.progress import given_up
from fixtures.plan import postfix as dellplan
from fixtures.plan.postfix import Places
from fixtures.probes.cloudflare import email_worker
from fixtures.settings import Settings
from scripts.lib.aws.power import half_retired
from scripts.lib.change import Job, Refused, Script, Write, left_unfinished
from scripts.lib.cloudflare import buckets
from scripts.lib.dell import (
    dovecot as dovecotfiles,
    effect,
    fetcher,
    host_files,
    kept,
    postfix_text,
    relaying,
    templates,
)
from scripts.lib.paper import renewed


def plan(job: Job) -> Iterator[Write]:
    """What is not as planned yet, in the order in which a run may be killed at any point."""
    settings = job.migration.settings
    if settings.by_worker:
        buckets.require_fetched(job.migration)
    shell = dell(settings)
    # Once EC2's access was withdrawn, preparing again must not give it back.
    with_ec2 = job.migration.store.last("done", script="retire_ec2_access") is None
    begun = left_unfinished(job, SCRIPT.name)
    effect.require_readable(shell)
    at = dellplan.places(settings)
    stands = postfix_text.parameters(_read(shell, at.main))
    dovecot = list(dovecotfiles.service(shell, settings, begun))
    if settings.dell.template:
        today = kept.require(shell, settings, stands)
        yield from dovecot
        for number, write in enumerate(templates.plan(job, settings.dell.template, with_ec2=with_ec2)):
            yield write if number else replace(write, danger=today.ending())
        return
    lost = given_up(job.migration.store)
    tables = list(host_files.tables(shell, settings, with_ec2=with_ec2, given_up=lost))
    wanted = _wanted(shell, settings)
    files = list(_configuration(shell, settings, wanted))
    host_files.require_lasting(shell, [write.subject for write in (*tables, *files)])
    relaying.require_login(shell, settings, stands)
    today = kept.require(shell, settings, stands)
    ends = today.ending() if files else ""
    for write in files:
        yield from host_files.backup(shell, write.subject)
    yield from dovecot
    yield from tables
    yield from (replace(write, danger=ends) if write.subject == at.main else write for write in files)
    # What this run writes, or an interrupted one did. Of what another hand wrote the newest copy is an old one.
    undo = tuple(path for path in wanted if path in begun or any(path == write.subject for write in files))
    yield from effect.effect(shell, settings, planned=bool(tables or files), undo=undo, wanted=wanted)
    yield from _fetching(shell, job)


def _fetching(shell: Shell, job: Job) -> Iterator[Write]:
    """What fetches mail; without a bucket nothing, once the Worker has none either."""
    settings = job.migration.settings
    if settings.by_worker and not settings.route.bucket:
        if (its := email_worker.ask(job.migration)) and its.buckets:
            kept = ", ".join(its.buckets.values())
            job.say(f"the Worker still keeps mail in {kept}: what fetches it stays. After deploy_worker run this again")
        else:
            yield from fetcher.removed(shell)
    yield from fetcher.installed(shell, job.migration)


def _read(shell: Shell, path: str) -> str:
    text = host_files.contents(shell, path)
    if text is None:
        raise Refused(
            f"Dell: expected {path}; is Postfix installed there? Where its files lie elsewhere, dell.config_directory "
            "names the folder"
        )
    return text


def _wanted(shell: Shell, settings: Settings) -> dict[str, str]:
    """main.cf and master.cf as they are to be, by path."""
    at = dellplan.places(settings)
    main, master = _read(shell, at.main), _read(shell, at.master)
    before = postfix_text.parameters(main)
    effect.require_certificate(shell, settings, before)
    effect.require_logins(settings, before)
    planned = relaying.parameters(shell, settings, before)
    with_ours = postfix_text.with_services(master, dellplan.services(settings), before, planned)
    effect.require_free(shell, settings, master, with_ours)
    # master.cf first: it is read only at a reload, but main.cf by every process that starts, and without master.cf's
    # part port 25 would admit everybody.
    return {at.master: with_ours, at.main: postfix_text.with_parameters(main, planned)}


def _configuration(shell: Shell, settings: Settings, wanted: Mapping[str, str]) -> Iterator[Write]:
    at = dellplan.places(settings)
    before, after = postfix_text.parameters(_read(shell, at.main)), postfix_text.parameters(wanted[at.main])
    changed = [
        name for name, value in after.items() if dellplan.normal(before.get(name, "?")) != dellplan.normal(value)
    ]
    yield from host_files.replacement(
        shell,
        at.master,
        _read(shell, at.master),
        wanted[at.master],
        shown=partial(_shown_services, at),
        command=_postconf_services(at, wanted[at.master]),
    )
    command = shlex.join(["postconf", "-e", *(f"{name} = {after[name]}" for name in changed)])

    def shown(text: str) -> str:
        stands = postfix_text.parameters(text)
        return "\n".join(
            [*(f"{name} = {stands[name]}".rstrip() for name in changed if name in stands), host_files.fingerprint(text)]
        )

    yield from host_files.replacement(
        shell, at.main, _read(shell, at.main), wanted[at.main], shown=shown, command=command
    )


def _shown_services(at: Places, text: str) -> str:
    ours = (dellplan.SMTP, at.xclient, f"{at.listen}/inet")
    found = [entry.text for name in ours for entry in postfix_text.services(text, name)]
    return "\n".join([*found, host_files.fingerprint(text)])


def _postconf_services(at: Places, text: str) -> str:
    made = [["postconf", "-P", f"{dellplan.SMTP}/smtpd_client_restrictions={at.admission}"]]
    for name in (at.xclient, f"{at.listen}/inet"):
        made += [["postconf", "-M", f"{name}={entry.text}"] for entry in postfix_text.services(text, name)]
    return "\n".join(map(shlex.join, made))


# Where nothing is to be admitted again, that has to be on record too: the way back asks for it.
SCRIPT = Script("prepare_dell", __doc__, plan, still_counts=lambda job: bool(half_retired(job)), leaves=renewed)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
