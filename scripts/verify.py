"""Check that a report, its evidence, the store and whoever signed belong together; changes nothing.

    python -m scripts.verify reports/phase3-20261126-064356.html

Asks: is the report, are its evidence and the files next to it the ones that were written, and that were signed? Is the
signature by a key of ``allowed_signers``, and does the store know of it? Is the store the one that the report has seen,
with every row as mxgate wrote it? Whatever isn't so is named, with the likely cause.

Exit: 0 all of it belongs together; 1 it doesn't, or nobody has signed; 2 bad input.
"""

from collections.abc import Iterator
from glob import escape
from hashlib import sha256
from pathlib import Path

from fixtures.evidence import CouldNotAsk, tell
from fixtures.evidence.exiting import leave
from fixtures.gates import trust
from fixtures.language import N_, tr
from fixtures.migration import Migration
from fixtures.report import statement
from fixtures.report.index import card_of
from fixtures.settings import SettingsError, config_path
from fixtures.store import StoreError
from scripts.lib import sshsig
from scripts.lib.change import BAD_INPUT, DONE, REFUSED, opened
from scripts.lib.commandline import parser
from scripts.sign import ALLOWED, END


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    made = parser("verify", __doc__)
    made.add_argument("report", metavar="REPORT", type=Path, help="the report's page, reports/GATE-TIME.html")
    made.add_argument("--allowed-signers", metavar="FILE", type=Path, help="default: allowed_signers next to settings")
    options = made.parse_args(arguments)
    page: Path = options.report
    try:
        statement.require_report(page)
        migration = opened(options.config)
        allowed = options.allowed_signers or config_path(options.config).parent / ALLOWED
        if statement.head_of(page) is None:
            raise statement.NoReport(
                N_(f"{page}: says nothing of its store: an older mxgate wrote it. Judge again, and check that report")
            )
        who: list[sshsig.Signer] = []
        wrong = tuple(dict.fromkeys([*_store(migration, page), *_signatures(migration, page, allowed, who)]))
    except CouldNotAsk as error:
        tell(f"verify: {tr(str(error))}")
        return REFUSED
    except (SettingsError, StoreError, statement.NoReport, OSError) as error:
        tell(f"verify: {tr(str(error))}")
        return BAD_INPUT
    for each in who:
        print(tr("signed by {name} with {key}", name=each.name, key=each.key))
    if wrong:
        apart = tr("{page} does not belong together:", page=page)
        tell("\n  ".join([apart, *map(tr, wrong)]))
        return REFUSED
    print(tr("{page}: report, evidence, store and signature belong together", page=page))
    return DONE


def _store(migration: Migration, page: Path) -> Iterator[str]:
    """What of the report and the store is not as it was written."""
    noted = {row["run"]: row for row in migration.store.recorded(statement.WRITTEN)}
    head, seen = trust.head(migration), statement.head_of(page)
    if head and seen and head.store != seen.store:
        chains = f"chain {head.store}, not {seen.store}"
        yield N_(
            f"the store {migration.store.shown} is another than the report has seen ({chains}): these settings lead to "
            "another one, or its chain was begun again by store --accept, or the report is of a lab that is gone"
        )
        return
    found = trust.faults(migration, page.parent)
    yield from found
    if not any(page.name in each for each in found):
        yield from statement.unlike(page, noted)


def _signatures(migration: Migration, page: Path, allowed: Path, who: list[sshsig.Signer]) -> Iterator[str]:
    """What of the statement and its signatures doesn't hold; WHO gets those that do."""
    card = card_of(page)
    kept = migration.store.recorded(statement.SIGNED, run=card.run) if card else []
    file = page.with_suffix(END)
    signatures = sorted(page.parent.glob(f"{escape(file.name)}.*.sig"))
    for row in kept:
        if page.parent / row["file"] not in signatures:
            gone, signer = row["file"], row["signer"]
            yield N_(f"the signature {gone} is missing: {signer} has signed, by the store; it was taken away")
    if not file.exists():
        yield (
            N_(f"{file.name} is missing: it was taken away")
            if kept or signatures
            else N_(f"nobody has signed it: python -m scripts.sign {page}")
        )
        return
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield N_(f"{file.name}: is no statement any more: it was overwritten or cut")
        return
    yield from statement.apart(page, text)
    if not signatures and not kept:
        yield N_(f"the statement {file.name} has no signature: python -m scripts.sign {page}")
    own = [row for row in kept if row["statement"] == sha256(text.encode()).hexdigest()]
    known = {(row["signer"], row["key"]) for row in own}
    signed_at = {row["file"]: row["real_at"] for row in own}
    for each in signatures:
        try:
            found = sshsig.signer(text, each, allowed, signed_at.get(each.name))
        except sshsig.BadSignature as error:
            yield N_(f"the signature {each.name}: {error}")
            continue
        if (found.name, found.key) not in known:
            yield N_(f"the signature {each.name}: the store knows of none by {found.name}: it was made past mxgate")
            continue
        who.append(found)


if __name__ == "__main__":
    leave(main)
