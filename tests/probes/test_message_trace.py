"""What became of a message, from the logs of its way: for one recipient and no other."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.migration import Migration
from fixtures.probes.logs.message_trace import traces
from tests.probes import test_history
from tests.probes.test_history import MAIN

ALICE, BOB, SEVERAL = f"alice@{MAIN}", f"bob@{MAIN}", "<several@x.example>"
HEAD = (
    ("smtpd", "DDDDDD1: client=mx.x.example[203.0.113.9]"),
    ("cleanup", f"DDDDDD1: message-id={SEVERAL}"),
    ("qmgr", "DDDDDD1: from=<a@x.example>, size=900, nrcpt=2 (queue active)"),
)


@pytest.fixture
def migration(tmp_path: Path) -> Migration:
    """Dell's log lies in a folder of this machine; nobody's else can be read."""
    made = test_history.migration(tmp_path)
    return replace(made, settings=made.settings.model_copy(update={"senders": (), "other_senders": ()}))


def says(migration: Migration, recipient: str, *lines: tuple[str, str]) -> str:
    """The last station of SEVERAL on its way to RECIPIENT, by Dell's log with these LINES."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    written = "".join(f"{stamp} dell postfix/{daemon}[7]: {rest}\n" for daemon, rest in lines)
    Path(migration.settings.dell.log).write_text(written)
    return traces(migration, [(SEVERAL, recipient)], time.time())[SEVERAL, recipient].says


def delivery(to: str, said: str = "250 Saved", *, original: str = "", daemon: str = "lmtp") -> tuple[str, str]:
    orig = f"orig_to=<{original}>, " if original else ""
    return daemon, f"DDDDDD1: to=<{to}>, {orig}relay=r, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent ({said})"


def test_each_recipient_has_an_outcome_of_its_own(migration: Migration) -> None:
    """Under whatever name: Dell writes mailboxes, and what the world wrote as well."""
    lines = (*HEAD, delivery(ALICE, "250 one", original=f"Alice+shop@dell.{MAIN}"))
    assert says(migration, f"alice+shop@{MAIN}", *lines) == "Dell DDDDDD1 from 203.0.113.9: sent 2.0.0 (250 one)"
    assert says(migration, BOB, *lines) == ""
    refused = f"NOQUEUE: reject: RCPT from x[203.0.113.9]: 452 4.2.2 <{BOB}>: full; from=<a@x.example> to=<{BOB}>"
    said = says(migration, BOB, *lines, ("smtpd", refused))
    assert said == f"Dell refused 203.0.113.9 at RCPT: 452 4.2.2 <{BOB}>: full"


def test_what_is_discarded_is_not_called_sent(migration: Migration) -> None:
    """By a rule on the message, whoever it names; by one that came before any message; by a transport."""
    rule = "DDDDDD1: discard: body buy from x[203.0.113.9]; from=<a@x.example> to=<bob@x> proto=ESMTP helo=<x>: no"
    assert says(migration, ALICE, *HEAD, ("cleanup", rule)) == "Dell discarded it, from 203.0.113.9: body buy: no"
    early = f"NOQUEUE: discard: RCPT from x[203.0.113.9]: <a@x>: Sender address no; from=<a@x> to=<{BOB}> proto=ESMTP"
    discarded = "Dell discarded it, from 203.0.113.9: RCPT: <a@x>: Sender address no"
    assert says(migration, BOB, ("smtpd", early)) == discarded
    assert says(migration, ALICE, ("smtpd", early)) == ""
    assert "discarded (none wanted)" in says(migration, BOB, *HEAD, delivery(BOB, "none wanted", daemon="discard"))
