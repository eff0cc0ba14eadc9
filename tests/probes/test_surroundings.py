"""What a login, sudo or an engine says of itself is no word of the command's."""

import os
import subprocess

import pytest

from fixtures.access.transport import Shell, _own
from fixtures.settings import Transport

SAID = """\
bash: warning: setlocale: LC_ALL: cannot change locale (ja_JP.UTF-8): No such file or directory
/bin/bash: line 1: warning: setlocale: LC_CTYPE: cannot change locale (UTF-8): No such file or directory
sudo: unable to resolve host ip-10-0-0-12: Name or service not known
mesg: ttyname failed: Inappropriate ioctl for device
stdin: is not a tty
stty: 'standard input': Inappropriate ioctl for device
Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.
time="2026-11-29T18:10:55Z" level=warning msg="Using cgroups-v1 which is deprecated in favor of cgroups-v2"
"""
OWN = "cat: /var/log/mail.log: Permission denied\nError: can only create exec sessions on running containers\n"


def test_the_commands_own_words_stay() -> None:
    assert _own(SAID + OWN) == OWN
    assert _own(OWN + SAID) == OWN


def test_a_locale_that_this_machine_has_not() -> None:
    environment = {**os.environ, "LC_ALL": "xx_XX.UTF-8"}
    said = subprocess.run(["bash", "-c", "cat /none"], env=environment, capture_output=True, text=True, check=False)
    assert "setlocale" in said.stderr
    assert _own(said.stderr) == "cat: /none: No such file or directory\n"


def test_commands_speak_english_whatever_the_hosts_language_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind what is put before each of them, too."""
    for name in ("LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.setenv(name, "ja_JP.UTF-8")
    there = Transport(kind="local", prefix=("env", "LANG=ja_JP.UTF-8"))
    said = Shell("Dell", there, ("env", "MAIL_CONFIG=/x")).run("sh", "-c", 'echo "$LC_ALL $MAIL_CONFIG"').stdout
    assert said == "C /x\n"
