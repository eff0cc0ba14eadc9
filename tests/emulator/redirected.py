"""Programs of others, with Cloudflare's address built in: their requests go to an emulator, and nowhere else."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.emulator.conftest import Running

RUN_S_MAX = 120
_REDIRECT = """\
import socket
_known = socket.getaddrinfo
def _redirected(host, port, *more, **named):
    if host == "api.cloudflare.com":
        return _known("127.0.0.1", {port}, *more, **named)
    raise socket.gaierror(socket.EAI_NONAME, "only the emulator is there")
socket.getaddrinfo = _redirected
"""


def ran(command: Sequence[str | Path], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """What COMMAND says in FOLDER, where it has to end well."""
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=RUN_S_MAX, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def environment(emulator: Running, authority: str, folder: Path, **more: str) -> dict[str, str]:
    """Of a Python program. In a lab the name leads to the emulator; without one, the address that a connection is made
    to is changed in the process, before the program is loaded.
    """
    lead = folder / "lead"
    lead.mkdir(exist_ok=True)
    (lead / "sitecustomize.py").write_text(_REDIRECT.format(port=emulator.url.rpartition(":")[2]), encoding="utf-8")
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(lead), "REQUESTS_CA_BUNDLE": authority, **more}
