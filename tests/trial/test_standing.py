"""How a trial ends: it answers for what it may have touched, and for nothing that others change meanwhile."""

import argparse
from typing import Any

import pytest

from fixtures.lab.emulator.api.routing import SPF
from fixtures.lab.emulator.state import Destination, Record, Rule
from fixtures.migration import Migration, trials
from scripts import trial as program
from scripts.lib.change import Job, Refused, Run
from scripts.lib.trial import course
from scripts.lib.trial.course import Course
from scripts.lib.trial.standing import APEX_RULE, Place
from scripts.lib.trial.wire import Answer, Wire
from tests.emulator.conftest import ACCOUNT, APEX, OLD_MX, Running

NAME = f"mxgate-trial.{APEX}"
TO_BOB = [{"type": "literal", "field": "to", "value": f"bob@{APEX}"}]


@pytest.fixture
def begun(emulator: Running, migration: Migration) -> Course:
    """A trial that stands in the middle, with something of each kind."""
    made = course.begin(migration, Place(APEX, emulator.zone.id, ACCOUNT, NAME), print)
    made.rule(f"drop@{NAME}", {"type": "drop"})
    made.rule(f"{APEX_RULE}@{APEX}", {"type": "drop"})
    made.zone("POST", "dns_records", {"type": "A", "name": f"x.{NAME}", "content": "192.0.2.1"})
    made.wire.ask("POST", f"/accounts/{ACCOUNT}/email/routing/addresses", {"email": f"mail@in.{NAME}"})
    assert made.enable().ok
    return made


def end(trial: Course) -> None:
    job = Job(trial.migration, "", argparse.Namespace(undo=False), Run())
    program._away(job, trial.place, trials.begun(trial.migration.store, trial.place.zone)).do()


def ended(trial: Course) -> bool:
    return trials.begun(trial.migration.store, trial.place.zone) is None


def record(emulator: Running, kind: str) -> Record:
    return next(each for each in emulator.zone.records.values() if (each.type, each.name) == (kind, APEX))


def test_what_others_change_meanwhile_is_named_and_left(
    emulator: Running, begun: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the scripts of the next phase do: TTL, SPF, a rule, a destination; and a person elsewhere."""
    before = len(emulator.zone.records), len(emulator.zone.routing.rules), len(emulator.world.destinations)
    assert before[1:] == (2, 1)
    record(emulator, "MX").ttl = 300
    record(emulator, "TXT").content = '"v=spf1 include:_spf.mx.cloudflare.net include:sendgrid.net ~all"'
    web = Record("A", f"www.{APEX}", "192.0.2.80")
    emulator.zone.records[web.id] = web
    emulator.zone.routing.rules.append(Rule(TO_BOB, [{"type": "drop"}]))
    theirs = Destination(f"bob@dell.{APEX}", "", "")
    emulator.world.destinations[theirs.id] = theirs
    end(begun)
    assert ended(begun), "it has ended"
    said = capsys.readouterr()
    for words in ("changed meanwhile, not by this trial", '"ttl": 300', "include:sendgrid", "192.0.2.80", "bob@dell"):
        assert words in said.out + said.err
    assert NAME not in (said.out + said.err).partition("changed meanwhile")[2]
    assert [each.matchers for each in emulator.zone.routing.rules] == [TO_BOB]
    assert [each.email for each in emulator.world.destinations.values()] == [theirs.email]
    assert web.id in emulator.zone.records
    assert [each.name for each in emulator.zone.records.values() if NAME in each.name] == []


@pytest.mark.parametrize("by", ["rule", "catch-all", "disabled rule"])
@pytest.mark.parametrize("mx", ["route1.mx.cloudflare.net", OLD_MX])
def test_the_zones_own_name_keeps_its_mail(emulator: Running, begun: Course, mx: str, by: str) -> None:
    """If somebody has rules there, and it comes by Email Routing: the trial itself may have made that MX."""
    record(emulator, "MX").content = mx
    if by == "catch-all":
        emulator.zone.routing.catch_all.enabled = True
    else:
        emulator.zone.routing.rules.append(Rule(TO_BOB, [{"type": "drop"}], enabled=by == "rule"))
    kept = mx != OLD_MX and by != "disabled rule"
    if mx != OLD_MX and not kept:
        with pytest.raises(Refused, match="not as it was before the trial"):
            end(begun)
    else:
        end(begun)
    assert ended(begun) is (kept or mx == OLD_MX)
    assert emulator.zone.routing.enabled is kept
    assert [each.name for each in emulator.zone.records.values() if NAME in each.name] == []


@pytest.mark.parametrize("by", ["rule", "MX"])
def test_a_subdomain_that_somebody_has_enabled_since_keeps_its_mail(
    emulator: Running, begun: Course, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    """Email Routing is one switch for the zone and all below it."""
    shop = f"shop.{APEX}"
    if by == "rule":
        to = [{"type": "literal", "field": "to", "value": f"alice@{shop}"}]
        emulator.zone.routing.rules.append(Rule(to, [{"type": "drop"}]))
    else:
        mx = Record("MX", shop, "route1.mx.cloudflare.net", priority=10)
        emulator.zone.records[mx.id] = mx
    end(begun)
    assert ended(begun)
    assert emulator.zone.routing.enabled
    said = capsys.readouterr()
    left = (said.out + said.err).partition("changed meanwhile, not by this trial")[2]
    assert "+ Email Routing: on" in left
    assert shop in left
    assert [each.name for each in emulator.zone.records.values() if NAME in each.name] == []


@pytest.mark.parametrize(
    "left",
    [
        Record("MX", APEX, "route1.mx.cloudflare.net", priority=10),
        Record("TXT", APEX, f'"{SPF}"'),
        Record("TXT", f"cf2024-1._domainkey.{APEX}", '"v=DKIM1"'),
    ],
    ids=lambda each: each.type + " " + each.content,
)
def test_what_email_routing_leaves_is_the_trials(emulator: Running, begun: Course, left: Record) -> None:
    emulator.zone.records[left.id] = left
    with pytest.raises(Refused, match=r"not as it was before the trial:\n  \+ record"):
        end(begun)
    assert not ended(begun)
    del emulator.zone.records[left.id]
    end(begun)
    assert ended(begun)


def test_what_can_not_be_put_back_is_the_trials(
    emulator: Running, begun: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Switching off takes the zone's own MX with it, and writing it again fails."""
    del emulator.zone.records[record(emulator, "MX").id]
    known = begun.wire.ask

    def ask(_: Wire, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        return known(method, path, {**body, "type": "NONE"} if body and body.get("type") == "MX" else body, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Wire, "ask", ask)
        with pytest.raises(Refused, match=rf"\n  - record .*{OLD_MX}"):
            end(begun)
    end(begun)
    assert record(emulator, "MX").content == OLD_MX


def test_a_destination_that_can_not_be_deleted_yet_holds_up_nothing_else(
    emulator: Running, begun: Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rules go while Email Routing is on; what that took of the zone's own is back before anything is waited for."""
    known, asked = begun.wire.ask, list[str]()

    def ask(_: Wire, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        if method == "DELETE" and path.endswith("/email/routing/dns"):
            del emulator.zone.records[record(emulator, "MX").id]
        asked.append(f"{method} {path.rpartition('/')[0] if method == 'DELETE' else path}")
        return known(method, path, body, **more)

    monkeypatch.setattr(Wire, "ask", ask)
    end(begun)
    assert ended(begun)
    assert record(emulator, "MX").content == OLD_MX
    zone, addresses = f"/zones/{emulator.zone.id}", f"DELETE /accounts/{ACCOUNT}/email/routing/addresses"
    order = [
        f"DELETE {zone}/email/routing/rules",
        f"DELETE {zone}/email/routing",
        f"POST {zone}/dns_records",
        addresses,
    ]
    assert [*map(asked.index, order)] == sorted(map(asked.index, order))
    assert asked.count(addresses) > 1
    assert "less than 15 min old: waits, until " in capsys.readouterr().err
