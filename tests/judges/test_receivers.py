"""I-1, I-9, I-10: the snapshot, who receives, and who would be refused."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.plan import postfix as dellplan
from fixtures.probes import snapshot
from fixtures.probes.cloudflare.api import Record
from fixtures.probes.logs import history, receivers, shadow_run as shadow, sign_of_life
from fixtures.probes.logs.history import DAY_S, History, HostLog, Taken
from fixtures.probes.logs.postfix_log import Trail
from fixtures.probes.logs.receivers import NAME_IT, Receiver, Receivers
from fixtures.probes.logs.shadow_run import Judged, Shadow
from fixtures.probes.logs.sign_of_life import Sign
from fixtures.probes.snapshot import ADD, FROM_BACKUP, PUT_BACK, TAKE_AGAIN, Change, Host, Kept, Zone
from fixtures.settings.schema import Decided, Domain
from tests.judges import DOMAIN, FAIL, LOOK, PASS, UNKNOWN, Says, all_say, says

SETTINGS = settings_without_a_lab()
HOME = SETTINGS.domains[0]
OURS = next(each.address for each in HOME.addresses)
LOG = HostLog("Dell", (), (), 0.0, 3, 0, LOOK, 300)
HISTORY = History(0.0, 28 * DAY_S, (), (LOG,))


@pytest.mark.parametrize(
    ("local", "dropped", "verdict", "found"),
    [
        ("a", (), PASS, "there; it took mail"),
        ("b", ("b",), PASS, "given up by name; it took mail"),
        ("b", ("a",), FAIL, f"neither; it took mail. {NAME_IT}"),
    ],
)
def test_each_address_has_its_place(local: str, dropped: tuple[str, ...], verdict: Verdict, found: str) -> None:
    settings = SETTINGS.model_copy(update={"domains": (HOME.model_copy(update={"dropped": dropped}),)})
    it = Receivers((Receiver(f"{local}@{HOME.name}", HOME.name, ("took mail",), (LOOK,)),), HISTORY)
    (judged,) = all_say(receivers.judged(it, settings, {f"a@{HOME.name}": "there"}, "a rule"), HOME.name)
    assert judged == (verdict, f"{local}@{HOME.name}: expected a rule, or given up by name, found {found}")


def test_an_address_of_the_settings_lacks_only_its_rule() -> None:
    it = Receivers((Receiver(OURS, HOME.name, ("is an alias on Dell",), (LOOK,)),), HISTORY)
    (judged,) = receivers.judged(it, SETTINGS, {}, "an enabled rule")
    assert (judged.verdict, judged.hint) == (FAIL, receivers.ENABLE_IT)


def test_a_table_that_nobody_can_list_keeps_the_gate_closed() -> None:
    it = Receivers((), HISTORY, (), (("Dell", "proxy:mysql:/etc/a.cf", LOOK),))
    ((verdict, said),) = all_say(receivers.judged(it, SETTINGS, {}, "a rule"), "")
    assert verdict is UNKNOWN
    assert said.startswith("proxy:mysql:/etc/a.cf on Dell: ")
    assert "mysql is asked address by address: nobody can list it" in said


A, B, INFO, ALL = (f"{local}@{HOME.name}" for local in ("alice", "bob", "info", "all"))
OUT, GATE = "x@gmail.example", "mail.x.jp"


def led(
    rows: dict[str, str], *, origin: str = GATE, dropped: tuple[str, ...] = (), keeps: tuple[str, ...] = ()
) -> dict[str, Any]:
    dell = SETTINGS.dell.model_copy(update={"dropped": dropped})
    settings = SETTINGS.model_copy(update={"dell": dell})
    table = receivers.Aliases("EC2", LOOK, tuple(("hash:/v", *row) for row in rows.items()), origin, ())
    return {each.address: each.to for each in receivers._led_otherwise(settings, table, keeps)}


@pytest.mark.parametrize(
    ("rows", "ends"),
    [
        ({A: A, INFO: A, f"@{HOME.name}": OUT, HOME.name: "anything", f"@{GATE}": B, GATE: "x", "anybody": OUT}, ()),
        ({INFO: "alice", f"bob@dell.{HOME.name}": B, f"root@{HOME.name}": OUT, "root": OUT, ALL: f"{A}, {B}"}, ()),
        ({INFO: f"alice+shop@{HOME.name}", f"info+x@{HOME.name}": A, A: "alice@dell.internal"}, ()),
        ({INFO: ALL, ALL: "some, alice", f"some@{GATE}": f"alice@{GATE}"}, ()),
        ({INFO: ALL, f"@{HOME.name}": A, f"abuse@{HOME.name}": f"dmarc@{HOME.name}"}, ()),
        ({A: f"{A}, {OUT}"}, (A, OUT)),
        ({A: f"alice,\talice@dell.internal, {OUT}"}, (f"alice@{GATE}", "alice@dell.internal", OUT)),
        ({INFO: f"{A} {B}"}, (A, B)),
        ({INFO: B}, (B,)),
        ({A: OUT}, (OUT,)),
        ({A: f"alice@{SETTINGS.pilot}"}, (f"alice@{SETTINGS.pilot}",)),
        ({INFO: ALL, ALL: f'{A},{INFO},{ALL},"a b"@{GATE}'}, (A, ALL, f'"a b"@{GATE}')),
    ],
)
def test_a_row_that_leads_otherwise_is_named(rows: dict[str, str], ends: tuple[str, ...]) -> None:
    address = next(iter(rows))
    assert led(rows) == ({address: ends} if ends else {})
    assert led(rows, dropped=(address.upper(),)) == {}


def test_a_table_that_stays_loses_only_what_our_aliases_come_before() -> None:
    rows = {A: f"{A} {OUT}", INFO: OUT}
    assert led(rows, keeps=("hash:/v",)) == {INFO: (OUT,)}
    assert led(rows, keeps=("hash:/w",)) == {A: (A, OUT), INFO: (OUT,)}
    assert led({"alice": OUT}, keeps=("hash:/v",), origin=HOME.name) == {}


def test_a_local_part_is_of_myorigin_and_a_whole_address_comes_first() -> None:
    assert led({"info": "alice", "bob": OUT, B: B, f"info+x@{HOME.name}": OUT}, origin=HOME.name, dropped=(INFO,)) == {}
    assert led({"bob": OUT, "info": "bob", B: f"bob,{A}"}, origin=HOME.name) == {B: (B, A), INFO: (B,)}


def test_a_row_that_ends_keeps_the_gate_closed() -> None:
    it = Receivers((), HISTORY, (), (), (("EC2", dellplan.Led(INFO, (A, B), A), LOOK),))
    (judged,) = all_say(receivers.judged(it, SETTINGS, {}, "a rule"), HOME.name)
    assert judged == (FAIL, f"{INFO} on EC2: expected leads to {A}, found leads to {A}, {B}. {receivers.ENDS_HINT}")


@pytest.mark.parametrize(
    ("to", "verdict", "hint"),
    [
        ("postmaster", UNKNOWN, receivers.OWN_HINT),
        ("root, alice", UNKNOWN, receivers.OWN_HINT),
        (f"root, {OUT}", FAIL, receivers.ENDS_HINT),
    ],
)
def test_the_machines_own_aliases_may_lead_on(to: str, verdict: Verdict, hint: str) -> None:
    """As postfix.org/VIRTUAL_README.html has it: "postmaster@example.com postmaster"."""
    (row,) = dellplan.led_otherwise(SETTINGS, {INFO: to}, GATE)
    it = Receivers((), HISTORY, (), (), (("EC2", row, LOOK),))
    (judged,) = receivers.judged(it, SETTINGS, {}, "a rule")
    assert (judged.verdict, judged.hint) == (verdict, hint)


@pytest.mark.parametrize("decided", [True, False])
def test_a_catch_all_is_decided_on(decided: bool) -> None:
    fields = {name: getattr(HOME, name) for name in HOME.model_fields_set - {"catch_all"}} | (
        {"catch_all": "drop"} if decided else {}
    )
    settings = SETTINGS.model_copy(update={"domains": (type(HOME)(**fields),)})
    it = Receivers((Receiver(f"@{HOME.name}", HOME.name, ("took mail",), (LOOK,)),), HISTORY)
    (judged,) = all_say(receivers.judged(it, settings, {}, "a rule"), HOME.name)
    hint = 'Write catch_all = "off" or "drop": Email Routing has no catch-all that keeps mailboxes apart'
    found = "catch_all = 'drop'" if decided else f"no catch_all for {HOME.name}; it took mail. {hint}"
    said = f"@{HOME.name}: expected a decision in the settings on what else it takes, found {found}"
    assert judged == (PASS if decided else FAIL, said)


@pytest.mark.parametrize(("since", "verdict"), [(0.0, PASS), (1.0, UNKNOWN)])
def test_how_far_the_logs_reach(since: float, verdict: Verdict) -> None:
    (judged,) = all_say(receivers.judged_logs(Receivers((), replace(HISTORY, hosts=(replace(LOG, since=since),)))), "")
    hint = ". Keep rotated logs longer and come back then: who is written to once a month is not seen yet"
    said = "the log of Dell: expected lines of at least 28 days, found 28 days, 3 of 300 lines not understood"
    assert judged == (verdict, said + (hint if verdict is UNKNOWN else ""))


def test_a_log_in_a_form_that_is_not_understood_shows_nobody() -> None:
    it = Receivers((), replace(HISTORY, hosts=(replace(LOG, lines=299),)))
    hint = ". Its lines are of a form that isn't known here (a newer Postfix?): run the command, and report them"
    said = "the log of Dell: expected lines of at least 28 days, found 28 days, 3 of 299 lines not understood"
    assert all_say(receivers.judged_logs(it), "") == [(UNKNOWN, said + hint)]


def mail(sender: str, *reasons: str, address: str = OURS, stored: str = "INBOX") -> Judged:
    return Judged(Taken(0.0, address, "<1@x>", sender, 1, "EC2", ""), HOME.name, reasons, "said", stored)


def run(*messages: Judged, decided: tuple[Decided, ...] = (), **of_domain: Any) -> tuple[Shadow, Any]:
    changed = {"decided": decided, "domains": (HOME.model_copy(update=of_domain),)}
    return Shadow(messages, (), (LOOK,)), SETTINGS.model_copy(update=changed)


def test_who_brought_a_message_is_no_filter_on_the_way() -> None:
    """A filter on EC2 hands it in again; the world's client is the one that Cloudflare would see."""
    clients = ("203.0.113.5", "127.0.0.1", "", "203.0.113.6", "::1", "unknown", "localhost")
    trails = [Trail(f"Q{n}", n, "", client, "", "<1@x>", "", 1, (), None) for n, client in enumerate(clients)]
    for order in (trails, trails[1:]):
        found = shadow.outside(order)["<1@x>", ""].client_address
        assert found == ("203.0.113.5" if order is trails else "203.0.113.6")
    assert shadow.outside(trails[1:2])["<1@x>", None].client_address == "127.0.0.1"


@pytest.mark.parametrize(
    ("sender", "client"),
    [("a@b.example", "203.0.113.5"), ("list-bounces@c.example", "203.0.113.9"), ("SRS0=a", "203.0.113.5")],
)
def test_a_mailing_lists_copy_comes_by_the_lists_server(sender: str, client: str) -> None:
    """It has the author's Message-ID. What a filter hands in in another name came as the message did."""
    brought = (("a@b.example", "203.0.113.5"), ("list-bounces@c.example", "203.0.113.9"), ("SRS0=a", "127.0.0.1"))
    trails = [Trail(f"Q{n}", n, "", by, "", "<1@x>", each, 1, (), None) for n, (each, by) in enumerate(brought)]
    migration: Any = None
    judging = shadow._Run(migration, shadow.outside(trails), {})
    assert judging._client(Taken(0.0, OURS, "<1@x>", sender, 1, "Dell", "")) == client


def of_senders(cast: Shadow, settings: Any) -> list[tuple[Verdict, str]]:
    return [(each.verdict, each.sentence()) for each in shadow.judged(cast, settings, (HOME.name,))]


def test_senders_who_would_be_refused() -> None:
    said = "expected a decision in migration.toml, [[decided]], found 1 messages to "
    hint = "Write down what becomes of its mail: asked to sign, another way agreed, or the loss accepted"
    sent = mail("s@x.example", shadow.UNPROVEN)
    refused = f"<s@x.example>: neither SPF nor DKIM: {said}{OURS} would be refused: neither SPF nor DKIM"
    whole = f"{HOME.name}: expected 0 of 1 messages of the last 30 days would be taken, found 0 of 1 messages of the last 30 days would be taken"
    assert of_senders(*run(sent)) == [(FAIL, f"{refused}. {hint}"), (PASS, whole)]
    decided = Decided(sender="@x.example", why=shadow.UNPROVEN, what="asked to sign")
    assert of_senders(*run(sent, decided=(decided,)))[0] == (PASS, f"{refused}; decided: asked to sign")
    unclear = of_senders(*run(mail("s@x.example", shadow.UNKNOWN)))[0]
    sentence = f"<s@x.example>: cannot be known: {said}{OURS}, of which nothing proves that they would be taken. Ask the sender for SPF, DKIM and reverse DNS, or write down what becomes of its mail"
    assert unclear == (UNKNOWN, sentence)
    (fine,) = of_senders(*run(mail("s@x.example", stored="")))
    assert fine[1].endswith(
        "found 1 of 1 messages of the last 30 days would be taken; 1 of them lie in no mailbox any more, and only their SPF and size could be judged"
    )


def test_mail_to_nobody() -> None:
    stray = mail("s@x.example", address=f"old@{HOME.name}")

    def judged(*messages: Judged, **of_domain: Any) -> list[tuple[Verdict, str]]:
        cast, settings = run(*messages, **of_domain)
        return [(each.verdict, each.found) for each in shadow.judged_stray(cast, settings, (HOME.name,))]

    assert judged(stray, stray, dropped=()) == [(FAIL, "2 messages from <s@x.example>; no rule")]
    assert judged(stray, dropped=("old",)) == [(PASS, "1 messages from <s@x.example>; given up by name")]
    assert judged(mail("s@x.example")) == [(PASS, "all mail went to addresses of the settings")]


def test_an_address_is_one_with_quotes_that_say_nothing_or_without() -> None:
    """Postfix's log quotes it, Cloudflare's events and people don't (RFC 5321, 4.1.2)."""
    assert history.plain(SETTINGS, f'"Taro.+x"@{HOME.name}') == f"taro.@{HOME.name}"
    assert history.plain(SETTINGS, f'"a b"@{HOME.name}') == f'"a b"@{HOME.name}'
    for written in ('"a..b"@docomo.example', "a..b@docomo.example"):
        decided = Decided(sender=written, why=shadow.UNPROVEN, what="asked to sign")
        settings = SETTINGS.model_copy(update={"decided": (decided,)})
        assert settings.decision("a..b@docomo.example", shadow.UNPROVEN) == decided
    dropped = Domain.model_validate(HOME.model_dump() | {"dropped": ('"taro."',)}).dropped
    assert dropped == ("taro.",)


@pytest.mark.parametrize("local", ['"mailto:info"', '"info,"', "José", "a" * 65, '"a b"', '"A@b"', '"a', "a b", "%00"])
def test_whatever_took_mail_can_be_given_up_by_name(local: str) -> None:
    domain = Domain.model_validate(HOME.model_dump() | {"dropped": (local,)})
    settings = SETTINGS.model_copy(update={"domains": (domain,)})
    address = history.plain(settings, f"{local}@{HOME.name}")
    it = Receivers((Receiver(address, HOME.name, ("took mail",), (LOOK,)),), HISTORY)
    assert [each.verdict for each in receivers.judged(it, settings, {}, "a rule")] == [PASS]
    stray, _ = run(mail("s@x.example", address=address))
    assert [each.verdict for each in shadow.judged_stray(stray, settings, (HOME.name,))] == [PASS]


@pytest.mark.parametrize("sender", ["Root@nas", "a@localhost", '"a b"@x.jp', "x@[IPv6:2001:db8::1]", '"a@b"@x.jp', "a b@x.jp", "@nas", "josé@x.jp", ""])  # fmt: skip
def test_whoever_wrote_can_be_decided_on(sender: str) -> None:
    decided = Decided(sender=sender or "<>", why=shadow.UNPROVEN, what="the loss is accepted")
    assert of_senders(*run(mail(sender, shadow.UNPROVEN), decided=(decided,)))[0][0] is PASS


# The snapshot --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recomputed", ["d1", "d2"])
def test_it_is_as_it_was_written(recomputed: str) -> None:
    hint = ". The store was changed by hand: take it from a backup of that day" * (recomputed == "d2")
    judged = says(snapshot.judged_whole(Kept("d1", recomputed, {}, LOOK)), "")
    assert judged == (FAIL if hint else PASS, f"snapshot: expected digest d1, found digest {recomputed}{hint}")


MX = Record("MX", DOMAIN, "mail.x", 300, priority=10)


def zone(*records: Record, complete: bool = True, changes: tuple[Change, ...] = ()) -> Zone:
    return Zone(DOMAIN, records, 2, complete, changes, LOOK)


@pytest.mark.parametrize(
    ("it", "begun", "verdict", "found"),
    [
        (zone(MX), True, PASS, "1 mail records (MX), 2 rules"),
        (zone(MX, complete=False), False, FAIL, f"1 mail records (MX), 2 rules. {TAKE_AGAIN}"),
        (zone(replace(MX, name=f"x.{DOMAIN}")), False, FAIL, f"1 mail records (MX), 2 rules. {TAKE_AGAIN}"),
        (zone(), False, FAIL, f"0 mail records (none), 2 rules. {TAKE_AGAIN}"),
        (zone(complete=False), True, FAIL, f"0 mail records (none), 2 rules. {ADD}"),
    ],
)
def test_each_zone_is_whole(it: Zone, verdict: Verdict, found: str, *, begun: bool) -> None:
    expected = f"{DOMAIN}: expected records with the domain's MX, routing, rules and catch-all, found "
    assert says(snapshot.judged_zone(it, LOOK, begun=begun)) == (verdict, expected + found)


def test_nobody_else_changed_a_record() -> None:
    ours, alien = Change("MX a", "10 x", "10 y", "switch_mx"), Change("TXT a", "old", "new", "")

    def judged(*changes: Change, begun: bool = True, **named: str | None) -> list[Says]:
        accepted = {f"{kind} a": lines for kind, lines in named.items()}
        return all_say(snapshot.judged_changes(zone(changes=changes), accepted, begun=begun))

    assert judged() == [(PASS, f"{DOMAIN}: expected nothing changed, found nothing changed")]
    both = "MX a by switch_mx; MX b by switch_mx"
    assert judged(ours, replace(ours, subject="MX b")) == [(PASS, f"{DOMAIN}: expected {both}, found {both}")]
    said = "TXT a: expected as in the snapshot (old), written by a script of ours, or accepted by name, found new. "
    assert judged(ours, alien) == [(FAIL, said + PUT_BACK)]
    assert judged(alien, begun=False) == [(FAIL, said + TAKE_AGAIN)]
    lacks = snapshot.judged_changes(zone(complete=False, changes=(alien,)), {}, begun=True)
    assert all_say(lacks) == [(FAIL, said + ADD)]
    mine = "MX a by switch_mx; TXT a by accept"
    assert judged(ours, alien, TXT="new (TTL 300)") == [(PASS, f"{DOMAIN}: expected {mine}, found {mine}")]
    two, gone = replace(alien, now="b | c"), replace(alien, now="none")
    for its, lines, verdict in (
        (two, "c (TTL 300, proxied)\nb (TTL 1)", PASS),
        (two, "b (TTL 300)", FAIL),
        (gone, None, PASS),
        (alien, None, FAIL),
    ):
        assert [each for each, _ in judged(its, TXT=lines)] == [verdict]


WHOLE = Host("Dell", {"main.cf": "d", "master.cf": "d"}, (), {"sasl_passwd": "d"}, 9, (), LOOK)


@pytest.mark.parametrize(
    ("it", "by", "begun", "said"),
    [
        (WHOLE, "", False, [(PASS, "2 files, 1 more by digest, 9 parameters, all as they stand")]),
        (replace(WHOLE, changed=("main.cf",)), "prepare_dell", True, [(PASS, "2 files, 1 more by digest, 9 parameters, 1 changed since by prepare_dell")]),
        (replace(WHOLE, name="EC2", changed=("main.cf",)), "accept", True, [(PASS, "2 files, 1 more by digest, 9 parameters, 1 changed since by accept")]),
        (replace(WHOLE, changed=("main.cf",)), "", False, [(FAIL, f"changed since, or gone. {TAKE_AGAIN}")]),
        (replace(WHOLE, name="EC2", changed=("main.cf",)), "", False, [(FAIL, f"changed since, or gone. {PUT_BACK}")]),
        (replace(WHOLE, files={"main.cf": "d"}, broken=("main.cf",)), "", False, [(FAIL, f"nothing. {TAKE_AGAIN}"), (FAIL, f"content that can't be read. {TAKE_AGAIN}")]),
        (replace(WHOLE, files={"main.cf": "d"}, changed=("main.cf",)), "", True, [(FAIL, f"nothing. {FROM_BACKUP}"), (FAIL, f"changed since, or gone. {PUT_BACK}")]),
    ],
)  # fmt: skip
def test_each_machine_could_be_put_back(it: Host, by: str, said: list[tuple[Verdict, str]], *, begun: bool) -> None:
    judged = all_say(snapshot.judged_host(it, by, begun=begun), "")
    assert [each[0] for each in judged] == [each[0] for each in said]
    assert all(one[1].endswith(f", found {other[1]}") for one, other in zip(judged, said, strict=True))


# What a log that lacks something proves ------------------------------------------------------------------------------

ALIVE = Sign("Dell", "/var/log/mail.log", "250 ok", "", ("m",), LOOK)


@pytest.mark.parametrize(
    ("sign", "verdict", "found"),
    [
        (ALIVE, PASS, "the mark, in /var/log/mail.log"),
        (replace(ALIVE, answer="", lines=()), UNKNOWN, "no mark could be left: refused. Without a mark nobody knows whether this log still says what happens: is Postfix up?"),
        (replace(ALIVE, lines=()), UNKNOWN, "Postfix answered (250 ok), and /var/log/mail.log has no word of it. What this log lacks proves nothing. Either Postfix writes elsewhere (maillog_file, or syslog's own rules): name that place in the settings; or nobody writes any more: a full disk, a dead syslog"),
    ],
)  # fmt: skip
def test_a_sign_of_life(sign: Sign, verdict: Verdict, found: str) -> None:
    judged = says(sign_of_life.judged(replace(sign, why="refused")), "")
    assert judged == (verdict, f"Dell's log: expected our own mark of just now, found {found}")
    logs = Receivers((), replace(HISTORY, hosts=()), (sign,))
    assert [each.verdict for each in receivers.judged_logs(logs)] == [verdict]
