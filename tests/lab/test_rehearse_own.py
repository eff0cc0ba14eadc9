"""Rehearse your own: from a snapshot of a system that is none of ours by name, through drills, to a live gate's rows.

The live system is a lab that plays somebody else's (``another``), asked by settings whose target is live.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fixtures.access.clock import Clock
from fixtures.gates.present import POSTFIX
from fixtures.lab import own
from fixtures.lab.faults.walk import carry
from fixtures.lab.world import Lab
from fixtures.settings import load
from fixtures.store import Store
from tests.conftest import PROJECT, ended, python
from tests.lab import another
from tests.labs import operator, standing

NAME = "tests-own"
DRILLS = "who_cant_relay and stranger or over_its_quota"
RULES = "no_rule_of_the_firewall"
REHEARSAL_S_MAX = 600


@dataclass(frozen=True)
class Live:
    """The system, its settings, and the certificate that was made of it."""

    lab: Lab
    config: Path
    certificate: Path
    said: str

    @property
    def taken(self) -> str:
        """The name of the snapshot that the rehearsal took."""
        return self.said.partition("snapshot '")[2].partition("'")[0]

    def gate(self, folder: Path, *options: str, words: str = DRILLS) -> tuple[subprocess.CompletedProcess[str], str]:
        """Judge the drills at phase2, or rows of these WORDS; returns what was said, and the report's page."""
        page = folder / "report.html"
        given = ["--gate", "phase2", "--report", str(page), "-k", words, *options]
        done = operator(NAME, "-m", "pytest", "features/", "-q", *given)
        return done, page.read_text(encoding="utf-8") if page.exists() else ""


def settings_for(lab: Lab) -> Path:
    """A file of settings that take it for a live system, with a store of its own."""
    text = (lab.folder / "operator/migration.toml").read_text(encoding="utf-8")
    text, clocks = re.subn(r"(?m)^(\[clock\]\nfile|clock) = .*\n?", "", text)
    assert clocks == 1
    config = lab.folder / "operator/live.toml"
    config.write_text(
        text.replace('target = "lab"', 'target = "live"').replace("store.sqlite", "live.sqlite"), encoding="utf-8"
    )
    return config


def opened(config: Path) -> closing[Store]:
    return closing(Store(load(config).store.url, Clock()))


def rehearsed(lab: str, given: list[str]) -> subprocess.CompletedProcess[str]:
    """What it says where the live system answers, and labs can be put up all the same."""
    code = f"from fixtures.lab.world import Lab; Lab.find({lab!r}).enter(); from scripts import rehearse_own; "
    command = [sys.executable, "-c", f"{code} raise SystemExit(rehearse_own.main({given!r}))"]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=REHEARSAL_S_MAX)


def snapshot(config: Path, name: str) -> dict[str, Any]:
    with opened(config) as store:
        body = store.snapshot(name)
    assert body
    return body


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with standing(NAME, 6) as lab:
        taken = operator(NAME, "-m", "scripts.snapshot", "--config", str(settings_for(lab)), "--name", "ours")
        assert taken.returncode == 0, taken.stdout + taken.stderr
        settings, body = load(settings_for(lab)), snapshot(settings_for(lab), "ours")
    with standing(NAME, 6, dell=own.make(*another.system(settings, body))) as lab:
        config, out = settings_for(lab), tmp_path_factory.mktemp("reports")
        given = ["--config", str(config), "--seed", "6", "--out", str(out), "-k", DRILLS]
        given += ["--world", "today", "--world", "prepared"]
        done = rehearsed(NAME, given)
        assert done.returncode == 0, done.stdout + done.stderr
        carry(NAME, "phase2")
        (certificate,) = out.glob("certificate-*[0-9].json")
        yield Live(lab, config, certificate, done.stdout)


def test_each_drill_is_reported_as_it_ends_and_the_certificate_in_short(live: Live) -> None:
    assert "taking a snapshot\nsnapshot 'rehearsal-" in live.said
    assert re.search(r": \d{2,3} parts of Dell, 0 of them otherwise in a lab", live.said), live.said
    assert "drills, prepared: test_who_cant_relay[drills-prepared-a stranger] PASSED" in live.said
    assert f"{live.certificate.stem} of dell.kumo-post.net: 3 drills, all green; made " in live.said
    assert {each.name for each in live.certificate.parent.glob("*.html")} == {
        f"{live.certificate.stem}-{world}.html" for world in ("today", "prepared")
    }


def test_it_opens_the_rows_of_drills_live_until_dell_is_changed(live: Live, tmp_path: Path) -> None:
    """Dell has been prepared since the snapshot, by the same scripts as in the lab. Then one parameter is changed."""
    here = ("--config", str(live.config))  # whose store has it
    elsewhere = live.config.with_name("elsewhere.toml")
    text = live.config.read_text(encoding="utf-8")
    elsewhere.write_text(text.replace("live.sqlite", "elsewhere.sqlite"), encoding="utf-8")

    done, page = live.gate(tmp_path, "--config", str(elsewhere))
    assert done.stdout.count("CLOSED (inconclusive)") == 3, done.stdout[-3000:]
    assert "found none. Rehearse your own system" in page

    done, page = live.gate(tmp_path, "--config", str(elsewhere), "--certificate", str(live.certificate))
    assert done.stdout.count("OPEN") == 3, done.stdout[-3000:]
    assert f"{live.certificate.stem} of dell.kumo-post.net: 3 drills, all green" in page
    assert f"the drill certificate {live.certificate.stem}" in page

    live.lab.exec("dell", ["postconf", "-e", "smtpd_recipient_limit = 900"])
    done, page = live.gate(tmp_path, *here)
    assert done.stdout.count("CLOSED (inconclusive)") == 3, done.stdout[-3000:]
    assert "Dell is not as it was drilled (prepared): parameter smtpd_recipient_limit: was not set, is 900" in page

    live.lab.exec("dell", ["postconf", "-X", "smtpd_recipient_limit"])
    done, _ = live.gate(tmp_path, *here)
    assert done.stdout.count("OPEN") == 3, done.stdout[-3000:]


def test_the_firewall_is_asked_and_has_to_stay_what_it_was(live: Live, tmp_path: Path) -> None:
    """A rule comes: live gates want a kernel to be asked again, and then say what it said."""
    assert "Dell's firewall, asked with" in live.said
    assert "    lets in all who are admitted" in live.said
    here = ("--config", str(live.config))
    done, _ = live.gate(tmp_path, *here, words=RULES)
    assert done.stdout.count("OPEN") == 3, done.stdout[-3000:]
    chain = "add chain inet guard input { type filter hook input priority 0; }"
    rule = "ip saddr 104.30.5.0/25 drop"
    live.lab.exec("dell", ["nft", f"add table inet guard; {chain}; add rule inet guard input {rule}"])
    try:
        done, page = live.gate(tmp_path, *here, words=RULES)
        assert done.stdout.count("CLOSED (inconclusive)") == 3, done.stdout[-3000:]
        assert "another than the one that was asked: +table inet guard" in page
        asked = rehearsed(NAME, [*here, "--firewall", "--out", str(tmp_path)])
        ended(asked, 1, f"nftables inet guard input: {rule}: refuses 104.30.5.0/25")
        done, page = live.gate(tmp_path, *here, words=RULES)
        assert done.stdout.count("CLOSED (fail)") == 3, done.stdout[-3000:]
        assert f"nftables inet guard input: {rule}" in page
    finally:
        live.lab.exec("dell", ["nft", "delete table inet guard"])


def test_one_of_another_dell_and_a_broken_one_judge_nothing(live: Live, tmp_path: Path) -> None:
    other = live.config.with_name("other.toml")
    text = live.config.read_text(encoding="utf-8")
    other.write_text(text.replace('"dell.kumo-post.net"', '"dell2.kumo-post.net"'), encoding="utf-8")
    done, _ = live.gate(tmp_path, "--config", str(other), "--certificate", str(live.certificate))
    ended(done, 2, "is of another Dell: dell.kumo-post.net; this is dell2.kumo-post.net", "scripts/rehearse --config")
    cut = tmp_path / "cut.json"
    cut.write_text(live.certificate.read_text(encoding="utf-8")[:-100], encoding="utf-8")
    done, _ = live.gate(tmp_path, "--config", str(live.config), "--certificate", str(cut))
    ended(done, 2, "cut.json: no drill certificate of this version")


def test_a_snapshot_that_no_lab_can_play_is_refused_with_all_reasons(live: Live) -> None:
    body = snapshot(live.config, live.taken)
    del body["dell"]["files"]["virtual"]
    body["zones"]["kumo-post.net"]["routing"]["enabled"] = True
    with opened(live.config) as store:
        store.put_snapshot("bad", "0" * 16, body)
    done = python("scripts.rehearse_own", "--config", str(live.config), "--snapshot", "bad")
    ended(done, 2, "a lab of your own system can't be made", "virtual, which the snapshot lacks", "Email Routing was")


def test_a_secret_in_plain_gets_into_no_certificate(live: Live) -> None:
    body, secret = snapshot(live.config, live.taken), "SG.abcdefghijklmnopqrstuvwx"
    body["dell"]["runs"][POSTFIX] += f"note = {secret}\n"
    with opened(live.config) as store:
        store.put_snapshot("plain", "1" * 16, body)
    done = python("scripts.rehearse_own", "--config", str(live.config), "--snapshot", "plain")
    ended(done, 2, "parameter note: holds a secret in plain")
    assert secret not in done.stdout + done.stderr
