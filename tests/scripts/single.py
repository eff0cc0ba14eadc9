"""A Dell by itself, as one of ``plan.DELLS`` has it: its Postfix and Dovecot, and nobody else. No lab around it."""

import os
import secrets
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.access.changing import Shell, dell as shell_of
from fixtures.lab import certificates, containers, files, image, plan
from fixtures.lab.outages import MASTER_RUNS
from fixtures.lab.present import DEFAULT
from fixtures.migration import Migration
from fixtures.plan import dovecot as dovecotplan
from fixtures.settings import Secrets, Settings, StoreSettings, Transport
from fixtures.settings.dell import Keeps
from scripts.lib.change import Job, Write

READY_S_MAX = 60.0
DEBIAN_12 = "debian-12"
DOMAINS, BOXES = "mysql:/etc/postfix/more-domains.cf", "mysql:/etc/postfix/mailboxes.cf"
HOME = "webmakeprofit.org"
KEEPS = Keeps(virtual_mailbox_domains=(DOMAINS,), virtual_mailbox_maps=(BOXES,))
LOCALLY = f"""\
postconf -e 'mydestination = $mydomain, localhost' mydomain={HOME} alias_maps=hash:/etc/postfix/team
postconf -e 'virtual_mailbox_domains = {DOMAINS}' 'luser_relay = $local@other.example'
echo other@x.example >~root/.forward"""
BY_PROGRAM = f"""\
cp -a /etc/postfix {dovecotplan.MAIN} /run
postconf -e virtual_transport=dovecot
postconf -M 'dovecot/unix=dovecot unix - n n - - pipe user=vmail argv=/usr/lib/dovecot/dovecot-lda -m ${{extension}}'
printf 'protocol lda {{\\n mail_plugins = $mail_plugins sieve\\n}}\\n' >>{dovecotplan.MAIN}"""
_ADDRESSES = (plan.DELL_TAILNET, "172.20.0.1", "172.22.0.1")
_UP = {
    DEBIAN_12: f"{MASTER_RUNS} && doveadm user aunt@family.example && postmap -q family.example {DOMAINS}",
    "rendered": f"mountpoint -q /var/lib/containers && {MASTER_RUNS}",
}


@dataclass(frozen=True)
class Single:
    """The host, and the settings of whoever works on it."""

    settings: Settings

    @property
    def shell(self) -> Shell:
        return shell_of(self.settings)

    def bash(self, text: str) -> str:
        """What bash prints on the machine itself."""
        return self.shell.machine.run("bash", "-ec", text).stdout

    def job(self, **dell: Any) -> Job:
        """A script's job. DELL: settings of Dell's that are other ones."""
        made = self.settings.model_copy(update={"dell": self.settings.dell.model_copy(update=dell)})
        return Job(Migration(made, Secrets()), "", Namespace())


def make(writes: Iterator[Write]) -> list[str]:
    """Make each write and read it back; their subjects."""
    done = []
    for write in list(writes):
        assert write.read() == write.before, write.subject
        write.do()
        assert write.read() == write.after, write.subject
        done.append(write.subject)
    return done


@contextmanager
def single(folder: Path, kind: str) -> Iterator[Single]:
    """The host, up. Its files lie below FOLDER. KIND: one of ``_UP``."""
    name, start = f"tests-single-{kind}", files.Start(seed=1, dell=kind)
    lab, root = folder / name, image.ensure(start.images["dell"])
    (lab / "dell/log").mkdir(parents=True)
    certificates.Authority().issue(lab / "dell/etc/ssl/dell.pem", DEFAULT.dell_name)
    made = {name: secrets.token_urlsafe(18) for name in files.SECRETS}
    files.render(lab, "dell", DEFAULT, secrets=made, seed=1, knobs=(), dell=kind)
    (lab / "dell/init").write_text((files.TEMPLATES / "common/init").read_text(encoding="utf-8"), encoding="utf-8")
    boot = lab / "dell/boot"
    here = "".join(f"ip addr add {each}/32 dev lo\n" for each in _ADDRESSES)
    boot.write_text(f"ip link set lo up\n{here}{boot.read_text(encoding='utf-8')}", encoding="utf-8")
    os.mkfifo(lab / "dell/wired")
    options = [*containers.INNER, f"--volume={root}:/srv/image:ro"] if start.contained else []
    containers.remove(name)
    containers.finish({"dell": containers.start(lab / "dell", root, options)})
    try:
        (lab / "dell/wired").write_text("\n", encoding="ascii")
        inside = tuple(containers.inside(int((lab / "dell/pid").read_text(encoding="ascii")), ()))
        there = Transport(kind="local", prefix=inside, container="postfix" if start.contained else "", engine="podman")
        settings = files.settings_without_a_lab()
        more = {"config_directory": "/opt/postfix/conf", "owner": "docker"} if start.contained else {}
        changed = {"transport": there, "imap_host": plan.DELL_TAILNET, **more}
        dell = settings.dell.model_copy(update=changed)
        store = StoreSettings(url=f"sqlite:///{folder}/store.sqlite")
        it = Single(settings.model_copy(update={"dell": dell, "store": store}))
        until = time.monotonic() + READY_S_MAX
        while not (done := it.shell.machine.run("bash", "-ec", _UP[kind], check=False)).ok:
            assert time.monotonic() < until, done.stdout + done.stderr
            time.sleep(0.3)
        yield it
    finally:
        containers.remove(name)
