"""Rehearse your own: from a snapshot of a system that is none of ours by name, through drills, to a live gate's rows.

The live system is a lab that plays somebody else's (``another``), asked by settings whose target is live.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.clock import Clock
from fixtures.gates.store import Store
from fixtures.lab import own
from fixtures.lab.world import Lab, down
from fixtures.settings import load
from tests.conftest import PROJECT, python, told
from tests.lab import another

NAME = "tests-live"
DRILLS = "no_relaying and stranger or over_its_quota"
REHEARSAL_S_MAX = 600


@dataclass(frozen=True)
class Live:
    """The system, its settings, and the certificate that was made of it."""

    lab: Lab
    config: Path
    certificate: Path
    said: str

    def gate(self, folder: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], str]:
        """Judge the drills at phase2 with the certificate; returns what was said, and the report's page."""
        given = ["--gate", "phase2", "--config", str(self.config), "--certificate", str(self.certificate), *options]
        done = operator("pytest", "features/", "-q", "-k", DRILLS, "--report", str(folder / "report.html"), *given)
        page = folder / "report.html"
        return done, page.read_text(encoding="utf-8") if page.exists() else ""


def operator(*module: str) -> subprocess.CompletedProcess[str]:
    """A module run where the live system's operator is."""
    return python("scripts.lab_cli", "shell", "--name", NAME, "operator", "--", sys.executable, "-m", *module)


def snapshot_of(lab: Lab) -> Path:
    """Take one as of a live system; returns the settings for it."""
    text = (lab.folder / "operator/migration.toml").read_text(encoding="utf-8")
    config = lab.folder / "operator/live.toml"
    config.write_text(
        text.replace('target = "lab"', 'target = "live"').replace("store.sqlite", "live.sqlite"), encoding="utf-8"
    )
    done = operator("scripts.snapshot", "--config", str(config), "--name", "first")
    assert done.returncode == 0, done.stdout + done.stderr
    return config


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    down(NAME)
    lab = Lab.up(NAME, seed=6, owner_pid=os.getpid())
    try:
        settings = load(snapshot_of(lab))
        store = Store(settings.store.url, Clock())
        body = store.snapshot("first")
        store.close()
        assert body
        lab.down()
        lab = Lab.up(NAME, seed=6, owner_pid=os.getpid(), dell=own.make(*another.system(settings, body)))
        config, out = snapshot_of(lab), tmp_path_factory.mktemp("reports")
        command = ["--config", str(config), "--snapshot", "first", "--seed", "6", "--out", str(out), "-k", DRILLS]
        done = subprocess.run(
            [sys.executable, "-m", "scripts.rehearse_own", *command, "--world", "today", "--world", "prepared"],
            cwd=PROJECT, capture_output=True, text=True, check=False, timeout=REHEARSAL_S_MAX,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        code = f"from fixtures.lab.stand import stand_at, Lab; stand_at(Lab.find({NAME!r}), 'phase2')"
        subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True, capture_output=True, timeout=120)
        (certificate,) = out.glob("certificate-*[0-9].json")
        yield Live(lab, config, certificate, done.stdout)
    finally:
        lab.down()


def test_each_drill_is_told_as_it_ends_and_the_certificate_in_short(live: Live) -> None:
    assert "snapshot 'first': 99 parts of Dell, 0 of them otherwise in a lab" in live.said
    assert "drills, prepared: test_who_cant_relay[drills-prepared-a stranger] PASSED" in live.said
    assert f"{live.certificate.stem} of dell.kumo-post.net: 3 drills, all green; made " in live.said
    assert {each.name for each in live.certificate.parent.glob("*.html")} == {
        f"{live.certificate.stem}-{world}.html" for world in ("today", "prepared")
    }


def test_it_opens_the_rows_of_drills_live_until_dell_is_changed(live: Live, tmp_path: Path) -> None:
    """Dell has been prepared since the snapshot, by the same scripts as in the lab. Then one parameter is changed."""
    done, page = live.gate(tmp_path)
    assert done.stdout.count("OPEN") == 3, done.stdout[-3000:]
    assert f"{live.certificate.stem} of dell.kumo-post.net: 3 drills, all green" in page
    assert f"the drill certificate {live.certificate.stem}" in page

    live.lab.exec("dell", ["postconf", "-e", "smtpd_recipient_limit = 900"])
    done, page = live.gate(tmp_path)
    assert done.stdout.count("CLOSED (inconclusive)") == 3, done.stdout[-3000:]
    assert "Dell is not as it was drilled (prepared): parameter smtpd_recipient_limit: was not set, is 900" in page

    live.lab.exec("dell", ["postconf", "-X", "smtpd_recipient_limit"])
    done, _ = live.gate(tmp_path)
    assert done.stdout.count("OPEN") == 3, done.stdout[-3000:]


def test_one_of_another_dell_and_a_broken_one_judge_nothing(live: Live, tmp_path: Path) -> None:
    other = live.config.with_name("other.toml")
    text = live.config.read_text(encoding="utf-8")
    other.write_text(text.replace('"dell.kumo-post.net"', '"dell2.kumo-post.net"'), encoding="utf-8")
    done, _ = live.gate(tmp_path, "--config", str(other))
    told(done, 2, "is of another Dell: dell.kumo-post.net; this is dell2.kumo-post.net", "scripts/rehearse --config")
    cut = tmp_path / "cut.json"
    cut.write_text(live.certificate.read_text(encoding="utf-8")[:-100], encoding="utf-8")
    done, _ = live.gate(tmp_path, "--certificate", str(cut))
    told(done, 2, "cut.json: no drill certificate of this version")


def test_a_snapshot_that_no_lab_can_play_is_refused_with_all_reasons(live: Live) -> None:
    settings = load(live.config)
    store = Store(settings.store.url, Clock())
    body = store.snapshot("first")
    assert body
    del body["dell"]["files"]["virtual"]
    body["zones"]["kumo-post.net"]["routing"]["enabled"] = True
    store.put_snapshot("bad", "0" * 16, body)
    store.close()
    done = python("scripts.rehearse_own", "--config", str(live.config), "--snapshot", "bad")
    told(done, 2, "a lab of your own system can't be made", "virtual, which the snapshot lacks", "Email Routing was")
