"""Which commands in crontabs, units and tmpfiles.d delete mail, by grep's own word."""

import subprocess

import pytest

from fixtures.evidence import Verdict
from fixtures.probes.dell import deleting_jobs, jobs
from fixtures.probes.dell.mailbox_access import Place
from tests.judges import LOOK

PLACES = (
    Place("alice@example.org", "alice", "/srv/vmail/alice@example.org/Maildir", (), ()),
    Place("bob@example.org", "bob", "/srv/vmail/bob@example.org/Maildir", (), ()),
    Place("carol@example.net", "carol", "/users/carol/Maildir", (), ()),
)
DELETES = deleting_jobs.deleting(map(deleting_jobs.folder, PLACES))


def found(line: str) -> list[str]:
    done = subprocess.run(
        ["grep", "-nHE", "--label=/etc/cron.d/x", DELETES], check=False, input=line, text=True, capture_output=True
    )
    assert done.returncode in {0, 1}, done.stderr
    return [text for _, text in deleting_jobs.lines_that_delete(done.stdout.splitlines())]


@pytest.mark.parametrize(
    "line",
    [
        "30 3 * * * root rsync -a --delete rsync://nas.lan/export/vmail/ /srv/vmail/ >/dev/null 2>&1",
        "30 3 * * * root rsync -a --delete-after nas:/vmail/ '/srv/vmail'",
        "30 3 * * * root rsync -a nas:/users/carol/ /users/carol/ --delete",
        "0 4 * * * root postsuper -d ALL deferred >/dev/null 2>&1",
        "0 4 * * * root /usr/sbin/postsuper -c /etc/postfix -d ALL",
        "@daily root find /srv/vmail -type f -mtime +30 -delete",
        "@daily root find /srv/vmail/*/Maildir/cur -mtime +30 -exec rm {} +",
        "@daily root find /users/*/Maildir -mtime +365 | xargs rm -f",
        "@daily root find -L /srv/vmail/ -mtime +30 -print0 | xargs -0 rm",
        "@monthly root rm -rf /srv/vmail/bob@example.org",
        "@monthly root doveadm expunge -A mailbox INBOX savedbefore 90d",
        "@daily root doveadm -o x=y backup -A -R remote:old",
        "d /srv/vmail 0755 vmail vmail 30d",
        "e /srv/vmail/*/Maildir/cur - - - 90d",
        "D! /srv/vmail 0700 vmail vmail -",
    ],
)
def test_what_deletes_mail(line: str) -> None:
    assert found(line) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "# 0 4 * * * root postsuper -d ALL",
        "0 4 * * * root mailq | awk '/MAILER-DAEMON/ {print $1}' | postsuper -d -",
        "30 3 * * * root rsync -a --delete /srv/vmail/ backup:/dell/vmail/",
        "30 3 * * * root rsync -a /srv/vmail/ backup:/dell/vmail/ --delete",
        "30 3 * * * root rsync -a --delete /etc/ /backup/srv/vmail/etc/",
        "@daily root doveadm expunge -A mailbox Trash savedbefore 30d",
        "@daily root find /srv/vmail -path '*/.Junk/*' -mtime +30 -delete",
        "@daily root find /users/carol/Downloads -mtime +30 -delete",
        "@daily root find /srv/vmail -name 'dovecot.index.cache' -size +50M -delete",
        "@daily root find /var/log -mtime +30 -delete",
        "@daily root doveadm backup -u alice@example.org remote:new",
        "d /srv/vmail 0700 vmail vmail -",
        "d /srv/vmail-old 0700 vmail vmail 30d",
        "@monthly root rm -rf /srv/vmail-old",
        "@daily root tar czf /backup/mail.tgz /srv/vmail",
    ],
)
def test_what_does_not(line: str) -> None:
    assert found(line) == []


def test_where_nobody_knows_the_mailboxes_only_commands_count() -> None:
    words = deleting_jobs.deleting(())
    given = "@daily root find /var/log -mtime +9 -delete\n@daily root postsuper -d ALL\n"
    done = subprocess.run(["grep", "-cE", words], check=False, input=given, text=True, capture_output=True)
    assert done.stdout == "1\n"


@pytest.mark.parametrize(
    ("lines", "places", "verdict", "member"),
    [
        ((("/etc/cron.d/x:3", "postsuper -d ALL"),), 3, Verdict.FAIL, "/etc/cron.d/x:3"),
        ((), 3, Verdict.PASS, "Dell's jobs"),
        ((), 0, Verdict.INCONCLUSIVE, "Dell's jobs"),
    ],
)
def test_no_job_deletes_mail(lines: tuple[tuple[str, str], ...], places: int, verdict: Verdict, member: str) -> None:
    (judged,) = deleting_jobs.judged(jobs.Jobs(lines, places, LOOK))
    assert (judged.verdict, judged.member) == (verdict, member)
