"""Which lifetimes are looked at when all is over (N-12), and that ``restore_ttl`` gives back what is wanted."""

# ruff: noqa: E501 - tables of cases read better unbroken

from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.probes import snapshot
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Record, Records, Zone
from fixtures.probes.dns import after_all, queries
from fixtures.probes.dns.queries import Answer
from scripts import restore_ttl
from scripts.lib.change import Job
from tests.judges import FAIL, LOOK, PASS, answer

SETTINGS = settings_without_a_lab()
PILOT = SETTINGS.pilot
SPF, PROOF = '"v=spf1 -all"', '"google-site-verification=x"'
LASTING, SHORT = 3600, 300


def made(kind: str, name: str, content: str, ttl: int = LASTING) -> Record:
    return Record(kind, f"{name}.{PILOT}" if name else PILOT, content, ttl)


FAILED = [FAIL]
CASES: list[tuple[str, list[Record], list[Record], list[Verdict], int]] = [
    ("nothing", [], [], [], 0),
    ("SPF again", [made("TXT", "", SPF)], [made("TXT", "", SPF)], [PASS], 0),
    ("SPF still short", [made("TXT", "", SPF)], [made("TXT", "", SPF, SHORT)], FAILED, 1),
    ("SPF among others", [made("TXT", "", SPF)], [made("TXT", "", SPF), made("TXT", "", PROOF, 1)], [PASS], 0),
    ("SPF still short among others", [made("TXT", "", SPF)], [made("TXT", "", SPF, SHORT), made("TXT", "", PROOF)], FAILED, 1),
    ("SPF was longer than others", [made("TXT", "", SPF, 7200), made("TXT", "", PROOF, SHORT)], [made("TXT", "", SPF), made("TXT", "", PROOF, SHORT)], FAILED, 1),
    ("a web site's address", [made("A", "www", "192.0.2.1")], [made("A", "www", "192.0.2.2", SHORT)], [], 0),
    ("an apex that is flattened", [made("CNAME", "", "site.netlify.app")], [made("CNAME", "", "site.netlify.app")], [], 0),
    ("a key whose alias is flattened", [made("CNAME", "s1._domainkey", "k.x")], [made("CNAME", "s1._domainkey", "k.x")], [], 0),
    ("a policy, shortened by hand", [made("TXT", "_dmarc", '"v=DMARC1; p=none"')], [made("TXT", "_dmarc", '"v=DMARC1; p=none"', SHORT)], FAILED, 0),
    ("a host of mail below a delegation", [made("MX", "", "a.sub.x"), made("A", "cut", "192.0.2.3")], [made("NS", "cut", "ns.x"), Record("MX", PILOT, f"cut.{PILOT}", LASTING), made("A", "cut", "192.0.2.3")], [PASS], 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "now", "verdicts", "writes"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_is_for_mail_has_its_lifetime_again(
    before: list[Record], now: list[Record], verdicts: list[Verdict], writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where it doesn't, ``restore_ttl`` has something to write, or the hint says that no script does."""

    async def ask(_: str, name: str, kind: str) -> tuple[Answer, ...]:
        several = [each for each in now if (each.name, each.type) == (name, kind)]
        if name.startswith("cut."):
            return (answer(name=name, type=kind, ttl=None, referral=("ns.x",)),)
        if kind == "CNAME":
            return (answer(name=name, type=kind, ttl=None),)
        return (answer(*(each.text for each in several), name=name, type=kind, ttl=min(e.kept_s for e in several)),)

    records = Records(Zone("z", PILOT, "active", (), "a"), tuple(now), LOOK)
    monkeypatch.setattr(snapshot, "first", lambda _: SimpleNamespace(records=lambda _: tuple(before)))
    monkeypatch.setattr(cloudflare, "records", lambda *_: records)
    monkeypatch.setattr(cloudflare, "required", lambda *_: ())
    monkeypatch.setattr(queries, "aask_authorities", ask)
    monkeypatch.setattr(cloudflare, "zone", lambda *_: records.zone)
    migration: Any = SimpleNamespace(settings=SETTINGS)
    found = [each for it in after_all.lifetimes(migration, (PILOT,)) for each in after_all.judged_lifetime(it)]
    assert [each.verdict for each in found] == verdicts
    planned = list(restore_ttl.plan(Job(migration, PILOT, SimpleNamespace())))  # type: ignore[arg-type] # no option counts
    assert len(planned) == writes
    for each in found:
        assert each.verdict is PASS or each.hint.startswith("restore_ttl" if writes else "No script writes it")
