"""X-5, and of I-8 what AWS lets happen: what EC2 takes, and passes on; and whether it does after its next start."""

# ruff: noqa: E501 - tables of cases read better unbroken

import hashlib
from dataclasses import replace

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fixtures.evidence import Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes.aws import way_in
from fixtures.probes.aws.ec2 import Row
from fixtures.probes.aws.way_in import Protection, WayIn
from fixtures.probes.dell import boot, durability
from fixtures.probes.smtp import gateway, tls
from fixtures.probes.smtp.gateway import Asked, Pins, Strict
from fixtures.probes.smtp.knock import Knock, RcptResult
from fixtures.settings import Secrets
from tests.judges import ABSENT, ALICE, FAIL, LOOK, PASS, SERVED, SHUT, SILENT, UNKNOWN, Says, all_say, answer, says

EC2 = settings_without_a_lab().ec2


def test_who_brings_it_mail_comes_by_ipv4() -> None:
    """EC2 may have no other address; the first sender, where none does."""
    settings = settings_without_a_lab()
    first = settings.senders[0].model_copy(update={"name": "by IPv6", "family": "ipv6"})
    for every, name in (((first, *settings.senders), settings.senders[0].name), ((first,), first.name)):
        its = Migration(settings.model_copy(update={"senders": every}), Secrets())
        assert gateway._sender(its).name == name


# What it takes -----------------------------------------------------------------------------------------------------

TAKEN = RcptResult("a", 250, "ok", "")
REFUSED = RcptResult("a", 550, "5.1.1 unknown", "rcpt")
LATER = RcptResult("a", 450, "later", "rcpt")
DETAILED = replace(ALICE, local="alice+mxgate")
LOST = "A rollback would lead its mail there, and lose it: let EC2 know the domain and the address again"
DELIMITER = 'EC2 takes the address itself: postconf -e recipient_delimiter=+ there, then postfix reload. If nobody is to have such addresses: plus_addresses = "refused" in the settings'


def asked(detailed: RcptResult, bare: RcptResult) -> list[Says]:
    both = [Asked(DETAILED, detailed, LOOK), Asked(ALICE, bare, LOOK), Asked(ALICE, LATER, LOOK, bounce=True)]
    return all_say(gateway.judged(both, "mx.x"))


def test_it_takes_each_address_and_its_details() -> None:
    plus, alice = (f"{each.address} at mx.x: expected 250 to RCPT, found" for each in (DETAILED, ALICE))
    assert asked(TAKEN, TAKEN) == [(PASS, f"{plus} 250 ok"), (PASS, f"{alice} 250 ok")]
    no = "550 5.1.1 unknown (at rcpt)"
    assert asked(REFUSED, TAKEN) == [(FAIL, f"{plus} {no}. {DELIMITER}"), (PASS, f"{alice} 250 ok")]
    assert asked(REFUSED, REFUSED) == [(FAIL, f"{plus} {no}. {LOST}"), (FAIL, f"{alice} {no}. {LOST}")]
    assert [verdict for verdict, _ in asked(LATER, TAKEN)] == [UNKNOWN, PASS]


def test_it_takes_bounces_too() -> None:
    for other, rule in ((TAKEN, True), (REFUSED, False)):
        both = [Asked(ALICE, other, LOOK), Asked(ALICE, REFUSED, LOOK, bounce=True)]
        ((verdict, said),) = all_say(gateway.judged(both, "mx.x", bounces=True))
        assert (verdict, said.startswith(f"{ALICE.address}, from <> at mx.x: expected 250 to RCPT")) == (FAIL, True)
        assert ("refuses the null one" in said) is rule


def test_its_tables_hold_what_is_written_there() -> None:
    hint = "The next postmap there changes where mail goes: see which of the two is right, and make them one"
    judged = gateway.judged_maps([("hash:/a", "same"), ("hash:/b", "other"), ("hash:/c", "unread")], LOOK, "mx.x")
    assert all_say(judged, "") == [
        (PASS, "hash:/a at mx.x: expected what its source holds, found what its source holds"),
        (FAIL, f"hash:/b at mx.x: expected what its source holds, found something else. {hint}"),
        (UNKNOWN, "hash:/c at mx.x: expected what its source holds, found unread: postmap -s could not read both"),
    ]
    (none,) = all_say(gateway.judged_maps([], LOOK, "mx.x"), "")
    assert none == (PASS, "mx.x: expected what its source holds, found no compiled table")


def test_its_postfix_comes_back_with_it() -> None:
    unit = boot.Unit("postfix", "disabled", (), "", LOOK, "EC2")
    hint = (
        "systemctl enable postfix.service: after the next start of the machine no mail would be taken, or none be read"
    )
    said = "EC2: postfix.service: expected started with the machine, found disabled"
    assert all_say(boot.judged(boot.Start((unit,), (), LOOK)), "") == [(FAIL, f"{said}. {hint}")]


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        ("/dev/xvdf /backup ext4 defaults 0 2", "/dev/xvdf at /backup"),
        ("UUID=0a1b-2c3d /my\\040data vfat rw 0 0", "UUID=0a1b-2c3d at /my data"),
        ("UUID=22b3-9c04 /boot/efi vfat umask=0077 0 1", ""),
        ("/dev/xvdf /backup ext4 nofail 0 2", ""),
        ("/dev/xvdf /backup ext4 noauto 0 2", ""),
        ("/dev/xvdf /backup ext4 x-systemd.automount 0 2", ""),
        ("/dev/sda1 /backup ext4 _netdev 0 2", ""),
        ("/dev/xvdf none swap sw 0 0", ""),
        ("LABEL=data /backup ext4 defaults 0 2", ""),
        ("nas:/backup /backup nfs defaults 0 0", ""),
        ("# /dev/xvdf /backup ext4 defaults 0 2", ""),
    ],
)
def test_what_its_fstab_waits_for_is_there(line: str, gone: str) -> None:
    """A disk that was detached holds up the start for good: ssh does not run either. By label this machine lists none,
    as in a container.
    """
    disks = "/dev/stdin /proc/self/fd/0\n/dev/nvme0n1p1 \n/dev/disk/by-uuid/22b3-9c04 ../../nvme0n1p1"
    found = durability.missing(f"/dev/nvme0n1p1 / ext4 defaults 0 1\n{line}", disks)
    hint = "Take it out of fstab, or say nofail there: the next start of EC2 ends in systemd's emergency mode"
    said = f"{gone}: not there. {hint}" if gone else "nothing is missing"
    assert missing(found, "") == (FAIL if gone else PASS, said)


def missing(gone: tuple[str, ...], unlisted: str) -> Says:
    """What is said of EC2's fstab, and what of that is no matter of course."""
    unit = boot.Unit("postfix", "enabled", (), "", LOOK, "EC2")
    start = boot.Start((unit,), (), LOOK, missing=("EC2", gone, unlisted, LOOK))
    nothing = list(boot.judged_missing(replace(start, units=(replace(unit, without="systemd has no such unit"),))))
    assert bool(nothing) is bool(gone or unlisted)
    ((verdict, said),) = all_say(boot.judged_missing(start), "")
    return verdict, said.removeprefix("EC2: /etc/fstab: expected nothing that is missing holds up the start, found ")


@pytest.mark.parametrize(
    ("fstab", "disks", "why"),
    [
        ("UUID=0a-1 /data ext4 defaults 0 1", "", "find names no disks there"),
        ("/dev/xvdf /backup ext4 defaults 0 2", "", "find names no disks there"),
        ("/dev/xvdf /backup ext4 nofail 0 2", "", ""),
        ("nas:/mail /srv/vmail nfs _netdev 0 0", "", ""),
        ("", "", ""),
        ("unread", "/dev/sda ", "/etc/fstab can't be read"),
    ],
)
def test_what_its_fstab_waits_for_nobody_can_say(fstab: str, disks: str, why: str) -> None:
    """By a find that knows no -printf (BusyBox's), or by an account that may not read it."""
    assert durability.unlisted(fstab, disks) == why
    assert not durability.missing(fstab, disks)
    assert missing((), why) == ((UNKNOWN, why) if why else (PASS, "nothing is missing"))


@pytest.mark.parametrize(
    ("policy", "by", "verdict", "found"),
    [
        ("always", (), PASS, "restart policy always"),
        ("unless-stopped", (), PASS, "restart policy unless-stopped"),
        ("no", (), FAIL, "restart policy no"),
        ("on-failure", (), FAIL, "restart policy on-failure"),
        ("no", ("a: docker start mx",), PASS, "restart policy no, and a: docker start mx"),
        ("", (), ABSENT, "Docker says nothing of it"),
    ],
)
def test_its_container_comes_back_with_it(policy: str, by: tuple[str, ...], verdict: Verdict, found: str) -> None:
    hint = ". docker update --restart unless-stopped mx: after the next start of EC2 nobody would take mail"
    expected = "EC2: the container mx: expected started with the machine, found "
    it = boot.Restarts("mx", policy, by, LOOK, "EC2")
    judged = all_say(boot.judged(boot.Start((), (), LOOK, containers=(it,))), "")
    assert judged == [(verdict, f"{expected}{found}{hint if verdict is FAIL else ''}")]


@pytest.mark.parametrize(
    ("kind", "rrset", "error", "verdict"),
    [
        ("A", (str(EC2.ipv4),), "", PASS),
        ("A", (str(EC2.ipv4), "192.0.2.99"), "", FAIL),
        ("A", (), "", FAIL),
        ("A", ("192.0.2.99",), "", FAIL),
        ("A", (), SILENT, UNKNOWN),
        ("AAAA", (str(EC2.ipv6),), "", PASS),
        ("AAAA", (), "", PASS),
        ("AAAA", ("2001:db8::99",), "", FAIL),
        ("AAAA", (), SILENT, UNKNOWN),
    ],
)
def test_its_name_leads_to_it(kind: str, rrset: tuple[str, ...], error: str, verdict: Verdict) -> None:
    (found,) = gateway.judged_name([answer(*rrset, error=error, type=kind)], EC2)
    assert found.verdict is verdict
    assert (found.hint.startswith("A rollback leads mail to this name: ")) is (verdict is FAIL)


def test_its_name_without_ipv6_and_behind_an_alias() -> None:
    """A name server that sends on to others is right: resolvers follow, and are asked too."""
    without = EC2.model_copy(update={"ipv6": None})
    alias = answer(type="A", aliases=("gateway.elsewhere.example",))
    found = [*gateway.judged_name([answer("2001:db8::99", type="AAAA")], without), *gateway.judged_name([alias], EC2)]
    assert [each.verdict for each in found] == [FAIL, PASS]
    assert found[1].found == "an alias of gateway.elsewhere.example"


# From senders who insist on TLS ------------------------------------------------------------------------------------

PORT = tls.Port("EC2's port 25", Knock("192.0.2.1", tls_name="mx.x"))


def test_strict_senders_are_let_in() -> None:
    nobody = "senders who insist on TLS: expected nobody, or a certificate that holds, found no domain has a policy"
    found = gateway.judged_strict(Strict((), "no domain has a policy", None), 14)
    assert (found.verdict, found.sentence()) == (PASS, nobody)
    good = tls.Handshake(PORT, "TLSv1.3", "", 14 * 86_400.0, ("mx.x",), LOOK)
    assert says(gateway.judged_strict(Strict(("a.example",), "", good), 14), "")[0] is PASS
    expired = replace(good, fault="certificate has expired")
    verdict, said = says(gateway.judged_strict(Strict(("a.example",), "", expired), 14), "")
    assert verdict is FAIL
    assert said.endswith(
        "found certificate has expired; the certificate names mx.x. Senders who honour the MTA-STS policy of a.example "
        "bring nothing there meanwhile: Renew it"
    )


# Pins --------------------------------------------------------------------------------------------------------------

CERTIFICATE = x509.load_pem_x509_certificate(trustme.CA().issue_cert("dell.x").cert_chain_pems[0].bytes())
RAW = CERTIFICATE.public_bytes(Encoding.DER)
KEY = CERTIFICATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
SHOWN = replace(SERVED, chain=(RAW,))
OWN = hashlib.sha256(RAW).hexdigest()
OWN_MD5 = hashlib.md5(RAW, usedforsecurity=False).hexdigest()
OWN_KEY = hashlib.sha256(KEY).hexdigest()


@pytest.mark.parametrize(
    ("pinned", "verdict", "found"),
    [
        ((OWN,), FAIL, f"{OWN} (sha256)"),
        (("ab" * 32, OWN_MD5), FAIL, f"{OWN_MD5} (md5)"),
        (("ab" * 32,), PASS, "another's, or of a key"),
        ((OWN_KEY,), PASS, "another's, or of a key"),
        ((OWN, OWN_KEY), PASS, "another's, or of a key"),
        (("ab" * 17,), PASS, "another's, or of a key"),
    ],
    ids=["its own", "its own by MD5", "another's", "its key's", "both", "no digest"],
)
def test_a_pin_of_what_will_be_renewed(pinned: tuple[str, ...], verdict: Verdict, found: str) -> None:
    hint = ". Dell's next renewal brings another certificate, and EC2 defers all mail from then on: take the entry out of smtp_tls_policy_maps there (or smtp_tls_security_level = fingerprint), then postfix reload"
    expected = "EC2's pins: expected none of the certificate that Dell has today, found "
    judged = says(gateway.judged_pins(Pins(pinned, LOOK, SHOWN)), "", 2)
    assert judged == (verdict, f"{expected}{found}{hint if verdict is FAIL else ''}")


def test_no_pin_and_no_certificate() -> None:
    assert says(gateway.judged_pins(Pins((), LOOK)), "")[0] is PASS
    assert says(gateway.judged_pins(Pins((OWN,), LOOK, SHUT)), "", 2)[0] is UNKNOWN


def coloned(digest: str) -> str:
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2)).upper()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("may \nhash:/etc/postfix/policy\n[192.0.2.1]:25\tencrypt\n", ()),
        (f"may \nhash:/etc/postfix/policy\n[192.0.2.1]\tfingerprint match={coloned(OWN)}\n", (OWN,)),
        (f"dell.x fingerprint match={OWN_MD5}|{coloned(OWN_KEY)} match={OWN}", (OWN_MD5, OWN_KEY, OWN)),
        (f"may \ninline:{{ {{[192.0.2.1]=fingerprint match={coloned(OWN)}}} }}\n", (OWN,)),
        (f"fingerprint {coloned(OWN)}, {OWN_MD5}\n\n", (OWN, OWN_MD5)),
        (f"may {coloned(OWN)}\n", ()),
    ],
    ids=["none", "in a table", "several", "inline", "for all", "no level of pins"],
)
def test_pins_as_postfix_has_them(text: str, found: tuple[str, ...]) -> None:
    assert gateway.digests(text) == found


# What AWS lets happen ------------------------------------------------------------------------------------------------


def rule(
    *ranges: str, protocol: str = "tcp", ports: tuple[int, int] | None = (25, 25), lists: tuple[str, ...] = ()
) -> Row:
    made: Row = {"IpProtocol": protocol, "IpRanges": [{"CidrIp": each} for each in ranges if ":" not in each]}
    made |= {"Ipv6Ranges": [{"CidrIpv6": each} for each in ranges if ":" in each]}
    made |= {"PrefixListIds": [{"PrefixListId": each} for each in lists]}
    return made | ({"FromPort": ports[0], "ToPort": ports[1]} if ports else {})


PUBLIC = "1.0.0.0/8 2.0.0.0/7 4.0.0.0/6 8.0.0.0/7 11.0.0.0/8 12.0.0.0/6 16.0.0.0/4 32.0.0.0/3 64.0.0.0/2 128.0.0.0/1"


@pytest.mark.parametrize(
    ("rules", "interfaces", "verdict", "found"),
    [
        ([rule("0.0.0.0/0")], 1, PASS, "0.0.0.0/0"),
        ([rule("0.0.0.0/0", ports=(1, 1024))], 1, PASS, "0.0.0.0/0"),
        ([rule("0.0.0.0/0", protocol="-1", ports=None)], 1, PASS, "0.0.0.0/0"),
        ([rule("0.0.0.0/1"), rule("128.0.0.0/1", protocol="6")], 1, PASS, "0.0.0.0/1, 128.0.0.0/1"),
        ([rule(*PUBLIC.split())], 1, PASS, PUBLIC.replace(" ", ", ")),
        ([rule("0.0.0.0/1")], 1, FAIL, "only 0.0.0.0/1"),
        ([rule("0.0.0.0/0", protocol="udp"), rule("0.0.0.0/0", ports=(26, 587)), rule("::/0")], 1, FAIL, "only nobody"),
        ([], 1, FAIL, "only nobody"),
        ([rule("0.0.0.0/1", lists=("pl-1",))], 1, PASS, "0.0.0.0/1, and perhaps more: pl-1"),
        ([rule("0.0.0.0/1")], 2, PASS, "0.0.0.0/1, and perhaps more: 2 interfaces, whose groups were not all read"),
    ],
)  # fmt: skip
def test_aws_lets_everybody_in(rules: list[Row], interfaces: int, verdict: Verdict, found: str) -> None:
    it = WayIn(tuple(each for each in rules if way_in.is_of(each)), interfaces, LOOK)
    hint = ". Mail of everybody else is lost on the way, today and after a rollback: let 0.0.0.0/0 in, or ::/0"
    expected = "port 25 over IPv4: expected everybody is let in by the security groups, found "
    assert all_say(way_in.judged(it, (4,)), "") == [(verdict, f"{expected}{found}{hint if verdict is FAIL else ''}")]


@pytest.mark.parametrize(
    ("ranges", "verdict"), [(("::/0",), PASS), (("2000::/3",), PASS), (("2000::/4",), FAIL), ((), FAIL)]
)
def test_aws_lets_everybody_in_over_ipv6(ranges: tuple[str, ...], verdict: Verdict) -> None:
    four, six = way_in.judged(WayIn((rule("0.0.0.0/0", *ranges),), 1, LOOK), (4, 6))
    assert (four.verdict, six.verdict, six.member) == (PASS, verdict, "port 25 over IPv6")


@pytest.mark.parametrize(
    ("on", "due", "verdict", "said"),
    [
        (False, True, PASS, "no disableApiStop, found not protected"),
        (True, False, PASS, "no disableApiStop when stop_ec2 is to run, found protected by disableApiStop"),
        (True, True, FAIL, "no disableApiStop, found protected by disableApiStop. stop_ec2 would refuse. If it is to go: aws ec2 modify-instance-attribute --instance-id i-1 --no-disable-api-stop"),
    ],
)  # fmt: skip
def test_nothing_forbids_the_stop(on: bool, due: bool, verdict: Verdict, said: str) -> None:
    judged = way_in.judged_protection(Protection("stop", "i-1", on, LOOK), due=due)
    assert says(judged, "") == (verdict, f"i-1: expected {said}")
