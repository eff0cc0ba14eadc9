"""Records as receivers read them: keys, policies, pins. What is malformed is a fault in words, never a crash."""

import base64
from hashlib import sha256, sha512
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, strategies as st

from fixtures.probes.dns import dkim_keys, mta_sts, tlsa
from fixtures.probes.dns.taglist import Malformed, tags

HUGE = "x" * 70_000


def _spki(key: Any) -> str:
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


RSA = _spki(rsa.generate_private_key(65537, 2048).public_key())
SHORT = _spki(rsa.generate_private_key(65537, 1024).public_key())
CURVE = _spki(ec.generate_private_key(ec.SECP256R1()).public_key())


@pytest.mark.parametrize("text", ["", " ", ";", "a=1;;b=2", "a", "a=1; a=2", "1a=2", HUGE])
def test_what_is_no_list_of_tags_says_so(text: str) -> None:
    with pytest.raises(Malformed):
        tags(text)


def test_tags_keep_their_order_and_lose_their_blanks() -> None:
    assert list(tags(" v=DKIM1 ;p= ab=c ;").items()) == [("v", "DKIM1"), ("p", "ab=c")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"v=DKIM1; h=sha256; k=rsa; p={RSA}", ""),
        (f"p={RSA[:40]} {RSA[40:]}", ""),
        (f"v=DKIM1; k=rsa; p={SHORT}", ""),
        ("v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes(32)).decode(), ""),
        ("v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes(31)).decode(), "no key that there is"),
        ("v=DKIM1; p=", "revoked"),
        ("v=DKIM1; k=rsa", "holds no key"),
        ("v=DKIM1; p=not base64!", "not base64"),
        (f"v=DKIM1; p={RSA[:100]}", "no public key"),
        (f"v=DKIM1; p={CURVE}", "no RSA key"),
        (f"k=rsa; v=DKIM1; p={RSA}", "as the first tag"),
        (f"v=DKIM1; h=sha1; p={RSA}", "leaves out sha256"),
        (f"v=DKIM1; s=chat; p={RSA}", "not for mail"),
        ("v=spf1 -all", "v=spf1 -all: expected v=DKIM1"),
        ("", "empty"),
        (HUGE, "no tag"),
    ],
)
def test_a_key_is_read_as_a_verifier_reads_it(text: str, words: str) -> None:
    faults = "; ".join(dkim_keys.parse(text).faults)
    assert words in faults
    assert bool(faults) == bool(words)


POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mail.own.example\r\nmx: *.mx.cloudflare.net\r\nmax_age: 604800\r\n"


def test_a_policy_admits_by_one_label_and_no_more() -> None:
    found = mta_sts.parse(POLICY)
    assert not found.faults
    assert found.admits("mail.own.example")
    assert found.admits("route1.mx.cloudflare.net")
    assert not found.admits("a.route1.mx.cloudflare.net")
    assert not found.admits("mx.cloudflare.net")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "version: missing"),
        ("<html>", "is no field"),
        (POLICY.replace("STSv1", "STSv2"), "version: STSv2"),
        (POLICY.replace("enforce", "strict"), "mode: strict"),
        (POLICY.replace("604800", "1 week"), "max_age: 1 week"),
        (POLICY.replace("604800", "99999999"), "max_age: 99999999"),
        ("version: STSv1\nmode: enforce\nmax_age: 1\n", "no mx"),
        (HUGE, "is no field"),
    ],
)
def test_a_policy_that_senders_would_not_take_says_why(text: str, words: str) -> None:
    assert words in "; ".join(mta_sts.parse(text).faults)


def test_the_record_of_a_policy_says_which_it_is() -> None:
    assert mta_sts.identifier(("v=STSv1; id=20250301T000000;", "v=spf1 -all")) == ("20250301T000000", "")
    assert "2 records" in mta_sts.identifier(("v=STSv1; id=a", "v=STSv1; id=b"))[1]
    assert "0 records" in mta_sts.identifier(())[1]
    assert "id=a-b" in mta_sts.identifier(("v=STSv1; id=a-b",))[1]


def test_where_reports_on_tls_go() -> None:
    assert mta_sts.reporting_faults(("v=spf1 -all",)) is None
    assert mta_sts.reporting_faults(("v=TLSRPTv1; rua=mailto:a@b.example, https://c.example/r",)) == ""
    assert "expected mailto:" in str(mta_sts.reporting_faults(("v=TLSRPTv1; rua=a@b.example",)))
    assert "2 records" in str(mta_sts.reporting_faults(("v=TLSRPTv1; rua=mailto:a@b.example",) * 2))


@given(st.text(max_size=200))
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    dkim_keys.parse(text)
    mta_sts.parse(text)
    mta_sts.identifier((text,))
    mta_sts.reporting_faults((text,))
    tlsa.parse(text)


def _chain(*names: str) -> tuple[bytes, ...]:
    authority = trustme.CA()
    issued = authority.issue_cert(*names)
    pems = [blob.bytes() for blob in issued.cert_chain_pems] + [authority.cert_pem.bytes()]
    return tuple(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER) for pem in pems)


def test_a_pin_fits_the_servers_own_key_or_the_authority_above_it() -> None:
    chain, other = _chain("dell.own.example"), _chain("dell.own.example")
    spki = base64.b64decode(_spki(x509.load_der_x509_certificate(chain[0]).public_key()))
    for text in (
        f"3 1 1 {sha256(spki).hexdigest()}",
        f"3 1 2 {sha512(spki).hexdigest().upper()}",
        f"3 0 1 {sha256(chain[0]).hexdigest()}",
        f"3 0 0 {chain[0].hex()}",
        f"2 0 1 {sha256(chain[1]).hexdigest()}",
    ):
        assert tlsa.matches(tlsa.parse(text), chain, "dell.own.example"), text
        assert not tlsa.matches(tlsa.parse(text), other, "dell.own.example"), text
        assert not tlsa.matches(tlsa.parse(text), (), "dell.own.example"), text
    anchor = tlsa.parse(f"2 0 1 {sha256(chain[1]).hexdigest()}")
    assert not tlsa.matches(anchor, chain, "mail.own.example"), "DANE-TA looks at the name"
    assert not tlsa.matches(anchor, (other[0], chain[1]), "dell.own.example"), "and at the signature"


@pytest.mark.parametrize(
    ("text", "words"),
    [("1 1 1 " + "0" * 64, "PKIX-EE"), ("3 1 1 00", "2 digits"), ("3 2 1 00", "no such thing"), ("", "no TLSA")],
)
def test_a_pin_that_no_mail_server_uses_says_why(text: str, words: str) -> None:
    assert words in tlsa.parse(text).fault
