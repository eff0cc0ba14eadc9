"""What Dell's Postfix does today and the plan would end, as far as that can be said without a Dell."""

import re
from contextlib import nullcontext
from typing import Any, cast

import pytest

from fixtures.plan import postfix as dellplan
from fixtures.settings.dell import Keeps
from scripts.lib.change import Refused
from scripts.lib.dell import kept, postfix_text, relaying
from tests.scripts.test_delivering import PIPES
from tests.scripts.test_dell import MASTER, OURS, OWN, SETTINGS, WANTED, Says, named

LOCAL = "hash:/etc/aliases"
DOMAIN = next(each for each in SETTINGS.domains if each.name == OWN)
ALIAS, USER = next((alias, user) for alias, user in DOMAIN.aliases.items() if "@" not in user)
HELD = {
    "mydestination": f"mail.{OWN}, localhost, {OWN.upper()}",
    "myhostname": f"mail.{OWN}",
    "myorigin": OWN,
    "local_transport": f"local:mail.{OWN}",
}
"""With $myhostname and $mydomain in the place of their names, as ``postconf -x`` prints them."""


BY_PLAN, LMTP = "and by the plan to", "lmtp:unix:private/dovecot-lmtp"


@pytest.mark.parametrize(
    ("values", "row", "says"),
    [
        ({}, {"team": f"{USER}, bob, ext@gmail.example"}, f"team@{OWN} leads to {USER}@{OWN}, .*ext@gmail.example"),
        ({}, {"support": '"|/usr/bin/rt --action x"'}, rf"support@{OWN} leads to \"\|/usr/bin/rt --action x\", and"),
        ({}, {"lists": ":include:/etc/lists/a"}, f"lists@{OWN} leads to :include:/etc/lists/a, {BY_PLAN} n"),
        ({}, {"box": "/var/mail/box"}, f"box@{OWN} leads to /var/mail/box, {BY_PLAN} nobody"),
        ({}, {USER: "away@gmail.example"}, f"{USER}@{OWN} leads to away@gmail.example, {BY_PLAN} {USER}@{OWN}"),
        ({}, {"postmaster": "root"}, ""),
        ({}, {"usenet": "root", "root": "anna"}, f"usenet@{OWN} leads to anna@{OWN}, {BY_PLAN} nobody"),
        ({}, {ALIAS: USER, "@": "@", "YP_LAST_MODIFIED": "1796164562", "YP_MASTER_NAME": f"mail.{OWN}"}, ""),
        ({"myorigin": f"mail.{OWN}"}, {ALIAS: f"{USER}@localhost"}, ""),
        ({"mydestination": f"mail.{OWN}, localhost"}, {"team": "bob, anna"}, ""),
        ({"local_transport": LMTP}, {"team": "bob, anna"}, ""),
        ({"local_transport": "scan:[127.0.0.1]:10024"}, {}, r"local_transport: scan:\[127.0.0.1\]:10024: has mail of"),
        ({"alias_maps": "nis:mail.aliases"}, {}, r"alias_maps: nis:mail.aliases \(what it holds can't be listed\)"),
        ({"mailbox_transport": LMTP, "mailbox_command": "procmail"}, {}, ""),
        ({"luser_relay": "$local@other.example"}, {}, rf"luser_relay: \$local@other.example: has mail of {OWN}, wh"),
        ({"luser_relay": "anna", "mydestination": ""}, {}, ""),
        ({"mailbox_command": 'procmail -a "$EXT"'}, {}, r"mailbox_command: procmail -a \"\$EXT\": has mail"),
        ({"mailbox_command": '/usr/lib/dovecot/deliver -a "$RECIPIENT"'}, {}, ""),
        ({"mailbox_transport": OURS["virtual_transport"], "fallback_transport": "dovecot"}, {}, ""),
        ({"mailbox_transport": "cyrus"}, {}, "mailbox_transport: cyrus: has mail of"),
        ({"fallback_transport_maps": "hash:/etc/others"}, {}, "fallback_transport_maps: hash:/etc/others: has mail"),
        ({"forwards": "/srv/anna/.forward\n"}, {}, f"  /srv/anna/.forward: has mail of {OWN}, which leaves mydest"),
    ],
)
def test_what_local_does_for_a_domain_that_becomes_virtual_is_named(
    values: dict[str, str], row: dict[str, str], says: str
) -> None:
    """Aliases(5), .forward and what main.cf names for local(8) count for nothing in virtual_mailbox_domains."""
    said = _named_of_local(values, row)
    assert re.search(says, said) if says else said == "", said


@pytest.mark.parametrize(
    ("values", "row", "dropped"),
    [
        ({}, {"usenet": "root", "root": "anna"}, "usenet"),
        ({}, {"team": "bob, anna"}, LOCAL),
        ({}, {ALIAS: f"the-{ALIAS}", f"the-{ALIAS}": USER}, f"the-{ALIAS}"),
        ({"alias_maps": "nis:mail.aliases"}, {}, "nis:mail.aliases"),
        ({"luser_relay": "anna"}, {}, "anna"),
        ({"forwards": "/srv/anna/.forward\n"}, {}, "/srv/anna/.forward"),
    ],
)
def test_what_local_does_and_is_dropped_by_name_may_go(
    values: dict[str, str], row: dict[str, str], dropped: str
) -> None:
    said = _named_of_local(values, row, dropped=(dropped,))
    assert not said, said


def _named_of_local(values: dict[str, str], row: dict[str, str], **dell: Any) -> str:
    printed = PIPES | {kept._FORWARDS: values.get("forwards", "")}
    return named({"alias_maps": LOCAL, **HELD, **values}, {LOCAL: row}, printed, **dell)


def test_names_of_a_text_of_aliases_have_no_colon() -> None:
    """cdb's rows can't be listed: they are read where they were made from, in aliases(5)'s own form."""
    text = f"# ours\n{ALIAS}: {USER}\nteam:\tbob,\n  anna\n"
    said = named({"alias_maps": "cdb:/etc/aliases", **HELD}, {}, {"/etc/aliases": text})
    assert f":\n  alias_maps: team@{OWN} leads to bob@{OWN}, anna@{OWN}, and by the plan to" in said
    assert ALIAS not in said


@pytest.mark.parametrize(
    ("main_cf", "relayed", "found"),
    [
        ({"transport_maps": "hash:/etc/transport"}, (), "too: transport_maps = hash:/etc/transport. Mail"),
        ({"smtp_use_tls": "yes"}, ("club.example",), "too: relay_domains = club.example. Mail to a host without TLS"),
        ({"relayhost": "[smtp.sendgrid.net]:587"}, ("club.example",), ""),
        ({"default_transport": "smtp", "relay_transport": "relay"}, (), ""),
        ({"content_filter": "smtp-amavis:[127.0.0.1]:10024"}, (), r"content_filter = smtp-amavis:\[127.0.0.1\]:10024"),
        ({"transport_maps": "hash:/x", "smtp_tls_security_level": "may"}, ("club.example",), ""),
        ({"relay_domains": "$mydestination"}, (), ""),
    ],
    ids="transport relayed by-relayhost defaults filter said none".split(),
)
def test_the_relay_host_s_tls_is_not_asked_of_hosts_that_may_have_none(
    main_cf: dict[str, str], relayed: tuple[str, ...], found: str
) -> None:
    """In smtp_tls_security_level, encrypt holds for each destination: ``TLS is required, but was not offered``."""
    dell = SETTINGS.dell.model_copy(update={"keeps": Keeps(relay_domains=relayed)})
    settings = SETTINGS.model_copy(update={"dell": dell})
    there: Any = Says({}, {}, {})
    with pytest.raises(Refused, match=found) if found else nullcontext():
        planned = relaying.parameters(there, settings, main_cf)
        assert ("smtp_tls_security_level" in planned) is ("smtp_tls_security_level" not in main_cf)


@pytest.mark.parametrize("by_sender", ["sender_dependent_relayhost_maps", "sender_dependent_default_transport_maps"])
def test_where_mail_leaves_by_its_sender_nobody_else_s_is_taken_along(by_sender: str) -> None:
    """As docker-mailserver's RELAY_HOST makes it: the relay refuses senders that it doesn't know, and they bounce."""
    there, maps = cast("Any", Says({}, {}, {})), {by_sender: "texthash:/etc/postfix/relayhost_map"}
    with pytest.raises(Refused, match=rf"^Dell sends by {by_sender} = texthash:.*relay\.host = \"\" in migration.toml"):
        relaying.parameters(there, SETTINGS, maps)
    with pytest.raises(Refused):
        relaying.parameters(there, SETTINGS, {**maps, "relayhost": "", "smtp_tls_security_level": "may"})
    relaying.parameters(there, SETTINGS, {**maps, "relayhost": SETTINGS.relay.host, "smtp_tls_security_level": "may"})
    none = SETTINGS.model_copy(update={"relay": SETTINGS.relay.model_copy(update={"host": ""})})
    assert "relayhost" not in relaying.parameters(there, none, maps)


FILE_OF_NAMES = "/etc/postfix/local-host-names"


@pytest.mark.parametrize(
    ("kept_by", "keeps", "dropped", "found"),
    [
        (FILE_OF_NAMES, (FILE_OF_NAMES,), (), f"{FILE_OF_NAMES} holds {OWN}, one of the domains that move, whose mail"),
        ("texthash:/own", ("texthash:/own",), (), f"texthash:/own holds {OWN}, one of the domains that move, whose"),
        ("hash:/nosuch", ("hash:/nosuch",), (), "dell.keeps: mydestination: Dell: hash:/nosuch can't be asked"),
        (f"!{OWN}, {FILE_OF_NAMES}", (f"!{OWN}", FILE_OF_NAMES), (), ""),
        (f"family.example, {FILE_OF_NAMES}", ("family.example",), (FILE_OF_NAMES,), ""),
    ],
    ids="file table unreadable excluded advice".split(),
)
def test_a_kept_list_of_local_domains_holds_none_that_moves(
    kept_by: str, keeps: tuple[str, ...], dropped: tuple[str, ...], found: str
) -> None:
    """It would stay the machine's own: Postfix asks mydestination before virtual_mailbox_domains."""
    said = named(
        {"mydestination": f"localhost, {kept_by}"},
        {"texthash:/own": {OWN: "x"}},
        {FILE_OF_NAMES: f"family.example\n{OWN}\n"},
        keeps=Keeps(mydestination=keeps),
        dropped=dropped,
    )
    assert found in said if found else said == "", said


PLACE = "inet:127.0.0.1:12340"


@pytest.mark.parametrize(
    ("name", "each", "policy", "found"),
    [
        ("recipient", f"check_policy_service {PLACE}", PLACE, ""),
        ("end_of_data", f"check_policy_service {{ {PLACE}, default_action=DEFER }}", PLACE, ""),
        ("recipient", "check_policy_service unix:private/quota-status", "unix:private/quota-status", ""),
        ("recipient", f"check_policy_service {PLACE}1", PLACE, "is moved to smtpd_sender_restrictions first"),
        ("recipient", f"check_policy_service {PLACE}", "", "is moved to smtpd_sender_restrictions first"),
        ("end_of_data", "check_policy_service inet:[::1]:7777", PLACE, "is given to their services (postconf -P submi"),
        ("end_of_data", "check_policy_service inet:[::1]:7777", "", ""),
    ],
)
def test_the_service_that_the_plan_asks_may_be_asked_today(name: str, each: str, policy: str, found: str) -> None:
    """In its old place and form it goes; beneath ``quota_policy = ""`` nothing takes the place of the last list."""
    said = named({f"smtpd_{name}_restrictions": each}, quota_policy=policy)
    assert found in said if found else said == "", said


LAN = "192.168.7.0/24"
"""What $lan and mynetworks_style = subnet come to, by ``postconf -x``."""


@pytest.mark.parametrize(
    ("in_force", "dropped", "found"),
    [
        (f"127.0.0.0/8 {LAN}", (), f"mynetworks: {LAN} may relay today: name it in dell.networks, or in dell.dropped"),
        (f"127.0.0.0/8 !{LAN} [::1]/128", (), ""),
        (f"127.0.0.0/8 {LAN}", (LAN,), ""),
        ("cidr:/etc/postfix/lan.cidr", (), "mynetworks: cidr:/etc/postfix/lan.cidr: name in dell.networks what of it"),
        ("/etc/postfix/lan", (), "mynetworks: /etc/postfix/lan: name in dell.networks what of it is to relay, and"),
        ("/etc/postfix/lan", ("/etc/postfix/lan",), ""),
    ],
    ids="expanded excluded dropped table file dropped-file".split(),
)
def test_a_network_that_may_relay_is_named_by_what_is_in_force(
    in_force: str, dropped: tuple[str, ...], found: str
) -> None:
    """main.cf may say it by another parameter, by a style, in a table or in a file."""
    said = named({"mynetworks": in_force}, dropped=dropped)
    assert found in said if found else said == "", said


@pytest.mark.parametrize(("style", "number"), [("host", 0), ("subnet", 1)])
def test_where_main_cf_names_no_network_its_style_says_which(style: str, number: int) -> None:
    """The machine's own addresses are no network that relays."""
    in_force = {"mynetworks": f"127.0.0.0/8 {LAN}", "mynetworks_style": style}
    today = kept.Today(cast("Any", None), SETTINGS, in_force)
    assert len([*today.networks({})]) == number


LIMIT, REFUSED = "message_size_limit", "addresses with - would be refused"


@pytest.mark.parametrize(
    ("values", "dropped", "found"),
    [
        ({"recipient_delimiter": "-"}, (), f"recipient_delimiter: expected +, found -: {REFUSED}"),
        ({"recipient_delimiter": "+-"}, (), f"expected +, found +-: {REFUSED}. Give those"),
        ({"recipient_delimiter": "-"}, ("-",), ""),
        ({"recipient_delimiter": "+"}, (), ""),
        ({LIMIT: "157286400"}, (), f"{LIMIT}: expected at most 52428800, as dell.message_size_li"),
        ({LIMIT: "0"}, (), "has it, found 0 (no limit): raise it there, or name 0 in dell.dropped"),
        ({LIMIT: "157286400"}, ("157286400",), ""),
        ({LIMIT: "52428800"}, (), ""),
    ],
)
def test_a_limit_that_would_be_tighter_is_named(values: dict[str, str], dropped: tuple[str, ...], found: str) -> None:
    said = named(values, dropped=dropped)
    assert found in said if found else said == "", said


def test_more_processes_than_planned_stay() -> None:
    there: Any = Says({}, {}, {})
    limit = "default_process_limit"
    assert {
        have: relaying.parameters(there, SETTINGS, {limit: have}).get(limit) for have in ("", "100", "500", "$x")
    } == {"": "200", "100": "200", "500": "500", "$x": "200"}
    assert [dellplan.same(limit, "200", have) for have in ("200", "500", "199", "$x")] == [True, True, False, False]


CHAIN = {"smtpd_tls_chain_files": "/etc/ssl/dell.pem"}
FILE, LEVEL = "smtpd_tls_cert_file", "smtpd_tls_security_level"
BY_FILE = "has its certificate by smtpd_tls_cert_file, which Postfix ignores once main.cf has smtpd_tls_chain_files"
IN_CLEAR = "`submission inet` has smtpd_tls_security_level = encrypt only by main.cf, where it will be may. Give it its"


@pytest.mark.parametrize(
    ("main_cf", "options", "planned", "found"),
    [
        ({}, {FILE: "/etc/ssl/own.pem"}, CHAIN, BY_FILE),
        ({FILE: "/etc/ssl/own.pem"}, {}, CHAIN, BY_FILE),
        ({}, {FILE: "/etc/ssl/own.pem", **CHAIN}, CHAIN, ""),
        (CHAIN, {FILE: "/etc/ssl/own.pem"}, CHAIN, ""),
        ({FILE: "/etc/ssl/own.pem"}, {}, {}, ""),
        ({LEVEL: "encrypt"}, {}, {}, IN_CLEAR),
        ({LEVEL: "encrypt"}, {"smtpd_tls_wrappermode": "yes"}, {}, ""),
        ({LEVEL: "encrypt"}, {LEVEL: "may"}, {}, ""),
        ({LEVEL: "may"}, {"smtpd_enforce_tls": "yes"}, {}, ""),
        ({}, {"smtpd_enforce_tls": "yes"}, {}, IN_CLEAR),
        ({"smtpd_enforce_tls": "yes"}, {}, {}, IN_CLEAR),
    ],
)
def test_a_users_port_keeps_its_certificate_and_its_encryption(
    main_cf: dict[str, str], options: dict[str, str], planned: dict[str, str], found: str
) -> None:
    """main.cf's words are for port 25, and whoever has none of its own would have those."""
    own = "".join(f"  -o {name}={value}\n" for name, value in options.items())
    master = MASTER.replace("pickup ", f"{own}pickup ")
    of_the_plan = {name: value for name, value in OURS.items() if name not in CHAIN} | planned
    with pytest.raises(Refused, match=found) if found else nullcontext():
        assert own in postfix_text.with_services(master, WANTED, main_cf, of_the_plan)
