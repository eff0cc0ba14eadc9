"""One trial as it goes on: where it takes place, what was observed, and what it sends and asks.

Everything is kept in the store as soon as it is known, so that a trial that was killed goes on where it ended.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fixtures.access.loop import gather, run
from fixtures.access.transport import vantage
from fixtures.evidence import redact
from fixtures.migration import Migration
from fixtures.migration.trials import OBSERVED, TRIAL, Seen, begun, observed, zone_of
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.mailbox.message import Letter, Marked, body_digest
from fixtures.probes.smtp import vantages
from fixtures.probes.smtp.session import Conversation, Knock
from fixtures.probes.smtp.smtp_client import aprobe, probe_all
from fixtures.settings import Vantage
from scripts.lib.trial.facts import BY_NAME, OTHERWISE
from scripts.lib.trial.receiver import Receiver
from scripts.lib.trial.standing import Place, Standing, read, take_away
from scripts.lib.trial.wire import Answer, Wire

PART, ASKED, ENABLED = "trial part", "trial asked", "trial enabled"
"""Kinds of records of one trial's own: a part gone through; Email Routing asked for; when that was answered."""
AT_ONCE = 30
REPLY_S = 90.0
"""The forwarder may wait for a destination before it answers us."""


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
    has_mail: bool = False
    mx: tuple[str, ...] = ()
    enabled_at: float = 0.0
    receiver: Receiver | None = None
    stop: str = ""
    """Why no more can be observed; empty: it can."""
    _places: list[tuple[str, str]] = field(default_factory=list)
    _key: tuple[str, bytes] | None = None

    # What was observed

    def note(self, fact: str, value: Any, shown: str, *, otherwise: bool = False) -> None:
        """Keep a fact. A VALUE that nobody knew is said aloud, and is no value of a knob."""
        known = BY_NAME[fact].known
        if known and value is not None and value not in known:
            otherwise = True
        text = redact(shown)
        body: dict[str, Any] = {
            "trial": self.number,
            "fact": fact,
            "what": BY_NAME[fact].what,
            "expected": expected(fact),
        }
        body |= {"value": value, "shown": text, "otherwise": otherwise}
        self.migration.store.record(OBSERVED, self.place.zone, **body)
        if otherwise:
            self.say(f"{OTHERWISE}: {BY_NAME[fact].what}: expected {expected(fact)}, found {text}")

    def done(self, part: str) -> bool:
        """Whether that part was gone through in this trial."""
        return self.migration.store.last(PART, self.place.zone, trial=self.number, part=part) is not None

    def seen(self) -> dict[str, Seen]:
        """The facts of this trial, the newest of each."""
        return observed(self.migration.store, self.place.zone, self.number)

    # The API

    @property
    def asked(self) -> bool:
        """Whether this trial has asked for Email Routing to be enabled, and has not switched it off since."""
        last = self.migration.store.last(ASKED, self.place.zone, trial=self.number)
        return last is not None and bool(last["on"])

    def enable(self, *, apex: bool = False) -> Answer:
        """Ask for Email Routing at the trial's name, or at the zone's own."""
        self.migration.store.record(ASKED, self.place.zone, trial=self.number, on=True)
        body = None if apex else {"name": self.place.name}
        return self.wire.ask("POST", self.zone_path("email/routing/dns"), body)

    def take_away(self) -> list[str]:
        """All that was made; how what it may have touched still differs. What others have changed is said."""
        mine, others = take_away(self.wire, self.place, self.before, asked=self.asked)
        self.migration.store.record(ASKED, self.place.zone, trial=self.number, on=False)
        if others:
            self.say(
                "\n    ".join((f"{self.place.zone}: changed meanwhile, not by this trial, and left as it is:", *others))
            )
        return mine

    def zone_path(self, rest: str) -> str:
        return f"/zones/{self.place.zone_id}/{rest}"

    def rule(self, address: str, action: dict[str, Any]) -> None:
        """A rule for ADDRESS; one that is there already stays."""
        matchers = [{"type": "literal", "field": "to", "value": address}]
        body = {"matchers": matchers, "actions": [action], "enabled": True, "name": f"mxgate trial {address}"}
        made = self.wire.ask("POST", self.zone_path("email/routing/rules"), body)
        if not made.ok and 2014 not in made.codes:
            self.wire.notes.append(str(made))

    # Mail

    def hosts(self) -> list[tuple[str, str]]:
        """Each MX host with its first address of each family that can be reached from here."""
        if not self._places:
            if not self.mx:
                self.mx = assigned(self.wire, self.place)
            for host in self.mx:
                found = vantages.places(host)
                there = found.ipv6[:1] + found.ipv4[:1]
                self._places += [(host, each) for each in there if run(vantages.has_way(each, self.via))]
        return self._places

    def knock(self, place: str, *recipients: str, source: str = "") -> Knock:
        """At one of the MX hosts' addresses, in the name of the trial's own sender."""
        helo = f"mx.{self.place.inner}" if self.has_mail else ""
        sender, own = f"probe@pass.{self.place.name}", source or self.own(place)
        return Knock(
            place,
            via=self.via,
            source=own,
            mail_from=sender,
            rcpt=recipients,
            helo=helo,
            starttls=True,
            reply_s=REPLY_S,
        )

    def own(self, place: str) -> str:
        """The address of ours from which to ask, where the vantage has several."""
        if not (self.via and self.via.sources == "any"):
            return ""
        return next((each for each in addresses(self.migration) if (":" in each) == (":" in place)), "")

    def ask(self, recipient: str) -> list[tuple[str, str, Conversation]]:
        """What each MX host, by each family, says of RECIPIENT."""
        places = self.hosts()
        said = probe_all((self.knock(place, recipient) for _, place in places), AT_ONCE)
        return [(host, place, talk) for (host, place), talk in zip(places, said, strict=True)]

    def letter(self, sender: str, recipient: str, what: str, *, signed: bool = False) -> Marked:
        """A message; its Message-ID finds it again."""
        made = Letter(sender, (recipient,), self.number, subject=f"[mxgate trial] {what}").write()
        if not signed:
            return made
        assert self._key
        selector, pem = self._key
        domain = sender.rpartition("@")[2]
        head = dkim.sign(made.content, selector.encode(), domain.encode(), pem, canonicalize=(b"relaxed", b"relaxed"))
        content = bytes(head) + made.content
        return Marked(made.message_id, made.sender, made.recipients, content, body_digest(content))

    def send(self, *letters: Marked) -> list[Conversation]:
        """Hand letters over to the MX hosts in turn, side by side."""
        places = self.hosts()

        async def each(number: int, letter: Marked) -> Conversation:
            return await aprobe(self.knock(places[number % len(places)][1]), letter)

        return run(gather((each(*pair) for pair in enumerate(letters)), AT_ONCE), 600)

    def key(self) -> tuple[str, str]:
        """The selector of the trial's own DKIM key, and its record."""
        made = rsa.generate_private_key(65537, 2048)
        selector = f"t{secrets.token_hex(4)}"
        pem = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        self._key = selector, pem
        public = made.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return selector, f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"

    def until(self, holds: Callable[[], bool], limit_s: float, pause_s: float = 1.0, grow: float = 1.0) -> float | None:
        """Seconds on the migration's clock until HOLDS; None: not within LIMIT_S."""
        clock = self.migration.clock
        began = clock.now()
        while not holds():
            if clock.now() - began > limit_s:
                return None
            clock.sleep(pause_s)
            pause_s *= grow
        return clock.now() - began


def assigned(wire: Wire, place: Place) -> tuple[str, ...]:
    """The MX hosts by which the trial's name is reached, as Cloudflare names them. Raises ``CouldNotAsk``."""
    answer = wire.ask("GET", f"/zones/{place.zone_id}/email/routing/dns?subdomain={place.name}")
    found = answer.result.get("record") if isinstance(answer.result, dict) else answer.result
    records = [each for each in found or [] if isinstance(each, dict)]
    return tuple(each.rstrip(".") for each in cloudflare.exchangers(map(cloudflare.record, records)))


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
    return Place(name, zone.id, settings.cloudflare.account_id, f"{settings.trial.label}.{name}")


def begin(migration: Migration, place: Place, say: Callable[[str], object]) -> Course:
    """A new trial, with what stands kept; or the one that was interrupted."""
    wire = Wire(migration)
    known = begun(migration.store, place.zone)
    if known is None:
        before = read(wire, place)
        number = secrets.token_hex(6)
        body = {"number": number, "phase": "begun", "name": place.name, "before": before.as_body()}
        migration.store.record(TRIAL, place.zone, **body)
    else:
        number, before = known["number"], Standing(**known["before"])
        wire = Wire(migration)

    def wrote(request: str, phase: str) -> None:
        migration.store.log("trial", place.zone, number, request, phase)

    wire.wrote = wrote
    given = migration.settings.trial
    sender = migration.settings.senders[0].vantage if migration.settings.senders else "here"
    via = vantage(migration.settings, given.vantage or sender)
    made = Course(migration, place, number, before, say, wire, via)
    made.has_mail = bool(addresses(migration))
    last = migration.store.last(ENABLED, place.zone, trial=number)
    made.enabled_at = last["enabled_at"] if last else 0.0
    part = migration.store.last(PART, place.zone, trial=number)
    made.stop = part["stop"] if part else ""
    return made


def expected(fact: str) -> str:
    """In words: what is taken for granted, or the values that rehearsals know."""
    known = BY_NAME[fact]
    return " or ".join(map(str, known.known)) or known.taken
