"""The trial's part about Email Workers: what a sender hears of one that throws, refuses, takes too long, or takes more
CPU time than the account's plan has; and whether one can read a large message within that.

The Worker is the trial's own, of another name than the one that is to carry mail, and only the trial's own addresses
lead to it.
"""

import json
import re
import threading
from dataclasses import replace
from pathlib import Path

from fixtures.plan.worker import DATE
from fixtures.probes.smtp.knock import Conversation
from scripts.lib.trial.course import Course, shown
from scripts.lib.trial.wire import Form

FILE = Path(__file__).with_name("trial_worker.js")
TAKEN_S = 300.0
OFFERED_MAX = 4
"""So often a message is offered to a Worker that fails: it may be refused for good only in the end."""
LARGE = 20 * 2**20
_DEEDS = ("throws", "rejects", "late", "reads", "burns")
_THROWN, _READ = re.compile(r"thrown (\d+) times"), re.compile(r"read (\d+) octets")


def does(course: Course) -> None:
    """Upload the Worker, lead an address to each of its deeds, and write to each."""
    answer = course.wire.ask("PUT", course.place.script, form=_form())
    if not answer.ok:
        course.note("worker_throws", None, f"the Worker {course.place.worker} could not be uploaded: {answer}")
        return
    name = course.place.name
    for each in _DEEDS:
        if refused := course.rule(f"{each}@{name}", {"type": "worker", "value": [course.place.worker]}):
            course.note("worker_throws", None, f"no rule may lead to the Worker: {refused}", otherwise=True)
            return
    for each in _DEEDS:
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
    course.note("worker_late", _became(talk), f"{_heard(talk)}, after {_seconds(talk):.0f} s")
    _reads(course)
    heard = _offered(course, "burns")
    course.note("worker_exceeds", _became(heard[-1]), "; ".join(map(_heard, heard)))


def _throws(course: Course) -> None:
    """What the sender hears of a throw, at first and when it tries again; and how often the Worker was called."""
    heard = _offered(course, "throws")
    course.note("worker_throws", _became(heard[-1]), "; ".join(map(_heard, heard)))
    refused = _sent(course, "rejects")
    said, counted = f"{refused.code} {refused.text}", _THROWN.search(refused.text)
    course.note("worker_rejects", "in session" if counted and refused.code == 550 else said[:3], said)
    calls = f"{counted[1]} calls" if counted else "nobody knows how many calls"
    course.note("worker_calls", calls, f"{calls} of {len(heard)} messages, as that process of the Worker's counts")


def _reads(course: Course) -> None:
    """Whether the Worker comes to the end of a large message: it says how much it has read."""
    line = b"x" * 70 + b"\r\n"
    talk = _sent(course, "reads", line * (LARGE // len(line)))
    counted, became = _READ.search(talk.text), _became(talk)
    whole = counted is not None and int(counted[1]) >= LARGE // len(line) * len(line)
    value = "to its end" if whole else "ended" if became in {"deferred", "rejected"} else became
    course.note("worker_reads", value, f"{_heard(talk)}, after {_seconds(talk):.0f} s")


def _offered(course: Course, what: str) -> list[Conversation]:
    """What the sender hears, until the message is taken, or refused for good, or was offered often enough."""
    heard = list[Conversation]()
    while len(heard) < OFFERED_MAX and not any(each.queued or each.code >= 500 for each in heard):
        heard.append(_sent(course, what))
    return heard


def _became(talk: Conversation) -> str | None:
    """None: nobody answered."""
    return "taken" if talk.queued else "rejected" if talk.code >= 500 else "deferred" if talk.code >= 400 else None


def _heard(talk: Conversation) -> str:
    return talk.queued or f"{talk.code} {talk.text}"


def _sent(course: Course, what: str, more: bytes = b"") -> Conversation:
    name = course.place.name
    letter = course.letter(f"probe@pass.{name}", f"{what}@{name}", f"to a Worker that {what}")
    (talk,) = course.send(replace(letter, content=letter.content + more))
    return talk


def _seconds(talk: Conversation) -> float:
    return talk.evidence.took_ms / 1000


def _form() -> Form:
    """As the API's pages have it ("Multipart upload metadata")."""
    metadata = {"main_module": FILE.name, "compatibility_date": DATE, "bindings": []}
    return Form({"metadata": json.dumps(metadata)}, FILE.name, FILE.read_bytes(), "application/javascript+module")
