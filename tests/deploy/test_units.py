"""The units of systemd, as the installer writes them, before systemd's own verifier."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fixtures.evidence.redaction import PREFIX
from fixtures.settings import Secrets, load
from fixtures.target import REPORTS
from tests.conftest import MINIMAL, PROJECT

INSTALL = PROJECT / "scripts/deploy/install"
EXPOSURE_MAX = 20
"""Of 100, by ``systemd-analyze security``: what these services could do if somebody took them over."""
ANALYZE = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def install(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([INSTALL, *options], capture_output=True, text=True, check=False, timeout=60)


def analyze(units: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SYSTEMD_UNIT_PATH": f"{units}:"}
    command = ["systemd-analyze", *argv]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Where they were installed to. (Who runs them here need only exist.)"""
    done = install("--to", str(tmp_path), "--user", "daemon")
    assert done.returncode == 0, done.stderr
    assert "systemctl enable --now mxgate-soak.timer mxgate-silence.timer" in done.stdout
    return tmp_path


def read(unit: Path) -> configparser.ConfigParser:
    made = configparser.ConfigParser(interpolation=None, strict=False)
    made.optionxform = str  # type: ignore[assignment,method-assign] # systemd's keys differ by their case
    made.read(unit)
    return made


@ANALYZE
def test_systemd_takes_them(units: Path) -> None:
    files = sorted(str(each) for each in units.iterdir() if each.is_file())
    assert len(files) == 7
    done = analyze(units, "verify", *files)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@ANALYZE
@pytest.mark.parametrize("unit", ["mxgate-soak", "mxgate-weekly", "mxgate-silence", "mxgate-alert@mxgate-soak.service"])
def test_they_may_do_little(units: Path, unit: str) -> None:
    """Also shows that the file which all share is read for each of them."""
    done = analyze(units, "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", f"{unit}.service")
    assert done.returncode == 0, done.stdout[-400:] + done.stderr
    shutil.rmtree(units / "mxgate-.service.d")
    bare = analyze(units, "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", f"{unit}.service")
    assert bare.returncode != 0


@ANALYZE
def test_the_verifier_sees_what_it_is_for(units: Path) -> None:
    soak = units / "mxgate-soak.service"
    soak.write_text(soak.read_text(encoding="utf-8").replace("OnFailure=", "OnFailing="), encoding="utf-8")
    assert "OnFailing" in analyze(units, "verify", str(soak)).stderr


def test_what_they_run_and_when(units: Path) -> None:
    timers = {each.stem: read(each)["Timer"] for each in units.glob("*.timer")}
    for each in timers.values():
        assert each["Persistent"] == "true"
        assert "RandomizedDelaySec" in each
    gap_h = 24 + float(timers["mxgate-soak"]["RandomizedDelaySec"].removesuffix("min")) / 60 + 1
    assert gap_h < 26, "a night that is late by its timer's delay and its own deadline would count as missing"
    for service in units.glob("*.service"):
        unit = read(service)
        assert re.fullmatch(r"\d+(min|h)", unit["Service"]["TimeoutStartSec"]), f"{service.name} has no deadline"
        command = unit["Service"]["ExecStart"].split()
        assert command[0] == str(PROJECT / ".venv/bin/python")
        if "alert@" not in service.name:  # an alarm about an alarm that failed would go round in circles
            assert unit["Unit"]["OnFailure"] == "mxgate-alert@%n.service"
    assert "--soak" in read(units / "mxgate-soak.service")["Service"]["ExecStart"]
    assert "--light" in read(units / "mxgate-weekly.service")["Service"]["ExecStart"]


def test_secrets_come_as_credentials(units: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd names what it loads from a folder ID_FILE (systemd.exec(5), LoadCredential=)."""
    shared = read(units / "mxgate-.service.d/common.conf")["Service"]
    identifier, _, folder = shared["LoadCredential"].partition(":")
    assert folder == "/etc/mxgate/credentials/"
    given = tmp_path / "credentials"
    given.mkdir()
    for name in Secrets.model_fields:
        (given / f"{identifier}_{name}").write_text(f"secret of {name}\n", encoding="ascii")
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    for name in Secrets.model_fields:
        assert getattr(Secrets(), name).get_secret_value() == f"secret of {name}"
    said = install("--to", str(tmp_path), "--user", "daemon").stdout
    written = {"sendgrid_key", "bucket_key", "bucket_secret"}  # to Dell, by prepare_dell
    for name in {*Secrets.model_fields, "aws"} - written:
        assert name in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--nonsense",), "no such option"),
        (("--to",), "expected a value after it"),
        (("--to", "/no/such/folder"), "no folder that you may write to"),
        (("--store", "tests"), "expected such a path from / on"),
        (("--store", "/nosuch/folder"), "no such folder; make it first, mxgate's own"),
        (("--user", "x y"), "expected the name of a user"),
        (("--credentials", "relative"), "expected such a path from / on"),
    ],
)
def test_bad_input(options: tuple[str, ...], words: str) -> None:
    done = install(*options)
    assert done.returncode == 2
    assert words in done.stderr


def test_they_may_write_to_reports_and_the_store_only(tmp_path: Path) -> None:
    """Neither to what they run, nor to their settings and who may sign: those lie in this folder."""
    assert install("--to", str(tmp_path), "--user", "daemon", "--store", "/var/lib").returncode == 0
    shared = read(tmp_path / "mxgate-.service.d/common.conf")["Service"]
    assert shared["ReadWritePaths"].split() == [str(REPORTS), "/var/lib"]


def test_the_store_may_lie_in_this_folder(units: Path, tmp_path: Path) -> None:
    """The default's relative path is meant from where the units run."""
    file = tmp_path / "migration.toml"
    file.write_text(MINIMAL.partition("[store]")[0], encoding="utf-8")
    assert load(file).store.url == "sqlite:///mxgate.sqlite"
    shared = read(units / "mxgate-.service.d/common.conf")["Service"]
    assert shared["WorkingDirectory"] == shared["ReadWritePaths"] == str(PROJECT)
