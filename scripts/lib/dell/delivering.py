"""By what mail gets into the mailboxes on Dell today, and what of that LMTP, which takes its place, would not do."""

import re
from dataclasses import dataclass

from fixtures.access.changing import Shell, dovecot
from fixtures.plan import postfix as dellplan
from fixtures.settings import Settings

_POSTFIXS = {"", "virtual"}
"""Postfix's own way, its default."""
_SOCKETS = {"lmtp:unix:/run/dovecot/lmtp", "lmtp:unix:/var/run/dovecot/lmtp"}
"""Dovecot's, as it comes."""
_NAME = re.compile(r"([\w-]+):?")
_PIPE = re.compile(r" pipe .*\bargv=(\S*/dovecot/(?:deliver|dovecot-lda)\s.*)")
"""A service of master.cf by which Dovecot's own program has the mail at once, and nothing in front of it."""
_PROGRAM = re.compile(r"\S*/dovecot/(?:deliver|dovecot-lda)(?:\s.*)?")
_PLUGINS, _BY_DETAIL = "mail_plugins", "lmtp_save_to_detail_mailbox"


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways into mailboxes, each a transport or a command of main.cf. ``queue``: Postfix's queue directory."""

    shell: Shell
    settings: Settings
    queue: str

    def into_mailboxes(self, way: str) -> bool:
        """Whether it leads there and by nobody else, or may go by name."""
        return way in _POSTFIXS or way in self.settings.dell.dropped or self.by_dovecot(way)

    def by_dovecot(self, way: str) -> bool:
        """Whether those are Dovecot's mailboxes for certain."""
        ours = dellplan.parameters(self.settings)["virtual_transport"]
        return self._plain(way) == self._plain(ours) or way in _SOCKETS or bool(self._program(way))

    def lost(self, way: str) -> str:
        """What Dovecot's own program does by it and LMTP would not; empty: nothing. Raises ``CouldNotAsk``."""
        program, there = self._program(way), dovecot(self.settings)
        if not program or way in self.settings.dell.dropped:
            return ""
        said, by_lmtp = list[str](), _plugins(there, "lmtp")
        if more := _plugins(there, "lda") - by_lmtp:
            said.append(
                f"Dovecot's program has {', '.join(sorted(more))} by `protocol lda`, and LMTP, which takes its place, "
                "has not: what users' Sieve scripts and other plugins do would end without a word. In Dovecot's "
                f"`protocol lmtp` write `{_PLUGINS} = {' '.join(sorted(by_lmtp | more))}` first"
            )
        if " -m " in program and there.run("doveconf", "-h", "-f", "protocol=lmtp", _BY_DETAIL).stdout.strip() != "yes":
            said.append(
                "Dovecot's program files by `-m` what an address has behind its delimiter, and LMTP would not. In "
                f"Dovecot's `protocol lmtp` write `{_BY_DETAIL} = yes` first"
            )
        return "; ".join(said)

    def _plain(self, transport: str) -> str:
        return transport.replace(f":{self.queue}/", ":").replace("lmtp:inet:", "lmtp:")

    def _program(self, way: str) -> str:
        """Dovecot's own program with what it is given, as before there was LMTP; empty: it is another way."""
        name = _NAME.fullmatch(way)
        service = self.shell.run("postconf", "-M", f"{name[1]}/unix", check=False).stdout if name else ""
        piped = _PIPE.search(" ".join(service.split()))
        return piped[1] if piped else way if _PROGRAM.fullmatch(way) else ""


def _plugins(shell: Shell, protocol: str) -> set[str]:
    """Those that Dovecot loads for a protocol. What 2.4 has in braces comes on top of what it has for all."""
    found = set[str]()
    for asked in ((), ("-f", f"protocol={protocol}")):
        first, _, braced = shell.run("doveconf", *asked, _PLUGINS).stdout.partition("\n")
        _, whole, names = first.partition("=")
        pairs = [line.strip().partition(" = ") for line in braced.splitlines()]
        found = set(names.split()) if whole else found | {name for name, _, on in pairs if on == "yes"}
        found -= {name for name, _, on in pairs if on == "no"}
    return found
