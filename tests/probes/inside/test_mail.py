"""SMTP, relaying, IMAP, submission: what the probes say of real Postfix and Dovecot."""

import subprocess
import time
from contextlib import closing
from dataclasses import replace

import pytest
from pydantic import SecretStr

from fixtures.access.transport import dell, vantage
from fixtures.evidence import CouldNotAsk
from fixtures.migration import Migration
from fixtures.probes.logs import postfix_log
from fixtures.probes.mailbox import imap
from fixtures.probes.mailbox.message import RUN, Letter, body_digest
from fixtures.probes.smtp import clients, relaying, smtp_client, submission
from fixtures.probes.smtp.knock import Knock

DELL, EC2_4, EC2_6 = "100.64.10.2", "203.0.113.20", "2001:db8:e::20"
ALICE = "alice@webmakeprofit.org"


def from_ec2(migration: Migration, **fields: object) -> Knock:
    knock = Knock(DELL, via=vantage(migration.settings, "ec2"), mail_from="friend@four.example", rcpt=(ALICE,))
    return replace(knock, **fields)  # type: ignore[arg-type]


def test_a_dialogue_up_to_rcpt(migration: Migration) -> None:
    talk = smtp_client.probe_all([from_ec2(migration)])[0]
    assert talk.outcome.accepted
    assert (talk.connection, talk.stage, talk.outcome.code) == ("open", "", 250)
    assert "PIPELINING" in talk.extensions
    assert talk.evidence.transcript.splitlines()[0] == f"S: {talk.banner and '220'} {talk.banner}"
    assert talk.evidence.transcript.splitlines()[-2] == "C: QUIT"
    assert talk.queued == ""


def test_forty_sources_side_by_side(migration: Migration) -> None:
    via = vantage(migration.settings, "cloudflare")
    sources = [a for p in migration.settings.cloudflare.prefixes for a in clients.sample_addresses(p, 7, 18)]
    knocks = [
        Knock(EC2_6 if ":" in source else EC2_4, via=via, source=source, mail_from="friend@four.example", rcpt=(ALICE,))
        for source in sources
    ]
    begun = time.monotonic()
    talk = smtp_client.probe_all(knocks)
    assert time.monotonic() - begun < 5
    assert len(talk) == 40
    assert all(each.outcome.accepted for each in talk)


def test_a_copy_in_anothers_mailbox_is_found(migration: Migration, mark: str) -> None:
    """Of a message that was meant for Carol, and lies in Alice's inbox."""
    letter = Letter("friend@four.example", (ALICE,), mark).write()
    began = time.time()
    assert smtp_client.send(from_ec2(migration), letter).queued
    alice, carol = (imap.mailbox(migration, user) for user in (ALICE, "carol@pilot.example.net"))
    assert not imap.find(alice, [letter.message_id], 10).missing
    found = imap.strays({alice: [], carol: [letter.message_id]}, began)
    assert [(key, each.user) for key, copies in found.items() for each in copies] == [(letter.message_id, ALICE)]
    assert imap.strays({alice: [letter.message_id], carol: []}, began) == {}


def test_a_connection_is_used_again_while_it_is_young(migration: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    box, used = imap.mailbox(migration, ALICE), list[object]()
    for seconds in (imap.LEFT_S_MAX, imap.LEFT_S_MAX, 0.0, imap.LEFT_S_MAX):
        monkeypatch.setattr(imap, "LEFT_S_MAX", seconds)
        with imap.opened(box) as (client, _):
            used.append(client)
    assert used[0] is used[1]
    assert len(set(map(id, used))) == 3
    client.shutdown()  # as a server does that starts again
    with imap.opened(box) as (another, state):
        assert another is not client
        assert int(state[b"UIDNEXT"]) > 0


def test_addresses_that_are_refused_or_nobodys(migration: Migration) -> None:
    nobodys = Knock(EC2_4, via=vantage(migration.settings, "ec2"), source="2001:db8:ffff::1")
    foreign, unusable = smtp_client.probe_all([from_ec2(migration, rcpt=("a@elsewhere.example",)), nobodys])
    assert (foreign.connection, foreign.outcome.refused_at, foreign.outcome.code // 100) == ("open", "rcpt", 4)
    assert unusable.connection == "unreachable"


def test_a_message_arrives_as_it_was_sent(migration: Migration, mark: str) -> None:
    body = "日本語の本文\n.\n.. two dots\n" + "x" * 900 + "\n"
    letter = Letter("friend@four.example", (ALICE,), mark, subject="件名", body=body).write()
    sent = smtp_client.send(from_ec2(migration), letter)
    assert sent.queued.startswith("250")
    found = imap.find(imap.mailbox(migration, ALICE), [letter.message_id], 10)
    assert found.missing == ()
    copy = found.arrived[0]
    assert (copy.digest, copy.number, copy.run) == (body_digest(letter.content), 0, mark)
    assert [hop.protocol for hop in copy.received] == ["LMTP", "ESMTP"]
    assert copy.received[1].from_address == "100.64.10.1"
    assert 0 <= copy.saved_at - sent.evidence.at < 5
    assert copy.seen_at - copy.saved_at < 5
    log = postfix_log.read(dell(migration.settings), migration.settings.dell.log)
    assert log.clients_of([letter.message_id]) == {letter.message_id: ("100.64.10.1",)}


def test_what_does_not_arrive_is_missing(migration: Migration) -> None:
    begun = time.monotonic()
    found = imap.find(imap.mailbox(migration, ALICE), ["<never@sent.example>"], 0.4)
    assert found.missing == ("<never@sent.example>",)
    assert 0.4 <= time.monotonic() - begun < 10


def test_a_mailbox_is_read_on_and_by_run(migration: Migration, mark: str) -> None:
    box = imap.mailbox(migration, "bob@webmakeprofit.org")
    reader = imap.Reader(box, lambda it: it.run == mark, time.time())
    with closing(reader):
        assert list(reader.new()) == []
        letters = [Letter("friend@four.example", (box.user,), mark).write() for _ in range(3)]
        identifiers = {letter.message_id for letter in letters}
        for letter in letters:
            assert smtp_client.send(from_ec2(migration), letter).queued
        imap.find(box, list(identifiers), 10)
        assert {each.message_id for each in reader.new()} == identifiers
        assert list(reader.new()) == []
    assert len(imap.of_run(box, mark).messages) == 3
    kept = imap.kept(migration, [box.user], time.time(), ("HEADER", RUN, mark)).messages
    assert {each.message_id for each in kept} == identifiers
    assert set(map(len, imap.contents(migration, kept).values())) == {each.size for each in kept}


def test_nothing_is_marked_as_seen(migration: Migration) -> None:
    with imap.opened(imap.mailbox(migration, "bob@webmakeprofit.org"), "INBOX") as (client, _):
        assert client.search(["UNSEEN"]) == client.search(["ALL"])


def test_relaying_is_refused_and_seen_where_it_is_not(migration: Migration, mark: str) -> None:
    """EC2 may not relay through Dell. An own network may, which shows that the sink would tell."""
    gateway = clients.Client("EC2", "100.64.10.1", vantage(migration.settings, "ec2"))
    ours = clients.Client("webmail", "172.20.0.9", vantage(migration.settings, "dell"))
    refused = relaying.battery(migration, [gateway], mark, lambda _: DELL)
    assert len(refused) == len(relaying.forms()) >= 24
    assert not any(attempt.outcome.accepted for attempt in refused)
    assert {attempt.outcome.refused_at for attempt in refused} == {"rcpt"}
    assert relaying.control(migration, mark).arrived
    assert [kept.number for kept in relaying.at_sink(migration, mark).messages] == [0]
    taken = relaying.battery(migration, [ours], f"{mark}-ours", lambda _: DELL)
    through = [attempt.message_id for attempt in taken if attempt.message_id]
    assert len(through) > 10
    assert imap.find(imap.relay_sink(migration), through[:1], 20).missing == ()


def test_users_can_send_and_a_spoilt_signature_is_seen(migration: Migration) -> None:
    addresses = tuple(migration.settings.addresses(("pilot.example.net",)))
    receipts = submission.receipts(migration, submission.send_replies(migration, addresses))
    assert {each.sent.address.mailbox for each in receipts} == {each.mailbox for each in addresses}, "by each user"
    assert len(receipts) == 9
    for receipt in receipts:
        judged = receipt.authentication
        assert judged is not None, receipt.search.evidence
        assert judged.dkim_passes, judged.evidence
        assert judged.spf == "pass"
        assert judged.applied.aligns(judged.return_path, judged.from_domain, strict=False)
        assert any(hop.by == "smtp.sendgrid.net" and hop.tls for hop in receipt.hops)
    arrived = receipts[0].arrived
    assert arrived is not None
    spoilt = submission.authenticate(migration, replace(arrived, content=arrived.content + b"PS: not mine.\r\n"))
    assert not spoilt.dkim_passes
    assert spoilt.signatures[0].fault


def test_a_firewall_that_drops_is_no_refusal(migration: Migration) -> None:
    inside = ["nsenter", f"--net={vantage(migration.settings, 'dell').path}", "nft"]  # type: ignore[union-attr]
    table = "add table inet shut; add chain inet shut in { type filter hook input priority 0; }"
    rules = f"{table}; add rule inet shut in tcp dport 25 drop"
    subprocess.run([*inside, rules], check=True, timeout=10)
    try:
        (talk,) = smtp_client.probe_all([from_ec2(migration)])
    finally:
        subprocess.run([*inside, "delete table inet shut"], check=True, timeout=10)
    assert (talk.connection, talk.outcome.refused_at, talk.connected) == ("silent", "connect", False)
    assert smtp_client.probe_all([from_ec2(migration)])[0].outcome.accepted


# After a wrong password Dovecot makes its client wait, by seconds (auth_failure_delay, and a penalty for the address).


def test_a_wrong_password_says_which_variable(migration: Migration) -> None:
    box = replace(imap.mailbox(migration, ALICE), password=SecretStr("certainly-wrong"))
    with pytest.raises(CouldNotAsk, match="MXGATE_MAILBOX_PASSWORD") as talk:
        imap.of_run(box, "x")
    assert "certainly" not in str(talk.value)
    with pytest.raises(CouldNotAsk, match="is not set"):
        imap.of_run(replace(box, password=SecretStr("")), "x")
