"""A Terraform folder: what goes when resources are retired, what still refers to them, and its files on their way.

Each file is copied first, and replaced whole or not at all.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from fixtures.evidence import CouldNotAsk
from fixtures.plan.templates import git
from fixtures.probes.aws import terraform
from fixtures.probes.aws.hcl import Block, HclError, blocks, code, cut, forgets, lines, token_end
from scripts.lib.change import Refused, Write

PROVIDER = "aws"
ABSENT, NOTHING = "absent", "nothing of the gateway"
Span: TypeAlias = tuple[int, int]
_ENTRY = re.compile(rf"(?<![\w.-]){PROVIDER}[ \t]*=[ \t]*")


@dataclass(frozen=True, slots=True)
class Configuration:
    """The files of FOLDER, from which what belongs to ADDRESSES is to go. STAYS: what the state keeps."""

    folder: Path
    addresses: tuple[str, ...]
    stays: tuple[str, ...]

    def cuts(self) -> dict[str, list[Span]]:
        """What is to be cut from each ``*.tf``, by its name. Raises ``Refused``, also where a ``*.tf.json`` has any."""
        files = {file.name: _text(file) for file in sorted(self.folder.glob("*.tf"))}
        made = sorted(self.folder.glob("*.tf.json"))
        found = terraform.mentions(self.folder, self.addresses).mentions if made else ()
        if by_hand := [each for each in found if each.file in {file.name for file in made}]:
            raise Refused(
                "JSON is not cut: a program may have made it. Take the gateway out of it there, or by hand:\n  "
                + "\n  ".join(f"{each.file}:{each.line}: {each.word}" for each in by_hand)
            )
        declared = [each for file in made for each in terraform.declared(file)]
        return doomed(files, self.addresses, (*self.stays, *declared))

    def doomed(self, name: str) -> str:
        """The text that is to be cut from one file."""
        text = _text(self.folder / name)
        return "".join(text[start:end] for start, end in self.cuts().get(name, [])) or NOTHING

    def cut(self, name: str) -> None:
        file = (self.folder / name).resolve()
        text = cut(_text(file), self.cuts().get(name, []))
        _put(file, text.encode("utf-8", "surrogateescape"), file.stat().st_mode & 0o777)


def doomed(files: Mapping[str, str], addresses: Iterable[str], stays: Iterable[str]) -> dict[str, list[Span]]:
    """The parts to cut from each file: the blocks of ADDRESSES and, when nothing needs it any more, the AWS provider.

    FILES: name to text. STAYS: the resources that are left in the state. Raises ``Refused`` when a file can't be
    understood, or when what stays refers to what goes.
    """
    wanted, read = set(addresses), {name: _blocks(name, text) for name, text in files.items()}
    going = {name: [block for block in found if block.address in wanted] for name, found in read.items()}
    staying = {name: [block for block in found if block.address not in wanted] for name, found in read.items()}
    _require_unreferenced(files, staying, wanted)
    cuts = {name: [(block.start, block.end) for block in found] for name, found in going.items()}
    needed = any(_needs_provider(block, files[name]) for name, found in staying.items() for block in found)
    if not needed and not any(re.match(rf"module\.|(data\.)?{PROVIDER}_", each) for each in stays):
        for name, found in staying.items():
            cuts[name] += _provider(files[name], found)
    return {name: sorted(spans) for name, spans in cuts.items() if spans}


def _blocks(name: str, text: str) -> tuple[Block, ...]:
    try:
        return blocks(text)
    except HclError as error:
        raise Refused(f"{name}: {error}; `terraform validate` says more") from None


def _require_unreferenced(files: Mapping[str, str], staying: Mapping[str, list[Block]], wanted: set[str]) -> None:
    pattern = re.compile("|".join(rf"(?<![\w.-]){re.escape(each)}(?![\w-])" for each in sorted(wanted)))
    faults = []
    for name, found in staying.items():
        text = code(files[name])
        for block in (each for each in found if not forgets(text, each)):
            for mention in pattern.finditer(text, block.start, block.end):
                line = text.count("\n", 0, mention.start()) + 1
                what = " ".join((block.type, *block.labels))
                faults.append(f"{name}:{line}: {what} refers to {mention[0]}")
    if faults:
        raise Refused(
            "what stays in the configuration refers to what goes. Change it first, or name it in "
            "ec2.terraform_addresses too (output.NAME, data.TYPE.NAME, var.NAME, module.NAME):\n  "
            + "\n  ".join(faults)
        )


def _needs_provider(block: Block, text: str) -> bool:
    """A resource or data source of it, and any module, of which nothing is known here."""
    if block.type == "module":
        return True
    named = re.search(rf"(?m)^\s*provider\s*=\s*{PROVIDER}\b", code(text[slice(*block.inside)]))
    its = block.type in {"resource", "data", "ephemeral"}
    return its and (named is not None or block.labels[0].startswith(f"{PROVIDER}_"))


def _provider(text: str, staying: Iterable[Block]) -> Iterable[Span]:
    """The provider's blocks, and its entries in ``required_providers``."""
    for block in staying:
        if block.type == "provider" and block.labels == (PROVIDER,):
            yield block.start, block.end
        for inner in blocks(text, *block.inside) if block.type == "terraform" else ():
            if inner.type == "required_providers":
                blanked = code(text)
                if entry := _ENTRY.search(blanked, *inner.inside):
                    yield lines(text, entry.start(), token_end(text, entry.end()))


def copy(file: Path, state: bytes = b"") -> Iterator[Write]:
    """A copy in the folder of FILE, unless there is one of the same minute; of a STATE as Terraform gives it, wherever
    that lies.
    """
    if state:
        content, mode = state, 0o600
        stamp = f"serial-{json.loads(state)['serial']}-{sha256(state).hexdigest()[:8]}"
    else:
        content, mode = file.read_bytes(), file.stat().st_mode & 0o777
        stamp = time.strftime("%Y%m%d%H%M", time.localtime(file.stat().st_mtime))
    target = file.with_name(f"{file.name}.bak-{stamp}")
    if not target.exists():
        read, do = partial(_fingerprint, target), partial(_put, target, content, mode)
        yield Write(f"copies in {file.parent}", target.name, ABSENT, _fingerprint_of(content), do, read)


def unshared(folder: Path) -> str:
    """That whoever applies from the repository makes again what was cut here, and why.

    Empty where all is committed and pushed, and where the folder lies in no repository.
    """
    try:
        changed = [line[3:] for line in git(folder, "status", "--porcelain", "--", "*.tf").splitlines()]
        why = f"not committed: {', '.join(changed)}" if changed else ""
        if not why and (ahead := git(folder, "rev-list", "--abbrev-commit", "@{upstream}..", "--", "*.tf").split()):
            why = f"not pushed: {', '.join(ahead)}"
    except CouldNotAsk:  # no repository, or no upstream
        return ""
    return f"{folder}: {why}. Until that is done, an apply from elsewhere makes the gateway again" if why else ""


def _text(file: Path) -> str:
    """Every byte as a character, so that what stays is written as it was."""
    return file.read_bytes().decode("utf-8", "surrogateescape")


def _fingerprint(file: Path) -> str:
    return _fingerprint_of(file.read_bytes()) if file.exists() else ABSENT


def _fingerprint_of(content: bytes) -> str:
    return f"{len(content)} bytes, SHA-256 {sha256(content).hexdigest()[:16]}"


def _put(file: Path, content: bytes, mode: int) -> None:
    """Whole, or as it was before. Raises ``Refused`` where it can't be written."""
    begun = file.with_name(f".{file.name}.partial")
    try:
        begun.touch(mode=0o600)
        begun.write_bytes(content)
        begun.chmod(mode)
        begun.replace(file)
    except OSError as error:
        with suppress(OSError):
            begun.unlink(missing_ok=True)
        raise Refused(f"{file}: can't be written, and stands as it was: {error.strerror}") from None
