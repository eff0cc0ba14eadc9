"""One message from Dell to the world, by its own relay host, followed in Postfix's log."""

import secrets
import time

from fixtures.access.changing import Shell
from fixtures.probes.logs import postfix_log as maillog
from fixtures.settings import Settings
from scripts.lib.change import Refused

SENT_S_MAX = 45.0
_SEND = 'exec "$(postconf -hx sendmail_path)" -i -f "$1" -- "$2"'
_TEXT = """\
From: <{sender}>
To: <{to}>
Subject: [mxgate] Dell's Postfix sends
Message-ID: {message_id}
X-Mxgate-Run: prepare_dell

Dell's Postfix has a new configuration, and this message is the proof that it still sends. Nothing is to be done.
"""


def require(shell: Shell, settings: Settings) -> None:
    """Send one to the operator elsewhere, and wait until the next host has taken it. Raises ``Refused``.

    What could not leave is taken out of the queue again.
    """
    outside = settings.outside_mailbox
    to = outside.address if outside else next(iter(settings.contacts.cloudflare), "")
    if not to:
        return
    sender = next(settings.addresses()).mailbox
    message_id = f"<mxgate.{secrets.token_hex(8)}@{sender.rpartition('@')[2]}>"
    begun = maillog.read(shell, settings.dell.log, bytes_max=0).position
    text = _TEXT.format(sender=sender, to=to, message_id=message_id)
    shell.run("sh", "-c", _SEND, "sh", sender, to, stdin=text)
    deadline = time.monotonic() + SENT_S_MAX
    said, queue_id = "nothing in its log", ""
    while time.monotonic() < deadline:
        trails = maillog.read(shell, settings.dell.log, begun).of([message_id]).get(message_id, ())
        queue_id = trails[-1].queue_id if trails else ""
        tried = [each for trail in trails for each in (*trail.put_off, *trail.deliveries)]
        if any(each.status == "sent" for each in tried):
            return
        if tried:
            said = f"{tried[-1].status}: {tried[-1].text}"
            break
        time.sleep(0.3)
    if queue_id:
        shell.run("postsuper", "-d", queue_id, check=False)
    raise Refused(f"a message from <{sender}> to <{to}> does not leave Dell: {said}")
