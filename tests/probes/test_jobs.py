"""Which commands in crontabs, units and hooks write Dell's configuration, by grep's own word."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from fixtures.access.transport import Result
from fixtures.evidence import Finding, Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes.aws import other_jobs, references
from fixtures.probes.aws.references import Sought
from fixtures.probes.dell import certificate_renewal, jobs
from fixtures.probes.dns import writers
from fixtures.settings import Secrets
from tests.judges import LOOK

SOUGHT = Sought.now(settings_without_a_lab())
WRITES = jobs.writing(("/etc/postfix", "/etc/dovecot"))
reads_all = pytest.mark.skipif(os.geteuid() != 0, reason="as any other account it reads nothing")


@pytest.mark.parametrize(
    "line",
    [
        "17 3 * * * root cp -p /srv/golden/main.cf /etc/postfix/main.cf",
        "17 3 * * * root cp -p /srv/golden/main.cf /etc/postfix/main.cf >/dev/null 2>&1",
        "17 3 * * * root cd /etc/postfix && cp main.cf.orig main.cf && postfix reload",
        'ExecStart="/usr/bin/cp" "/srv/golden/main.cf" "/etc/postfix/main.cf"',
        "17 3 * * * root cp /srv/golden/main.cf /etc/postfix/ && postfix reload",
        'DPkg::Post-Invoke { "cp -p /etc/postfix/main.cf.golden /etc/postfix/main.cf && postfix reload || true"; };',
        "@reboot root rsync -a --delete /srv/golden/ /etc/dovecot",
        "rsync -a /srv/conf.d/ /etc/dovecot/conf.d/ > /var/log/golden",
        "cp x /etc/dovecot/conf.d/10-master.conf",
        "cp x /etc/dovecot/dovecot-sql.conf.ext 2>/dev/null || true",
        'cp x "/etc/postfix"/main.cf  # every night',
        "bash -c \"cp /a '/etc/postfix/main.cf'\"",
        "cp x /etc/postfix/main.cf; \\",
        "ExecStartPre=/usr/sbin/postconf -e smtpd_client_restrictions=reject",
        "postconf -c /etc/postfix -X relayhost",
        "postconf -P 'smtp/inet/smtpd_tls_security_level=may'",
        "postconf relayhost=[x]:587",
        'postconf "smtpd_client_restrictions = reject"',
        "postconf -v -e x=y",
        "render >/etc/postfix/main.cf",
        "cat /srv/main.cf > '/etc/postfix/main.cf'",
        "render | tee /etc/dovecot/dovecot.conf",
        "curl -sSo /etc/postfix/main.cf https://git.example/main.cf",
        "sed -i s/a/b/ /etc/postfix/main.cf",
        "sed -ri 's|^relayhost.*|relayhost = x|;s/c/d/' /etc/postfix/main.cf",
        "perl -pi -e 's/a/b/' /etc/postfix/master.cf",
        "git -C /etc/postfix pull -q",
        "cd /etc/postfix && git pull -q",
        "tar -xzf golden.tgz -C /etc/postfix",
        "[ -e /x ] && install -m 644 /x '/etc/postfix/master.cf'; true",
        "30 4 * * * root ansible-pull -U https://git.example/mail.git",
        'Dpkg::Options { "--force-confnew"; };',
        "force-confnew",
    ],
)
def test_what_writes(line: str) -> None:
    assert matches(line)


@pytest.mark.parametrize(
    "line",
    [
        "5 4 * * * root tar czf /backup/postfix.tgz /etc/postfix",
        "tar -C /etc/postfix -czf /backup/postfix.tgz .",
        "5 4 * * * root cp -a /etc/postfix /backup/",
        "5 4 * * * root cd /etc/postfix && cp -a main.cf main.cf.bak",
        "5 4 * * * root rsync -a /etc/postfix/ /etc/dovecot/ backup:/dell/",
        "0 2 * * * root cp -a /var/vmail /backup && tar czf /backup/c.tgz /etc/postfix /etc/dovecot",
        "mv /backup/a.tgz /backup/b.tgz; tar czf /backup/a.tgz /etc/postfix",
        "apt-get install -y x && ls /etc/postfix",
        "cp x y; chmod 644 /etc/postfix/main.cf",
        "postconf -n >/var/log/postconf.txt",
        "postconf -M | mail -s services root",
        "d=$(postconf -h queue_directory)",
        "cp fullchain.pem /etc/postfix/dell.pem && postfix reload",
        "cat privkey.pem fullchain.pem > /etc/postfix/dell.pem",
        "wget -qO- https://lists.example/drop > /etc/postfix/drop.cidr && postmap /etc/postfix/drop.cidr",
        "postfix reload; doveadm reload",
        "ExecStart=/usr/sbin/postfix start",
        "postmap /etc/postfix/transport",
        'Dpkg::Options { "--force-confdef"; "--force-confold"; };',
    ],
)
def test_what_does_not(line: str) -> None:
    assert not matches(line)


def matches(line: str) -> bool:
    done = subprocess.run(["grep", "-qE", WRITES], input=line, text=True, check=False)
    assert done.returncode in {0, 1}
    return done.returncode == 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cp $RENEWED_LINEAGE/*.pem /etc/postfix/ && postfix reload", []),
        ("  # cp -a /srv/golden/. /etc/postfix/", []),
        ("cp /srv/fullchain.pem /srv/main.cf /etc/postfix/", ["cp /srv/fullchain.pem /srv/main.cf /etc/postfix/"]),
        ("rsync -a --exclude '*.pem' /g/ /etc/postfix/", ["rsync -a --exclude '*.pem' /g/ /etc/postfix/"]),
        ("curl -u me:hunter2 -o /etc/postfix/main.cf x", ["curl -u ... -o /etc/postfix/main.cf x"]),
    ],
)
def test_what_is_shown_of_it(text: str, shown: list[str]) -> None:
    assert matches(text)
    assert [each for _, each in jobs.lines_that_write([f"/etc/systemd/system/a:b.service:7:{text}"])] == shown


@dataclass(frozen=True)
class Host:
    """One that prints a text, whatever it is asked."""

    text: str
    name: str = "Dell"

    @property
    def machine(self) -> Self:
        return self

    def run(self, *argv: str, **_: object) -> Result:
        return Result(argv, 0, self.text, "")


DDNS = (
    "process: docker run -e CLOUDFLARE_API_TOKEN=s3cret favonia/cloudflare-ddns:1: \n"
    "file: /usr/local/bin/cf-token: a.example\ndone\n"
)
CURL = """curl -H "X-Auth-Key: s3cret" -u me:s3cret https://me:s3cret@{ec2}/fullchain.pem"""
CRON = f"/etc/cron.d/x: 5 4 * * * root {CURL}"


@pytest.mark.parametrize(
    ("ask", "printed", "seen"),
    [
        (
            lambda _, host: map(writers.judged, writers._clients(host, set(), ())),
            DDNS,
            ["Dell: process docker run -e CLOUDFLARE_API_TOKEN=... favonia/cloudflare-ddns:1", "cf-token: a.example"],
        ),
        (
            lambda it, _: other_jobs.judged(other_jobs.ask(it)),
            f"=-=-= listeners\n=-=-= cron\n{CRON}\n=-=-= end\n",
            ["cron job /etc/cron.d/x: 5 4 * * * root curl", "no cron job but those of"],
        ),
        (
            lambda it, _: certificate_renewal.judged(certificate_renewal.look(it, certificate_renewal.marks(it))),
            f"=-=-= job /etc/cron.d/x\n{CRON}\n",
            ["it names EC2: /etc/cron.d/x: 5 4 * * * root curl", "...@{ec2}/fullchain.pem"],
        ),
        (
            lambda it, _: references.judged_gone(references._on_dell(it, SOUGHT), SOUGHT),
            f"used\n{CRON.replace('x: 5', 'x:9:5')}\n/etc/postfix/sasl_passwd:1:[{{ec2}}]:587 me:s3cret\n",
            ["Dell: /etc/cron.d/x:9", "...@{ec2}/fullchain.pem", "Dell: /etc/postfix/sasl_passwd:1", "[{ec2}]:587 ..."],
        ),
        (
            lambda it, _: references.judged_gone(references._ways_out(it, SOUGHT), SOUGHT),
            "relayhost = {ec2}\n/etc/postfix/transport.cf: password = s3cret\n",
            ["Dell: relayhost", "{ec2}"],
        ),
    ],
    ids=["writers", "other jobs", "renewal", "mentions", "ways out"],
)
def test_nobody_else_s_password_is_shown(
    ask: Callable[[Migration, Host], Iterable[Finding]], printed: str, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything lost that is judged: what it is, where it stands, which host it names."""
    it = Migration(settings_without_a_lab(), Secrets())
    ec2 = it.settings.ec2.name
    host = Host(printed.format(ec2=ec2))
    for module, name in ((other_jobs, "ec2"), (certificate_renewal, "dell"), (references, "dell")):
        monkeypatch.setattr(module, name, lambda _: host)
    found = list(ask(it, host))
    assert "s3cret" not in repr(found)
    assert all(each.format(ec2=ec2) in repr(found) for each in seen), found


DDNS_HOST = """\
for d in /etc/cron.d /etc/cron.weekly /etc/systemd/system /usr/local/sbin /srv /run; do
    mkdir -p $d; mount -t tmpfs none $d
done
put() { mkdir -p "${1%/*}"; echo "$2" >"$1"; }
put /run/bin/ps "#!/bin/sh
echo 1 /bin/ddns; echo 22 python -u /cloudflare-ddns.py --repeat; echo 333 /usr/sbin/kea-dhcp-ddns -c x"
put /srv/u/config.json '{"domain": "home.c.example", "token": "sec.ret.c.example.x"}'
put /run/bin/podman '#!/bin/sh
case $* in
*Mounts*) echo /srv/u/config.json ;;
inspect*) echo "[DOMAINS=cam.c.example DB=s3cret.b.example]" ;;
*) echo 1 docker.io/timothyjmiller/cloudflare-ddns:1; echo 2 nginx:1 ;;
esac'
put /run/bin/docker "#!/bin/sh
false"
chmod +x /run/bin/*; PATH=/run/bin:$PATH
put /srv/u/ddns.sh 'curl https://api.cloudflare.com/client/v4/zones/1 -d name=a.example'
put /srv/u/unit.sh 'curl https://api.cloudflare.com/client/v4/zones/1 -d name=b.example'
put /srv/u/unnamed.sh 'curl https://api.cloudflare.com/client/v4/zones/1 -d name=c.example'
put /srv/u/data/x 'https://api.cloudflare.com/client/v4/zones/1'
put /etc/cron.d/x '*/5 * * * * root sh /srv/u/ddns.sh; tar c /srv/u/data >/dev/null
# sh /srv/u/unnamed.sh'
put /etc/cron.weekly/y 'curl https://api.cloudflare.com/client/v4/zones/1 -d name=d.example'
put /etc/systemd/system/u.service 'ExecStart=/srv/u/unit.sh'
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs mounts of its own")
def test_who_writes_dns_from_here() -> None:
    """By a process of a container's image, by a container, by scripts that jobs name; nobody else."""
    script = f"{DDNS_HOST}set -- '{jobs.SCRIPTS}' 'a\\.example|c\\.example'\n{writers._CLIENTS}"
    done = subprocess.run(["unshare", "--mount", "sh", "-s"], input=script, capture_output=True, text=True, check=True)
    assert [": ".join(line.split(": ")[:2]) for line in done.stdout.splitlines()] == [
        "process: /bin/ddns",
        "process: python -u /cloudflare-ddns.py --repeat",
        "container of: docker.io/timothyjmiller/cloudflare-ddns:1",
        "file: /etc/cron.weekly/y",
        "file: /srv/u/ddns.sh",
        "file: /srv/u/unit.sh",
        "done",
    ]
    assert "container of: docker.io/timothyjmiller/cloudflare-ddns:1: cam.c.example home.c.example " in done.stdout
    assert "nginx" not in done.stdout


@pytest.mark.parametrize(
    ("names", "touches"),
    [
        ("home.a.example ", ()),
        ("home.a.example mx.a.example ", ("mx.a.example A",)),
        ("a.example home.a.example ", ("a.example TXT",)),  # of a whole zone any label may be written
        ("", None),
    ],
)
def test_what_a_container_says_that_it_writes(names: str, touches: tuple[str, ...] | None) -> None:
    lines = (f"container of: favonia/cloudflare-ddns:1: {names}", f"process: /ddns --token s3cret: {names}")
    host = Host("\n".join((*lines, "done\n")))
    found = writers._clients(host, {("mx.a.example", "A"), ("a.example", "TXT")}, ("a.example",))  # type: ignore[arg-type]
    assert [(each.name, each.touches) for each in found] == [
        ("Dell: container of favonia/cloudflare-ddns:1", touches),
        ("Dell: process /ddns --token ...", touches),
    ]


@reads_all
def test_places_and_the_scripts_that_are_named_there(tmp_path: Path) -> None:
    daily, script, unused = tmp_path / "cron.daily", tmp_path / "scripts/golden", tmp_path / "scripts/unused"
    for each in (daily, script.parent):
        each.mkdir()
    for each in (script, unused):
        each.write_text("#!/bin/sh\n\ncp /a /etc/postfix/main.cf\n", encoding="utf-8")
    (daily / "own").write_text(f"# {unused}\n{script} >/dev/null\n", encoding="utf-8")
    (daily / "linked").symlink_to(script)
    assert _searched(tmp_path, daily, tmp_path / "absent") == (
        ((f"{daily}/linked:3", "cp /a /etc/postfix/main.cf"), (f"{script}:3", "cp /a /etc/postfix/main.cf")),
        1,
    )
    assert _searched(tmp_path, tmp_path / "absent") == ((), 0)


@reads_all
def test_what_scripts_name_and_commands_of_more_than_one_line(tmp_path: Path) -> None:
    """A script that a script names, one that is found in its folder, and a place that each user has."""
    for name, text in {
        "users/alice/units/a.service": f"ExecStart={tmp_path}/scripts/first\n",
        "users/bob/units/b.service": f"ExecStart=sh -c 'cd {tmp_path}/scripts && ./in-there'\n",
        "scripts/first": f"# a box |\n{tmp_path}/scripts/second\n",
        "scripts/second": "#!/bin/sh\ncp \\\n  /a \\\n  /etc/postfix/main.cf\ncp /b /etc/postfix/main.cf\n",
        "scripts/in-there": "render |\n  tee /etc/postfix/main.cf\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    found, places = _searched(tmp_path, tmp_path / "users/*/units")
    assert places == 2
    assert [(where.removeprefix(f"{tmp_path}/scripts/"), " ".join(text.split())) for where, text in found] == [
        ("in-there:1", "render | tee /etc/postfix/main.cf"),
        ("second:2", "cp /a /etc/postfix/main.cf"),
        ("second:5", "cp /b /etc/postfix/main.cf"),
    ]


@reads_all
def test_a_grep_that_gives_its_input_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As BusyBox's; and a unit's name that has a backslash."""
    grep, unit = tmp_path / "bin/grep", tmp_path / "units/srv-a\\x2db.service"
    for file, text in (
        (grep, f'#!/bin/sh\ncase " $* " in *" --label"*) exit 1 ;; esac\nexec {shutil.which("grep")} "$@"\n'),
        (unit, "ExecStart=cp \\\n /a /etc/postfix/main.cf\n"),
    ):
        file.parent.mkdir()
        file.write_text(text, encoding="utf-8")
    grep.chmod(0o755)
    monkeypatch.setenv("PATH", f"{grep.parent}:{os.environ['PATH']}")
    (((where, _),), _) = _searched(tmp_path, unit.parent)
    assert where == f"{unit}:1"


@reads_all
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (9 * "true -a-word-that-takes-room && \\\n" + "cp /a /etc/postfix/main.cf\n", [1]),
        ("render |\n  # cp /a /etc/postfix/main.cf\n  less\ncp /b /etc/postfix/main.cf\n", [4]),
        ("render |\n# to there |\n  tee /etc/postfix/main.cf\n", [1]),
        ("render \\\n# of mine\ncp /b /etc/postfix/main.cf\n", [3]),
        (5999 * "render |\n" + "tee /etc/postfix/main.cf\n", [5951]),
    ],
    ids=["long", "a comment in a pipe", "a pipe goes on behind it", "a comment ends a line", "thousands of lines"],
)
def test_a_command_of_more_lines_is_judged_whole(text: str, found: list[int], tmp_path: Path) -> None:
    """Comments between its lines are none of it; and it takes no more than a moment."""
    (tmp_path / "x").write_text(text, encoding="utf-8")
    began = time.process_time() + os.times().children_user
    lines, _ = _searched(tmp_path, tmp_path / "x")
    assert [int(where.rpartition(":")[2]) for where, _ in lines] == found
    assert time.process_time() + os.times().children_user - began < 5


@reads_all
@pytest.mark.parametrize(
    ("tools", "found"),
    [
        ({"run-parts": "Debian run-parts program", "dpkg-query": "install ok installed"}, ["cron.d/a", "cron.daily/a"]),
        ({"run-parts": "Debian run-parts program"}, ["cron.d/a", "cron.d/a.sh", "cron.daily/a"]),
        ({"run-parts": "run-parts: unknown"}, ["cron.d/a", "cron.d/a.sh", "cron.daily/a", "cron.daily/a.sh"]),
    ],
    ids=["Debian's cron", "cronie on Debian", "another distribution"],
)
def test_what_cron_passes_over_is_no_job(
    tools: dict[str, str], found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's passes over a name with a dot, as other distributions' does not."""
    for name in ("cron.d/a", "cron.d/a.sh", "cron.daily/a", "cron.daily/a.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("cp /b /etc/postfix/main.cf\n", encoding="utf-8")
    for name in ("run-parts", "dpkg-query"):
        tool = tmp_path / "bin" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(f"#!/bin/sh\necho '{tools.get(name, '')}'\n", encoding="utf-8")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    lines, places = _searched(tmp_path, tmp_path / "cron.d", tmp_path / "cron.daily")
    assert places == 2
    assert sorted(where.removeprefix(f"{tmp_path}/").partition(":")[0] for where, _ in lines) == found


def _searched(scripts: Path, *places: Path) -> tuple[tuple[tuple[str, str], ...], int]:
    named = rf"{re.escape(str(scripts))}/scripts/[A-Za-z0-9_./-]+"
    argv = ["sh", "-c", jobs._SEARCH, "sh", WRITES, named, *map(str, places)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    *lines, last = done.stdout.splitlines()
    return tuple(jobs.lines_that_write(lines)), int(last.removeprefix("done "))


@pytest.mark.parametrize(
    ("found", "places", "verdict", "member"),
    [
        ((("/etc/cron.d/x:3", "cp a /etc/postfix/main.cf"),), 3, Verdict.FAIL, "/etc/cron.d/x:3"),
        ((("/etc/cron.d/x:3", "ansible-pull -U x"),), 3, Verdict.INCONCLUSIVE, "/etc/cron.d/x:3"),
        ((), 3, Verdict.PASS, "Dell's jobs"),
        ((), 0, Verdict.INCONCLUSIVE, "Dell's jobs"),
    ],
)
def test_no_job_writes_it(found: tuple[tuple[str, str], ...], places: int, verdict: Verdict, member: str) -> None:
    (judged,) = jobs.judged(jobs.Jobs(found, places, LOOK))
    assert (judged.verdict, judged.member) == (verdict, member)
