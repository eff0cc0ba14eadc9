"""A-1: what Dell's Postfix goes by, of main.cf, master.cf and tables, and what it says of them itself."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace
from typing import Any, cast

import pytest

from fixtures.access.transport import Result
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.plan import postfix as dellplan
from fixtures.probes.dell import postfix, sending
from fixtures.probes.dell.postfix import Check, Configuration, File
from fixtures.probes.smtp import submission
from fixtures.settings import Secrets
from tests.judges import FAIL, LOOK, PASS, Says, all_say, says

SETTINGS = settings_without_a_lab()
FILES = (
    File("/etc/postfix/main.cf", True, changed_at=100.9),
    File("/etc/postfix/master.cf", True, changed_at=99),
    File("/x/master.pid", True, changed_at=200),
)


def configured(**more: Any) -> Configuration:
    """As the plan has it, and sent by the settings' relay host."""
    written = dellplan.parameters(SETTINGS) | dellplan.outbound(SETTINGS, "hash") | more.pop("written", {})
    overrides = {each: dict(wanted) for each, wanted in dellplan.services(SETTINGS).items()}
    overrides |= more.pop("overrides", {})
    return Configuration("Dell", {}, written, (), overrides, FILES, 1, 50.0, LOOK)


class Tables:
    """Dell, asked for rows of its tables: whatever its table's kind."""

    name = "Dell"

    def __init__(self, rows: dict[str, str]) -> None:
        self.rows = rows

    def run(self, *argv: str, **_: object) -> Result:
        found = self.rows.get(argv[2], "")
        return Result(argv, 0 if found else 1, found, "")


def red(it: Configuration, **policies: str) -> list[Says]:
    """What is red, where smtp_tls_policy_maps has POLICIES of the relay host."""
    sends = sending.look(cast("Any", Tables(policies)), it, SETTINGS)
    planned = postfix.judged_parameters(it, dellplan.parameters(SETTINGS), SETTINGS)
    judged = all_say(planned, "") + all_say(sending.judged(replace(sends, evidence=(LOOK,)), SETTINGS), "")
    assert len(judged) > 20
    return [each for each in judged if each[0] is not PASS]


def test_parameters() -> None:
    hint = "Run prepare_dell; if a service's -o overrides it, look into master.cf"
    assert red(configured()) == []
    (unset,) = red(configured(written={"recipient_delimiter": "%"}))
    said = f"recipient_delimiter: expected {dellplan.parameters(SETTINGS)['recipient_delimiter'] or '(empty)'}, found %. {hint}"
    assert unset == (FAIL, said)
    assert "inet_protocols" in dellplan.parameters(SETTINGS)
    assert red(configured(overrides={"smtp/unix": {"inet_protocols": "ipv4"}})) == []
    assert len(red(configured(overrides={"lmtp/unix": {"inet_protocols": "ipv4"}}))) == 1
    (stray,) = red(configured(overrides={"lmtp/unix": {"myhostname": "x"}}))
    said = f"lmtp/unix: myhostname: expected {dellplan.parameters(SETTINGS)['myhostname']}, found x. {hint}"
    assert stray == (FAIL, said)
    service = next(each for each, wanted in dellplan.services(SETTINGS).items() if wanted)
    missing = red(configured(overrides={service: {}}))
    assert all(each[1].endswith(f", found not set. {hint}") for each in missing)
    assert len(missing) == len(dellplan.services(SETTINGS)[service])
    (sends,) = red(configured(written={"relayhost": "[other]:587"}))
    assert sends[1].startswith("relayhost: expected [smtp.sendgrid.net]:587, found [other]:587. Mend it by hand")
    (soft,) = red(replace(configured(), values={"soft_bounce": "yes"}))
    assert soft[1].startswith("soft_bounce: expected no, found yes. Take it out")


@pytest.mark.parametrize(
    ("service", "parameter", "value", "said"),
    [
        ("smtp", "smtp_tls_security_level", "none", "smtp_tls_security_level: expected encrypt or dane-only or fingerprint or verify or secure, found none, by smtp/unix. Mend it by hand"),
        ("smtp", "smtp_tls_security_level", "may", "smtp_tls_security_level: expected encrypt or "),
        ("smtp", "smtp_sasl_auth_enable", "no", "smtp_sasl_auth_enable: expected yes, found no, by smtp/unix. Mend"),
        ("smtp", "smtp_sasl_password_maps", "", "smtp_sasl_password_maps: expected a table with the login, found (not set), by smtp/unix. Mend"),
        ("smtp", "smtp_tls_security_level", "secure", ""),
        ("smtp", "relayhost", "[other]:587", ""),
        ("rewrite", "relayhost", "[other]:587", "relayhost: expected [smtp.sendgrid.net]:587, found [other]:587, by rewrite/unix. Mend"),
        ("other", "smtp_tls_security_level", "none", ""),
        ("smtp", "soft_bounce", "yes", "smtp/unix: soft_bounce: expected no, found yes. Run"),
        ("lmtp", "soft_bounce", "Yes", "lmtp/unix: soft_bounce: expected no, found Yes. Run"),
        ("qmgr", "soft_bounce", "No", ""),
        ("cleanup", "header_size_limit", "700", "header_size_limit: expected at least 102400 octets, Postfix's default, found 700."),
    ],
)  # fmt: skip
def test_what_a_service_overrides(service: str, parameter: str, value: str, said: str) -> None:
    found = red(configured(overrides={f"{service}/unix": {parameter: value}}))
    assert [words.startswith(said) for _, words in found] == [True] * bool(said), found


def test_the_client_is_the_one_that_mail_leaves_by() -> None:
    other = configured(overrides={"other/unix": {"smtp_tls_security_level": "none"}})
    assert len(red(replace(other, values={"default_transport": "other"}))) == 1
    assert replace(other, values={"default_transport": "other:[x]:25"}).client == "other/unix"


@pytest.mark.parametrize(
    ("level", "policy", "found"),
    [
        ("may", "encrypt", ""),
        ("may", "secure,match=nexthop protocols=>=TLSv1.2", ""),
        ("may", "may", "found may, by texthash:/p. Mend"),
        ("encrypt", "none", "found none, by texthash:/p. Mend"),
        ("encrypt", "dane", "found dane, by texthash:/p. Mend"),
        ("may", "", "found may. Mend"),
        ("encrypt", "", ""),
    ],
)
def test_the_relay_hosts_policy_comes_before_the_level(level: str, policy: str, found: str) -> None:
    it = configured(written={"smtp_tls_security_level": level})
    host = "[smtp.sendgrid.net]:587"
    it = replace(it, values={"smtp_tls_policy_maps": "texthash:/p"})
    judged = red(it, **({host: f"{policy}\n"} if policy else {"sendgrid.net": "encrypt"}))
    assert [found in words for _, words in judged] == [True] * bool(found), judged


@pytest.mark.parametrize(
    ("asks", "written", "own", "insists"),
    [
        (True, {}, {}, True),
        (True, {"smtp_sasl_auth_enable": "no"}, {}, False),
        (False, {"smtp_sasl_auth_enable": "no"}, {}, True),
        (False, {"smtp_tls_security_level": "may"}, {}, False),
        (True, {}, {"smtp_tls_security_level": "none"}, False),
        (True, {"smtp_tls_security_level": "may"}, {"smtp_tls_security_level": "encrypt"}, True),
        (True, {"relayhost": "[other]"}, {}, True),  # which another expectation judges
    ],
)
def test_whether_dell_insists_on_tls_and_a_login(
    monkeypatch: pytest.MonkeyPatch, asks: bool, written: dict[str, str], own: dict[str, str], insists: bool
) -> None:
    monkeypatch.setattr(postfix, "configuration", lambda _: configured(written=written, overrides={"smtp/unix": own}))
    settings = SETTINGS.model_copy(update={"relay": SETTINGS.relay.model_copy(update={"login": asks})})
    found = submission.insistence(Migration(settings, Secrets()))
    assert found.both is insists
    assert f"smtp_tls_security_level = {own.get('smtp_tls_security_level', '')}" in found.evidence.answer


def test_by_what_a_policy_is_looked_for() -> None:
    assert dellplan.policy_keys("[a.b.example]:587") == ("[a.b.example]:587",)
    assert dellplan.policy_keys("a.b.example:587") == ("a.b.example:587",)
    assert dellplan.policy_keys("a.b.example") == ("a.b.example", ".b.example", ".example")
    assert dellplan.policy_keys("") == ()


def test_parameters_written_in_another_way() -> None:
    name, domains = (dellplan.parameters(SETTINGS)[each] for each in ("myhostname", "virtual_mailbox_domains"))
    assert red(configured(written={"myhostname": name.upper()})) == []
    assert red(configured(written={"smtpd_sasl_auth_enable": "No"})) == []
    turned = " ".join(reversed(dellplan.normal(domains)))
    assert red(configured(written={"virtual_mailbox_domains": turned})) == []
    (barred,) = red(configured(written={"virtual_mailbox_domains": f"!{turned}"}))
    assert barred[1].startswith("virtual_mailbox_domains: expected")
    assert red(configured(written={"relayhost": "[SMTP.SendGrid.net]:submission"})) == []
    macro = configured(written={"virtual_mailbox_domains": "$routed"})
    assert red(replace(macro, values={**macro.values, "virtual_mailbox_domains": domains})) == []
    overridden = replace(macro, values={**macro.values, "virtual_mailbox_domains": domains})
    (unlike,) = red(replace(overridden, overrides={**macro.overrides, "rewrite/unix": {"routed": "x"}}))
    assert unlike[1].startswith("virtual_mailbox_domains: expected")
    assert ", found $routed. Run" in unlike[1]
    (other,) = red(replace(macro, values={**macro.values, "virtual_mailbox_domains": "x"}))
    assert ", found x. Run prepare_dell" in other[1]
    (bare,) = red(configured(written={"relayhost": "smtp.sendgrid.net:587"}))
    assert bare[1].startswith("relayhost: expected [smtp.sendgrid.net]:587, found smtp.sendgrid.net:587")


def test_what_was_read() -> None:
    hint = "postfix reload (restart, if inet_interfaces changed)"
    good, late = (f"/etc/postfix/{name}.cf: expected read since its last change, found " for name in ("master", "main"))
    assert all_say(postfix.judged_read(configured(), (99.0,)), "") == [
        (FAIL, f"{late}changed since. {hint}"),
        (PASS, f"{good}read since its last change"),
    ]
    assert [each.verdict for each in postfix.judged_read(configured(), (100.0,))] == [PASS, PASS]
    for said, verdict in (("", PASS), ("odd", FAIL)):
        words = f"postfix check: expected nothing to say, found {said or 'nothing to say'}"
        assert says(postfix.judged_check(Check(said, LOOK)), "") == (verdict, words)


QUEUED = "/var/spool/postfix/incoming/75297B0385"
FORMER = (
    'warning: /etc/postfix/main.cf: support for parameter "smtpd_use_tls" will be removed; instead, specify '
    '"smtpd_tls_security_level"'
)
GONE = FORMER.replace('"smtpd_use_tls" will be', "smtpd_use_tls has been")
OLD = """\
postfix: Postfix is using backwards-compatible default settings
postfix: See https://www.postfix.org/COMPATIBILITY_README.html for details
postfix: To disable backwards compatibility use "postconf compatibility_level=3.6" and "postfix reload"
"""
UNDEFINED = "/usr/sbin/postconf: warning: /etc/postfix/master.cf: undefined parameter: mua_helo_restrictions"
LINK = "postfix/postfix-script: warning: symlink leaves directory: /etc/postfix/."


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("status 0\n", ""),
        (f"find: '{QUEUED}': No such file or directory\npostfix/postlog: warning: not owned by postfix: {QUEUED}\nstatus 0\n", ""),
        (f"find: \u2018{QUEUED}\u2019: No such file or directory\npostfix/postlog: warning: not owned by postfix: {QUEUED}\nstatus 0\n", ""),
        (f"postfix/postlog: warning: not owned by postfix: {QUEUED}\nstatus 0\n", f"postfix/postlog: warning: not owned by postfix: {QUEUED}\nstatus 0"),
        ("/usr/lib/postfix: updating /etc/hosts => /var/spool/postfix/etc/hosts\nstatus 0\n", ""),
        (f"/usr/sbin/postconf: {FORMER}\npostfix/postfix-script: {FORMER}\nstatus 0\n", ""),
        (f"/usr/sbin/postconf: {FORMER}\nstatus 0\n".replace("_use_tls", "_tls_eecdh_grade"), ""),
        (f"{GONE}\nstatus 0\n", f"{GONE}\nstatus 0"),
        (f"{LINK}/makedefs.out\r\nstatus 0\r\n", ""),
        (f"{LINK}/main.cf\r\nstatus 0\r\n", f"{LINK}/main.cf\nstatus 0"),
        (f"{OLD}status 0\n", ""),
        (f"{OLD.replace('https', 'http').replace('postfix:', 'Dec 01 22:32:24 vm postfix[11]:')}status 0\n", ""),
        (f"{OLD}postfix: To do\nstatus 0\n", "postfix: To do\nstatus 0"),
        (f"{UNDEFINED}\nstatus 0\n", ""),
        (f"{UNDEFINED}s\nstatus 0\n", f"{UNDEFINED}s\nstatus 0"),
        (f"{UNDEFINED.replace('master', 'main')}\nstatus 0\n", f"{UNDEFINED.replace('master', 'main')}\nstatus 0"),
        ("postfix: fatal: odd\nstatus 1\n", "postfix: fatal: odd\nstatus 1"),
        ("status 1\n", "status 1"),
    ],
)  # fmt: skip
def test_what_harms_nothing_is_no_complaint(said: str, found: str) -> None:
    assert postfix.complaints(said) == found


@pytest.mark.parametrize(
    ("name", "complains"),
    [
        ("old_server", False),
        ("tables", False),
        ("MYNETWORKS", True),
        ("smtpd_client_restriction", True),
        ("mynetwork", True),
        ("smtp_x", True),
        ("smtp-amavis_destination_recipient_limit", False),
        ("dovecot_destination_recipient_limit", False),
        ("policy-spf_time_limit", False),
        ("smpt_destination_recipient_limit", True),
        ("smtpd-client_restrictions", True),
    ],
)
def test_a_macro_that_nobody_reads_is_no_misspelt_parameter(name: str, complains: bool) -> None:
    line = f"/usr/sbin/postconf: warning: /etc/postfix/main.cf: unused parameter: {name}=x"
    known = (
        *("mynetworks", "smtp_tls_security_level", "smtpd_client_restrictions", "virtual_alias_maps"),
        *("smtp_destination_recipient_limit", "default_destination_recipient_limit", "command_time_limit"),
    )
    assert bool(postfix.complaints(f"{line}\nstatus 0\n", known)) is complains
    assert postfix.complaints(f"{line}\nstatus 0\n")
