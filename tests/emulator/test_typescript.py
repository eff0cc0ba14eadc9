"""Cloudflare's official SDK for TypeScript, unmodified: every call that the emulator answers, and no path it lacks.

It is generated from the same description as the one for Python, whose walk through the emulator it repeats; but it
builds queries and bodies, reads pages and refuses in its own way.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.lab.emulator.api.app import sdk_calls
from tests.emulator import test_sdk
from tests.emulator.conftest import ACCOUNT, APEX, Running

FOLDER = Path(sys.prefix) / "npm"
RESOURCES = FOLDER / "node_modules/cloudflare/resources"
END_S_MAX = 10
PROGRAM = """\
import { createInterface } from 'node:readline';
import Cloudflare from 'cloudflare';
const client = new Cloudflare({ maxRetries: 0 });
for await (const line of createInterface({ input: process.stdin })) {
  const [names, given] = JSON.parse(line);
  const said = {};
  try {
    const name = names.pop(), where = names.reduce((at, each) => at[each], client);
    const answer = where[name](...given);
    if (Symbol.asyncIterator in answer) {
      said.result = [];
      for await (const each of answer) said.result.push(each);
    } else said.result = await answer ?? null;
  } catch (error) {
    said.refused = [error.constructor.name, error.status, error.errors];
  }
  console.log(JSON.stringify(said));
}
"""
CALL = re.compile(r"_client\.(getAPIList|get|post|put|patch|delete)\(\s*(?:path\s*`([^`]*)`|'([^']*)')([^;]*);")
METHOD = re.compile(r"method: '(\w+)'")
PARAMETER = re.compile(r"\$?\{[^}]*\}")

Typescript = Callable[..., Any]


class Refused(Exception):
    """The class of the SDK's error, the HTTP status, and Cloudflare's errors."""


@pytest.fixture
def typescript(emulator: Running, authority_file: str) -> Iterator[Typescript]:
    """Calls by their dotted names, as in Python: those are the same words."""
    assert RESOURCES.is_dir(), f"{RESOURCES} is missing: run bash scripts/setup.sh test"
    environment = {
        "PATH": os.environ["PATH"], "NODE_EXTRA_CA_CERTS": authority_file, "CLOUDFLARE_API_TOKEN": "all",
        "CLOUDFLARE_BASE_URL": f"{emulator.url}/client/v4",
    }  # fmt: skip
    command = ["node", "--input-type=module", "--eval", PROGRAM]
    with subprocess.Popen(
        command, env=environment, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        asked, answers = node.stdin, node.stdout

        def call(name: str, /, **given: Any) -> Any:
            ends = ("_id", "_identifier", "object_key" if "object_key" in given else "bucket_name")
            own = [key for key in given if key.endswith(ends) and key not in {"zone_id", "account_id"}]
            positional = [given.pop(key) for key in own]
            words = [re.sub(r"_(\w)", lambda found: found[1].upper(), word) for word in name.split(".")]
            print(json.dumps([words, [*positional, given] if given else positional]), file=asked, flush=True)
            said = json.loads(answers.readline(), object_hook=lambda found: SimpleNamespace(**found))
            if refused := getattr(said, "refused", None):
                raise Refused(*refused)
            return said.result

        yield call
        asked.close()
        assert node.wait(END_S_MAX) == 0


@pytest.mark.usefixtures("old_destinations")
def test_every_emulated_path(typescript: Typescript) -> None:
    kept = test_sdk.Kept()
    for name, given in test_sdk.STEPS:
        if name.startswith("workers."):  # a file can't be handed to it from here
            continue
        kept[name] = typescript(name, **given(kept))
    test_sdk.check(kept)


def test_the_switch_and_the_way_back(emulator: Running, typescript: Typescript) -> None:
    """What Cloudflare refuses comes as the SDK's own errors: another's MX, a locked record."""
    here = {"zone_id": emulator.zone.id}
    with pytest.raises(Refused, match="Non-Cloudflare MX records exist") as refused:
        typescript("email_routing.dns.create", **here)
    assert refused.value.args[:2] == ("ConflictError", 409)
    (old,) = typescript("dns.records.list", **here, type="MX")
    needed = [vars(each) for each in typescript("email_routing.dns.get", **here) if each.type == "MX"]
    wanted = ("type", "name", "content", "ttl", "priority")
    posts = [{key: each[key] for key in wanted} for each in needed]
    typescript("dns.records.batch", **here, deletes=[{"id": old.id}], posts=posts)
    assert typescript("email_routing.dns.create", **here).enabled
    assert len(emulator.contents("MX")) == 3
    (first, *_) = typescript("dns.records.list", **here, type="MX")
    with pytest.raises(Refused, match="890190"):
        typescript("dns.records.delete", dns_record_id=first.id, **here)
    typescript("email_routing.dns.edit", **here)
    ec2 = {key: vars(old)[key] for key in wanted}
    ours = [{"id": each.id} for each in typescript("dns.records.list", **here, type="MX")]
    typescript("dns.records.batch", **here, deletes=ours, posts=[ec2])
    assert emulator.contents("MX") == [old.content]


def test_pages_and_what_is_not_there(emulator: Running, typescript: Typescript) -> None:
    for number in range(45):
        typescript("email_routing.addresses.create", account_id=ACCOUNT, email=f"u{number}@dell.{APEX}")
    listed = typescript("email_routing.addresses.list", account_id=ACCOUNT, per_page=20)
    assert len({each.email for each in listed}) == 45
    asked = emulator.management.get("/requests").json()
    assert sum(each["method"] == "GET" for each in asked) == 4, "it asks until a page is empty"
    with pytest.raises(Refused) as refused:
        typescript("email_routing.rules.get", rule_identifier="f" * 32, zone_id=emulator.zone.id)
    assert refused.value.args[:2] == ("NotFoundError", 404)


def test_it_has_no_call_that_the_one_for_python_lacks() -> None:
    """So ``test_sdk.py`` has shown of each of its paths that it is emulated, or answered 501."""
    called = set()
    for file in RESOURCES.rglob("*.mjs"):
        for found in CALL.finditer(file.read_text(encoding="utf-8")):
            method = found[1]
            if method == "getAPIList":  # a GET, unless its options say otherwise
                named = METHOD.search(found[4])
                method = named[1] if named else "get"
            called.add((method.upper(), PARAMETER.sub("{}", found[2] or found[3])))
    assert called == {(method, PARAMETER.sub("{}", path)) for method, path in sdk_calls()}
