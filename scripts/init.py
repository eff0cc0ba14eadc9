"""Write migration.toml: reads the zones, EC2, Terraform and Dell, proposes what it found, and asks for the rest.

Enter takes what stands in [brackets], < goes back to the question before. Secrets are neither asked for nor written.
The file is checked as every script checks it, and one that is there already is left as it is.

Exit: 0 written (or shown, with --dry-run), 1 a file is there and is left as it is (--force replaces it), 2 bad input:
nothing is written.
"""

import argparse
import os
import tempfile
import tomllib
from pathlib import Path

from pydantic import ValidationError

from fixtures.evidence import keep_secret, redact, tell
from fixtures.evidence.exiting import leave
from fixtures.language import N_, tr
from fixtures.preflight.init.answers import BACK, Answers, Past, kept, read
from fixtures.preflight.init.questions import settings
from fixtures.preflight.init.text import render
from fixtures.settings import Secrets, SettingsError, check, config_path, surroundings
from fixtures.settings.mistakes import lines
from scripts.lib.commandline import parser

DONE, LEFT, BAD_INPUT = 0, 1, 2
EXAMPLE = """\
example: python -m scripts.init                                   asks, and writes ./migration.toml
         python -m scripts.init --dry-run                         asks, and shows what it would write
         python -m scripts.init --answers mine.toml --defaults    asks nothing: mine.toml names the [[domains]] and
                 what else nobody can read; it has the shape of migration.toml, as does fixtures/migration.example.toml
"""
SECRETS = N_("""\
Secrets stay out of this file. Each comes from the environment (MXGATE_X), from a file that it names (MXGATE_X_FILE), or
from systemd (LoadCredential=mxgate_x, lower case):
  MXGATE_CLOUDFLARE_TOKEN   an API token; fixtures/settings/README.md lists its permissions
  MXGATE_MAILBOX_PASSWORD   of the mailboxes on Dell: test mailboxes of one password, or all of them by a passdb of
                            Dovecot's that takes it for each user. Without it E-1 can't be judged
  MXGATE_OUTSIDE_PASSWORD   of the mailbox outside
  MXGATE_WORKER_PASSWORD    of the login by which an Email Worker hands mail to Dell, if mail comes by one
  MXGATE_ACCESS_CLIENT_ID   with MXGATE_ACCESS_CLIENT_SECRET: of Access's service token, if that guards its tunnel
  MXGATE_BUCKET_KEY         with MXGATE_BUCKET_SECRET: of an R2 token for its bucket, if it has one
AWS's come as its own tools take them (AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY).
next: python -m scripts.doctor; then
scripts/rehearse --config {target} (the drill certificate); then pytest features/ --gate phase1""")


def main(arguments: list[str] | None = None) -> int:
    """Ask, check and write; returns the exit status."""
    options = _parser().parse_args(arguments)
    target = config_path(options.config)
    try:
        there = target.exists()
    except OSError as error:
        tell(f"init: {target}: {error.strerror}. Run as whoever may write there")
        return BAD_INPUT
    if there and not (target.is_dir() or options.force or options.dry_run):
        said = tr("{file} is there, and is left as it is. --force replaces it, --dry-run shows another", file=target)
        tell(f"init: {said}")
        return LEFT
    past, answered = Past(), target.with_name(f"{target.name}.answers")
    try:
        surroundings.check()
        if target.is_dir() or not target.absolute().parent.is_dir():
            raise SettingsError(f"{target}: expected a file to write, in a folder that there is")
        if not (options.dry_run or os.access(target.absolute().parent, os.W_OK | os.X_OK)):
            raise SettingsError(
                N_(f"{target}: its folder can't be written to, by this user or by anybody; nothing was asked")
            )
        past.kept = [] if options.defaults else kept(answered)
        text = _text(options, past, answered)
        if not options.dry_run:
            _write(target, text)
            answered.unlink(missing_ok=True)
    except (SettingsError, KeyboardInterrupt) as error:
        why = str(error) or N_("interrupted; no settings were written")
        tell(f"init: {tr(why)}" if str(error) else f"\ninit: {tr(why)}")
        _keep(answered, past.text())
        return BAD_INPUT
    said = tr("{file} is written.", file=target)
    print(text if options.dry_run else f"{said}\n\n{tr(SECRETS, target=target)}")
    return DONE


def _keep(file: Path, answers: str) -> None:
    """What was answered is not to be answered twice. Of a secret that stands there nothing is kept."""
    if not answers or redact(answers) != answers:
        return
    try:
        with open(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
            opened.write(answers)
    except OSError as error:
        tell(f"init: {file}: {error.strerror}")
        return
    said = N_("What was answered is kept in {file}. Go on by the same command; correct an answer there, or by {back}")
    tell(f"init: {tr(said, file=file, back=BACK)}")


def _text(options: argparse.Namespace, past: Past, answered: Path) -> str:
    """The file's text, which loads. PAST has what was ANSWERED before. Raises ``SettingsError``."""
    secrets = Secrets()
    keep_secret(*(getattr(secrets, name) for name in type(secrets).model_fields))
    given = read(Path(options.answers)) if options.answers else {}
    to = Answers(given, None if options.defaults else input, tell, past=past)
    if past.kept:
        to.say(f"  {tr('Answers of before are taken from {file}; delete it, and all is asked again', file=answered)}")
    try:
        data = settings(to)
    except ValidationError as error:
        raise SettingsError(f"an answer can't be used: {'; '.join(lines(error))}") from None
    if to.missing:
        listed = "\n  ".join(to.missing)
        raise SettingsError(
            N_(f"nothing to propose, so somebody has to say (--answers, or without --defaults):\n  {listed}")
        )
    text = render(data)
    if redact(text) != text:
        raise SettingsError(N_("a secret of yours stands among the answers; leave it to the environment"))
    check(tomllib.loads(text), "what was answered")
    return text


def _write(target: Path, text: str) -> None:
    """Whole or not at all. Raises ``SettingsError``."""
    folder = target.absolute().parent
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".mxgate-init-") as made:
            partial = Path(made, target.name)
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, target)
    except OSError as error:
        raise SettingsError(f"{target}: can't be written: {error.strerror}; expected a folder to write to") from None


def _parser() -> argparse.ArgumentParser:
    written = "what to write (default: $MXGATE_CONFIG, else ./migration.toml)"
    made = parser("init", __doc__, EXAMPLE, config=written)
    add = made.add_argument
    add("--answers", metavar="FILE", help="answers, in the shape of migration.toml; what is left out is asked")
    add("--defaults", action="store_true", help="ask nothing: take what is proposed")
    add("--dry-run", action="store_true", help="show the file, and write nothing")
    add("--force", action="store_true", help="replace a file that is there")
    return made


if __name__ == "__main__":
    leave(main)
