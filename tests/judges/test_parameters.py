"""A-1: what Dell's Postfix goes by, of main.cf, master.cf and tables, and what it says of them itself."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace
from typing import Any

import pytest

from fixtures.lab.files import settings_without_a_lab
from fixtures.plan import postfix as dellplan
from fixtures.probes.dell import postfix
from fixtures.probes.dell.postfix import Check, Configuration, File
from tests.judges import FAIL, LOOK, PASS, Says, all_say, says

SETTINGS = settings_without_a_lab()
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


def red(it: Configuration) -> list[Says]:
    judged = all_say(postfix.judged_parameters(it, dellplan.parameters(SETTINGS), SETTINGS), "")
    assert len(judged) > 20
    return [each for each in judged if each[0] is not PASS]


def test_parameters() -> None:
    hint = "Run prepare_dell; if a service's -o overrides it, look into master.cf"
    assert red(configured()) == []
    (unset,) = red(configured(written={"recipient_delimiter": "%"}))
    assert unset == (
        FAIL,
        f"recipient_delimiter: expected {dellplan.parameters(SETTINGS)['recipient_delimiter'] or '(empty)'}, found %. {hint}",
    )
    assert "inet_protocols" in dellplan.parameters(SETTINGS)
    assert red(configured(overrides={"smtp/unix": {"inet_protocols": "ipv4"}})) == []
    assert len(red(configured(overrides={"lmtp/unix": {"inet_protocols": "ipv4"}}))) == 1
    (stray,) = red(configured(overrides={"lmtp/unix": {"myhostname": "x"}}))
    assert stray == (
        FAIL,
        f"lmtp/unix: myhostname: expected {dellplan.parameters(SETTINGS)['myhostname']}, found x. {hint}",
    )
    service = next(each for each, wanted in dellplan.services(SETTINGS).items() if wanted)
    missing = red(configured(overrides={service: {}}))
    assert all(each[1].endswith(f", found not set. {hint}") for each in missing)
    assert len(missing) == len(dellplan.services(SETTINGS)[service])
    (sends,) = red(configured(written={"relayhost": "[other]:587"}))
    assert sends[1].startswith("relayhost: expected [smtp.sendgrid.net]:587, found [other]:587. Mend it by hand")
    (soft,) = red(replace(configured(), values={"soft_bounce": "yes"}))
    assert soft[1].startswith("soft_bounce: expected no, found yes. Take it out")


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
