"""Dell's Postfix: its files as text, and the writes that change them, keep backups of them and put them into effect.

A file is replaced whole, in one rename; what is not ours stays in it byte for byte. A file that can't be understood is
refused, not guessed at.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from fixtures import dellplan
from fixtures.dellplan import MAIN, MASTER, SMTP, XCLIENT, XCLIENT_PORT
from fixtures.evidence import CouldNotAsk
from fixtures.probes import postfix
from fixtures.settings import Settings
from fixtures.transport import Shell
from scripts.change import Refused, Write

LOAD_S_MAX = 60.0
LISTEN_S_MAX = 10.0
_READ = (MAIN, MASTER, dellplan.ADMITTED, dellplan.MAILBOXES, dellplan.ALIASES)
_PID, _SEEN = "/var/spool/postfix/pid/master.pid", "/var/lib/postfix/mxgate.read"
"""The second is touched when Postfix has read its files by our doing, and serves as it should."""

# The sum first: a connection that breaks would otherwise leave half a file in place.
_REPLACE = """\
set -e
target=$(readlink -f -- "$1"); new="$target.mxgate.new"
trap 'rm -f -- "$new"' EXIT
cat >"$new"
[ "$(sha256sum <"$new" | cut -d' ' -f1)" = "$2" ] || { echo "$1: cut short on the way" >&2; exit 1; }
chmod 644 -- "$new"
[ ! -e "$target" ] || { chmod --reference="$target" -- "$new"; chown --reference="$target" -- "$new"; }
sync -- "$new"
mv -fT -- "$new" "$target"
"""
_DAY_AND_TIME = "[0-9]" * 12
_NEWEST = f'set -- "$1".bak-{_DAY_AND_TIME}; shift $(($# - 1)); [ ! -e "$1" ] || cat -- "$1"'
_BACK_UP = """\
set -e
name() { echo "$1.bak-$(date +%Y%m%d%H%M)"; }
while [ -e "$(name "$1")" ]; do sleep 1; done
new=$(name "$1"); cp -p -- "$1" "$new.mxgate.new"; sync -- "$new.mxgate.new"; mv -nT -- "$new.mxgate.new" "$new"
"""
# By its unit where there is one, or systemd would take Postfix for stopped.
_RESTART = """\
if systemctl -q is-active postfix 2>/dev/null; then exec systemctl restart postfix; fi
postfix stop >/dev/null 2>&1
exec postfix start
"""
# What a client of that address hears when it offers mail for that recipient; smtpd may take two seconds to begin.
_DIALOGUE = """\
for _ in {1..50}; do { exec 3<>/dev/tcp/127.0.0.1/PORT; } 2>/dev/null && break; sleep .2; done
hear() { while read -r -t 15 line <&3; do [[ $line == ???-* ]] || break; done; }
hear
for said in "EHLO mxgate.invalid" "XCLIENT ADDR=$1" "EHLO mxgate.invalid" "MAIL FROM:<>" "RCPT TO:<$2>"; do
    line=; printf '%s\\r\\n' "$said" >&3 || exit; hear
done
echo "$line"; printf 'QUIT\\r\\n' >&3
""".replace("PORT", str(XCLIENT_PORT))


# Text ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A logical line: the numbers of its physical lines, and its text in one (postconf(5), master(5))."""

    lines: tuple[int, ...]
    text: str

    @property
    def service(self) -> str:
        """``name/type``, for a line of master.cf."""
        return "/".join(self.text.split()[:2])


def entries(text: str, path: str) -> Iterator[Entry]:
    """The logical lines of main.cf or master.cf. Raises ``Refused`` where a line continues nothing."""
    lines, found = text.split("\n"), list[list[int]]()
    for number, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line[0].isspace():
            found.append([number])
        elif found:
            found[-1].append(number)
        else:
            raise Refused(f"{path} line {number + 1}: continues a line that is not there. Mend it by hand first")
    for numbers in found:
        yield Entry(tuple(numbers), " ".join(lines[each].strip() for each in numbers))


def with_parameters(text: str, wanted: Mapping[str, str]) -> str:
    """The text of main.cf with these parameters, each on one line (X1). What already says the same stays as it is."""
    lines: list[str | None] = list(text.split("\n"))
    missing = dict(wanted)
    for entry in entries(text, MAIN):
        name, mark, value = (part.strip() for part in entry.text.partition("="))
        if not mark:
            raise Refused(f"{MAIN} line {entry.lines[0] + 1}: no `name = value`. Mend it by hand first")
        if name in wanted and name not in missing:
            raise Refused(f"{MAIN} line {entry.lines[0] + 1}: {name} stands twice. Take one of them out first")
        if name not in missing:
            continue
        planned = missing.pop(name)
        if dellplan.normal(value) != dellplan.normal(planned):
            lines[entry.lines[0]] = _parameter(name, planned)
            for number in entry.lines[1:]:
                lines[number] = None
    text = "\n".join(line for line in lines if line is not None)
    return _ended(text) + "".join(f"{_parameter(name, value)}\n" for name, value in missing.items())


def with_services(text: str, wanted: Mapping[str, Mapping[str, str]], *, offers_auth: bool) -> str:
    """The text of master.cf with these overrides; the XCLIENT listener is made as a copy of port 25's service.

    OFFERS_AUTH: whether main.cf offers AUTH to all today. Raises ``Refused`` where another service would lose what
    main.cf gave it.
    """
    _require_apart(text, offers_auth=offers_auth)
    for service, overrides in wanted.items():
        if not _found(text, service):
            (like,) = _found(text, SMTP)
            fields = like.text.split()
            name = service.rpartition("/")[0]
            text = f"{_ended(text)}{' '.join([name, *fields[1:8]])}\n" + "".join(
                f"  -o {each}\n" for each in _options(like)
            )
        for parameter, value in overrides.items():
            text = _with_override(text, service, parameter, value)
    return text


def _require_apart(text: str, *, offers_auth: bool) -> None:
    smtp = _found(text, SMTP)
    if len(smtp) != 1 or smtp[0].text.split()[7:8] != ["smtpd"]:
        raise Refused(f"{MASTER}: expected one service `smtp inet ... smtpd` for port 25, found {len(smtp)} such lines")
    for entry in entries(text, MASTER):
        name, kind, *rest = entry.text.split()
        options = " ".join(_options(entry))
        if entry.service == XCLIENT and "smtpd_authorized_xclient_hosts=" in options:
            continue
        if kind == "inet" and name.rpartition(":")[2] == str(XCLIENT_PORT):
            raise Refused(f"{MASTER}: port {XCLIENT_PORT} is taken by `{entry.text}`; the XCLIENT listener needs it")
        if kind != "inet" or rest[5:6] != ["smtpd"] or entry.service == SMTP:
            continue
        if offers_auth and "smtpd_sasl_auth_enable=" not in options:
            raise Refused(
                f"{MASTER}: `{name} inet` offers AUTH by main.cf alone, where it will be off. Give it its own first: "
                f"postconf -P {name}/inet/smtpd_sasl_auth_enable=yes"
            )
        if not re.search(r"smtpd_(client|relay|recipient)_restrictions=", options):
            raise Refused(
                f"{MASTER}: `{name} inet` has no restrictions of its own, and main.cf's on clients will be empty. Give "
                f"it its own first, such as -o smtpd_relay_restrictions=permit_sasl_authenticated,reject"
            )


def _with_override(text: str, service: str, parameter: str, value: str) -> str:
    found = _found(text, service)
    if len(found) != 1 or "{" in found[0].text:
        raise Refused(f"{MASTER}: `{service.replace('/', ' ')}` stands twice or has options in braces: edit it by hand")
    lines, entry = text.split("\n"), found[0]
    pattern = re.compile(rf"(-o\s*{re.escape(parameter)}=)(\S*)")
    stands = [number for number in entry.lines if pattern.search(lines[number])]
    if len(pattern.findall(entry.text)) != len(stands) or len(stands) > 1:
        raise Refused(f"{MASTER}: `{service.replace('/', ' ')}` sets {parameter} in a way that can't be edited safely")
    if stands:
        lines[stands[0]] = pattern.sub(lambda match: match[1] + value, lines[stands[0]])
    else:
        lines.insert(entry.lines[-1] + 1, f"  -o {parameter}={value}")
    return "\n".join(lines)


def _found(text: str, service: str) -> list[Entry]:
    return [entry for entry in entries(text, MASTER) if entry.service == service]


def _options(entry: Entry) -> list[str]:
    return re.findall(r"-o\s*(\S+)", entry.text)


def _parameter(name: str, value: str) -> str:
    return f"{name} = {value}".rstrip()


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
