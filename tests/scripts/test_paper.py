"""The paper for the night: what it says of a zone is there."""

from pathlib import Path

import pytest

from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.settings import Secrets, StoreSettings
from scripts.lib.paper import paper
from scripts.snapshot import START

DOMAIN = "pilot.example.net"
MX = {"type": "MX", "name": DOMAIN, "content": "mail.webmakeprofit.org", "ttl": 3600, "priority": 10}
EXPORT = f"{DOMAIN}. 1 IN A 203.0.113.9"
WITHOUT = "THERE IS NO COPY OF THE ZONE"


@pytest.fixture
def migration(tmp_path: Path) -> Migration:
    store = StoreSettings(url=f"sqlite:///{tmp_path}/store.sqlite")
    return Migration(settings_without_a_lab().model_copy(update={"store": store}), Secrets())


@pytest.mark.parametrize("export", [EXPORT, ""])
def test_the_zone_of_the_snapshot_stands_below(migration: Migration, export: str) -> None:
    migration.store.put_snapshot(START, "0", {"zones": {DOMAIN: {"records": [MX], "export": export}}})
    said, _, below = paper(migration, DOMAIN).partition("import the zone below")
    assert WITHOUT not in said + below
    assert "there was none before either" in said
    assert (export or f"{DOMAIN}. 3600 IN MX 10 mail.webmakeprofit.org.") in below


def test_without_a_snapshot_it_names_no_zone_below_and_what_to_do_instead(migration: Migration) -> None:
    said = paper(migration, DOMAIN)
    assert "below" not in said
    assert "there was none before either" not in said
    assert WITHOUT in said
    assert "Import and Export" in said
    assert f"{DOMAIN}. 300 IN MX 10 mail.webmakeprofit.org." in said.partition(WITHOUT)[2]


def test_what_cloudflare_exports_now_does_without_a_snapshot(migration: Migration) -> None:
    said = paper(migration, DOMAIN, EXPORT)
    assert "import the zone below" in said
    assert EXPORT in said.partition("import the zone below")[2]
    assert WITHOUT not in said
