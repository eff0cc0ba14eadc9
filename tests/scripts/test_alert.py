"""Alarms: what is sent and when, on real HTTP to a receiver here, and what is said of a way that fails."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from fixtures.evidence import Verdict
from fixtures.evidence.redaction import redact
from fixtures.gates import nights
from fixtures.migration import Migration, open_migration
from fixtures.migration.progress import Kind, Stage
from fixtures.plan.gates import Gate
from fixtures.watching.watch import CAME_LATE
from scripts import alert
from scripts.lib.alarms.paths import Herald, ways
from tests.conftest import minimal
from tests.gates.conftest import came_out
from tests.scripts.receiver import Receiver, receiving

PILOT = "pilot.example.net"
TOKEN = "T0ken-in-the-path"
NIGHT = Stage(Gate.PHASE4, (PILOT,), "night-phase4", Kind.NIGHT)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def config(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MXGATE_ALARM_URLS", f"json://127.0.0.1:{receiver.port}/{TOKEN}")
    monkeypatch.setenv("MXGATE_HEALTHCHECK_URL", f"http://127.0.0.1:{receiver.port}/ping")
    return minimal(tmp_path, "[alarm]\ntries = 2\npause_s = 0\n")


@pytest.fixture
def migration(config: Path) -> Migration:
    return open_migration(config)


def run(config: Path, *options: str) -> int:
    return alert.main(["--config", str(config), *options])


def night(migration: Migration, verdict: Verdict, *, ago_s: float = 0, stage: Stage = NIGHT) -> None:
    nights.keep(migration, stage, f"run {time.time()}", verdict, [came_out(stage, verdict, "N-7")], target="lab:one")
    if ago_s:
        _shift(migration, ago_s)


def _shift(migration: Migration, ago_s: float) -> None:
    with migration.store.engine.begin() as db:
        db.exec_driver_sql(f"UPDATE records SET at = at - {ago_s}")


def judged(migration: Migration, verdict: str, gate: str = "phase4") -> None:
    about = {"target": "t", "settings": "s", "suite": "0", "present": "p", "run": "r"}
    body = {"judged": {"S-1": verdict, "N-7": "pass"}}
    migration.store.put_verdict(gate=gate, domain="", verdict=verdict, body=body, **about)


def test_a_change_is_reported_once(config: Path, migration: Migration, receiver: Receiver) -> None:
    for verdict, news in (
        (Verdict.PASS, []),
        (Verdict.FAIL, ["mxgate: the night was red"]),
        (Verdict.FAIL, []),
        (Verdict.INCONCLUSIVE, ["mxgate: the night was inconclusive"]),
        (Verdict.PASS, ["mxgate: the night was green"]),
        (Verdict.PASS, []),
    ):
        receiver.got.clear()
        night(migration, verdict)
        assert run(config) == 0
        assert receiver.titles == news
        assert run(config) == 0
        assert receiver.titles == news  # not a second time
    assert receiver.pings == 0


def test_a_gate_that_closes_names_what_did_not_hold(config: Path, migration: Migration, receiver: Receiver) -> None:
    for verdict in ("pass", "fail", "pass"):
        judged(migration, verdict)
        assert run(config) == 0
    assert receiver.titles == [
        "mxgate: gate phase4 is closed (fail) for the whole migration",
        "mxgate: gate phase4 is open for the whole migration",
    ]
    assert receiver.got[0][2] == "S-1: fail"
    migration.store.void_verdict("phase4", "")  # being judged again
    assert run(config) == 0
    assert len(receiver.titles) == 2


def test_a_red_night_that_lasts_is_reported_again(config: Path, migration: Migration, receiver: Receiver) -> None:
    night(migration, Verdict.FAIL)
    assert run(config) == 0
    _shift(migration, 25 * 3600)
    assert run(config) == 0
    assert receiver.titles == ["mxgate: the night was red"] * 2


def test_silence(config: Path, migration: Migration, receiver: Receiver) -> None:
    """The ping comes as long as nights come, and stays away with them."""
    assert run(config, "--check-silence") == 0
    night(migration, Verdict.PASS, ago_s=25 * 3600)
    assert run(config, "--check-silence") == 0
    assert (receiver.titles, receiver.pings) == ([], 2)
    _shift(migration, 2 * 3600)
    assert run(config, "--check-silence") == 0
    assert run(config, "--check-silence") == 0
    assert (receiver.titles, receiver.pings) == (["mxgate: no night for 27 h"], 2)
    assert "at most 26 h may pass" in receiver.got[-1][2]
    night(migration, Verdict.PASS)
    assert run(config, "--check-silence") == 0
    assert receiver.titles[1:] == ["mxgate: nights are heard of again"]
    assert receiver.pings == 3


def test_nights_are_missed_from_the_switch_on(config: Path, migration: Migration, receiver: Receiver) -> None:
    migration.store.record("done", PILOT, script="switch_mx", plan="")
    assert run(config, "--check-silence") == 0
    assert (receiver.titles, receiver.pings) == ([], 1)
    _shift(migration, 27 * 3600)
    assert run(config, "--check-silence") == 0
    assert receiver.titles == ["mxgate: no night for 27 h"]
    assert "none since the switch" in receiver.got[-1][2]


def test_after_sign_off_a_week_may_pass(config: Path, migration: Migration, receiver: Receiver) -> None:
    week = Stage(Gate.SIGNOFF, (PILOT,), "week", Kind.WEEK)
    migration.store.record("done", script="delete_ec2", plan="")
    night(migration, Verdict.PASS, ago_s=7 * 86_400, stage=week)
    assert run(config, "--check-silence") == 0
    assert receiver.titles == []
    _shift(migration, 2 * 86_400)
    assert run(config, "--check-silence") == 0
    assert receiver.titles == ["mxgate: no weekly run for 216 h"]


def switched(migration: Migration, **beat: Any) -> None:
    now = migration.clock.now()
    migration.store.record("done", PILOT, script="switch_mx", plan="")
    migration.store.record("switch", PILOT, began=now, ended=now, real_began=now, real_ended=now, before=[], after=[])
    migration.store.record("watch", PILOT, running=True, **beat)


@pytest.mark.parametrize("age_s", [601, -32_400], ids=["silent", "before the clock went back"])
def test_a_watch_that_is_no_more_is_reported(
    config: Path, migration: Migration, receiver: Receiver, age_s: float
) -> None:
    switched(migration)
    night(migration, Verdict.PASS)
    assert run(config, "--check-silence") == 0
    assert receiver.titles == []
    with migration.store.engine.begin() as db:
        db.exec_driver_sql(f"UPDATE records SET real_at = real_at - {age_s}")
    for _ in range(2):
        assert run(config, "--check-silence") == 0
    assert receiver.titles == [f"mxgate: nobody watches {PILOT}"]
    assert any("scripts.watch " in text and f"--domain {PILOT}" in text for *_, text in receiver.got)
    migration.store.record("watch", PILOT, running=True)
    assert run(config, "--check-silence") == 0
    assert receiver.titles[1:] == [f"mxgate: {PILOT} is watched again"]


def test_a_watch_that_can_t_count_is_reported_while_it_goes_on(migration: Migration, receiver: Receiver) -> None:
    switched(migration, counted_at=time.time() - 901)
    herald = Herald(migration)
    herald.hear(("mail could not be counted",))
    herald.wait()
    for beat in ({"running": False}, {"running": True, "counted": False}, {"running": True, "counted": True}):
        assert len(receiver.titles) == 1, "neither one that ends nor one that begins has counted anything"
        migration.store.record("watch", PILOT, **beat, counted_at=time.time())
        herald.hear(str(beat))
        herald.wait()
    assert receiver.titles == [
        f"mxgate: the watch of {PILOT} can't count its mail",
        f"mxgate: {PILOT} is watched again",
    ]


@pytest.mark.parametrize(("state", "beat"), [("moving", {}), ("back", {"left": CAME_LATE})], ids=["dead", "late"])
def test_a_switch_that_did_not_get_through_is_reported(
    config: Path, migration: Migration, receiver: Receiver, state: str, beat: dict[str, str]
) -> None:
    migration.store.record("switching", PILOT, run="a dead one", state="back")
    migration.store.record("watch", PILOT, running=True)
    assert run(config) == 0
    assert receiver.titles == []
    migration.store.record("switching", PILOT, run="a dead one", state=state)
    migration.store.record("watch", PILOT, running=True, **beat)
    for _ in range(2):
        assert run(config) == 0
    assert receiver.titles == [f"mxgate: {PILOT}: a switch did not get through"]
    migration.store.record("switching", PILOT, run="another", state="through")
    migration.store.record("watch", PILOT, running=True)
    assert run(config) == 0
    assert len(receiver.titles) == 1


def test_an_alarm_of_watch_that_nobody_took_is_tried_again(
    migration: Migration, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration.store.record("abort rule", PILOT, rule="lost", found="1 messages lost")
    receiver.status = 500
    herald = Herald(migration)
    for _ in range(2):
        herald.hear(("1 lost",))
        herald.wait()
    assert "nobody took it" in herald.trouble
    assert len(receiver.got) == 2  # the tries of one alarm
    receiver.status = 200
    monkeypatch.setattr("scripts.lib.alarms.paths.AGAIN_S", 0.0)
    herald.hear(("1 lost",))
    herald.wait()
    assert herald.trouble == ""
    assert len(receiver.got) == 3


def test_sign_off_begins_the_first_week(config: Path, migration: Migration, receiver: Receiver) -> None:
    """The weekly timer has its first run on a Monday; the last night may be six days ago by then."""
    migration.store.record("done", script="delete_ec2", plan="")
    night(migration, Verdict.PASS, ago_s=6 * 86_400)
    judged(migration, "pass", gate="signoff")
    assert run(config, "--check-silence") == 0
    assert receiver.titles == []


def test_an_abort_rule_is_reported_while_watch_goes_on(migration: Migration, receiver: Receiver) -> None:
    herald = Herald(migration)
    herald.hear(())
    migration.store.record("abort rule", PILOT, rule="lost", found="1 messages lost")
    for _ in range(3):
        herald.hear(("1 lost",))
    herald.wait()
    assert receiver.titles == [f"mxgate: {PILOT}: abort rule lost is met"]
    assert f"scripts.rollback --domain {PILOT}" in receiver.got[0][2]
    assert herald.trouble == ""


def test_what_nobody_takes_is_said_and_tried_again(
    config: Path, migration: Migration, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.status = 500
    night(migration, Verdict.FAIL)
    assert run(config) == 1
    said = "".join(capfd.readouterr())
    assert "alert: not sent: the night was red: nobody took it in 2 tries: way 1 (json)" in said
    assert "500" in said
    assert TOKEN not in said
    assert len(receiver.got) == 2
    receiver.status = 200
    assert run(config) == 0
    assert len(receiver.got) == 3


def test_nobody_there(
    config: Path, migration: Migration, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MXGATE_ALARM_URLS", f"json://user:s3cret-pass@127.0.0.1:9/{TOKEN}?key=s3cret-key")
    night(migration, Verdict.FAIL)
    assert run(config) == 1
    said = "".join(capfd.readouterr())
    assert "nobody took it" in said
    for secret in (TOKEN, "s3cret-pass", "s3cret-key"):
        assert secret not in said


def test_parts_of_a_url_are_secrets_too(config: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library may show only a path or a user when it complains."""
    at = f"127.0.0.1:{receiver.port}"
    monkeypatch.setenv("MXGATE_ALARM_URLS", f"json://me:pass-of-mine@{at}/path-of-mine?key=key-of-mine")
    monkeypatch.setenv("MXGATE_HEALTHCHECK_URL", f"http://{at}/check-of-mine")
    assert run(config, "--drill") == 0
    for secret in ("pass-of-mine", "path-of-mine", "key-of-mine", "check-of-mine"):
        assert secret not in redact(f"refused: /{secret}")


def test_one_way_of_two(
    config: Path,
    migration: Migration,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It was sent, and that one way is broken is an error."""
    monkeypatch.setenv("MXGATE_ALARM_URLS", f"json://127.0.0.1:9/{TOKEN} json://127.0.0.1:{receiver.port}/")
    night(migration, Verdict.FAIL)
    assert run(config) == 1
    assert "way 1 (json) took nothing" in capsys.readouterr().err
    assert run(config) == 0  # nothing new
    assert receiver.titles == ["mxgate: the night was red"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "MXGATE_ALARM_URLS is not set"),
        ("nonsense://x", "way 1 (nonsense): apprise can't use it"),
        (f"mailto://me:s3cret-pass@{PILOT}", f"it writes to {PILOT}, whose mail is under test"),
        (f"mailtos://me:s3cret-pass@mail.elsewhere.net?to=alice%40{PILOT}", f"writes to {PILOT}"),
        (f"mailto://me:s3cret-pass@elsewhere.net/x@dell.{PILOT}", "whose mail is under test"),
        ("mailtos://me:s3cret-pass@elsewhere.net?smtp=mx.pilot.example.net", "whose mail is under test"),
        ("mailtos://me:s3cret-pass@elsewhere.net?smtp=198.51.100.10", "it sends through Dell"),
        (f"sendgrid://abcdefghijklm:noreply@elsewhere.net/alice@sub.{PILOT}", "whose mail is under test"),
    ],
)
def test_a_way_that_is_none(
    url: str, words: str, config: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MXGATE_ALARM_URLS", url)
    assert run(config, "--check-silence") == 2
    said = "".join(capfd.readouterr())
    assert words in said
    assert "s3cret-pass" not in said
    assert "Traceback" not in said


def test_ways_that_are_well(migration: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail elsewhere is a way, and so is a service at which we are known by an address of ours."""
    urls = f"mailtos://me:pass-word@elsewhere.net sendgrid://abcdefghijklm:noreply@{PILOT}/me@elsewhere.net"
    monkeypatch.setenv("MXGATE_ALARM_URLS", urls)
    found = ways(type(migration.secrets)(), migration.settings)
    assert [each.name for each in found] == ["way 1 (mailtos)", "way 2 (sendgrid)"]


@pytest.mark.parametrize(
    ("unit", "result", "status", "sent"),
    [
        ("soak", "success", "0", False),
        ("soak", "exit-code", "1", False),
        ("soak", "exit-code", "2", True),
        ("soak", "timeout", "15", True),
        ("soak", "", "", True),
        ("weekly", "exit-code", "1", False),
        ("silence", "exit-code", "1", True),
    ],
)
def test_a_unit_that_ended(  # noqa: PLR0917 - fixtures
    unit: str, result: str, status: str, sent: bool, config: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITOR_SERVICE_RESULT", result)
    monkeypatch.setenv("MONITOR_EXIT_STATUS", status)
    assert run(config, "--unit", f"mxgate-{unit}.service") == 0
    assert bool(receiver.titles) is sent
    assert all(f"mxgate-{unit}.service failed on " in title for title in receiver.titles)


@pytest.mark.parametrize("broken", ["settings", "store"])
def test_a_unit_that_failed_for_want_of_all(
    broken: str, config: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What made the night fail may make the alarm's own settings or store unusable: it is sent all the same."""
    if broken == "settings":
        config.write_text("pilot = ", encoding="ascii")
    else:
        config.with_name("store.sqlite").write_text("x" * 5000, encoding="ascii")
    monkeypatch.setenv("MONITOR_SERVICE_RESULT", "exit-code")
    monkeypatch.setenv("MONITOR_EXIT_STATUS", "2")
    assert run(config, "--unit", "mxgate-soak.service") == 0
    assert "not valid TOML" in receiver.got[0][2] or "not a database" in receiver.got[0][2]


def test_mail_goes_out_though_the_store_is_broken(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its settings say to which server; only where these can't be read there is no way by mail."""
    config.with_name("store.sqlite").write_text("x" * 5000, encoding="ascii")
    monkeypatch.setenv("MXGATE_ALARM_URLS", "mailtos://me:secret@mail.elsewhere.example?to=me@elsewhere.example")
    monkeypatch.setenv("MONITOR_SERVICE_RESULT", "timeout")
    send = Mock(return_value=[])
    monkeypatch.setattr(alert, "send", send)
    assert run(config, "--unit", "mxgate-soak.service") == 0
    send.assert_called_once()
    ((ways_out, *_), _) = send.call_args
    assert len(ways_out) == 1


def test_a_drill(config: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    text = config.read_text(encoding="utf-8").replace('imap_host = "198.51.100.10"', 'imap_host = "127.0.0.1"')
    config.write_text(text, encoding="utf-8")
    assert run(config, "--drill") == 0
    said = capsys.readouterr().out
    number = receiver.titles[0].rpartition(" ")[2]
    assert f"drill {number}: Dell's port 25 does not answer" in said
    assert "way 1 (json): took it after" in said
    assert "healthcheck: took its ping" in said
    assert "nothing is wrong" in receiver.got[0][2]
    receiver.status = 503
    assert run(config, "--drill") == 1
