"""What others keep for their own tests, fetched as it is needed: ours ask the same, and keep no copy."""

import subprocess
import sys
import tarfile
from pathlib import Path

FETCH_S_MAX = 120


def from_index(pinned: str, digest: str, folder: Path) -> Path:
    """The source archive PINNED (``name==version``) of Python's package index, unpacked below FOLDER: its top."""
    (folder / "wanted").write_text(f"{pinned} --hash=sha256:{digest}\n", encoding="ascii")
    command = "download --quiet --disable-pip-version-check --no-deps --no-binary :all: --require-hashes".split()
    _run([sys.executable, "-m", "pip", *command, "-r", "wanted"], folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def wheels(lock: Path, folder: Path) -> Path:
    """The wheels that LOCK pins, and nothing that they need besides, in a folder to import from below FOLDER."""
    command = "install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes".split()
    _run([sys.executable, "-m", "pip", *command, "--target", "wheels", "-r", str(lock)], folder)
    return folder / "wheels"


def from_debian(package: str, folder: Path) -> Path:
    """Debian's PACKAGE as the machine's release has it (apt verifies it), unpacked below FOLDER: its root."""
    download = ["apt-get", "download", "--quiet", package]
    try:
        _run(download, folder)
    except subprocess.CalledProcessError:  # no lists yet, or old ones
        _run(["apt-get", "update", "--quiet"], folder)
        _run(download, folder)
    (archive,) = folder.glob("*.deb")
    _run(["dpkg", "-x", str(archive), "root"], folder)
    return folder / "root"


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=FETCH_S_MAX)
