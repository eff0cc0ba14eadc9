"""What has to be right on Dell before anything is written there."""

from __future__ import annotations

from collections.abc import Mapping

from fixtures.access.transport import Shell
from fixtures.settings import Settings
from scripts.lib.change import Refused

_READABLE = "postconf -n >/dev/null && postconf -M >/dev/null && postfix check"


def require_readable(shell: Shell) -> None:
    """Refuse to touch a configuration that Postfix can't read itself: to load it would end Postfix."""
    done = shell.run("sh", "-c", _READABLE, check=False)
    if not done.ok:
        raise Refused(
            f"Dell: Postfix can't read its own configuration: {(done.stderr or done.stdout).strip()[-400:]}. Mend that "
            "by hand first; nothing was changed"
        )


def require_certificate(shell: Shell, settings: Settings, parameters: Mapping[str, str]) -> None:
    """STARTTLS that is offered without a certificate is refused with 454 (X12). PARAMETERS: what main.cf says."""
    file = settings.dell.tls_chain_file
    if file is None:
        if not any(parameters.get(name) for name in ("smtpd_tls_chain_files", "smtpd_tls_cert_file")):
            raise Refused("Dell has no certificate for port 25: name key and chain as dell.tls_chain_file")
    elif not shell.run("test", "-s", str(file), check=False).ok:
        raise Refused(f"dell.tls_chain_file: {file} is not there on Dell, or empty")
