"""Whatever befalls a switch at whichever write: the domain is at EC2 or at Cloudflare, soon, without anybody's doing.

Whatever befalls a rollback: mail has an MX all the while, and the next run finishes.

Cloudflare's API is the emulator's, and the run and its guard are processes of their own; no lab is needed. The
mail that flows meanwhile is looked at in a lab (``walk.py``).
"""

import signal
import threading
from argparse import Namespace
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from fixtures.lab.emulator.api.routing import MX_HOSTS
from fixtures.migration import open_migration
from fixtures.probes.cloudflare.api import Rule
from scripts.lib import change
from scripts.lib.dns import takeback
from tests.emulator.conftest import APEX, OLD_MX, Running
from tests.kills.injector import injected
from tests.kills.switching import FIRST, LASTING, MERGED, Switch, _ends, _leads_to_one_side, _log, _store, _where

WRITES = BATCH, ENABLE, UNLOCK = 1, 2, 3
"""The writes of a switch in the default order, as calls of the API."""
DEEDS = {"kills": ("before", "after"), "faults": ("429", "500", "time-out", "lost", "403", "409", "422")}
SAMPLE = {*((BATCH, kind, turn) for kind in DEEDS for turn in (0, 1)), (ENABLE, "kills", 0)}
SAMPLE |= {(ENABLE, "faults", turn) for turn in range(3)} | {(UNLOCK, "kills", 1)}

CATCH_ALL = asdict(Rule("", "", enabled=False, priority=0, address="", action="drop", destinations=()))


@pytest.mark.parametrize("spf", ["replaced", "kept"])
@pytest.mark.parametrize("listed", ["listed", "hidden"])
def test_undisturbed_it_goes_there_and_back(switch: Switch, emulator: Running, spf: str, listed: str) -> None:
    emulator.management.post("/knobs", json={"spf": spf, "routing_mx": listed})
    # That nothing is left to do is seen at name servers then, which are not here.
    _ends(switch, emulator, int(listed == "hidden"), "through")
    status, said, _ = switch(script="rollback")
    assert status == 0, said
    _leads_to_one_side(emulator, "back")


def test_nothing_is_asked_between_the_batch_and_enabling(switch: Switch, emulator: Running) -> None:
    """Mail bounces there: each answer that is waited for makes it longer."""
    status, said, _ = switch()
    assert status == 0, said
    calls = [(each["method"], each["path"].rpartition(emulator.zone.id)[2]) for each in emulator.world.requests]
    at = calls.index(("POST", "/dns_records/batch"))
    assert calls[at + 1] == ("POST", "/email/routing/dns")


def test_whatever_names_cloudflare_assigned_there_and_back_and_there(
    switch: Switch, emulator: Running, tmp_path: Path
) -> None:
    emulator.management.post("/knobs", json={"mx_names": "named"})
    _ends(switch, emulator, 0, "through")
    with closing(_store(tmp_path)) as store:
        assert len(store.recorded("switch", APEX)) == 1, "it was not known for a switch"
    status, said, _ = switch(script="rollback")
    assert status == 0, said
    _leads_to_one_side(emulator, "back")
    emulator.management.post("/faults", json={**LASTING, "method": "POST", "status": 403})
    _ends(switch, emulator, 1, "back")


def test_what_a_person_has_accepted_is_what_it_goes_back_to(
    switch: Switch, emulator: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority_file: str
) -> None:
    """After a failed switch, by a rollback, and at the clean-up: no MX and no sender that had left before."""
    new, was = "new.webmakeprofit.org", "v=spf1 ip4:192.0.2.1 include:old-relay.example ~all"
    spf = "v=spf1 ip4:192.0.2.9 include:sendgrid.net -all"
    records = [FIRST, FIRST | {"content": "backup.oldisp.example", "priority": 20}]
    records.append({"type": "TXT", "name": APEX, "content": was, "ttl": 3600})
    more = {"rules": [], "catch_all": CATCH_ALL, "routing": {"enabled": False, "subaddressing": False}}
    (tmp_path / "store.sqlite").unlink()
    with closing(_store(tmp_path)) as store:
        store.put_snapshot("start", "", {"zones": {APEX: {"records": records, **more}}})
        for by, parts in (
            ("accept", {f"MX {APEX}": f"10 {new} (TTL 300)", f"TXT {APEX}": f"{spf} (TTL 300)"}),
            ("merge_spf", {f"TXT {APEX}": "merged"}),
        ):
            store.record("accepted state", by=by, parts={f"DNS of {APEX}": parts})
    merged = spf.replace("-all", "include:_spf.mx.cloudflare.net -all")
    for each in emulator.zone.records.values():
        each.content = {OLD_MX: new, MERGED: merged}.get(each.content, each.content)
    emulator.management.post("/faults", json={**LASTING, "method": "POST", "status": 403})
    stands = []
    for script in ("switch_mx", "switch_mx", "rollback"):
        said = switch(script=script)[1]
        stands.append((emulator.contents("MX"), emulator.contents("TXT")))
        emulator.management.delete("/faults")
    assert stands == [([new], [merged]), (sorted(MX_HOSTS), [merged]), ([new], [merged])], said
    monkeypatch.chdir(tmp_path)
    for key, value in _where(emulator, authority_file, "all").items():
        monkeypatch.setenv(key, value)
    publish = Mock(return_value=())
    monkeypatch.setattr(takeback, "publish", publish)
    job = change.Job(open_migration(str(tmp_path / "migration.toml")), APEX, Namespace())
    assert {each.subject: each.after for each in takeback.plan(job) if each.danger in {"MX", "SPF"}} == {
        f"{APEX} MX": f"10 {new} (TTL 3600)",
        f"{APEX} TXT": f"{spf} (TTL 3600)",
    }
    publish.assert_called_once_with(job, APEX, [new])


@pytest.fixture
def at(request: pytest.FixtureRequest) -> Any:
    """Where it happens. A test names it first, so that one that is skipped begins nothing."""
    whole = request.config.getoption("--all-kills", default=False)
    if not whole and request.param not in {*SAMPLE, *BACK_SAMPLE, BY_SUBDOMAIN_SAMPLE}:
        pytest.skip("asked for with --all-kills")
    return request.param


POINTS = [(number, kind, turn) for kind in DEEDS for number in WRITES for turn in range(len(DEEDS[kind]))]


@pytest.mark.parametrize("at", POINTS, ids=lambda at: f"write {at[0]}, {at[1]} {at[2]}", indirect=True)
def test_at_each_write(at: tuple[int, str, int], switch: Switch, emulator: Running, tmp_path: Path) -> None:
    """Killed before it or after it, or answered so once; the next run goes through."""
    number, kind, turn = at
    status, said, state = switch(kind, number, turn)
    assert len(injected(tmp_path / "injected")) == 1
    assert status == (-9 if kind == "kills" else 0 if state == "through" else 1), said
    _leads_to_one_side(emulator, state)
    assert (state == "back") == ("stands again" in said + _log(tmp_path))
    _ends(switch, emulator, 0, "through")


REMOVAL = 5
"""Of what was placed for the subdomain: mail is taken by then."""
BY_SUBDOMAIN_KILLS = [(number, turn) for number in (1, 2, 3, 4, REMOVAL) for turn in (0, 1)]
BY_SUBDOMAIN_SAMPLE = (3, 1)


def _nothing_below(emulator: Running) -> bool:
    return not [each for each in emulator.zone.records.values() if f"mxgate.{APEX}" in each.name]


def test_by_subdomain_the_mx_moves_by_dns_only(switch: Switch, emulator: Running, tmp_path: Path) -> None:
    said = _ends(switch, emulator, 0, "through", order="by_subdomain")
    assert _nothing_below(emulator)
    assert "EC2 is still the MX" in said
    with closing(_store(tmp_path)) as store:
        assert store.last("window opened", APEX) is None


@pytest.mark.parametrize(
    ("unlocking", "left"), [("any", "is gone again"), ("apex", "stands yet, where nobody has mail")]
)
def test_by_subdomain_it_gives_up_before_anything_has_moved(
    switch: Switch, emulator: Running, unlocking: str, left: str
) -> None:
    """And the other order goes on from there."""
    emulator.management.post("/knobs", json={"unlocking": unlocking})
    said = _ends(switch, emulator, 1, "unmoved", "", 0, 0, 550, order="by_subdomain")
    assert 'cloudflare.enabling = "refuses"' in said
    assert f"Nothing has moved, and mxgate.{APEX} {left}. " in said
    assert _nothing_below(emulator) == (unlocking == "any")
    _ends(switch, emulator, 0, "through")


@pytest.mark.parametrize("at", BY_SUBDOMAIN_KILLS, ids=str, indirect=True)
def test_by_subdomain_killed_at_each_write(at: tuple[int, int], switch: Switch, emulator: Running) -> None:
    number, turn = at
    status, said, state = switch("kills", number, turn, order="by_subdomain")
    assert status == -9, said
    assert state in ({"through"} if number == REMOVAL else {"begun", "back"})
    _leads_to_one_side(emulator, state)
    _ends(switch, emulator, 0, "through", order="by_subdomain")
    assert _nothing_below(emulator)


@pytest.mark.parametrize("at", [("kills", UNLOCK, 0), ("", 0, 0, 550)], ids=["killed", "its hosts take no mail"])
def test_what_email_routing_hides_from_the_list_goes_too(switch: Switch, emulator: Running, at: Any) -> None:
    """Its own MX are not listed once it is enabled; left there, mail would go on to hosts that refuse it."""
    emulator.management.post("/knobs", json={"routing_mx": "hidden"})
    _, said, state = switch(*at)
    assert state == "back", said
    _leads_to_one_side(emulator, state)


@pytest.mark.parametrize("status", [403, 409, 422, 429, 500])
def test_answered_so_for_good(switch: Switch, emulator: Running, tmp_path: Path, status: int) -> None:
    """The run itself goes back, by DNS only, and says so; no window is left open."""
    emulator.management.post("/faults", json={**LASTING, "method": "POST", "status": status, "retry_after_s": 60})
    said = _ends(switch, emulator, 1, "back")
    assert f"EC2's MX of {APEX} stands again" in said
    with closing(_store(tmp_path)) as store:
        opened, closed = (len(store.recorded(kind, APEX)) for kind in ("window opened", "window closed"))
    assert opened == closed > 0


@pytest.mark.parametrize("number", [2, 3])
def test_killed_while_it_goes_back(switch: Switch, emulator: Running, tmp_path: Path, number: int) -> None:
    """Before EC2's MX was added, and before Cloudflare's is deleted: the guard goes on."""
    emulator.management.post("/faults", json={**LASTING, "method": "POST", "status": 403, "times": 1})
    _ends(switch, emulator, -9, "back", "kills", number + 1, 0)
    assert "without a word" in _log(tmp_path)


def test_nothing_answers_for_a_while(switch: Switch, emulator: Running, tmp_path: Path) -> None:
    """Once the API answers again EC2's MX stands again, without anybody's doing."""
    refused = {"path": "/email/routing/dns$", "method": "POST", "status": 403, "times": 10_000}
    emulator.management.post("/faults", json=refused)
    down = threading.Event()

    def go_down() -> None:
        """DNS can't be written from the first try of enabling on, until for three seconds the switch has gone back."""
        while not down.wait(0.05):
            if any(
                each["path"].endswith("/routing/dns") and each["method"] == "POST" for each in emulator.world.requests
            ):
                break
        emulator.management.post("/faults", json={"path": "dns_records", "status": 503, "times": 10_000})
        with closing(_store(tmp_path)) as store:
            while not down.wait(0.1) and (store.last("switching", APEX) or {})["state"] != "going back":
                pass
        down.wait(3)
        emulator.management.delete("/faults")

    watching = threading.Thread(target=go_down)
    watching.start()
    try:
        code, said, state = switch()
    finally:
        down.set()
        watching.join()
    assert (code, state) == (1, "back"), said
    assert "It is tried again; by hand: python -m scripts.by_hand" in said
    _leads_to_one_side(emulator, state)


ADDED, DELETED = 1, 2
"""EC2's MX is added, then Cloudflare's is deleted."""
BACK_POINTS = [
    (kind, number, turn) for kind in DEEDS for number in (ADDED, DELETED) for turn in range(len(DEEDS[kind]))
]
BACK_SAMPLE = {("kills", ADDED, 1), ("kills", DELETED, 0), *(("faults", ADDED, turn) for turn in range(4))}
ROUTING = {"path": "/email/routing", "method": ".*", "times": 10_000}


@pytest.fixture
def there(switch: Switch) -> Switch:
    """The domain at Cloudflare, and what runs a script."""
    status, said, state = switch()
    assert (status, state) == (0, "through"), said
    return switch


@pytest.mark.parametrize("at", BACK_POINTS, ids=lambda at: f"write {at[1]}, {at[0]} {at[2]}", indirect=True)
def test_rollback_at_each_write(at: tuple[str, int, int], there: Switch, emulator: Running, tmp_path: Path) -> None:
    """Killed before it or after it, or answered so once; Email Routing's API is dead throughout."""
    emulator.management.post("/faults", json={**ROUTING, "status": 503})
    status, said, _ = there(*at, script="rollback")
    assert len(injected(tmp_path / "injected")) == 1
    assert status in {-signal.SIGKILL, change.DONE, change.REFUSED}, said
    stands = set(emulator.contents("MX"))
    assert stands in ({*MX_HOSTS}, {*MX_HOSTS, OLD_MX}, {OLD_MX})
    again, said, _ = there(script="rollback")
    assert again == change.DONE, said
    assert emulator.contents("MX") == [OLD_MX]
    assert emulator.contents("TXT") == [MERGED]


@pytest.mark.parametrize("code", ["890190", "1046"])
def test_locked_records_are_unlocked_and_only_they(there: Switch, emulator: Running, code: str) -> None:
    """While they are locked nothing but Email Routing's own API helps: without it nothing is changed."""
    emulator.management.post("/knobs", json={"lock_code": code})
    emulator.zone.routing.locked = True
    emulator.management.post("/faults", json={**ROUTING, "status": 503})
    status, said, _ = there(script="rollback")
    assert (status, emulator.contents("MX")) == (change.REFUSED, sorted(MX_HOSTS)), said
    emulator.management.delete("/faults")
    status, said, _ = there(script="rollback")
    assert (status, emulator.contents("MX")) == (change.DONE, [OLD_MX]), said
