"""A report that was signed, and each way in which report, evidence, store and signature may not belong together."""

# ruff: noqa: E501 - a table of cases reads better unbroken

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
import sqlalchemy as sa

from fixtures.access.clock import Clock
from fixtures.evidence import Verdict
from fixtures.gates import trust
from fixtures.language import speaking
from fixtures.migration import open_migration
from fixtures.report import statement
from fixtures.report.model import Decision
from fixtures.report.render import write
from fixtures.store import Store, chain
from scripts import sign, verify
from tests.conftest import PROJECT, ended, minimal
from tests.report import sample
from tests.warm import program

OPERATOR = "hiro@webmakeprofit.org"


@dataclass(frozen=True)
class Desk:
    """Where somebody signs: a folder with settings, a store, a key, and a report of them."""

    folder: Path
    store: Store
    capsys: pytest.CaptureFixture[str]

    @property
    def page(self) -> Path:
        return self.folder / "reports/phase3.html"

    @property
    def options(self) -> list[str]:
        return ["--config", str(self.folder / "migration.toml"), str(self.page)]

    def key(self, name: str = "id_ed25519") -> Path:
        key = self.folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        return key

    def allow(self, key: Path, name: str = OPERATOR) -> None:
        public = key.with_name(f"{key.name}.pub").read_text(encoding="utf-8")
        with (self.folder / "allowed_signers").open("a", encoding="utf-8") as file:
            file.write(f"{name} {public}")

    def sign(self, key: Path) -> tuple[int, str]:
        return self._said(sign.main([*self.options, "--key", str(key)]))

    def verify(self, *options: str) -> tuple[int, str]:
        return self._said(verify.main([*self.options, *options]))

    def _said(self, status: int) -> tuple[int, str]:
        captured = self.capsys.readouterr()
        return status, captured.out + captured.err

    def edit(self, end: str, old: str, new: str) -> None:
        file = self.page.with_suffix(end)
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    def sql(self, text: str) -> None:
        with self.store.engine.begin() as db:
            assert db.execute(sa.text(text)).rowcount


def written(store: Store, page: Path, run: str = "r1", decision: Decision = Decision.GO) -> None:
    with store.looking() as db:
        head = str(chain.head(db))
    report = replace(
        sample.report(decision=decision), run=run, store_head=head, settings="5e7", certificate_digest="c" * 64
    )
    junit = page.with_suffix(".xml")
    junit.parent.mkdir(exist_ok=True)
    junit.write_text("<testsuites/>", encoding="utf-8")
    write(report, page, str(junit), partial(statement.note, store))


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    minimal(tmp_path)
    with closing(Store(f"sqlite:///{tmp_path}/store.sqlite", Clock())) as store:
        store.record("night", gate="phase4", verdict="fail")
        made = Desk(tmp_path, store, capsys)
        written(store, made.page)
        yield made


@pytest.fixture
def signed(desk: Desk) -> Desk:
    desk.allow(key := desk.key())
    assert desk.sign(key)[0] == 0
    return desk


def test_what_was_signed_belongs_together(signed: Desk) -> None:
    status, said = signed.verify()
    assert status == 0
    assert said.splitlines() == [
        f"signed by {OPERATOR} with {signed.store.recorded(statement.SIGNED)[0]['key']}",
        f"{signed.page}: report, evidence, store and signature belong together",
    ]


def test_ssh_keygen_by_itself_checks_it(signed: Desk) -> None:
    """By what the pages say, with nothing of ours."""
    file = signed.page.with_suffix(".intoto.json")
    command = ["ssh-keygen", "-Y", "verify", "-f", f"{signed.folder}/allowed_signers", "-I", OPERATOR, "-n", "mxgate"]
    command += ["-s", f"{file}.{OPERATOR}.sig"]
    done = subprocess.run(command, input=file.read_bytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_statement_is_in_totos(signed: Desk) -> None:
    """Statement v1, test-result v0.1: what it must have; subjects by SHA-256; each test under how it came out."""
    held = json.loads(signed.page.with_suffix(".intoto.json").read_text(encoding="utf-8"))
    assert (held["_type"], held["predicateType"]) == (statement.STATEMENT, statement.TEST_RESULT)
    files = {each["name"]: each["digest"]["sha256"] for each in held["subject"]}
    names = [f"phase3{end}" for end in (".html", ".evidence.json", ".md", ".xml")]
    assert list(files)[:4] == names
    assert [files[name] for name in names] == [
        sha256((signed.page.parent / name).read_bytes()).hexdigest() for name in names
    ]
    assert list(files)[4].startswith("store ")
    predicate = held["predicate"]
    assert predicate["result"] == "PASSED"
    assert {each["name"]: each["digest"] for each in predicate["configuration"]} == {
        "migration.toml": {"mxgateSettings": "5e7"},
        "mxgate": {"mxgateVersion": "0.1.0"},
        "drill certificate": {"sha256": "c" * 64},
    }
    assert any(
        "N-1 P2.1 Before its switch" in each or "N-1 Before its switch" in each for each in predicate["passedTests"]
    )
    assert predicate["failedTests"] == predicate["warnedTests"] == []


@pytest.mark.parametrize(
    ("decision", "verdict", "answered", "result", "listed"),
    [
        ("GO", Verdict.PASS, "", "PASSED", ("passedTests", "phase3: A-2 A name (f::s)")),
        ("GO", Verdict.ABSENT, "", "PASSED", ("passedTests", "phase3: A-2 A name (f::s), n/a")),
        ("GO", Verdict.WAIVED, "", "WARNED", ("warnedTests", "phase3: A-2 A name (f::s)")),
        ("GO", Verdict.PASS, "overrides", "WARNED", ("passedTests", "phase3: A-2 A name (f::s)")),
        ("GO", Verdict.PASS, "let_through", "WARNED", ("passedTests", "phase3: A-2 A name (f::s)")),
        ("NO-GO", Verdict.FAIL, "", "FAILED", ("failedTests", "phase3: A-2 A name (f::s)")),
        ("NO-GO", Verdict.INCONCLUSIVE, "", "FAILED", ("failedTests", "phase3: A-2 A name (f::s), inconclusive")),
        ("NOT JUDGED", Verdict.NOT_RUN, "", "FAILED", ("failedTests", "phase3: A-2 A name (f::s), not run")),
    ],
)
def test_each_verdict_has_its_list(
    decision: str, verdict: Verdict, answered: str, result: str, listed: tuple[str, str]
) -> None:
    """ANSWERED: what there is for which somebody answers, besides waivers."""
    about = {"run": "r", "decision": decision, "version": "1", "settings": "s", **({answered: 1} if answered else {})}
    scenario = {"name": "A name", "key": "f::s", "ids": ["A-2"], "verdict": verdict.value}
    held = statement._Evidence.model_validate(
        {"about": about, "gates": [{"gate": "phase3", "scenarios": [scenario]}], "store": "x"}
    )
    made = statement.predicate(held)
    assert made["result"] == result
    assert {name: made[name] for name in ("passedTests", "warnedTests", "failedTests") if made[name]} == {
        listed[0]: [listed[1]]
    }


def _swapped(desk: Desk) -> None:
    other = desk.folder / "other/phase3.html"
    written(desk.store, other, "r2", Decision.NO_GO)
    desk.page.with_suffix(".evidence.json").write_bytes(other.with_suffix(".evidence.json").read_bytes())


def _another_store(desk: Desk) -> None:
    with desk.store.engine.begin() as db:
        chain.begin(db, "it was restored by hand", 0)


def _signed_past_mxgate(desk: Desk, key: Path, name: str) -> None:
    file = desk.page.with_suffix(".intoto.json")
    with file.open("rb") as text, (desk.page.parent / f"{file.name}.{name}.sig").open("wb") as out:
        subprocess.run(["ssh-keygen", "-Y", "sign", "-f", key, "-n", "mxgate"], stdin=text, stdout=out, check=True)


def _by_a_colleague(desk: Desk) -> None:
    desk.allow(key := desk.key("colleague"), "yuki@webmakeprofit.org")
    _signed_past_mxgate(desk, key, "yuki")


def _older(desk: Desk) -> None:
    """The store as it was before the report: the newest rows are gone, with their links."""
    with desk.store.engine.begin() as db:
        for table in ("records", "chain"):
            key = "seq" if table == "chain" else "id"
            db.execute(sa.text(f"DELETE FROM {table} WHERE {key} > (SELECT min({key}) FROM {table})"))


def _taken(desk: Desk, name: str) -> None:
    (desk.page.parent / name).unlink()


EDITED = "edited since, or a file of another run was put in its place"
CASES: dict[str, tuple[Callable[[Desk], object], str, bool]] = {
    "the report is edited": (
        lambda desk: desk.edit(".html", "</main>", "<p>all is well</p></main>"),
        f"the report phase3.html is not the one that run r1 wrote: {EDITED}",
        True,
    ),
    "its head is edited": (lambda desk: desk.edit(".html", "&#34;r1&#34;", "&#34;r9&#34;"), "knows of no such run", True),
    "the evidence is swapped": (_swapped, f"the evidence phase3.evidence.json is not the one that run r1 wrote: {EDITED}", True),
    "the evidence is gone": (lambda desk: _taken(desk, "phase3.evidence.json"), "phase3.evidence.json was signed, and is gone", False),
    "JUnit is edited": (
        lambda desk: desk.edit(".xml", "<testsuites/>", "<testsuites></testsuites>"),
        f"the file phase3.xml is not the one that run r1 wrote: {EDITED}",
        True,
    ),
    "the checklist is edited": (
        lambda desk: desk.edit(".md", "# ", "# All is well: "),
        f"the file phase3.md is not the one that run r1 wrote: {EDITED}",
        True,
    ),
    "a row is edited": (lambda desk: desk.sql("UPDATE records SET at = 0 WHERE kind = 'night'"), "row 1 of records (night", True),
    "a row is deleted": (lambda desk: desk.sql("DELETE FROM records WHERE kind = 'night'"), "it was deleted", True),
    "an older store": (_older, "an older copy was put in its place", True),
    "another store": (_another_store, "is another than the report has seen", False),
    "a stranger signed": (lambda desk: _signed_past_mxgate(desk, desk.key("stranger"), OPERATOR), "is unknown: no line of", False),
    "a signature that mxgate did not make": (_by_a_colleague, "the store knows of none by yuki@webmakeprofit.org", False),
    # Report, record and statement agree; only the signature is of what was there before.
    "the statement is edited": (
        lambda desk: desk.edit(".intoto.json", '"PASSED"', '"WARNED"'),
        "the statement was edited since, or it is another's signature",
        False,
    ),
    "the signature is taken away": (
        lambda desk: _taken(desk, f"phase3.intoto.json.{OPERATOR}.sig"),
        f"{OPERATOR} has signed, by the store; it was taken away",
        False,
    ),
    "the statement is damaged": (
        lambda desk: desk.page.with_suffix(".intoto.json").write_bytes(b"\xff\xfe\x80"),
        "phase3.intoto.json: is no statement any more",
        False,
    ),
    "the statement is taken away": (lambda desk: _taken(desk, "phase3.intoto.json"), "phase3.intoto.json is missing: it was taken away", False),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_belong_together_is_named(signed: Desk, case: str) -> None:
    """In Japanese too. And a gate refuses what it rests on: its store, and reports that are not as they were written."""
    do, says, gate = CASES[case]
    migration = open_migration(signed.folder / "migration.toml")
    assert trust.faults(migration, signed.page.parent) == ()
    do(signed)
    status, said = signed.verify()
    assert status == 1, said
    assert says in said
    assert "belong together\n" not in said.replace("does not belong together", "")
    found = trust.faults(migration, signed.page.parent)
    assert bool(found) is gate, found
    assert not gate or any(says in each for each in found)
    with speaking("ja"):
        status, said = signed.verify("--lang", "ja")
    assert status == 1
    assert "全体がそろっていません:\n" in said
    for line in said.splitlines():
        assert not re.search(r"\b(?:the|is|was|it|by|has)\b", re.sub(r"\(.*?\)", "", line)), line


def test_who_has_not_signed_is_not_there(desk: Desk) -> None:
    status, said = desk.verify()
    assert status == 1
    assert f"nobody has signed it: python -m scripts.sign {' '.join(desk.options)}" in said
    assert said.count("\n  ") == 1, "and nothing else is wrong"


def test_two_sign_the_same(signed: Desk) -> None:
    signed.allow(key := signed.key("colleague"), "yuki@webmakeprofit.org")
    assert signed.sign(key)[0] == 0
    status, said = signed.verify()
    assert status == 0, said
    assert said.count("signed by ") == 2


def test_a_line_for_another_use_hides_no_other(signed: Desk) -> None:
    """The same key signs commits by another name."""
    file = signed.folder / "allowed_signers"
    lines = file.read_text("utf-8")
    file.write_text(lines.replace(OPERATOR, 'commits@webmakeprofit.org namespaces="git"') + lines, "utf-8")
    status, said = signed.verify()
    assert status == 0, said
    assert f"signed by {OPERATOR}" in said
    file.write_text(lines.replace(OPERATOR, f'{OPERATOR} namespaces="git"'), "utf-8")
    status, said = signed.verify()
    assert status == 1
    assert f"does not let {OPERATOR} sign with it" in said


def _expired(signed: Desk, *, after_s: float) -> None:
    """Whoever signed rotates keys, by the book: the old one's line gets an end."""
    end = time.strftime("%Y%m%d%H%M%S", time.localtime(signed.store.recorded(statement.SIGNED)[0]["real_at"] + after_s))
    file = signed.folder / "allowed_signers"
    file.write_text(file.read_text("utf-8").replace(" ssh-", f' valid-before="{end}" ssh-', 1), "utf-8")


def test_a_key_that_has_run_out_since_still_counts(signed: Desk) -> None:
    _expired(signed, after_s=1)
    time.sleep(2)
    status, said = signed.verify()
    assert status == 0, said


@pytest.mark.parametrize("noted", [True, False], ids=["it signed afterwards", "nobody knows when it signed"])
def test_a_key_that_had_run_out_does_not_count(signed: Desk, *, noted: bool) -> None:
    _expired(signed, after_s=-60)
    if not noted:
        signed.sql("DELETE FROM records WHERE kind = 'signed'")
    status, said = signed.verify()
    assert status == 1
    assert "key has expired" in said
    assert "A stranger signed" not in said


@pytest.mark.parametrize("case", [
    "the report is edited", "the evidence is swapped", "a row is edited", "JUnit is edited", "the checklist is edited",
])  # fmt: skip
def test_what_does_not_belong_together_is_not_signed(desk: Desk, case: str) -> None:
    desk.allow(key := desk.key())
    CASES[case][0](desk)
    status, said = desk.sign(key)
    assert status in {1, 2}, said
    assert not list(desk.page.parent.glob("*.intoto*")), "nothing is written"
    assert not desk.store.recorded(statement.SIGNED)


def test_a_key_that_nobody_allowed_does_not_sign(desk: Desk) -> None:
    """And the way out can be pasted."""
    key = desk.key()
    status, said = desk.sign(key)
    assert status == 1
    line = next(each for each in said.splitlines() if "echo" in each).strip()
    assert not list(desk.page.parent.glob("*.intoto*"))
    subprocess.run(["bash", "-c", line], check=True)
    assert desk.sign(key)[0] == 0
    assert desk.verify()[0] == 0


def test_bad_input_is_answered(desk: Desk) -> None:
    config = ["--config", str(desk.folder / "migration.toml")]
    for name in ("sign", "verify"):
        ended(program(f"scripts.{name}", *config, str(desk.folder / "none.html")), 2, "none.html")
        ended(program(f"scripts.{name}", *config, str(desk.folder / "migration.toml")), 2, "migration.toml")
    ended(program("scripts.sign", *config, str(desk.page), "--key", str(desk.folder / "no")), 2, "expected a file with")
    ended(
        program("scripts.sign", *config, str(desk.page), "--key", str(desk.folder / "migration.toml")),
        1,
        "did not sign",
    )


def test_a_rehearsals_report_is_not_one_to_check(tmp_path: Path) -> None:
    """The shipped sample, as a newcomer tries it: without settings. It says why, and what can be checked."""
    page = str(PROJECT / "reports/sample/rehearsal-seed-7.html")
    for name in ("sign", "verify"):
        says = f"{name}: {page}: is a rehearsal's, whose store went with its lab"
        for given in ([], ["--config", str(tmp_path / "none.toml")]):
            ended(program(f"scripts.{name}", *given, page), 2, says, "reports/GATE-TIME.html")
        japanese = program(f"scripts.{name}", "--lang", "ja", page)
        ended(japanese, 2, "リハーサルのレポートで、ストアはラボとともに消えました")
