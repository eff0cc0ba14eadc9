"""By what Dell's mail gets into the mailboxes today: whether LMTP, by the plan, does the same."""

import pytest
from pydantic import ValidationError

from fixtures.plan import postfix as dellplan
from fixtures.settings.dell import Dell, Keeps
from tests.scripts.test_dell import OWN, SETTINGS, named

SQLITE = "sqlite:/etc/postfix/virtual-mailbox-domains.cf"
SPAMPD = "lmtp:[127.0.0.1]:10025"
"""Mail-in-a-Box (setup/spamassassin.sh); its domains lie in SQLite."""
PIPES = {
    # As iRedMail has it (samples/postfix/master.cf), and by the path of Dovecot's own pages (doc.dovecot.org, LDA).
    "-M dovecot/unix": "dovecot unix - n n - - pipe flags=DRh user=vmail argv=/usr/lib/dovecot/deliver -f ${sender}",
    "-M lda/unix": "lda unix - n n - - pipe flags=DRhu user=vmail argv=/usr/local/libexec/dovecot/dovecot-lda -d $user",
    "-M cyrus/unix": "cyrus unix - n n - - pipe flags=R user=cyrus argv=/usr/lib/cyrus/deliver -e -m ${extension}",
    "-M spam/unix": "spam unix - n n - - pipe user=vmail argv=/usr/bin/spamc -e /usr/lib/dovecot/deliver -d $user",
}


@pytest.mark.parametrize(
    ("transport", "domains", "dropped", "named_"),
    [
        (SPAMPD, OWN, (), True),
        (SPAMPD, SQLITE, (SQLITE,), True),
        (SPAMPD, "hash:/nosuch", ("hash:/nosuch",), True),
        (SPAMPD, OWN, (SPAMPD,), False),
        (SPAMPD, "", (), False),
        ("virtual", OWN, (), False),
        ("lmtp:unix:/var/spool/postfix/private/dovecot-lmtp", OWN, (), False),
        ("lmtp:unix:/var/run/dovecot/lmtp", OWN, (), False),
        ("dovecot", OWN, (), False),
        ("lda:", OWN, (), False),
        ("cyrus", OWN, (), True),
        ("spam", OWN, (), True),
        ("nosuch", OWN, (), True),
        ("lmtp:inet:127.0.0.1:24", OWN, (), True),
        ("lmtp:inet:127.0.0.1:24", OWN, ("lmtp:inet:127.0.0.1:24",), False),
    ],
    ids="word rows unread dropped elsewhere default spelling dovecots deliver lda cyrus spamc none tcp named".split(),
)
def test_a_filter_that_mail_passes_on_its_way_to_the_mailboxes_is_named(
    transport: str, domains: str, dropped: tuple[str, ...], *, named_: bool
) -> None:
    values = {"virtual_mailbox_domains": domains, "virtual_transport": transport}
    said = named(values, {SQLITE: {OWN: "1"}}, PIPES, dropped=dropped)
    expected = f"virtual_transport: {transport}, which will be lmtp:unix:private/dovecot-lmtp: another way into the "
    assert (expected in said and f"name {transport} in dell.dropped" in said) is named_, said
    assert bool(said) is named_


@pytest.mark.parametrize("today", ["lmtp:inet:dovecot:24", "lmtp:dovecot:24"])
def test_a_dovecot_behind_tcp_stays_there(today: str) -> None:
    """As mailcow has it."""
    values = {"virtual_mailbox_domains": OWN, "virtual_transport": today}
    assert f"{today}, which will be lmtp:unix:private/dovecot-lmtp" in named(values)
    assert named(values, lmtp_socket="inet:dovecot:24") == ""
    there = SETTINGS.dell.model_copy(update={"lmtp_socket": "inet:dovecot:24"})
    planned = dellplan.parameters(SETTINGS.model_copy(update={"dell": there}))
    assert planned["virtual_transport"] == "lmtp:inet:dovecot:24"
    for wrong in ("inet:dovecot", "unix:private/dovecot-lmtp", "dovecot:24"):
        with pytest.raises(ValidationError, match="lmtp_socket"):
            Dell.model_validate(there.model_dump() | {"lmtp_socket": wrong})


SIEVE = {
    # As ``doveconf`` prints it, 2.3 and 2.4.
    "2.3": {
        "doveconf mail_plugins": "mail_plugins = quota\n",
        "doveconf -f protocol=lda mail_plugins": "mail_plugins = quota sieve\n",
        "doveconf -f protocol=lmtp mail_plugins": "mail_plugins = quota\n",
    },
    "2.4": {
        "doveconf mail_plugins": "mail_plugins {\n  acl = yes\n  quota = yes\n}\n",
        "doveconf -f protocol=lda mail_plugins": "mail_plugins {\n  acl = no\n  sieve = yes\n}\n",
        "doveconf -f protocol=lmtp mail_plugins": "mail_plugins = quota\n",
    },
}
LOCALLY = {"mydestination": OWN, "local_transport": f"local:mail.{OWN}"}
LDA = "/usr/lib/dovecot/dovecot-lda"


@pytest.mark.parametrize("series", SIEVE)
@pytest.mark.parametrize(
    ("way", "held"),
    [
        ({"virtual_transport": "lda"}, {"virtual_mailbox_domains": OWN}),
        ({"mailbox_command": LDA}, LOCALLY),
        ({"virtual_transport": "lda"}, {"virtual_mailbox_domains": "texthash:/boxes"}),
    ],
    ids=["pipe", "command", "kept"],
)
def test_what_ends_with_dovecots_own_program_is_named(way: dict[str, str], held: dict[str, str], series: str) -> None:
    """Sieve is a plugin of each protocol by itself: by LMTP the scripts of all users would end without a word."""
    (name, by), rows = next(iter(way.items())), {"texthash:/boxes": {"family.example": "x"}}
    keeps = Keeps(virtual_mailbox_domains=("texthash:/boxes",) if "texthash:/boxes" in held.values() else ())
    said = named(way | held, rows, PIPES | SIEVE[series], keeps=keeps)
    assert f"{name}: {by}: Dovecot's program has sieve by `protocol lda`, and LMTP" in said
    assert f"`mail_plugins = quota sieve` first; or name {by} in dell.dropped\n" in said
    assert said.count("sieve by") == 1
    assert named(way | held, rows, PIPES | SIEVE[series], keeps=keeps, dropped=(by,)) == ""
    has = {"doveconf -f protocol=lmtp mail_plugins": "mail_plugins = quota sieve\n"}
    assert named(way | held, rows, PIPES | SIEVE[series] | has, keeps=keeps) == ""


def test_mail_that_is_filed_by_its_detail_still_is() -> None:
    values = {"mailbox_command": f'{LDA} -m "$EXTENSION"', **LOCALLY}
    assert "`protocol lmtp` write `lmtp_save_to_detail_mailbox = yes` first" in named(values)
    assert named(values, {}, {"doveconf -h -f protocol=lmtp lmtp_save_to_detail_mailbox": "yes\n"}) == ""


@pytest.mark.parametrize(
    ("transport", "advice"),
    [
        ("lmtp:unix:private/dovecot-lmtp", ""),
        ("lmtp:unix:/var/spool/postfix/private/dovecot-lmtp", ""),
        ("lmtp:unix:/var/run/dovecot/lmtp", ""),
        ("dovecot:", ""),
        ("virtual", "if its mailboxes are Dovecot's, set that first"),
        (SPAMPD, "if its mailboxes are Dovecot's, set that first"),
    ],
)
def test_a_kept_table_of_domains_needs_the_same_mailboxes(transport: str, advice: str) -> None:
    """Nobody can give each of its domains a line in transport_maps; by whatever name, the same Dovecot does."""
    values = {"virtual_mailbox_domains": "texthash:/boxes", "virtual_transport": transport}
    rows = {"texthash:/boxes": {"family.example": "x"}}
    said = named(values, rows, PIPES, keeps=Keeps(virtual_mailbox_domains=("texthash:/boxes",)))
    ours = f"texthash:/boxes is delivered by virtual_transport = {transport}, which will be lmtp:unix:private/"
    assert (ours in said and advice in said) if advice else said == "", said
