"""Rehearse your own where mail comes by an Email Worker, and Dell has no public address in the settings."""

import subprocess
import sys
from pathlib import Path

from fixtures.lab import plan
from fixtures.lab.faults.walk import carry
from fixtures.plan.gates import Gate
from tests.conftest import PROJECT
from tests.labs import operator, standing

NAME = "tests-own-worker"
DRILLS = "way_to_dell or over_its_quota"
REHEARSAL_S_MAX = 900


def test_its_certificate_opens_the_rows_of_drills(tmp_path: Path) -> None:
    with standing(NAME, 6, route="worker") as lab:
        text = (lab.folder / "operator/migration.toml").read_text(encoding="utf-8")
        text = text.replace('target = "lab"', 'target = "live"').replace("store.sqlite", "live.sqlite")
        kept = [line for line in text.splitlines() if not line.startswith(f'ipv4 = "{plan.DELL4}"')]
        config = lab.folder / "operator/live.toml"
        config.write_text("\n".join(kept), encoding="utf-8")
        given = ["--config", str(config), "--seed", "6", "--out", str(tmp_path), "-k", DRILLS, "--world", "prepared"]
        code = f"from fixtures.lab.world import Lab; Lab.find({NAME!r}).enter(); from scripts import rehearse_own; "
        command = [sys.executable, "-c", f"{code} raise SystemExit(rehearse_own.main({given!r}))"]
        done = subprocess.run(
            command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=REHEARSAL_S_MAX
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "drills, all green" in done.stdout
        carry(NAME, Gate.PHASE2)
        asked = ["--config", str(config), "--gate", "phase2", "-k", DRILLS, "--report", str(tmp_path / "report.html")]
        done = operator(NAME, "-m", "pytest", "features/", "-q", *asked)
        assert done.stdout.count("OPEN") == 3, done.stdout[-3000:]
