"""What of a Terraform configuration goes when resources are retired, and what still refers to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from scripts.lib.change import Refused
from scripts.lib.terraform.hcl import Block, HclError, blocks, code, lines, token_end

PROVIDER = "aws"
Span: TypeAlias = tuple[int, int]
_ENTRY = re.compile(rf"(?<![\w.-]){PROVIDER}[ \t]*=[ \t]*")


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
    if not any(_needs_provider(block, files[name]) for name, found in staying.items() for block in found) and not any(
        re.match(rf"(.*\.)?(data\.)?{PROVIDER}_", each) for each in stays
    ):
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
        for block in found:
            for mention in pattern.finditer(text, block.start, block.end):
                line = text.count("\n", 0, mention.start()) + 1
                told = " ".join((block.type, *block.labels))
                faults.append(f"{name}:{line}: {told} refers to {mention[0]}")
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
    inside = code(text[slice(*block.inside)])
    named = re.search(rf"(?m)^\s*provider\s*=\s*{PROVIDER}\b", inside)
    return block.type in {"resource", "data", "ephemeral"} and (
        block.labels[0].startswith(f"{PROVIDER}_") or named is not None
    )


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
