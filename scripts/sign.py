"""Sign a report with your own SSH key, so that a machine can check later what was signed, and by which key.

    python -m scripts.sign reports/phase3-20261126-064356.html
    python -m scripts.sign REPORT --key ~/.ssh/id_ed25519

Read the report first. What is signed is an in-toto statement (REPORT.intoto.json): the report, its evidence, JUnit and
checklist, and the head of the store, each by its SHA-256; the result; settings, version and drill certificate; what
passed, was waived and failed, by name. The signature lies next to it, and the store keeps who has signed. A report that
is not as it was written is refused. Whose keys count stands in ``allowed_signers`` next to the settings, one a line:
NAME ssh-ed25519 AAAA... (ssh-keygen(1), ALLOWED SIGNERS). Signing again replaces one's own signature.

Exit: 0 signed; 1 refused, nothing is signed; 2 bad input.
"""

import json
import re
import socket
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from fixtures.evidence import CouldNotAsk, tell
from fixtures.evidence.exiting import leave
from fixtures.evidence.files import replace
from fixtures.gates import trust
from fixtures.language import tr
from fixtures.report import statement
from fixtures.report.index import card_of
from fixtures.settings import SettingsError, config_path
from fixtures.store import StoreError, user
from scripts.lib import sshsig
from scripts.lib.change import BAD_INPUT, DONE, REFUSED, Refused, opened
from scripts.lib.commandline import parser

ALLOWED = "allowed_signers"
END = ".intoto.json"


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    made = parser("sign", __doc__)
    made.add_argument("report", metavar="REPORT", type=Path, help="the report's page, reports/GATE-TIME.html")
    made.add_argument("--key", metavar="FILE", type=Path, help="default: the first of ~/.ssh/" + ", ".join(sshsig.KEYS))
    made.add_argument("--allowed-signers", metavar="FILE", type=Path, help="default: allowed_signers next to settings")
    options = made.parse_args(arguments)
    try:
        text = statement.statement(options.report)
        migration = opened(options.config)
        allowed = options.allowed_signers or config_path(options.config).parent / ALLOWED
        key = _key(options.key)
        noted = {row["run"]: row for row in migration.store.recorded(statement.WRITTEN)}
        if wrong := (*statement.unlike(options.report, noted), *trust.faults(migration, options.report.parent)):
            raise Refused("not signed, as it does not belong together:\n  " + "\n  ".join(dict.fromkeys(wrong)))
        signature = sshsig.sign(text, key)
        who = _who(text, signature, allowed, key)
        page = options.report
        replace(page.with_suffix(END), text)
        name = signature_of(page, who.name)
        replace(name, signature)
        card, digest = card_of(page), sha256(text.encode()).hexdigest()
        row = {"run": card.run if card else "", "page": page.name, "file": name.name, "signer": who.name}
        migration.store.record(statement.SIGNED, **row, key=who.key, statement=digest)
    except (Refused, CouldNotAsk) as error:
        tell(f"sign: {tr(str(error))}")
        return REFUSED
    except (SettingsError, StoreError, statement.NoReport, OSError) as error:
        tell(f"sign: {tr(str(error))}")
        return BAD_INPUT
    _show(text)
    print(f"signed by {who.name} with {who.key}: {name}")
    return DONE


def signature_of(page: Path, signer: str) -> Path:
    """Where SIGNER's signature of the report at PAGE lies."""
    return page.with_name(f"{page.stem}{END}.{re.sub(r'[^A-Za-z0-9@._+-]', '_', signer)}.sig")


def _key(given: Path | None) -> Path:
    key = given or sshsig.own_key(Path.home())
    if key is None:
        raise SettingsError(f"--key: no key of yours in ~/.ssh (looked for {', '.join(sshsig.KEYS)}): name one")
    if not key.is_file():
        raise SettingsError(f"--key {key}: expected a file with an SSH key, found none")
    return key


def _who(text: str, signature: str, allowed: Path, key: Path) -> sshsig.Signer:
    """Who that was, before anything is written."""
    try:
        with TemporaryDirectory(prefix="mxgate-sign-") as folder:
            file = Path(folder) / "signature"
            file.write_text(signature, encoding="ascii")
            return sshsig.signer(text, file, allowed)
    except sshsig.BadSignature as error:
        line = f"{user()}@{socket.gethostname()} {sshsig.public(key) or 'THE PUBLIC KEY'}"
        raise Refused(
            f"nothing is signed: {error}.\n  If this key is yours, say so once, with your own name:\n"
            f"  echo '{line}' >> {allowed}"
        ) from None


def _show(text: str) -> None:
    held = json.loads(text)
    predicate = held["predicate"]
    print(f"{predicate['result']}: {len(predicate['passedTests'])} passed or n/a", end="")
    for name, what in (("warnedTests", "waived"), ("failedTests", "failed or not judged")):
        print(f", {len(predicate[name])} {what}", end="")
    print("\n" + "\n".join(f"  {each['digest']['sha256']}  {each['name']}" for each in held["subject"]))


if __name__ == "__main__":
    leave(main)
