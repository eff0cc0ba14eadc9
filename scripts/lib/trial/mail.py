"""The trial's parts that need its own mail server: the destination, what arrives, what is refused, and analytics."""

import ipaddress
import re
import threading
from collections import Counter
from typing import Any

from fixtures.access.loop import run
from fixtures.access.transport import vantage
from fixtures.migration import Migration
from fixtures.probes.cloudflare import events
from fixtures.probes.mailbox import verification
from fixtures.probes.mailbox.message import Marked
from fixtures.probes.smtp.knock import Conversation
from fixtures.probes.smtp.smtp_client import Dialogue
from scripts.lib.change import Refused
from scripts.lib.trial import standing
from scripts.lib.trial.course import Course, addresses
from scripts.lib.trial.receiver import Contact, How, Receiver
from scripts.lib.trial.routing import TTL_S, pointers, wait_for_dns
from scripts.lib.trial.wire import Answer

MAIL_S, PEOPLE_S = 300.0, 1800.0
"""How long the verification mail is waited for, and the person who opens its link; in real time."""
ARRIVES_S, DROPPED_S = 30.0, 2.0
"""Mail that was taken has to arrive in so much real time; and so long is waited for what was refused."""
RETRY_S, LAB_RETRY_S = 900.0, 30.0
"""So long a retry is waited for."""
TAKEN_S, SUBADDRESS_S = 300.0, 60.0
TOO_LARGE = 26 * 1024 * 1024
TOO_SOON, AGAIN_S = 2025, 305.0
EVENTS_S, EVENTS_PAUSE_S = 1500.0, 10.0
FEW, MANY = 6, 80
LINK = re.compile(verification.LINK.pattern.encode("ascii"))
HOWS: tuple[How, ...] = ("4xx at RCPT", "5xx at RCPT", "4xx after the dot", "5xx after the dot", "drop")
REFUSED = "connection refused"
ENVELOPE = re.compile(r".*: (SRS0=HASH=TT=[^=]+=.+|cfbounces\+ndrdrop)@[^@]+")
BADQUERY = '{ viewer { zones(filter: {zoneTag: "%s"}) { emailRoutingAdaptive(limit: 1) { nonsense } } } }'


def opened(course: Course) -> Receiver:
    """The mail server, listening."""
    if course.receiver is None:
        course.receiver = Receiver(course.own, course.via, f"mx.{course.place.inner}")
        course.receiver.open()
    return course.receiver


def require_port(migration: Migration) -> None:
    """``CouldNotAsk`` where the trial's own mail server can't listen: before anything is written."""
    if own := addresses(migration):
        receiver = Receiver(own, vantage(migration.settings, migration.settings.trial.vantage), "mxgate-trial")
        receiver.open()
        receiver.end()


# The destination


def _to(course: Course) -> str:
    """The one destination."""
    return f"mail@{course.place.inner}"


def destination(course: Course) -> None:
    """Register the destination, look at the mail that comes, and wait for a person to open its link."""
    receiver, clock, to = opened(course), course.migration.clock, _to(course)
    began = clock.now()
    answer = _register(course)
    if TOO_SOON in answer.codes:
        course.say("Cloudflare sent the trial's destination a mail less than five minutes ago, and waits as long")
        clock.sleep(AGAIN_S)
        answer = _register(course)
    if not answer.ok and not standing.destinations(course.wire, course.place):
        course.note("verification", None, str(answer), otherwise=True)
        course.stop = f"the trial's destination {to} could not be registered: {answer}"
        return
    known = not answer.ok and _verified(course)  # by a run that was interrupted
    if receiver.until(lambda: bool(_verification(course)), 0.0 if known else MAIL_S):
        _look_at_verification(course, _verification(course)[0], began)
        if not receiver.until(lambda: _verified(course), PEOPLE_S):
            raise Refused(
                f"trial: nobody opened the link in Cloudflare's mail to {to}. Run this again: it goes on there"
            )
    elif not known:
        course.note("verification", None, f"no mail in {MAIL_S:.0f} s: {answer}", otherwise=True)
        course.stop = f"Cloudflare's verification mail to {to} did not come in {MAIL_S:.0f} s"


def _register(course: Course) -> Answer:
    return course.wire.ask("POST", f"/accounts/{course.place.account}/email/routing/addresses", {"email": _to(course)})


def _verified(course: Course) -> bool:
    found = standing.destinations(course.wire, course.place)
    return any(each.get("email") == _to(course) and each.get("verified") for each in found)


def _verification(course: Course) -> list[Contact]:
    sessions = opened(course).contacts
    return [each for each in sessions if each.taken and b"@mxgate" not in each.content and _links(each)]


def _links(contact: Contact) -> list[str]:
    parts = [each.get_payload(decode=True) for each in contact.message.walk() if not each.is_multipart()]
    links = [one for part in parts if isinstance(part, bytes) for one in LINK.findall(part)]
    found = [each.decode("ascii", "replace") for each in links]
    return [each for each in found if "verif" in each] or found


def _look_at_verification(course: Course, mail: Contact, began: float) -> None:
    inside, names = _is_forwarder(course, mail.peer), pointers(mail.peer)
    text = f"{mail.peer} ({', '.join(names) or 'no PTR'}), HELO {mail.helo}, {mail.tls or 'in the clear'}"
    course.note("verification_from", "prefix" if inside else "elsewhere", text)
    seconds = max(0.0, mail.at + course.migration.clock.offset - began)
    link, author, subject = _links(mail)[0], mail.message["From"], mail.message["Subject"]
    host = link.split("/")[2]
    text = f"after {seconds:.0f} s, From {author}, {subject!r}, link at {host}"
    known = course.migration.settings.cloudflare.verification_sources
    odd = not inside and not any(f".{each}".endswith(f".{name}") for each in names for name in known)
    if odd:
        text += f"; its host is named in none of cloudflare.verification_sources ({', '.join(known)})"
    course.note("verification", {"author": str(author), "link": host}, text, otherwise=odd)
    course.say(f"a person opens this link, in a browser (waited for {PEOPLE_S / 60:.0f} min): {link}")


def _is_forwarder(course: Course, peer: str) -> bool:
    """Whether the address is one of cloudflare.prefixes."""
    address = ipaddress.ip_address(peer)
    prefixes = course.migration.settings.cloudflare.prefixes
    return any(address in each for each in prefixes if each.version == address.version)


# What arrives


def forwarding(course: Course) -> None:
    """What arrives, and how it was changed; and mail that should not arrive."""
    receiver, name = opened(course), course.place.name
    selector, key = course.key()
    parts = " ".join(f'"{key[at : at + 255]}"' for at in range(0, len(key), 255))
    owner = f"{selector}._domainkey.pass.{name}"
    course.zone("POST", "dns_records", {"type": "TXT", "name": owner, "content": parts, "ttl": TTL_S})
    wait_for_dns(course, {(owner, "TXT")})
    if not _forward(course):
        return
    if not course.takes(f"t@{name}", TAKEN_S)[0]:
        course.stop = f"the MX hosts take no mail for t@{name}, which has a rule"
        return
    letters = [_letter(course, "signed", signed=True), _letter(course, "by SPF only")]
    letters += [_letter(course, f"one of {FEW}") for _ in range(FEW)]
    said = _insist(course, letters)
    receiver.until(lambda: all(receiver.of(each.message_id) for each in letters), ARRIVES_S)
    arrived = [next(iter(receiver.of(each.message_id)), None) for each in letters]
    _look_at_arrivals(course, said, arrived)
    _unproven(course)
    _too_large(course)
    _subaddressing(course)


def _forward(course: Course) -> bool:
    """Whether a rule leads to the destination; if not, nothing further can be observed."""
    if refused := course.rule(f"t@{course.place.name}", {"type": "forward", "value": [_to(course)]}):
        course.stop = f"no rule may lead to the trial's destination, which is verified: {refused}"
    return not course.stop


def _letter(course: Course, what: str, sender: str = "probe@pass", *, signed: bool = False) -> Marked:
    name = course.place.name
    return course.letter(f"{sender}.{name}", f"t@{name}", what, signed=signed)


def _insist(course: Course, letters: list[Marked]) -> list[Conversation]:
    """As a mail server would: what is deferred, and has not arrived, is sent again, a few times."""
    receiver, said = opened(course), course.send(*letters)
    for _ in range(3):
        deferred = [number for number, talk in enumerate(said) if not talk.queued and 400 <= talk.code < 500]
        again = [number for number in deferred if not receiver.of(letters[number].message_id)]
        for number, talk in zip(again, course.send(*(letters[each] for each in again)), strict=True):
            said[number] = talk
    return said


def _look_at_arrivals(course: Course, said: list[Conversation], arrived: list[Contact | None]) -> None:
    came = [each for each in arrived if each]
    if not came:
        text = "; ".join(sorted({f"{talk.code} {talk.text}" for talk in said}))
        course.note("sources", None, f"nothing arrived: {text}", otherwise=True)
        course.stop = f"no message arrived at the trial's mail server: {text}"
        return
    peers = sorted({each.peer for each in came})
    outside = [each for each in peers if not _is_forwarder(course, each)]
    text = f"{', '.join(peers)}; outside of cloudflare.prefixes: {', '.join(outside) or 'none'}"
    course.note("sources", peers, text, otherwise=bool(outside))
    names = {each.peer: (each.helo, pointers(each.peer)) for each in came}
    text = "; ".join(f"{peer}: HELO {helo}, PTR {', '.join(ptr) or 'none'}" for peer, (helo, ptr) in names.items())
    fine = all(helo.endswith(".cloudflare-email.net") and helo in ptr for helo, ptr in names.values())
    course.note("names", sorted({helo for helo, _ in names.values()}), text, otherwise=not fine)
    families = dict(Counter("IPv6" if ":" in each.peer else "IPv4" for each in came))
    tls = sorted({each.tls or "in the clear" for each in came})
    odd = "in the clear" in tls or ("IPv4" in families and any(":" in each for each in course.own))
    course.note("transport", {"families": families, "tls": tls}, f"{families}; {', '.join(tls)}", otherwise=odd)
    _look_at_content(course, arrived[0], arrived[1])
    doubled = [talk for talk, one in zip(said, arrived, strict=True) if one and one.taken and 400 <= talk.code < 500]
    text = f"{len(doubled)} of {len(said)}: " + "; ".join(f"{each.code} {each.text}" for each in doubled[:1])
    course.note("doubled", len(doubled), text.rstrip(": "))


def _look_at_content(course: Course, signed: Contact | None, by_spf: Contact | None) -> None:
    senders = {how: each.sender for how, each in (("signed", signed), ("by SPF only", by_spf)) if each}
    forms = [f"{how}: {re.sub(r'SRS0=[^=]+=[^=]+=', 'SRS0=HASH=TT=', sender)}" for how, sender in senders.items()]
    course.note("envelope", forms, "; ".join(forms), otherwise=not all(map(ENVELOPE.fullmatch, forms)))
    one = signed or by_spf
    if one is None:
        return
    fields = [(name, str(value)) for name, value in one.message.items() if name in {"DKIM-Signature", "ARC-Seal"}]
    seals = [f"{name}: {_tag(value, 's')} {_tag(value, 'd')}" for name, value in fields if "pass." not in value]
    fine = any("cf2024-1" in each for each in seals)
    course.note("signatures", seals, "; ".join(seals) or "none", otherwise=not fine)
    keys = one.message.keys()
    first = keys[: keys.index("From")] if "From" in keys else keys
    course.note("fields", first, ", ".join(first))


def _tag(value: str, name: str) -> str:
    """``s=cf2024-1`` of a signature."""
    found = re.search(rf"(?:^|;)\s*{name}=\s*([^;\s]+)", value)
    return f"{name}={found[1]}" if found else f"no {name}"


def _unproven(course: Course) -> None:
    receiver, letter = opened(course), _letter(course, "that nobody vouches for", "probe@bare")
    (talk,) = _insist(course, [letter])
    came = receiver.until(lambda: bool(receiver.of(letter.message_id)), ARRIVES_S if talk.queued else DROPPED_S)
    refused = "refused" if 500 <= talk.code < 600 else f"answered {talk.code}"
    value = "forwarded" if came else "dropped" if talk.queued else refused
    text = talk.queued or f"{talk.code} {talk.text}"
    course.note("unproven", value, f"{text}, and it {'arrived' if came else 'did not arrive'}")


def _too_large(course: Course) -> None:
    """Announced only: no octet of it is sent."""
    _, place = course.hosts()[0]
    said = ""

    async def announce() -> str:
        async with Dialogue(course.knock(place)) as dialogue:
            await dialogue.greet()
            return " ".join(str(await dialogue.say(f"MAIL FROM:<{dialogue.knock.mail_from}> SIZE={TOO_LARGE}")).split())
        return f"{dialogue.code} {dialogue.text}"

    said = run(announce())
    course.note("too_large", said[:3], f"MAIL with SIZE={TOO_LARGE}: {said}", otherwise=not said.startswith("552"))


def _subaddressing(course: Course) -> None:
    nobody, found = course.seen().get("nobody"), dict[bool, str]()
    dropped = nobody is not None and nobody.value == "discarded"
    for wanted in (False, True):
        standing.set_subaddress(course.wire, course.place, wanted=wanted)
        # What nobody has is taken too, and dropped: then no answer shows that it is off.
        limit_s = 0.0 if dropped and not wanted else SUBADDRESS_S
        _, said = course.takes(f"t+x@{course.place.name}", limit_s, wanted=wanted)
        found[wanted] = "; ".join(sorted({_without_id(str(talk.outcome)) for _, _, talk in said}))
    standing.set_subaddress(course.wire, course.place, wanted=course.before.subaddress)
    fine = found[True].startswith("250") and (dropped or found[False].startswith("5"))
    value = {"off": found[False], "on": found[True]}
    course.note("subaddressing", value, f"off: {found[False]}; on: {found[True]}", otherwise=not fine)


def _without_id(reply: str) -> str:
    """Without the identifier that ends Cloudflare's replies."""
    return re.sub(r" \w{12}(?=$| \(at )", "", reply)


# What is refused


def upstream(course: Course) -> None:
    """What the sender hears, and what comes again, where the destination refuses, drops, stalls, or does not answer."""
    receiver = opened(course)
    if not _forward(course):
        return
    letters = {how: _letter(course, how) for how in ("stall", *HOWS, REFUSED)}
    heard: dict[str, Conversation] = {}
    limit_s = LAB_RETRY_S if course.migration.clock.compressed else RETRY_S

    def send(how: str) -> None:
        (heard[how],) = course.send(letters[how])

    def came(how: str) -> int:
        return sum(each.taken for each in receiver.of(letters[how].message_id))

    receiver.how = "stall"
    # A stall lasts as long as the forwarder's patience: the others are tried meanwhile.
    waiting = threading.Thread(target=send, args=("stall",), daemon=True)
    waiting.start()
    receiver.until(lambda: any(each.met == "stall" and each.content for each in list(receiver.contacts)), ARRIVES_S)
    for how in HOWS:
        # Until the sender has its answer: the forwarder may try another address of ours meanwhile.
        receiver.how = how
        send(how)
        receiver.how = "take"
        if heard[how].queued:  # it will come again, and must not meet what is tried next
            receiver.until(lambda how=how: bool(came(how)), limit_s)  # type: ignore[misc]
    receiver.close()
    send(REFUSED)
    receiver.open()
    waiting.join(course.knock(course.hosts()[0][1]).reply_s * 2)
    receiver.until(lambda: all(came(how) for how, talk in heard.items() if talk.queued), limit_s)
    _look_at_upstream(course, heard, {how: came(how) for how in letters})


def _look_at_upstream(course: Course, heard: dict[str, Conversation], came: dict[str, int]) -> None:
    found, texts = dict[str, Any](), dict[str, str]()
    for how, again in came.items():
        talk = heard.get(how)
        reply = _without_id("no reply" if talk is None else talk.queued or f"{talk.code} {talk.text}")
        found[how] = {"reply": reply[:3], "delivered later": again}
        texts[how] = f"{how}: {reply}" + (f", and delivered {again} times later" if again else "")
    course.note("upstream", found, "; ".join(texts.values()))
    talk, how = heard[HOWS[0]], HOWS[0]
    kept = "retried" if came[how] else "taken, and not seen again"
    value = kept if talk.queued else "passed" if 400 <= talk.code < 500 else f"answered {talk.code}"
    course.note("upstream_4xx", value, texts[how])
    bounces = [each for each in opened(course).contacts if not each.sender and "@pass." in "".join(each.recipients)]
    listed = "; ".join(f"From {each.message['From']}: {each.message['Subject']}" for each in bounces)
    course.note("bounces", len(bounces), listed or "none", otherwise=bool(bounces))


# What analytics show


def analytics(course: Course) -> None:
    """How an error is shown; how late an event is; and whether all events are kept."""
    said = course.wire.ask("POST", "/graphql", {"query": BADQUERY % course.place.zone_id}, writes=False)
    has_errors = isinstance(said.body, dict) and bool(said.body.get("errors"))
    value = ("body" if said.ok else "status") if has_errors else f"HTTP {said.status} without errors"
    course.note("graphql_errors", value, f"HTTP {said.status}: {said.text}")
    if not course.own or not _forward(course):
        return
    migration, clock, rows = course.migration, course.migration.clock, list[events.Event]()
    opened(course)
    for number in (FEW * 2, MANY):
        began = clock.now()
        letters = [_letter(course, "for the analytics") for _ in range(number)]
        _insist(course, letters)
        ended, wanted = clock.now(), {each.message_id for each in letters}

        def seen(began: float = began, wanted: set[str] = wanted) -> bool:
            found = events.events(migration, course.place.zone, began - 5).events
            rows[:] = [each for each in found if each.message_id in wanted]
            return bool(rows)

        if course.until(seen, EVENTS_S, EVENTS_PAUSE_S) is not None:
            break
    if not rows:
        course.note("events_lag_s", None, f"no event of {number} messages in {EVENTS_S:.0f} s", otherwise=True)
        course.note("events_sample", None, "no event was seen")
        return
    late = max(0.0, clock.now() - max([ended, *(each.at for each in rows)]))
    course.note("events_lag_s", round(late), f"{late:.0f} s after the message, looked for every {EVENTS_PAUSE_S:.0f} s")
    interval = max(each.stands_for for each in rows)
    course.note("events_sample", interval, f"one event stands for {interval}; {len(rows)} of {number} seen")
