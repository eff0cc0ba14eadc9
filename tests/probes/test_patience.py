"""Cloudflare's limit on requests is waited out, once for all that run into it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import httpx
import pytest

from fixtures.access.clock import Clock
from fixtures.probes.cloudflare import rate_limit
from fixtures.probes.cloudflare.rate_limit import ANSWER_S_MAX, WAIT_S_MAX, Hurried, Patient, asked_s, wait_s
from tests.emulator.conftest import Running, authority, authority_file, certificate, emulator, signing_key, trust

__all__ = ["authority", "authority_file", "certificate", "emulator", "signing_key", "trust"]  # fixtures
LIMIT, BLOCK_S = 10, 300


def asked(emulator: Running, times: int) -> list[int]:
    """The status of so many requests, four at once."""
    url, headers = f"{emulator.url}/client/v4/zones", {"Authorization": "Bearer all"}
    with Patient(emulator.world.clock, verify=emulator.tls) as api, ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: api.get(url, headers=headers).status_code, range(times)))


def test_the_limit_is_waited_out_once(emulator: Running, capsys: pytest.CaptureFixture[str]) -> None:
    emulator.management.post("/knobs", json={"rate_limit": LIMIT})
    clock = emulator.world.clock
    began = clock.now()
    assert asked(emulator, LIMIT + 5) == [200] * (LIMIT + 5)
    assert BLOCK_S - 5 < clock.now() - began < BLOCK_S + 10
    assert "no more requests for 30" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('"default";r=50;t=30', 30),
        ('"default";r=300;t=30', 0),
        ('"default";r=250;t=280, "burst";r=99;t=1', 280),
        ('"default";r=1100;t=290, "burst";r=99;t=60', 0),
        ('"of no policy";r=50;t=30', 0),
        ('"default";r=1199;t=1', 0),
        ("", 0),
        ("nonsense", 0),
    ],
)
def test_what_is_left_is_enough_or_is_waited_for(said: str, expected: float) -> None:
    policy = '"default";q=1200;w=300, "burst";q=100;w=60'
    assert wait_s(300, httpx.Headers({"Ratelimit": said, "Ratelimit-Policy": policy} if said else {})) == expected


@pytest.mark.parametrize("after_s", [0, int(WAIT_S_MAX) + 1])
def test_no_time_or_too_long_a_time_is_reported_to_the_caller(emulator: Running, after_s: int) -> None:
    fault = {"path": "/zones", "status": 429, "retry_after_s": after_s, "times": 1}
    assert emulator.management.post("/faults", json=fault).is_success
    began = emulator.world.clock.now()
    assert asked(emulator, 1) == [429]
    assert emulator.world.clock.now() - began < 30


def test_a_limit_may_end_at_a_date() -> None:
    """A cache or a proxy may say so; the API itself gives seconds."""
    at = formatdate(time.time() + 90, usegmt=True)
    assert 80 < asked_s(httpx.Response(429, headers={"retry-after": at})) <= 90
    assert asked_s(httpx.Response(429, headers={"retry-after": "some day, perhaps"})) == 0
    for never in ("inf", formatdate(time.time() - 90, usegmt=True)):
        assert asked_s(httpx.Response(429, headers={"retry-after": never})) == 0
    assert asked_s(httpx.Response(503, headers={"retry-after": at})) == 0


def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each octet in time, and the whole never."""

    class Dripping(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"{}"
            while not ended:
                time.sleep(0.05)
                yield b" "

    monkeypatch.setattr(rate_limit, "BODY_S_MAX", 0.3)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Dripping()))
    with Patient(Clock(), transport=transport) as api:
        ended = True
        assert api.get("https://api.example/").json() == {}
        ended = False
        with pytest.raises(httpx.ReadTimeout, match="has not ended"):
            api.get("https://api.example/")


@pytest.mark.parametrize("kind", ["timeout", "status"])
def test_in_a_hurry_nothing_is_waited_for_in_silence(
    emulator: Running, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """Neither an API that hangs, nor a limit on requests: whoever asks has another way."""
    fault = {"path": "/zones", "kind": kind, "status": 429, "retry_after_s": 60, "times": 9}
    assert emulator.management.post("/faults", json=fault).is_success
    began = time.monotonic()
    with Hurried(verify=emulator.tls, timeout=4) as api:
        if kind == "timeout":
            with pytest.raises(httpx.TimeoutException):
                api.get(f"{emulator.url}/client/v4/zones")
            assert "no answer from 127.0.0.1 for 3 s" in capsys.readouterr().err
        else:
            reply = api.get(f"{emulator.url}/client/v4/zones")
            assert (reply.status_code, reply.headers["x-should-retry"]) == (429, "false")
    assert time.monotonic() - began < ANSWER_S_MAX + 2
