"""A migration with a real store and no systems: what stands is said by the test, in ``World``."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.evidence import Verdict, passed
from fixtures.gates import nights
from fixtures.gates.outcome import Outcome, describe
from fixtures.gates.script_gate import require_open
from fixtures.gates.session import Session, StageResult
from fixtures.migration import Migration
from fixtures.migration.progress import Stage
from fixtures.settings import ClockSettings
from fixtures.store import Store, chain
from tests.conftest import migration_in

PILOT, OTHER = "pilot.example.net", "webmakeprofit.org"


@dataclass
class World:
    """What stands, whose it is, and runs of gates over it."""

    migration: Migration
    present: dict[str, str] = field(default_factory=lambda: {"MX pilot.example.net": "300 10 mail.webmakeprofit.org"})
    identity: str = "lab:one"

    def look(self, _migration: Migration) -> dict[str, str]:
        return dict(self.present)

    def who(self, _migration: Migration) -> str:
        return self.identity

    def session(self, *stages: Stage, after: Callable[[Stage], None] | None = None) -> Session:
        zones = dict.fromkeys(self.migration.settings.domain_names, "")
        self.migration.store.put_snapshot("start", "0", {"zones": zones})
        return Session(self.migration, list(stages), after=after, look=self.look, who=self.who, accept=lambda _: None)

    def having(self, **changes: Any) -> Migration:
        """The migration, with other settings."""
        return replace(self.migration, settings=self.migration.settings.model_copy(update=changes))

    def begun(self, stage: Stage, scenarios: int = 1) -> Session:
        """A run of one gate that has so many SCENARIOS."""
        run = self.session(stage)
        run.selected[stage.label] = scenarios
        run.open_stage(stage.label)
        return run

    def judge(self, stage: Stage, *outcomes: Outcome) -> StageResult:
        """A whole run of one gate that came out like this."""
        run = self.begun(stage, len(outcomes))
        for outcome in outcomes:
            run.add(outcome)
        return run.conclude(stage)

    def require(self, script: str, *domains: str, migration: Migration | None = None) -> None:
        require_open(migration or self.migration, script, domains, look=self.look, who=self.who)


def came_out(stage: Stage, verdict: Verdict, *tags: str) -> Outcome:
    """One scenario that came out like this."""
    outcome = describe(tags or ("N-1",), stage.label, "A claim", "Claims", "features/claims.feature")
    outcome.verdict = verdict
    return outcome


def letters(stage: Stage, domains: Iterable[str] = (), verdict: Verdict = Verdict.PASS) -> Outcome:
    """A scenario whose mail to DOMAINS, or to all of STAGE, arrived."""
    made, those = came_out(stage, verdict, "E-1"), domains or stage.domains
    made.findings = [passed(f"alice@{each} from outside", "arrived after 0.1 s", domain=each) for each in those]
    return made


def keep_night(migration: Migration, stage: Stage, run: str, verdict: str = "pass", target: str = "") -> None:
    """A night that came out like this, with mail to each domain of STAGE."""
    nights.keep(migration, stage, run, Verdict(verdict), [letters(stage)], target=target)


def faults(store: Store, *seen: chain.Seen) -> tuple[str, ...]:
    """What another hand has done to it."""
    with store.looking() as db:
        return chain.faults(db, seen)


@pytest.fixture
def world(tmp_path: Path) -> World:
    clock = tmp_path / "clock"
    clock.write_text("+0\n", encoding="ascii")
    return World(migration_in(tmp_path, clock=ClockSettings(file=clock)))
