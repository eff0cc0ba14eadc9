"""What drills send, and what Dovecot is given, as bytes: false ends of data, the largest message, the quota's files."""

import email

import pytest

from fixtures.evidence import Evidence, Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.plan import dovecot as dovecotplan, postfix as dellplan
from fixtures.probes.mailbox.message import Letter
from fixtures.probes.smtp import sizes, smuggling
from fixtures.probes.smtp.clients import Client
from fixtures.probes.smtp.knock import Knock

SETTINGS = settings_without_a_lab()
ADDRESS = next(SETTINGS.addresses())


def _offer(variant: smuggling.Variant, *, control: bool) -> smuggling.Offer:
    outer, inner = (Letter("a@four.example", ("b@own.example",), "run").write() for _ in range(2))
    return smuggling.Offer(Client("x", "192.0.2.1", None), Knock("192.0.2.2"), variant, control, outer, inner)


def test_twelve_false_ends_and_none_is_the_true_one() -> None:
    found = smuggling.variants()
    assert len(found) == 12
    assert len({each.bytes for each in found}) == len({each.name for each in found}) == 12
    for each in found:
        assert smuggling.END not in b"x" + each.bytes.encode("latin-1") + b"x"
        assert "." in each.bytes


EVERY = pytest.mark.parametrize("variant", smuggling.variants(), ids=lambda each: each.name)
CHUNKING = pytest.mark.parametrize("chunking", [True, False], ids=["CHUNKING", "none"])


@EVERY
@CHUNKING
def test_a_carrier_ends_once_and_its_control_twice(variant: smuggling.Variant, *, chunking: bool) -> None:
    data, control = (_offer(variant, control=each).data(chunking=chunking) for each in (False, True))
    # The whole inner message is within: what comes behind a false end is one transaction, to the last byte.
    assert data.count(smuggling.END) == 1
    assert data.endswith(b"\r\n.\r\nQUIT\r\n")
    assert control.count(smuggling.END) == 2
    assert data.count(b"Message-ID:") == control.count(b"Message-ID:") == 1 + chunking


def test_what_is_announced_by_bdat_is_what_follows() -> None:
    offer = _offer(smuggling.variants()[0], control=False)
    head, _, rest = offer.data(chunking=True).partition(b"BDAT ")
    size, _, rest = rest.partition(b" LAST\r\n")
    assert rest[: int(size)] == offer.inner.content
    assert rest[int(size) :] == smuggling.END + b"QUIT\r\n"
    assert head.endswith(b"RCPT TO:<b@own.example>\r\n")


def _answers(data: bytes, ends: tuple[bytes, ...], *, chunking: bool) -> tuple[str, ...]:
    """A server's, to what is sent after DATA, that takes any of ENDS for the end of a message."""
    at, end = min((data.index(each), each) for each in ends if each in data)
    rest, said = data[at + len(end) :], ["250 2.0.0 Ok: queued as 1"]
    while rest:
        line, _, rest = rest.partition(b"\r\n")
        match line.split(b" "):
            case [b"BDAT", _, _] if not chunking:
                return (*said, "521 5.5.1 Error: command not implemented")
            case [b"BDAT", size, _]:
                rest = rest[int(size) :]
                said.append("250 2.0.0 Ok: 9 bytes queued as 2")
            case [b"MAIL", _] | [b"RCPT", _] | [b"RSET"]:
                said.append("250 2.0.0 Ok")
            case _:
                said.append("221 2.0.0 Bye" if line == b"QUIT" else "500 5.5.2 Error: bad syntax")
    return tuple(said)


@EVERY
@CHUNKING
@pytest.mark.parametrize("taken", [True, False], ids=["vulnerable", "sound"])
def test_a_false_end_that_is_taken_shows_with_chunking_or_without(
    variant: smuggling.Variant, *, chunking: bool, taken: bool
) -> None:
    found = []
    for control in (False, True):
        offer = _offer(variant, control=control)
        ends = (smuggling.END, variant.bytes.encode("latin-1")) if taken else (smuggling.END,)
        replies = _answers(offer.data(chunking=chunking), ends, chunking=chunking)
        arrived = (offer.outer.message_id, offer.inner.message_id)[: smuggling._queued(replies)]
        found.append(smuggling.Attempt(offer, replies, arrived, 0, Evidence("", ""), chunking))
    assert smuggling.judged(found[0]).verdict == (Verdict.FAIL if taken else Verdict.PASS)
    assert smuggling.judged_control(found[1]).verdict == Verdict.PASS


def test_replies_that_queue() -> None:
    taken = "250 2.0.0 Ok: queued as 1"
    assert smuggling._queued([taken, "250 2.1.0 Ok", "250 2.0.0 Ok: 9 bytes queued as 2", "221 Bye"]) == 2
    assert smuggling._queued([]) == smuggling._queued(["521 5.5.2 bare <LF> received", ""]) == 0


def test_the_largest_message_is_25_mib_without_what_is_added() -> None:
    message, fields = sizes.largest(ADDRESS), sizes.added(ADDRESS)
    assert len(message.content) == sizes.CLOUDFLARE_BYTES + len(fields)
    assert message.content.startswith(fields)
    assert max(map(len, message.content.split(b"\r\n"))) <= 998
    assert b"\n" not in message.content.replace(b"\r\n", b"")


def test_the_added_fields_are_fields() -> None:
    read = email.message_from_bytes(sizes.added(ADDRESS) + b"\r\nbody\r\n")
    assert read.keys().count("DKIM-Signature") == 2
    assert read["X-Forwarded-To"] == ADDRESS.destination
    assert not read.defects
    assert "{" not in str(read)


VERSIONS = "# a comment\ndovecot_config_version = 2.4.1\ndovecot_storage_version = 2.4.1\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(VERSIONS + "x = y\n", f"{VERSIONS}{dovecotplan.INCLUDE}\nx = y\n", id="behind the versions"),
        pytest.param("x = y\n", f"{dovecotplan.INCLUDE}\nx = y\n", id="no versions"),
        pytest.param("", f"{dovecotplan.INCLUDE}\n", id="empty"),
        pytest.param(f"x = y\n{dovecotplan.INCLUDE}\n", f"x = y\n{dovecotplan.INCLUDE}\n", id="there already"),
    ],
)
def test_dovecot_includes_our_file_before_what_is_the_operators(before: str, after: str) -> None:
    assert dovecotplan.including(before) == after
    assert dovecotplan.including(after) == after


def test_dovecot_knows_every_address_that_is_not_a_mailbox() -> None:
    files = dovecotplan.tables(SETTINGS, "/var/spool/postfix")
    lines = files[dovecotplan.ALIASES].splitlines()
    for address in SETTINGS.addresses():
        assert f"{address.destination}:::::::userdb_user={address.mailbox}" in lines
    assert "unix_listener /var/spool/postfix/private/quota-status {" in files[dovecotplan.QUOTA]
    assert "%(" not in files[dovecotplan.QUOTA]


@pytest.mark.parametrize(("policy", "asked"), [("", False), ("inet:127.0.0.1:12340", True)])
def test_a_quota_policy_that_is_the_operators_own_or_none(policy: str, *, asked: bool) -> None:
    settings = SETTINGS.model_copy(update={"dell": SETTINGS.dell.model_copy(update={"quota_policy": policy})})
    assert dovecotplan.tables(settings, "/var/spool/postfix") == {}
    parameters = dellplan.parameters(settings)
    assert ("check_policy_service" in parameters["smtpd_recipient_restrictions"]) is asked
    assert ("smtpd_end_of_data_restrictions" in parameters) is asked


@pytest.mark.parametrize(
    ("series", "plugins", "words"),
    [
        ("2.3", ("quota",), "quota-status -p postfix\n"),
        ("2.3", ("zlib", "acl"), "quota-status -p postfix -o mail_plugins=zlib,acl,quota\n"),
        ("2.3", (), "  args = username_format=%L{orig_user} /etc/dovecot/mxgate-aliases\n"),
        ("2.4", (), "protocol quota-status {\n  mail_plugins {\n    quota = yes\n  }\n"),
        ("2.4", (), "    auth_username_format = %{original_user|lower}\n"),
    ],
)
def test_the_service_has_its_plugin_and_the_world_s_form_of_an_address(
    series: str, plugins: tuple[str, ...], words: str
) -> None:
    """Else it lets in everything where only LMTP has the plugin, and knows no alias where users log in by less."""
    files = dovecotplan.tables(SETTINGS, "/var/spool/postfix", series, plugins)
    assert words in files[dovecotplan.QUOTA]
