"""D-1, D-2, D-5, I-8, I-12: EC2 stopped, gone, named by nobody; and what may be the gateway's, in any region."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace

import pytest

from fixtures.evidence import Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.ledger import switches
from fixtures.ledger.switches import Settled
from fixtures.probes.aws import ec2, other_jobs, references, resembling, reverse_dns, staying
from fixtures.probes.aws.ec2 import Instance, Inventory, Item
from fixtures.probes.aws.other_jobs import Job, SecondJobs
from fixtures.probes.aws.references import Mention
from fixtures.probes.aws.resembling import WORD, Like, Marks, Resembling
from fixtures.probes.aws.reverse_dns import ReverseDns
from fixtures.probes.aws.staying import Stay
from tests.judges import ABSENT, DOMAIN, FAIL, LOOK, PASS, UNKNOWN, Says, all_say, balanced, entry, says

SNAP = Like(Item("snapshot", "snap-1", "weekly", "names vol-00000001"), "us-east-1")
GOES = "gone: ec2.resembling says delete"
COMMAND = "Delete it: aws ec2 delete-snapshot --snapshot-id snap-1 --region us-east-1"
ALL = (PASS, "all regions: expected each region in use looked through, found 1 things resemble it, in us-east-1")
BEGAN = 1_700_000_000.0
MARKS = Marks(frozenset({"i-00000001", "vol-00000001", "ami-00000001"}), ("mail",), ("192.0.2.2",), (BEGAN,))


def found(*likes: Like, unread: tuple[tuple[str, str], ...] = ()) -> Resembling:
    return Resembling(likes, ("us-east-1",), unread, LOOK)


@pytest.mark.parametrize(
    ("decided", "over", "expected", "verdict", "says"),
    [
        ({}, False, WORD, FAIL, 'it names vol-00000001. Decide: [ec2.resembling] "weekly" = "delete", "keep" or "not ours"'),
        ({"other": "keep"}, True, WORD, FAIL, 'it names vol-00000001. Decide: [ec2.resembling] "weekly" = "delete", "keep" or "not ours"'),
        ({"weekly": "keep"}, True, WORD, PASS, "it names vol-00000001; keep, by ec2.resembling"),
        ({"snap-1": "not ours"}, True, WORD, PASS, "it names vol-00000001; not ours, by ec2.resembling"),
        ({"snap-1": "delete"}, False, GOES, PASS, "it names vol-00000001"),
        ({"snap-1": "delete"}, True, GOES, FAIL, f"it names vol-00000001. {COMMAND}"),
    ],
)  # fmt: skip
def test_each_is_decided_on(decided: dict[str, str], over: bool, expected: str, verdict: Verdict, says: str) -> None:
    one, whole = all_say(resembling.judged(found(SNAP), decided, over=over), "")
    assert one == (verdict, f"snapshot snap-1 weekly (us-east-1): expected {expected}, found {says}")
    assert whole == ALL


def test_nothing_holds_and_a_region_that_does_not_answer_is_named() -> None:
    none: list[Says] = all_say(resembling.judged(found(), {}, over=True), "")
    assert none == [(PASS, ALL[1].replace("1 things", "0 things"))]
    denied = found(unread=(("eu-west-1", "AWS, volumes, eu-west-1: UnauthorizedOperation"),))
    why = "expected every kind read, found AWS, volumes, eu-west-1: UnauthorizedOperation"
    assert all_say(resembling.judged(denied, {}, over=False), "") == [(UNKNOWN, f"eu-west-1: {why}")]


@pytest.mark.parametrize(
    ("row", "names", "made", "reason"),
    [
        ({"Description": "of vol-00000001 then"}, (), "", "names vol-00000001"),
        ({"ImageId": "ami-00000001"}, (), "", "names ami-00000001"),
        ({"ImageId": "ami-000000011"}, (), "", ""),
        ({"CidrIp": "192.0.2.2/32"}, (), "", "names 192.0.2.2"),
        ({"CidrIp": "192.0.2.22/32"}, (), "", ""),
        ({}, ("Mail-Gateway",), "", "is called mail"),
        ({}, ("mailing",), "", ""),
        ({}, ("web",), "2023-11-14T22:23:19+00:00", "was made within 10 minutes of it, 2023-11-14T22:23"),
        ({}, ("web",), "2023-11-14 22:23:20+00:00", ""),
        ({}, ("web",), "2023-11-14T22:13:20Z", "was made within 10 minutes of it, 2023-11-14T22:13"),
        ({}, ("web",), "yesterday", ""),
    ],
)
def test_what_makes_a_likeness(row: dict[str, object], names: tuple[str, ...], made: str, reason: str) -> None:
    assert MARKS.reason(row, names, made) == reason


# D-1, D-2: stopped, and nothing left ---------------------------------------------------------------------------------


def instance(state: str = "terminated") -> Instance:
    return Instance("i-1", state, "", "", (), (), (), "", "", "", "", LOOK)


@pytest.mark.parametrize(
    ("state", "verdict"),
    [("stopped", PASS), ("terminated", PASS), ("running", FAIL), ("stopping", FAIL), ("absent", FAIL)],
)
def test_it_is_off(state: str, verdict: Verdict) -> None:
    assert says(ec2.judged_off(instance(state)), "") == (verdict, f"i-1: expected stopped, found {state}")


def test_mail_since_the_stop() -> None:
    lost, none = balanced(entry(), entry(2, arrived=None)), Settled("c.example", 0.0, (), LOOK)
    ledgers = [Settled("a.example", 0.0, (balanced(entry()),), LOOK), Settled("b.example", 0.0, (lost,), LOOK), none]
    assert all_say(switches.judged_since_stop(ledgers), "") == [
        (PASS, "a.example: expected every one arrived, found 1 arrived"),
        (FAIL, "b.example: expected every one arrived, found 1 missing"),
        (UNKNOWN, "c.example: expected numbered mail since the stop, found none was sent"),
    ]
    uncounted = Settled("d.example", 0.0, (balanced(entry(arrived=None), injected=0),), LOOK)
    assert [each.verdict for each in switches.judged_since_stop([uncounted])] == [FAIL]
    unrecorded = all_say(switches.judged_since_stop(None), "", 0)
    assert unrecorded == [(UNKNOWN, "EC2: expected a record of when it was stopped, found none")]


DISK, KEY = Item("volume", "vol-1", "", "attached to it", "8 GiB"), Item("key pair", "key-1", "mail", "its key")


@pytest.mark.parametrize(
    ("state", "verdict"), [("terminated", PASS), ("absent", PASS), ("stopped", FAIL), ("shutting-down", FAIL)]
)
def test_the_instance_is_gone(state: str, verdict: Verdict) -> None:
    has = Inventory(instance(state), (), (), LOOK)
    said = f"i-1: expected terminated, found {state}; 0 things left, 0 of them to stay"
    assert all_say(staying.judged(has, {}, (), known_before=True), "") == [(verdict, said)]


def test_no_copy_of_its_disk_is_public() -> None:
    has, copy = Inventory(instance(), (), (), LOOK), Item("snapshot", "snap-1", "", "of its volume vol-1")
    expected = "snapshot snap-1: expected not public, found shared with"
    hint = "Take the permission back, or delete the copy"
    for others, verdict, found in (
        ((), PASS, "nobody"),
        (("123456789012",), PASS, "123456789012"),
        (("123456789012", "all"), FAIL, f"123456789012, all. {hint}"),
    ):
        assert all_say(staying.judged_shared(has, [(copy, others)]), "") == [(verdict, f"{expected} {found}")]
    assert [each.verdict for each in staying.judged_shared(has, [])] == [ABSENT]


def test_what_is_left() -> None:
    has = Inventory(instance(), (DISK, KEY), ("alarm: denied",), LOOK)
    left = "still there: attached to it; 8 GiB"
    gone, *looked = staying.judged(
        has, {"key-1": Stay("others use it")}, [("ec2.keep", "x: not there")], known_before=False
    )
    assert says(gone, "")[1].endswith("found terminated; 2 things left, 1 of them to stay")
    assert all_say(looked[:3], "") == [
        (FAIL, f"volume vol-1: expected gone, found {left}. Run delete_ec2 again: it finds it"),
        (PASS, "key pair key-1 mail: expected gone, or a reason to stay, found stays: others use it"),
        (FAIL, "ec2.keep: expected something of the gateway's, found x: not there"),
    ]
    assert all_say(looked[3:], "", 0) == [
        (UNKNOWN, "EC2: expected every kind read, found alarm: denied"),
        (UNKNOWN, "EC2: expected a snapshot of what belonged to it, found none"),
    ]
    has = Inventory(instance(), (DISK,), (), LOOK)
    (_, copy) = staying.judged(has, {"vol-1": Stay("a copy", decided=False)}, (), known_before=True)
    hint = "Name it in ec2.delete_copies and run delete_ec2 again, or in ec2.keep"
    assert says(copy, "") == (FAIL, f"volume vol-1: expected gone, or kept by name, found {left}; a copy. {hint}")
    profile, unseen = Item("instance profile", "AIPA1", "mail", "the instance has it"), Stay("denied", decided=False)
    (_, blind) = staying.judged(replace(has, items=(profile,)), {"AIPA1": unseen}, (), known_before=True)
    hint = (
        "Let AWS be asked there, or name a region that is denied in ec2.regions_denied, and run delete_ec2 again; or "
        "name it in ec2.keep"
    )
    assert says(blind, "")[1].endswith(f"the instance has it; ; denied. {hint}")


# I-12, D-5: who names it ---------------------------------------------------------------------------------------------

NONE = "expected no mention of EC2, found no mention of EC2"
MX = Mention("a.example MX", "10 mail", "the old MX", domain=DOMAIN, evidence=(LOOK,))
UNUSED = Mention("/etc/x", "mail", used=False, evidence=(LOOK,))
UNREAD = Mention("/etc/y", "", unread="denied", evidence=(LOOK,))
NAMED = Mention("/etc/z", "mail", evidence=(LOOK,))


def test_who_uses_it() -> None:
    hint = "Whoever follows this uses EC2: lead it to Dell, SendGrid or another, before EC2 is stopped"
    judged = references.judged_clients([Mention("Dell", "", evidence=(LOOK,)), MX, UNUSED, UNREAD, NAMED])
    assert all_say(judged, None) == [
        (PASS, f"Dell: {NONE}"),
        (PASS, "a.example MX: expected the old MX, found 10 mail"),
        (PASS, "/etc/x: expected no mention of EC2, found a file that is not in use: mail"),
        (UNKNOWN, "/etc/y: expected no mention of EC2, found denied"),
        (FAIL, f"/etc/z: expected no mention of EC2, found mail. {hint}"),
    ]


@pytest.mark.parametrize(
    ("place", "text", "verdict"),
    [
        ("/etc/resolv.conf:2", "nameserver 100.64.10.1", FAIL),
        ("/etc/systemd/resolved.conf:3", "FallbackDNS=100.64.10.1", FAIL),
        ("/etc/systemd/timesyncd.conf:3", "NTP=mail.a.example", FAIL),
        ("/etc/chrony/chrony.conf:1", "server mail.a.example iburst", FAIL),
        ("/etc/chrony/chrony.conf:2", "allow 100.64.10.1", PASS),
        ("/etc/rsyslog.d/50-remote.conf:1", "*.* @@mail.a.example:514", FAIL),
        ("/etc/rsyslog.d/50-remote.conf:2", 'action(type="omfwd" Target="mail.a.example")', FAIL),
        ("/etc/rsyslog.d/60-from.conf:1", "$AllowedSender UDP, 100.64.10.1", PASS),
        ("/etc/fstab:4", "mail.a.example:/srv /mnt/srv nfs defaults 0 0", FAIL),
        ("/opt/webmail/.env:3", "SMTP_HOST=mail.a.example", PASS),
        ("/etc/postfix/admit.cidr:1", "100.64.10.1/32 OK", PASS),
        ("/etc/postfix/main.cf:9", "mynetworks = 127.0.0.0/8, 100.64.10.1", PASS),
        ("/etc/postfix/main.cf:10", "smtpd_authorized_xforward_hosts = 100.64.10.1", PASS),
        ("/etc/postfix/main.cf:11", "smtpd_milters = inet:100.64.10.1:11332", FAIL),
        ("/etc/postfix/aliases-mysql.cf:3", "hosts = mail.a.example", FAIL),
        ("/etc/dovecot/conf.d/auth-ldap.conf.ext:2", "ldap_uris = ldap://100.64.10.1", FAIL),
        ("/etc/dovecot/conf.d/10-auth.conf:4", "mysql mail.a.example {", FAIL),
        ("/etc/dovecot/dovecot.conf:8", "login_trusted_networks = 100.64.10.1", PASS),
        ("/etc/dovecot/dovecot.conf:9", "remote 100.64.10.1 {", PASS),
    ],
)
def test_by_which_files_dell_leans_on_it(place: str, text: str, verdict: Verdict) -> None:
    found = references.leaning([Mention(f"Dell: {place}", text, evidence=(LOOK,))])
    (it,) = references.judged_clients(found)
    role = "no more than mail's way until EC2 is stopped: look at what it is"
    assert (it.verdict, it.expected, it.found) == (verdict, role if verdict is PASS else "no mention of EC2", text)


def test_which_of_dells_files_have_to_be_read() -> None:
    said = [f"grep: {each}: Permission denied" for each in ("/etc/chrony/keys", "/etc/postfix/x")]
    found = [Mention("Dell", "", unread=each, evidence=(LOOK,)) for each in said]
    assert [each.found for each in references.judged_clients(references.leaning(found))] == said[:1]


def test_who_still_names_it() -> None:
    hint = "Take it out: run retire_ec2_access for records, SPF and Dell's table, and correct the rest by hand"
    settings = settings_without_a_lab()
    sought = references.Sought.now(settings)
    searched, *judged = references.judged_gone([MX, UNUSED, NAMED], sought)
    words = f"no mention of {', '.join(sought.words)}"
    assert says(searched, "", 0) == (PASS, f"what was searched for: expected {words}, found {words}")
    assert all_say(judged, None) == [
        (FAIL, f"a.example MX: expected no mention of EC2, found 10 mail. {hint}"),
        (PASS, "/etc/x: expected no mention of EC2, found a file that is not in use: mail"),
        (FAIL, f"/etc/z: expected no mention of EC2, found mail. {hint}"),
    ]
    assert judged[0].domain == DOMAIN


# I-8, I-12: what AWS takes back, and what else it does ---------------------------------------------------------------

PLAIN = ReverseDns("192.0.2.2", "eip-1", "amazon", "", "", ("ec2-192-0-2-2.compute.amazonaws.com",), "", (LOOK, LOOK))
SUPPORT = (
    "mail.x, of which EC2's API knows nothing: AWS support set it, and the address is locked. Open a case with AWS "
    "support now (EC2, remove reverse DNS and unlock the address): it takes days, and the address can't be released "
    "before. Or name it in ec2.keep"
)


@pytest.mark.parametrize(
    ("it", "keep", "verdict", "found"),
    [
        (PLAIN, (), PASS, "ec2-192-0-2-2.compute.amazonaws.com"),
        (replace(PLAIN, in_dns=()), (), PASS, "none"),
        (replace(PLAIN, allocation=""), (), ABSENT, "no elastic address: there is nothing to give back"),
        (replace(PLAIN, in_dns=("mail.x",)), (), FAIL, SUPPORT),
        (replace(PLAIN, in_dns=("mail.x",)), ("192.0.2.2",), PASS, "any: ec2.keep names the address"),
        (replace(PLAIN, in_dns=("mail.x",)), ("eip-1",), PASS, "any: ec2.keep names the address"),
        (replace(PLAIN, in_dns=("mail.x",), pool="ours"), (), PASS, "mail.x"),
        (replace(PLAIN, name="mail.x"), (), PASS, "mail.x, set by the account: delete_ec2 resets it, and waits for that"),
        (replace(PLAIN, update="PENDING"), (), PASS, "none, set by the account: delete_ec2 resets it, and waits for that (PENDING)"),
        (replace(PLAIN, in_dns=(), error="SERVFAIL"), (), UNKNOWN, "none by the API; DNS can't be asked: SERVFAIL"),
    ],
)  # fmt: skip
def test_its_reverse_dns(it: ReverseDns, keep: tuple[str, ...], verdict: Verdict, found: str) -> None:
    expected = "reverse DNS of 192.0.2.2: expected none, or one that the account set, and can reset, found "
    assert all_say(reverse_dns.judged(it, keep), "", 2) == [(verdict, expected + found)]


def test_its_second_jobs() -> None:
    jobs = (Job("timer", "jobs", "timer x", "at noon", ""), Job("timer", "jobs", "timer y", "", "ec2.expected.jobs"))
    hint = "Move it to another machine, or name it in ec2.expected.jobs once it may go"
    assert all_say(other_jobs.judged(SecondJobs(jobs, (("containers", "denied"),), LOOK)), "") == [
        (FAIL, f"timer x: expected no timer but those of [ec2.expected], found at noon. {hint}"),
        (PASS, "timer y: expected ec2.expected.jobs, found expected"),
        (UNKNOWN, "containers: expected a list, found denied"),
    ]
