"""What Dell serves today and the plan doesn't know: refused by name, kept by name, never taken away in silence."""

import os
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from fixtures.evidence import CouldNotAsk
from fixtures.lab import outages
from fixtures.migration import Migration
from fixtures.plan import dovecot as dovecotplan
from fixtures.preflight.init import reading
from fixtures.probes.dell import postfix
from fixtures.probes.logs import receivers
from scripts import prepare_dell, retire_xclient
from scripts.lib import addresses
from scripts.lib.change import Job, Refused
from scripts.lib.dell import dovecot, effect, host_files, kept, outgoing, relaying, restore
from scripts.lib.dns import mta_sts
from tests.scripts.owning import AN_HOUR_PASSES
from tests.scripts.single import BOXES, BY_PROGRAM, DEBIAN_12, DOMAINS, HOME, KEEPS, LOCALLY, Single, make, single

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a container needs root")
VIRTUAL, MORE = "hash:/etc/postfix/virtual", "regexp:/etc/postfix/more"
SEVERAL = f"""\
sed -i /^abuse@web/d virtual
cat >>virtual <<EOF
alice@{HOME} alice@{HOME}, Alice@Gmail.example
abuse@{HOME} bob@{HOME},
  alice
press@{HOME} both
both bob@{HOME} alice@{HOME}
EOF
postmap virtual"""
"""A copy to the world, two users in the place of one, and a chain."""
GREY = "check_policy_service inet:127.0.0.1:10023"
FILES = "find /etc/postfix /etc/dovecot -type f ! -name '*.bak-*' -exec sha256sum {} + | sort"


@pytest.fixture(scope="module")
def dell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Single]:
    with single(tmp_path_factory.mktemp("single"), DEBIAN_12) as made:
        yield made


def _refused(dell: Single, *words: str, **settings: Any) -> None:
    """A plan is refused with these words, and nothing was changed."""
    before = dell.bash(FILES)
    with pytest.raises(Refused) as said:
        list(prepare_dell.plan(dell.job(**settings)))
    missing = [each for each in words if each not in str(said.value)]
    assert not missing, f"no word of {missing} in:\n{said.value}"
    assert dell.bash(FILES) == before


def _an_hour_passes(dell: Single) -> None:
    dell.bash(f"cd /etc/postfix; {AN_HOUR_PASSES}")


def test_domains_and_mailboxes_in_a_database_are_refused_by_name(dell: Single) -> None:
    _refused(dell, f"virtual_mailbox_domains: {DOMAINS} (", f"virtual_mailbox_maps: {BOXES} (", "Nothing was changed")


def test_init_proposes_to_keep_them(dell: Single) -> None:
    """Before and after Dell was prepared; a domain in words too, and none that moves."""
    names = dell.settings.domain_names
    kept_ones = {"virtual_mailbox_domains": [DOMAINS], "virtual_mailbox_maps": [BOXES]}
    assert reading.mail(dell.shell, names).keeps == kept_ones
    dell.bash(f"cp -a /etc/postfix/virtual* /run; cd /etc/postfix; {SEVERAL}")
    read = reading.mail(dell.shell, names)
    dell.bash("mv /run/virtual* /etc/postfix")
    assert read.aliases.keys() >= {f"info@{HOME}", f"postmaster@{HOME}"}
    assert read.no_aliases == {
        f"alice@{HOME}": f"alice@{HOME}, alice@gmail.example",
        f"abuse@{HOME}": f"bob@{HOME}, alice",
        f"press@{HOME}": "both",
    }
    assert read.catch_alls == {names[1]: f"support@{names[1]}"}
    domains = f"{names[0]}, dell.{names[0]}, Club.example"
    prepared = {"virtual_mailbox_domains": domains, "virtual_alias_maps": "hash:/x"}
    assert reading.besides(prepared, names) == {"virtual_mailbox_domains": ["Club.example"]}


FAULTS: dict[str, tuple[str, ...]] = {
    "no-such-domain": (
        "true",
        "dell.keeps: virtual_mailbox_domains: expected nosuch.example in main.cf, found webmakeprofit.org",
    ),
    "no-such-file": ("mv mailboxes.cf away", f"{BOXES} can't be read", "No such file or directory"),
    "no-database": ("sed -i s/mysqld.sock/nosuch.sock/ mailboxes.cf", f"{BOXES} can't be read"),
    "alias": (
        "echo 'uncle@family.example alice@webmakeprofit.org' >>virtual; postmap virtual",
        "virtual_alias_maps: hash:/etc/postfix/virtual: uncle@family.example",
    ),
    "several": (
        SEVERAL,
        f"virtual_alias_maps: {VIRTUAL}: alice@{HOME} leads to alice@{HOME}, alice@gmail.example, and by the ",
        f": abuse@{HOME} leads to bob@{HOME}, alice@{HOME}, and by the plan to office@{HOME}\n",
        f": press@{HOME} leads to bob@{HOME}, alice@{HOME}, and by the plan to nobody\n",
        "where to several, or elsewhere, put a mailbox whose Sieve script redirects in its place",
    ),
    "behind": (
        f"echo '/^(info|alice)@web/ x@gmail.example' >more; postconf -e 'virtual_alias_maps = {VIRTUAL}, {MORE}'",
        f":\n  virtual_alias_maps: {MORE} stays behind ours: info@{HOME} leads to x@gmail.example, and by ",
        f"the plan to alice@{HOME}\nIn migration.toml",
    ),
    "mailbox": (
        f"echo 'old@{HOME} x/' >boxes; postconf -e 'virtual_mailbox_maps = texthash:/etc/postfix/boxes'",
        f"virtual_mailbox_maps: texthash:/etc/postfix/boxes: old@{HOME} leads to old@{HOME}, and by the plan to ",
    ),
    "compiled": ("rm virtual.db", "virtual_alias_maps: hash:/etc/postfix/virtual (can't be read"),
    "destination": ("postconf -e 'mydestination = old.example'", "mydestination: old.example"),
    "relayed": ("postconf -e 'relay_domains = club.example'", "relay_domains: club.example"),
    "network": (
        "postconf -e lan=10.1.0.0/16 'mynetworks = 127.0.0.0/8 $lan'",
        "mynetworks: 10.1.0.0/16 may relay today",
    ),
    "local": (
        f"{LOCALLY}; echo 'team: alice, Ext@Gmail.example' >team; postalias team",
        f"luser_relay: $local@other.example: has mail of {HOME}",
        f"/.forward: has mail of {HOME}",
        f"alias_maps: team@{HOME} leads to alice@{HOME}, ext@gmail.example, and by the plan to nobody",
    ),
    "transport": (
        "postconf -e 'virtual_transport = virtual'",
        "delivered by virtual_transport = virtual, which will be lmtp:unix:private/dovecot-lmtp",
    ),
    "filter": (
        "postconf -e 'virtual_transport = lmtp:[127.0.0.1]:10024'",
        "virtual_transport: lmtp:[127.0.0.1]:10024, which will be lmtp:unix:private/dovecot-lmtp: another way ",
    ),
    "aliases": (
        f"postconf -e 'virtual_alias_domains = {HOME}'",
        f"virtual_alias_domains: {HOME} is a virtual alias domain: no mailbox can be in it",
    ),
    "key": (
        f"echo '{HOME} anything' >>virtual; postmap virtual",
        f"virtual_alias_domains: {HOME} is a virtual alias domain",
        f"take its row out of {VIRTUAL}",
    ),
    "login": (
        "postconf -X smtp_sasl_password_maps; rm sasl_passwd",
        "Dell has no login for [smtp.sendgrid.net]:587: expected it in /etc/postfix/sasl_passwd",
    ),
    "relay": (
        "postconf -e 'relayhost = [smtp.other.example]:587'",
        "Dell sends by relayhost = [smtp.other.example]:587, and relay.host says [smtp.sendgrid.net]:587",
    ),
    "grey": (
        f"postconf -e 'smtpd_recipient_restrictions = {GREY}, permit_mynetworks, reject_unauth_destination'",
        f"smtpd_recipient_restrictions: {GREY}: what stays is moved to smtpd_sender_restrictions",
    ),
    "listed": (
        "postconf -P smtp/inet/smtpd_client_restrictions=reject_rbl_client,zen.example,permit",
        "smtpd_client_restrictions of smtp/inet: reject_rbl_client zen.example",
    ),
}
"""What is at fault on Dell, and what a refusal says of it."""


@pytest.mark.parametrize(
    ("faults", "keeps"),
    [
        ("alias several destination relayed network grey listed", {}),
        (
            "no-such-domain mailbox transport",
            {"virtual_mailbox_domains": ("nosuch.example", DOMAINS), "virtual_mailbox_maps": ()},
        ),
        ("no-such-file aliases", {}),
        ("no-database filter compiled", {}),
        ("behind", {"virtual_alias_maps": (VIRTUAL, MORE)}),
        ("local", {}),
        ("key", {"virtual_alias_maps": (VIRTUAL,)}),
        ("login", {}),
        ("relay", {}),
    ],
)
def test_what_would_vanish_or_can_not_be_kept_is_refused(dell: Single, faults: str, keeps: dict[str, Any]) -> None:
    """Several faults are named in one refusal, ten at most."""
    said = [FAULTS[each] for each in faults.split()]
    dell.bash(f"cp -a /etc/postfix /run/kept; cd /etc/postfix; {'; '.join(break_it for break_it, *_ in said)}")
    try:
        _refused(dell, *(word for _, *words in said for word in words), keeps=KEEPS.model_copy(update=keeps))
    finally:
        dell.bash("find /etc/postfix -mindepth 1 -delete; cp -a /run/kept/. /etc/postfix")
        dell.bash("rm -rf /run/kept ~root/.forward")


def test_what_is_dropped_by_name_may_go(dell: Single) -> None:
    settings = dell.job(dropped=(DOMAINS, BOXES, GREY)).migration.settings
    dell.bash(f"postconf -e 'smtpd_recipient_restrictions = {GREY}'")
    kept.require(dell.shell, settings, {})
    dell.bash("postconf -X smtpd_recipient_restrictions")


def test_what_users_sieve_scripts_do_does_not_end(dell: Single) -> None:
    """With the refusal's own words in Dovecot's files LMTP does it too, and nothing else is refused."""
    plugins, detail = "mail_plugins = quota sieve", "lmtp_save_to_detail_mailbox = yes"
    try:
        dell.bash(BY_PROGRAM)
        _refused(dell, "dovecot: Dovecot's program has sieve by `protocol lda`, and LMTP", plugins, detail, keeps=KEEPS)
        dell.bash(f"printf 'protocol lmtp {{\\n {plugins}\\n {detail}\\n}}\\n' >>{dovecotplan.MAIN}")
        kept.require(dell.shell, dell.job(keeps=KEEPS).migration.settings, {})
    finally:
        dell.bash(f"cp -a /run/dovecot.conf {dovecotplan.MAIN}; cp -a /run/postfix/. /etc/postfix; rm -r /run/postfix")


def test_aliases_that_a_database_has_are_not_passed_over(dell: Single) -> None:
    """Its keys can't be listed, nor those of tables made of tables; a catch-all in them is asked for."""
    table, made = "mysql:/etc/postfix/everybody.cf", "unionmap:{inline:{x@y=a, z@y=b}, regexp:/etc/postfix/none}"
    dell.bash("cd /etc/postfix; sed 's/^query.*/query = SELECT 1/' mailboxes.cf >everybody.cf")
    dell.bash(f"touch /etc/postfix/none; postconf -e 'virtual_alias_maps = proxy:{VIRTUAL}, {table}, {made}'")
    found = receivers.aliases(dell.shell, ("webmakeprofit.org",))
    proposed = reading.mail(dell.shell, dell.settings.domain_names)
    dell.bash(f"cd /etc/postfix; postconf -e 'virtual_alias_maps = {VIRTUAL}'; rm everybody.cf none")
    assert found.by_key == (table, made)
    assert proposed.keeps["virtual_alias_maps"] == [table, made]
    assert f"info@{HOME}" in proposed.aliases
    assert ("", "@webmakeprofit.org", "") in {("", *row[1:]) for row in found.rows}
    assert (f"proxy:{VIRTUAL}", f"info@{HOME}", f"alice@{HOME}") in found.rows
    assert found.origin == HOME


def test_how_dell_sends_is_left_as_it_is_and_its_tables_follow_the_host(dell: Single) -> None:
    settings = dell.settings
    own = {"relayhost": settings.relay.host, "smtp_sasl_password_maps": "lmdb:/x", "smtp_tls_security_level": "dane"}
    planned = relaying.parameters(dell.shell, settings, own)
    assert not planned.keys() & own.keys()
    dell.bash("postconf -e default_database_type=btree")
    try:
        logins = relaying.parameters(dell.shell, settings, {})["smtp_sasl_password_maps"]
        assert logins == "btree:/etc/postfix/sasl_passwd"
    finally:
        dell.bash("postconf -X default_database_type")


def test_a_catch_all_that_ends_is_named(dell: Single) -> None:
    dangers = {write.subject: write.danger for write in prepare_dell.plan(dell.job(keeps=KEEPS)) if write.danger}
    assert dangers == {"/etc/postfix/main.cf": "ends the catch-all of fx-trader-life.com"}


def test_with_keeps_it_is_planned_and_undone_when_no_message_leaves(dell: Single) -> None:
    """Nobody is there who would take the message."""
    sums = "sha256sum /etc/postfix/main.cf /etc/postfix/master.cf"
    before = dell.bash(sums)
    with pytest.raises(Refused, match=r"(?s)does not leave Dell: deferred: .*as in the newest backup again"):
        make(prepare_dell.plan(dell.job(keeps=KEEPS)))
    assert dell.bash(sums) == before
    assert not dell.bash("postqueue -j").strip()


def test_with_keeps_the_family_is_served_as_before(dell: Single, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the message, for which it takes a lab: Dovecot 2.3's quota-status, our tables before the database's."""
    monkeypatch.setattr(outgoing, "require", lambda *_: None)
    job = dell.job(keeps=KEEPS)
    done = make(prepare_dell.plan(job))
    assert done[-1] == "Postfix on Dell"
    assert not list(prepare_dell.plan(job))
    assert _unread_but_for_the_log(dell) == []
    stands = dell.bash("postconf -h virtual_mailbox_domains virtual_mailbox_maps").splitlines()
    assert stands[0].endswith(f", {DOMAINS}")
    assert stands[1] == f"texthash:/etc/postfix/mxgate-mailboxes, {BOXES}"
    dell.bash("printf 'Subject: tea\\n\\n' | sendmail -f alice@webmakeprofit.org aunt@family.example")
    dell.bash("for _ in {1..100}; do ls /srv/vmail/aunt@family.example/Maildir/new/* && exit; sleep .1; done; exit 1")
    # Without the listener it serves as well, and prepare_dell brings it back.
    _an_hour_passes(dell)
    assert make(retire_xclient.plan(job))[-1] == "port 10025 of Dell's loopback"
    assert not list(retire_xclient.plan(job))
    _an_hour_passes(dell)
    assert "Postfix on Dell" in make(prepare_dell.plan(job))
    assert _unread_but_for_the_log(dell) == []


def test_a_domain_of_aliases_only_is_found_by_its_mailbox_too(dell: Single) -> None:
    """RCPT for the delivery domain is taken, and what comes would bounce (trivial-rewrite(8)). Who asks has no name."""
    address = next(dell.settings.addresses())
    helo = "smtpd_helo_required=yes smtpd_helo_restrictions=reject_unknown_helo_hostname"
    dell.bash(f"postconf -e virtual_alias_domains={HOME} {helo}; postfix reload; sleep 1")
    try:
        with pytest.raises(Refused, match=f"{HOME} is a virtual alias domain"):
            effect._require_tables(dell.shell, dell.settings)
        effect._require_accepted(dell.shell, dell.settings, "104.30.0.1", address.destination)
        with pytest.raises(Refused, match=r"heard 550 5\.1\.1 .* virtual alias table"):
            effect._require_accepted(dell.shell, dell.settings, "104.30.0.1", address.mailbox)
    finally:
        dell.bash("postconf -X virtual_alias_domains smtpd_helo_required smtpd_helo_restrictions; postfix reload")


def test_a_port_of_another_program_is_refused_and_postfix_s_own_is_not(dell: Single) -> None:
    """Its master listens at a service that master.cf has no more, till it is reloaded."""
    main, port = dell.bash("cat /etc/postfix/master.cf"), "127.0.0.1:10025 inet n - n - - smtpd\n"
    effect.require_free(dell.shell, dell.settings, "", port)
    there = dell.job(xclient_port=10125).migration.settings
    dell.bash("python3 -m http.server -b 127.0.0.1 10125 >/dev/null 2>&1 & echo $! >/run/other; sleep 1")
    try:
        with pytest.raises(Refused, match=r"port 10125 at 127\.0\.0\.1 is another program's"):
            effect.require_free(dell.shell, there, main, port.replace("10025", "10125"))
        _refused(dell, "name a free one as dell.xclient_port. Nothing was changed", keeps=KEEPS, xclient_port=10125)
    finally:
        dell.bash("kill $(cat /run/other)")


def _unread_but_for_the_log(dell: Single) -> list[str]:
    """What Postfix has not read by all that the host has but its log, of a master that was started long ago."""
    dell.bash("touch -d '9 hours ago' /var/spool/postfix/pid/master.pid")
    return [each.path for each in postfix.configuration(dell.shell).newer_files(())]


def test_what_another_hand_has_edited_is_not_taken_back(dell: Single, monkeypatch: pytest.MonkeyPatch) -> None:
    """Postfix has not read it yet, and the newest copy is from before the first preparation."""
    monkeypatch.setattr(outgoing, "require", Mock(side_effect=Refused("a test does not leave Dell")))
    socket = f"/var/spool/postfix/{dovecotplan.OURS.removeprefix('unix:')}"
    # What is changed within the second of a reload counts as read.
    dell.bash(f"sleep 1; postconf -e maximal_queue_lifetime=4d; rm {socket}")
    assert _unread_but_for_the_log(dell) == ["/etc/postfix/main.cf"]
    try:
        writes = [each for each in prepare_dell.plan(dell.job(keeps=KEEPS)) if each.subject == "Postfix on Dell"]
        dell.bash(f"echo 'no_such_setting = 1' >>{dovecotplan.MAIN}")
        before = dell.bash(FILES)
        with pytest.raises(Refused, match=r"does not leave Dell\. What this run wrote of its files stays"):
            make(iter(writes))
        with pytest.raises(Refused, match=r"conf was not written, and nothing is put back"):
            make(dovecot.service(dell.shell, dell.settings))
        assert dell.bash(FILES) == before
    finally:
        dell.bash(f"postconf -X maximal_queue_lifetime; sed -i /no_such_setting/d {dovecotplan.MAIN}; doveadm reload")


LARGE = r"""
exec 3<>/dev/tcp/127.0.0.1/25
hear() { while read -r line <&3 && [[ $line == ???-* ]]; do :; done; line=${line%$'\r'}; }
say() { printf '%s\r\n' "$1" >&3; hear; }
hear
say "EHLO x"
say "MAIL FROM:<bob@webmakeprofit.org> SIZE=12582912"
say "RCPT TO:<alice@dell.webmakeprofit.org>"; echo "${line:4}"
say RSET; echo "${line:0:3}"
say "MAIL FROM:<bob@webmakeprofit.org>"
say "RCPT TO:<alice@dell.webmakeprofit.org>"; echo "${line:4}"
say DATA
{ printf 'Subject: large\r\n\r\n'; yes "$(printf '%076d' 0)"$'\r' | head -n 161319; } >&3
say .; echo "${line:0:3}"
"""
TRIED = "for _ in {1..500}; do grep -q 'alice@dell.*status=%s' /var/log/mail.log && exit; sleep .1; done; exit 1"


def test_dovecot_23_keeps_what_it_is_not_asked_about_until_there_is_room(dell: Single) -> None:
    """At the end of a message it says nothing; an announced size is refused at RCPT (A-17)."""
    full = outages.OUTAGES["a mailbox is nearly full"]
    assert isinstance(full, outages.OnDell)
    dell.bash(full.begin.replace("ADDRESS", "alice@webmakeprofit.org"))
    said = dell.bash(LARGE).splitlines()
    assert "5.2.3" in said[0]
    assert said[2:] == ["2.1.5 Ok", "250"]
    dell.bash(TRIED % "deferred .*452 4.2.2")
    dell.bash(full.end.replace("ADDRESS", "alice@webmakeprofit.org"))
    dell.bash(f"postqueue -f; {TRIED % 'sent'}")


@pytest.mark.parametrize("copies", [True, False], ids=["with a copy", "and without one"])
def test_a_listener_that_can_not_be_missed_comes_back_after_a_kill_too(
    dell: Single, monkeypatch: pytest.MonkeyPatch, *, copies: bool
) -> None:
    """Killed once the file was written, before Postfix read it; then Dell does not serve."""
    monkeypatch.setattr(outgoing, "require", lambda *_: None)
    job, master = dell.job(keeps=KEEPS), "/etc/postfix/master.cf"
    make(prepare_dell.plan(job))
    with_it = dell.bash(f"cat {master}")
    _an_hour_passes(dell)
    *writes, _close = list(retire_xclient.plan(job))
    make(iter(writes))
    assert dell.bash(f"cat {master}") != with_it
    if not copies:
        dell.bash(f"mkdir /run/copies; mv {master}.bak-* /run/copies")
    monkeypatch.setattr(effect, "read_and_serving", Mock(side_effect=Refused("it does not serve")))
    (again,) = list(retire_xclient.plan(job))
    says = "is as before" if copies else "stays without it: no copy differs by only the listener"
    with pytest.raises(Refused, match=f"it does not serve. {master} {says}"):
        again.do()
    assert (dell.bash(f"cat {master}") == with_it) is copies
    if not copies:
        dell.bash(f"mv /run/copies/* /etc/postfix; rmdir /run/copies; cp -p $(ls -t {master}.bak-* | head -1) {master}")
    monkeypatch.undo()


QUOTA = """\
import socket, sys
asked = socket.socket(socket.AF_UNIX)
asked.connect("/var/spool/postfix/private/quota-status")
asked.sendall(b"request=smtpd_access_policy\\nrecipient=%s\\nsize=%s\\n\\n" % tuple(map(str.encode, sys.argv[1:])))
print(asked.recv(999).decode().strip())
"""


def test_dovecot_23_knows_the_quota_of_whoever_has_the_alias(dell: Single) -> None:
    make(dovecot.service(dell.shell, dell.settings))
    for recipient in ("alice@webmakeprofit.org", "info@webmakeprofit.org", "alice@dell.webmakeprofit.org"):
        for size, wanted in (("999999999", "552 5.2.3 Message is larger than the mailbox"), ("1000", "DUNNO")):
            said = dell.shell.run("python3", "-c", QUOTA, recipient, size).stdout.strip()
            assert said == f"action={wanted}", (recipient, size)
    assert f"info@{HOME}" in dell.bash("doveadm user '*'").split(), "nor does init take it for a mailbox"
    boxes = reading.mail(dell.shell, dell.settings.domain_names).mailboxes
    assert (f"info@{HOME}" in boxes, f"alice@{HOME}" in boxes) == (False, True)


def test_a_dovecot_that_does_not_run_is_named(dell: Single) -> None:
    """Its files are not what is wrong: after an upgrade, say. It may have been stopped on purpose, so that it stays."""
    dell.bash(f"doveadm stop; touch {dovecotplan.QUOTA}")
    try:
        with pytest.raises(Refused, match="Dovecot does not run: start it, then run this again"):
            make(dovecot.service(dell.shell, dell.settings))
    finally:
        dell.bash("dovecot >/dev/null 2>&1")
    make(dovecot.service(dell.shell, dell.settings))


def test_an_address_more_is_known_to_dovecot_too(dell: Single) -> None:
    """As ``add_address`` writes it: else its mail is accepted while the mailbox is full."""
    job, (first, *rest) = dell.job(keeps=KEEPS), dell.settings.domains
    more = first.model_copy(update={"aliases": {**first.aliases, "sales": "alice"}})
    changed = job.migration.settings.model_copy(update={"domains": (more, *rest)})
    job = Job(Migration(changed, job.migration.secrets), first.name, job.options)
    writes = list(addresses.tables(job, f"sales@{first.name}"))
    make(each for each in writes if each.subject == dovecotplan.ALIASES)
    said = dell.shell.run("python3", "-c", QUOTA, f"sales@dell.{first.name}", "999999999").stdout.strip()
    assert said == "action=552 5.2.3 Message is larger than the mailbox"


def test_files_are_written_with_busybox(dell: Single) -> None:
    """As on Alpine: its own commands, and a shell that is no bash."""
    dell.bash(
        "mkdir -p /run/bb && busybox --install -s /run/bb; mkdir -p /run/t; echo old >/run/t/f; chmod 640 /run/t/f"
    )
    dell.bash("chown postfix:mail /run/t/f; ln -sf f /run/t/link")
    dell.bash("echo 'by a clock that is ahead' >/run/t/link.bak-299912312359; sleep 1")
    busy = dell.shell.transport.model_copy(update={"prefix": (*dell.shell.transport.prefix, "env", "PATH=/run/bb")})
    shell = dell.job(transport=busy).migration.settings
    there = type(dell.shell)("Dell", shell.dell.transport)
    make(host_files.backup(there, "/run/t/link"))
    make(host_files.replacement(there, "/run/t/link", "old\n", "new\n"))
    assert dell.bash(
        "stat -c '%a %U:%G' /run/t/f; cat /run/t/f; cat /run/t/link.bak-20*; ls /run/t | grep -c mxgate || :"
    ) == ("640 postfix:mail\nnew\nold\n0\n")
    assert mta_sts._trusted(there, "/run/t/link", 'cat -- "$1"') == "new\n"
    dell.bash("chown postfix /run/t")
    with pytest.raises(CouldNotAsk, match=r"others can change /run/t, .* transport be postfix's"):
        mta_sts._trusted(there, "/run/t/link")


RUNS_AGAIN = "postfix stop; postfix start"


def test_files_behind_links_are_not_read_before_a_restart(dell: Single) -> None:
    main = "/etc/postfix/main.cf"
    dell.bash(f"mkdir /etc/own; mv {main} /etc/own; ln -s /etc/own/main.cf {main}; {RUNS_AGAIN}")
    try:
        assert restore._state(dell.shell, main) == restore._SERVES
        text = host_files.contents(dell.shell, main) or ""
        make(host_files.replacement(dell.shell, main, text, f"{text}# older\n"))
        assert restore._state(dell.shell, main) == restore._UNREAD
    finally:
        dell.bash(f"mv /etc/own/main.cf {main}; rmdir /etc/own; {RUNS_AGAIN}")


def test_old_files_by_which_nobody_greets_go_back(dell: Single, monkeypatch: pytest.MonkeyPatch) -> None:
    """``smtpd`` dies as it starts, and the master listens all the same. A greeting is waited for less long here."""
    assert "SECONDS < 30" in restore._RESTART
    monkeypatch.setattr(restore, "_RESTART", restore._RESTART.replace("SECONDS < 30", "SECONDS < 15"))
    main, broken = "/etc/postfix/main.cf", "postconf -e smtpd_relay_restrictions= smtpd_recipient_restrictions=permit"
    _an_hour_passes(dell)
    make(host_files.backup(dell.shell, main))
    before = dell.bash(f"cat {main}")
    dell.bash(broken)
    with pytest.raises(Refused, match=r"(?s)does not serve by its old files: .*no greeting at .* newest backup again"):
        restore._restart(dell.shell, main)
    assert dell.bash(f"cat {main}") == before
    assert restore._state(dell.shell, main) == restore._SERVES
    dell.bash(f"{broken}; {RUNS_AGAIN}")
    assert restore._state(dell.shell, main) == restore._UNREAD
    assert host_files.restore(dell.shell, main)
    dell.bash(RUNS_AGAIN)
