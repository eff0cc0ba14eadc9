"""After Email Routing was enabled, its MX hosts may refuse the domain for a while: waited for, as a write."""

from __future__ import annotations

from fixtures.ledger.windows import CLOSED, SETTLED
from fixtures.migration import Migration
from fixtures.probes import cloudflare, mxhosts
from scripts.change import Job, Refused, Write

SETTLE_S = 900.0
"""The longest wait for Cloudflare's MX hosts, on the migration's clock."""
PAUSE_S, PAUSE_S_MAX = 1.0, 5.0
TAKEN, NOT_TAKEN = "250 for every address", "not asked yet"


def settle(job: Job, *, moved: bool) -> Write:
    """Wait until each of Cloudflare's MX hosts takes each address. MOVED: mail comes to them already meanwhile."""
    migration, addresses = job.migration, job.migration.settings.domain(job.domain).addresses

    def refusals(how_many: int | None = None) -> list[str]:
        asked = mxhosts.ask(migration, addresses[:how_many])
        return [
            f"{each.host} ({each.at}), {each.address.address}: {each.told.outcome}"
            for each in asked
            if not each.told.outcome.accepted
        ]

    def do() -> None:
        if not moved:
            _require_unmoved(job)
        began, pause = migration.clock.now(), PAUSE_S
        while True:
            # One address first: only when the domain is known is it worth asking for all of them.
            open_ones = refusals(1) or refusals()
            waited = migration.clock.now() - began
            if not open_ones:
                migration.store.record("settling", job.domain, seconds=waited, moved=moved)
                migration.store.record(CLOSED, job.domain, why=SETTLED)
                job.say(f"Cloudflare's MX hosts take every address, {waited:.0f} s after enabling")
                return
            if waited > SETTLE_S:
                break
            migration.clock.sleep(pause)
            pause = min(pause * 1.3, PAUSE_S_MAX)
        left = "\n  ".join(open_ones[:10])
        where = f"The MX has moved: consider scripts.rollback --domain {job.domain}" if moved else "The MX did not move"
        raise Refused(
            f"after {SETTLE_S / 60:.0f} min Cloudflare's MX hosts don't take every address. {where}\n  {left}"
        )

    note = _window(migration) if moved else "asked while EC2 is still the MX"
    subject = f"MX hosts of Cloudflare for {job.domain}, {note}"
    return Write(
        "before mail moves" if not moved else "Email Routing", subject, NOT_TAKEN, TAKEN, do, lambda: _taken(refusals())
    )


def _require_unmoved(job: Job) -> None:
    found = {each.text for each in cloudflare.records(job.migration, job.domain).of(job.domain, "MX")}
    if found and found <= set(job.migration.settings.cloudflare.mx):
        raise Refused(
            f"enabling has moved the MX of {job.domain} to Cloudflare at once. In migration.toml set "
            'cloudflare.enabling = "replaces", and plan again: what is left to do here is done then, and the other '
            "domains go that way"
        )


def _taken(refused: list[str]) -> str:
    return NOT_TAKEN if refused else TAKEN


def _window(migration: Migration) -> str:
    pilot = migration.settings.pilot
    measured = migration.store.last("settling", pilot)
    told = "an unknown time" if measured is None else f"{measured['seconds']:.0f} s at the pilot"
    return f"which may answer 5xx to mail meanwhile ({told})"
