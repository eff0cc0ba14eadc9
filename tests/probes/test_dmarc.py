"""DMARC records and which of them applies (RFC 9989), compared with checkdmarc, which reads by the same standard."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, strategies as st

from fixtures.probes.dns import dmarc
from fixtures.probes.dns.dmarc_record import Applied, applied, names, parse, policies
from fixtures.probes.mailbox.imap import Stored
from fixtures.probes.mailbox.signatures import Signature
from fixtures.probes.smtp import submission
from fixtures.probes.smtp.submission import Authentication
from tests.judges import LOOK

RECORDS = [
    ("v=DMARC1; p=none; rua=mailto:a@b.example!10m,mailto:c@d.example", ""),
    ("v=DMARC1;p=REJECT;sp=none;adkim=s;aspf=r;pct=50;fo=1:d;ri=3600;", ""),
    ("v=DMARC1; rua=mailto:a@b.example; p=none", ""),
    ("v=DMARC1; rua=mailto:a@b.example", ""),
    ("v=DMARC1; sp=none; p=reject", ""),
    ("v=DMARC1; p=none; pct=101; ri=soon; rf=none", ""),
    ("v=DMARC1; p=reject; np=quarantine; psd=n; t=y", ""),
    ("v=DMARC1; p=reject; xyz=foo", ""),
    ("V = DMARC1 ; P = None", ""),
    ("v=DMARC1; p=none; adkim=strict", ""),
    ("v=DMARC1; p=none; rua=https://report.example/dmarc", ""),
    ("v=DMARC1; p=maybe", "p=maybe"),
    ("v=DMARC1; p=none; sp=maybe", "sp=maybe"),
    ("v=DMARC1; p=reject; np=maybe", "np=maybe"),
    ("v=DMARC1; p=reject; psd=x", "psd=x"),
    ("v=DMARC1; p=reject; t=x", "t=x"),
    ("v=DMARC1; p=none; fo=x", "fo=x"),
    ("v=DMARC1; p", "'p' is no tag"),
    ("v=DMARC1; p=none; rua=a@b.example", "no mailto:"),
    ("v=DMARC1; p=none; rua=mailto:nobody", "no mailto:"),
    ("v=DMARC1; p=none; p=reject", "stands twice"),
    ("v=DMARC1; p=reject;; rua=mailto:a@b.example", "an empty part"),
    ("v=DMARC1; p=reject; rua=mailto:a@b.example; ruf", "'ruf' is no tag"),
    ("", "it is empty"),
]


NOTHING = "neither p= nor rua=: nothing is asked of receivers"
VALUES = {
    "p": ["none", "Quarantine", "reject", "maybe"],
    "sp": ["none", "reject", "no"],
    "np": ["quarantine", "0"],
    "psd": ["y", "n", "U", "x"],
    "t": ["y", "n", "N", "yes"],
    "adkim": ["r", "s", "strict"],
    "aspf": ["r", "S", "x"],
    "fo": ["0", "1:d:s", "2"],
    "pct": ["50", "101", "many"],
    "ri": ["86400", "soon"],
    "rf": ["afrf", "x"],
    "rua": ["mailto:a@b.example", "mailto:a@b.example,mailto:c@d.example!10m", "https://b.example/x", "a@b.example"],
    "ruf": ["mailto:a@b.example", "mailto:"],
    "unheard": ["of"],
}
TAGS = st.sampled_from([(tag, value) for tag, values in VALUES.items() for value in values])
SPACED = st.sampled_from(["", " ", "\t"])
SAID = st.builds(lambda tag, before, after: f"{tag[0]}{before}={after}{tag[1]}", TAGS, SPACED, SPACED)


def named(part: str) -> str:
    return part.partition("=")[0].strip()


DRAWN = st.builds(
    lambda parts, end: "; ".join(["v=DMARC1", *parts]) + end, st.lists(SAID, max_size=6, unique_by=named), SPACED
)


@pytest.fixture(scope="module")
def theirs() -> Iterator[ModuleType]:
    """It would look for the MX and the agreement of each receiver: that is another question, and not asked here."""
    from checkdmarc import dmarc as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "get_mx_records", lambda *_, **__: ["mx.example"])
        patch.setattr(module, "verify_dmarc_report_destination", lambda *_, **__: True)
        yield module


def agreed(text: str, theirs: Any) -> None:
    ours = parse(text)
    if NOTHING in ours.faults:  # it is no error there; receivers "apply no DMARC processing" (RFC 9989, 4.10.1)
        return
    try:
        found = theirs.parse_dmarc_record(text, "own.example")["tags"]
    except theirs.DMARCError:
        assert ours.faults
        return
    assert not ours.faults
    said = {tag: found[tag]["value"].lower() for tag in ("p", "sp", "np", "psd", "t", "adkim", "aspf")}
    modes = {True: "s", False: "r"}
    assert said == {
        "p": ours.policy,
        "sp": ours.subdomains,
        "np": ours.nonexistent,
        "psd": ours.psd,
        "t": "y" if ours.testing else "n",
        "adkim": modes[ours.strict_dkim],
        "aspf": modes[ours.strict_spf],
    }


@pytest.mark.parametrize(("text", "words"), RECORDS)
def test_a_record_is_read_as_receivers_and_checkdmarc_read_it(text: str, words: str, theirs: ModuleType) -> None:
    faults = parse(text).faults
    assert words in "; ".join(faults)
    assert bool(faults) == bool(words)
    agreed(text, theirs)


@given(text=DRAWN)
def test_any_record_is_read_as_checkdmarc_reads_it(text: str, theirs: ModuleType) -> None:
    agreed(text, theirs)


def test_where_checkdmarc_and_we_differ_the_standard_says_so(theirs: ModuleType) -> None:
    """Of the 43 records of its own tests (its repository in November 2026; no package brings them) these two."""
    assert parse("v=DMARC1").faults == (NOTHING,)
    assert theirs.parse_dmarc_record("v=DMARC1", "own.example")
    # What is wrong in a tag that nobody reads is discarded (RFC 9989, 4.8).
    assert not parse("v=DMARC1; p=reject; pct=").faults
    with pytest.raises(theirs.DMARCSyntaxError):
        theirs.parse_dmarc_record("v=DMARC1; p=reject; pct=", "own.example")


def test_only_dmarc_records_count() -> None:
    texts = ("v=DMARC1; p=none", "v=spf1 -all", "v=DMARC10; p=none", "v=dmarc1; p=none", " v=DMARC1; p=none")
    assert policies(texts) == ("v=DMARC1; p=none",)


def test_of_a_long_name_eight_are_asked() -> None:
    assert names("mail.own.example") == ("mail.own.example", "own.example", "example")
    asked = names("a.b.c.d.e.f.g.h.i.j.example")
    assert (len(asked), asked[1], asked[-1]) == (8, "e.f.g.h.i.j.example", "example")


@pytest.mark.parametrize(
    ("records", "word", "organizational"),
    [
        ({}, "none", "a.own.example"),
        ({"a.own.example": "p=reject"}, "reject", "a.own.example"),
        ({"own.example": "p=reject"}, "reject", "own.example"),
        ({"own.example": "p=reject; sp=none"}, "none", "own.example"),
        ({"own.example": "p=reject; t=y"}, "none", "own.example"),
        ({"a.own.example": "p=none", "own.example": "p=reject"}, "none", "own.example"),
        ({"own.example": "p=none; psd=n", "example": "p=reject"}, "none", "own.example"),
        ({"example": "p=reject; sp=quarantine; psd=y"}, "quarantine", "own.example"),
        ({"own.example": "p=none", "example": "p=reject; psd=y"}, "none", "own.example"),
        ({"a.own.example": "p=maybe", "own.example": "p=reject"}, "none", "own.example"),
        ({"own.example": "p=reject; rua=nobody"}, "reject", "own.example"),
        # What can't be read is discarded, and the rest counts (RFC 9989, 4.8), as OpenDMARC and mail-auth do it.
        ({"own.example": "p=reject;; rua=mailto:a@b.example"}, "reject", "own.example"),
        ({"own.example": "p=reject; rua=mailto:a@b.example; ruf"}, "reject", "own.example"),
        ({"own.example": "ruf; sp=reject; p=none; =x"}, "reject", "own.example"),
        ({"own.example": "p=none; p=reject"}, "reject", "own.example"),
    ],
)
def test_which_record_applies(records: dict[str, str], word: str, organizational: str) -> None:
    found = applied("a.own.example", {name: [f"v=DMARC1; {text}"] for name, text in records.items()})
    assert (found.word, found.organizational) == (word, organizational)


def test_two_records_at_a_name_count_as_none_and_np_is_for_names_that_are_not_there() -> None:
    twice = {"own.example": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]}
    assert applied("own.example", twice).policy is None
    one = {"own.example": ["v=DMARC1; p=none; np=reject"]}
    assert applied("a.own.example", one).word == "none"
    assert applied("a.own.example", one, exists=False).word == "reject"


def test_strict_alignment_wants_the_very_same_domain() -> None:
    def judged(policy: str) -> Authentication:
        signed = (Signature("mail.own.example", "s1", "", aligned=True),)
        found = applied("own.example", {"own.example": [policy]})
        return Authentication("own.example", signed, "em1.own.example", "pass", found, "", LOOK)

    assert dmarc.passes(judged("v=DMARC1; p=none"))[0]
    assert dmarc.passes(judged("v=DMARC1; p=none; adkim=s"))[1].startswith("SPF of em1.own.example")
    assert not dmarc.passes(judged("v=DMARC1; p=none; adkim=s; aspf=s"))[0]


def test_a_policy_that_could_not_be_looked_up_is_known_to_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(author: str) -> tuple[Applied, str]:
        return applied(author, {}), "timed out"

    monkeypatch.setattr(submission, "discover", silent)
    arrived = Stored("me", "INBOX", 1, (("From", "a@own.example"),), content=b"From: a@own.example\r\n\r\nHello.\r\n")
    assert submission.authenticate(None, arrived).trouble == "timed out"  # type: ignore[arg-type] # it asks nothing


@given(st.text(max_size=200))
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    parse(text)
    applied("own.example", {"own.example": [text]})
