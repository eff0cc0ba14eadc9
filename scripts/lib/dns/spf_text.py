"""SPF records as text: several into one, without losing or reordering a term (RFC 7208)."""

from __future__ import annotations

from collections.abc import Sequence

from fixtures.probes.dns import spf
from scripts.lib.change import Refused

SENDGRID = "sendgrid.net"
"""What Dell's own mail is let in by (SendGrid, SPF)."""
_MILDEST_FIRST = "+?~-"


def merged(texts: Sequence[str], includes: Sequence[str]) -> str:
    """One record of all TEXTS: their mechanisms in order, each once, then the INCLUDES that lack, then ``all``.

    Of several ``all`` the mildest stays; where there is no record yet it is ``~all``, where a record has none it gets
    none. Raises ``Refused`` for what can't be merged: a redirect, what is no term, a term that nobody reads, an
    include that is denied.
    """
    mechanisms, modifiers, alls = list[spf.Term](), list[spf.Term](), list[spf.Term]()
    for text in texts:
        ended = False
        for term in _terms(text):
            if not term.qualifier:
                modifiers.append(term)
            elif ended:
                raise Refused(
                    f"{text!r}: nobody reads {term.text}, which stands after all (RFC 7208, 5.1). Take it out first"
                )
            elif term.name == "all":
                ended = True
                alls.append(term)
            else:
                mechanisms.append(term)
    words = [term.text for term in mechanisms]
    words += [f"include:{name}" for name in includes if not _included(mechanisms, name)]
    alls.sort(key=lambda term: _MILDEST_FIRST.find(term.qualifier))
    words += [term.text for term in alls[:1]] if texts else ["~all"]
    return " ".join(dict.fromkeys(("v=spf1", *words, *(term.text for term in modifiers))))


def _terms(text: str) -> tuple[spf.Term, ...]:
    try:
        found = spf.terms(text)
    except spf.Malformed as why:
        raise Refused(f"{text!r} is no record of SPF (RFC 7208, 12): {why}. Correct it first") from None
    if away := next((term for term in found if term.name == "redirect"), None):
        raise Refused(f"{text!r}: {away.text} hands the word to another record. Put that record's terms here first")
    return found


def _included(mechanisms: Sequence[spf.Term], name: str) -> bool:
    for term in mechanisms:
        if (term.name, term.value.lower()) == ("include", name.lower()):
            if term.qualifier != "+":
                raise Refused(f"{term.text} says that {name} may not send. Take the {term.qualifier!r} away first")
            return True
    return False
