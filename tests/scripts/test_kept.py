"""What Dell's Postfix does today and the plan would end, as far as that can be said without a Dell."""

import re

import pytest

from scripts.lib.dell import kept
from tests.scripts.test_dell import OURS, OWN, PIPES, SETTINGS, named

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


@pytest.mark.parametrize(
    ("values", "row", "dropped", "says"),
    [
        ({}, {"team": f"{USER}, bob, ext@gmail.example"}, (), f"team@{OWN} leads to {USER}@{OWN}, .*ext@gmail.example"),
        (
            {},
            {"support": '"|/usr/bin/rt --action x"'},
            (),
            rf"support@{OWN} leads to \"\|/usr/bin/rt --action x\", and",
        ),
        (
            {},
            {"lists": ":include:/etc/lists/a"},
            (),
            f"lists@{OWN} leads to :include:/etc/lists/a, and by the plan to n",
        ),
        ({}, {"box": "/var/mail/box"}, (), f"box@{OWN} leads to /var/mail/box, and by the plan to nobody"),
        (
            {},
            {USER: "away@gmail.example"},
            (),
            f"{USER}@{OWN} leads to away@gmail.example, and by the plan to {USER}@{OWN}",
        ),
        ({}, {"usenet": "root", "root": "anna"}, (), f"usenet@{OWN} leads to anna@{OWN}, and by the plan to nobody"),
        ({}, {"usenet": "root", "root": "anna"}, ("usenet",), ""),
        ({}, {"team": "bob, anna"}, (LOCAL,), ""),
        ({}, {ALIAS: USER, "@": "@", "YP_LAST_MODIFIED": "1796164562", "YP_MASTER_NAME": f"mail.{OWN}"}, (), ""),
        ({}, {ALIAS: f"the-{ALIAS}", f"the-{ALIAS}": USER}, (f"the-{ALIAS}",), ""),
        ({"myorigin": f"mail.{OWN}"}, {ALIAS: f"{USER}@localhost"}, (), ""),
        ({"mydestination": f"mail.{OWN}, localhost"}, {"team": "bob, anna"}, (), ""),
        ({"local_transport": "lmtp:unix:private/dovecot-lmtp"}, {"team": "bob, anna"}, (), ""),
        (
            {"local_transport": "scan:[127.0.0.1]:10024"},
            {},
            (),
            r"local_transport: scan:\[127.0.0.1\]:10024: has mail of",
        ),
        ({"alias_maps": "nis:mail.aliases"}, {}, (), r"alias_maps: nis:mail.aliases \(what it holds can't be listed\)"),
        ({"alias_maps": "nis:mail.aliases"}, {}, ("nis:mail.aliases",), ""),
        (
            {"luser_relay": "$local@other.example"},
            {},
            (),
            rf"luser_relay: \$local@other.example: has mail of {OWN}, wh",
        ),
        ({"luser_relay": "anna"}, {}, ("anna",), ""),
        ({"luser_relay": "anna", "mydestination": ""}, {}, (), ""),
        (
            {"mailbox_command": 'procmail -a "$EXTENSION"'},
            {},
            (),
            r"mailbox_command: procmail -a \"\$EXTENSION\": has mail",
        ),
        ({"mailbox_command": '/usr/lib/dovecot/deliver -m "${EXTENSION}"'}, {}, (), ""),
        ({"mailbox_transport": OURS["virtual_transport"], "fallback_transport": "dovecot"}, {}, (), ""),
        ({"mailbox_transport": "cyrus"}, {}, (), "mailbox_transport: cyrus: has mail of"),
        (
            {"fallback_transport_maps": "hash:/etc/others"},
            {},
            (),
            "fallback_transport_maps: hash:/etc/others: has mail",
        ),
        (
            {"forwards": "/srv/anna/.forward\n"},
            {},
            (),
            f"  /srv/anna/.forward: has mail of {OWN}, which leaves mydest",
        ),
        ({"forwards": "/srv/anna/.forward\n"}, {}, ("/home/anna/.forward",), ""),
    ],
)
def test_what_local_does_for_a_domain_that_becomes_virtual_is_named(
    values: dict[str, str], row: dict[str, str], dropped: tuple[str, ...], says: str
) -> None:
    """Aliases(5), .forward and what main.cf names for local(8) count for nothing in virtual_mailbox_domains."""
    printed = PIPES | {kept._FORWARDS: values.get("forwards", "")}
    said = named({"alias_maps": LOCAL, **HELD, **values}, {LOCAL: row}, printed, dropped=dropped)
    assert re.search(says, said) if says else said == "", said


def test_names_of_a_text_of_aliases_have_no_colon() -> None:
    """cdb's rows can't be listed: they are read where they were made from, in aliases(5)'s own form."""
    text = f"# ours\n{ALIAS}: {USER}\nteam:\tbob,\n  anna\n"
    said = named({"alias_maps": "cdb:/etc/aliases", **HELD}, {}, {"/etc/aliases": text})
    assert f":\n  alias_maps: team@{OWN} leads to bob@{OWN}, anna@{OWN}, and by the plan to" in said
    assert ALIAS not in said
