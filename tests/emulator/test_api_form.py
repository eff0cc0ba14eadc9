"""The form of DNS records: what is refused with which words, what lexicon sends, and how a record is shown."""

from typing import Any

import cloudflare
import pytest

from fixtures.lab.emulator.state import Record
from fixtures.lab.faults.deeds import cloudflare as deeds
from fixtures.probes.cloudflare import api as cloudflare_api
from tests.emulator.conftest import APEX, OLD_MX, OLD_SPF, Running, refused
from tests.emulator.test_api_records import rows
from tests.emulator.test_people import job  # noqa: F401 - a fixture

NO_HOST = "Change the content of your MX record to be a hostname (and not an IP address)."
SAME_NAME = "troubleshooting/records-with-same-name/>."


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        pytest.param({"type": "MX", "content": "192.0.2.1", "priority": 1}, 9009, NO_HOST, id="MX at IPv4"),
        pytest.param({"type": "MX", "content": "2001:db8::1", "priority": 1}, 9009, NO_HOST, id="MX at IPv6"),
        pytest.param({"type": "MX", "content": "a b", "priority": 1}, 9009, NO_HOST, id="MX at no host name"),
        pytest.param({"type": "TXT", "content": ""}, 9101, "content is a required field", id="empty TXT"),
        pytest.param({"type": "A", "name": "-x", "content": "192.0.2.1"}, 9000, "DNS name is invalid.", id="bad label"),
        pytest.param({"type": "TXT", "name": "@", "content": f'"{OLD_SPF}"'}, 81058, "An identical", id="quoted"),
        pytest.param({"type": "CNAME", "content": "1.2.3.4"}, 9007, "Content for CNAME record is invalid.", id="CNAME"),
        pytest.param({"type": "NS", "content": "192.0.2.1"}, 9007, "Content for NS record is invalid.", id="NS"),
        pytest.param({"type": "CNAME", "content": f"x.{APEX}."}, 9039, "cannot reference itself", id="onto itself"),
        pytest.param({"type": "A", "content": OLD_MX}, 9005, "must be a valid IPv4 address.", id="A at a name"),
        pytest.param({"type": "AAAA", "content": "192.0.2.1"}, 9006, "must be a valid IPv6 address.", id="AAAA"),
        pytest.param({"type": "A", "name": "a b", "content": "192.0.2.1"}, 9000, "DNS name is invalid.", id="name"),
        pytest.param({"type": "TXT", "content": "x" * 4081}, 9015, "length of 4096 wire format bytes.", id="long TXT"),
        pytest.param(
            {"type": "A", "content": "10.0.0.2", "proxied": True}, 9003, "Target 10.0.0.2 is not allowed for a proxied",
            id="private address behind the proxy",
        ),
        pytest.param({"type": "CNAME", "name": OLD_MX, "content": "x.example"}, 81053, SAME_NAME, id="with an A"),
        pytest.param({"type": "A", "name": OLD_MX, "content": "203.0.113.20"}, 81058, "An identical", id="again"),
        pytest.param(
            {"type": "MX", "name": "@", "content": OLD_MX, "priority": 20}, 81057, "Record already exists.",
            id="another priority",
        ),
    ],
)  # fmt: skip
def test_refused_with_these_words(
    emulator: Running, client: Any, fields: dict[str, Any], code: int, words: str
) -> None:
    """One error, and nothing around it."""
    before = dict(emulator.zone.records)
    with refused(cloudflare.BadRequestError, code) as error:
        client.dns.records.create(zone_id=emulator.zone.id, **{"name": "x", "ttl": 1, **fields})
    (said,) = error.value.response.json()["errors"]
    assert words in said["message"]
    assert "error_chain" not in said
    assert emulator.zone.records == before


def test_4096_bytes_fit(emulator: Running, client: Any) -> None:
    """Sixteen strings of 255 bytes with their lengths are 4096."""
    client.dns.records.create(zone_id=emulator.zone.id, type="TXT", name="x", content="x" * 4080, ttl=1)


def test_all_texts_of_a_name_together(emulator: Running, client: Any) -> None:
    """At most 8192 characters; another name has its own."""
    for number in range(2):
        client.dns.records.create(zone_id=emulator.zone.id, type="TXT", name="x", content=f"{number}" * 4000, ttl=1)
    client.dns.records.create(zone_id=emulator.zone.id, type="TXT", name="y", content="y" * 4000, ttl=1)
    with refused(cloudflare.BadRequestError, 83011):
        client.dns.records.create(zone_id=emulator.zone.id, type="TXT", name="x", content="2" * 400, ttl=1)
    assert len(emulator.contents("TXT", f"x.{APEX}")) == 2


@pytest.mark.parametrize(
    ("kind", "data", "served"),
    [
        (
            "LOC",
            {
                "lat_degrees": "51", "lat_minutes": "30", "lat_seconds": "12.748", "lat_direction": "N",
                "long_degrees": "0", "long_minutes": "7", "long_seconds": "39.611", "long_direction": "W",
                "altitude": "0.00", "size": "0.00", "precision_horz": "0.00", "precision_vert": "0.00",
            },
            "51 30 12.748 N 0 7 39.611 W 0.00 0.00 0.00 0.00",
        ),
        (
            "LOC", {"lat_degrees": 51, "lat_direction": "N", "long_degrees": 0, "long_direction": "W"},
            "51 0 0 N 0 0 0 W 0 1 10000 10",
        ),
        ("SRV", {"priority": "0", "weight": "5", "port": "5061", "target": "sip.example"}, "5 5061 sip.example"),
        (
            "NAPTR",
            {
                "order": "100", "preference": "10", "flags": '"U"', "service": '"E2U+sip"',
                "regex": '"!^.*$!sip:a@b.example!"', "replacement": ".",
            },
            '100 10 "U" "E2U+sip" "!^.*$!sip:a@b.example!" .',
        ),
        ("CAA", {"flags": "0", "tag": "issue", "value": '"ca.example"'}, '0 issue "ca.example"'),
        ("TLSA", {"usage": "3", "selector": "1", "matching_type": "1", "certificate": "ab" * 32}, "3 1 1 " + "ab" * 32),
    ],
)  # fmt: skip
def test_data_as_lexicon_sends_it(emulator: Running, client: Any, kind: str, data: Any, served: str) -> None:
    """All as texts, character strings with their quotes, and no content."""
    body = {"type": kind, "name": f"x.{APEX}", "content": None, "data": data, "ttl": 3600}
    made = client.post(f"/zones/{emulator.zone.id}/dns_records", body=body, cast_to=object)["result"]
    assert made["content"] == (served.upper() if kind == "TLSA" else served)
    assert [row[0] for row in rows(emulator.databases[0], f"x.{APEX}", kind)] == [served]


@pytest.mark.parametrize(
    ("kind", "content", "lacking"),
    [
        ("SRV", "0 5 5061 sip.example", ["weight", "port", "target"]),
        ("TLSA", "3 1 1 " + "ab" * 32, ["usage", "selector", "matching_type", "certificate"]),
        ("NAPTR", '100 10 "U" "E2U+sip" "" .', "order preference flags service regex replacement".split()),
    ],
)
def test_what_goes_by_its_data_only(
    emulator: Running, client: Any, kind: str, content: str, lacking: list[str]
) -> None:
    """One error for each field that lacks, when it is made and when it is put; another TTL needs none of them."""
    zone = emulator.zone.id
    body = {"type": kind, "name": f"x.{APEX}", "content": content, "priority": 5, "ttl": 300}
    it = Record(kind, f"x.{APEX}", content.partition(" ")[2] if kind == "SRV" else content, 300, priority=5)
    emulator.zone.records[it.id] = it
    path = f"/zones/{zone}/dns_records"
    ways = (client.post, path), (client.put, f"{path}/{it.id}"), (client.patch, f"{path}/{it.id}")
    for ask, where in ways:
        with pytest.raises(cloudflare.BadRequestError) as error:
            ask(where, body={**body, "name": f"y.{APEX}"}, cast_to=object)
        said = [(each["code"], each["message"]) for each in error.value.response.json()["errors"]]
        assert said == [(9101, f"{name} is a required data field.") for name in lacking]
    with pytest.raises(cloudflare.BadRequestError):
        client.dns.records.batch(zone_id=zone, posts=[{**body, "name": f"y.{APEX}"}])
    assert set(client.get(f"{path}/{it.id}", cast_to=object)["result"]["data"]) >= set(lacking)
    assert client.dns.records.edit(it.id, zone_id=zone, type=kind, name=it.name, ttl=600).ttl == 600


def test_a_pin_is_shown_in_upper_case_and_planted_by_its_data(
    emulator: Running,
    job: Any,  # noqa: F811 - the fixture above
) -> None:
    """By a fault's deed, which finds it in any case, and puts it back."""
    it = Record("TLSA", f"_25._tcp.dell.{APEX}", "3 1 1 " + "ab" * 32, 300)
    emulator.zone.records[it.id] = it
    change = {"find": "ab" * 32, "content": "3 1 1 " + "cd" * 32}
    planted = deeds.record_changed(job.migration, APEX, "TLSA", it.name, **change)
    for pin in ("cd", "ab"):
        next(planted, None)
        shown: Any = emulator.client().dns.records.get(it.id, zone_id=emulator.zone.id)
        assert (shown.content, shown.data.certificate) == ("3 1 1 " + pin.upper() * 32, pin.upper() * 32)
        (read,) = cloudflare_api.records(job.migration, APEX).of(it.name, "TLSA")
        assert read.text == "3 1 1 " + pin * 32


def test_shown_as_recorded(emulator: Running, client: Any) -> None:
    """Loopback can't be proxied, a CNAME tells whether it is flattened, and times end in no zeros."""
    emulator.world.clock.advance(0.5 - emulator.world.clock.now() % 1 + 1)
    zone = emulator.zone.id
    local = client.dns.records.create(zone_id=zone, type="A", name="local", content="127.0.0.1", ttl=1).to_dict()
    assert local["proxiable"] is False
    assert local["settings"] == {}
    alias = client.dns.records.create(zone_id=zone, type="CNAME", name="docs", content="docs.example", ttl=1).to_dict()
    assert (alias["proxiable"], alias["settings"]) == (True, {"flatten_cname": False})
    emulator.zone.records[local["id"]].created_on = "2026-01-02T03:04:05.500000Z"
    emulator.zone.records[alias["id"]].created_on = "2026-01-02T03:04:05.000000Z"
    raw = client.get(f"/zones/{zone}/dns_records?name.contains=.{APEX}", cast_to=object)["result"]
    created = {each["content"]: each["created_on"] for each in raw}
    assert created["127.0.0.1"] == "2026-01-02T03:04:05.5Z"
    assert created["docs.example"] == "2026-01-02T03:04:05Z"


def test_listed_by_type_and_name_the_newest_first(emulator: Running, client: Any) -> None:
    for kind, name, content in (("TXT", "b", "1"), ("TXT", "a", "2"), ("TXT", "b", "3"), ("A", "z", "192.0.2.1")):
        client.dns.records.create(zone_id=emulator.zone.id, type=kind, name=name, content=content, ttl=1)
    listed = [each.content for each in client.dns.records.list(zone_id=emulator.zone.id) if each.content != OLD_MX]
    assert listed[0] == "203.0.113.20"
    assert listed[1] == "192.0.2.1"
    assert listed[2:5] == ["2", "3", "1"]
    backwards = client.dns.records.list(zone_id=emulator.zone.id, order="content", direction="desc", type="TXT")
    assert [each.content for each in backwards][-3:] == ["3", "2", "1"]


def test_two_records_change_places_in_one_batch(emulator: Running, client: Any) -> None:
    """What stands side by side counts at the end of a batch, not between its changes."""
    zone = emulator.zone.id
    made = [
        client.dns.records.create(zone_id=zone, type="A", name="x", content=content, ttl=ttl)
        for content, ttl in (("192.0.2.1", 60), ("192.0.2.2", 120))
    ]
    swapped = [
        {"id": mine.id, "type": "A", "name": "x", "content": other.content, "ttl": mine.ttl}
        for mine, other in (made, made[::-1])
    ]
    client.dns.records.batch(zone_id=zone, puts=swapped)
    assert rows(emulator.databases[0], f"x.{APEX}", "A") == [("192.0.2.1", 120, 0), ("192.0.2.2", 60, 0)]
    same = [{**each, "content": "192.0.2.9"} for each in swapped]
    with refused(cloudflare.BadRequestError, 81058) as error:
        client.dns.records.batch(zone_id=zone, puts=same)
    assert error.value.response.json()["errors"][0]["source"]["pointer"].startswith("/puts/")


@pytest.mark.parametrize("proxied", [False, True])
def test_an_alias_at_the_apex_hides_nothing(emulator: Running, client: Any, proxied: bool) -> None:
    """It is flattened, so that MX and TXT are answered; only addresses can't stand next to it."""
    zone = emulator.zone.id
    before = {kind: rows(emulator.databases[0], APEX, kind) for kind in ("MX", "TXT")}
    client.dns.records.create(zone_id=zone, type="CNAME", name="@", content="x.example", ttl=1, proxied=proxied)
    client.dns.records.create(zone_id=zone, type="TXT", name="@", content="a token", ttl=1)
    after = {kind: rows(emulator.databases[0], APEX, kind) for kind in ("MX", "TXT", "CNAME", "A")}
    assert (after["MX"], len(after["TXT"]), after["CNAME"]) == (before["MX"], len(before["TXT"]) + 1, [])
    assert bool(after["A"]) is proxied
    with refused(cloudflare.BadRequestError, 81054):
        client.dns.records.create(zone_id=zone, type="A", name="@", content="192.0.2.1", ttl=1)


def test_routing_mx_may_be_hidden(emulator: Running, client: Any) -> None:
    """Sources dispute whether the list has them; all else of routing's is there."""
    zone = emulator.zone.id
    client.dns.records.batch(
        zone_id=zone, deletes=[{"id": each} for each, record in emulator.zone.records.items() if record.type == "MX"]
    )
    client.email_routing.dns.create(zone_id=zone)
    listed = {(each.type, each.name) for each in client.dns.records.list(zone_id=zone)}
    assert ("MX", APEX) in listed
    emulator.management.post("/knobs", json={"routing_mx": "hidden"})
    assert {(each.type, each.name) for each in client.dns.records.list(zone_id=zone)} == listed - {("MX", APEX)}
    assert "\tMX\t" not in client.dns.records.export(zone_id=zone)
    assert len(rows(emulator.databases[0], APEX, "MX")) == 3
