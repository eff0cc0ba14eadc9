"""main.cf and master.cf, or templates of them, as text: edited so that what is not ours stays byte for byte.

A file that can't be understood, or says a thing twice, is refused and not guessed at. (``postconf -e`` and ``-P`` would
do as well on the machine itself; as text, a plan can be made and shown without writing anything there.)
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from fixtures.plan import postfix as dellplan
from fixtures.plan.postfix import SMTP
from scripts.lib.change import Refused

_CONTROL = re.compile(r"^(?=\{\{|\$\{|<\?|@|[ \t]*(?:\{[%#]|%\{|<%|%[ \t]|\{\{[-~]?[ \t]*[#/]))", re.MULTILINE)
"""Lines that steer an engine (Jinja, Ansible, Go, ERB, Mako, Terraform) or stand for whole lines of their own. An
indented placeholder is none: it is part of the value above."""
_HIDDEN = "#mxgate-hidden#"
_LEVEL, _CHAIN, _CERTIFICATE = "smtpd_tls_security_level", "smtpd_tls_chain_files", "smtpd_tls_cert_file"
_LENT = {"smtpd_sasl_auth_enable": "yes", _LEVEL: "encrypt"}
"""What other services may have by main.cf, which has it for port 25 otherwise."""
_OPTION = re.compile(r"-o\s*(\{(?:[^{}]|\{[^{}]*\})*\}|\S+)")
MAIN, MASTER = "main.cf", "master.cf"
"""As messages name them."""


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


def parameters(text: str) -> dict[str, str]:
    """What main.cf says in words, the last where one stands twice (as Postfix takes it)."""
    pairs = (entry.text.partition("=") for entry in entries(text, MAIN))
    return {name.strip(): value.strip() for name, _, value in pairs}


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


def without_twins(text: str, names: Collection[str]) -> str:
    """The text of main.cf without those of these parameters that stand in it more than once."""
    found = [(entry.text.partition("=")[0].strip(), entry) for entry in entries(text, MAIN)]
    often = Counter(name for name, _ in found if name in names)
    return _without(text, (entry for name, entry in found if often[name] > 1))


def with_services(
    text: str, wanted: Mapping[str, Mapping[str, str]], before: Mapping[str, str], planned: Mapping[str, str]
) -> str:
    """The text of master.cf with these overrides; the XCLIENT listener is made as a copy of port 25's service.

    BEFORE, PLANNED: what main.cf says, and is to say. Raises ``Refused`` where another service would lose what main.cf
    gave it.
    """
    listener = next((name for name, overrides in wanted.items() if dellplan.XCLIENT_HOSTS in overrides), "")
    _require_apart(text, listener, before, planned)
    for service, overrides in wanted.items():
        (like,) = services(text, SMTP)
        if dellplan.XCLIENT_HOSTS in overrides:  # one that is no copy any more would judge as that did once
            stale = [each for each in services(text, service) if _as_copy(each) != _as_copy(like)]
            text = _without(text, stale)
        if not services(text, service):
            _require_free(text, service)
            fields = (service.rpartition("/")[0], *like.text.split()[1:8])
            options = "".join(f"  -o {each}\n" for each in _options(like))
            text = f"{_ended(text)}{' '.join(fields)}\n{options}"
        for parameter, value in overrides.items():
            text = _with_override(text, service, parameter, value)
    return text


def _require_free(text: str, service: str) -> None:
    """``Refused`` where another service has the port of SERVICE, at whatever address."""
    port = service.removesuffix("/inet").rpartition(":")[2]
    for entry in entries(text, MASTER):
        name, _, kind = entry.service.rpartition("/")
        if (kind, name.rpartition(":")[2]) == ("inet", port):
            taken = f"{MASTER}: port {port} is taken by `{entry.text}`"
            raise Refused(f"{taken}. Take that out first, or name another port")


def without_service(text: str, service: str) -> str:
    """The text of master.cf without that service."""
    return _without(text, services(text, service))


def _without(text: str, found: Iterable[Entry]) -> str:
    gone = {number for each in found for number in each.lines}
    return "\n".join(line for number, line in enumerate(text.split("\n")) if number not in gone)


def _as_copy(entry: Entry) -> tuple[list[str], set[str]]:
    options = {each for each in _options(entry) if not each.startswith(f"{dellplan.XCLIENT_HOSTS}=")}
    return entry.text.split()[1:8], options


def _require_own(entry: Entry, before: Mapping[str, str], planned: Mapping[str, str]) -> None:
    """``Refused`` where a service leaves to main.cf what that will have for port 25 only."""
    own = {name: value for name, _, value in (each.partition("=") for each in _options(entry))}
    what = f"{MASTER}: `{entry.service.replace('/', ' ')}`"
    first = f"Give it its own first: postconf -P {entry.service}"
    lent = {name: value for name, value in _LENT.items() if before.get(name) == value}
    enforced = own.get("smtpd_enforce_tls", before.get("smtpd_enforce_tls"))
    if enforced == "yes" and not before.get(_LEVEL):  # which counts while there is no level (postconf(5))
        lent[_LEVEL] = _LENT[_LEVEL]
    if own.get("smtpd_tls_wrappermode") == "yes":
        lent.pop(_LEVEL, None)
    for name, value in lent.items():
        if name not in own and planned.get(name, value) != value:
            found = f"has {name} = {value} only by main.cf, where it will be {planned[name]}"
            raise Refused(f"{what} {found}. {first}/{name}={value}")
    named = _CERTIFICATE in own or (own.get("smtpd_sasl_auth_enable") == "yes" and before.get(_CERTIFICATE))
    other = own.get(_CERTIFICATE, before.get(_CERTIFICATE)) != planned.get(_CHAIN)
    if named and other and planned.get(_CHAIN) and not before.get(_CHAIN) and _CHAIN not in own:
        raise Refused(
            f"{what} has its certificate by {_CERTIFICATE}, which Postfix ignores once main.cf has {_CHAIN}, as "
            f"dell.tls_chain_file wants it. {first}/{_CHAIN}=KEY,CHAIN; or leave dell.tls_chain_file out, where "
            "main.cf names both"
        )


def _require_apart(text: str, listener: str, before: Mapping[str, str], planned: Mapping[str, str]) -> None:
    smtp = services(text, SMTP)
    if len(smtp) != 1 or smtp[0].text.split()[7:8] != ["smtpd"]:
        found = ", ".join(f"`{each.text}`" for each in smtp) or "no line that begins with smtp inet"
        behind = [each for entry in services(text, "smtpd/pass") for each in _options(entry)]
        along = f". What `smtpd pass` has of its own moves along: {', '.join(behind)}" if behind else ""
        raise Refused(
            f"{MASTER}: expected one service `smtp inet ... smtpd` for port 25, found {found}. Write it so, not as "
            "25 inet, nor one for each address, nor with postscreen, which has nobody to judge where only Cloudflare "
            f"and EC2 may come{along}"
        )
    for entry in entries(text, MASTER):
        name, kind, *rest = [*entry.text.split(), ""]
        options = " ".join(_options(entry))
        if entry.service == listener and "smtpd_authorized_xclient_hosts=" in options:
            continue
        port = listener.rpartition("/")[0].rpartition(":")[2]
        if kind == "inet" and name.rpartition(":")[2] == port:
            raise Refused(
                f"{MASTER}: port {port} is taken by `{entry.text}`; the XCLIENT listener needs one of its own. Name a "
                "free one as dell.xclient_port"
            )
        if kind != "inet" or rest[5:6] != ["smtpd"] or entry.service == SMTP:
            continue
        _require_own(entry, before, planned)
        if not re.search(r"smtpd_(client|relay|recipient)_restrictions=", options):
            raise Refused(
                f"{MASTER}: `{name} inet` has no restrictions of its own, and main.cf's on clients will be empty. Give "
                f"it its own first, such as -o smtpd_relay_restrictions=permit_sasl_authenticated,reject"
            )


def _with_override(text: str, service: str, parameter: str, value: str) -> str:
    found = services(text, service)
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


def services(text: str, service: str) -> list[Entry]:
    """The lines of master.cf for a service, which should be one."""
    return [entry for entry in entries(text, MASTER) if entry.service == service]


def _options(entry: Entry) -> list[str]:
    """What its ``-o`` set, each ``name=value``, also what stands in braces."""
    found = _OPTION.findall(entry.text)
    return ["=".join(map(str.strip, each[1:-1].split("=", 1))) if each[0] == "{" else each for each in found]


def _parameter(name: str, value: str) -> str:
    return f"{name} = {value}".rstrip()


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def with_template(text: str, edit: Callable[[str], str]) -> str:
    """TEXT after EDIT, which takes an engine's lines for comments. A `%` line or block keeps its place."""
    return edit(_CONTROL.sub(_HIDDEN, text)).replace(_HIDDEN, "")
