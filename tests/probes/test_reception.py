"""What A-16 asks on Dell, and where: LMTP, and the policy services of port 25."""

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fixtures.access.transport import sections
from fixtures.probes.dell import reception

POSTCONF = """\
#!/bin/sh
case "$*" in
-x) echo 'smtpd_sender_restrictions = permit_mynetworks, check_policy_service inet:127.0.0.1:{main}'
    echo 'other = check_policy_service inet:127.0.0.1:1' ;;
"-Px smtp/inet smtpd/pass")
    echo 'smtp/inet/smtpd_data_restrictions = check_policy_service,{{inet:127.0.0.1:{own},timeout=9}}' ;;
"-hx smtpd_restriction_classes") echo 'rude, greylisting' ;;
"-x greylisting") echo 'greylisting = check_policy_service inet:127.0.0.1:{named}' ;;
"-x rude") echo 'rude = reject' ;;
*) echo /var/spool/postfix ;;
esac
"""


@contextmanager
def speaking(text: str) -> Iterator[int]:
    """A port at which one caller is greeted by TEXT."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with server.accept()[0] as caller:
                caller.sendall(text.encode())
                caller.recv(4096)

        threading.Thread(target=greet, daemon=True).start()
        yield server.getsockname()[1]


def test_policy_services_of_each_list_and_lmtp_by_tcp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a refusal of prepare_dell wants it, one stands in smtpd_sender_restrictions; a table names a class."""
    with (
        speaking("220 lmtp\r\n") as lmtp,
        speaking("action=DUNNO\n\n") as main,
        speaking("action=OK\n\n") as own,
        speaking("action=DUNNO\n\n") as named,
    ):
        (tmp_path / "postconf").write_text(POSTCONF.format(main=main, own=own, named=named), encoding="ascii")
        (tmp_path / "postconf").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        argv = ["sh", "-c", reception._ASK, "sh", "5", f"inet:127.0.0.1:{lmtp}", "alice@x.example"]
        said = sections(subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout)
    assert {name: text.splitlines()[:2] for name, text in said.items()} == {
        "lmtp": ["status 0", "220 lmtp"],
        f"policy inet:127.0.0.1:{main}": ["status 0", "action=DUNNO"],
        f"policy inet:127.0.0.1:{own}": ["status 0", "action=OK"],
        f"policy inet:127.0.0.1:{named}": ["status 0", "action=DUNNO"],
    }
