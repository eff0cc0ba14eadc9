"""Templates of main.cf and master.cf as text: an engine's own lines are kept out of sight while the rest is edited."""

from __future__ import annotations

import re
from collections.abc import Callable

_CONTROL = re.compile(r"^(?=\{\{|\$\{|<\?|@|[ \t]*(?:\{[%#]|%\{|<%|%[ \t]|\{\{[-~]?[ \t]*[#/]))", re.MULTILINE)
"""Lines that steer an engine (Jinja, Ansible, Go, ERB, Mako, Terraform) or stand for whole lines of their own. An
indented placeholder is none: it is part of the value above."""
_HIDDEN = "#mxgate-hidden#"


def edited(text: str, edit: Callable[[str], str]) -> str:
    """TEXT after EDIT, which takes an engine's lines for comments. A `%` line or block keeps its place."""
    return edit(_CONTROL.sub(_HIDDEN, text)).replace(_HIDDEN, "")
