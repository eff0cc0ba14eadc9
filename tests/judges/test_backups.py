"""X-6, and of D-1 and D-2 what is asked of a gateway that is not at AWS: backups, Dell's log, a person's word."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from fixtures.evidence import CouldNotAsk, Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.plan import postfix as dellplan
from fixtures.probes.aws import confirmed, references
from fixtures.probes.aws.confirmed import Line
from fixtures.probes.dell.postfix import Queue
from fixtures.probes.logs import came_from
from fixtures.probes.logs.came_from import Came
from fixtures.probes.logs.postfix_log import Trail
from fixtures.probes.smtp import backup_mx, clients
from fixtures.probes.smtp.backup_mx import Backup
from fixtures.settings import BackupMx, Secrets, Transport, Vantage
from scripts.retire_ec2_access import without_ec2
from tests.judges import DOMAIN, FAIL, LOOK, PASS, UNKNOWN, all_say

MX2 = BackupMx(name="mx2.b.example", ipv4=IPv4Address("192.0.2.7"))
SETTINGS = settings_without_a_lab()
DELL = SETTINGS.dell.name


EMPTY = Queue((), LOOK)
TRAIL = Trail("4Abc", 1_700_000_000.0, "old", "192.0.2.2", "", "<x@y>", "x@y", 900, (), None)


def backup(to: str, queue: Queue | None = EMPTY) -> Backup:
    return Backup(MX2, queue, {DOMAIN: to}, (LOOK,), "" if queue else "no way in")


def test_a_backup_mx_is_no_stranger() -> None:
    """What Dell admits by the settings can't show that strangers are refused (A-3): it would look like a breach."""
    there = Vantage(name="mx2", transport=Transport(host=str(MX2.ipv4)), ipv4=MX2.ipv4)
    settings = SETTINGS.model_copy(update={"vantages": (there,), "backup_mx": (MX2,)})
    migration = Migration(settings, Secrets())
    with pytest.raises(CouldNotAsk, match=r"mx2 \(192\.0\.2\.7\) is no stranger to Dell"):
        clients.strangers(migration)
    alien = Migration(settings.model_copy(update={"backup_mx": ()}), Secrets())
    assert [each.source for each in clients.strangers(alien)] == ["192.0.2.7"]


@pytest.mark.parametrize(
    ("to", "verdict", "found"),
    [
        (f"smtp:[{DELL}]", PASS, f"smtp:[{DELL}]"),
        (f"[{SETTINGS.dell.ipv4}]:25", PASS, f"[{SETTINGS.dell.ipv4}]:25"),
        ("", FAIL, "by the MX"),
        (f"smtp:{DELL}", FAIL, f"smtp:{DELL}"),
        (f"smtp:[{SETTINGS.ec2.name}]", FAIL, f"smtp:[{SETTINGS.ec2.name}]"),
    ],
)
def test_a_backup_hands_on_by_a_fixed_route(to: str, verdict: Verdict, found: str) -> None:
    """Without brackets Postfix would look up an MX, and EC2 is gone in the end."""
    hint = "" if verdict is PASS else f". There: relay_transport = smtp:[{DELL}], then reload"
    (said,) = all_say(backup_mx.judged_routes(backup(to), SETTINGS), "")
    sentence = f"{DOMAIN} at mx2.b.example: expected to Dell, in [brackets], found {found}"
    assert (said[0], said[1].partition(". There")[0]) == (verdict, sentence)
    assert said[1].endswith(hint)


def test_what_waits_at_a_backup_is_counted_and_nobody_looking_is_unknown() -> None:
    assert [each.verdict for each in backup_mx.judged_queue(backup(""))] == [PASS]
    (blind,) = backup_mx.judged_queue(backup("", None))
    assert (blind.verdict, blind.found) == (UNKNOWN, "no way in")
    assert [each.verdict for each in backup_mx.judged_routes(replace(backup("", None), routes={}), SETTINGS)] == [
        UNKNOWN
    ]


@pytest.mark.parametrize(
    ("trails", "covered", "verdict"), [((), True, PASS), ((), False, UNKNOWN), ((TRAIL,), True, FAIL)]
)
def test_what_came_since_the_stop(trails: tuple[Trail, ...], covered: bool, verdict: Verdict) -> None:
    it = Came("mail.b.example", trails, covered, LOOK)
    assert [each.verdict for each in came_from.judged(it)] == [verdict]


def test_each_line_of_the_checklist_wants_a_name() -> None:
    lines = (Line("the server is cancelled", "tanaka", LOOK), Line("its disks", "", LOOK))
    one, other = all_say(confirmed.judged(lines), "")
    assert one == (PASS, "the server is cancelled: expected confirmed by name, found confirmed by tanaka")
    assert other[0] is FAIL


def test_who_is_the_mx_before_and_of_the_delivery_names() -> None:
    first, other = SETTINGS.domain_names[:2]
    backups = (but(stays=True), but(name="mx3.b.example", domains=(first,)))
    settings = SETTINGS.model_copy(update={"backup_mx": backups})
    assert settings.mx_today(first) == (SETTINGS.ec2.name, "mx2.b.example", "mx3.b.example")
    assert settings.mx_today(other) == (SETTINGS.ec2.name, "mx2.b.example")
    assert settings.mx_of_delivery(first) == (DELL, "mx2.b.example")
    assert [each.name for each in settings.leaving] == [SETTINGS.ec2.name, "mx3.b.example"]


def but(**changed: object) -> BackupMx:
    return MX2.model_copy(update=changed)


def test_one_that_goes_loses_all_and_one_that_stays_nothing() -> None:
    """Dell's table and the SPF record once EC2's access is retired; and what D-5 looks for."""
    goes, stays = but(), but(name="mx3.b.example", ipv4=IPv4Address("192.0.2.8"), stays=True)
    settings = SETTINGS.model_copy(update={"backup_mx": (goes, stays)})
    path = dellplan.places(settings).admitted
    before, after = (dellplan.tables(settings, with_ec2=each)[path] for each in (True, False))
    assert [str(goes.ipv4) in before, str(stays.ipv4) in before] == [True, True]
    assert [str(goes.ipv4) in after, str(stays.ipv4) in after] == [False, True]
    text = f"v=spf1 ip4:{goes.ipv4} ip4:{stays.ipv4} a:mx2.b.example ~all"
    assert without_ec2(text, settings) == f"v=spf1 ip4:{stays.ipv4} ~all"
    assert {goes.name, str(goes.ipv4)} < set(references.Sought.now(settings).words)
    assert stays.name not in references.Sought.now(settings).words
