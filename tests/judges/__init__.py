"""The judges, each by tables: what is right, wrong, could not be looked at, is n/a; and the boundary between them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fixtures.evidence import Evidence, Finding, Verdict
from fixtures.ledger.accounting import Balance, Entry
from fixtures.probes.dns.queries import Answer, Server
from fixtures.probes.smtp.clients import Client
from fixtures.probes.smtp.knock import Conversation, Knock, RcptResult
from fixtures.settings.schema import Address

LOOK = Evidence("what was asked", "what came", "", "", 0.0, 0.0)
DOMAIN = "a.example"
ALICE = Address(DOMAIN, "dell.a.example", "alice", "alice")
FAIL, UNKNOWN, PASS, ABSENT = Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.ABSENT
NS, CACHE = Server("ns1", "192.0.2.53", zone="a.example"), Server("quad9", "9.9.9.9")
SILENT = "no answer"

Says = tuple[Verdict, str]


def says(found: Finding, domain: str | None = DOMAIN, looks: int = 1) -> Says:
    """Verdict and sentence; and it carries its evidence, and speaks of DOMAIN (None: of whichever)."""
    assert found.evidence == (LOOK,) * looks, found
    assert domain is None or found.domain == domain
    return found.verdict, found.sentence()


def all_say(found: Iterable[Finding], domain: str | None = DOMAIN, looks: int = 1) -> list[Says]:
    return [says(each, domain, looks) for each in found]


CLIENT = Client("a stranger", "192.0.2.1", None)


def talk(
    connection: Any = "open",
    code: int = 0,
    text: str = "",
    at: Any = "rcpt",
    rcpt: str = "b@x",
    *,
    banner: str = "",
    extensions: tuple[str, ...] = (),
    tls: str = "",
    queued: str = "",
) -> Conversation:
    """A dialogue that ended with CODE at AT; 0: nobody said anything."""
    said = (RcptResult(rcpt, code, text, at),) if code else ()
    stage: Any = "" if code else "connect"
    return Conversation(Knock("192.0.2.9"), connection, stage, code, text, banner, extensions, tls, said, queued, LOOK)


SERVED, SHUT = talk(code=250, text="ok", at=""), talk(code=554, text="no")


def entry(number: int = 1, **changes: Any) -> Entry:
    """A message that arrived through Cloudflare two seconds after it was sent."""
    at = 1000.0 + number
    made = Entry(
        number, f"<{number}@x>", sender="four", family="ipv4", address=f"alice@{DOMAIN}", domain=DOMAIN,
        injected_at=at, injected=at, acknowledged=at + 1, acknowledged_by="route1.mx.cloudflare.net[1.2.3.4]:25",
        arrived=at + 2, copies=1, path="cloudflare", deferrals=0, bounced="",
    )  # fmt: skip
    return replace(made, **changes)


def answer(*rrset: str, server: Server = NS, error: str = "", **more: Any) -> Answer:
    """What SERVER says of DOMAIN: a TXT record that may be kept for five minutes, as far as nobody says otherwise."""
    fields: dict[str, Any] = {"name": DOMAIN, "type": "TXT", "ttl": 300, "rcode": "NOERROR", "aliases": ()} | more
    return Answer(server=server, rrset=rrset, error=error, evidence=LOOK, **fields)


def balanced(*entries: Entry, **changes: Any) -> Balance:
    """What they add up to, as far as a judge looks."""
    nothing = "overdue lost closed refused delayed explained_copies unexplained_copies unexpected".split()
    fields: dict[str, Any] = dict.fromkeys(nothing, ()) | {"senders": {}, "families": {}, "paths": {}}
    fields |= dict.fromkeys(("acknowledged", "arrived", "in_flight"), 0)
    fields |= {"injected": len(entries), "latency_p50_s": None, "latency_p99_s": None, "series": entries}
    return Balance(**(fields | changes))
