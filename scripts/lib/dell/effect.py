"""Dell's Postfix as it runs: what it has to be, and the write that puts changed files into effect, or goes back.

That is a write of its own, which can be seen from outside: is port 25 open where it should be, and has the running
server read what stands in the files? So a run that was killed between the two is finished by the next. It counts only
if what was written stands after it, tables answer, a mailbox is accepted, and a message leaves.

A container is restarted: that shows at once whether its start writes main.cf again, as those of many images do.
"""

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from fixtures.access.changing import CommandFailed, Shell
from fixtures.evidence import CouldNotAsk
from fixtures.plan import postfix as dellplan
from fixtures.plan.postfix import Places
from fixtures.probes.dell import doors, postfix, tables
from fixtures.probes.smtp.smtp_client import literal
from fixtures.settings import Settings
from scripts.lib.change import Refused, Write
from scripts.lib.dell import outgoing, postfix_text
from scripts.lib.dell.host_files import contents, restore

LOAD_S_MAX, DIALOGUE_S_MAX, OPEN_S_MAX = 60.0, 60.0, 30.0
_READABLE = "postconf -n >/dev/null && postconf -M >/dev/null && postfix check"
_PID = 'cat -- "$(postconf -xh queue_directory)/pid/master.pid"'
_LISTENING = f'readlink "/proc/$({_PID} | tr -d " ")/fd/"*'
"""Postfix's master holds the sockets of all its services, also of one that master.cf has no more."""
_SUMS = 'for each in "$@"; do [ ! -e "$each" ] || sha256sum -- "$each"; done'
_SOCKETS = ("/proc/net/tcp", "/proc/net/tcp6")
EFFECT = "port 25 open at every address; files read"

# By its unit where there is one, or systemd would take Postfix for stopped.
_RESTART = """\
if systemctl -q is-active postfix 2>/dev/null; then exec systemctl restart postfix; fi
postfix stop >/dev/null 2>&1
exec postfix start
"""
# A delivery that is cut off is made again, a second copy: mostly there is none for a moment.
_DRAIN = """\
queue=$(postconf -xh queue_directory)
for _ in $(seq 50); do [ -n "$(ls -A "$queue/active")" ] || exit 0; sleep .1; done
"""
# What a client of that address hears for that recipient; without one, Dell itself, at port 25. After a change smtpd may
# take two seconds to begin.
_DIALOGUE = Path(__file__).with_name("dialogue.bash").read_text(encoding="utf-8")


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
    elif not shell.run("grep", "-q", "PRIVATE KEY", "--", str(file), check=False).ok:
        raise Refused(
            f"dell.tls_chain_file: {file} holds no private key, and STARTTLS would be answered with 454. Name a file "
            "with key and chain, or leave dell.tls_chain_file out where main.cf names both"
        )


def require_logins(settings: Settings, parameters: Mapping[str, str]) -> None:
    """Refuse a listener for the Worker that would not know who judges its login. PARAMETERS: what main.cf says."""
    if settings.by_worker and not parameters.get("smtpd_sasl_path"):
        raise Refused(
            "main.cf has no smtpd_sasl_path, and the Worker's listener has to know where Dovecot answers. Write "
            "smtpd_sasl_type and smtpd_sasl_path into main.cf first, as the services for your users have them"
        )


def require_free(shell: Shell, settings: Settings, before: str, after: str) -> None:
    """Refuse a new listener of master.cf's, whose text is to be AFTER in place of BEFORE, where another program has the
    port: at the reload Postfix would end.
    """
    at = dellplan.places(settings)
    own = {*shell.run("sh", "-c", _LISTENING, check=False).stdout.split()}
    lines = shell.run("cat", *_SOCKETS, check=False).stdout.splitlines()
    foreign = (line for line in lines if not own & {f"socket:[{inode}]" for inode in line.split()[9:10]})
    others = {*doors.sockets("\n".join(foreign))}
    for service, key in ((at.xclient, "dell.xclient_port"), (f"{at.listen}/inet", "route.listen")):
        if postfix_text.services(before, service) or not postfix_text.services(after, service):
            continue
        host, _, port = service.removesuffix("/inet").rpartition(":")
        taken = {address for address, each in others if each == int(port)}
        if taken & {host.strip("[]"), "0.0.0.0", "::"} or (taken and not host):  # noqa: S104 - as the kernel says it
            raise Refused(
                f"Dell: port {port} at {' and '.join(sorted(taken))} is another program's, such as a mail filter's: "
                f"name a free one as {key}. Nothing was changed"
            )


def effect(
    shell: Shell,
    settings: Settings,
    *,
    planned: bool,
    undo: Sequence[str] = (),
    wanted: Mapping[str, str] | None = None,
) -> Iterator[Write]:
    """The last write: check, reload (restart, where port 25 is not open everywhere yet), look, or go back.

    PLANNED: whether files are to be changed before it. UNDO: files that were written for this, and go back to their
    newest backup if Postfix then does not serve, and it hadn't read them before. WANTED: path to text of what is to
    stand after it.
    """
    restart = bool(wanted and shell.transport.container)
    unopened = _unopened(shell, settings)
    now = state(shell, settings)
    if not planned and now == EFFECT:
        return
    if unopened and not shell.transport.container and shell.run("sh", "-c", _PID, check=False).stdout.strip() == "1":
        raise Refused(
            "Dell: Postfix is the first process of its container; a restart for inet_interfaces would end it. Write "
            "inet_interfaces = all into main.cf, restart the container, and run this again"
        )
    before = f"{unopened or 'port 25 open at every address'}; changed files not read yet" if planned else now
    restart = restart or bool(unopened)
    do = partial(_take_effect, shell, settings, undo, wanted or {}, restart=restart)
    there, load = shell.transport, "postfix reload"
    if restart:
        load = f"{there.engine} restart {there.container}" if there.container else "postfix stop && postfix start"
    read = partial(state, shell, settings)
    yield Write("Postfix as it runs", "Postfix on Dell", before, EFFECT, do, read, f"postfix check && {load}")


def state(shell: Shell, settings: Settings) -> str:
    """Where port 25 is open, and whether the files were read: ``EFFECT``, if all is well."""
    changed = bool(_unread(shell, dellplan.places(settings)))
    door = _unopened(shell, settings) or "port 25 open at every address"
    return f"{door}; {'changed files not read yet' if changed else 'files read'}"


def _unread(shell: Shell, at: Places) -> list[str]:
    """Files that are not those by which we last saw Postfix serve.

    That it was started since is not enough: a run that was killed before it looked may have started it.
    """
    now = shell.run("sh", "-c", _SUMS, "sh", *_ours(at)).stdout.splitlines()
    seen = (contents(shell, at.seen) or "").splitlines()
    return [path for path in _ours(at) if not any(line.endswith(f"  {path}") and line in seen for line in now)]


def _ours(at: Places) -> tuple[str, ...]:
    return (at.main, at.master, at.admitted, at.mailboxes, at.aliases, *((at.logins,) if at.listen else ()))


def _unopened(shell: Shell, settings: Settings) -> str:
    """Where port 25 listens, if that is not at every address of each family that Dell has; else empty."""
    listening = shell.run("cat", *_SOCKETS, check=False).stdout
    found = {address for address, port in doors.sockets(listening) if port == 25}
    wanted = {"0.0.0.0", *(["::"] if settings.dell.ipv6 else [])}  # noqa: S104 - as the kernel says it
    if wanted <= found:
        return ""
    return f"port 25 open only at {', '.join(sorted(found)) or 'no address'}"


def _take_effect(
    shell: Shell, settings: Settings, undo: Sequence[str], wanted: Mapping[str, str], *, restart: bool
) -> None:
    changed = [each for each in _unread(shell, dellplan.places(settings)) if each in undo]
    try:
        shell.run("postfix", "check", timeout_s=LOAD_S_MAX)
        began = _now(shell)
        _load(shell, restart=restart)
        await_up(shell)
        _require_lasting(shell, wanted)
        _require_service(shell, settings)
    except (CouldNotAsk, Refused) as error:
        for path in changed:
            restore(shell, path)
        _load_again(shell, restart=restart)
        what = "What this run wrote of its files stays"
        if changed:
            what = f"{' and '.join(changed)}: as in the newest backup again, byte for byte, and read"
        raise Refused(f"Dell's Postfix does not serve as planned: {error}. {what}") from None
    _note_read(shell, dellplan.places(settings), began)
    # What came while a server was being restarted would wait for minutes (minimal_backoff_time).
    shell.run("postqueue", "-f", check=False)


def read_and_serving(shell: Shell, settings: Settings) -> None:
    """Have files read that others wrote, and require that Postfix serves. Raises ``Refused``, ``CouldNotAsk``."""
    await_up(shell)
    if unread := _unread(shell, dellplan.places(settings)):
        began = _now(shell)
        shell.run("postfix", "reload", timeout_s=LOAD_S_MAX)
    _require_service(shell, settings)
    if unread:
        _note_read(shell, dellplan.places(settings), began)


def await_up(shell: Shell) -> None:
    """Until Postfix runs, which may just be starting. Raises ``CouldNotAsk``."""
    until = time.monotonic() + OPEN_S_MAX
    while not (done := shell.run("postfix", "status", check=False)).ok:
        if time.monotonic() > until:
            raise CommandFailed(shell.name, done)
        time.sleep(0.2)


def _now(shell: Shell) -> str:
    return shell.run("date", "+%s").stdout.strip()


def _note_read(shell: Shell, at: Places, began: str) -> None:
    # Who edits a file while we look whether Postfix serves has it unread: so the time is that before the reload, BEGAN.
    # ``postfix check`` wants everything in there to be Postfix's own.
    note = (
        f'seen=$1 began=$2; shift 2; {{ {_SUMS}; }} >"$seen" && touch -d "@$began" -- "$seen" '
        '&& chown "$(stat -c %u:%g -- "${seen%/*}")" -- "$seen"'
    )
    shell.run("sh", "-c", note, "sh", at.seen, began, *_ours(at))


def _load(shell: Shell, *, restart: bool) -> None:
    there = shell.transport
    if restart:
        with suppress(CouldNotAsk):  # a container that has died delivers nothing, and is to be restarted all the same
            shell.run("sh", "-c", _DRAIN, timeout_s=LOAD_S_MAX, check=False)
    if restart and there.container:
        shell.machine.run(there.engine, "restart", there.container, timeout_s=LOAD_S_MAX)
    elif restart:
        shell.run("sh", "-c", _RESTART, timeout_s=LOAD_S_MAX)
    else:
        shell.run("postfix", "reload")


def _load_again(shell: Shell, *, restart: bool) -> None:
    """Of files that it had run with before. Where a reload ended Postfix it has to be started."""
    try:
        _load(shell, restart=restart)
        await_up(shell)
    except CouldNotAsk:
        _load(shell, restart=True)
        await_up(shell)


def _require_service(shell: Shell, settings: Settings) -> None:
    """Port 25 open everywhere, tables that answer, a mailbox accepted from Email Routing's address, a message sent."""
    until = time.monotonic() + OPEN_S_MAX
    while unopened := _unopened(shell, settings):
        if time.monotonic() > until:
            raise Refused(f"after {OPEN_S_MAX:.0f} s, {unopened}")
        time.sleep(0.1)
    client, first = str(settings.cloudflare.prefixes[0][1]), next(settings.addresses())
    if settings.by_worker:
        _require_listening(shell, settings)
        client = ""  # nobody else may, from outside
    _require_tables(shell, settings)
    if not shell.run("postconf", "-M", dellplan.places(settings).xclient, check=False).stdout.strip():
        client = ""  # the listener is gone, after sign-off
    for recipient in dict.fromkeys((first.destination, first.mailbox)):
        _require_accepted(shell, settings, client, recipient)
    outgoing.require(shell, settings)


def _require_accepted(shell: Shell, settings: Settings, client: str, recipient: str) -> None:
    """CLIENT, or Dell itself, may send to RECIPIENT. It greets by its address: reject_unknown_helo_hostname asks for a
    name's records.
    """
    said = (client, recipient, str(settings.dell.xclient_port if client else 25), literal(client or "127.0.0.1"))
    done = shell.run("bash", "-c", _DIALOGUE, "bash", *said, timeout_s=DIALOGUE_S_MAX, check=False)
    if not done.stdout.startswith("250 "):
        heard = done.stdout.strip() or done.stderr.strip() or "nothing"
        raise Refused(f"{client or 'Dell itself'} offers a message for {recipient}: expected 250, heard {heard}")


def _require_listening(shell: Shell, settings: Settings) -> None:
    """Somebody listens for the Worker, by the kernel's word."""
    listen, until = settings.route.listen, time.monotonic() + OPEN_S_MAX
    port = int(listen.rpartition(":")[2])
    while not any(each == port for _, each in doors.sockets(shell.run("cat", *_SOCKETS, check=False).stdout)):
        if time.monotonic() > until:
            raise Refused(f"after {OPEN_S_MAX:.0f} s nobody listens at {listen}, for the Worker")
        time.sleep(0.1)


def _require_tables(shell: Shell, settings: Settings) -> None:
    """Each table that Postfix would ask for a mailbox, or for its login at the relay host, can be asked."""
    at, dell = dellplan.places(settings), settings.dell
    mailbox = next(settings.addresses()).mailbox
    in_force = postfix.parameters(shell, (tables.ALIAS_DOMAINS,)).values.get(tables.ALIAS_DOMAINS, "")
    if aliased := tables.aliased(shell, settings, in_force):
        raise Refused("; ".join(map(str, aliased)))
    if postfix.lookup(shell, f"texthash:{at.mailboxes}", mailbox).value is None:
        raise Refused(f"texthash:{at.mailboxes} does not know {mailbox}")
    for table in (each for name in dell.keeps.model_fields_set for each in getattr(dell.keeps, name) if ":" in each):
        postfix.lookup(shell, table, mailbox)
    login = postfix.parameters(shell, ("smtp_sasl_auth_enable", "smtp_sasl_password_maps", "relayhost")).values
    on = settings.relay.login and login.get("smtp_sasl_auth_enable", "").lower() == "yes"
    if on and (relay := login.get("relayhost")):
        logins = dellplan.elements(login.get("smtp_sasl_password_maps", ""))
        asked = itertools.product(logins, dellplan.login_keys(relay))
        if not any(postfix.lookup(shell, table, key, secret=True).value for table, key in asked):
            raise Refused(
                f"no table of smtp_sasl_password_maps has a login for {relay} ({', '.join(logins) or 'none'})"
            )


def _require_lasting(shell: Shell, wanted: Mapping[str, str]) -> None:
    """What was written still stands once the container was started again."""
    name = shell.transport.container
    odd = [path for path, text in wanted.items() if name and contents(shell, path) != text]
    if odd:
        raise Refused(
            f"{' and '.join(odd)}: not what was written, after {name} was started again. Something writes it at each "
            "start: change what that renders from. If a repository has it, let it own the configuration: dell.owner = "
            '"template", and [dell.template]'
        )
