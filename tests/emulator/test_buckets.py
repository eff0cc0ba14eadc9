"""Mail that can't be handed over now waits in a bucket of R2: the Worker in the real workerd, and R2's own answers."""

import base64
import socket
import subprocess
from dataclasses import replace
from hashlib import sha256
from typing import Any

import boto3
import pytest
from botocore.client import Config
from botocore.exceptions import ClientError
from cloudflare import APIStatusError, Cloudflare

from fixtures.lab.emulator.hop import workerd
from fixtures.lab.emulator.rig import SENDER
from fixtures.lab.emulator.state import Bucket, Stored, Worker
from tests.emulator.conftest import ACCOUNT, Running as Emulator
from tests.emulator.hop_support import Scene, message
from tests.emulator.test_workers import ALICE, BOB, COMMANDS, PATIENCE, leads_to
from tests.emulator.worker_support import SOURCE, Deploying, worker

NAME, MARK = "waiting", "half-way"
SOON = SOURCE.replace(b"15_000", b"500").replace(PATIENCE, b"1000")
pytestmark = pytest.mark.usefixtures("trusted")
TAKEN, FAILED = "250 2.0.0 Ok", "550 5.7.1 Worker call failed for 3 times, aborting "


def keeps(stage: Scene, its: Worker) -> dict[str, Stored]:
    """Throws are for good, and the Worker has a bucket, which is returned."""
    leads_to(stage, replace(its, buckets={"BUCKET": NAME}))
    stage.world.buckets[NAME] = made = Bucket(NAME, "")
    stage.world.knobs.worker_throws = "rejected"
    return made.objects


def mail(objects: dict[str, Stored]) -> list[tuple[str, str, bytes]]:
    """From, to and text of what waits, the oldest first, and none of it left."""
    found = [objects.pop(key) for key in sorted(objects) if key.startswith("mail/")]
    named = [[base64.b64decode(each.metadata[name]).decode() for name in ("from", "to")] for each in found]
    return [(sender, to, each.body) for (sender, to), each in zip(named, found, strict=True)]


async def test_without_a_bucket_it_bounces(stage: Scene) -> None:
    leads_to(stage, worker(SOON))
    stage.world.knobs.worker_throws = "rejected"
    assert (await stage.send(message())).startswith(FAILED)


async def test_whatever_fails_before_the_message_is_kept(stage: Scene, deployed: Deploying) -> None:
    """But for what Dell refuses for good, and what it has taken."""
    wrong = {}
    async with deployed(SOON) as (running, dell):
        objects = keeps(stage, running.worker)
        for command in COMMANDS[:-2]:
            for reply in ("451 4.3.0 Later", "421 4.3.2 Down", "554 5.7.1 No", "rubbish", "", None):
                dell.replies = {command: reply}
                said = await stage.send(sent := message())
                refused = reply == "554 5.7.1 No" and command in {"MAIL", "RCPT"}
                waits = [(sender, to, body[-len(sent) :]) for sender, to, body in mail(objects)]
                expected = [] if refused else [(BOB, ALICE, sent)]
                if waits != expected or said.startswith("550 5.7.1 5.7.1 No") != refused:
                    wrong[command, reply] = said, waits
        dell.replies = {}
        assert await stage.send(message()) == TAKEN
    assert wrong == {}
    assert objects == {}
    assert await stage.send(message()) == TAKEN  # nobody is there
    ((_, _, body),) = mail(objects)
    assert body.startswith(b"Received: from client.")


@pytest.mark.parametrize("reply", ["451 4.7.1 Greylisted", "", None])
async def test_what_fails_half_way_is_kept_at_the_next_call(
    stage: Scene, deployed: Deploying, reply: str | None
) -> None:
    """Also by a Dell that fails so each time; and what comes within a minute of it."""
    async with deployed(SOON) as (running, dell):
        objects = keeps(stage, running.worker)
        dell.replies = {"LAST": reply}
        assert await stage.send(message()) == TAKEN
        assert len(dell.whole) == 1
        dell.replies = {}
        assert await stage.send(message()) == TAKEN
        assert len(mail(objects)) == 2
        objects[MARK] = replace(objects[MARK], uploaded=objects[MARK].uploaded - 61)
        assert await stage.send(message()) == TAKEN
        assert len(dell.whole) == 2
    assert list(objects) == [MARK]


async def test_where_the_bucket_can_t_be_had_it_throws(stage: Scene, deployed: Deploying) -> None:
    """And as long as Dell takes mail, nobody misses it."""
    async with deployed(SOON) as (running, dell):
        keeps(stage, running.worker)
        del stage.world.buckets[NAME]
        assert await stage.send(message()) == TAKEN
        dell.replies = {"RCPT": "451 4.3.0 Later"}
        assert (await stage.send(message())).startswith(FAILED)


async def test_a_bucket_that_does_not_answer_holds_up_nothing_for_long(
    stage: Scene, deployed: Deploying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes too long would be refused for good."""
    monkeypatch.setattr(workerd, "ANSWER_S_MAX", 4.0)
    impatient = SOON
    for bound in (b"3_000", b"30_000", b"2_000"):
        impatient = impatient.replace(bound, b"300")
    async with deployed(impatient) as (running, dell):
        objects = keeps(stage, running.worker)
        stage.world.knobs.worker_throws = "deferred"
        stage.world.buckets[NAME].answers_s = 9
        assert await stage.send(message()) == TAKEN
        for command in ("RCPT", "LAST"):
            dell.replies = {command: "451 4.3.0 Later"}
            assert (await stage.send(message())).startswith("451 4.3.0 Worker call failed ")
    assert (len(dell.whole), objects) == (2, {})


async def test_what_dell_answers_once_a_message_is_being_kept_gets_it_nothing(
    stage: Scene, deployed: Deploying
) -> None:
    async with deployed(SOON) as (running, dell):
        objects = keeps(stage, running.worker)
        dell.late_s, stage.world.buckets[NAME].answers_s = {"RCPT": 1}, 1.5
        assert await stage.send(message()) == TAKEN
        assert len(mail(objects)) == 1
    assert [each for each in dell.said if each.startswith("BDAT")] == []


async def test_a_large_message_and_an_international_one_are_kept_whole(stage: Scene) -> None:
    objects = keeps(stage, worker(SOON))
    sender = f"bób@{SENDER}"
    running = await stage.hop.workers._run("mxgate")  # past the session, which refuses such a sender
    large = b"Subject: x\r\n\r\n" + (b"." * 75 + b"\r\n") * 300_000
    for who, what in ((sender, large), ("", b""), ("<>", b"a"), ("bob@x>\r\nRSET", b"a")):
        await running.call(what, who, ALICE)
    assert mail(objects) == [(sender, ALICE, large), ("", ALICE, b""), ("", ALICE, b"a")]


def test_buckets_are_made_and_deleted_when_empty(client: Cloudflare, emulator: Emulator) -> None:
    here: dict[str, Any] = {"account_id": ACCOUNT}
    buckets = client.r2.buckets
    made = buckets.create(**here, name=NAME)
    assert (made.name, [each.name for each in buckets.list(**here).buckets or ()]) == (NAME, [NAME])
    assert buckets.get(NAME, **here).name == NAME
    with pytest.raises(APIStatusError, match="10073"):
        buckets.create(**here, name=NAME)
    with pytest.raises(APIStatusError, match="10005"):
        buckets.create(**here, name="No_Bucket")
    stored = Stored(b"x", {"to": "YQ=="}, 0, "2026-11-27T00:00:00Z")
    emulator.world.buckets[NAME].objects |= {f"mail/{number:02}": stored for number in range(45)}
    listed = list(buckets.objects.list(NAME, **here, prefix="mail/"))
    assert [each.key for each in listed] == [f"mail/{number:02}" for number in range(45)]
    assert (listed[0].size, listed[0].custom_metadata) == (1, {"to": "YQ=="})
    with pytest.raises(APIStatusError, match="10008"):
        buckets.delete(NAME, **here)
    emulator.world.buckets[NAME].objects.clear()
    buckets.delete(NAME, **here)
    with pytest.raises(APIStatusError, match="10006"):
        buckets.get(NAME, **here)


def test_a_worker_is_given_only_a_bucket_that_is_there(client: Cloudflare) -> None:
    binding = {"type": "r2_bucket", "name": "BUCKET", "bucket_name": NAME}
    given: dict[str, Any] = {
        "account_id": ACCOUNT,
        "metadata": {"main_module": "worker.js", "bindings": [binding]},
        "files": [("worker.js", SOURCE, "application/javascript+module")],
    }
    with pytest.raises(APIStatusError, match="10085"):
        client.workers.scripts.update("mxgate", **given)
    client.r2.buckets.create(account_id=ACCOUNT, name=NAME)
    client.workers.scripts.update("mxgate", **given)
    shown = client.workers.scripts.script_and_version_settings.get("mxgate", account_id=ACCOUNT).to_dict()
    assert shown["bindings"] == [binding]


def curl(emulator: Emulator, path: str, *words: str, secret: str = sha256(b"all").hexdigest(), key: str = "") -> str:
    """What R2 answers to curl, by the keys of the one token that there is, or others."""
    host, port = f"{ACCOUNT}.r2.cloudflarestorage.com", emulator.url.rpartition(":")[2]
    keys = f"{key or emulator.world.tokens[0].id}:{secret}"
    settings = f'user = "{keys}"\naws-sigv4 = "aws:amz:auto:s3"\ninsecure\n'
    there = ["--connect-to", f"{host}:443:127.0.0.1:{port}", f"https://{host}{path}", *words]
    command = ["curl", "-sK", "-", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *there]
    return subprocess.run(command, input=settings, capture_output=True, text=True, check=True).stdout


def test_curl_lists_reads_and_deletes_by_its_keys(emulator: Emulator) -> None:
    (token,) = emulator.world.tokens
    emulator.world.buckets[NAME] = Bucket(NAME, "")
    for number in range(3):
        stored = Stored(b"text %d" % number, {"to": "YQ=="}, 0, "2026-11-27T00:00:00Z")
        emulator.world.buckets[NAME].objects[f"mail/{number}"] = stored
    listed = curl(emulator, f"/{NAME}?list-type=2&max-keys=2&prefix=mail%2F")
    assert "<Key>mail/0</Key>" in listed
    assert "<Key>mail/2</Key>" not in listed
    assert "<IsTruncated>true</IsTruncated>" in listed
    read = curl(emulator, f"/{NAME}/mail/1", "-i")
    assert "x-amz-meta-to: YQ==" in read
    assert read.endswith("text 1")
    assert "SignatureDoesNotMatch" in curl(emulator, f"/{NAME}/mail/1", secret="wrong")
    assert "Unauthorized" in curl(emulator, f"/{NAME}/mail/1", key="f" * 32)
    assert curl(emulator, f"/{NAME}/mail/1", "-X", "DELETE") == ""
    assert "NoSuchKey" in curl(emulator, f"/{NAME}/mail/1")
    assert list(emulator.world.buckets[NAME].objects) == ["mail/0", "mail/2"]
    curl(emulator, f"/{NAME}/mail/3", "-X", "PUT", "-d", "text 3", "-H", "x-amz-meta-to: Yg==")
    assert emulator.world.buckets[NAME].objects["mail/3"].metadata == {"to": "Yg=="}
    token.scopes = frozenset()
    assert "AccessDenied" in curl(emulator, f"/{NAME}/mail/2")


@pytest.mark.parametrize(
    ("most", "said"),
    [
        *((most, "<Code>InvalidArgument</Code>") for most in ("abc", "-1", "%D9%A1", "9" * 10, "")),
        ("0", "<IsTruncated>false</IsTruncated></ListBucketResult>"),
    ],
)
def test_keys_at_most_are_a_whole_number(emulator: Emulator, most: str, said: str) -> None:
    emulator.world.buckets[NAME] = Bucket(NAME, "", {"a": Stored(b"", {}, 0, "")})
    assert said in curl(emulator, f"/{NAME}?list-type=2&max-keys={most}")


def test_only_an_administrators_keys_list_buckets_and_a_buckets_own_open_no_other(emulator: Emulator) -> None:
    (token,) = emulator.world.tokens
    emulator.world.buckets = {name: Bucket(name, "") for name in (NAME, "other")}
    for scope, opened in (
        (f"objects:edit:{NAME}", [NAME]),
        (f"objects:read:{NAME}", [NAME]),
        ("objects:edit", [NAME, "other"]),
        ("r2:edit", ["", NAME, "other"]),
    ):
        token.scopes = frozenset({scope})
        said = {name: curl(emulator, f"/{name}?list-type=2") for name in ("", NAME, "other")}
        assert [name for name, answer in said.items() if "AccessDenied" not in answer] == opened
        refused = "AccessDenied" in curl(emulator, f"/{NAME}/none", "-X", "DELETE")
        assert refused == ("read" in scope)


def test_boto3_is_refused_what_r2_does_not_take_and_what_would_have_no_effect(
    emulator: Emulator, authority_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its uploads of today come in chunks with a checksum at the end: nothing of that may be kept as the object."""
    known, host = socket.getaddrinfo, f"{ACCOUNT}.r2.cloudflarestorage.com"
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *more, **named: known("127.0.0.1", *more, **named))

    def client(checksums: Any) -> Any:
        port, (token,) = emulator.url.rpartition(":")[2], emulator.world.tokens
        keys = {"aws_access_key_id": token.id, "aws_secret_access_key": sha256(b"all").hexdigest()}
        config = Config(request_checksum_calculation=checksums, retries={"total_max_attempts": 1})
        made: Any = boto3.client  # no types of S3 are installed
        return made("s3", "auto", endpoint_url=f"https://{host}:{port}", verify=authority_file, config=config, **keys)

    emulator.world.buckets[NAME] = Bucket(NAME, "")
    r2, it = client("when_required"), {"Bucket": NAME, "Key": "a"}
    asked: list[Any] = [
        lambda: client("when_supported").put_object(**it, Body=b"text"),
        lambda: r2.put_object(**it, Body=b"text", IfNoneMatch="*"),
        lambda: r2.copy_object(**it, CopySource=f"{NAME}/b"),
        lambda: r2.get_object(**it, Range="bytes=1-2"),
        lambda: r2.list_objects_v2(Bucket=NAME, Delimiter="/"),
    ]
    for ask in asked:
        with pytest.raises(ClientError, match="NotImplemented"):
            ask()
    assert emulator.world.buckets[NAME].objects == {}
    tag = r2.put_object(**it, Body=b"text")["ETag"]
    assert (r2.get_object(**it)["ETag"], r2.list_objects_v2(Bucket=NAME)["Contents"][0]["Size"]) == (tag, 4)
    assert r2.head_bucket(Bucket=NAME)["ResponseMetadata"]["HTTPStatusCode"] == 200
