"""Dell's Postfix in a container that owns its configuration (``dell.owner = "docker"``)."""

import os
from collections.abc import Iterator

import pytest

from fixtures.lab import plan
from fixtures.lab.outages import CONTAINER_UP as UP
from tests.scripts.owning import FILES, Owned, came_to, owned

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab needs root")
NEW = "/usr/local/bin/mail-container"
MOUNT, MAIN_ONLY = "-v /srv/mail/postfix:/etc/postfix", f"-v {FILES}/main.cf:/etc/postfix/main.cf"
INSIDE = f"sed -e 's|{MOUNT}|-v /srv/mail/postfix:/seed:ro|' -e 's|O postfix start-fg|O sh -c \"cp -a /seed/. /etc/postfix; exec postfix start-fg\"|'"  # noqa: E501 - one command
FULL = f"cp -a {FILES} /run/kept; mount -t tmpfs -o size=2m full {FILES}; cp -a /run/kept/. {FILES}; {NEW}; "
FULL += f"head -c 2m /dev/zero >{FILES}/full || true"


@pytest.fixture(scope="module")
def dell() -> Iterator[Owned]:
    with owned("container") as made:
        yield made


@pytest.mark.parametrize(
    ("break_it", "mend_it", "words"),
    [
        ("podman rename postfix away", "podman rename away postfix", ["the container postfix can't be entered"]),
        (f"{INSIDE} {NEW} | bash; {UP}", NEW, ["lies in the container itself", "postfix is made again", "cp postfix:"]),
        (f"sed 's|{MOUNT}|&:ro|' {NEW} | bash; {UP}", NEW, ["mounted read-only into postfix"]),
        (FULL, f"umount -l {FILES}; {NEW}", ["KiB of disk are left, expected 256 or more"]),
        (f"sed 's|{MOUNT}|& {MAIN_ONLY}|' {NEW} | bash; {UP}", NEW, ["only /etc/postfix/main.cf is mounted"]),
        (f"echo 'biff no' >>{FILES}/main.cf", f"sed -i '$d' {FILES}/main.cf", ["missing '='"]),
        (f"echo 'mynetworks = ::1' >>{FILES}/main.cf", f"sed -i '$d' {FILES}/main.cf", ["mynetworks stands twice"]),
        (f"echo 'bogus' >>{FILES}/master.cf", f"sed -i '$d' {FILES}/master.cf", ["can't read its own configuration"]),
    ],
    ids=["missing", "in the container", "read-only", "disk full", "one file", "unparsable", "twice", "bad master.cf"],
)
def test_it_is_refused_before_the_first_write(dell: Owned, break_it: str, mend_it: str, words: list[str]) -> None:
    try:
        dell.dell(break_it)
        if "rename" in break_it:
            came_to(dell.script(), 1, *words)
        else:
            dell.refused(*words)
    finally:
        dell.dell(f"{mend_it}; {UP}")


def test_a_plan_that_the_world_has_left_behind_is_refused(dell: Owned) -> None:
    digest = dell.plan()["digest"]
    dell.dell(f"echo '# by hand' >>{FILES}/main.cf")
    before = dell.digests()
    came_to(dell.apply(digest), 1, f"the plan is no longer {digest}")
    assert dell.digests() == before
    dell.dell(f"sed -i '$d' {FILES}/main.cf")


def test_what_does_not_serve_is_undone_byte_for_byte(dell: Owned) -> None:
    dell.dell(f"echo 'smtpd_helo_restrictions = reject' >>{FILES}/main.cf")
    before = dell.dell(f"sha256sum {FILES}/main.cf {FILES}/master.cf")
    came_to(dell.apply(dell.plan()["digest"]), 1, "heard 554", "as in the newest backup again, byte for byte")
    assert dell.dell(f"sha256sum {FILES}/main.cf {FILES}/master.cf") == before
    dell.dell(f"podman exec postfix postfix status; sed -i '$d' {FILES}/main.cf")


def test_a_container_that_died_of_it_is_brought_back_from_outside(dell: Owned) -> None:
    """A service of the operator's, whose port another program has at Dell's public address: with port 25 open at every
    address it can't be opened any more, and Postfix's master ends, with the container.
    """
    listen = f"import socket, time; s = socket.create_server(('{plan.DELL4}', 2525)); time.sleep(600)"
    pid = dell.dell(f'python3 -c "{listen}" >/dev/null 2>&1 & echo $!').strip()
    service = "2525 inet n - n - - smtpd -o smtpd_relay_restrictions=permit_mynetworks,reject"
    dell.dell(f"echo '{service}' >>{FILES}/master.cf; podman restart postfix; {UP}")
    before = dell.dell(f"sha256sum {FILES}/main.cf {FILES}/master.cf")
    try:
        again = "as in the newest backup again, byte for byte"
        came_to(dell.apply(dell.plan()["digest"]), 1, "does not serve as planned", again)
        assert dell.dell(f"sha256sum {FILES}/main.cf {FILES}/master.cf") == before
        dell.dell(UP)
    finally:
        dell.dell(f"kill {pid}; sed -i '$d' {FILES}/master.cf; {NEW}; {UP}")


READ = """
import sys, time
from fixtures.migration import open_migration
from fixtures.probes.logs import history, postfix_log as maillog
from fixtures.access.changing import dell, ec2
host, place = sys.argv[1:]
migration = open_migration()
shell = {"dell": dell, "ec2": ec2}[host](migration.settings)
first = maillog.read(shell, place)
end = maillog.read(shell, place, bytes_max=0).position
shell.run("postfix", "reload")
until = time.monotonic() + 20
while not (second := maillog.read(shell, place, first.position)).reloads and time.monotonic() < until:
    time.sleep(0.2)
whole = maillog.read(shell, place)
third = maillog.read(shell, place, second.position)
least = first.lines + second.lines
assert least <= whole.lines <= least + third.lines, (first.lines, second.lines, whole.lines, third.lines)
assert len(second.reloads) == len(maillog.read(shell, place, end).reloads) == 1
assert len(whole.reloads) == len(first.reloads) + 1 and abs(whole.reloads[-1] - time.time()) < 60
if host == "dell":
    assert history.home_log(migration, 30).unread == 0
assert first.unread == whole.unread == 0
print("read", whole.lines)
"""
JOURNAL = """\
[ -s /etc/machine-id ] || echo 0123456789abcdef0123456789abcdef >/etc/machine-id
mkdir -p /run/systemd/journal
setsid /lib/systemd/systemd-journald >/dev/null 2>&1 &
for _ in {1..50}; do [ ! -S /run/systemd/journal/dev-log ] || break; sleep .1; done
ln -sf /run/systemd/journal/dev-log /dev/log
postconf -e maillog_file=
setsid sh -c 'postfix stop; postfix start' >/dev/null 2>&1
"""


@pytest.mark.parametrize(("host", "place"), [("dell", "container"), ("ec2", "journal")])
def test_a_log_read_in_parts_is_the_log_read_whole(dell: Owned, host: str, place: str) -> None:
    if place == "journal":
        done = dell.lab.exec("ec2", ["bash", "-ec", JOURNAL])
        assert done.returncode == 0, done.stdout + done.stderr
    done = dell.python("-c", READ, host, place)
    came_to((done.returncode, done.stdout + done.stderr), 0, "read ")


def test_a_log_that_is_not_there_is_no_empty_log(dell: Owned) -> None:
    """Could not look is never nothing found."""
    code = "import sys; from fixtures.migration import open_migration\n"
    code += "from fixtures.probes.logs import postfix_log as maillog\n"
    code += "from fixtures.evidence import CouldNotAsk\n"
    code += "from fixtures.access.transport import ec2\n"
    code += "shell = ec2(open_migration().settings)\n"
    code += "try: maillog.read(shell, sys.argv[1])\nexcept CouldNotAsk as why: print('refused:', why)"
    for place, words in (("journal:nosuch", "no line of -u nosuch"), ("container", "no container is named")):
        done = dell.python("-c", code, place)
        came_to((done.returncode, done.stdout + done.stderr), 0, "refused: ", words)


def test_it_is_prepared_judged_and_outlives_its_container(dell: Owned) -> None:
    plan = dell.plan()
    assert plan["writes"][-1]["subject"] == "Postfix on Dell"
    came_to(dell.apply(plan["digest"]), 0)
    dell.prepared()
    dell.turns_red("a parameter that a new container would read was changed")
    dell.turns_red("nothing starts the container of Dell's Postfix")
    dell.turns_red("the queue goes with its container")
