"""What the probes of feasibility and of the saving make of odd input."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fixtures.access.clock import Clock
from fixtures.access.transport import Shell, here
from fixtures.evidence import CouldNotAsk, Evidence
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.preflight import reach
from fixtures.probes import snapshot
from fixtures.probes.aws import api, cost, ec2, other_jobs, references, terraform
from fixtures.probes.aws.terraform import Held, Holding
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Record
from fixtures.probes.dns import writers
from fixtures.probes.smtp import public_address
from fixtures.settings import Secrets, Settings, Transport
from fixtures.store import Store
from tests.judges import LOOK


@cache
def settings() -> Settings:
    return settings_without_a_lab()


def record(kind: str, name: str, content: str, priority: int | None = None, comment: str = "") -> Record:
    return Record(kind, name, content, 300, priority, comment=comment)


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("mail.example.net", "mail.example.net"),
        ("mail.example.net.:993", "mail.example.net"),
        ("https://me:secret@Mail.example.net:8443/a/b", "mail.example.net"),
        ("[2001:db8::1]:25", "2001:db8::1"),
        ("smtp://[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("203.0.113.20:25", "203.0.113.20"),
        ("", ""),
    ],
)
def test_a_target_leads_to_a_host(target: str, host: str) -> None:
    assert references.host_of(target) == host


@pytest.mark.parametrize(
    ("kind", "name", "content", "leads", "names"),
    [
        ("TXT", "a.example", "v=spf1 ip4:203.0.113.20 -all", True, True),
        ("TXT", "a.example", '"v=spf1 ip4:203.0." "113.20 -all"', True, True),
        ("TXT", "a.example", '"v=spf1 ip6:2001:db8:e:0::20 -all"', True, True),
        ("TXT", "a.example", '"v=spf1 +a:MAIL.webmakeprofit.org/28 -all"', True, True),
        ("TXT", "a.example", '"https://mail.webmakeprofit.org/policy"', True, True),
        ("TXT", "a.example", "v=spf1 ?ip4:203.0.113.16/28 -all", False, True),
        ("TXT", "a.example", "v=spf1 ip6:2001:db8:e::/48 -all", False, True),
        ("TXT", "a.example", "v=spf1 ip4:203.0.113.32/28 ip4:203.0.113.200 -all", False, False),
        ("TXT", "a.example", "v=spf1 a:webmail.webmakeprofit.org -all", False, False),
        ("TXT", "a.example", "v=spf1 ip4:0.0.0.0/0 -all", False, False),
        ("TXT", "a.example", "v=spf1 ip4:not-an-address -all", False, False),
        ("TXT", "a.example", "", False, False),
        ("MX", "a.example", "mail.webmakeprofit.org", True, True),
        ("SRV", "_imaps._tcp.webmakeprofit.org", "1 993 mail.webmakeprofit.org.", True, True),
        ("CNAME", "www.a.example", "ec2-203-0-113-20.ap-northeast-1.compute.amazonaws.com", True, True),
        ("AAAA", "old.a.example", "2001:db8:e::20", True, True),
        ("TLSA", "_25._tcp.mail.webmakeprofit.org", "3 1 1 ab", True, True),
        ("A", "mail.webmakeprofit.org", "203.0.113.21", False, True),
        ("A", "email.webmakeprofit.org", "203.0.113.201", False, False),
    ],
)
def test_what_leads_to_ec2_and_what_only_names_it(kind: str, name: str, content: str, leads: bool, names: bool) -> None:
    found, sought = record(kind, name, content), references.Sought.now(settings())
    assert bool(references.leads(found, sought)) is leads
    assert references.names_ec2(found, sought) is names


ANSWER = """\
=-=-= listeners
tcp LISTEN 0 100 0.0.0.0:25 0.0.0.0:* users:(("master",pid=168,fd=11))
tcp LISTEN 0 100 [::]:25 [::]:* users:(("master",pid=168,fd=12))
tcp LISTEN 0 100 127.0.0.1:3306 0.0.0.0:* users:(("mysqld",pid=9,fd=1))
udp UNCONN 0 0 [::1]:323 [::]:* users:(("chronyd",pid=9,fd=1))
udp UNCONN 0 0 *:41641 *:* users:(("tailscaled",pid=7,fd=1))
tcp LISTEN 0 511 *:443 *:* users:(("nginx",pid=5,fd=1))
tcp
=-=-= timers
Thu 2026-11-26 00:00:00 JST 3h left Wed 2026-11-25 00:00:00 JST 20h ago logrotate.timer logrotate.service
n/a n/a n/a n/a certbot-renew.timer certbot-renew.service
n/a n/a n/a n/a aqua-sync.timer aqua-sync.service
n/a n/a n/a n/a my-systemd-backup.timer my-systemd-backup.service
n/a n/a n/a n/a refresh-policy-routes@ens5.timer refresh-policy-routes@ens5.service
n/a n/a n/a n/a nm-cloud-setup.timer nm-cloud-setup.service
n/a n/a n/a n/a ua-timer.timer ua-timer.service
=-=-= services
postfix.service ExecStart=/usr/sbin/postfix start
postfix@-.service ExecStart=/usr/sbin/postmulti -i %i -p start
snap.amazon-ssm-agent.amazon-ssm-agent.service ExecStart=/usr/bin/snap run amazon-ssm-agent
amazon-cloudwatch-agent.service ExecStart=/opt/aws/amazon-cloudwatch-agent/bin/start-amazon-cloudwatch-agent
tunnel.service ExecStart=/usr/bin/autossh -N -R 2222:localhost:22 home.example
=-=-= cron
/etc/cron.daily/logrotate
/etc/cron.daily/apport
/etc/cron.d/wiki: 5 3 * * * root backup-wiki
/etc/cron.d/club: 5 3 * * * root run-parts /srv/club/jobs
/etc/cron.d/copy: 5 3 * * * root rsync -a /etc/shadow nas:/etc/passwd
/etc/crontab: 17 *	* * *	root	cd / && run-parts --report /etc/cron.hourly
/etc/crontab: 25 6	* * *	root	test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }
/etc/anacrontab: 1	5	cron.daily	nice run-parts /etc/cron.daily
/etc/anacrontab: 1	9	club	/srv/club/nightly
/var/spool/at/a00001: /opt/report.sh
/etc/rc.local: autossh -f -N -R 8443:localhost:443 home.example
/srv/rocky/.config/systemd/user/timers.target.wants/dump.timer
=-=-= forwards
tcp dport { 993, 4190 } dnat to 100.64.10.2
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 25 -j DNAT --to-destination 172.17.0.2:25
udp dport 51820 redirect to :53
iifname "eth0" dnat to 100.64.10.2
=-=-= containers
postfix 0.0.0.0:25->25/tcp
wiki
=-=-= certificates
mail.webmakeprofit.org-0001
shop.webmakeprofit.org_ecc
=-=-= end
"""


def test_what_a_machine_does_is_apart_from_what_serves_itself() -> None:
    jobs = list(other_jobs.read(other_jobs.listed(ANSWER), settings()))
    assert [job.name for job in jobs if not job.expected] == [
        "listener tcp/443",
        "forwarding of tcp/993",
        "forwarding of tcp/4190",
        "forwarding of udp/51820",
        "forwarding of tcp/all",
        "timer certbot-renew.timer",
        "timer aqua-sync.timer",
        "timer my-systemd-backup.timer",
        "service tunnel.service",
        "cron job /etc/cron.d/wiki: 5 3 * * * root backup-wiki",
        "cron job /etc/cron.d/club: 5 3 * * * root run-parts /srv/club/jobs",
        "cron job /etc/cron.d/copy: 5 3 * * * root rsync -a /etc/shadow nas:/etc/passwd",
        "cron job /etc/anacrontab: 1\t9\tclub\t/srv/club/nightly",
        "cron job /var/spool/at/a00001: /opt/report.sh",
        "cron job /etc/rc.local: autossh -f -N -R 8443:localhost:443 home.example",
        "cron job /srv/rocky/.config/systemd/user/timers.target.wants/dump.timer",
        "container postfix",
        "container wiki",
        "certificate of shop.webmakeprofit.org",
    ]
    assert not any("3306" in job.name or "323" in job.name for job in jobs)
    assert not list(other_jobs.read({}, settings()))
    assert other_jobs.listed("no mark at all\n") == {}


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/etc/systemd/system").is_dir() or not all(map(shutil.which, ("unshare", "ss"))),
    reason="needs root, unshare, ss and systemd's folder",
)
def test_which_services_are_somebody_s_own() -> None:
    """A file of /etc's that systemd starts with the machine: no link to a package's, and nothing that is off."""
    script = """\
mount -t tmpfs none /etc/systemd/system; cd /etc/systemd/system; mkdir multi-user.target.wants
for n in bot off tunnel@; do printf '[Service]\\nExecStart=/srv/%s run\\n' "$n" >$n.service; done
ln -s /usr/lib/systemd/system/cron.service aliased.service
ln -s ../bot.service /usr/lib/systemd/system/cron.service multi-user.target.wants/
ln -s ../aliased.service multi-user.target.wants/
ln -s ../tunnel@.service multi-user.target.wants/tunnel@home.service
"""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-s"], input=script + other_jobs._ASK, capture_output=True, text=True, check=True
    )
    services = other_jobs.listed(done.stdout)["services"]
    assert services == ["bot.service ExecStart=/srv/bot run", "tunnel@home.service ExecStart=/srv/tunnel@ run"]


def test_a_file_of_every_folder_for_jobs_is_one_job() -> None:
    """Its lines are a script's, and no crontab's."""
    folders = re.findall(r"/etc/cron\.(\w+ly)/\*", other_jobs._ASK)
    assert re.findall(r"\*\.(\w+ly)/\*", other_jobs._ASK) == folders


def test_mail_of_domains_that_nobody_moves_is_named() -> None:
    taken = ["webmakeprofit.org", "# a note", "dell.webmakeprofit.org OK", ".webmakeprofit.org OK", "club.example OK"]
    taken += ["info@club.example someone", "$mydestination", "localhost", "", "Club.example"]
    found = list(other_jobs.domains(taken, settings()))
    assert [job.name for job in found if not job.expected] == ["mail for club.example"]
    assert [job.name for job in found if job.expected] == [
        f"mail for {each.split()[0]}" for each in taken[:4] if each[0] != "#"
    ]


def test_changes_have_who_made_them() -> None:
    old = [record("MX", "a.net", "mail.a.net", 10), record("TXT", "a.net", '"v=spf1 -all"')]
    new = [record("MX", "a.net", "route1.mx.cloudflare.net", 7), record("TXT", "a.net", "v=spf1 ~all")]
    by_us = {"a.net MX": ("switch_mx", frozenset({"7 route1.mx.cloudflare.net"}))}
    made_by = {each.subject: each.by for each in snapshot.changes(old, new, by_us)}
    assert made_by == {"MX a.net": "switch_mx", "TXT a.net": ""}
    required = [record("MX", "a.net", "route1.mx.cloudflare.net", 9)]
    assert [each.by for each in snapshot.changes(old[:1], new[:1], {}, required)] == ["Email Routing"]
    overwritten = {"a.net MX": ("switch_mx", frozenset({"7 elsewhere.example"}))}
    assert [each.by for each in snapshot.changes(old[:1], new[:1], overwritten)] == [""]
    assert [(each.now, each.by) for each in snapshot.changes(old[:1], [], {})] == [("none", "")]
    assert snapshot.changes(old, [replace(each, ttl=1) for each in old], {}) == ()


def test_a_resource_of_terraform_says_what_it_writes() -> None:
    ours, domains = {("a.net", "MX"), ("a.net", "TXT"), ("dell.a.net", "A")}, ("a.net",)

    def touched(kind: str, **attributes: Any) -> tuple[str, ...] | None:
        return writers.touched(Holding(f"{kind}.x", kind, attributes), ours, domains)

    assert touched("cloudflare_record", name="@", type="MX") == ("a.net MX",)
    assert touched("cloudflare_record", name="www", type="CNAME") == ()
    assert touched("cloudflare_record", name="dell", type="A") == ("dell.a.net A",)
    assert touched("cloudflare_dns_record", name="A.net.", type="TXT") == ("a.net TXT",)
    assert touched("cloudflare_record", name="x", hostname="a.net", type="MX") == ("a.net MX",)
    assert touched("cloudflare_record", name="") is None
    assert touched("cloudflare_email_routing_settings", name="a.net") is None
    # Each is one record, by its id: Cloudflare's provider touches no other of the same name and type.
    ours.add(("_mta-sts.a.net", "TXT"))
    proof = {"name": "a.net", "type": "TXT", "content": '"google-site-verification=x"'}
    assert touched("cloudflare_dns_record", **proof) == ()
    assert touched("cloudflare_record", name="@", type="TXT", value="MS=ms1") == ()
    assert touched("cloudflare_record", name="a.net", type="TXT", content="", value="") == ("a.net TXT",)
    assert touched("cloudflare_dns_record", **proof | {"content": '"v=spf1 " "-all"'}) == ("a.net TXT",)
    assert touched("cloudflare_record", name="_mta-sts", type="TXT", value="v=STSv1; id=1") == ("_mta-sts.a.net TXT",)
    ours.add(("k1._domainkey.a.net", "TXT"))
    key = {"type": "TXT", "value": "k=rsa; p=MIIB"}  # RFC 6376, 3.6.1: v= may be left out
    for name in ("k1._domainkey", "k1._domainkey.a.net"):
        assert touched("cloudflare_record", name=name, **key) == ("k1._domainkey.a.net TXT",)
    assert touched("aws_route53_record", name="a.net", type="TXT", records=["MS=ms1"]) == ("a.net TXT",)


def test_what_terraform_holds_and_would_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module's records are held, by whatever key; what a ``*.tf.json`` declares, and nobody has applied, is not."""
    ours = settings()
    destination = next(iter(ours.addresses())).destination
    held = (
        ("module.dns.", "record", "www", "", {"name": "www", "type": "CNAME"}),
        ('module.zone["b.org"].', "record", "this", '["www"]', {"name": "www", "type": "CNAME"}),
        ("", "zone_settings_override", "web", "", {"zone_id": "z"}),
        ("", "email_routing_settings", "other", "", {"zone_id": "other's"}),
        ("", "email_routing_settings", "a", "", {"zone_id": "z"}),
        ("", "email_routing_address", "other", "", {"email": "me@elsewhere.example"}),
        ("", "email_routing_address", "a", "", {"email": destination}),
    )
    rows = tuple(
        Holding(f"{module}cloudflare_{kind}.{name}{key}", f"cloudflare_{kind}", attributes)
        for module, kind, name, key, attributes in held
    )
    monkeypatch.setattr(terraform, "held", lambda _: Held(rows, (), LOOK))
    monkeypatch.setattr(cloudflare, "zone", lambda *_: SimpleNamespace(id="z"))
    (tmp_path / "dns").mkdir()
    (tmp_path / "dns/main.tf").write_text('resource "cloudflare_record" "www" {}\nresource cloudflare_record mx {}\n')
    (tmp_path / "main.tf").write_text('resource "cloudflare_record" "this" {}\n')
    made: dict[str, Any] = {
        "data": {"cloudflare_record": {"x": {}}},
        "resource": {"cloudflare_record": {"this": {}, "txt": {}}},
    }
    made["output"] = {"x": {"value": "${cloudflare_record.txt.hostname}"}}
    (tmp_path / "cdk.tf.json").write_text(json.dumps(made, indent=1))

    def red() -> list[str]:
        found = writers._terraform(Migration(ours, Secrets()), tmp_path, {("a.net", "MX")})
        return [each.name.removeprefix("Terraform's cloudflare_") for each in found if each.touches != ()]

    assert red() == ["email_routing_settings.a", "email_routing_address.a", "record.txt", "record.mx"]
    rows = ()
    (tmp_path / "main.tf").unlink()
    (tmp_path / "dns/main.tf").unlink()
    assert red() == ["record.this", "record.txt"]


@pytest.mark.parametrize(
    ("name", "touches"),
    [
        ("home.webmakeprofit.org", ()),
        ("dell.webmakeprofit.org", tuple(f"dell.webmakeprofit.org {kind}" for kind in ("A", "AAAA", "MX"))),
        ("home.elsewhere.example", None),
    ],
)
def test_a_writer_in_another_of_our_zones(
    name: str, touches: tuple[str, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pilot's mail goes by Dell's name too, which lies in another domain's zone."""
    job = SimpleNamespace(stdout=f"file: /etc/cron.d/ddns: api.cloudflare.com {name}\ndone\n", stderr="")
    host = SimpleNamespace(machine=SimpleNamespace(name="Dell", run=lambda *_, **__: job))
    held = Holding("cloudflare_dns_record.x", "cloudflare_dns_record", {"name": name, "type": "A"})
    monkeypatch.setattr(writers, "dell", lambda _: host)
    monkeypatch.setattr(writers, "_records", lambda *_: ())
    monkeypatch.setattr(terraform, "held", lambda _: SimpleNamespace(resources=(held,), evidence=LOOK))
    monkeypatch.setattr(terraform, "mentions", lambda *_: SimpleNamespace(mentions=(), evidence=LOOK))
    found = writers.ask(Migration(settings(), Secrets()), {settings().pilot: {}}, with_ec2=False)
    assert [each.touches for each in found] == [touches, tuple(each for each in touches or () if each.endswith(" A"))]


def test_a_mark_is_a_tools_name_and_no_part_of_a_word() -> None:
    assert writers.marks(record("MX", "a.net", "m", comment="managed by Terraform"))
    assert writers.marks(record("TXT", "a.net", '"heritage=external-dns,external-dns/owner=k8s"'))
    assert not writers.marks(record("MX", "a.net", "m", comment="the terraformers' club"))
    proof = record("TXT", "a.net", '"google-site-verification=x"', comment="Managed by Terraform")
    assert not writers.marks(proof)
    assert writers.marks(replace(proof, content='"v=spf1 -all"'))
    assert writers.marks(replace(proof, comment="managed by octodns"))  # which writes all of a name and type


def test_resources_of_a_state_have_their_keys() -> None:
    given: list[dict[str, Any]] = [
        {"mode": "data", "type": "aws_ami", "name": "x", "instances": [{"attributes": {"id": "ami-1"}}]},
        {"mode": "managed", "type": "aws_eip", "name": "m", "instances": [{"index_key": 0, "attributes": {"id": "e"}}]},
        {
            "mode": "managed", "module": "module.mail", "type": "aws_instance", "name": "m",
            "instances": [{"index_key": "a", "attributes": None}, {"attributes": {"id": "i-2"}}],
        },
        {"mode": "managed", "type": "null", "name": "n", "instances": None},
    ]  # fmt: skip
    found = [(each.address, each.id) for each in terraform._holdings(given)]
    assert found == [
        ("data.aws_ami.x", "ami-1"),
        ("aws_eip.m[0]", "e"),
        ('module.mail.aws_instance.m["a"]', ""),
        ("module.mail.aws_instance.m", "i-2"),
    ]


def test_charges_are_reckoned_by_kind() -> None:
    running = {"id": "i-1", "state": "running", "type": "t2.micro", "address": "203.0.113.20"}
    items = [
        ("volume", "vol-1", "8 GiB gp2, in-use"),
        ("address", "eipalloc-1", "203.0.113.20"),
        ("snapshot", "snap-1", "8 GiB"),
        ("role", "r", ""),
        ("volume", "vol-2", "no size"),
    ]
    found = list(cost.charges("ap-northeast-1", running, items))
    assert [round(each.usd or 0, 2) for each in found] == [11.10, 3.65, 0.96, 0.40]
    assert list(cost.charges("ap-northeast-1", {"state": "absent"}, [])) == []
    stopped = list(cost.charges("ap-northeast-1", {"state": "stopped", "type": "t2.micro"}, items[:2]))
    assert [each.name.split()[0] for each in stopped] == ["public", "volume"]
    assert [each.usd for each in cost.charges("mars-1", running, ())] == [None, 0.005 * 730]
    assert [each.usd for each in cost.charges("ap-northeast-1", {}, [("volume", "v", "9 GiB io9, x")])] == [None]


class Bill:
    """Cost Explorer's answer, as its documentation shows it."""

    def __init__(self, *results: dict[str, Any]) -> None:
        self.results = list(results)

    def get_cost_and_usage(self, **_: Any) -> dict[str, Any]:
        return {"ResultsByTime": self.results}


def _group(key: str, amount: str) -> dict[str, Any]:
    return {"Keys": [key], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": "USD"}}}


@pytest.mark.parametrize("estimated", [False, True])
def test_a_bill_counts_before_its_month_is_closed_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, estimated: bool
) -> None:
    """Cost Explorer calls each day of an open month an estimate, so the last complete day always is one: to wait for
    another would be to wait for ever.
    """
    groups = [_group("APN1-BoxUsage:t2.micro", "0.3648"), _group("APN1-DataTransfer", "0")]
    bill = Bill({"Estimated": estimated, "Groups": groups})
    monkeypatch.setattr(api, "client", lambda *_: bill)
    store = Store(f"sqlite:///{tmp_path}/store.sqlite", Clock())
    store.record("done", "", script="stop_ec2", plan="")
    store.record("done", "", script="delete_ec2", plan="")
    clock = SimpleNamespace(now=lambda: store.clock.now() + 4 * 86_400)
    given = settings_without_a_lab()
    found = cost._billed(cast("Migration", SimpleNamespace(store=store, settings=given, clock=clock)))
    store.close()
    (charge,) = found.after
    assert round(charge.usd or 0, 2) == 11.10
    says = "an estimate until AWS closes the month"
    assert [says in each for each in (charge.reckoning, found.source)] == [estimated, estimated]


def test_by_the_bill_too_what_stays_for_a_reason_may_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A final image is new since the stop."""
    names = ("APN1-EBS:SnapshotUsage", "APN1-EBS:VolumeUsage.gp3", "APN1-PublicIPv4:IdleAddress")
    bill = cost.Saving((), tuple(cost.Charge(each, 1.0, "") for each in names), (), "", (), Evidence("", ""))
    items = [ec2.Item(kind, number, "", "") for kind, number in (("image", "ami-1"), ("volume", "vol-1"))]
    monkeypatch.setattr(cost, "_billed", lambda _: bill)
    monkeypatch.setattr(ec2, "known", lambda _: frozenset())
    monkeypatch.setattr(ec2, "inventory", lambda *_: SimpleNamespace(items=items))
    monkeypatch.setattr(cost, "staying", lambda *_: {"ami-1": "the final image"})
    given = SimpleNamespace(ec2=SimpleNamespace(at_aws=True), costs=SimpleNamespace(billing="cost explorer"))
    assert cost.saving(cast("Migration", SimpleNamespace(settings=given))).staying == {names[0]}


def test_a_disk_costs_the_same_in_a_long_month_and_in_a_short_one() -> None:
    """AWS prices a month of it, and bills a day as a 28th to a 31st of that; an hour costs the same on each day."""
    for month, disk in ((2, 1 / 28), (6, 1 / 30), (7, 1 / 31)):
        groups = [_group("APN1-EBS:VolumeUsage.gp3", str(disk)), _group("APN1-BoxUsage:t2.micro", "0.24")]
        bill = Bill({"Groups": groups})
        (disk_a_month, box), _ = cost._of_day(bill, "ap-northeast-1", datetime(2026, month, 3, tzinfo=UTC))
        assert (round(disk_a_month.usd or 0, 6), round(box.usd or 0, 6)) == (1.0, 7.3)


def test_a_day_without_billing_data_is_no_day_without_costs() -> None:
    with pytest.raises(CouldNotAsk, match="no billing data"):
        cost._of_day(Bill(), "ap-northeast-1", cost._day(1_780_000_000))


@pytest.mark.parametrize(
    ("key", "shown"), [(None, "ssh -p 1 me@127.0.0.1"), (Path("my key"), "ssh -p 1 -i 'my key' me@127.0.0.1")]
)
def test_a_way_that_is_shut_can_be_tried_as_it_is_shown(key: Path | None, shown: str) -> None:
    """With the port, the user and the key of the settings."""

    class Shut(Shell):
        def host_key(self) -> str:
            raise CouldNotAsk("Connection lost")

    (found,) = reach.reached(Shut("Dell", Transport(host="127.0.0.1", port=1, user="me", key_file=key)))
    assert found.hint == f"Is it up, and is SSH reachable from here: {shown}"


def test_a_reflector_that_can_not_be_asked_is_one_line() -> None:
    with pytest.raises(CouldNotAsk) as raised:
        public_address.seen_as(here(), "http://reflector.invalid/")
    assert "\n" not in str(raised.value)
    assert "bash" not in str(raised.value)
    assert "http://reflector.invalid/ named no address: reflector.invalid: " in str(raised.value)
