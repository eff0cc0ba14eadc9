"""How Dell sends is left as it is where it is set: what the plan adds to that, and where it is refused."""

from collections.abc import Mapping

from fixtures.access.changing import Shell
from fixtures.plan import postfix as dellplan
from fixtures.settings import Settings
from fixtures.settings.dell import hop
from scripts.lib.change import Refused

_LEVEL = "smtp_tls_security_level"
_BY_SENDER = ("sender_dependent_default_transport_maps", "sender_dependent_relayhost_maps")
_HOPS = (
    *("transport_maps", "default_transport", "relay_transport", "smtp_fallback_relay", "fallback_relay"),
    *(*_BY_SENDER, "content_filter"),
)
"""By which mail leaves for another host than the relay host, where main.cf names them."""
_TO_RELAYHOST = {"smtp", "relay"}
"""Postfix's own transports, which go by ``relayhost``, as what is for ``relay_domains`` does (postconf(5))."""


def parameters(shell: Shell, settings: Settings, before: Mapping[str, str]) -> dict[str, str]:
    """The plan's parameters; of those by which Dell sends, what main.cf (BEFORE) leaves unset. Raises ``Refused``."""
    relay = before.get("relayhost", "")
    if relay and "$" not in relay and hop(relay) != hop(settings.relay.host):
        raise Refused(
            f"Dell sends by relayhost = {relay}, and relay.host says {settings.relay.host or '(none)'}. It is "
            "not changed here: correct the settings, or main.cf. Nothing was changed"
        )
    kind = shell.run("postconf", "-h", "default_database_type").stdout.strip() or "hash"
    sends = {name: to for name, to in dellplan.outbound(settings, kind).items() if not before.get(name)}
    if by_sender := [f"{name} = {before[name]}" for name in _BY_SENDER if "relayhost" in sends and before.get(name)]:
        raise Refused(
            f"Dell sends by {', '.join(by_sender)}, and everything else without a relay host: relayhost = "
            f"{settings.relay.host} would take mail of all other senders there too, and its bounces, which it may "
            'refuse. Where it takes them, write that relayhost yourself; where not, say relay.host = "" in '
            "migration.toml: then all this stays, and A-1 asks nothing of how Dell sends. Nothing was changed"
        )
    if _LEVEL in sends:
        _require_no_other_way(settings, before, sends[_LEVEL])
    planned = dellplan.parameters(settings) | sends
    name, has = dellplan.PROCESSES, before.get(dellplan.PROCESSES, "")
    return planned | ({name: has} if dellplan.same(name, planned[name], has) else {})


def _require_no_other_way(settings: Settings, before: Mapping[str, str], level: str) -> None:
    """Refuse to ask LEVEL, which the relay host's TLS is to have, of other hosts too. Raises ``Refused``."""
    found = {name: before.get(name, "") for name in _HOPS}
    if not before.get("relayhost"):  # they have a way of their own by now
        found["relay_domains"] = ", ".join(settings.dell.keeps.relay_domains)
    ways = [f"{name} = {to}" for name, to in found.items() if to and to not in _TO_RELAYHOST]
    if ways:
        raise Refused(
            f"main.cf: expected {_LEVEL}, found none, and {level}, as the way to {settings.relay.host} needs it, would "
            f"hold for other ways too: {'; '.join(ways)}. Mail to a host without TLS would wait for days and then "
            f"bounce. Write it yourself: {_LEVEL} = {level}, where each of them has TLS; else {_LEVEL} = may, and in a "
            f"table of smtp_tls_policy_maps the line `{settings.relay.host} {level}`. Nothing was changed"
        )


def require_login(shell: Shell, settings: Settings, before: Mapping[str, str]) -> None:
    """Refuse a relay host that wants a login where Dell has none. BEFORE: what main.cf says. Raises ``Refused``."""
    maps, logins = "smtp_sasl_password_maps", f"{settings.dell.config_directory}/sasl_passwd"
    wanted = maps in dellplan.outbound(settings, "hash") and not before.get(maps)
    if wanted and not shell.run("test", "-s", logins, check=False).ok:
        raise Refused(
            f"Dell has no login for {settings.relay.host}: expected it in {logins}, found no such file, nor another by "
            f"main.cf's {maps}. Write it, mode 600, and postmap it; or, where the relay host knows Dell by its "
            "address, say relay.login = false. Nothing was changed"
        )
