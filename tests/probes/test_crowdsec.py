"""CrowdSec bans by its own decisions and by others' lists, which know other exceptions."""

import subprocess
from ipaddress import ip_network
from pathlib import Path

import pytest

from fixtures.access.transport import sections
from fixtures.evidence import Evidence
from fixtures.probes.dell import bans

FOUR, SIX, EC2 = (ip_network(each) for each in ("104.30.0.0/19", "2405:8100:c000::/38", "100.64.10.1/32"))
BY_LISTS = """\
=-=-= crowdsec
--- bouncers
name,ip,revoked,last_pull,type
nft,127.0.0.1,validated,,crowdsec-{type}-bouncer
--- decisions
{held}
--- origins
crowdsec
{origin}
--- spared
cidr: ["104.30.0.0/19", "2405:8100:c000::/38", 100.64.0.0/10]
--- allowed
104.30.0.0/19
--- capi
{capi}
{old}"""
OLD = {"old": "--- no allowlists\n"}


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({"origin": "CAPI"}, "inconclusive", "a list of others' could hold 2405:8100:c000::/38"),
        ({"origin": "lists"}, "inconclusive", "a list of others' could hold 2405:8100:c000::/38"),
        ({"origin": "CAPI", "capi": "- 2405:8100:c000::/38"}, "pass", ""),
        # Debian 12's CrowdSec is 1.4.6: what takes nobody off such a list can't be asked to.
        (
            OLD | {"origin": "CAPI"},
            "pass",
            "by this version nobody can be taken off others' lists (capi_whitelists_path:",
        ),
        (OLD | {"origin": "cscli"}, "pass", "spares"),
        (OLD | {"origin": "CAPI", "held": "CAPI,Ip:104.30.3.7"}, "fail", "could ban 104.30.0.0/19"),
        ({"origin": "CAPI", "type": "traefik"}, "pass", ""),
        ({"origin": "cscli"}, "pass", ""),
        ({"origin": "CAPI", "held": "CAPI,Ip:104.30.3.7"}, "fail", "bans now: 104.30.3.7/32: could ban 104.30.0.0/19;"),
    ],
)
def test_crowdsecs_lists_of_others_know_no_parsers_whitelist(changes: dict[str, str], verdict: str, said: str) -> None:
    """crowdsecurity/crowdsec issue 1545: only its allowlists, and capi_whitelists_path, take somebody off them."""
    text = BY_LISTS.format_map({"type": "firewall", "held": "", "capi": "", "old": ""} | changes)
    banners = (each for each in bans.judge_all({"": text}, (FOUR, SIX, EC2)) if not each.absent)
    (it,) = [each.judged(Evidence("Dell", "read"), (FOUR, SIX, EC2)) for each in banners]
    listed = "a list of others' could hold" in it.found
    assert (it.verdict.value, said in it.found, "cscli allowlists" in it.hint) == (verdict, True, listed)
    assert ("api.server.capi_whitelists_path" in it.hint, listed) in {(True, True), (False, False)}


CSCLI = """\
#!/bin/sh
case "$*" in
    bouncers*) printf 'name,ip\\nnft,127.0.0.1\\n' ;;
    decisions*"-a -l 0"*) printf '%s\\n' id,source,ip,reason 1,CAPI,Ip:104.30.3.7,a/b 2,CAPI,Ip:192.0.2.7,a/b \\
        3,lists,Range:104.0.0.0/8,a 4,crowdsec,Ip:2405:8100:c000::7,a/b ;;
    decisions*) echo 4,crowdsec,Ip:2405:8100:c000::7,a/b ;;
    "allowlists list"*) printf 'name\\nmine\\n' ;;
    "allowlists inspect mine"*) printf 'value\\n104.30.0.0/19\\n' ;;
esac
"""


def crowdsecs(folder: Path, cscli: str) -> dict[str, str]:
    """What is read of a CrowdSec whose command is CSCLI."""
    (folder / "cscli").write_text(cscli, encoding="utf-8")
    (folder / "cscli").chmod(0o755)
    command, env = bans.command((FOUR, SIX), bans.NO_WORKER), {"PATH": f"{folder}:/usr/bin:/bin"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return sections(sections(done.stdout)["crowdsec"], "--- ")


def test_crowdsec_is_asked_for_all_decisions_that_touch_somebody(tmp_path: Path) -> None:
    part = crowdsecs(tmp_path, CSCLI)
    assert part["decisions"] == "CAPI,Ip:104.30.3.7\nlists,Range:104.0.0.0/8\ncrowdsec,Ip:2405:8100:c000::7"
    assert {"CAPI", "lists"} < set(part["origins"].split())
    assert (part["spared"], part["allowed"], part["capi"]) == ("", "value\n104.30.0.0/19", "")
    assert "no allowlists" not in part
    old = 'allowlists*) echo \'level=fatal msg="unknown command \\"allowlists\\" for \\"cscli\\""\' >&2; exit 1 ;;'
    assert "no allowlists" in crowdsecs(tmp_path, CSCLI.replace('"allowlists list"*', f'{old}\n    "allowlists list"*'))
