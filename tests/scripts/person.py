"""A person with a paper, a browser and dig, in a lab: does what the paper of ``by_hand`` says, without our scripts."""

import json
import re
import time
from functools import cached_property
from typing import Any

from fixtures.lab import plan
from fixtures.lab.world import Lab
from tests.labs import operator

CLICK = """\
import json, os, sys, urllib.error, urllib.request as web
method, path, body = json.loads(sys.argv[1])
headers = {"Authorization": "Bearer " + os.environ["MXGATE_CLOUDFLARE_TOKEN"], "Content-Type": "application/json"}
data = json.dumps(body).encode() if body else None
asked = web.Request("https://api.cloudflare.com/client/v4" + path, data, headers, method=method)
try:
    print(web.urlopen(asked, timeout=20).read().decode())
except urllib.error.HTTPError as refused:
    print(refused.read().decode())
"""
"""What the dashboard's pages ask."""
CONSOLE = """\
import boto3, json, sys, time
region, instance, deed = sys.argv[1:]
ec2, mine = boto3.client("ec2", region_name=region), {"InstanceIds": [instance]}
if deed == "start":
    ec2.start_instances(**mine)
print(ec2.describe_instances(**mine)["Reservations"][0]["Instances"][0]["State"]["Name"])
"""
KNOCK = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()"
STEP = re.compile(r"^(\d)\. (.*?)(?=^\d\. |^$)", re.MULTILINE | re.DOTALL)
CONSOLE_STEP = re.compile(r"AWS console \((\S+)\), EC2 > Instances > (\S+): Start\s+instance")
PORT = re.compile(r"nc -vz (\S+) (\d+)")
MX = re.compile(r"^ +(\S+)\. (\d+) IN MX (\d+) (\S+)\.$", re.MULTILINE)
TXT = re.compile(r"^ +(\S+)\. (\d+) IN TXT (.+)$", re.MULTILINE)
MANAGED = re.compile(r"managed by email", re.IGNORECASE)
STARTS_S_MAX, POLL_S = 60.0, 0.5
STUMBLED, CLICKS_MAX = 10013, 4


class Person:
    """Goes by PAPER, of DOMAIN; SHUT: their provider lets no port 25 out."""

    def __init__(self, lab: Lab, domain: str, paper: str, *, shut: bool = False) -> None:
        self.lab, self.domain, self.shut = lab, domain, shut
        own, _, self.gone = paper.partition("CLOUDFLARE IS GONE")
        self.steps = {int(number): text for number, text in STEP.findall(own)}
        self.did: list[str] = []

    def goes_back(self) -> None:
        """Steps 0 to 3."""
        assert set(self.steps) - {0} == {1, 2, 3, 4}, self.steps
        if 0 in self.steps:
            self._start()
        records = MX.findall(self.steps[1])
        assert records, self.steps[1]
        for name, ttl, preference, host in records:
            self._add({"type": "MX", "name": name, "ttl": int(ttl), "priority": int(preference), "content": host})
        (suffix,) = re.findall(r"ends in (\S+)\.\n", self.steps[2])
        for each in self._listed("MX"):
            if each["content"].endswith(suffix):
                self._ask("DELETE", f"/dns_records/{each['id']}")
                self.did.append(f"deleted {each['content']}")
        if not any(each["content"].strip('"').startswith("v=spf1") for each in self._listed("TXT")):
            for name, ttl, texts in TXT.findall(self.steps[3]):
                self._add({"type": "TXT", "name": name, "ttl": int(ttl), "content": texts})

    def dig(self) -> dict[str, list[str]]:
        """The MX, as each name server has it."""
        asked = {
            server: self.lab.exec("world", ["dig", "+short", f"@{server}", self.domain, "MX"]).stdout
            for server in plan.NAMESERVERS.values()
        }
        return {server: sorted(said.splitlines()) for server, said in asked.items()}

    def _start(self) -> None:
        place, port = CONSOLE_STEP.search(self.steps[0]), PORT.search(self.steps[0])
        assert place, self.steps[0]
        assert port, self.steps[0]
        if "If it is stopped" in self.steps[0] and self._console(place, "look") == "running":
            return
        self._console(place, "start")
        self.did.append(f"started {place[2]}")
        until = time.monotonic() + STARTS_S_MAX
        while not (self._runs(place) if self.shut else self._answers(port)):
            assert time.monotonic() < until, f"the paper says to wait, and it never ends: {self.steps[0]}"
            time.sleep(POLL_S)

    def _runs(self, place: re.Match[str]) -> bool:
        assert "shut" in self.steps[0], "what somebody does whose port 25 is shut"
        return self._console(place, "look") == "running"

    def _answers(self, port: re.Match[str]) -> bool:
        return operator(self.lab.name, "-c", KNOCK, *port.groups()).returncode == 0

    def _console(self, place: re.Match[str], deed: str) -> str:
        done = operator(self.lab.name, "-c", CONSOLE, *place.groups(), deed)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _add(self, record: dict[str, Any]) -> None:
        said = self._ask("POST", "/dns_records", record, refused=True)
        if not said["success"] and MANAGED.search(str(said["errors"])):
            assert "unlock the DNS records" in self.steps[1]
            self._ask("PATCH", "/email/routing/dns")
            self.did.append("unlocked")
            said = self._ask("POST", "/dns_records", record)
        assert said["success"], said
        self.did.append(f"added {record['type']} {record['content']}")

    def _listed(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("GET", f"/dns_records?type={kind}&name={self.domain}")["result"]
        return found

    def _ask(self, method: str, path: str, body: Any = None, *, refused: bool = False) -> dict[str, Any]:
        said = self._click(method, f"/zones/{self._zone}{path}", body)
        assert said["success"] or refused, said
        return said

    @cached_property
    def _zone(self) -> str:
        (zone,) = self._click("GET", f"/zones?name={self.domain}")["result"]
        return str(zone["id"])

    def _click(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for _ in range(CLICKS_MAX):  # anybody clicks again where Cloudflare says that it stumbled
            done = operator(self.lab.name, "-c", CLICK, json.dumps([method, path, body]))
            assert done.returncode == 0, done.stderr[-2000:]
            said = json.loads(done.stdout)
            if not any(each["code"] == STUMBLED for each in said["errors"]):
                break
        return said
