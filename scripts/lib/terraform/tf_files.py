"""The files of a Terraform folder as ``retire_terraform`` changes them: copied first, replaced whole or not at all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from scripts.lib.change import Write
from scripts.lib.terraform.configuration import Span, doomed
from scripts.lib.terraform.hcl import cut

ABSENT, NOTHING = "absent", "nothing of the gateway"


@dataclass(frozen=True, slots=True)
class Configuration:
    """The ``*.tf`` files of FOLDER, from which what belongs to ADDRESSES is to go. STAYS: what the state keeps."""

    folder: Path
    addresses: tuple[str, ...]
    stays: tuple[str, ...]

    def cuts(self) -> dict[str, list[Span]]:
        """What is to be cut from each file, by its name. Raises ``Refused``."""
        files = {file.name: _text(file) for file in sorted(self.folder.glob("*.tf"))}
        return doomed(files, self.addresses, self.stays)

    def doomed(self, name: str) -> str:
        """The text that is to be cut from one file."""
        text = _text(self.folder / name)
        return "".join(text[start:end] for start, end in self.cuts().get(name, [])) or NOTHING

    def cut(self, name: str) -> None:
        """Cut it."""
        file = (self.folder / name).resolve()
        text = cut(_text(file), self.cuts().get(name, []))
        _put(file, text.encode("utf-8", "surrogateescape"), file.stat().st_mode & 0o777)


def copy(file: Path, pull: Callable[[], bytes] = bytes) -> Iterator[Write]:
    """A copy beside FILE, unless there is one of the same minute. A state that lies elsewhere is pulled."""
    if file.exists():
        content, mode = file.read_bytes(), file.stat().st_mode & 0o777
        stamp = time.strftime("%Y%m%d%H%M", time.localtime(file.stat().st_mtime))
    else:
        content, mode = pull(), 0o600
        stamp = f"serial-{json.loads(content)['serial']}"
    target = file.with_name(f"{file.name}.bak-{stamp}")
    if not target.exists():
        read, do = partial(_fingerprint, target), partial(_put, target, content, mode)
        yield Write(f"copies in {file.parent}", target.name, ABSENT, _told(content), do, read)


def _text(file: Path) -> str:
    """Every byte as a character, so that what stays is written as it was."""
    return file.read_bytes().decode("utf-8", "surrogateescape")


def _fingerprint(file: Path) -> str:
    return _told(file.read_bytes()) if file.exists() else ABSENT


def _told(content: bytes) -> str:
    return f"{len(content)} bytes, SHA-256 {sha256(content).hexdigest()[:16]}"


def _put(file: Path, content: bytes, mode: int) -> None:
    begun = file.with_name(f".{file.name}.partial")
    begun.touch(mode=0o600)
    begun.write_bytes(content)
    begun.chmod(mode)
    begun.replace(file)
