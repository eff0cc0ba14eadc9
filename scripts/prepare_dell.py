"""Prepare Dell's Postfix to receive from Cloudflare, while EC2 goes on delivering.

The operator's plan, corrected (``fixtures/plan/postfix.py``): backups, Dovecot's quota-status, lookup tables,
master.cf, main.cf, then a check and one reload or restart. If Postfix then does not serve, both files go back to
what they were.

    python -m scripts.prepare_dell [--apply DIGEST]
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator

from fixtures.access.changing import Shell, dell
from fixtures.plan import postfix as dellplan
from fixtures.plan.postfix import MAIN, MASTER, XCLIENT
from fixtures.settings import Settings
from scripts.lib.change import Job, Refused, Script, Write
from scripts.lib.dell import dovecot as dovecotfiles
from scripts.lib.dell import effect, host_files, postfix_text, templates


def plan(job: Job) -> Iterator[Write]:
    """What is not as planned yet, in the order in which a run may be killed at any point."""
    settings = job.migration.settings
    shell = dell(settings)
    # Once EC2's access was withdrawn, preparing again must not give it back.
    with_ec2 = job.migration.store.last("done", script="retire_ec2_access") is None
    effect.require_readable(shell)
    dovecot = list(dovecotfiles.service(shell, settings))
    if settings.dell.template:
        yield from dovecot
        yield from templates.plan(job, settings.dell.template, with_ec2=with_ec2)
        return
    tables = list(host_files.tables(shell, settings, with_ec2=with_ec2))
    files = list(_configuration(shell, settings))
    host_files.require_lasting(shell, [write.subject for write in (*tables, *files)])
    for write in files:
        yield from host_files.backup(shell, write.subject)
    yield from dovecot
    yield from tables
    yield from files
    yield from effect.effect(shell, settings, planned=bool(tables or files), undo=(MAIN, MASTER))


def _configuration(shell: Shell, settings: Settings) -> Iterator[Write]:
    main, master = host_files.contents(shell, MAIN), host_files.contents(shell, MASTER)
    if main is None or master is None:
        raise Refused(f"Dell: expected {MAIN} and {MASTER}; is Postfix installed there?")
    parameters, services = dellplan.parameters(settings), dellplan.services(settings)
    before = postfix_text.parameters(main)
    effect.require_certificate(shell, settings, before)
    offers_auth = before.get("smtpd_sasl_auth_enable", "no") == "yes"
    # master.cf first: it is read only at a reload, but main.cf by every process that starts, and without master.cf's
    # part port 25 would admit everybody.
    wanted = postfix_text.with_services(master, services, offers_auth=offers_auth)
    yield from host_files.replacement(
        shell, MASTER, master, wanted, shown=_shown_services, command=_postconf_services(wanted)
    )
    changed = [
        name for name, value in parameters.items() if dellplan.normal(before.get(name, "?")) != dellplan.normal(value)
    ]
    command = shlex.join(["postconf", "-e", *(f"{name} = {parameters[name]}" for name in changed)])

    def shown(text: str) -> str:
        stands = postfix_text.parameters(text)
        return "\n".join(
            [*(f"{name} = {stands[name]}".rstrip() for name in changed if name in stands), host_files.fingerprint(text)]
        )

    wanted = postfix_text.with_parameters(main, parameters)
    yield from host_files.replacement(shell, MAIN, main, wanted, shown=shown, command=command)


def _shown_services(text: str) -> str:
    found = [entry.text for name in (dellplan.SMTP, XCLIENT) for entry in postfix_text.services(text, name)]
    return "\n".join([*found, host_files.fingerprint(text)])


def _postconf_services(text: str) -> str:
    listener = next(entry.text for entry in postfix_text.services(text, XCLIENT))
    admission = dellplan.ADMISSION
    return (
        shlex.join(["postconf", "-P", f"{dellplan.SMTP}/smtpd_client_restrictions={admission}"])
        + "\n"
        + shlex.join(["postconf", "-M", f"{XCLIENT}={listener}"])
    )


SCRIPT = Script("prepare_dell", __doc__, plan)
main = SCRIPT.main

if __name__ == "__main__":
    sys.exit(main())
