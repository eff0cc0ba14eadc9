"""The store on SQLite: whatever is wrong with its file becomes a sentence, and what was stored stays."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from fixtures import store as stores
from fixtures.access.clock import Clock
from fixtures.evidence import redact
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.settings import Secrets, StoreSettings
from fixtures.store import Locked, Store
from fixtures.store.database import StoreError
from tests.conftest import NOBODY, PROJECT, python

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="is about what root leaves")
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
WRITE = """\
import sys
from fixtures.access.clock import Clock
from fixtures.store import Store, StoreError
try:
    store = Store(sys.argv[1], Clock())
    for number in range(int(sys.argv[2])):
        store.record("entry", number=number, filling="x" * 2000)
        print(number, flush=True)
except StoreError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


def opened(file: Path) -> closing[Store]:
    return closing(Store(f"sqlite:///{file}", Clock()))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store in which something stands."""
    made = tmp_path / "store.sqlite"
    with opened(made) as store:
        for number in range(50):
            store.record("entry", number=number, filling="x" * 2000)
    return made


def write(file: Path, count: int = 1) -> subprocess.CompletedProcess[str]:
    return python("-c", WRITE, f"sqlite:///{file}", str(count))


def entries(file: Path) -> list[int]:
    with opened(file) as store:
        return [row["number"] for row in store.recorded("entry")]


def _modes(file: Path) -> dict[str, str]:
    return {each.name: oct(each.stat().st_mode & 0o777) for each in sorted(file.parent.glob(f"{file.name}*"))}


def test_a_domain_that_came_later_is_in_the_first_snapshot_as_it_was_found_then(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.sqlite", Clock())
    assert store.snapshot("start") is None
    for zones in ({"a.example": 1}, {"a.example": 2, "b.example": 3}, {"b.example": 4}):
        store.put_snapshot("start", "", {"zones": zones, "dell": {"taken": str(zones)}})
    store.put_snapshot("other", "", {"zones": {"c.example": 5}})
    body = store.snapshot("start")
    assert body == {"zones": {"a.example": 1, "b.example": 3}, "dell": {"taken": "{'a.example': 1}"}}
    store.close()


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, "0o600"), (0o644, "0o600"), (0o640, "0o600"), (0o660, "0o660")],
    ids=["made now", "for everybody", "for a group to read", "shared by a group"],
)
def test_nobody_else_may_read_it(tmp_path: Path, before: int | None, after: str) -> None:
    """Nor can the log next to it, in which everything stands first."""
    file = tmp_path / "store.sqlite"
    umask = os.umask(0)
    try:
        if before is not None:
            Store(f"sqlite:///{file}", Clock()).close()
            file.chmod(before)
        store = Store(f"sqlite:///{file}", Clock())
        store.record("entry", number=1)
        assert _modes(file) == dict.fromkeys(("store.sqlite", "store.sqlite-shm", "store.sqlite-wal"), after)
        store.close()
    finally:
        os.umask(umask)


@AS_ROOT
def test_what_root_makes_is_the_folders_owners(tmp_path: Path) -> None:
    """The next command goes on without root: a store as sudo left it could not be opened."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 4711, 4712)
    store = Store(f"sqlite:///{theirs}/store.sqlite", Clock())
    store.record("entry", number=1)
    owners = {each.name: (each.stat().st_uid, each.stat().st_gid) for each in theirs.iterdir()}
    store.close()
    assert owners == dict.fromkeys(("store.sqlite", "store.sqlite-shm", "store.sqlite-wal"), (4711, 4712))
    os.chown(theirs / "store.sqlite", 0, 0)
    Store(f"sqlite:///{theirs}/store.sqlite", Clock()).close()
    assert (theirs / "store.sqlite").stat().st_uid == 0, "one that stands stays whose it is"


@AS_ROOT
def test_one_that_is_roots_is_named_as_such() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        file = Path(folder, "store.sqlite")
        file.touch(0o600)
        url = f"sqlite:///{file}"
        if python("pytest", "--version", before=NOBODY).returncode != 0:
            pytest.skip("nobody may not read this checkout")
        done = python("-c", WRITE, url, "1", before=NOBODY)
        assert done.returncode == 2, done.stderr
        said = f"unable to open database file. It belongs to root, and this is user 65534: sudo chown 65534 {file}*"
        assert said in done.stderr


def test_a_newer_one_is_refused_and_left_as_it_is(file: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.begin() as db:
        db.execute(sa.text("UPDATE schema SET version = 99"))
        db.execute(sa.text("DROP TABLE locks"))  # as if that version had done away with it
    engine.dispose()
    with pytest.raises(StoreError, match=r"store\.sqlite: version 99, this mxgate knows up to \d+; .*Update mxgate"):
        Store(f"sqlite:///{file}", Clock())
    engine = sa.create_engine(f"sqlite:///{file}")
    assert "locks" not in sa.inspect(engine).get_table_names()
    engine.dispose()


@pytest.mark.parametrize("left", [0.3, 0.9])
def test_one_that_was_cut(file: Path, left: float) -> None:
    """Its second half never reached the disk. It is refused, and not made again over what is left."""
    whole = file.read_bytes()
    cut = whole[: int(len(whole) * left)]
    file.write_bytes(cut)
    done = write(file)
    assert (done.returncode, done.stdout) == (2, "")
    assert "malformed" in done.stderr
    assert "First move FILE, FILE-wal and FILE-shm to a folder, and keep them" in done.stderr
    assert "backup" in done.stderr
    assert "Traceback" not in done.stderr
    assert file.read_bytes()[: len(cut)][4096:] == cut[4096:]


def test_something_else_stands_there(file: Path) -> None:
    file.write_text("target = 'live'\n" * 500, encoding="ascii")
    done = write(file)
    assert done.returncode == 2
    assert "not a database. Something else stands there" in done.stderr
    assert "First move FILE, FILE-wal and FILE-shm to a folder, and keep them" in done.stderr


def test_a_writer_that_is_killed_leaves_all_that_it_has_reported(file: Path) -> None:
    """Cut in the middle of its writing, with entries in the log that were never brought into the file."""
    said = _write_and_be_killed(file, 30)
    assert entries(file)[50:][: len(said)] == said


def _write_and_be_killed(file: Path, count: int) -> list[int]:
    argv = [sys.executable, "-c", WRITE, f"sqlite:///{file}", "100000"]
    with subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [int(writer.stdout.readline()) for _ in range(count)]
        writer.kill()
        return said + [int(line) for line in writer.stdout.read().splitlines()]


def test_what_was_stored_outlives_a_power_cut(file: Path) -> None:
    """Each commit waits for the disk (2: FULL): with less, sqlite.org/wal.html promises nothing for the newest ones."""
    with opened(file) as store, store.engine.connect() as db:
        assert db.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "mxgate-test", disk], check=False)
    if done.returncode != 0:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


@ROOT
def test_read_only(file: Path, small_disk: Path) -> None:
    there = Path(shutil.copy(file, small_disk / file.name))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = write(there)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Expected a file, in a folder that exists and that this user may write to" in done.stderr


@ROOT
def test_a_full_disk(file: Path, small_disk: Path) -> None:
    """What was reported as stored is there, what failed is named, and with room it goes on."""
    there = Path(shutil.copy(file, small_disk / file.name))
    done = write(there, 1000)
    said = [int(line) for line in done.stdout.split()]
    assert done.returncode == 2
    assert "full" in done.stderr
    assert "Make room" in done.stderr
    for each in small_disk.iterdir():
        shutil.copy(each, file.parent / each.name)
    assert entries(file)[50:] == said
    assert write(file).returncode == 0


def held_by(store: Store, owner: str) -> None:
    """As when OWNER takes the lock over, by --take-lock."""
    store.unlock("migration")
    with store.engine.begin() as db:
        db.execute(sa.insert(stores.locks).values(name="migration", owner=owner, why="rollback", since=1))


def test_a_lock_tells_who_holds_it(file: Path) -> None:
    with opened(file) as store, opened(file) as other:
        with store.lock("migration", "switch_mx pilot.example.net"):
            with pytest.raises(Locked, match=rf"pid {os.getpid()} since .*\(switch_mx pilot.*Wait for it"):
                store.lock("migration", "lower_ttl").__enter__()
            held_by(other, "ops@elsewhere pid 7")
            with pytest.raises(Locked, match=r"taken over from this run: .*ops@elsewhere pid 7 .*plan again"):
                store.log("switch_mx", "", "1", "MX", "before", held="migration")
        with pytest.raises(Locked, match=r"ops@elsewhere pid 7 .*if that process is dead"):  # not let go by the first
            store.lock("migration", "lower_ttl").__enter__()


@pytest.mark.parametrize("meanwhile", [False, True])
def test_only_the_lock_that_was_seen_is_freed(file: Path, monkeypatch: pytest.MonkeyPatch, *, meanwhile: bool) -> None:
    """Another machine's; not one that a third takes MEANWHILE."""
    with opened(file) as store:
        held_by(store, "ops@elsewhere pid 7")
        if meanwhile:
            monkeypatch.setattr(stores, "_lives", lambda *_: held_by(store, "ops@other pid 8"))  # and says: None
        store.take_over("migration")
        assert store.is_held("migration") is meanwhile


PASSWORD = "hunter2-and-more"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"postgresql://u:{PASSWORD}@127.0.0.1:1/mxgate", "connection"),
        (f"postgresql://u@127.0.0.1:1/mxgate?password={PASSWORD}", "stands in its query"),
        (
            f"postgresql://u@127.0.0.1:1/mxgate?sslkey=/k&sslpassword={PASSWORD}",
            "sslkey=%2Fk: can't be opened: connection",
        ),
        (f"mysql://u:{PASSWORD}@127.0.0.1/mxgate", "expected an SQLAlchemy URL"),
        (f"postgresql//u:{PASSWORD}@127.0.0.1/mxgate", "expected an SQLAlchemy URL"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1:port/mxgate", "expected an SQLAlchemy URL"),
        (f"postgresql://u:an@{PASSWORD}@127.0.0.1/mxgate", "@ is written %40"),
    ],
    ids=["no server", "in the query", "its key's", "another database", "no URL", "no port", "with an @"],
)
def test_its_password_is_never_shown(url: str, words: str) -> None:
    with pytest.raises(StoreError, match=words) as raised:
        Store(url, Clock())
    assert PASSWORD not in f"{raised.value!r} {raised.value}"


def test_its_keys_password_is_a_secret_from_then_on() -> None:
    with suppress(StoreError):
        Store("postgresql://u@127.0.0.1:1/mxgate?sslpassword=of-the-key-only", Clock())
    assert "of-the-key-only" not in redact("the driver says of-the-key-only")


@pytest.mark.parametrize("url", [f"postgresql://u:{PASSWORD}@h/n", f"postgresql://u@h/n?sslpassword={PASSWORD}"])
def test_the_password_comes_from_the_environment(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = settings_without_a_lab().model_copy(update={"store": StoreSettings(url=url)})
    with pytest.raises(StoreError, match=r"\[store\] url holds a password: .*MXGATE_STORE_URL") as raised:
        _ = Migration(bare, Secrets()).store
    assert PASSWORD not in str(raised.value)
    monkeypatch.setenv("MXGATE_STORE_URL", f"sqlite:///{tmp_path}/elsewhere.sqlite")
    assert Migration(bare, Secrets()).store.url == f"sqlite:///{tmp_path}/elsewhere.sqlite"


@pytest.mark.parametrize("lost", [Path.unlink, lambda file: os.truncate(file, 0)], ids=["gone", "empty"])
@pytest.mark.parametrize("killed", [False, True], ids=["", "with the log of a dead run"])
def test_a_store_that_a_switch_has_left_a_copy_of_is_not_begun_from_nothing(
    file: Path, lost: Callable[[Path], None], killed: bool
) -> None:
    """Whoever does what it says goes on from that copy, and a dead run's log is kept, and mixed with nothing."""
    copy = file.parent / "night/store.sqlite"
    Store(f"sqlite:///{file}", Clock(), file.parent).close()
    copy.parent.mkdir()
    shutil.copy(file, copy)
    Store(f"sqlite:///{file}", Clock(), file.parent).close()
    log = file.with_name("store.sqlite-wal")
    if killed:
        _write_and_be_killed(file, 30)
        log_before = log.read_bytes()
    lost(file)
    with pytest.raises(StoreError, match=rf"go on from the copy: cp {copy} {file}\. A") as raised:
        Store(f"sqlite:///{file}", Clock(), file.parent)
    assert not file.exists() or not file.stat().st_size
    for command in re.findall(r"(?:any store there|the copy): (.+?)\. [A-Z]", str(raised.value)):
        subprocess.run(["sh", "-ec", command], check=True)
    assert entries(file) == list(range(50))
    if killed:
        assert (file.parent / "store.sqlite.lost" / log.name).read_bytes() == log_before


@pytest.mark.parametrize("how", ["restored", "moved"])
def test_a_store_that_is_put_elsewhere_while_it_is_open(file: Path, how: str) -> None:
    """What went on into the file that nobody looks at any more, such as a watch's mail, would be lost."""
    with opened(file) as store:
        backup = file.with_name("backup")
        shutil.copy(file, backup)
        for each in file.parent.glob("store.sqlite*"):
            each.rename(file.with_name(f"{each.name}.old"))
        if how == "restored":
            shutil.copy(backup, file)
        with pytest.raises(StoreError, match="moved, deleted or restored while this run had it open"):
            store.record("entry", number=50)
        assert file.exists() == (how == "restored")
        (backup if how == "moved" else file).replace(file)
    assert entries(file) == list(range(50))


LIVES, DEAD, UNKNOWN = "end it by kill", "That process is dead: take", "or, if that process is dead"
ANOTHER_BOOT, ANOTHER_NAME, ANOTHER_CONTAINER = (" boot ", " boot 1"), ("@", "@not-"), (" in ", " in 1")
BEFORE = (" in ", "\n")
"""As the version before wrote it, which knew of no containers."""


@pytest.mark.parametrize(
    ("changes", "ago_s", "lives"),
    [
        ([], 0, LIVES),
        ([ANOTHER_BOOT], 0, UNKNOWN),  # two machines of one name
        ([ANOTHER_BOOT], 1e9, DEAD),  # this one was booted since
        ([ANOTHER_BOOT, ANOTHER_NAME], 1e9, UNKNOWN),
        ([ANOTHER_NAME], 0, LIVES),  # this machine was renamed
        ([ANOTHER_NAME, (" started ", " started 1")], 0, DEAD),
        ([ANOTHER_CONTAINER], 0, UNKNOWN),
        ([ANOTHER_CONTAINER, ANOTHER_NAME], 0, UNKNOWN),
        ([BEFORE], 0, LIVES),
        ([BEFORE, (" started ", " started 1")], 0, DEAD),
        ([BEFORE, ANOTHER_NAME], 0, UNKNOWN),
    ],
    ids=str,
)
def test_only_a_process_of_this_very_system_is_called_dead(
    tmp_path: Path, changes: list[tuple[str, str]], ago_s: float, lives: str
) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.sqlite", Clock())
    with store.lock("migration", "merge_spf"):
        owner, since, _ = store._held("migration") or ("", 0, "")
        for old, new in changes:
            owner = owner.replace(old, new, 1).partition("\n")[0]
        with store.engine.begin() as db:
            db.execute(sa.update(stores.locks).values(owner=owner, since=since - ago_s))
        with pytest.raises(Locked, match=lives):
            store.lock("migration", "lower_ttl").__enter__()
        store.unlock("migration")
    store.close()


def test_a_process_that_is_hidden_is_not_called_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hidepid or ProtectProc= nobody is shown other users' processes: a switch of theirs may be under way."""
    store, born = Store(f"sqlite:///{tmp_path}/store.sqlite", Clock()), stores._born
    with store.lock("migration", "switches"):
        monkeypatch.setattr(stores, "_born", lambda pid: born(pid) if pid == "self" else "")
        assert store.lives("migration") is None
        monkeypatch.setattr(os, "kill", _none_such)
        assert store.lives("migration") is False
    assert store.lives("migration") is False
    store.close()


def _none_such(*_: int) -> None:
    raise ProcessLookupError
