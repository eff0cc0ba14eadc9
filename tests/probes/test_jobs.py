"""Which commands in crontabs, units and hooks write Dell's configuration, by grep's own word."""

import os
import subprocess
from pathlib import Path

import pytest

from fixtures.evidence import Verdict
from fixtures.probes.dell import jobs
from tests.judges import LOOK

WRITES = jobs.writing(("/etc/postfix", "/etc/dovecot"))


@pytest.mark.parametrize(
    "line",
    [
        "17 3 * * * root cp -p /srv/golden/main.cf /etc/postfix/main.cf",
        "17 3 * * * root cp /srv/golden/main.cf /etc/postfix/ && postfix reload",
        'DPkg::Post-Invoke { "cp -p /etc/postfix/main.cf.golden /etc/postfix/main.cf && postfix reload || true"; };',
        "@reboot root rsync -a /srv/golden/ /etc/dovecot",
        "ExecStartPre=/usr/sbin/postconf -e smtpd_client_restrictions=reject",
        "postconf -c /etc/postfix -X relayhost",
        "postconf -P 'smtp/inet/smtpd_tls_security_level=may'",
        "render >/etc/postfix/main.cf",
        "render | tee /etc/dovecot/dovecot.conf",
        "sed -i s/a/b/ /etc/postfix/main.cf",
        "git -C /etc/postfix pull -q",
        "[ -e /x ] && install -m 644 /x '/etc/postfix/master.cf'; true",
    ],
)
def test_what_writes(line: str) -> None:
    assert matches(line)


@pytest.mark.parametrize(
    "line",
    [
        "5 4 * * * root tar czf /backup/postfix.tgz /etc/postfix",
        "5 4 * * * root cp -a /etc/postfix /backup/",
        "5 4 * * * root rsync -a /etc/postfix/ /etc/dovecot/ backup:/dell/",
        "postconf -n >/var/log/postconf.txt",
        "postconf -M | mail -s services root",
        "cp fullchain.pem /etc/postfix/dell.pem && postfix reload",
        "postfix reload; doveadm reload",
        "ExecStart=/usr/sbin/postfix start",
        "postmap /etc/postfix/transport",
    ],
)
def test_what_does_not(line: str) -> None:
    assert not matches(line)


def matches(line: str) -> bool:
    done = subprocess.run(["grep", "-qE", WRITES], input=line, text=True, check=False)
    assert done.returncode in {0, 1}
    return done.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="as any other account it reads nothing")
def test_places_and_the_scripts_that_are_named_there(tmp_path: Path) -> None:
    crontab, script = tmp_path / "crontab", Path("/opt/mxgate-test-jobs")
    crontab.write_text(f"# cp /a /etc/postfix/main.cf\n1 2 * * * root {script} >/dev/null\n", encoding="utf-8")
    script.write_text("#!/bin/sh\n\ncp /a /etc/postfix/main.cf\n", encoding="utf-8")
    argv = ["sh", "-c", jobs._SCRIPT, "sh", WRITES, str(crontab), str(tmp_path / "absent")]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
    finally:
        script.unlink()
    *lines, last = done.stdout.splitlines()
    assert last == "done 1"
    found = tuple(jobs.lines_that_write(lines))
    assert found == ((f"{script}:3", "cp /a /etc/postfix/main.cf"),)
    (judged,) = jobs.judged(jobs.Jobs(found, 1, LOOK))
    assert (judged.verdict, judged.member) == (Verdict.FAIL, f"{script}:3")
    assert [each.verdict for each in jobs.judged(jobs.Jobs((), 3, LOOK))] == [Verdict.PASS]
