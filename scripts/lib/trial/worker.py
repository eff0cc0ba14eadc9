"""The trial's part about Email Workers: what a sender hears of one that throws, refuses, or takes too long.

The Worker is the trial's own, of another name than the one that is to carry mail, and only the trial's own addresses
lead to it.
"""

import json
import re
import threading
from pathlib import Path

from fixtures.plan.worker import DATE
from fixtures.probes.smtp.session import Conversation
from scripts.lib.trial.course import Course, shown
from scripts.lib.trial.wire import Form

FILE = Path(__file__).with_name("trial_worker.js")
TAKEN_S = 300.0
THROWS_MAX = 4
"""So often a message is offered to the Worker that throws: it may be refused for good only in the end."""
_THROWN = re.compile(r"thrown (\d+) times")


def throws(course: Course) -> None:
    """Upload the Worker, lead three addresses to it, and write to each."""
    answer = course.wire.ask("PUT", course.place.script, form=_form())
    if not answer.ok:
        course.note("worker_throws", None, f"the Worker {course.place.worker} could not be uploaded: {answer}")
        return
    name = course.place.name
    for each in ("throws", "rejects", "late"):
        course.rule(f"{each}@{name}", {"type": "worker", "value": [course.place.worker]})
    for each in ("throws", "rejects", "late"):
        taken, said = course.takes(f"{each}@{name}", TAKEN_S)
        if not taken:
            course.note("worker_throws", None, f"{each}@{name} is not taken: {shown(said)}", otherwise=True)
            return
    late: list[Conversation] = []
    # It lasts as long as Cloudflare's patience: the others are tried meanwhile.
    waiting = threading.Thread(target=lambda: late.append(_sent(course, "late")), daemon=True)
    waiting.start()
    _throws(course)
    waiting.join()
    (talk,) = late
    value = "taken" if talk.queued else "rejected" if talk.code >= 500 else "deferred"
    course.note("worker_late", value, f"{talk.queued or f'{talk.code} {talk.text}'}, after {_seconds(talk):.0f} s")


def _throws(course: Course) -> None:
    """What the sender hears of a throw, at first and when it tries again; and how often the Worker was called."""
    heard = list[Conversation]()
    while len(heard) < THROWS_MAX and not any(each.queued or each.code >= 500 for each in heard):
        heard.append(_sent(course, "throws"))
    last = heard[-1]
    value = "taken" if last.queued else "rejected" if last.code >= 500 else "deferred"
    text = "; ".join(each.queued or f"{each.code} {each.text}" for each in heard)
    course.note("worker_throws", value, text)
    refused = _sent(course, "rejects")
    said, counted = f"{refused.code} {refused.text}", _THROWN.search(refused.text)
    course.note("worker_rejects", "in session" if counted and refused.code == 550 else said[:3], said)
    calls = f"{counted[1]} calls" if counted else "nobody knows how many calls"
    course.note("worker_calls", calls, f"{calls} of {len(heard)} messages, as that process of the Worker's counts")


def _sent(course: Course, what: str) -> Conversation:
    name = course.place.name
    (talk,) = course.send(course.letter(f"probe@pass.{name}", f"{what}@{name}", f"to a Worker that {what}"))
    return talk


def _seconds(talk: Conversation) -> float:
    return talk.evidence.took_ms / 1000


def _form() -> Form:
    """As the API's pages have it ("Multipart upload metadata")."""
    metadata = {"main_module": FILE.name, "compatibility_date": DATE, "bindings": []}
    return Form({"metadata": json.dumps(metadata)}, FILE.name, FILE.read_bytes(), "application/javascript+module")
