"""A drill certificate opens what it covers, and nothing once it is void: each test breaks one thing it holds by."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fixtures.evidence import Evidence, Inconclusive, Verdict
from fixtures.gates import drill_certificate, drills
from fixtures.gates.dellparts import parts
from fixtures.gates.drill_certificate import DAY_S, Certificate, Drill
from fixtures.gates.outcome import Outcome, describe
from fixtures.gates.present import DOVECOT, POSTFIX, present_digest
from fixtures.migration import Migration, trials
from fixtures.migration.version import VERSION
from fixtures.plan.gates import Gate
from fixtures.preflight import machine
from fixtures.probes.dell.firewall import Answer, Ruleset
from fixtures.store import StoreError
from tests.gates.conftest import World

KEY = "features/relaying/no_relaying.feature::test_relay[a stranger]"
AS_IT_RUNS = {
    POSTFIX: (
        "mail_version = 3.7.11\nmyhostname = dell.example.net\nsmtp_tls_CAfile = /etc/postfix/ca.pem\n"
        "smtpd_client_restrictions = check_client_access cidr:/etc/postfix/admit.cidr, reject\n"
        "smtp_sasl_password_maps = hash:/etc/postfix/relay_login\n"
        "smtp       inet  n       -       y       -       -       smtpd -o smtpd_etrn_restrictions=reject\n"
        "smtp/inet/smtpd_etrn_restrictions = reject\n"
        f"{'a' * 64}  admit.cidr\n{'b' * 64}  main.cf\n{'c' * 64}  relay_login\n{'d' * 64}  ca.pem\n"
    ),
    DOVECOT: "2.4.1-4 (7d8c0e5759)\nprotocols = imap lmtp\nquota user {\n  driver = count\n  storage_size = 500M\n}\n",
}


Made = Callable[..., Certificate]
"""Makes a certificate of the live Dell, changed as asked, and keeps it."""


@dataclass
class Live:
    """A live migration whose Dell the test tells."""

    migration: Migration
    dell: dict[str, str]

    def recall(self, tag: str = "A-6") -> Outcome:
        outcome = describe([tag, "drill"], "phase1", "a name", "a feature", "a.feature", key=KEY)
        drills.recall(self.migration, outcome, present_digest(self.migration, lambda _: self.dell), Gate.PHASE2)
        return outcome

    def why_not(self, tag: str = "A-6") -> str:
        with pytest.raises(Inconclusive) as raised:
            self.recall(tag)
        return str(raised.value)


@pytest.fixture
def live(world: World) -> Live:
    return Live(world.having(target="live"), dict(AS_IT_RUNS))


@pytest.fixture
def made(live: Live) -> Made:
    def make(**changes: object) -> Certificate:
        said = parts(AS_IT_RUNS)
        about: dict[str, Any] = {"key": KEY, "name": "A stranger can't relay", "ids": ("A-6",)}
        about |= {"verdict": Verdict.PASS, "evidence": "e" * 64}
        fields = {
            "made_at": live.migration.clock.now(),
            "suite": VERSION,
            "seed": 7,
            "dell": live.migration.settings.dell.name,
            "domains": live.migration.settings.domain_names,
            "snapshot": "0123456789abcdef",
            "lab": "Postfix 3.10.13, Dovecot 2.4.1",
            "worlds": {"today": said, "prepared": said | {"parameter myhostname": "mx.example.net"}},
            "not_certified": {"A-9": "a milter takes part"},
            "drills": [Drill(world=each, **about) for each in ("today", "prepared")],
        }
        found = Certificate.model_validate(fields | changes)
        drill_certificate.take_in(live.migration.store, found)
        return found

    return make


def test_the_doctor_tells_whether_there_is_one(live: Live, made: Made) -> None:
    """It is missing, found, found among void ones, and expired; and asking leaves the store as it was."""
    (none,) = machine.valid_certificate(live.migration)
    assert (none.verdict, none.found) == (Verdict.INCONCLUSIVE, "none")
    assert "scripts/rehearse --config migration.toml" in none.hint
    good = made()
    made(suite="0.0.1")
    (found,) = machine.valid_certificate(live.migration)
    assert (found.verdict, found.found) == (Verdict.PASS, good.summary)
    live.migration.clock.advance(31 * DAY_S)
    (expired,) = machine.valid_certificate(live.migration)
    assert expired.verdict is Verdict.INCONCLUSIVE
    assert "made by mxgate 0.0.1" in expired.found


def test_without_one_a_drill_is_inconclusive(live: Live) -> None:
    assert "found none. Rehearse your own system: scripts/rehearse --config migration.toml" in live.why_not()


def test_one_of_this_dell_opens_the_row(live: Live, made: Made) -> None:
    found = made()
    outcome = live.recall()
    assert outcome.name == "A stranger can't relay"
    assert found.name in outcome.findings[0].evidence[0].asked


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.ABSENT, Verdict.WAIVED])
def test_what_did_not_pass_there_is_not_proved_here(live: Live, made: Made, verdict: Verdict) -> None:
    """Not by an older one that did, either."""
    older = made().drills[0]
    made(drills=[older, older.model_copy(update={"verdict": verdict, "error": "why it is not"})])
    with pytest.raises(drills.FromRecord, match="why it is not") as raised:
        live.recall()
    assert raised.value.verdict is verdict


@pytest.mark.parametrize(
    ("file", "change", "sentence"),
    [
        (POSTFIX, ("= dell.", "= other."), "parameter myhostname: was dell.example.net, is other.example.net"),
        (POSTFIX, ("inet/smtpd_etrn_restrictions =", "inet/x ="), "override smtp/inet/x: was not set, is reject"),
        (POSTFIX, ("a" * 64, "0" * 64), f"file admit.cidr: was {'a' * 16}, is {'0' * 16}"),
        (POSTFIX, ("3.7.11", "3.8.1"), "version of Postfix: was 3.7.11, is 3.8.1"),
        (DOVECOT, ("500M", "400M"), "Dovecot's quota user: was quota user { driver = count storage_size = 500M }"),
    ],
)
def test_one_change_on_dell_voids_it(live: Live, made: Made, file: str, change: tuple[str, str], sentence: str) -> None:
    made()
    assert change[0] in live.dell[file]
    live.dell[file] = live.dell[file].replace(*change)
    said = live.why_not()
    assert "Dell is not as it was drilled (today)" in said
    assert sentence in said


def test_once_dell_is_prepared_another_parameter_has_to_be_put_back(live: Live, made: Made) -> None:
    """A rehearsal begins from the first snapshot then, and fits only what no script writes."""
    made()
    live.migration.store.record("done", script="prepare_dell")
    for change, again in (("3.7.11", "3.8.1"), True), (("= dell.", "= other."), False):
        live.dell[POSTFIX] = live.dell[POSTFIX].replace(*change)
        said = live.why_not()
        assert ("Rehearse your own system" in said) is again
        assert ("Put that back" in said) is not again


@pytest.mark.parametrize(
    ("before", "after"),
    [("c" * 64, "1" * 64), ("d" * 64, "2" * 64), ("b" * 64, "3" * 64), ("n       -       y", "n       -       n")],
)
def test_what_is_renewed_or_only_written_otherwise_does_not(live: Live, made: Made, before: str, after: str) -> None:
    """A secret, a certificate, main.cf's comments, the chroot column."""
    made()
    assert before in live.dell[POSTFIX]
    live.dell[POSTFIX] = live.dell[POSTFIX].replace(before, after)
    live.recall()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"made_at": -31 * DAY_S}, "expired: 31.0 days old, at most 30 are allowed"),
        ({"made_at": DAY_S}, "made 24.0 hours from now: one of the two clocks is off"),
        ({"suite": "0.0.9"}, "made by mxgate 0.0.9"),
        ({"domains": ["webmakeprofit.org"]}, "of other domains: webmakeprofit.org; these are fx-trader-life.com, "),
        ({"dell": "dell.elsewhere.net"}, "of another Dell: dell.elsewhere.net; this is dell.webmakeprofit.org"),
        ({"drills": []}, "this drill was not run"),
    ],
)
def test_what_it_does_not_hold_for(live: Live, made: Made, changes: dict[str, object], sentence: str) -> None:
    if isinstance(since := changes.get("made_at"), float):
        changes = {"made_at": live.migration.clock.now() + since}
    made(**changes)
    assert sentence in live.why_not()


KNOBS = {"routing_mx": "listed", "spf": "replaced", "enabling": "refuses"}
HIDDEN = "otherwise than the trial of {day} saw: routing_mx listed, and not hidden"


@pytest.mark.parametrize(
    ("seen", "tag", "why"),
    [
        ({}, "X-5", ""),
        ({"routing_mx": "listed", "spf": "replaced", "settle_s": 31.5, "states": "ready"}, "X-5", ""),
        ({"routing_mx": "hidden"}, "X-5", HIDDEN),
        ({"routing_mx": "hidden"}, "O-3", HIDDEN),
        ({"routing_mx": "hidden"}, "E-7", HIDDEN),
        ({"routing_mx": "hidden"}, "W-9", HIDDEN),
        ({"routing_mx": "hidden"}, "A-6", ""),
        ({"routing_mx": "hidden", "spf": "kept"}, "X-5", f"{HIDDEN}; spf replaced, and not kept"),
        ({"enabling": "later"}, "X-5", ""),
        ({"enabling": None}, "X-5", ""),
    ],
    ids=str,
)  # fmt: skip
def test_what_rests_on_cloudflare_was_drilled_with_one_as_the_trial_saw_it(
    live: Live, made: Made, seen: dict[str, object], tag: str, why: str
) -> None:
    """What no lab can play is C-8's, and a number is another each time."""
    store, zone = live.migration.store, live.migration.settings.pilot
    made(knobs=KNOBS)
    for name, value in seen.items():
        body = {"trial": "a", "fact": name, "what": name, "expected": "", "value": value, "shown": ""}
        store.record(trials.OBSERVED, zone, **body, otherwise=value == "later")
    if seen:
        store.record(trials.TRIAL, zone, number="a", phase="ended", name=f"mxgate-trial.{zone}", stopped="")
    (newest,) = machine.valid_certificate(live.migration)
    assert newest.verdict is Verdict.PASS
    if not why:
        live.recall(tag)
        return
    said = live.why_not(tag)
    assert "made with a Cloudflare that does " in said
    assert why.format(day=time.strftime("%Y-%m-%d", time.localtime(live.migration.clock.now()))) in said
    assert "Rehearse your own system" in said


def test_rows_that_the_lab_could_not_play_stay_inconclusive(live: Live, made: Made) -> None:
    made()
    assert "does not cover this: a milter takes part" in live.why_not("A-9")


def test_a_short_summary_says_which_dell_how_many_drills_and_what_was_red(live: Live, made: Made) -> None:
    assert drill_certificate.summary(live.migration) == ""
    found = made(drills=[], not_certified={})
    assert drill_certificate.summary(live.migration).startswith(f"{found.name} of dell.webmakeprofit.org: 0 drills")
    whole = made()
    said = drill_certificate.summary(live.migration)
    assert ": 2 drills, all green; says nothing of A-9; made " in said
    assert "(Postfix 3.10.13, Dovecot 2.4.1) of snapshot 0123456789abcdef, on Dell today, prepared; " in said
    assert said.endswith("; with the emulator's own Cloudflare")
    made(trial="mxgate-trial.a.example")
    said = drill_certificate.summary(live.migration)
    assert said.endswith("; with Cloudflare as the trial at mxgate-trial.a.example saw it")
    red = whole.drills[0].model_copy(update={"verdict": Verdict.FAIL})
    made(drills=[red, *whole.drills[1:]], suite="0.0.9")
    said = drill_certificate.summary(live.migration)
    assert said.startswith("void (made by mxgate 0.0.9, this is ")
    assert ": 2 drills, 1 fail, 1 pass; says" in said


def test_an_older_one_that_holds_serves(live: Live, made: Made) -> None:
    made()
    made(drills=[])
    live.recall()


def test_the_file_is_read_as_it_was_written(live: Live, made: Made, tmp_path: Path) -> None:
    file = tmp_path / "certificate.json"
    found = made()
    file.write_text(found.text(), encoding="utf-8")
    assert drill_certificate.read(file) == found
    drill_certificate.take_in(live.migration.store, drill_certificate.read(file))
    assert live.migration.store.recorded(drill_certificate.RECORD)[1:] == []


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('"verdict": "pass"', '"verdict": "n/a"', "was changed or cut since it was made"),
        ('"form": 1', '"form": 2', "no drill certificate of this version"),
        ("\n}\n", "", "no drill certificate of this version"),
    ],
)
def test_a_file_that_was_changed_is_refused(made: Made, tmp_path: Path, before: str, after: str, sentence: str) -> None:
    file, text = tmp_path / "certificate.json", made().text()
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(StoreError, match=sentence):
        drill_certificate.read(file)
    for wrong in ("[]", "\0", json.dumps({"digest": 1})):
        file.write_text(wrong, encoding="utf-8")
        with pytest.raises(StoreError, match="no drill certificate"):
            drill_certificate.read(file)


RULES = Ruleset({"nft": "table inet a {\n}"}, Evidence("the firewall", "read"))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"firewall": None}, "no kernel was asked with Dell's ruleset"),
        ({"firewall": Answer("table inet b {\n}", ())}, "another than the one that was asked: -table inet b {; +table"),
        ({"firewall": Answer("", (), after=Answer(RULES.text, ("104.30.0.0/19",), packets=3))}, ""),
        ({"suite": "older"}, "made by mxgate older"),
    ],
)
def test_a_firewall_holds_while_it_is_as_asked(live: Live, made: Made, changes: dict[str, object], why: str) -> None:
    assert drill_certificate.firewall_of(live.migration, RULES) == (None, "there is no drill certificate")
    asked = Answer(RULES.text, ("104.30.0.0/19",), packets=3)
    made(**{"firewall": asked, **changes})
    found, reason = drill_certificate.firewall_of(live.migration, RULES)
    assert (found == asked) == (not why)
    assert why in reason


@pytest.mark.parametrize(("host", "holds"), [("203.0.113.9", True), ("104.30.0.9", False)])
def test_a_firewall_holds_when_a_stranger_was_banned(live: Live, made: Made, host: str, holds: bool) -> None:
    asked = Answer(f"table inet a {{\n\t\tip saddr {host} drop\n}}", ())
    made(firewall=asked)
    assert (drill_certificate.firewall_of(live.migration, RULES)[0] == asked) is holds
