"""A Worker that Cloudflare ends for its CPU time, or that has made too many subrequests: what its sender hears.

It is ended wherever it stands, and Dell has the message or has not. Nothing that was acknowledged is lost by that; what
Dell had taken comes twice.
"""

from dataclasses import replace

import pytest

from fixtures.lab.emulator.hop.session import SIZE_MAX
from fixtures.lab.emulator.hop.workers import Outcome
from tests.emulator.hop_support import Scene, message
from tests.emulator.test_buckets import FAILED, SOON, keeps, mail
from tests.emulator.test_workers import ALICE, BOB, TAKEN, leads_to
from tests.emulator.worker_support import SOURCE, Deploying

pytestmark = pytest.mark.usefixtures("trusted")
DEFERRED, ENDED = "451 4.3.0 Worker call failed ", Outcome(exceeded="exceededCpu")
BURNING, FOR_EVER_MS = b"for (;;);", 200
BEFORE, AFTER = b"reading = true;", b"if (refusal) message.setReject(refusal);"


@pytest.mark.parametrize(
    ("where", "copies"), [(BEFORE, 0), (AFTER, 1)], ids=["before Dell has it", "after Dell has taken it"]
)
async def test_ended_where_it_stands_the_sender_hears_what_the_knob_says(
    stage: Scene, deployed: Deploying, where: bytes, copies: int
) -> None:
    """And tries again where it was for now: what Dell had taken it has twice then, and what is refused it may have."""
    assert where in SOURCE
    stage.world.knobs.worker_cpu_ms = FOR_EVER_MS
    async with deployed(SOURCE.replace(where, BURNING)) as (running, dell):
        leads_to(stage, running.worker)
        assert (await stage.send(sent := message())).startswith(DEFERRED)
        assert len(dell.whole) == copies
        assert stage.world.events[-1]["errorDetail"] == "exceededCpu"
        leads_to(stage, replace(running.worker, source=SOURCE))
        assert await stage.send(sent) == "250 2.0.0 Ok"
        assert [each[-len(sent) :] for each in dell.whole] == [sent] * (copies + 1)
        leads_to(stage, running.worker)
        stage.world.knobs.worker_exceeds = "rejected"
        assert (await stage.send(message())).startswith(FAILED)
        assert len(dell.whole) == copies + 1 + 3 * copies


async def test_a_large_message_takes_more_and_is_ended_half_way(deployed: Deploying) -> None:
    """By what it really takes. Dell never has it whole; a small one, and one with more time, get through."""
    largest = (b"x" * 70 + b"\r\n") * (SIZE_MAX // 72)
    async with deployed() as (running, dell):
        assert await running.call(b"a\r\n", BOB, ALICE) == TAKEN
        running.knobs.worker_cpu_ms = 60
        assert await running.call(b"a\r\n", BOB, ALICE) == TAKEN
        assert await running.call(largest, BOB, ALICE) == ENDED
        assert dell.whole == [b"a\r\n"] * 2
        assert any(each.startswith("BDAT 16384") for each in dell.said)


async def test_a_worker_that_is_ended_keeps_nothing_and_acknowledges_nothing(stage: Scene, deployed: Deploying) -> None:
    async with deployed(SOON.replace(BEFORE, BURNING)) as (running, dell):
        objects = keeps(stage, running.worker)
        stage.world.knobs.worker_cpu_ms = FOR_EVER_MS
        assert (await stage.send(message())).startswith(DEFERRED)
        assert (dell.whole, objects) == ([], {})


@pytest.mark.parametrize(("most", "said"), [(0, DEFERRED), (1, "250 2.0.0 Ok")])
async def test_one_subrequest_is_all_that_it_needs(stage: Scene, deployed: Deploying, most: int, said: str) -> None:
    async with deployed() as (running, dell):
        leads_to(stage, running.worker)
        stage.world.knobs.worker_subrequests = most
        assert (await stage.send(message())).startswith(said)
        assert len(dell.whole) == most


@pytest.mark.parametrize(("most", "taken", "kept"), [(1, False, False), (2, True, False), (3, True, True)])
async def test_with_a_bucket_it_needs_three(
    stage: Scene, deployed: Deploying, most: int, taken: bool, kept: bool
) -> None:
    """To look for a mark, to reach Dell, and to keep what Dell does not take. With fewer nothing is acknowledged."""
    async with deployed(SOON) as (running, dell):
        objects = keeps(stage, running.worker)
        stage.world.knobs.worker_subrequests = most
        assert (await stage.send(message())).startswith("250" if taken else FAILED)
        assert len(dell.whole) == taken
        dell.replies = {"RCPT": "451 4.3.0 Later"}
        assert (await stage.send(message())).startswith("250" if kept else FAILED)
        assert len(mail(objects)) == kept
