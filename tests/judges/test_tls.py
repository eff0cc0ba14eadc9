"""A-10: certificates, versions of TLS, and how certificates are renewed."""

# ruff: noqa: E501 - tables of cases read better unbroken

from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.probes.dell import certificate_renewal
from fixtures.probes.dell.certificate_renewal import Renewals, Way
from fixtures.probes.dns import caa
from fixtures.probes.smtp import tls
from fixtures.probes.smtp.knock import Knock
from fixtures.probes.smtp.tls import Handshake, Outdated, Port
from tests.judges import ABSENT, FAIL, LOOK, PASS, UNKNOWN, all_say, answer, says

PORT = Port("delivery", Knock("192.0.2.1", tls_name="dell.example"))
MEMBER = "delivery (192.0.2.1 port 25)"
DAYS = 86_400.0


@pytest.mark.parametrize(
    ("fault", "left_days", "names", "verdict", "found"),
    [
        ("", 14.0, (), PASS, "TLSv1.3, 14 days left"),
        ("", 13.99, (), FAIL, "TLSv1.3, 14 days left. Renewal should have happened by now: look why it did not, or reload what still shows the old one"),
        ("expired", 20.0, ("a", "b"), FAIL, "expired; the certificate names a, b. Renew it"),
        (f"{tls.STALLS}: too long", 20.0, (), FAIL, f"{tls.STALLS}: too long. Perhaps full packets are lost: see the MTU on the way, and let ICMP's Packet Too Big by"),
        ("no STARTTLS is offered", 20.0, (), FAIL, "no STARTTLS is offered. Name key and chain as smtpd_tls_chain_files (X12)"),
    ],
)  # fmt: skip
def test_the_certificate(fault: str, left_days: float, names: tuple[str, ...], verdict: Verdict, found: str) -> None:
    seen = Handshake(PORT, "TLSv1.3", fault, left_days * DAYS, names, LOOK)
    expected = "expected TLS 1.2 or newer, a valid certificate for dell.example, 14 days left or more"
    assert says(tls.judged(seen, 14), "") == (verdict, f"{MEMBER}: {expected}, found {found}")


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (Outdated(PORT, "", "alert", tried=True, evidence=LOOK), PASS, "refused: alert"),
        (Outdated(PORT, "TLSv1.1", "", tried=True, evidence=LOOK), FAIL, "TLSv1.1 is spoken. smtpd_tls_protocols = >=TLSv1.2 in Postfix, ssl_min_protocol = TLSv1.2 in Dovecot"),
        (Outdated(PORT, "", "no connection", tried=False, evidence=LOOK), UNKNOWN, "no connection"),
    ],
)  # fmt: skip
def test_nothing_outdated(it: Outdated, verdict: Verdict, found: str) -> None:
    assert says(tls.judged_outdated(it), "") == (verdict, f"{MEMBER}: expected no TLS older than 1.2, found {found}")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ConnectionAbortedError("SSL handshake is taking longer than 15.0 seconds"), tls.STALLS),
        (TimeoutError(), tls.STALLS),
        (ConnectionResetError("reset"), "reset"),
    ],
)
def test_a_handshake_that_stalls(fault: OSError, said: str) -> None:
    found: Any = SimpleNamespace(tls="", fault=fault, stage="starttls", code=0, text="")
    assert tls._fault(PORT, found).startswith(said)


def test_renewal() -> None:
    hint = "Renew by DNS-01, or by a web server on Dell itself, before EC2 is stopped"
    ways = (Way("/a", "DNS-01", ""), Way("/b", "scp", "fetched from EC2"), Way("/c", "HTTP-01", "", "SERVFAIL"))
    assert all_say(certificate_renewal.judged(Renewals(ways, LOOK)), "") == [
        (PASS, "/a: expected a renewal that EC2 has no part in (DNS-01), found DNS-01, without EC2"),
        (FAIL, f"/b: expected a renewal that EC2 has no part in (scp), found fetched from EC2. {hint}"),
        (UNKNOWN, "/c: expected a renewal that EC2 has no part in (HTTP-01), found SERVFAIL"),
    ]
    idle = "lego has a certificate to renew, and neither cron nor an enabled timer of systemd runs it"
    hint = "Enable its timer or cron job; if something else runs it (a container), or it isn't used, waive this row"
    said = f"renewal by lego: expected a job that runs it, found {idle}. {hint}"
    assert all_say(certificate_renewal.judged(Renewals(ways[:1], LOOK, ("lego",))), "")[1:] == [(UNKNOWN, said)]
    none = "nothing on Dell renews certificates by itself, as far as its usual places show"
    said = f"Dell: expected a renewal that EC2 has no part in, found {none}"
    assert all_say(certificate_renewal.judged(Renewals((), LOOK)), "") == [(ABSENT, said)]


CERTBOT = "version = 2.9.0\nserver = https://acme-v02.example/directory\n"


@pytest.mark.parametrize(
    ("more", "by_hand"),
    [
        ("authenticator = dns-rfc2136\n", ""),
        ("authenticator = dns-rfc2136\nautorenew = False\n", "autorenew = False: it is passed over"),
        ("authenticator = manual\n", "authenticator = manual without a hook: a person has to answer"),
        ("authenticator = manual\nmanual_auth_hook = /usr/local/bin/dns\n", ""),
        ("manual_auth_hook = /usr/local/bin/dns\nauthenticator = manual\n", ""),
    ],
)
def test_what_certbot_does_not_renew_by_itself(more: str, by_hand: str) -> None:
    way = certificate_renewal._way("client", "/etc/letsencrypt/renewal/dell.conf", CERTBOT + more, (), {})
    assert way.by_hand == by_hand
    _, *more_found = certificate_renewal.judged(Renewals((way,), LOOK))
    assert [each.verdict for each in more_found] == [UNKNOWN] * bool(by_hand)


CRITICAL = "Take that record out, or its flag 128 (RFC 8659, 4.1), before the certificate runs out"
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
ONLY = 'Add dell.example CAA 0 issue "letsencrypt.org", before the certificate runs out'


def found_of(*rrset: str, error: str = "") -> caa.Found:
    return caa.Found("mx.dell.example", answer(*rrset, error=error, name="dell.example", type="CAA"))


@pytest.mark.parametrize(
    ("rrset", "error", "directory", "verdict", "found"),
    [
        ((), "", LETS_ENCRYPT, PASS, "anybody may"),
        (('0 iodef "mailto:a@b.example"',), "", LETS_ENCRYPT, PASS, "anybody may"),
        (('0 issue "letsencrypt.org; validationmethods=dns-01"',), "", LETS_ENCRYPT, ABSENT, "only letsencrypt.org, by dell.example, by dns-01 only: whether Dell's client proves the name so is not known. Look"),
        (('0 issue "letsencrypt.org; validationmethods=dns-01"', '0 issue "letsencrypt.org"'), "", LETS_ENCRYPT, PASS, "only letsencrypt.org, letsencrypt.org, by dell.example"),
        (('0 issue "letsencrypt.org"', '128 tbs "x"'), "", LETS_ENCRYPT, FAIL, f"only letsencrypt.org, by dell.example; who does not know tbs must not issue. {CRITICAL}"),
        (('128 tbs "x"',), "", LETS_ENCRYPT, FAIL, f"anybody may; who does not know tbs must not issue. {CRITICAL}"),
        (('128 issue "letsencrypt.org"', '0 tbs "x"'), "", LETS_ENCRYPT, PASS, "only letsencrypt.org, by dell.example"),
        (('0 issue "digicert.com"', '0 issue "LetsEncrypt.org"'), "", LETS_ENCRYPT, PASS, "only digicert.com, letsencrypt.org, by dell.example"),
        (('0 issue "digicert.com"',), "", LETS_ENCRYPT, FAIL, f"only digicert.com, by dell.example. {ONLY}"),
        (('0 issue ";"',), "", LETS_ENCRYPT, FAIL, f"only nobody, by dell.example. {ONLY}"),
        (('0 issue "digicert.com"',), "", "https://acme.own.example/x", ABSENT, "only digicert.com, by dell.example: by which name CAA calls acme.own.example is not known"),
        ((), "SERVFAIL", "https://acme.zerossl.com/v2/DV90", UNKNOWN, "SERVFAIL"),
    ],
)  # fmt: skip
def test_who_is_shut_out_by_caa(
    rrset: tuple[str, ...], error: str, directory: str, verdict: Verdict, found: str
) -> None:
    (judged,) = all_say(caa.judged(found_of(*rrset, error=error), [directory]), "")
    host = directory.split("/")[2]
    assert judged == (verdict, f"mx.dell.example by {host}: expected no CAA record that shuts it out, found {found}")


@pytest.mark.parametrize(
    ("accounts", "issuing", "verdict", "found"),
    [
        (("https://ca/acct/2",), ("https://ca/acct/2",), PASS, "only letsencrypt.org, by dell.example"),
        (("https://ca/acct/2",), ("https://ca/acct/1", "https://ca/acct/2"), PASS, "only letsencrypt.org, letsencrypt.org, by dell.example"),
        (("https://ca/acct/2",), ("https://ca/acct/1",), FAIL, "only letsencrypt.org, by dell.example, to the account https://ca/acct/1. Let its accounturi be that of Dell's client, https://ca/acct/2 (RFC 8657)"),
        ((), ("https://ca/acct/1",), ABSENT, "only letsencrypt.org, by dell.example, to the account https://ca/acct/1: which is Dell's could not be read"),
    ],
)  # fmt: skip
def test_caa_by_account(accounts: tuple[str, ...], issuing: tuple[str, ...], verdict: Verdict, found: str) -> None:
    rrset = tuple(f'0 issue "letsencrypt.org; accounturi={each}"' for each in issuing)
    ((was, said),) = all_say(caa.judged(found_of(*rrset), [LETS_ENCRYPT], accounts), "")
    assert (was, said.partition(", found ")[2]) == (verdict, found)


def test_the_authorities_are_those_that_the_clients_name() -> None:
    text = "server = https://a.example/d\nLe_API='https://b.example/v2'\nCA=\"https://c.example/d\"\n"
    named = ["https://a.example/d", "https://b.example/v2", "https://c.example/d"]
    assert certificate_renewal._DIRECTORY.findall(text) == named
    assert [each.verdict for each in caa.judged(found_of(), ())] == [ABSENT]
