"""Signatures by SSH keys, as ``ssh-keygen -Y`` makes and checks them (ssh-keygen(1), PROTOCOL.sshsig).

A file of allowed signers names whose keys count, one a line: ``NAME ssh-ed25519 AAAA...``.
"""

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fixtures.evidence import CouldNotAsk
from fixtures.evidence.redaction import without_secrets
from fixtures.language import N_

NAMESPACE = "mxgate"
"""What these signatures are for: one that was made for Git or a file is none of a report."""
KEYS = ("id_ed25519", "id_ed25519_sk", "id_ecdsa", "id_ecdsa_sk", "id_rsa")
"""The user's own keys, in the order in which they are looked for."""
ANSWER_S_MAX = 120.0
"""A person types a passphrase, or touches a key."""


class BadSignature(Exception):
    """It doesn't hold; says why, and the likely cause."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed: the name by the file of allowed signers, and the key's fingerprint."""

    name: str
    key: str


def own_key(home: Path) -> Path | None:
    """The user's key that signs by default; None where there is none."""
    return next((key for name in KEYS if (key := home / ".ssh" / name).exists()), None)


def sign(text: str, key: Path) -> str:
    """TEXT's signature by KEY (a private key, or a public one whose private one the agent has). ``CouldNotAsk``."""
    done = _keygen("sign", "-f", str(key), "-n", NAMESPACE, text=text)
    if done.returncode or "BEGIN SSH SIGNATURE" not in done.stdout:
        raise CouldNotAsk(f"ssh-keygen did not sign with {key}: {_why(done)}")
    return done.stdout


def signer(text: str, signature: Path, allowed: Path, at: float | None = None) -> Signer:
    """Who signed TEXT, by ALLOWED. Raises ``BadSignature``, ``CouldNotAsk``.

    AT: when it was signed, by the system's clock: keys run out (valid-before), and what they signed holds. None: now.
    """
    # In the zone of ssh-keygen's own: before 9.1 it takes no Z.
    when = [] if at is None else ["-O", time.strftime("verify-time=%Y%m%d%H%M%S", time.localtime(at))]
    done = _keygen("check-novalidate", "-n", NAMESPACE, "-s", str(signature), text=text)
    key = re.search(r"key (SHA256:\S+)", done.stdout)
    if done.returncode or key is None:
        raise BadSignature(
            N_(
                f"it is none of this statement ({_why(done)}): the statement was edited since, or it is another's "
                "signature"
            )
        )
    names = _keygen("find-principals", "-s", str(signature), "-f", str(allowed), *when, text="")
    name = names.stdout.partition("\n")[0]
    if invalid := None if name else re.search(r"key (?:has expired|is not yet valid): .*", names.stderr):
        raise BadSignature(
            N_(
                f"its key {key[1]} is in {allowed}, but was not valid ({invalid[0]}): it signed outside its time, or "
                "the store does not say when, and now counts. Sign again with a valid key"
            )
        )
    if names.returncode or not name:
        raise BadSignature(
            N_(
                f"its key {key[1]} is unknown: no line of {allowed} has it. A stranger signed, or whoever signed is "
                "still to be written there"
            )
        )
    given = ("-n", NAMESPACE, "-s", str(signature), *when)
    for each in _able(signature, allowed, when):
        if not (done := _keygen("verify", "-f", str(allowed), "-I", each, *given, text=text)).returncode:
            return Signer(each, key[1])
    raise BadSignature(N_(f"{allowed} does not let {name} sign with it: {_why(done)}"))


def _able(signature: Path, allowed: Path, when: list[str]) -> Iterator[str]:
    """The names of all lines of ALLOWED with the key of SIGNATURE. ssh-keygen stops at the file's first, which may have
    the key for other uses only.
    """
    find = ("find-principals", "-s", str(signature), "-f", "/dev/stdin", *when)
    for line in allowed.read_text(encoding="utf-8", errors="replace").splitlines():
        yield from _keygen(*find, text=f"{line}\n").stdout.splitlines()


def public(key: Path) -> str:
    """The public half of KEY, as it stands next to it; empty where it doesn't."""
    file = key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")
    return " ".join(file.read_text(encoding="utf-8").split()[:2]) if file.exists() else ""


def _keygen(what: str, *options: str, text: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["ssh-keygen", "-Y", what, *options],
            input=text,
            capture_output=True,
            text=True,
            env=without_secrets(),
            check=False,
            timeout=ANSWER_S_MAX,
        )
    except FileNotFoundError:
        raise CouldNotAsk("ssh-keygen is missing: install openssh-client (8.9 or newer)") from None
    except subprocess.TimeoutExpired:
        raise CouldNotAsk(
            f"ssh-keygen -Y {what}: no end after {ANSWER_S_MAX:.0f} s; it waits for a passphrase"
        ) from None


def _why(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1].rstrip(".") if lines else f"exit status {done.returncode}"
