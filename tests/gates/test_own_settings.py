"""The operator's settings laid over the lab's: what is rehearsed is their own Dell, whoever rents out their gateway."""

import base64
import ipaddress
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import CouldNotAsk
from fixtures.gates.present import DOVECOT, POSTFIX
from fixtures.lab import own, plan, present, world
from fixtures.lab.errors import LabError
from fixtures.lab.files import SECRETS, Start, render, settings_text, settings_without_a_lab
from fixtures.lab.own import laid_over
from fixtures.probes.smtp import clients
from fixtures.settings import Settings, check

MASTER = "smtp inet n - n - - smtpd\n"


def files(main: str, **more: str) -> dict[str, Any]:
    held = {"main.cf": f"myhostname = x.example\n{main}\n", "master.cf": MASTER} | more
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in held.items()}
    return {"files": encoded, "elsewhere": {}, "runs": {POSTFIX: "", DOVECOT: ""}}


def played(settings: Settings, main: str = "", ec2: str = "", **tables: str) -> own.Own:
    """What a lab has of a system with these SETTINGS; MAIN, EC2: lines of main.cf of either host; TABLES: EC2's."""
    zone = {"records": [], "routing": {"enabled": False}, "policy": ""}
    zones = dict.fromkeys(settings.domain_names, zone)
    return own.make(settings, {"zones": zones, "dell": files(main), "ec2": files(ec2, **tables)})


def settings_with(**more: dict[str, Any]) -> Settings:
    """The lab's, where these keys of its tables are others."""
    data = settings_without_a_lab().model_dump(mode="json", exclude_none=True)
    return Settings.model_validate(data | {table: data[table] | keys for table, keys in more.items()})


@pytest.mark.parametrize(
    ("networks", "main", "interior", "ways"),
    [
        (["172.28.5.0/24"], "", ["172.28.5.1/24"], [("172.28.5.1", "172.28.5.5")]),
        (["172.28.5.0/24"], "inet_interfaces = 172.28.5.254", ["172.28.5.254/24"], [("172.28.5.254", "172.28.5.5")]),
        (["172.28.5.0/24"], "inet_interfaces = 172.28.5.5", ["172.28.5.5/24"], [("172.28.5.5", "172.28.5.4")]),
        (["192.168.1.5/32", "198.51.100.10/32"], "", ["192.168.1.5/32"], []),
        (["192.168.1.4/30"], "", ["192.168.1.5/30"], []),
        (["172.16.0.0/12"], "", ["172.24.0.1/24"], [("172.24.0.1", "172.24.0.5")]),
        (
            ["172.16.0.0/12"],
            "inet_interfaces = 127.0.0.1, 172.17.0.1",
            ["172.17.0.1/24", "172.24.0.0/32"],
            [("172.17.0.1", "172.17.0.5")],
        ),
        (["192.168.0.0/23", "192.168.1.0/24"], "", ["192.168.1.1/24"], [("192.168.1.1", "192.168.1.5")]),
        (["172.23.0.0/24"], "", ["172.23.0.1/24"], [("172.23.0.1", "172.23.0.5")]),
        (["172.23.0.0/28"], "", ["172.23.0.1/28"], [("172.23.0.1", "172.23.0.5")]),
        (["192.168.77.0/30"], "", ["192.168.77.1/30"], []),
        (["10.0.0.0/8"], "", ["10.128.0.1/24"], [("10.128.0.1", "10.128.0.5")]),
    ],
)
def test_of_each_own_network_the_lab_has_what_a_client_comes_from(
    networks: list[str], main: str, interior: list[str], ways: list[tuple[str, str]], tmp_path: Path
) -> None:
    """And none of the neighbours that may not send is in one of them."""
    settings = settings_with(dell={"networks": ["127.0.0.0/8", *networks]})
    made = played(settings, main)
    covered = [ipaddress.ip_network(each) for each in networks]
    apart = [each for each in plan.NEIGHBOURS if not _within(each, covered)]
    dell = made.estate.host("dell")
    assert dell.interior == (*interior, *apart)
    there = [ipaddress.ip_interface(each).network for each in dell.interior]
    migration: Any = SimpleNamespace(settings=settings)
    for each in (*clients.ours(migration), *clients.neighbours(migration)):
        assert any(ipaddress.ip_address(each.source) in network for network in there), each

    (tmp_path / "operator").mkdir()
    file = tmp_path / "operator/migration.toml"
    file.write_text(settings_text(), encoding="utf-8")
    made.write_settings(tmp_path)
    said = check(tomllib.loads(file.read_text(encoding="utf-8")), "the lab's").dell.submissions
    assert [(way.host, way.source) for way in said] == ways


def _within(text: str, networks: list[Any]) -> bool:
    return any(ipaddress.ip_interface(text).network.subnet_of(each) for each in networks)


def test_neighbours_are_not_of_ones_own_networks() -> None:
    migration: Any = SimpleNamespace(settings=settings_with(dell={"networks": ["172.16.0.0/12"]}))
    assert [each.source for each in clients.neighbours(migration)] == ["192.168.77.5"]
    migration = SimpleNamespace(settings=settings_with(dell={"networks": ["172.16.0.0/12", "192.168.0.0/16"]}))
    with pytest.raises(CouldNotAsk, match="that a neighbour could be tried by"):
        clients.neighbours(migration)


@pytest.mark.parametrize("keys", [{"dell": {"networks": ["100.64.0.0/10"]}}, {"ec2": {"seen_by_dell_as": "10.77.0.2"}}])
def test_what_the_lab_has_given_to_others_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(LabError, match="is yours, and in the lab that of"):
        played(settings_with(**keys))


def test_a_domain_that_the_snapshot_lacks_is_named() -> None:
    settings = settings_with()
    with pytest.raises(LabError, match=rf"lacks .*{settings.pilot}: python -m scripts.snapshot adds"):
        own.make(settings, {"zones": {}, "dell": files(""), "ec2": files("")})


TRANSPORT = """\
# once: pilot.example.net smtp:[100.64.10.99]:25
customer.example smtp:[10.9.9.9]:25
pilot.example.net
  smtp:[100.64.10.7]:25
fx-trader-life.com smtp:[dell.tail.example]
"""


@pytest.mark.parametrize(
    ("transport", "reaches", "inside"),
    [
        ("100.64.10.7", "", "100.64.10.7"),
        ("100.64.10.1", "100.64.10.7", "100.64.10.7"),
        ("100.64.10.1", "100.64.10.8", "100.64.10.8"),
        ("100.64.10.99", "", "10.9.9.9"),
        ("dell.tail.example", "", "10.9.9.9"),
    ],
)
def test_where_ec2_relays_to_is_what_the_settings_say(transport: str, reaches: str, inside: str) -> None:
    """Else the first that its tables of transports name. Comments and patterns are no hosts, nor are other tables."""
    there = {"kind": "ssh", "host": transport, "user": "root"}
    settings = settings_with(dell={"transport": there}, ec2={"reaches_dell_at": reaches})
    main = "transport_maps = hash:$config_directory/transport, regexp:/etc/postfix/patterns"
    patterns = r"/^[a-z]+\.[0-9]\.example$/ smtp:[$1]" + "\n"
    more = {"transport": TRANSPORT, "patterns": patterns, "virtual": "/^(.*)[^@]+$/ [x.example]\n"}
    estate = played(settings, ec2=main, **more).estate
    assert estate.dell_inside == inside
    named = {each.name: each.content for each in estate.elsewhere if each.type == "A"}
    assert named == {"dell.tail.example": inside}


def test_a_vps_another_relay_and_a_backup_mx() -> None:
    """The lab's gateway is an instance at its AWS; Dell sends by the operator's relay, and admits their backup MX."""
    own = settings_without_a_lab("vps")
    text = laid_over(settings_text(), own.model_dump(mode="json", exclude_none=True), [])
    made = check(tomllib.loads(text), "the lab's")
    assert (made.ec2.kind, made.ec2.name) == ("ec2", own.ec2.name)
    assert (made.relay.host, made.relay.spf_include) == (own.relay.host, own.relay.spf_include)
    assert [(each.name, each.addresses, each.stays) for each in made.backup_mx] == [
        (each.name, each.addresses, each.stays) for each in own.backup_mx
    ]


def test_a_relay_host_that_knows_dell_by_its_address_does_so_in_the_lab(tmp_path: Path) -> None:
    it = played(settings_with(relay={"login": False}))
    render(tmp_path, "sendgrid", it.estate, secrets=dict.fromkeys(SECRETS, "x"), seed=1, knobs=())
    it._known_by_address(tmp_path / "sendgrid/etc/postfix")
    main, master = ((tmp_path / "sendgrid/etc/postfix" / name).read_text("utf-8") for name in ("main.cf", "master.cf"))
    assert "smtpd_relay_restrictions=permit_mynetworks,reject\n" in master
    assert f"\nmynetworks = {plan.DELL4}, [{plan.DELL6}], 127.0.0.0/8" in main


@pytest.mark.parametrize("name", ["dell", "ec2"])
def test_a_host_that_plays_the_operators_can_mount_nothing(name: str, tmp_path: Path) -> None:
    """Else whoever is root there mounts this machine's /proc, and is root here."""
    ours = Start(1)
    for start, may in ((ours, True), (replace(ours, own=played(settings_without_a_lab())), False)):
        assert ("--cap-add=SYS_ADMIN" in world._options(tmp_path, name, start, {})) is may


def test_a_transport_by_itself_leads_to_dell_too() -> None:
    estate = played(settings_without_a_lab(), ec2="at = [100.64.10.3]\nrelay_transport = smtp:$at").estate
    assert estate.dell_inside == "100.64.10.3"


@pytest.mark.parametrize("name", ["em1234", "em77"])
def test_the_return_path_of_the_lab_s_relay_host_exists(name: str) -> None:
    """Whatever the operator's own is called, and wherever it leads."""
    row = {"type": "CNAME", "name": f"{name}.a.example", "content": "u5.wl.sendgrid.net", "ttl": 300}
    zone = own.zone_records([row], "a.example", policy=False)
    (written,) = (each.content for each in zone if each.name == "em1234.a.example")
    assert written == ("u5.wl.sendgrid.net" if name == "em1234" else present.SENDGRID_PATH)
    published = {(each.name, each.type) for each in own.elsewhere({"a.example": zone}, {})}
    assert {("u5.wl.sendgrid.net", "TXT"), ("u5.wl.sendgrid.net", "A")} == published
