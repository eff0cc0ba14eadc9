"""One trial as it goes on: where it takes place, what was observed, and what it sends and asks.

Everything is kept in the store as soon as it is known, so that a trial that was killed goes on where it ended.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import dkim

from fixtures.access.loop import gather, run
from fixtures.access.transport import vantage
from fixtures.evidence import redact
from fixtures.migration import Migration
from fixtures.migration.trials import OBSERVED, TRIAL, Seen, begun, observed, zone_of
from fixtures.plan.dkim import new_key
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.mailbox.message import Letter, Marked
from fixtures.probes.smtp import vantages
from fixtures.probes.smtp.knock import Conversation, Knock
from fixtures.probes.smtp.mx_hosts import is_heard
from fixtures.probes.smtp.smtp_client import aprobe, probe_all
from fixtures.settings import Vantage
from scripts.lib.cloudflare.rules import DUPLICATE, KNOWN_PAUSE_S, KNOWN_S, UNKNOWN_WORKER
from scripts.lib.trial.facts import BY_NAME, OTHERWISE
from scripts.lib.trial.receiver import Receiver
from scripts.lib.trial.standing import APEX_RULE, Place, Standing, read, take_away
from scripts.lib.trial.wire import Answer, Wire

PART, ASKED = "trial part", "trial asked"
"""Kinds of records of one trial's own: a part gone through; Email Routing asked for."""
AT_ONCE = 30
REPLY_S = 90.0
"""The forwarder may wait for a destination before it answers us."""
Said = list[tuple[str, str, Conversation]]
"""Of each MX host and address: what it said."""


@dataclass(slots=True)
class Course:
    """The trial NUMBER of MIGRATION."""

    migration: Migration
    place: Place
    number: str
    before: Standing
    say: Callable[[str], object]
    wire: Wire
    via: Vantage | None = None
    own: tuple[str, ...] = ()
    """The addresses of its own mail server; empty: mail is not tried."""
    stop: str = ""
    """Why no more can be observed; empty: it can."""
    mx: tuple[str, ...] = ()
    receiver: Receiver | None = None
    _places: list[tuple[str, str]] = field(default_factory=list)
    _key: tuple[str, bytes] = "", b""

    # What was observed

    def note(self, fact: str, value: Any, shown: str, *, otherwise: bool = False) -> None:
        """Keep a fact. A VALUE that nobody knew is said aloud, and is no value of a knob."""
        known = BY_NAME[fact]
        otherwise |= bool(known.known) and value is not None and value not in known.known
        body: dict[str, Any] = {"trial": self.number, "fact": fact, "what": known.what, "expected": known.expected}
        body |= {"value": value, "shown": redact(shown), "otherwise": otherwise}
        self.migration.store.record(OBSERVED, self.place.zone, **body)
        if otherwise:
            self.say(f"{OTHERWISE}: {known.what}: expected {known.expected}, found {body['shown']}")

    def seen(self) -> dict[str, Seen]:
        """The facts of this trial, the newest of each."""
        return observed(self.migration.store, self.place.zone, self.number)

    # The API

    def enable(self, *, apex: bool = False) -> Answer:
        """Ask for Email Routing at the trial's name, or at the zone's own."""
        self.asks(on=True)
        return self.zone("POST", "email/routing/dns", None if apex else {"name": self.place.name})

    def asks(self, *, on: bool) -> None:
        """Keep whether Email Routing was asked for last, or switched off."""
        self.migration.store.record(ASKED, self.place.zone, trial=self.number, on=on)

    def take_away(self) -> list[str]:
        """All that was made; how what it may have touched still differs. What others have changed is said."""
        last = self.migration.store.last(ASKED, self.place.zone, trial=self.number)
        mine, others = take_away(self.wire, self.place, self.before, asked=bool(last and last["on"]))
        self.asks(on=False)
        if others:
            head = f"{self.place.zone}: changed meanwhile, not by this trial, and left as it is:"
            self.say("\n    ".join((head, *others)))
        return mine

    def zone(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """A request below the zone's own path."""
        return self.wire.ask(method, f"/zones/{self.place.zone_id}/{path}", body)

    def rule(self, address: str, action: dict[str, Any]) -> str:
        """A rule for ADDRESS; one that is there already stays. Returns how it was refused; empty: it stands."""
        matchers = [{"type": "literal", "field": "to", "value": address}]
        body = {"matchers": matchers, "actions": [action], "enabled": True, "name": f"mxgate trial {address}"}
        made: list[Answer] = []

        def known() -> bool:
            made.append(self.zone("POST", "email/routing/rules", body))
            return UNKNOWN_WORKER not in made[-1].codes

        self.until(known, KNOWN_S, KNOWN_PAUSE_S)
        return "" if made[-1].ok or DUPLICATE in made[-1].codes else str(made[-1])

    def assigned(self) -> tuple[str, ...]:
        """The MX hosts by which the trial's name is reached, as Cloudflare names them. Raises ``CouldNotAsk``."""
        answer = self.zone("GET", f"email/routing/dns?subdomain={self.place.name}")
        found = answer.result.get("record") if isinstance(answer.result, dict) else answer.result
        records = [cloudflare.record(each) for each in found or [] if isinstance(each, dict)]
        return tuple(each.rstrip(".") for each in cloudflare.exchangers(records))

    # Mail

    def hosts(self) -> list[tuple[str, str]]:
        """Each MX host with its first address of each family that can be reached from here."""
        if not self._places:
            self.mx = self.mx or self.assigned()
            for host in self.mx:
                found = vantages.places(host)
                there = found.ipv6[:1] + found.ipv4[:1]
                self._places += [(host, each) for each in there if run(vantages.has_way(each, self.via))]
        return self._places

    def knock(self, place: str, *recipients: str, source: str = "") -> Knock:
        """At one of the MX hosts' addresses, in the name of the trial's own sender."""
        if not source and self.via and self.via.sources == "any":
            source = next((each for each in self.own if (":" in each) == (":" in place)), "")
        helo = f"mx.{self.place.inner}" if self.own else ""
        how: dict[str, Any] = {"via": self.via, "source": source, "helo": helo, "starttls": True, "reply_s": REPLY_S}
        return Knock(place, mail_from=f"probe@pass.{self.place.name}", rcpt=recipients, **how)

    def ask(self, recipient: str) -> Said:
        """What each MX host, by each family, says of RECIPIENT."""
        places = self.hosts()
        said = probe_all((self.knock(place, recipient) for _, place in places), AT_ONCE)
        return [(host, place, talk) for (host, place), talk in zip(places, said, strict=True)]

    def heard(self, recipient: str) -> Said:
        """The same, of those hosts that spoke of the recipient, and not of who asks."""
        return [each for each in self.ask(recipient) if is_heard(each[2])]

    def takes(self, recipient: str, limit_s: float, pause_s: float = 1.0, *, wanted: bool = True) -> tuple[bool, Said]:
        """Whether every host that is heard takes RECIPIENT (WANTED False: refuses) in time; and what was said last."""
        said: Said = []

        def all_take() -> bool:
            said[:] = self.heard(recipient)
            return bool(said) and all(talk.outcome.accepted == wanted for _, _, talk in said)

        return self.until(all_take, limit_s, pause_s) is not None, said

    def letter(self, sender: str, recipient: str, what: str, *, signed: bool = False) -> Marked:
        """A message; its Message-ID finds it again."""
        made = Letter(sender, (recipient,), self.number, subject=f"[mxgate trial] {what}").write()
        if not signed:
            return made
        selector, pem = self._key
        domain = sender.rpartition("@")[2].encode()
        head = dkim.sign(made.content, selector.encode(), domain, pem, canonicalize=(b"relaxed", b"relaxed"))
        return replace(made, content=bytes(head) + made.content)

    def send(self, *letters: Marked) -> list[Conversation]:
        """Hand letters over to the MX hosts in turn, side by side."""
        places = self.hosts()
        knocks = [self.knock(places[number % len(places)][1]) for number in range(len(letters))]
        return run(gather((aprobe(*each) for each in zip(knocks, letters, strict=True)), AT_ONCE), 600)

    def key(self) -> tuple[str, str]:
        """The selector of the trial's own DKIM key, and its record."""
        (pem, text), selector = new_key(), f"t{secrets.token_hex(4)}"
        self._key = selector, pem
        return selector, text

    def until(self, holds: Callable[[], bool], limit_s: float, pause_s: float = 1.0) -> float | None:
        """Seconds on the migration's clock until HOLDS; None: not within LIMIT_S."""
        clock = self.migration.clock
        began = clock.now()
        while not holds():
            if clock.now() - began > limit_s:
                return None
            clock.sleep(pause_s)
        return clock.now() - began


def shown(said: Said) -> str:
    """In words."""
    return "; ".join(f"{host} ({where}): {talk.outcome}" for host, where, talk in said)


def addresses(migration: Migration) -> tuple[str, ...]:
    """Of the trial's own mail server, as the world has them; empty: none is named."""
    trial = migration.settings.trial
    if not trial.vantage:
        return ()
    via = vantage(migration.settings, trial.vantage)
    given = (trial.ipv6 or (via.ipv6 if via else None), trial.ipv4 or (via.ipv4 if via else None))
    return tuple(str(each) for each in given if each)


def place_of(migration: Migration) -> Place:
    """Where the trial takes place: the spare zone, or the pilot's. Raises ``CouldNotAsk``."""
    settings = migration.settings
    name = zone_of(settings)
    zone = cloudflare.zone(migration, name)
    worker = APEX_RULE if settings.by_worker else ""
    return Place(name, zone.id, settings.cloudflare.account_id, f"{settings.trial.label}.{name}", worker)


def begin(migration: Migration, place: Place, say: Callable[[str], object]) -> Course:
    """A new trial, with what stands kept; or the one that was interrupted."""
    store, settings = migration.store, migration.settings
    known = begun(store, place.zone)
    if known is None:
        known = {"number": secrets.token_hex(6), "before": read(Wire(migration), place).as_body()}
        store.record(TRIAL, place.zone, phase="begun", name=place.name, **known)
    number = known["number"]
    wire = Wire(migration, lambda request, phase: store.log("trial", place.zone, number, request, phase))
    sender = settings.senders[0].vantage if settings.senders else "here"
    via = vantage(settings, settings.trial.vantage or sender)
    last = store.last(PART, place.zone, trial=number)
    before = Standing(**known["before"])
    return Course(migration, place, number, before, say, wire, via, addresses(migration), last["stop"] if last else "")
