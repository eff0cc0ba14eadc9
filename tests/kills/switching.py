"""A switch in processes of its own, at the emulator's API: its run and its guard, and what it has come to."""

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fixtures.access.clock import Clock
from fixtures.lab.emulator.api.routing import MX_HOSTS, NAMED_MX_HOSTS
from fixtures.store import Store
from tests.conftest import PROJECT
from tests.emulator.conftest import ACCOUNT, APEX, OLD_MX, OLD_SPF, Running
from tests.kills import driver

WINDOW_S = 12
OVER_S_MAX = WINDOW_S + 20.0
"""For so long what was written and not seen is looked for; and the rest."""
SETTINGS = f"""
target = "lab"
pilot = "{APEX}"
domains = [{{ name = "{APEX}", delivery = "dell.{APEX}", mailboxes = ["alice", "bob"] }}]
resolvers = [{{ name = "Quad9", address = "9.9.9.9" }}]
cloudflare = {{ account_id = "{ACCOUNT}" }}
senders = [{{ name = "a rented host", address = "probe@elsewhere.example.net", host = "203.0.113.150" }}]
store = {{ url = "sqlite:///store.sqlite" }}
clock = {{ file = "clock" }}
bounds = {{ window_s = {WINDOW_S} }}
[dell]
name = "dell.{APEX}"
ipv4 = "198.51.100.10"
networks = ["127.0.0.0/8"]
imap_host = "192.168.1.10"
transport = {{ host = "192.168.1.10" }}
[ec2]
region = "ap-northeast-1"
instance_id = "i-0123456789abcdef0"
name = "{OLD_MX}"
ipv4 = "203.0.113.20"
seen_by_dell_as = "100.64.10.1"
transport = {{ host = "100.64.10.1" }}
"""
MERGED = OLD_SPF.replace("~all", "include:_spf.mx.cloudflare.net ~all")
FIRST = {"type": "MX", "name": APEX, "content": OLD_MX, "ttl": 3600, "priority": 10}
LASTING = {"path": "/email/routing/dns$", "times": 10_000}

Switch = Callable[..., tuple[int, str, str]]


@pytest.fixture
def switch(emulator: Running, authority_file: str, tmp_path: Path) -> Switch:
    """Run it; returns its exit status, what it said, and what it came to.

    AT: kind, write, turn, and what the MX hosts answer. ORDER: in ``cloudflare.enabling``, if not the default. HEARD:
    whether anybody reads what it says. WINDOW_S: ``bounds.window_s``. TOKEN: Cloudflare's.
    """
    for each in emulator.zone.records.values():
        each.content = MERGED if each.content == OLD_SPF else each.content
    with closing(_store(tmp_path)) as store:
        store.put_snapshot("start", "", {"zones": {APEX: {"records": [FIRST]}}})

    def run(
        *at: Any,
        order: str = "",
        script: str = "switch_mx",
        heard: bool = True,
        window_s: int = WINDOW_S,
        token: str = "all",
    ) -> tuple[int, str, str]:
        more = f', enabling = "{order}", by_subdomain_shown = "played in this very test" }}' if order else " }"
        text = SETTINGS.replace(f'account_id = "{ACCOUNT}" }}', f'account_id = "{ACCOUNT}"{more}')
        text = text.replace(f"window_s = {WINDOW_S} ", f"window_s = {window_s} ")
        (tmp_path / "migration.toml").write_text(text, encoding="utf-8")
        status = driver.run(tmp_path, script, at or ("", 0, 0), _where(emulator, authority_file, token), heard=heard)
        said = (tmp_path / "said").read_text(encoding="utf-8")
        return status, said, _over(tmp_path) if script == "switch_mx" else ""

    return run


def _where(emulator: Running, authority_file: str, token: str) -> dict[str, str]:
    """The environment of who writes to the emulator by TOKEN."""
    return os.environ | {
        "MXGATE_CLOUDFLARE_TOKEN": token,
        "CLOUDFLARE_BASE_URL": f"{emulator.url}/client/v4",
        "SSL_CERT_FILE": authority_file,
        "PYTHONPATH": str(PROJECT),
    }


def _store(folder: Path) -> Store:
    return Store(f"sqlite:///{folder / 'store.sqlite'}", Clock(folder / "clock"))


def _over(folder: Path) -> str:
    """What the switch has come to, once its run or the guard is through."""
    until = time.monotonic() + OVER_S_MAX
    with closing(_store(folder)) as store:
        while True:
            last = str((store.last("switching", APEX) or {"state": "unmoved"})["state"])
            if last in {"begun", "through"} or (
                last not in {"moving", "going back"} and store._held("migration") is None
            ):
                return last
            assert time.monotonic() < until, f"{last}: {_log(folder)}"
            time.sleep(0.1)


def _log(folder: Path) -> str:
    return (folder / f"night/switch-{APEX}.log").read_text(encoding="utf-8")


def _leads_to_one_side(emulator: Running, state: str) -> None:
    hosts = MX_HOSTS if emulator.world.knobs.mx_names == "route" else NAMED_MX_HOSTS
    assert emulator.contents("MX") == (sorted(hosts) if state == "through" else [OLD_MX])
    assert emulator.contents("TXT") == [MERGED]


def _ends(switch: Switch, emulator: Running, status: int, state: str, *at: Any, **how: Any) -> str:
    """What a switch says that ends with STATUS, has come to STATE, and leads to one side. AT, HOW: as of ``switch``."""
    ended, said, came_to = switch(*at, **how)
    assert (ended, came_to) == (status, state), (ended, came_to, said)
    _leads_to_one_side(emulator, state)
    return said
