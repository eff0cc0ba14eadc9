"""Feasibility as a newcomer asks for it: four variants of one lab, by SSH and without a migration.toml."""

import getpass
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from fixtures.lab import plan
from fixtures.lab.faults import Fault, planted
from fixtures.lab.present import WORLD_NAME
from fixtures.lab.world import Lab
from fixtures.settings import SettingsError
from scripts.lib import feasibility_options
from tests.conftest import PROJECT, ended, minimal, python
from tests.labs import operator, shared
from tests.warm import program

NAME = "tests-feasible"
TWO_MINUTES_S = 120
DOMAIN = "pilot.example.net"
OPEN = "postconf -e inet_interfaces=all; restart"
OUTSIDE, INSIDE = "198.51.100.10", "100.65.0.10"
CARRIER_NAT = f"""\
ip -4 route show | grep 'src {OUTSIDE}' > /run/old-routes
ip addr add {INSIDE}/32 dev eth0
ip addr del {OUTSIDE}/32 dev eth0
grep 'src {OUTSIDE}' /run/old-routes | sed 's/src {OUTSIDE}/src {INSIDE}/' | sed 's/^/route replace /' | ip -batch -
nft 'add table ip carrier
     add chain ip carrier out {{ type nat hook postrouting priority srcnat; }}
     add rule ip carrier out ip saddr {INSIDE} snat to {OUTSIDE}'
"""
AS_BEFORE = f"""\
nft delete table ip carrier
ip addr add {OUTSIDE}/32 dev eth0
sed 's/^/route replace /' /run/old-routes | ip -batch -
ip addr del {INSIDE}/32 dev eth0
"""
"""Dell with an address that its carrier shares: it gets out under another one, and nobody gets in."""
CLOSED = """\
nft 'add table inet f
     add chain inet f i { type filter hook input priority 0; }
     add rule inet f i tcp dport 25 drop'
"""


lab = shared(NAME, 5, month=True)


@contextmanager
def _variant(lab: Lab, plant: str = OPEN, undo: str = "", **deed: Any) -> Iterator[None]:
    """Dell, where Postfix listens everywhere, with something done to it."""
    about: dict[str, Any] = {"id": "variant", "covers": "I-6", "at": "phase1", "scenario": "none", "says": ["-"]}
    with planted(lab, Fault(**about, host="dell", plant=plant, undo=undo, **deed)):
        yield


def _ask(lab: Lab, *options: str) -> tuple[int, dict[str, Any]]:
    """Ask only by SSH, without settings; returns the exit status and the JSON, having looked at the time it took."""
    folder = lab.folder / "operator"
    command = ["-m", "scripts.feasibility", DOMAIN, "--json"]
    command += ["--dell", f"root@{plan.DELL_TAILNET}", "--outside", f"root@{plan.WORLD4}", "--addresses", "6"]
    command += ["--key", str(folder / "ssh_key"), "--known-hosts", str(folder / "known_hosts"), *options]
    begun = time.monotonic()
    done = operator(lab.name, *command, environ={"MXGATE_CONFIG": None}, timeout_s=300)
    assert time.monotonic() - begun < TWO_MINUTES_S
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def _no(answer: dict[str, Any]) -> dict[str, str]:
    """What says no, by its question."""
    return {each["question"]: each["found"] for each in answer["findings"] if each["verdict"] == "fail"}


def test_all_well(lab: Lab) -> None:
    with _variant(lab):
        status, answer = _ask(lab, "--fixed", "yes")
    assert (status, answer["verdict"], _no(answer)) == (0, "GO", {})
    found = {each["question"]: each["found"] for each in answer["findings"]}
    assert found["Dell's address"] == f"{OUTSIDE}, its own, and seen so outside"
    assert "it is open: 220 " in found["port 25 inwards"]
    assert "not enabled" in found[f"Email Routing of {DOMAIN}"]
    assert "net $" in found["net cost"]


def test_without_somebody_outside_nobody_knows(lab: Lab) -> None:
    """And a witness that reaches nobody's port 25 is none."""
    with _variant(lab):
        blocked = CLOSED.replace("hook input", "hook output")
        assert lab.exec("world", ["sh", "-c", blocked]).returncode == 0
        try:
            status, answer = _ask(lab)
        finally:
            lab.exec("world", ["nft", "delete", "table", "inet", "f"])
    assert (status, answer["verdict"]) == (2, "UNKNOWN")
    (seen,) = [each for each in answer["findings"] if each["question"] == "port 25 inwards"]
    assert "no witness" in seen["found"]
    assert "--outside USER@HOST" in seen["next"]


def test_dell_behind_a_carriers_nat(lab: Lab) -> None:
    with _variant(lab, f"{OPEN}\n{CARRIER_NAT}", AS_BEFORE):
        status, answer = _ask(lab)
    assert (status, answer["verdict"]) == (1, "NO-GO")
    no = _no(answer)
    assert f"{INSIDE}, of 100.64.0.0/10" in no["Dell's address"]
    assert f"seen as {OUTSIDE}" in no["Dell's address"]
    assert "closed (silent)" in no["port 25 inwards"]


def test_a_shared_address_is_no_obstacle_to_a_worker(lab: Lab) -> None:
    """Where packets get through to the end of its way: nobody listens there yet."""
    with _variant(lab, f"{OPEN}\n{CARRIER_NAT}", AS_BEFORE):
        status, answer = _ask(lab, "--worker", f"{WORLD_NAME}:2465")
    assert (status, answer["verdict"]) == (0, "GO"), [each for each in answer["findings"] if each["verdict"] != "pass"]
    (way,) = (each for each in answer["findings"] if each["subject"] == f"{WORLD_NAME} port 2465")
    assert way["found"] == "refused: packets get through, and nothing listens yet"
    (net,) = (each for each in answer["findings"] if each["subject"] == "net cost")
    assert "Workers' paid plan is $5 a month; in the free one's 10 ms of CPU time mail of more than" in net["next"]


def test_port_25_closed(lab: Lab) -> None:
    with _variant(lab, f"{OPEN}\n{CLOSED}"):
        status, answer = _ask(lab)
    assert (status, answer["verdict"]) == (1, "NO-GO")
    assert _no(answer) == {"port 25 inwards": "closed (silent)"}


def test_the_name_leads_into_the_tailnet(lab: Lab) -> None:
    record = {"domain": DOMAIN, "type": "A", "name": f"dell.{DOMAIN}", "content": plan.DELL_TAILNET, "ttl": "300"}
    with _variant(lab, deed="record_added", arguments=record):
        status, answer = _ask(lab)
    assert (status, answer["verdict"]) == (1, "NO-GO")
    no = _no(answer)
    assert list(no) == ["Dell's name"]
    assert "100.64.0.0/10" in no["Dell's name"]


def test_settings_answer_more(lab: Lab) -> None:
    """With a migration.toml the addresses are counted, in the logs too, and the saving is of what is there."""
    done = operator(lab.name, "-m", "scripts.feasibility", DOMAIN, timeout_s=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"GO for {DOMAIN}" in done.stdout
    assert f"addresses that receive mail in {DOMAIN}: 6, of 200 rules" in done.stdout
    assert "what is there, in ap-northeast-1" in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith(("NO ", "unknown"))]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["mail"], ["DOMAIN mail: expected a host name of two labels"]),
        (["example.com"], ["DOMAIN example.com: this is a placeholder"]),
        (["own.example.net", "--wan", "1.2.3"], ["--wan 1.2.3: ", "IPv4"]),
        (["own.example.net", "--worker", "in.b.net:25"], ["--worker in.b.net:25: expected HOST[:PORT], such as"]),
        (["own.example.net", "--worker", "https://in/x"], ["--worker https://in/x: ", "or a tunnel"]),
        (["own.example.net", "--dell", "root@"], ["--dell root@: expected [USER@]HOST[:PORT]"]),
        (["own.example.net", "--key", "/no/such", "--dell", "h"], ["--key /no/such: there is no such file"]),
        (["own.example.net", "--key", "/no/such"], ["--key /no/such: there is no such file"]),
        (["own.example.net", "--config", "/no/such"], ["/no/such: "]),
        (["own.example.net", "--new-cost", "-5"], ["--new-cost -5: expected USD a month, 0 or more"]),
        (["own.example.net", "--new-cost", "nan"], ["--new-cost nan: expected USD a month, 0 or more"]),
        (["own.example.net", "--addresses", "many"], ["--addresses many: expected how many"]),
        (["own.example.net", "--addresses", "-3"], ["--addresses -3: expected how many", "1 or more"]),
        (["own.example.net", "--instance", "foo"], ["--instance foo: expected REGION/TYPE/GIB, such as ap-north"]),
        (["own.example.net", "--instance", "ap-northeast-1/t2.micro/-8"], ["expected REGION/TYPE/GIB"]),
    ],
)
def test_bad_input(options: list[str], words: list[str]) -> None:
    ended(program("scripts.feasibility", *options), 2, *words)


def test_who_has_no_name_names_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a container's user there may be only a number, by which no SSH logs in."""
    monkeypatch.setattr(getpass, "getuser", Mock(side_effect=OSError("No username set in the environment")))
    with pytest.raises(SettingsError, match=r"--dell dell\.example\.net: expected USER@HOST"):
        feasibility_options._ssh("dell.example.net", None, None)


def test_settings_of_another_domain(tmp_path: Path) -> None:
    """Named, they are refused; found, it is said that they don't count."""
    file = minimal(tmp_path)
    fault = f"{file} has pilot.example.net, and not own.example.net"
    ended(
        program("scripts.feasibility", "own.example.net", "--config", str(file)), 2, f"--config: {fault}. Leave it out"
    )
    done = python("scripts.feasibility", "own.example.net", "--json", before=("unshare", "-n"), MXGATE_CONFIG=str(file))
    assert f"feasibility: {fault}: it is not used" in done.stderr
    assert json.loads(done.stdout)["verdict"] == "UNKNOWN"
    given = {"MXGATE_CONFIG": str(tmp_path / "none.toml")}
    ended(program("scripts.feasibility", "own.example.net", **given), 2, f"{tmp_path}/none.toml: ")


def test_it_writes_nothing(tmp_path: Path) -> None:
    """Not even where there is no way out at all, and then nothing is known."""
    before = sorted(PROJECT.iterdir())
    command = ["unshare", "-n", sys.executable, "-m", "scripts.feasibility", "own.example.net", "--json"]
    if os.geteuid() != 0:
        pytest.skip("takes the network away")
    done = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=TWO_MINUTES_S,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert json.loads(done.stdout)["verdict"] == "UNKNOWN"
    assert sorted(PROJECT.iterdir()) == before
    assert not list(tmp_path.iterdir())
