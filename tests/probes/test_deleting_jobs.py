"""Which commands in crontabs, units and tmpfiles.d delete mail, by grep's own word; which switch it off,
and which load other rules of a firewall.
"""

# ruff: noqa: E501 - tables of cases read better unbroken

import subprocess
from collections.abc import Callable, Iterator

import pytest

from fixtures.evidence import Finding, Verdict
from fixtures.evidence.redaction import hidden
from fixtures.probes.dell import deleting_jobs, firewall, jobs
from fixtures.probes.dell.deleting_jobs import Container
from fixtures.probes.dell.mailbox_access import Place
from tests.judges import LOOK

PLACES = (
    Place("alice@example.org", "alice", "/srv/vmail/alice@example.org/Maildir", (), ()),
    Place("bob@example.org", "bob", "/srv/vmail/bob@example.org/Maildir", (), ()),
    Place("carol@example.net", "carol", "/users/carol/Maildir", (), ()),
)
QUEUE = deleting_jobs.queue("/var/spool/postfix")
DELETES = deleting_jobs.deleting([*map(deleting_jobs.folder, PLACES), *QUEUE], ("localhost", "imap.example.org"))


def found(line: str) -> list[str]:
    lines = grep(DELETES, line)
    assert bool(lines) is bool(jobs.python(DELETES).search(line))
    return [text for _, text in deleting_jobs.lines_that_delete(lines, jobs.python(DELETES))]


def grep(words: str, text: str, file: str = "/etc/cron.d/x") -> list[str]:
    argv = ["grep", "-nHE", f"--label={file}", words]
    done = subprocess.run(argv, check=False, input=text, text=True, capture_output=True)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "30 3 * * * root rsync -a --delete rsync://nas.lan/export/vmail/ /srv/vmail/ >/dev/null 2>&1",
        "30 3 * * * root rsync -a --delete-after nas:/vmail/ '/srv/vmail'",
        "30 3 * * * root rsync -a nas:/users/carol/ /users/carol/ --delete",
        "0 4 * * * root imapsync --host1 old.example --user1 bob --host2 localhost --user2 bob --delete2 --ssl2",
        "0 4 * * * root imapsync --delete2folders --host1=old.example --host2=imap.example.org",
        "0 4 * * * root imapsync --host1 'imap.example.org' --host2 new.example --delete1",
        "0 4 * * * root postsuper -d ALL deferred >/dev/null 2>&1",
        "0 4 * * * root /usr/sbin/postsuper -c /etc/postfix -d ALL",
        "0 4 * * * root postsuper -d ALL >>/var/log/queue.log 2>&1",
        "0 4 * * * root postqueue -j | jq -r 'select(.queue_name == \"deferred\").queue_id' | postsuper -d - </tmp/q",
        "0 4 * * * root postsuper -c /etc/postfix -d $(cat /run/old)",
        "0 4 * * * root postsuper -v -d 4bXyZ",
        "0 4 * * * root find /var/spool/postfix/deferred -type f -mmin +60 -delete",
        "0 4 * * * root rm -rf /var/spool/postfix/deferred/* /var/spool/postfix/hold",
        "0 4 * * * root rm -rf /var/spool/postfix",
        "0 4 * * * root rm -f /var/spool/postfix/deferred/*/*",
        "0 4 * * * root cd /var/spool/postfix/deferred && find . -type f -delete",
        "0 4 * * * root postsuper -f ALL deferred",
        "0 4 * * * root cd /srv/vmail; rm --force --recursive bob@example.org",
        "0 4 * * * root cd /users/carol/Maildir && rm -f cur/*",
        "0 4 * * * root cd /srv/vmail && find . -mtime +30 -print0 | xargs -0 rm",
        "0 4 * * * root rclone sync nas:vmail /srv/vmail",
        "0 4 * * * root rclone -v move --transfers 4 --checksum /srv/vmail nas:vmail",
        "0 4 * * * root rsync -a --delete /backup/queue/ /var/spool/postfix/",
        "@daily root tmpreaper 30d /srv/vmail",
        "@daily root /usr/sbin/tmpwatch --mtime 720 /var/spool/postfix/incoming /srv/x",
        "@daily root doveadm flags add -A '\\Deleted' mailbox INBOX savedbefore 30d",
        '@daily root doveadm -v flags add -u bob@example.org "\\Deleted" mailbox INBOX all',
        "@daily root find /srv/vmail -type f -mtime +30 -delete",
        "@daily root find /srv/vmail/*/Maildir/cur -mtime +30 -exec rm {} +",
        "@daily root find /users/*/Maildir -mtime +365 | xargs rm -f",
        "@daily root find -L /srv/vmail/ -mtime +30 -print0 | xargs -0 rm",
        "@monthly root rm -rf /srv/vmail/bob@example.org",
        "@monthly root doveadm expunge -A mailbox INBOX savedbefore 90d",
        "@daily root doveadm -o x=y backup -A -R remote:old",
        "@daily root dsync -u bob@example.org backup -R ssh root@old",
        "@daily root dsync backup -R -u bob@example.org tcp:old:12345",
        "@daily root doveadm expunge -A mailbox Trash savedbefore 30d; doveadm expunge -A mailbox INBOX savedbefore 90d",
        "@daily root doveadm expunge -A mailbox INBOX savedbefore 90d && doveadm expunge -A mailbox Junk savedbefore 14d",
        "@daily root doveadm expunge -A \\( mailbox INBOX OR mailbox Trash \\) savedbefore 90d",
        "@daily root doveadm expunge -A NOT mailbox Trash savedbefore 90d",
        "@daily root find /srv/vmail -path '*/cur/*' -mtime +90 -delete; find /srv/vmail -path '*/.Trash/*' -delete",
        "@daily root doveadm expunge -A mailbox Trash savedbefore 30d; find /srv/vmail -mtime +90 -delete && true",
        "@daily root doveadm expunge -A mailbox Trash savedbefore 9d && cd /srv/vmail && find . -mtime +30 -delete",
        "@daily root cd /srv/vmail; find . -mtime +9 -delete; find ./x/.Trash -delete; doveadm purge -A",
        "@daily root doveadm expunge -A mailbox Trash savedbefore 30d; rm -rf /srv/vmail/bob@example.org",
        "@daily root cd /tmp && find /srv/vmail -mtime +30 -delete; doveadm expunge -A mailbox Junk savedbefore 30d",
        "@daily root imapsync --host1 localhost --host2 new.example --delete1; cd /srv; doveadm expunge -A mailbox Junk all",
        "@daily root find /srv/vmail -mtime +90 -print0 >/run/old; find /run/old -exec xargs -0 rm {} +",
        "@daily root doveadm move -A Trash mailbox INBOX savedbefore 90d",
        "@daily root doveadm move -u alice@example.org 'Deleted Items' mailbox INBOX all",
        "@daily root doveadm -v move -A Archive mailbox INBOX savedbefore 1d",
        "@daily root doveadm move -u bob@example.org INBOX user alice@example.org mailbox INBOX savedbefore 30d",
        "@daily root find '/srv/vmail/bob@example.org/Maildir/.&TtVOiw-/cur' -type f -mtime +30 -delete",
        '@daily root find "/srv/vmail/bob@example.org/Maildir/.&TtVOiw-" -type f -delete',
        "@daily root find /srv/vmail/bob@example.org/Maildir/.\\&TtVOiw-.2025/cur -type f -delete",
        "@daily root find '/srv/vmail/bob@example.org/Maildir/.R&D' -type f -delete",
        "@daily root find '/srv/vmail/bob@example.org/Maildir/.Old Work' -type f -delete",
        "@daily root find /srv/vmail/bob@example.org/Maildir/.Old\\ Work/cur -type f -delete",
        "@daily root cd '/users/carol/Maildir/.&TtVOiw-/cur' && find . -mtime +30 -delete",
        "d /srv/vmail 0755 vmail vmail 30d",
        "e /srv/vmail/*/Maildir/cur - - - 90d",
        "e /srv/vmail/*/Maildir/.&TtVOiw-/cur - - - 90d",
        "D! /srv/vmail 0700 vmail vmail -",
    ],
)
def test_what_deletes_mail(line: str) -> None:
    assert found(line) == [hidden(line)]


@pytest.mark.parametrize(
    "line",
    [
        "0 4 * * * root imapsync --host1 localhost --user1 bob --host2 backup.example --user2 bob --delete2",
        "0 4 * * * root imapsync --host1 old.example --delete1 --host2 localhost",
        "0 4 * * * root imapsync --host1 imap.example.org.old.example --delete1 --host2 localhost",
        "# 0 4 * * * root postsuper -d ALL",
        "0 4 * * * root mailq | awk '/MAILER-DAEMON/ {print $1}' | postsuper -d -",
        "*/5 * * * * root postsuper -s; postsuper -r ALL deferred",
        "@daily root find /var/spool/postfix/corrupt -mtime +30 -delete",
        "@daily root find /var/spool/cron -name '*.bak' -delete",
        "cp -p /etc/resolv.conf /var/spool/postfix/etc/resolv.conf; rm -rf /var/spool/postfix/etc/ssl",
        "@daily root tmpreaper 7d /tmp /var/tmp",
        "@daily root /usr/sbin/tmpwatch -umc 10d /var/cache/man",
        "@daily root doveadm flags add -A '\\Deleted' mailbox Junk savedbefore 30d",
        "@daily root doveadm flags add -A '\\Seen' mailbox Archive savedbefore 30d",
        "30 3 * * * root rsync -a --delete /srv/vmail/ backup:/dell/vmail/",
        "30 3 * * * root rsync -a /srv/vmail/ backup:/dell/vmail/ --delete",
        "30 3 * * * root rsync -a --delete /etc/ /backup/srv/vmail/etc/",
        "@daily root doveadm expunge -A mailbox Trash savedbefore 30d",
        "@daily root doveadm expunge -A mailbox Trash savedbefore 30d; doveadm expunge -A mailbox Junk savedbefore 9d",
        "@daily root doveadm expunge -A mailbox Trash savedbefore 30d && doveadm purge -A",
        "@daily root doveadm expunge -A mailbox Trash savedbefore 30d && find /var/cache -mtime +1 -delete",
        "@daily root doveadm expunge -A mailbox Trash savedbefore 30d; rsync -a --delete /srv/www/ /backup/www/",
        "@daily root cd /srv/vmail && doveadm expunge -A mailbox Trash savedbefore 30d; rsync -a --delete /etc/ /backup/etc/",
        "@daily root cd /srv/vmail && find . -path '*/.Trash/*' -mtime +30 -delete; find /srv/vmail/*/.Junk -mtime +9 -delete",
        "@daily root cd /srv/vmail/bob/.Trash && find . -mtime +30 -delete; rm -rf /srv/vmail/bob/.Junk/cur",
        "@daily root cd /srv/vmail; cd /var/cache; find . -mtime +9 -delete; doveadm expunge -A mailbox Trash all",
        "@daily root doveadm user '*' && doveadm expunge -A \\( mailbox Junk OR mailbox Trash \\) savedbefore 90d",
        "@daily root doveadm move -A Archive mailbox INBOX savedbefore 365d",
        "@daily root doveadm move -A Archive/2025 mailbox INBOX sentbefore 2026-01-01",
        "@daily root doveadm move -A Archive mailbox INBOX before $(date -d -1year +%F)",
        "@daily root doveadm move -A Trash mailbox Junk savedbefore 30d",
        "@daily root doveadm move -u alice@example.org INBOX mailbox Junk header From boss",
        "@daily root find /srv/vmail -path '*/.Junk/*' -mtime +30 -delete",
        "@daily root find /users/carol/Downloads -mtime +30 -delete",
        "@daily root find /srv/vmail -name 'dovecot.index.cache' -size +50M -delete",
        "@daily root find /var/log -mtime +30 -delete",
        "@daily root rm -f /users/dump.sql.gz /srv/vmail",
        "@daily root cd /users/carol; rm report.txt",
        "@daily root cd /srv/vmail && find . -newer /run/x | cpio -o >/backup/vmail.cpio",
        "@daily root rclone move -v /srv/in /srv/vmail",
        "@daily root rclone move nas:in /srv/vmail",
        "@daily root rclone copy /srv/vmail nas:move",
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
    given = "@daily root find /var/log -mtime +9 -delete\n@daily root postsuper -d ALL\n"
    assert grep(deleting_jobs.deleting(()), given) == ["/etc/cron.d/x:2:@daily root postsuper -d ALL"]


@pytest.mark.parametrize(
    ("judged", "expected"),
    [(deleting_jobs.judged, deleting_jobs.EXPECTED), (deleting_jobs.judged_up, deleting_jobs.UP)],
)
def test_no_job_deletes_mail_or_stops_a_server(judged: Callable[..., Iterator[Finding]], expected: str) -> None:
    (red,) = judged(jobs.Jobs((("/etc/cron.d/x:1", "postfix stop"),), 3, LOOK))
    assert (red.verdict, red.member, red.expected) == (Verdict.FAIL, "/etc/cron.d/x:1", expected)
    (none,), (unknown,) = (judged(jobs.Jobs((), places, LOOK)) for places in (3, 0))
    assert (none.verdict, none.member) == (Verdict.PASS, "Dell's jobs")
    assert (unknown.verdict, unknown.member) == (Verdict.INCONCLUSIVE, "Dell's jobs")


STOPS = f"{deleting_jobs.STOPS}|{deleting_jobs.STARTS}"


def stopped(*files: tuple[str, str], containers: tuple[Container, ...] = ()) -> list[str]:
    words = "|".join((STOPS, *(each.words for each in containers)))
    lines = [line for file, text in files for line in grep(words, text, file)]
    return [text for _, text in deleting_jobs.lines_that_stop(lines, containers)]


@pytest.mark.parametrize(
    "line",
    [
        "0 22 * * * root systemctl stop postfix",
        "0 22 * * * root systemctl -q stop postfix.service dovecot.service >/dev/null",
        "0 22 * * * root systemctl disable --now dovecot; true",
        "@daily root /usr/sbin/postfix stop",
        "@daily root service dovecot stop",
        "@daily root /etc/init.d/postfix stop && x",
        "@daily root doveadm stop",
        "@daily root doveadm service stop lmtp",
        "@daily root postmulti -i - -p stop",
        "ExecStart=/bin/systemctl stop postfix@-.service",
        "0 1 * * * root systemctl stop postfix && /sbin/shutdown -h now",
        "0 1 * * * root systemctl stop dovecot; poweroff",
    ],
)
def test_what_stops_a_server(line: str) -> None:
    assert stopped(("/etc/cron.d/x", line)) == [line]
    if line.startswith(("0", "@")):  # what another line of a crontab does comes at another time
        assert stopped(("/etc/cron.d/x", f"{line}\n5 6 * * * root systemctl start postfix dovecot")) == [line]


@pytest.mark.parametrize(
    "files",
    [
        [("/etc/cron.d/x", "@daily root systemctl stop postfix && rsync -a /srv /b; systemctl start postfix")],
        [("/usr/local/bin/x", "systemctl stop dovecot\nrsync -a /srv /b\nsystemctl start dovecot")],
        [("/usr/local/bin/x", "postfix stop\nreboot")],
        [("/usr/local/bin/x", "postfix stop\nshutdown -fr now")],
        [("/usr/local/bin/x", "/usr/bin/doveadm stop\n/usr/sbin/dovecot")],
        [("/etc/letsencrypt/renewal/a.conf", "pre_hook = systemctl stop postfix\npost_hook = systemctl start postfix")],
        [
            ("/etc/letsencrypt/renewal-hooks/pre/x", "systemctl stop postfix"),
            ("/etc/letsencrypt/renewal-hooks/post/x", "systemctl start postfix"),
        ],
        [("/etc/systemd/system/postfix.service", "ExecStop=/usr/sbin/postfix stop")],
        [("/etc/systemd/system/dovecot.service", "ExecStop=/usr/bin/doveadm stop")],
        [("/etc/init.d/postfix", "    postfix stop")],
        [("/etc/cron.d/x", "# 0 22 * * * root systemctl stop postfix")],
        [("/etc/cron.d/x", "0 22 * * * root systemctl stop postfix-exporter nginx")],
        [("/etc/cron.d/x", "0 22 * * * root systemctl reload postfix; doveadm reload; postfix flush")],
        [("/etc/cron.d/x", "0 22 * * * root systemctl restart dovecot")],
    ],
)
def test_what_stops_none_for_good(files: list[tuple[str, str]]) -> None:
    assert stopped(*files) == []


@pytest.mark.parametrize(
    ("line", "stops"),
    [
        ("0 22 * * * root docker stop mx", True),
        ("0 22 * * * root docker stop -t 60 web mx >/dev/null", True),
        ("0 22 * * * root podman container kill mx", True),
        ("0 22 * * * root docker stop mx && tar czf /b/m.tgz /srv; docker start mx", False),
        ("0 22 * * * root docker stop mx; docker compose -f /srv/mail.yml up -d", False),
        ("0 22 * * * root docker stop mx-exporter web", False),
        ("0 22 * * * root docker restart mx", False),
        ("0 22 * * * root docker stop $(docker ps -q)", True),
        ("0 22 * * * root docker stop $(docker ps -q --filter name=web)", False),
        ("0 22 * * * root podman stop --all", True),
        ("0 22 * * * root podman stop --all; tar czf /b/m.tgz /srv; podman start --all", False),
        ("0 22 * * * root podman stop -a; podman start -a web", True),
        ("0 22 * * * root docker rm $(docker ps -aq)", False),
        ("0 22 * * * root docker rm -f $(docker ps -aq)", True),
        ("0 22 * * * root docker rm $(docker ps -aq) --force", True),
        ("0 22 * * * root docker rm -v mx", False),
        ("0 22 * * * root podman rm -fa", True),
        ("0 22 * * * root docker pause mx; tar czf /b/m.tgz /srv; docker unpause mx", False),
        ("@daily root docker kill -s HUP mx", False),
        ("@daily root docker kill --signal=SIGHUP mx", False),
        ('@daily root docker kill --signal "USR1" mx', False),
        ("@daily root docker kill -s TERM mx", True),
        ("@daily root podman kill --signal=9 mx", True),
        ("@daily root docker kill web-s1 mx", True),
        ("@daily root docker kill --signal=HUP web; docker stop mx", True),
    ],
)
def test_what_stops_a_server_s_container(line: str, stops: bool) -> None:
    assert stopped(("/etc/cron.d/x", line), containers=(Container("mx"),)) == ([line] if stops else [])


COMPOSED = Container("mail-mx-1", "mail", "/opt/mail", "mx")


@pytest.mark.parametrize(
    ("text", "stops"),
    [
        ("0 22 * * * root cd /opt/mail && docker compose down >/dev/null 2>&1", True),
        ("0 22 * * * root docker-compose -f /opt/mail/docker-compose.yml stop", True),
        ("0 22 * * * root docker compose -p mail down -t 30", True),
        ("0 22 * * * root docker compose --project-directory /opt/mail stop web mx", True),
        ("0 22 * * * root cd /opt/mail && docker compose pause", True),
        ("0 22 * * * root cd /opt/mail && docker compose rm -fs", True),
        ("0 22 * * * root cd /opt/mail && docker compose rm --force --stop -v mx", True),
        ("0 22 * * * root cd /opt/mail && docker compose rm -f", False),
        ("0 22 * * * root cd /opt/mail && docker compose rm -f -v mx", False),
        ("0 22 * * * root cd /opt/mail && docker compose rm -fs web", False),
        ("0 22 * * * root cd /opt/mail && docker compose stop web", False),
        ("0 22 * * * root cd /opt/mail && docker compose kill -s HUP mx", False),
        ("0 22 * * * root cd /opt/mail && docker compose down && docker compose up -d", False),
        ("0 22 * * * root cd /opt/mail && docker compose pull -q", False),
        ("0 22 * * * root cd /opt/mail-archive && docker compose down", False),
        ("0 22 * * * root cd /opt/cloud && docker compose down", False),
        ("0 22 * * * root docker compose -p mailman down", False),
    ],
)
def test_what_stops_a_composed_one(text: str, stops: bool) -> None:
    assert stopped(("/etc/cron.d/x", text), containers=(COMPOSED,)) == ([text] if stops else [])


def test_what_compose_does_not_say_of_a_container_names_nothing() -> None:
    """An older one, or Podman's, leaves out the folder."""
    here, named = "cd /opt/web && docker compose down", "docker compose -p mail down"
    for project in ("mail", ""):
        containers = (Container("mail-mx-1", project, "", "mx"),)
        assert stopped(("/etc/cron.d/x", here), containers=containers) == []
        assert stopped(("/etc/cron.d/x", named), containers=containers) == ([named] if project else [])


def test_a_job_of_more_lines_names_the_project_in_another() -> None:
    down = "docker compose down"
    assert stopped(("/usr/local/bin/x", f"cd /opt/mail\n{down}"), containers=(COMPOSED,)) == [down]
    assert stopped(("/opt/mail/stop.sh", down), containers=(COMPOSED,)) == [down]
    assert stopped(("/usr/local/bin/x", f"cd /opt/mail\n{down}\ndocker compose up -d"), containers=(COMPOSED,)) == []
    assert stopped(("/usr/local/bin/x", f"cd /opt/web\n{down}"), containers=(COMPOSED,)) == []


MAILCOW = "mailcowdockerized-postfix-mailcow-1"
RM, RUN = "ExecStartPre=-/usr/bin/docker rm -f mail", "ExecStart=/usr/bin/docker run --rm \\\n    --name mail x/y"


@pytest.mark.parametrize(
    ("text", "stops"),
    [
        (f"{RM}\n{RUN}", []),
        (f"{RM}\nExecStart=/usr/bin/tar czf /b/m.tgz /srv", [RM]),
        (f"ExecStartPre=/bin/systemctl stop postfix\n{RUN}", ["ExecStartPre=/bin/systemctl stop postfix"]),
        (f"docker stop {MAILCOW}\ntar czf /b/m.tgz /srv\ndocker compose up -d", []),
        (f"docker stop {MAILCOW}\ntar czf /b/m.tgz /srv", [f"docker stop {MAILCOW}"]),
        ("systemctl stop postfix\ndocker compose up -d", ["systemctl stop postfix"]),
    ],
    ids=["made again", "stopped before a backup", "the machine's own stopped", "composed again", "left", "another's"],
)
def test_what_a_file_does_with_a_container(text: str, stops: list[str]) -> None:
    assert stopped(("/etc/systemd/system/x.service", text), containers=(Container("mail"), Container(MAILCOW))) == stops


def test_a_long_line_is_judged_to_its_end() -> None:
    """And shown by its beginning."""
    long = f"0 1 * * * root {'x' * 200}; true &&"
    line, deletes = f"{long} systemctl stop postfix", f"{long} postsuper -d ALL"
    assert stopped(("/etc/cron.d/x", line)) == [line]
    assert found(deletes) == [deletes]
    off = grep(deleting_jobs.OFF, f"{long} poweroff")
    assert [text for _, text in deleting_jobs.lines_that_switch_off(off)] == [f"{long} poweroff"]
    loads = grep(firewall.LOADS, f"{long} nft -f /srv/old.nft")
    assert [text for _, text in firewall.lines_that_load(loads, lambda *_: False)] == [f"{long} nft -f /srv/old.nft"]
    it = jobs.Jobs((("/etc/cron.d/x:1", line),), 3, LOOK)
    judged = (*jobs.judged(it), *deleting_jobs.judged(it), *deleting_jobs.judged_up(it))
    for red in (*judged, *firewall.judged_loading(firewall.Changing(it))):
        assert red.found.partition(":")[0] == line[:200]


@pytest.mark.parametrize(("file", "line", "by_systemd"), [
    ("/etc/cron.d/x", "0 1 * * * root /sbin/shutdown -h now", False),
    ("/etc/cron.d/x", "0 1 * * * root /usr/sbin/shutdown -P +5 >/dev/null 2>&1", False),
    ("/etc/cron.d/x", "@daily root sync && poweroff", False),
    ("/etc/crontab", "0 1 * * * root [ -e /run/busy ] || halt -p", False),
    ("/var/spool/cron/crontabs/root", "0 1 * * * shutdown now", False),
    ("/var/spool/cron/crontabs/root", "0 1 * * 1-5 /sbin/init 0", False),
    ("/usr/local/sbin/night", "shutdown -h 22:30", False),
    ("/usr/local/sbin/night", "if ! who | grep -q .; then sudo /sbin/poweroff; fi", False),
    ("/usr/local/sbin/night", "echo mem > /sys/power/state", False),
    ("/usr/local/sbin/night", "echo disk | tee /sys/power/state", False),
    ("/usr/local/sbin/night", "rtcwake -m off -s 18000", False),
    ("/usr/local/sbin/night", "/usr/sbin/pm-suspend", False),
    ("/etc/systemd/system/night.service", "ExecStart=-/usr/bin/systemctl --no-block poweroff", False),
    ("/etc/systemd/system/night.service", "ExecStart=/usr/sbin/shutdown -h now", False),
    ("/etc/systemd/system/night.service", "ExecStart=/bin/sh -c 'shutdown -h now'", False),
    ("/etc/systemd/system/night.timer", "Unit=poweroff.target", False),
    ("/etc/systemd/system/night.timer", "Unit=suspend.target", True),
    ("/etc/cron.d/x", "0 1 * * * root systemctl suspend-then-hibernate", True),
    ("/etc/cron.d/x", "0 1 * * * root systemctl suspend", True),
    ("/etc/cron.d/x", "0 1 * * * root systemctl start suspend.target", True),
    ("/etc/cron.d/x", "0 1 * * * root loginctl hibernate; true", True),
])  # fmt: skip
def test_what_switches_the_machine_off(file: str, line: str, by_systemd: bool) -> None:
    """A masked sleep.target keeps it awake only where systemd is asked for it."""
    assert [text for _, text in deleting_jobs.lines_that_switch_off(grep(deleting_jobs.OFF, line, file))] == [line]
    assert bool(deleting_jobs.BY_SYSTEMD.search(line)) is by_systemd


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("/etc/cron.d/x", "# 0 1 * * * root /sbin/shutdown -h now"),
        ("/etc/cron.d/x", "0 4 * * 0 root /sbin/shutdown -r now"),
        ("/etc/cron.d/x", "0 4 * * 0 root /sbin/shutdown -fr +5; true"),
        ("/etc/cron.d/x", "0 4 * * 0 root shutdown --reboot 04:30"),
        ("/etc/cron.d/x", "0 4 * * 0 root shutdown -c"),
        ("/etc/cron.d/x", "0 4 * * 0 root systemctl reboot"),
        ("/etc/cron.d/x", "0 4 * * * root mysqladmin shutdown"),
        ("/etc/cron.d/x", "0 4 * * * root virsh shutdown guest"),
        ("/etc/cron.d/x", "0 4 * * * root ssh nas /sbin/poweroff"),
        ("/etc/cron.d/x", "0 4 * * * root ssh nas 'sync; poweroff' && rm /run/nas"),
        ("/var/spool/cron/root", "0 4 * * * redis-cli shutdown"),
        ("/etc/init.d/halt", "    halt -d -f -i $poweroff"),
        ("/etc/apt/apt.conf.d/50unattended-upgrades", 'Unattended-Upgrade::InstallOnShutdown "true";'),
        ("/etc/apt/apt.conf.d/50unattended-upgrades", 'Unattended-Upgrade::Automatic-Reboot "true";'),
        (
            "/etc/systemd/system/multi-user.target.wants/unattended-upgrades.service",
            "ExecStart=/usr/share/unattended-upgrades/unattended-upgrade-shutdown --wait-for-signal",
        ),
        ("/etc/systemd/system/plymouth-halt.service", "ExecStart=/usr/sbin/plymouthd --mode=shutdown"),
        ("/usr/local/bin/x", "systemctl mask sleep.target suspend.target hibernate.target"),
        ("/etc/systemd/system/a.service", "Conflicts=shutdown.target reboot.target halt.target"),
        ("/etc/systemd/system/a.service", "WantedBy=halt.target poweroff.target"),
        ("/etc/systemd/system/a.service", "Description=Waits for shutdown"),
        ("/etc/systemd/system/tomcat.service", "ExecStop=/opt/tomcat/bin/shutdown.sh"),
        ("/etc/systemd/system/x.service", 'ExecStart=/usr/bin/nvidia-sleep.sh "suspend"'),
        ("/usr/local/bin/x.py", "    def shutdown(self) -> None:"),
        ("/usr/local/bin/x.py", "server.shutdown(2)"),
        ("/usr/local/bin/x", "trap shutdown TERM"),
        ("/usr/local/bin/x", "shutdown() {"),
        ("/usr/local/bin/x", "cat /sys/power/state"),
    ],
)
def test_what_does_not_switch_it_off(file: str, line: str) -> None:
    assert not list(deleting_jobs.lines_that_switch_off(grep(deleting_jobs.OFF, line, file)))


@pytest.mark.parametrize(
    ("place", "line", "loads"),
    [
        ("/etc/cron.d/x", "0 3 * * * root iptables-restore </srv/rules.v4", True),
        ("/etc/cron.d/x", "0 3 * * * root /usr/sbin/ip6tables-legacy-restore -n /srv/rules.v6", True),
        ("/etc/cron.d/x", "0 3 * * * root nft -f /srv/old.nft", True),
        ("/etc/cron.d/x", "@reboot root /usr/sbin/nft 'flush ruleset'; true", True),
        ("/usr/local/sbin/fw", "iptables -w -F", True),
        ("/usr/local/sbin/fw", "ip6tables -P INPUT DROP", True),
        ("/etc/ppp/ip-up.d/fw", "ipset -exist restore </srv/sets", True),
        ("/etc/network/if-up.d/fw", "ipset swap new old", True),
        ("/etc/cron.d/x", "0 3 * * * root ufw --force reset && ufw enable", True),
        ("/etc/cron.d/x", "0 3 * * * root firewall-cmd -q --complete-reload", True),
        ("/etc/cron.d/x", "0 3 * * * root systemctl -q restart nftables.service", True),
        ("/etc/cron.d/x", "0 3 * * * root service iptables restart", True),
        ("/etc/systemd/system/nftables.service", "ExecStart=/usr/sbin/nft -f /srv/old.nft", True),
        # Debian's own, which is asked as the next start
        ("/etc/systemd/system/sysinit.target.wants/nftables.service", "ExecStart=/usr/sbin/nft -f /etc/nftables.conf", False),
        ("/etc/systemd/system/multi-user.target.wants/ufw.service", "ExecStart=/usr/lib/ufw/ufw-init start quiet", False),
        ("/etc/systemd/system/multi-user.target.wants/netfilter-persistent.service", "ExecStart=/usr/sbin/netfilter-persistent start", False),
        ("/etc/systemd/system/multi-user.target.wants/sshguard.service", "ExecStartPre=-/usr/sbin/iptables -w -N sshguard", False),
        ("/etc/systemd/system/multi-user.target.wants/firewalld.service", "ExecReload=/bin/kill -HUP $MAINPID", False),
        ("/etc/letsencrypt/renewal/a.conf", "pre_hook = ufw allow 80/tcp", False),
        ("/etc/cron.d/x", "0 3 * * * root iptables-save >/srv/rules.v4; nft list ruleset >/srv/rules.nft", False),
        ("/etc/cron.d/x", "0 3 * * * root nft -c -f /etc/nftables.conf", False),
        ("/etc/cron.d/x", "0 3 * * * root iptables-restore --test /srv/rules.v4", False),
        ("/etc/ppp/ip-up.d/mss", "iptables -t mangle -F FORWARD", False),
        ("/etc/ppp/ip-up.d/nat", "iptables -t nat -F; iptables -t nat -A POSTROUTING -o ppp0 -j MASQUERADE", False),
        ("/etc/cron.d/x", "0 3 * * * root systemctl restart fail2ban nginx", False),
        ("/etc/cron.d/x", "0 3 * * * root fail2ban-client reload; ufw status", False),
        ("/etc/cron.d/x", "# 0 3 * * * root iptables-restore </srv/rules.v4", False),
    ],
)  # fmt: skip
def test_what_loads_other_rules(place: str, line: str, loads: bool) -> None:
    found = list(firewall.lines_that_load(grep(firewall.LOADS, f"{line}\n{line}", place), lambda *_: False))
    assert found == ([(f"{place}:1", line)] if loads else [])


@pytest.mark.parametrize(
    ("lines", "loads"),
    [
        ("0 3 * * * root /usr/sbin/iptables-restore </etc/same", False),
        ("iptables-restore /etc/same || true", False),
        ("pre-up ip6tables-restore < /etc/same", False),
        ("ExecStart=/usr/sbin/nft -f /etc/same", False),
        ("/sbin/iptables-restore </etc/same\nnft -f /etc/other", True),
        ("0 3 * * * root iptables-restore </etc/other", True),
        ("0 3 * * * root iptables-restore -n </etc/same", True),
        ("0 3 * * * root iptables -F; iptables-restore </etc/same", True),
        ("0 3 * * * root nft -f /etc/same.d", True),
    ],
)
def test_what_loads_the_rules_that_stand(lines: str, loads: bool) -> None:
    found = firewall.lines_that_load(grep(firewall.LOADS, lines), lambda _, file: file == "/etc/same")
    assert bool([*found]) is loads
