"""What Dell's Postfix serves today and would lose by the plan: looked for by name, before the first write.

Nothing goes that nobody has named: a domain, a table or a destination that is not the plan's stays behind ours, by
``dell.keeps`` of the settings, or goes, by ``dell.dropped``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from fixtures.access.changing import Shell
from fixtures.evidence import CouldNotAsk
from fixtures.plan import postfix as dellplan
from fixtures.probes.dell import filters, postfix, tables
from fixtures.probes.dell.networks import covers
from fixtures.settings import Settings
from fixtures.settings.dell import Keeps
from scripts.lib.change import Refused
from scripts.lib.dell.delivering import Ways

LISTED = ("virtual_mailbox_domains", "virtual_mailbox_maps", "virtual_alias_maps", "mydestination", "relay_domains")
_MAILBOXES = "virtual_mailbox_maps"
_MAPS = (_MAILBOXES, "virtual_alias_maps")
_TABLE = re.compile(r"(?:proxy:)?([a-z]\w*):\S.*", re.DOTALL)
_SEQUENCED, _IN_WORDS = ("hash", "btree", "lmdb", "dbm", "sdbm"), ("texthash", "cdb")
"""Kinds of table of which ``postmap -s`` lists the rows; and whose text lies in the file that they name."""
_END = "smtpd_end_of_data_restrictions"
RESTRICTED = (
    "smtpd_client_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    _END,
    "smtpd_etrn_restrictions",
)
_USUAL = re.compile(r"permit(_mynetworks|_sasl_authenticated)?|reject|(reject|defer)_unauth_destination")
_ADMITS = re.compile(r"check_client_access \S+")
"""In the list of clients: who may connect is what the plan's own table says."""
_POLICY = "check_policy_service"
_OURS = re.compile(rf"{_POLICY} \{{ \S+, timeout=10s, default_action=DUNNO \}}")
_HARMLESS = re.compile(r"reject_unauth_pipelining|reject_non_fqdn_\w+")
_NEEDLESS = "the plan does without it: name it in dell.dropped"
_MOVED = (  # without those two it would refuse users too, whose services have no list of their own (X14)
    "what stays is moved to smtpd_sender_restrictions first, behind permit_mynetworks, permit_sasl_authenticated"
)
_LATER = (  # there it knows the message's size, as a limit of what users send does
    f"what stays for users is given to their services (postconf -P submission/inet/{_END}=...), then name it in "
    "dell.dropped"
)
_TRANSPORT = "virtual_transport"
_LOCAL, _ALIASES = "local_transport", "alias_maps"
_FOR_ALL = "mailbox_transport"
_ONWARD = (
    *(f"{_FOR_ALL}_maps", _FOR_ALL, "mailbox_command_maps", "mailbox_command"),
    *("fallback_transport_maps", "fallback_transport", "luser_relay"),
)
"""By what local(8) hands mail on, where main.cf says so, in its order: behind ``mailbox_transport`` it asks nothing."""
_SIGNATURES = {"@", "yp_last_modified", "yp_master_name"}
"""Keys that postalias(1) itself adds."""
_FORWARDS = """\
getent passwd | while IFS=: read -r _ _ _ _ _ home _; do [ ! -s "$home/.forward" ] || echo "$home/.forward"; done
"""
_SIZE, _DELIMITER = "message_size_limit", "recipient_delimiter"
_BUILT_IN = ("config_directory", "data_directory", "queue_directory", "default_database_type")
"""By which main.cf names tables, without a word of its own on them."""
_ASKED = (
    *("myhostname", "mydomain", "myorigin", *_BUILT_IN, _TRANSPORT, "transport_maps", *LISTED, *RESTRICTED),
    *(_LOCAL, _ALIASES, *_ONWARD, "mynetworks", "mynetworks_style", _SIZE, _DELIMITER),
)
_SHOWN_MAX = 10
_NO_ALIAS = (
    "Where a row leads to one mailbox, let migration.toml say the same; where to several, or elsewhere, put a mailbox "
    "whose Sieve script redirects in its place, where Dovecot's LMTP has the plugin sieve."
)


def require(shell: Shell, settings: Settings, before: Mapping[str, str]) -> Today:
    """Refuse, with all names, what the plan would take away; returns what stands. BEFORE: what main.cf says. Raises
    ``CouldNotAsk``.
    """
    today = Today(shell, settings, postfix.parameters(shell, _ASKED).values)
    ends = [*today.ending_aliases(), *today.ending_local_aliases()]
    said = [*today.odd_keeps(), *today.vanishing(), *today.aliased(before), *today.passed_by(), *today.handed_on()]
    said += [*ends, *today.networks(before), *today.restrictions(), *today.limits()]
    if said := [*dict.fromkeys(said)]:
        more = f"\n  and {len(said) - _SHOWN_MAX} more" if len(said) > _SHOWN_MAX else ""
        listed = "".join(f"\n  {each}" for each in said[:_SHOWN_MAX])
        way_out = f"\n{_NO_ALIAS}" if ends else ""
        raise Refused(
            f"Dell serves what the plan doesn't know:{listed}{more}\nIn migration.toml, [dell.keeps] names what stays, "
            f'such as virtual_mailbox_domains = ["family.example"]; dell.dropped names what may go.{way_out} Nothing '
            "was changed"
        )
    return today


@dataclass(frozen=True, slots=True)
class Today:
    """What stands. ``values``: Postfix's parameters in force, with ``$name`` expanded."""

    shell: Shell
    settings: Settings
    values: Mapping[str, str]

    def odd_keeps(self) -> Iterator[str]:
        """What ``dell.keeps`` names and Dell hasn't, or can't be asked."""
        for name in Keeps.model_fields:
            stands = dellplan.elements(self.values.get(name, ""))
            for each in getattr(self.settings.dell.keeps, name):
                if each not in stands:
                    found = ", ".join(stands) or "nothing"
                    yield f"dell.keeps: {name}: expected {each} in main.cf, found {found}"
                elif each.lower() in self._served:
                    yield f"dell.keeps: {name}: {each} is one of the domains that move; take it out"
                elif _TABLE.fullmatch(each):
                    try:
                        postfix.lookup(self.shell, each, f"postmaster@{self.settings.pilot}")
                    except CouldNotAsk as fault:
                        yield f"dell.keeps: {name}: {each} can't be read: {fault}"
        yield from self._still_local()
        if any(self.settings.dell.keeps.virtual_mailbox_domains):
            yield from self._delivered_otherwise()

    def _still_local(self) -> Iterator[str]:
        """Domains that move and that a kept file or table of ``mydestination`` holds, which Postfix asks first."""
        name, entries = tables.LOCAL_DOMAINS, self.settings.dell.keeps.mydestination
        try:
            held = tables.holders(self.shell, ", ".join(entries), self._served)
        except CouldNotAsk as fault:
            yield f"dell.keeps: {name}: {fault}"
            return
        for domain, by in sorted(held.items()):
            if by.lower() != domain:
                yield (
                    f"dell.keeps: {name}: {by} holds {domain}, one of the domains that move, whose mail local(8) would "
                    f"have for ever. Write its other domains themselves into {name} and dell.keeps, and name {by} in "
                    "dell.dropped in its place"
                )

    def vanishing(self) -> Iterator[str]:
        """What of today's lists is neither the plan's nor named by the settings."""
        planned, dell = dellplan.parameters(self.settings), self.settings.dell
        for name in LISTED:
            known = {*dellplan.elements(planned[name]), *dell.dropped}
            for each in dellplan.elements(self.values.get(name, "")):
                if each not in known and each.lower() not in self._served | self._own_names:
                    yield from self._unknown(name, each)

    def aliased(self, before: Mapping[str, str]) -> Iterator[str]:
        """Domains that move and will be virtual alias domains, by main.cf's words (BEFORE) and the tables that stay."""
        planned = dellplan.parameters(self.settings)
        planned["virtual_alias_maps"] = ", ".join(self.settings.dell.keeps.virtual_alias_maps)  # ours has no domains
        written = before.get(tables.ALIAS_DOMAINS, "$virtual_alias_maps")
        value = dellplan.expanded(written, {**self.values, **before, **planned})
        try:
            yield from (f"{tables.ALIAS_DOMAINS}: {each}" for each in tables.aliased(self.shell, self.settings, value))
        except CouldNotAsk as fault:
            yield f"{tables.ALIAS_DOMAINS}: {fault}"

    def passed_by(self) -> Iterator[str]:
        """By what the domains that move are delivered today, where that may be a filter in front of the mailboxes."""
        today, ours = self.values.get(_TRANSPORT, ""), dellplan.parameters(self.settings)[_TRANSPORT]
        said = list(self._lost(_TRANSPORT, today))
        if not self._ways.into_mailboxes(today):
            said.append(
                f"{_TRANSPORT}: {today}, which will be {ours}: another way into the mailboxes, or a filter, which "
                f"would be passed by. Make a filter a milter or a content_filter first; or name {today} in dell.dropped"
            )
        if said and not all(map(self._has_transport, self._holding("virtual_mailbox_domains", self._served))):
            yield from said

    def handed_on(self) -> Iterator[str]:
        """Where the mail of local domains that move goes on to today, if not into the mailboxes."""
        held = ", ".join(self._local)
        if not held:
            return
        by: tuple[str, ...] = (_LOCAL,)
        files = list[str]()
        if self._by_local:
            by = _ONWARD[: _ONWARD.index(_FOR_ALL) + 1] if self.values.get(_FOR_ALL) else _ONWARD
            files = self.shell.run("sh", "-c", _FORWARDS, check=False).stdout.splitlines()
        found = {name: self.values.get(name, "") for name in by} | {path: path for path in files}
        for name, value in found.items():
            yield from self._lost(name, value)
            if not self._ways.into_mailboxes(value):
                yield (
                    f"{name if name == value else f'{name}: {value}'}: has mail of {held}, which leaves mydestination, "
                    f"and would have none. Do the same by a Sieve script, or a milter, first; name {value} in "
                    "dell.dropped then"
                )

    def _lost(self, name: str, value: str) -> Iterator[str]:
        """What Dovecot's own program, which a parameter names, does for a message and LMTP would not."""
        if lost := self._ways.lost(value):
            yield f"{name}: {value}: {lost}; or name {value} in dell.dropped"

    @property
    def _ways(self) -> Ways:
        return Ways(self.shell, self.settings, self.values["queue_directory"])

    def _holding(self, parameter: str, domains: Collection[str]) -> Collection[str]:
        """Those of DOMAINS that today's list holds."""
        try:
            return tables.holders(self.shell, self.values.get(parameter, ""), domains)
        except CouldNotAsk:  # so that nothing is passed by unseen
            return domains

    @property
    def _local(self) -> list[str]:
        """The domains that move and whose users are the machine's own today."""
        held = self._holding("mydestination", self.settings.domain_names)
        return [each for each in self.settings.domain_names if each in held and not self._has_transport(each)]

    @property
    def _by_local(self) -> bool:
        """Whether those are local(8)'s: nobody else reads aliases(5) and .forward."""
        return self.values.get(_LOCAL, "local").partition(":")[0] == "local"

    def _has_transport(self, domain: str) -> bool:
        """Whether transport_maps has a row for it."""
        maps = dellplan.elements(self.values.get("transport_maps", ""))
        try:
            return any(postfix.lookup(self.shell, table, domain).value for table in maps)
        except CouldNotAsk:
            return False

    def ending_aliases(self) -> Iterator[str]:
        """Addresses of the domains that move which today lead otherwise than by the plan, or to nobody by it."""
        ours, home = dellplan.aliases(self.settings), {*self._own_names, self._origin}
        for name, entry, kind, stays in self._todays_tables():
            if entry in self.settings.dell.dropped or (stays and name == _MAILBOXES):
                continue
            rows = self._rows(entry, kind)
            if isinstance(rows, str) and stays:
                rows = self._asked(entry, ours)
            if isinstance(rows, str):  # what goes goes by its name: ``vanishing``
                yield from (f"{name}: {entry} ({rows})",) if stays else ()
                continue
            led = rows if name != _MAILBOXES else dict(zip(rows, rows, strict=True))
            for each in dellplan.led_otherwise(self.settings, led, self._origin, home):
                if not stays or each.address in ours:
                    yield f"{name}: {entry}{' stays behind ours' if stays else ''}: {each}"

    def ending_local_aliases(self) -> Iterator[str]:
        """Names of aliases(5) which by the plan lead otherwise, or to nobody, in domains that leave mydestination."""
        rows, moved = dict[str, str](), self._local
        if not moved or not self._by_local:
            return
        for entry in dellplan.elements(self.values.get(_ALIASES, "")):
            table = _TABLE.fullmatch(entry)
            found = self._rows(entry, table[1]) if table else "no table"
            if entry in self.settings.dell.dropped:
                continue
            if isinstance(found, str):
                yield f"{_ALIASES}: {entry} ({found})"
            else:
                rows = {key.rstrip(":"): to for key, to in found.items() if key not in _SIGNATURES} | rows
        domains = (*moved, self._origin, *dellplan.elements(self.values.get("mydestination", "").lower()))
        led = {f"{key}@{domain}": to for domain in domains for key, to in rows.items()}
        for each in dellplan.led_otherwise(self.settings, led, self._origin, {*self._own_names, self._origin}):
            local, _, domain = each.address.rpartition("@")
            # As Debian's postmaster: in the machine's own mailbox, which nobody reads.
            unread = rows.get(local) == "root" and "root" not in rows
            if domain in moved and local not in self._named and not (unread and each.planned):
                yield f"{_ALIASES}: {each}"

    def ending(self) -> str:
        """Which catch-alls the plan ends, as it names a danger; empty: none."""
        going = (self._rows(entry, kind) for _, entry, kind, stays in self._todays_tables() if not stays)
        keys = (key for rows in going if isinstance(rows, dict) for key in rows)  # a catch-all is @domain (virtual(5))
        names = dict.fromkeys(key[1:] for key in keys if key.startswith("@") and key[1:] in self._served)
        return f"ends the catch-all of {', '.join(names)}" if names else ""

    def _todays_tables(self) -> Iterator[tuple[str, str, str, bool]]:
        """Of mailboxes and aliases but ours: the parameter, the table and its kind, and whether it stays."""
        planned = dellplan.parameters(self.settings)
        for name in _MAPS:
            keeps = getattr(self.settings.dell.keeps, name)
            for each in dellplan.elements(self.values.get(name, "")):
                table = _TABLE.fullmatch(each)
                if table and (each in keeps or each not in dellplan.elements(planned[name])):
                    yield name, each, table[1], each in keeps

    def networks(self, before: Mapping[str, str]) -> Iterator[str]:
        """Networks of one's own that may relay today and would not, and what may hold such.

        Where main.cf (BEFORE) names none, Postfix takes only the machine's own addresses by the style ``host``.
        """
        if "mynetworks" not in before and self.values.get("mynetworks_style") == "host":
            return
        loopback = map(ipaddress.ip_network, ("127.0.0.0/8", "::ffff:127.0.0.0/104", "::1/128"))
        own = [*self.settings.dell.networks, *loopback]
        for each in dellplan.elements(self.values.get("mynetworks", "")):
            if each in self.settings.dell.dropped or each.startswith("!"):
                continue
            try:
                it = ipaddress.ip_network(each.replace("[", "").replace("]", ""), strict=False)
            except ValueError:
                yield f"mynetworks: {each}: name in dell.networks what of it is to relay, and {each} in dell.dropped"
                continue
            if not (it.is_global or covers(own, it)):
                yield f"mynetworks: {each} may relay today: name it in dell.networks, or in dell.dropped"

    def limits(self) -> Iterator[str]:
        """What would be less than today: the addresses that a user has by the delimiter, and a message's size."""
        dell = self.settings.dell
        size, delimiter = self.values.get(_SIZE, ""), self.values.get(_DELIMITER, "")
        if delimiter.strip("+") and delimiter not in dell.dropped:
            yield (
                f"{_DELIMITER}: expected +, found {delimiter}: addresses with {delimiter.replace('+', '')} would be "
                f"refused. Give those that are in use a place as aliases, and name {delimiter} in dell.dropped"
            )
        if size.isdecimal() and not 0 < int(size) <= dell.message_size_limit and size not in dell.dropped:
            yield (
                f"{_SIZE}: expected at most {dell.message_size_limit}, as dell.message_size_limit has it, found {size}"
                f"{'' if int(size) else ' (no limit)'}: raise it there, or name {size} in dell.dropped"
            )

    def restrictions(self) -> Iterator[str]:
        """What a list of restrictions, which the plan replaces, does today besides: of main.cf, and of port 25."""
        of_port_25 = self.shell.run("postconf", "-P", f"{dellplan.SMTP}/{RESTRICTED[0]}", check=False).stdout
        planned = dellplan.parameters(self.settings)
        values = [(name, self.values.get(name, "")) for name in RESTRICTED if name in planned]
        values.append((f"{RESTRICTED[0]} of {dellplan.SMTP}", of_port_25.partition("=")[2]))
        for name, value in values:
            clients, later = name.startswith(RESTRICTED[0]), _LATER if name == _END else _MOVED
            for each in filters.elements(value):
                known = any(it.fullmatch(each) for it in (_USUAL, _OURS)) or (clients and _ADMITS.fullmatch(each))
                if not (known or self._asks_quota(each) or each in self.settings.dell.dropped):
                    yield f"{name}: {each}: {_NEEDLESS if _HARMLESS.fullmatch(each) else later}"

    def _asks_quota(self, element: str) -> bool:
        """Whether it asks the service that the plan asks, in whatever form."""
        asked = re.sub("[{},]", " ", element).split()[:2]
        return asked == [_POLICY, self.settings.dell.quota_policy]

    @property
    def _served(self) -> set[str]:
        return {name for each in self.settings.domains for name in each.served}

    @property
    def _own_names(self) -> set[str]:
        """By which Dell itself is meant: its programs' mail goes to $myorigin."""
        names = {self.values.get("myhostname", ""), self.settings.dell.name, "localhost", "localhost.localdomain"}
        return {each.lower() for each in (*names, f"localhost.{self.values.get('mydomain', '')}")}

    def _unknown(self, name: str, entry: str) -> Iterator[str]:
        table = _TABLE.fullmatch(entry)
        if not table:
            yield f"{name}: {entry}"
            return
        rows = self._rows(entry, table[1])
        if isinstance(rows, str):
            yield f"{name}: {entry} ({rows})"
            return
        foreign = [each for each in rows if self._domain(each) not in self._served and each not in self._named]
        if foreign:
            yield f"{name}: {entry}: {', '.join(foreign[:_SHOWN_MAX])}{', ...' if len(foreign) > _SHOWN_MAX else ''}"

    @property
    def _named(self) -> set[str]:
        return {*(each.lower() for each in self.settings.dell.dropped), "root"}

    @property
    def _origin(self) -> str:
        return self.values.get("myorigin", "").lower()

    def _domain(self, key: str) -> str:
        """Of an address, or of a domain that stands for itself; a local part is of $myorigin."""
        return self._origin if "@" not in key and "." not in key else key.rpartition("@")[2]

    def _rows(self, entry: str, kind: str) -> dict[str, str] | str:
        """A table's keys with their values, in lower case; or why they can't be listed."""
        path = entry.removeprefix("proxy:").partition(":")[2]
        if kind in _SEQUENCED:
            done = self.shell.run("postmap", "-s", entry.removeprefix("proxy:"), check=False)
        elif kind in _IN_WORDS:
            done = self.shell.run("cat", "--", path, check=False)
        else:
            return "what it holds can't be listed"
        if not done.ok:
            return f"can't be read: {done.stderr.strip()[-200:]}"
        return _read(done.stdout)

    def _asked(self, entry: str, keys: Iterable[str]) -> dict[str, str] | str:
        """The rows that a table has for KEYS; or why it can't be asked."""
        done = self.shell.run("postmap", "-q", "-", entry, stdin="".join(f"{key}\n" for key in keys), check=False)
        if not done.ok and done.stderr.strip():
            return f"can't be asked: {done.stderr.strip()[-200:]}"
        return _read(done.stdout)

    def _delivered_otherwise(self) -> Iterator[str]:
        """A kept domain that today is delivered by another transport than will be ours."""
        today, ours = self.values.get(_TRANSPORT, ""), dellplan.parameters(self.settings)[_TRANSPORT]
        if self._ways.by_dovecot(today):
            yield from self._lost(_TRANSPORT, today)
            return
        for each in self.settings.dell.keeps.virtual_mailbox_domains:
            way_out = "if its mailboxes are Dovecot's, set that"
            if not _TABLE.fullmatch(each):
                if self._has_transport(each):
                    continue
                way_out = "give it a line of its own in transport_maps"
            yield f"dell.keeps: {each} is delivered by {_TRANSPORT} = {today}, which will be {ours}: {way_out} first"


def _read(text: str) -> dict[str, str]:
    """The rows of a table's TEXT (postmap(1)), in lower case."""
    rows = (line.split(maxsplit=1) for line in tables.logical(text.lower()))
    return {key: " ".join(to) for key, *to in rows}
