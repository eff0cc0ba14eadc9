"""Upload the Email Worker that hands mail to Dell, with its variables and the password of its login. No mail moves.

Only with [route] kind = "worker". Dell has to take mail from the login before (asked from here, at the place that the
Worker will go to), and a catch-all leads to the Worker only later (prepare_cloudflare).

    python -m scripts.deploy_worker [--apply DIGEST]
    python -m scripts.deploy_worker --undo            deletes it, once no domain's mail is handed to it
"""

import argparse
from collections.abc import Iterator

from fixtures.evidence.exiting import leave
from scripts.lib.change import Job, Refused, Script, Write
from scripts.lib.cloudflare import worker


def plan(job: Job) -> Iterator[Write]:
    if not job.migration.settings.by_worker:
        job.say("mail goes to Dell's port 25 ([route] kind): there is no Worker to deploy")
    elif job.options.undo:
        if led := worker.led(job.migration):
            raise Refused(
                f"the Worker stays: mail of {', '.join(led)} is handed to it. First python -m scripts.rollback "
                f"--domain {led[0]} --clean-up"
            )
        yield from worker.removed(job)
    else:
        job.say(worker.in_an_outage(job.migration))
        job.say(worker.in_its_limits(job.migration))
        yield from worker.deployed(job)


def _check(job: Job) -> None:
    if not job.options.undo:
        worker.require_listening(job)


def _finish(job: Job) -> None:
    if job.options.undo:
        job.migration.store.record("undone", "", scripts=(SCRIPT.name,))


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--undo", action="store_true", help="delete the Worker, to which no mail may be led any more")


SCRIPT = Script(
    "deploy_worker",
    __doc__,
    plan,
    options=_options,
    check=_check,
    finish=_finish,
    is_way_back=lambda job: bool(job.options.undo),
)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
