"""SPF records as text: several into one, without losing or reordering a term (RFC 7208)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from scripts.change import Refused

SENDGRID = "sendgrid.net"
"""What Dell's own mail is let in by (SendGrid, SPF)."""
_TERM = re.compile(
    r"[+?~-]?(?:(?P<all>all)|(?:include|exists):\S+|(?:a|mx)(?::[^/\s]+)?(?:/\d+)?(?://\d+)?|ptr(?::\S+)?"
    r"|ip(?P<version>[46]):(?P<network>\S+))|(?P<modifier>[a-z][a-z0-9_.-]*)=\S*",
    re.IGNORECASE,
)
_MILDEST_FIRST = "+?~-"


def merged(texts: Sequence[str], includes: Sequence[str]) -> str:
    """One record of all TEXTS: their mechanisms in order, each once, then the INCLUDES that lack, then ``all``.

    Of several ``all`` the mildest stays; where there is no record yet it is ``~all``, where a record has none it gets
    none. Raises ``Refused`` for what can't be merged: a redirect, what is no term, a term that nobody reads, an
    include that is denied.
    """
    mechanisms, modifiers, alls = [], [], [] if texts else ["~all"]
    for text in texts:
        ended = False
        for term in text.split()[1:]:
            match = _match(term, text)
            if match["modifier"]:
                modifiers.append(term)
            elif ended:
                raise Refused(
                    f"{text!r}: nobody reads {term}, which stands after all (RFC 7208, 5.1). Take it out first"
                )
            elif match["all"]:
                ended = True
                alls.append(term)
            else:
                mechanisms.append(term)
    mechanisms += [f"include:{name}" for name in includes if not _included(mechanisms, name)]
    alls.sort(key=lambda term: _MILDEST_FIRST.find(term[0]))  # a bare "all" is "+all", and sorts first too
    return " ".join(dict.fromkeys(("v=spf1", *mechanisms, *alls[:1], *modifiers)))


def _match(term: str, text: str) -> re.Match[str]:
    match = _TERM.fullmatch(term)
    if match is None or (match["network"] and not _is_network(match["network"], match["version"])):
        raise Refused(f"{text!r}: {term!r} is no term of SPF (RFC 7208, 12). Correct it first")
    if (match["modifier"] or "").lower() == "redirect":
        raise Refused(f"{text!r}: {term} hands the word to another record. Put that record's terms here first")
    return match


def _is_network(text: str, version: str) -> bool:
    try:
        return ipaddress.ip_network(text, strict=False).version == int(version)
    except ValueError:
        return False


def _included(mechanisms: Sequence[str], name: str) -> bool:
    for term in mechanisms:
        if term.lstrip(_MILDEST_FIRST).lower() == f"include:{name}".lower():
            if term[0] in "?~-":
                raise Refused(f"{term} says that {name} may not send. Take the {term[0]!r} away first")
            return True
    return False
