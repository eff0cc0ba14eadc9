"""mxgate's Email Worker in the real workerd, fed by the hop, before a server that answers as it is bidden."""

import asyncio
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
import trustme
from cloudflare import APIStatusError, Cloudflare, NotFoundError

from fixtures.lab.emulator.api.app import form
from fixtures.lab.emulator.api.workers import KNOWN_S_MAX
from fixtures.lab.emulator.hop import workerd
from fixtures.lab.emulator.hop.session import SIZE_MAX
from fixtures.lab.emulator.hop.workerd import Running
from fixtures.lab.emulator.hop.workers import Outcome
from fixtures.lab.emulator.rig import ROUTED, SENDER
from fixtures.lab.emulator.state import Worker
from fixtures.probes.cloudflare import email_worker
from tests.emulator.conftest import ACCOUNT, Running as Emulator
from tests.emulator.hop_support import Scene, message
from tests.emulator.worker_support import SOURCE, Deploying, worker

ALICE, BOB = f"alice@{ROUTED}", f"bob@{SENDER}"
PATIENCE = b"45_000"
pytestmark = pytest.mark.usefixtures("trusted")
TAKEN = Outcome()
FOR_NOW = (
    "451 4.3.0 Later",
    "421 4.3.2 Down",
    "299 What",
    "503 5.5.1 What",
    "521 No mail",
    "530 Who",
    "rubbish",
    "",
    None,
)
FOR_GOOD: dict[str | None, str] = {
    "554 5.7.1 No": "5.7.1 No",
    **dict.fromkeys(("550", "550 ", "550-\r\n550 "), "refused"),
}
"""A reply needs no text (RFC 5321, 4.2): the words are then ours, since without any the message would be taken."""
COMMANDS = ("CONNECT", "EHLO", "AUTH", "MAIL", "RCPT", "BDAT", "LAST")


async def test_messages_arrive_as_they_came(deployed: Deploying) -> None:
    eight_bits = "Subject: ü\r\n\r\n\0 ü\r\n".encode() + bytes(range(128, 256)) + b"\r\n"
    sent = [b"", b"\r\n", b".\r\n", b"..\r\n.\r\n...\r\n", b"a: b\r\n\r\n.a\r\nb.\r\n.\r\n", eight_bits, b"no end"]
    sent += [(b"." * 75 + b"\r\n") * 40_000, b"\r\n." * 100_000 + b"\r\n"]
    async with deployed() as (running, dell):
        outcomes = [await running.call(each, BOB, ALICE) for each in sent]
    assert outcomes == [TAKEN] * len(sent)
    assert dell.whole == sent
    assert dell.said[1:4] == [
        "AUTH PLAIN AG14Z2F0ZUBleGFtcGxlLm9yZwBzd8O2cmRmaXNo",
        f"MAIL FROM:<{BOB}> SIZE=0 BODY=8BITMIME",
        f"RCPT TO:<{ALICE}>",
    ]


async def test_a_thousand_at_once_each_arrive_once(deployed: Deploying) -> None:
    sent = [b"Subject: %d\r\n\r\n" % number + b"x" * 4000 + b"\r\n" for number in range(1000)]
    async with deployed() as (running, dell):
        outcomes = await asyncio.gather(*(running.call(each, BOB, ALICE) for each in sent))
    assert set(outcomes) == {TAKEN}
    assert sorted(dell.whole) == sorted(sent)


async def test_nothing_in_a_message_ends_it(deployed: Deploying) -> None:
    more = b"MAIL FROM:<x@x.example>\r\nRCPT TO:<y@y.example>\r\nDATA\r\nsmuggled\r\n.\r\n"
    async with deployed() as (running, dell):
        for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r\n"):
            assert await running.call(b"a" + end + more, BOB, ALICE) == TAKEN
    assert len(dell.whole) == 5
    assert all(each.endswith(b"smuggled\r\n.\r\n") for each in dell.whole)
    assert not any("x.example" in each for each in dell.said)


async def test_only_a_refusal_of_the_message_that_is_for_good_is_for_good(deployed: Deploying) -> None:
    """Whatever else Dell says, or leaves unsaid, and at whatever point: the sender is to try again."""
    assert PATIENCE in SOURCE
    wrong = {}
    async with deployed(SOURCE.replace(PATIENCE, b"1000")) as (running, dell):
        for command in COMMANDS:
            for reply in (*FOR_NOW, *FOR_GOOD):
                dell.replies = {command: reply}
                outcome = await running.call(b"a\r\n" * 6000, BOB, ALICE)  # more than one piece
                verdict = FOR_GOOD.get(reply) if command in {"MAIL", "RCPT", "BDAT", "LAST"} else None
                if (outcome.rejected, bool(outcome.threw)) != (verdict, verdict is None):
                    wrong[command, reply] = outcome
        assert wrong == {}
        dell.replies = {"RCPT": "550-5.1.1 <alice>: unknown\r\n550 5.1.1 in virtual mailbox table"}
        outcome = await running.call(b"a\r\n", BOB, ALICE)
        assert outcome == Outcome(rejected="5.1.1 <alice>: unknown 5.1.1 in virtual mailbox table")
        dell.replies = {}
        assert await running.call(b"a\r\n", BOB, ALICE) == TAKEN


async def test_the_largest_message_arrives_and_little_of_it_is_on_its_way_at_once(deployed: Deploying) -> None:
    """Who sends by a WebSocket does not notice that nobody reads at its other end."""
    largest = (b"x" * 70 + b"\r\n") * (SIZE_MAX // 72)
    async with deployed(SOURCE.replace(PATIENCE, b"9_000")) as (running, dell):
        assert await running.call(largest, BOB, ALICE) == TAKEN
        assert dell.whole == [largest]
        dell.replies = {"BDAT": None}
        assert (await running.call(largest, BOB, ALICE)).threw == "Error: not taken within 9000 ms"
    assert 1 << 20 <= dell.swallowed < 1.1 * (1 << 20)


@pytest.mark.parametrize("deployed", [True], indirect=True)
async def test_cloudflared_loses_what_is_longer_than_it_reads(deployed: Deploying) -> None:
    """The server would wait for the rest of a piece for ever: nothing that is not whole is taken."""
    longer = SOURCE.replace(PATIENCE, b"1000").replace(b"16 * 1024", b"17 * 1024")
    async with deployed(longer) as (running, dell):
        assert (await running.call(b"x" * 18 * 1024, BOB, ALICE)).threw
    assert dell.whole == []


@pytest.mark.parametrize("deployed", [True], indirect=True)
async def test_by_a_tunnel_that_somebody_guards_nobody_gets_through_without_its_token(deployed: Deploying) -> None:
    async with deployed(token=("id.access", "wrong")) as (running, dell):
        assert (await running.call(b"a\r\n", BOB, ALICE)).threw == "Error: the tunnel answers with 302"
    assert dell.said == []


async def test_without_anybody_there_and_with_a_strangers_certificate_it_is_for_now(deployed: Deploying) -> None:
    async with deployed(authority=trustme.CA()) as (running, dell):
        assert (await running.call(b"a\r\n", BOB, ALICE)).threw
    assert dell.said == []
    running = await Running.start(worker(SOURCE, tunnel=int(deployed.tunnel)))
    assert (await running.call(b"a\r\n", BOB, ALICE)).threw
    await running.stop()


async def test_an_international_address_asks_for_its_extension_and_no_address_says_a_command(
    deployed: Deploying,
) -> None:
    async with deployed() as (running, dell):
        assert await running.call(b"a\r\n", "bób@sender.example", ALICE) == TAKEN
        assert (await running.call(b"a\r\n", "bob@x>\r\nRSET", ALICE)).threw
        for nobody in ("", "<>"):
            assert await running.call(b"a\r\n", nobody, ALICE) == TAKEN
    mails = [each for each in dell.said if each.startswith("MAIL")]
    assert mails == [
        "MAIL FROM:<bób@sender.example> SIZE=3 BODY=8BITMIME SMTPUTF8",
        "MAIL FROM:<> SIZE=3 BODY=8BITMIME",
        "MAIL FROM:<> SIZE=3 BODY=8BITMIME",
    ]


def leads_to(stage: Scene, its: Worker) -> None:
    """The catch-all of the routed zone leads to that Worker."""
    stage.world.workers["mxgate"] = its
    stage.zone.routing.rules.clear()
    catch_all = stage.zone.routing.catch_all
    catch_all.enabled, catch_all.actions = True, [{"type": "worker", "value": ["mxgate"]}]


async def test_what_the_worker_does_is_what_the_sender_hears(stage: Scene, deployed: Deploying) -> None:
    """One event for each recipient; a throw by either reading of what is known."""
    async with deployed() as (running, dell):
        leads_to(stage, running.worker)
        assert await stage.send(message(), to=(ALICE, f"bob@{ROUTED}")) == "250 2.0.0 Ok"
        said = {each for each in dell.said if each.startswith("RCPT")}  # in any order: the calls run side by side
        assert said == {f"RCPT TO:<{ALICE}>", f"RCPT TO:<bob@{ROUTED}>"}
        assert message("Hello")[-30:] in dell.whole[0]
        assert dell.whole[0].startswith(b"Received: from client.sender.example.net (127.0.0.1)")
        dell.replies = {"RCPT": "550 5.1.1 <alice>: nobody"}
        assert (await stage.send(message())).startswith("550 5.7.1 5.1.1 <alice>: nobody ")
        dell.replies, dell.said = {"RCPT": "451 4.2.2 full"}, []
        assert (await stage.send(message())).startswith("451 4.3.0 Worker call failed ")
        stage.world.knobs.worker_throws = "rejected"
        assert (await stage.send(message())).startswith("550 5.7.1 Worker call failed for 3 times, aborting ")
        assert len([each for each in dell.said if each.startswith("RCPT")]) == 4
        dell.replies, dell.said = {}, []
        stage.world.knobs.worker_throws = "deferred"
        stage.world.lost.add(stage.zone.routing.catch_all.id)  # an upload has lost where it leads
        assert (await stage.send(message())).startswith("451 4.3.0 Worker call failed ")
        assert dell.said == []
    seen = [(row["action"], row["status"]) for row in stage.world.events]
    assert seen == [("worker", each) for each in ("dropped", "dropped", "rejected", "error", "error", "error")]


async def test_a_worker_that_takes_too_long_or_is_no_script(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(
        stage, worker(b"export default { async email() { await new Promise((done) => setTimeout(done, 9000)); } };")
    )
    with monkeypatch.context() as patch:
        patch.setattr(workerd, "ANSWER_S_MAX", 0.5)
        assert (await stage.send(message())).startswith("550 5.7.1 Worker took too long ")
    leads_to(stage, worker(b"no script {"))
    assert (await stage.send(message())).startswith("451 4.3.0 Worker call failed ")
    assert stage.world.events[-1]["errorDetail"].startswith("the runtime has ended")


async def test_a_runtime_that_is_killed_is_started_again(stage: Scene, deployed: Deploying) -> None:
    async with deployed() as (running, dell):
        leads_to(stage, running.worker)
        assert await stage.send(message()) == "250 2.0.0 Ok"
        (there,) = stage.hop.workers.running.values()
        dell.replies = {"LAST": None}
        sending = asyncio.create_task(stage.send(message()))
        while len(dell.whole) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        there.process.kill()
        assert (await sending).startswith("451 4.3.0 Worker call failed ")
        dell.replies = {}
        assert await stage.send(message()) == "250 2.0.0 Ok"


def test_a_script_is_uploaded_looked_at_and_deleted(client: Cloudflare, emulator: Emulator) -> None:
    scripts: Any = client.workers.scripts
    here = {"account_id": ACCOUNT}
    bindings = [
        {"name": "HOST", "type": "plain_text", "text": "dell"},
        {"name": "PASSWORD", "type": "secret_text", "text": "s3cret"},
    ]
    metadata = {"main_module": "worker.js", "compatibility_date": "2026-04-01", "bindings": bindings}
    to_it: dict[str, Any] = {
        "zone_id": emulator.zone.id,
        "matchers": [{"type": "all"}],
        "actions": [{"type": "worker", "value": ["mxgate"]}],
    }
    with pytest.raises(NotFoundError, match="2016"):
        client.email_routing.rules.catch_alls.update(**to_it)
    scripts.update("mxgate", **here, metadata=metadata, files=[("worker.js", SOURCE, "application/javascript+module")])
    with pytest.raises(NotFoundError, match="2016"):
        client.email_routing.rules.catch_alls.update(**to_it)
    emulator.world.clock.advance(KNOWN_S_MAX)
    assert [each.id for each in scripts.list(**here)] == ["mxgate"]
    content = scripts.content.get("mxgate", **here)
    assert form(content.headers["content-type"], content.read()) == {"worker.js": SOURCE}
    shown = scripts.script_and_version_settings.get("mxgate", **here).to_dict()["bindings"]
    assert shown == [bindings[0], {"name": "PASSWORD", "type": "secret_text"}]
    client.email_routing.rules.catch_alls.update(**to_it, enabled=True)
    assert emulator.zone.routing.catch_all.actions == to_it["actions"]
    assert "s3cret" not in emulator.management.get("/requests").text
    scripts.delete("mxgate", **here)
    with pytest.raises(NotFoundError, match="10007"):
        scripts.content.get("mxgate", **here)


def test_who_asks_sees_which_versions_serve(
    client: Cloudflare, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was uploaded last, for all, unless another hand has deployed otherwise."""
    monkeypatch.setattr(email_worker, "client", lambda _: client)
    migration: Any = Mock()
    migration.settings.cloudflare.account_id, migration.settings.route.name = ACCOUNT, "mxgate"
    emulator.world.workers["mxgate"] = its = worker(SOURCE)
    found = email_worker.serving(migration)
    assert (found.newest, found.shares) == (its.version, {its.version: 100})
    emulator.world.workers["mxgate"] = replace(its, shares={its.version: 90, "old": 10})
    assert email_worker.serving(migration).shares == {its.version: 90, "old": 10}


NO_DATES: Any = (None, 0, [], {}, "٢026-04-01")


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, "No such module"),
        ({"main_module": "other.js"}, "No such module"),
        ({"main_module": "worker.js", "compatibility_date": "today"}, "compatibility date"),
        ({"main_module": "worker.js", "bindings": [{"type": "kv_namespace", "name": "A"}]}, "Not emulated"),
        ({"main_module": "worker.js", "bindings": [{"type": "plain_text", "name": "A-B"}]}, "Invalid binding name"),
        ({"main_module": "worker.js", "keep_bindings": ["secret_text"]}, "Not emulated"),
        *(({"main_module": "worker.js", "bindings": each}, "bindings: expected a list") for each in (None, True, 1.5)),
        ({"main_module": "worker.js", "bindings": [{"type": []}]}, "Not emulated"),
        *(
            ({"main_module": "worker.js", "compatibility_date": each}, "Invalid compatibility date")
            for each in NO_DATES
        ),
        ({"main_module": "日.js"}, "main_module: expected printable ASCII"),
        ({"main_module": "binary.js"}, "binary.js: expected UTF-8"),
    ],
)
def test_scripts_refused(client: Cloudflare, metadata: Any, said: str) -> None:
    files = [("worker.js", b""), ("日.js", b""), ("binary.js", b"\xff\xfe")]
    with pytest.raises(APIStatusError, match=said) as refused:
        client.workers.scripts.update("w", account_id=ACCOUNT, metadata=metadata, files=files)
    assert refused.value.status_code in {400, 501}
