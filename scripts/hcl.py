"""Blocks of a Terraform file, found by their braces, so that some can be cut and the rest stays byte for byte.

Strings with their interpolations, heredocs and comments are passed over (Terraform's native syntax, HCL 2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_COMMENT = r"#[^\n]*|//[^\n]*|/\*.*?\*/"
_HEREDOC = r"<<-?(?P<tag>[A-Za-z_][\w-]*)[ \t]*\r?\n(?:[^\n]*\n)*?[ \t]*(?P=tag)(?=[ \t]*(?:\r?\n|\Z))"
_TOKEN = re.compile(rf"(?P<comment>{_COMMENT})|{_HEREDOC}|[^\"{{}}#/<]+|.", re.DOTALL)
_HEAD = re.compile(r"(?P<type>[A-Za-z_][\w-]*)(?P<labels>(?:[ \t]+(?:\"[^\"\n]*\"|[A-Za-z_][\w-]*))*)[ \t]*\{")
_PREFIXES = {"data": "data.", "module": "module.", "output": "output.", "variable": "var.", "provider": "provider."}


class HclError(ValueError):
    """The text is not understood; says in which line."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block. ``start`` to ``end``: its lines, with the line feed after it."""

    type: str
    labels: tuple[str, ...]
    start: int
    end: int
    body: int
    """Where the text between its braces starts."""

    @property
    def address(self) -> str:
        """As Terraform names it: ``aws_instance.mail``, ``data.aws_ami.debian``, ``module.mail``, ``output.ip``."""
        return _PREFIXES.get(self.type, "") + ".".join(self.labels) if self.labels else self.type


def blocks(text: str, start: int = 0, end: int | None = None) -> tuple[Block, ...]:
    """The outermost blocks between START and END. Raises ``HclError``."""
    found, at, stop = [], start, len(text) if end is None else end
    while at < stop:
        if head := _HEAD.match(text, at):
            close = _closed(text, head.end())
            labels = tuple(re.findall(r'[^\s"]+', head["labels"]))
            found.append(Block(head["type"], labels, *_lines(text, at, close), head.end()))
            at = close
        elif text[at] == '"':
            at = _quoted(text, at + 1)
        elif text[at] == "{":
            at = _closed(text, at + 1)
        else:
            at = _next(text, at) if not text[at].isidentifier() else re.compile(r"[\w-]+").match(text, at).end()
    return tuple(found)


def code(text: str) -> str:
    """TEXT with its comments blanked; every other byte where it was."""
    made, at = [], 0
    while at < len(text):
        if text[at] == '"':
            after = _quoted(text, at + 1)
            made.append(text[at:after])
        else:
            token = _TOKEN.match(text, at)
            assert token
            after = token.end()
            made.append(re.sub(r"[^\n]", " ", token[0]) if token["comment"] else token[0])
        at = after
    return "".join(made)


def cut(text: str, doomed: Iterable[tuple[int, int]]) -> str:
    """TEXT without these parts, each with one of the blank lines that stood around it."""
    for start, end in sorted(doomed, reverse=True):
        before, after = text[:start], text[end:]
        blank = re.match(r"[ \t]*\r?\n", after)
        if blank and (not before or before.endswith(("\n\n", "\n\r\n"))):
            after = after[blank.end() :]
        text = before + after
    return text


def _lines(text: str, start: int, end: int) -> tuple[int, int]:
    """START to END as whole lines, where nothing else stands in them."""
    first = text.rfind("\n", 0, start) + 1
    rest = re.compile(r"[ \t]*(?:\r?\n|\Z)").match(text, end)
    return (first, rest.end()) if rest and not text[first:start].strip() else (start, end)
