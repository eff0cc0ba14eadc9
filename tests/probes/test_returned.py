"""Real mail that came back, was deleted from a queue, or was requeued: each has its name, and none is passed over."""

from dataclasses import replace

import pytest

from tests.probes.test_reconcile import PLANTED, Line, Mail, On, accounted, events, found


def changed(lines: list[Line], status: str) -> list[Line]:
    """LINES of a host on which the delivery came to STATUS, so that its message is in the queue still."""
    said = {"deferred": "deferred (451 4.3.0 later)", "bounced": "bounced (host said: 552 5.2.2 over quota)"}
    *lines, (at, sent), (_, gone) = [each for each in lines if "dovecot:" not in each[1]]
    attempt = (at, f"{sent.partition('status=')[0]}status={said[status]}")
    return [*lines, attempt, (at, gone)] if status == "bounced" else [*lines, attempt]


def by_hand(lines: list[Line], key: str, said: str = "removed") -> list[Line]:
    """LINES, then what postsuper says of KEY."""
    at, last = lines[-1]
    return [*lines, (at, f"{last.partition(' postfix/')[0]} postfix/postsuper[9]: {key}: {said}")]


ON_EC2 = Mail.on_ec2
DELETED: dict[str, tuple[On | None, On]] = {
    "on EC2": (lambda mail: by_hand(changed(ON_EC2(mail), "deferred"), mail.keys[0]), PLANTED["missing"]),
    "on Dell": (None, lambda mail: by_hand(changed(mail.on_dell(), "deferred"), mail.keys[1])),
    "on Dell, untried": (None, lambda mail: by_hand(mail.on_dell()[:3], mail.keys[1])),
}


@pytest.mark.parametrize(
    ("where", "by_cloudflare"), [(each, False) for each in DELETED] + [("on Dell", True), ("on Dell, untried", True)]
)
def test_what_somebody_deletes_from_a_queue_is_missing(
    where: str, by_cloudflare: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By ``postsuper -d``: nobody is informed of it."""
    mails = [Mail(number, by_cloudflare=by_cloudflare) for number in range(300)]
    gateway, home = DELETED[where]
    if gateway:
        monkeypatch.setattr(Mail, "on_ec2", lambda mail: (gateway if mail.number == 100 else ON_EC2)(mail))
    done = accounted(mails, {100: home}, events(mails) if by_cloudflare else ())
    assert found(done) == {("missing", mails[100].id)}
    assert done.found[0].says == f"{mails[100].keys[gateway is None]}: deleted from the queue by hand (postsuper)"


@pytest.mark.parametrize(("by_cloudflare", "what"), [(True, "bounced"), (False, "bounced without Cloudflare")])
def test_what_dell_took_and_returned_is_named(by_cloudflare: bool, what: str) -> None:
    """As from a mailbox over quota. Of what EC2 brought that is as it was before, and no harm of the switch."""
    mails = [Mail(number, by_cloudflare=by_cloudflare) for number in range(300)]
    done = accounted(mails, {100: lambda mail: changed(mail.on_dell(), "bounced")}, events(mails) * by_cloudflare)
    assert (found(done), done.good) == ({(what, mails[100].id)}, not by_cloudflare)
    assert done.found[0].says == f"{mails[100].keys[1]} bounced by lmtp: host said: 552 5.2.2 over quota"


def test_what_cloudflare_could_not_deliver_is_named() -> None:
    """Unless a later attempt did, or may still. What Cloudflare refuses of itself, not by a Worker, is no harm."""
    mails = [Mail(number, by_cloudflare=number != 120) for number in range(300)]
    failed = {
        100: "deliveryFailed",
        110: "deliveryFailed",
        120: "deferred",
        130: "rejected",
        140: "rejected",
        299: "error",
    }
    lost = 100, 130, 140, 299
    (heard,) = events([each for each in mails if each.by_cloudflare and each.number not in lost])
    more = [replace(mails[n].event(), status=said, error="550 5.7.1 no") for n, said in failed.items()]
    more = [replace(each, action="worker") if each.message_id == mails[140].id else each for each in more]
    # It is asked for whatever address somebody makes up: that Dell refuses one that nobody has is no loss.
    more.append(replace(more[4], message_id="<spam@x>", recipient="nobody@a.example"))
    heard = replace(heard, events=(*heard.events, *more), until=mails[140].at + 1801)
    done = accounted(mails, dict.fromkeys(lost, PLANTED["missing"]), (heard,))
    bounced = {("bounced", mails[n].id) for n in (100, 140)}
    others = {("rejected by Cloudflare", mails[130].id), ("waiting", mails[299].id)}
    assert (found(done), done.good) == (bounced | others, False)
    assert done.states == {"EC2": {"stored": 1}, "Cloudflare": {"bounced": 2, "stored": 295, "waiting": 1}}
    says = {each.says.removeprefix("Cloudflare says ").removesuffix("550 5.7.1 no") for each in done.found[:3]}
    assert says == {"deliveryFailed ", "refused by the Worker ", ""}


@pytest.mark.parametrize("by_cloudflare", [False, True])
def test_what_is_requeued_is_one_message(by_cloudflare: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice, by ``postsuper -r``: each time under another queue id, and without a word of its client."""

    def requeued(lines: list[Line]) -> list[Line]:
        (key,) = {line.split(": ")[1] for _, line in lines if "postfix/" in line}
        for number in (5, 6):
            old, key = key, key.replace(key[0], f"{number}", 1)
            at, host = lines[-1][0], lines[-1][1].partition(" postfix/")[0]
            taken = (at, f"{host} postfix/pickup[3]: {key}: uid=108 from=<x@y.example> orig_id={old}")
            rest = [(at, line.replace(old, key)) for _, line in lines[-5 if "dovecot:" in str(lines) else -4 :]]
            lines = [*by_hand(changed(lines, "deferred"), old, "requeued"), taken, *rest]
        return lines

    mails = [Mail(number, by_cloudflare=by_cloudflare) for number in range(300)]
    monkeypatch.setattr(
        Mail, "on_ec2", lambda mail: (requeued if mail.number == 200 else lambda each: each)(ON_EC2(mail))
    )
    done = accounted(mails, {100: lambda mail: requeued(mail.on_dell())}, events(mails) if by_cloudflare else ())
    assert (found(done), done.states) == (set(), {"Cloudflare" if by_cloudflare else "EC2": {"stored": 300}})


def test_who_is_asked_for_has_no_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there is such a recipient EC2 asks Dell with a message that it never sends."""

    def asking(mail: Mail) -> list[Line]:
        lines = ON_EC2(mail)
        asked = [
            (
                at,
                line.replace(mail.keys[0], mail.keys[0].replace("4G", "5G")).replace(
                    "status=sent", "status=deliverable"
                ),
            )
            for at, line in lines
        ]
        return [*asked[1:], *lines]

    monkeypatch.setattr(Mail, "on_ec2", asking)
    done = accounted([*map(Mail, range(300))], {})
    assert done.states == {"EC2": {"stored": 300}}
