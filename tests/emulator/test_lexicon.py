"""dns-lexicon, which nobody here wrote, makes, lists, changes and deletes records of each type, unmodified."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures.lab.emulator.state import Token
from tests.emulator.conftest import ALL, APEX, Running
from tests.emulator.redirected import environment, ran
from tests.emulator.test_api_lists import KEY, OWNER

MADE = {
    "A": "198.51.100.9",
    "AAAA": "2001:db8::9",
    "CNAME": "docs.example",
    "MX": "mx.example",
    "NS": "ns.example",
    "TXT": "v=spf1 -all",
    "LOC": "51 30 12.748 N 0 7 39.611 W 0.00m 0.00m 0.00m 0.00m",
    "SRV": "0 5 5061 sip.example",
    "CAA": '0 issue "ca.example"',
    "TLSA": f"3 1 1 {'ab' * 32}",
    "SSHFP": f"4 2 {'cd' * 32}",
    "NAPTR": '100 10 "U" "E2U+sip" "!^.*$!sip:a@b.example!" .',
}

PROGRAM = """\
import json, sys
from lexicon.client import Client
from lexicon.config import ConfigResolver
options, calls = map(json.loads, sys.argv[1:])
with Client(ConfigResolver().with_dict(options)) as records:
    print(json.dumps([getattr(records, f"{name}_record" + "s" * (name == "list"))(*given) for name, *given in calls]))
"""
"""Its API and not its command line, which asks the world's name servers for the zone before anything else."""

Lexicon = Callable[..., list[Any]]


@pytest.fixture
def lexicon(emulator: Running, authority_file: str, tmp_path: Path) -> Lexicon:
    """What each of several calls gives."""
    variables = environment(emulator, authority_file, tmp_path, LEXICON_TLDEXTRACT_CACHE_PATH=str(tmp_path / "tld"))

    def run(*calls: tuple[Any, ...], priority: str = "", **key: str) -> list[Any]:
        options = {"provider_name": "cloudflare", "domain": APEX, "ttl": 3600, "priority": priority}
        given = json.dumps({**options, "cloudflare": {"auth_token": "all", **key}})
        done = ran([sys.executable, "-c", PROGRAM, given, json.dumps(calls)], variables, tmp_path)
        said: list[Any] = json.loads(done.stdout)
        return said

    return run


def test_records_of_every_type(emulator: Running, lexicon: Lexicon) -> None:
    made = [("create", kind, f"x{number}", content) for number, (kind, content) in enumerate(MADE.items())]
    assert lexicon(*made, priority="10") == [True] * len(MADE)
    for _, kind, name, _ in made:
        assert len(emulator.contents(kind, f"{name}.{APEX}")) == 1, kind
    ((text,),) = lexicon(("list", "TXT", "x5"))
    assert (text["name"], text["content"], text["ttl"]) == (f"x5.{APEX}", MADE["TXT"], 3600)


def test_one_record_from_its_making_to_its_end(emulator: Running, lexicon: Lexicon) -> None:
    """A record that is there already is none the worse for it; and a global key does as well as a token."""
    emulator.world.tokens.append(Token(KEY, ALL, email=OWNER))
    make = ("create", "A", "host", "192.0.2.1")
    _, _, _, (host,) = lexicon(make, make, ("update", None, "A", "host", "192.0.2.2"), ("list", "A", "host"))
    assert host["content"] == "192.0.2.2"
    ended = lexicon(("delete", host["id"]), ("list", "A", "host"), auth_username=OWNER, auth_token=KEY)
    assert ended == [True, []]
    statuses = [each["status"] for each in emulator.management.get("/requests").json()]
    assert set(statuses) == {200, 400}
    assert statuses.count(400) == 1
