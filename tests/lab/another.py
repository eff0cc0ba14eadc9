"""Somebody else's system: the lab's own, taken as a snapshot, with other names, addresses and habits."""

import base64
import json
import re
from typing import Any

from fixtures.settings import Settings

RENAMED = {
    "webmakeprofit.org": "kumo-post.net",
    "fx-trader-life.com": "aozora-trade.com",
    "pilot.example.net": "probe.kumo-lab.net",
    "alice": "akiko",
    "tanaka": "suzuki",
    "198.51.100.10": "198.51.100.77",
    "2001:db8:d::10": "2001:db8:d::77",
    "203.0.113.20": "203.0.113.44",
    "2001:db8:e::20": "2001:db8:e::44",
    "100.64.10.1": "100.101.7.1",
    "100.64.10.2": "100.101.7.2",
    "172.20.0.": "172.28.5.",
    "172.22.0.": "192.168.40.",
}
EXTRA = "# ours\nsmtpd_banner = $myhostname ESMTP\nalias_maps = hash:/etc/aliases\nheader_size_limit = 204800\n"


_NAMES = re.compile("|".join(re.escape(name) + ("" if name.endswith(".") else r"(?!\d)") for name in RENAMED))


def renamed(text: str) -> str:
    return _NAMES.sub(lambda found: RENAMED[found[0]], text)


def system(settings: Settings, snapshot: dict[str, Any]) -> tuple[Settings, dict[str, Any]]:
    """Somebody else's settings and snapshot, made of the lab's."""
    body = json.loads(renamed(json.dumps(snapshot)))
    for host in ("dell", "ec2"):
        files = body[host]["files"]
        for name, content in files.items():
            files[name] = _encoded(renamed(base64.b64decode(content).decode()))
        lines = [line for line in _decoded(files["main.cf"]).splitlines() if line and not line.startswith("#")]
        files["main.cf"] = _encoded("\n".join(reversed(lines)) + "\n" + (EXTRA if host == "dell" else ""))
        kept = [line for line in _decoded(files["main.cf"]).splitlines() if line != "alias_maps ="]
        files["main.cf"] = _encoded("\n".join(kept) + "\n")
    body["dell"]["elsewhere"]["/etc/aliases"] = _encoded("postmaster: root\n")
    return Settings.model_validate_json(renamed(settings.model_dump_json())), body


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()
