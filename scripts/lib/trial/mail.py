"""The trial's parts that need its own mail server: the destination, what arrives, what is refused, and analytics."""

from __future__ import annotations

import ipaddress
import re
import threading
from collections import Counter
from functools import partial
from typing import Any

from dns import reversename

from fixtures.access.loop import run
from fixtures.evidence import CouldNotAsk
from fixtures.migration import Migration
from fixtures.probes.cloudflare import events
from fixtures.probes.dns import queries as dns
from fixtures.probes.mailbox.message import Marked
from fixtures.probes.smtp.session import Conversation
from fixtures.probes.smtp.smtp_client import Dialogue
from scripts.lib.change import Refused
from scripts.lib.trial import standing
from scripts.lib.trial.course import Course, addresses
from scripts.lib.trial.receiver import Contact, How, Receiver
from scripts.lib.trial.routing import TTL_S, is_heard, wait_for_dns
from scripts.lib.trial.wire import Answer

MAIL_S, PEOPLE_S = 300.0, 1800.0
"""How long the verification mail is waited for, and the person who opens its link; in real time."""
ARRIVES_S = 30.0
"""Mail that was taken has to arrive in so much real time."""
RETRY_S = 900.0
"""So long a live trial waits for a retry; in a lab ``LAB_RETRY_S``."""
LAB_RETRY_S = 30.0
TOO_LARGE = 26 * 1024 * 1024
TOO_SOON = 2025
EVENTS_S, EVENTS_PAUSE_S = 1500.0, 10.0
FEW, MANY = 6, 80
LINK = re.compile(rb"https://[^\s\"<>]+")
HOWS: tuple[How, ...] = ("4xx at RCPT", "5xx at RCPT", "4xx after the dot", "5xx after the dot", "drop")
REFUSED = "connection refused"
BADQUERY = '{ viewer { zones(filter: {zoneTag: "%s"}) { emailRoutingAdaptive(limit: 1) { nonsense } } } }'


def to(course: Course) -> str:
    """The one destination."""
    return f"mail@{course.place.inner}"


def opened(course: Course) -> Receiver:
    """The mail server, listening."""
    if course.receiver is None:
        own = addresses(course.migration)
        course.receiver = Receiver(own, course.via, f"mx.{course.place.inner}")
        course.receiver.open()
    return course.receiver


def destination(course: Course) -> None:
    """Register the destination, look at the mail that comes, and wait for a person to open its link."""
    receiver = opened(course)
    began = course.migration.clock.now()
    answer = _register(course)
    if TOO_SOON in answer.codes:
        course.say("Cloudflare sent the trial's destination a mail less than five minutes ago, and waits as long")
        course.migration.clock.sleep(305)
        answer = _register(course)
    if not answer.ok and _verified(course) is None:
        course.note("verification", None, str(answer), otherwise=True)
        course.stop = f"the trial's destination {to(course)} could not be registered: {answer}"
        return
    if not _verified(course):
        if not receiver.until(lambda: bool(_verification(course)), MAIL_S):
            course.note("verification", None, f"no mail in {MAIL_S:.0f} s: {answer}", otherwise=True)
            course.stop = f"Cloudflare's verification mail to {to(course)} did not come in {MAIL_S:.0f} s"
            return
        _look_at_verification(course, _verification(course)[0], began)
        _await_person(course)


def _register(course: Course) -> Answer:
    path = f"/accounts/{course.place.account}/email/routing/addresses"
    return course.wire.ask("POST", path, {"email": to(course)})


def _verification(course: Course) -> list[Contact]:
    assert course.receiver
    return [each for each in course.receiver.contacts if each.taken and b"@mxgate" not in each.content and _links(each)]


def _links(contact: Contact) -> list[str]:
    message = contact.message
    parts = [each.get_payload(decode=True) for each in message.walk() if not each.is_multipart()]
    found = [
        each.decode("ascii", "replace") for part in parts if isinstance(part, bytes) for each in LINK.findall(part)
    ]
    wanted = [each for each in found if "verif" in each]
    return wanted or found


def _look_at_verification(course: Course, mail: Contact, began: float) -> None:
    prefixes = course.migration.settings.cloudflare.prefixes
    inside = any(ipaddress.ip_address(mail.peer) in each for each in prefixes if each.version == _version(mail.peer))
    names = _names(mail.peer)
    shown = f"{mail.peer} ({', '.join(names) or 'no PTR'}), HELO {mail.helo}, {mail.tls or 'in the clear'}"
    course.note("verification_from", "prefix" if inside else "elsewhere", shown)
    seconds = mail.at + course.migration.clock.offset - began
    link = _links(mail)[0]
    host = link.split("/")[2]
    shown = f"after {max(seconds, 0):.0f} s, From {mail.message['From']}, {mail.message['Subject']!r}, link at {host}"
    known = course.migration.settings.cloudflare.verification_sources
    odd = not inside and not any(each == name or each.endswith(f".{name}") for each in names for name in known)
    if odd:
        shown += f"; its host is named in none of cloudflare.verification_sources ({', '.join(known)})"
    course.note("verification", {"author": str(mail.message["From"]), "link": host}, shown, otherwise=odd)
    course.say(f"a person opens this link, in a browser (waited for {PEOPLE_S / 60:.0f} min): {link}")


def _await_person(course: Course) -> None:
    assert course.receiver
    if not course.receiver.until(lambda: bool(_verified(course)), PEOPLE_S):
        raise Refused(
            f"trial: nobody opened the link in Cloudflare's mail to {to(course)}. Run this again: it goes on there"
        )


def _verified(course: Course) -> bool | None:
    """None: it is not registered."""
    found = standing.listed(course.wire, f"/accounts/{course.place.account}/email/routing/addresses")
    mine = next((each for each in found if each.get("email") == to(course)), None)
    return None if mine is None else bool(mine.get("verified"))


def forwarding(course: Course) -> None:
    """What arrives, and how it was changed; and mail that should not arrive."""
    receiver = opened(course)
    name, zone = course.place.name, course.place.zone_id
    selector, key = course.key()
    parts = " ".join(f'"{key[at : at + 255]}"' for at in range(0, len(key), 255))
    owner = f"{selector}._domainkey.pass.{name}"
    body = {"type": "TXT", "name": owner, "content": parts, "ttl": TTL_S}
    course.wire.ask("POST", f"/zones/{zone}/dns_records", body)
    wait_for_dns(course, {(owner, "TXT")})
    course.rule(f"t@{name}", {"type": "forward", "value": [to(course)]})
    if not _taken(course, f"t@{name}"):
        course.stop = f"the MX hosts take no mail for t@{name}, which has a rule"
        return
    sender, recipient = f"probe@pass.{name}", f"t@{name}"
    letters = [
        course.letter(sender, recipient, "signed", signed=True),
        course.letter(sender, recipient, "by SPF only"),
    ]
    letters += [course.letter(sender, recipient, f"one of {FEW}") for _ in range(FEW)]
    said = _insist(course, letters)
    receiver.until(lambda: all(receiver.of(each.message_id) for each in letters), ARRIVES_S)
    arrived = [next(iter(receiver.of(each.message_id)), None) for each in letters]
    _look_at_arrivals(course, letters, said, arrived)
    _unproven(course)
    _too_large(course)
    _subaddressing(course)


def _taken(course: Course, address: str) -> bool:
    """A rule that was just made may need a moment."""

    def all_take() -> bool:
        said = [talk for _, _, talk in course.ask(address) if is_heard(talk)]
        return bool(said) and all(each.outcome.accepted for each in said)

    return course.until(all_take, 300.0) is not None


def _insist(course: Course, letters: list[Marked]) -> list[Conversation]:
    """As a mail server would: what is deferred, and has not arrived, is sent again, a few times."""
    receiver = opened(course)
    said = course.send(*letters)
    for _ in range(3):
        again = [
            number
            for number, talk in enumerate(said)
            if not talk.queued and 400 <= talk.code < 500 and not receiver.of(letters[number].message_id)
        ]
        if not again:
            break
        for number, talk in zip(again, course.send(*(letters[each] for each in again)), strict=True):
            said[number] = talk
    return said


def _look_at_arrivals(
    course: Course, letters: list[Marked], said: list[Conversation], arrived: list[Contact | None]
) -> None:
    came = [each for each in arrived if each]
    if not came:
        shown = "; ".join(sorted({f"{talk.code} {talk.text}" for talk in said}))
        course.note("sources", None, f"nothing arrived: {shown}", otherwise=True)
        course.stop = f"no message arrived at the trial's mail server: {shown}"
        return
    prefixes = course.migration.settings.cloudflare.prefixes
    peers = sorted({each.peer for each in came})
    odd = [each for each in peers if not any(_within(each, prefix) for prefix in prefixes)]
    course.note(
        "sources",
        peers,
        f"{', '.join(peers)}; outside of cloudflare.prefixes: {', '.join(odd) or 'none'}",
        otherwise=bool(odd),
    )
    names = {each.peer: (each.helo, _names(each.peer)) for each in came}
    listed = "; ".join(f"{peer}: HELO {helo}, PTR {', '.join(ptr) or 'none'}" for peer, (helo, ptr) in names.items())
    fine = all(helo.endswith(".cloudflare-email.net") and helo in ptr for helo, ptr in names.values())
    course.note("names", sorted({helo for helo, _ in names.values()}), listed, otherwise=not fine)
    families = Counter("IPv6" if ":" in each.peer else "IPv4" for each in came)
    tls = sorted({each.tls or "in the clear" for each in came})
    six = any(":" in each for each in addresses(course.migration))
    course.note(
        "transport",
        {"families": dict(families), "tls": tls},
        f"{dict(families)}; {', '.join(tls)}",
        otherwise="in the clear" in tls or (six and "IPv4" in families),
    )
    _look_at_content(course, arrived[:2])
    doubled = [talk for talk, one in zip(said, arrived, strict=True) if one and one.taken and 400 <= talk.code < 500]
    shown = f"{len(doubled)} of {len(letters)}: " + "; ".join(f"{each.code} {each.text}" for each in doubled[:1])
    course.note("doubled", len(doubled), shown.rstrip(": "))


def _look_at_content(course: Course, pair: list[Contact | None]) -> None:
    name = course.place.zone
    forms = []
    for how, each in zip(("signed", "by SPF only"), pair, strict=True):
        if each:
            form = re.sub(r"SRS0=[^=]+=[^=]+=", "SRS0=HASH=TT=", each.sender)
            forms.append(f"{how}: {form}")
    known = re.compile(r".*: (SRS0=HASH=TT=[^=]+=.+|cfbounces\+ndrdrop)@[^@]+")
    course.note("envelope", forms, "; ".join(forms), otherwise=not all(map(known.fullmatch, forms)))
    one = next(each for each in pair if each)
    message = one.message
    seals = [
        f"{field}: {_tag(value, 's')} {_tag(value, 'd')}"
        for field in ("DKIM-Signature", "ARC-Seal")
        for value in message.get_all(field, [])
        if not str(value).find("pass.") >= 0
    ]
    fine = any("cf2024-1" in each for each in seals)
    course.note("signatures", seals, "; ".join(seals) or "none", otherwise=not fine)
    keys = message.keys()
    first = keys.index("From") if "From" in keys else len(keys)
    course.note("fields", keys[:first], f"{', '.join(keys[:first])} (a mail to {name})")


def _tag(value: object, name: str) -> str:
    """``s=cf2024-1`` of a signature."""
    found = re.search(rf"(?:^|;)\s*{name}=\s*([^;\s]+)", str(value))
    return f"{name}={found[1]}" if found else f"no {name}"


def _unproven(course: Course) -> None:
    receiver, name = opened(course), course.place.name
    letter = course.letter(f"probe@bare.{name}", f"t@{name}", "that nobody vouches for")
    (talk,) = _insist(course, [letter])
    came = receiver.until(lambda: bool(receiver.of(letter.message_id)), 2.0 if not talk.queued else ARRIVES_S)
    shown = f"{talk.code} {talk.text}" if not talk.queued else talk.queued
    if came:
        course.note("unproven", "forwarded", f"{shown}, and it arrived")
    elif 500 <= talk.code < 600 and not talk.queued:
        course.note("unproven", "refused", shown)
    else:
        course.note(
            "unproven", "dropped" if talk.queued else f"answered {talk.code}", f"{shown}, and it did not arrive"
        )


def _too_large(course: Course) -> None:
    """Announced only: no octet of it is sent."""
    _, place = course.hosts()[0]

    async def announce() -> str:
        async with Dialogue(course.knock(place)) as dialogue:
            await dialogue.greet()
            said = await dialogue.say(f"MAIL FROM:<probe@pass.{course.place.name}> SIZE={TOO_LARGE}")
            return f"{said.code} {said.text}"
        return f"{dialogue.code} {dialogue.text}"

    said = run(announce())
    course.note("too_large", said[:3], f"MAIL with SIZE={TOO_LARGE}: {said}", otherwise=not said.startswith("552"))


def _subaddressing(course: Course) -> None:
    detailed, found = f"t+x@{course.place.name}", dict[bool, str]()
    for wanted in (False, True):
        standing.set_subaddress(course.wire, course.place, wanted=wanted)

        def settled(wanted: bool = wanted) -> bool:
            said = [talk for _, _, talk in course.ask(detailed) if is_heard(talk)]
            found[wanted] = "; ".join(sorted({re.sub(r" \w{12}$", "", str(talk.outcome)) for talk in said}))
            return bool(said) and all(talk.outcome.accepted == wanted for talk in said)

        course.until(settled, 60.0)
    standing.set_subaddress(course.wire, course.place, wanted=course.before.subaddress)
    nobody = course.seen().get("nobody")
    dropped = nobody is not None and nobody.value == "discarded"
    fine = found[True].startswith("250") and (dropped or found[False].startswith("5"))
    course.note(
        "subaddressing",
        {"off": found[False], "on": found[True]},
        f"off: {found[False]}; on: {found[True]}",
        otherwise=not fine,
    )


def upstream(course: Course) -> None:
    """What the sender hears, and what comes again, where the destination refuses, drops, stalls, or does not answer."""
    receiver, name = opened(course), course.place.name
    sender, recipient = f"probe@pass.{name}", f"t@{name}"
    course.rule(recipient, {"type": "forward", "value": [to(course)]})
    stalled = course.letter(sender, recipient, "stall")
    heard: dict[str, Conversation] = {}
    receiver.how = "stall"
    # A stall lasts as long as the forwarder's patience: the others are tried meanwhile.
    waiting = threading.Thread(target=lambda: heard.update({"stall": course.send(stalled)[0]}), daemon=True)
    waiting.start()
    receiver.until(lambda: any(each.met == "stall" and each.content for each in list(receiver.contacts)), ARRIVES_S)
    letters = {"stall": stalled}
    limit_s = LAB_RETRY_S if course.migration.clock.compressed else RETRY_S
    for how in HOWS:
        letters[how] = course.letter(sender, recipient, how)
        # Until the sender has its answer: the forwarder may try another address of ours meanwhile.
        receiver.how = how
        (heard[how],) = course.send(letters[how])
        receiver.how = "take"
        if heard[how].queued:  # it will come again, and must not meet what is tried next
            receiver.until(partial(_has_come, receiver, letters[how]), limit_s)
    letters[REFUSED] = course.letter(sender, recipient, REFUSED)
    receiver.close()
    (heard[REFUSED],) = course.send(letters[REFUSED])
    receiver.open()
    waiting.join(course.knock(course.hosts()[0][1]).reply_s * 2)
    held = [how for how, talk in heard.items() if talk.queued]
    if held:
        receiver.until(lambda: all(_came(receiver, letters[how]) for how in held), limit_s)
    _look_at_upstream(course, letters, heard)


def _came(receiver: Receiver, letter: Marked) -> list[Contact]:
    return [each for each in receiver.of(letter.message_id) if each.taken]


def _has_come(receiver: Receiver, letter: Marked) -> bool:
    return bool(_came(receiver, letter))


def _look_at_upstream(course: Course, letters: dict[str, Marked], heard: dict[str, Conversation]) -> None:
    assert course.receiver
    found, shown = dict[str, Any](), list[str]()
    for how, letter in letters.items():
        talk = heard.get(how)
        reply = "no reply" if talk is None else talk.queued or f"{talk.code} {talk.text}"
        reply = re.sub(r" \w{12}$", "", reply)
        again = _came(course.receiver, letter)
        found[how] = {"reply": reply[:3], "delivered later": len(again)}
        shown.append(f"{how}: {reply}" + (f", and delivered {len(again)} times later" if again else ""))
    course.note("upstream", found, "; ".join(shown))
    four, talked = found["4xx at RCPT"], heard["4xx at RCPT"]
    text = next(each for each in shown if each.startswith("4xx at RCPT"))
    if talked.queued and four["delivered later"]:
        course.note("upstream_4xx", "retried", text)
    elif not talked.queued and 400 <= talked.code < 500:
        course.note("upstream_4xx", "passed", text)
    elif talked.queued:
        course.note("upstream_4xx", "taken, and not seen again", text)
    else:
        course.note("upstream_4xx", f"answered {talked.code}", text)
    bounces = [
        each
        for each in course.receiver.contacts
        if not each.sender and any(f"@pass.{course.place.name}" in one for one in each.recipients)
    ]
    listed = "; ".join(f"From {each.message['From']}: {each.message['Subject']}" for each in bounces)
    course.note("bounces", len(bounces), listed or "none", otherwise=bool(bounces))


def analytics(course: Course) -> None:
    """How an error is shown; how late an event is; and whether all events are kept."""
    said = course.wire.ask("POST", "/graphql", {"query": BADQUERY % course.place.zone_id}, writes=False)
    has_errors = isinstance(said.body, dict) and bool(said.body.get("errors"))
    value = ("body" if said.ok else "status") if has_errors else f"HTTP {said.status} without errors"
    course.note("graphql_errors", value, f"HTTP {said.status}: {said.text}")
    if not course.has_mail:
        return
    migration, name = course.migration, course.place.name
    opened(course)
    course.rule(f"t@{name}", {"type": "forward", "value": [to(course)]})
    for number in (FEW * 2, MANY):
        began = migration.clock.now()
        letters = [course.letter(f"probe@pass.{name}", f"t@{name}", "for the analytics") for _ in range(number)]
        _insist(course, letters)
        ended = migration.clock.now()
        wanted = {each.message_id for each in letters}
        rows: list[events.Event] = []

        def shown(began: float = began, wanted: set[str] = wanted, rows: list[events.Event] = rows) -> bool:
            found = events.events(migration, course.place.zone, began - 5).events
            rows[:] = [each for each in found if each.message_id in wanted]
            return bool(rows)

        if course.until(shown, EVENTS_S, EVENTS_PAUSE_S) is not None:
            break
    if not rows:
        course.note("events_lag_s", None, f"no event of {number} messages in {EVENTS_S:.0f} s", otherwise=True)
        course.note("events_sample", None, "no event was seen")
        return
    ended_or_later = max([ended, *(each.at for each in rows)])
    late = max(0.0, migration.clock.now() - ended_or_later)
    course.note("events_lag_s", round(late), f"{late:.0f} s after the message, looked for every {EVENTS_PAUSE_S:.0f} s")
    interval = max(each.stands_for for each in rows)
    course.note("events_sample", interval, f"one event stands for {interval}; {len(rows)} of {number} seen")


def _names(address: str) -> list[str]:
    pointer = reversename.from_address(address).to_text(omit_final_dot=True)
    return [each.lower() for each in run(dns.adefault(pointer, "PTR")).rrset]


def _version(address: str) -> int:
    return 6 if ":" in address else 4


def _within(address: str, prefix: Any) -> bool:
    return prefix.version == _version(address) and ipaddress.ip_address(address) in prefix


def require_port(migration: Migration) -> None:
    """``CouldNotAsk`` where the trial's own mail server can't listen: before anything is written."""
    own = addresses(migration)
    if own:
        from fixtures.access.transport import vantage

        receiver = Receiver(own, vantage(migration.settings, migration.settings.trial.vantage), "mxgate-trial")
        receiver.open()
        receiver.end()


__all__ = ["CouldNotAsk", "analytics", "destination", "forwarding", "require_port", "upstream"]
