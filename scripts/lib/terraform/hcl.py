"""Blocks of a Terraform file, found by their braces, so that some can be cut and the rest stays byte for byte.

Strings with their interpolations, heredocs and comments are passed over (HCL 2, native syntax).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<comment>#[^\n]*|//[^\n]*|/\*.*?\*/)"
    r"|(?P<heredoc><<-?(?P<tag>[A-Za-z_][\w-]*)[ \t]*\r?\n(?:[^\n]*\n)*?[ \t]*(?P=tag)(?=[ \t]*(?:\r?\n|\Z)))"
    r"|(?P<word>[A-Za-z_][\w-]*)|(?P<space>\s+)|(?P<other>.)",
    re.DOTALL,
)
_HEAD = re.compile(r'(?P<type>[A-Za-z_][\w-]*)(?P<labels>(?:[ \t]+(?:"[^"\n]*"|[A-Za-z_][\w-]*))*)[ \t]*\{')
_REST_OF_LINE = re.compile(r"[ \t]*(?:\r?\n|\Z)")
_ADDRESS = {"resource": "", "data": "data.", "module": "module.", "output": "output.", "variable": "var."}


class HclError(ValueError):
    """The text is not understood; says in which line."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block or a map in braces. START to END: its lines with the line feed, or itself if more stands in them."""

    type: str
    labels: tuple[str, ...]
    start: int
    end: int
    inside: tuple[int, int]
    """Where the text between its braces starts and ends."""

    @property
    def address(self) -> str:
        """As Terraform names it: ``aws_instance.mail``, ``data.aws_ami.debian``, ``output.ip``; else its type."""
        return _ADDRESS[self.type] + ".".join(self.labels) if self.type in _ADDRESS else self.type


def blocks(text: str, start: int = 0, end: int | None = None) -> tuple[Block, ...]:
    """The outermost blocks between START and END (default: of all of TEXT). Raises ``HclError``."""
    found: list[Block] = []
    at, stop = start, len(text) if end is None else end
    while at < stop:
        head = _HEAD.match(text, at)
        if head is None:
            at = token_end(text, at)
            continue
        close = _closed(text, head.end())
        labels = tuple(re.findall(r'[^\s"]+', head["labels"]))
        found.append(Block(head["type"], labels, *lines(text, at, close), (head.end(), close - 1)))
        at = close
    return tuple(found)


def code(text: str) -> str:
    """TEXT with its comments blanked; every line where it was."""
    made, at = [], 0
    while at < len(text):
        after = at + 1 if text[at] in "{[(" else token_end(text, at)
        part = text[at:after]
        made.append(re.sub(r"[^\n]", " ", part) if part.startswith(("#", "//", "/*")) else part)
        at = after
    return "".join(made)


def cut(text: str, doomed: Iterable[tuple[int, int]]) -> str:
    """TEXT without these parts, and without the blank line after each where one stands before it too."""
    for start, end in sorted(doomed, reverse=True):
        before, after = text[:start], text[end:]
        blank = re.match(r"[ \t]*\r?\n", after)
        if blank and (not before or before.endswith(("\n\n", "\n\r\n"))):
            after = after[blank.end() :]
        text = before + after
    return text


def lines(text: str, start: int, end: int) -> tuple[int, int]:
    """START to END as whole lines with their line feed, if nothing else stands in them."""
    first, rest = text.rfind("\n", 0, start) + 1, _REST_OF_LINE.match(text, end)
    return (first, rest.end()) if rest and not text[first:start].strip() else (start, end)


def token_end(text: str, at: int) -> int:
    """Where the token at AT ends: a string, a heredoc, a comment, a word, a brace with all that it holds."""
    if text[at] == '"':
        return _quoted(text, at)
    if text[at] in "{[(":
        return _closed(text, at + 1)
    token = _TOKEN.match(text, at)
    return token.end() if token else at + 1


def _closed(text: str, at: int) -> int:
    """Just past the bracket that closes what was opened before AT."""
    opened = at - 1
    while at < len(text):
        if text[at] in "}])":
            return at + 1
        at = token_end(text, at)
    raise HclError(f"line {text.count(chr(10), 0, opened) + 1}: {text[opened]} is never closed")


def _quoted(text: str, opened: int) -> int:
    """Just past the string that begins at OPENED; ``${`` and ``%{`` hold expressions, with strings of their own."""
    at = opened + 1
    while at < len(text) and text[at] != "\n":
        if text[at] == '"':
            return at + 1
        if text.startswith(("$${", "%%{"), at):
            at += 3
        elif text.startswith(("${", "%{"), at):
            at = _closed(text, at + 2)
        else:
            at += 2 if text[at] == "\\" else 1
    raise HclError(f'line {text.count(chr(10), 0, opened) + 1}: " is never closed')
