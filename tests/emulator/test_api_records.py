"""DNS records through the official SDK: what is accepted, refused, and served."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cloudflare
import pytest

from fixtures.lab.nameserver import ZoneDatabase
from tests.emulator.conftest import APEX, OLD_MX, OLD_SPF, Running, refused


def rows(database: ZoneDatabase, name: str, kind: str) -> list[tuple[str, int, int]]:
    """What a name server has: content, TTL, priority."""
    query = "SELECT content, ttl, prio FROM records WHERE name = ? AND type = ? ORDER BY content"
    return list(database._connection.execute(query, (name, kind)))


def test_create_get_update_edit_and_delete(emulator: Running, client: Any) -> None:
    """A record's life, and that both name servers follow each step."""
    made = client.dns.records.create(zone_id=emulator.zone.id, type="A", name="Dell", content="198.51.100.10", ttl=1)
    assert (made.name, made.content, made.ttl) == (f"dell.{APEX}", "198.51.100.10", 1)
    for database in emulator.databases:
        assert rows(database, f"dell.{APEX}", "A") == [("198.51.100.10", 300, 0)]
    change = {"type": "A", "name": "dell", "content": "198.51.100.11", "ttl": 600}
    edited = client.dns.records.edit(made.id, zone_id=emulator.zone.id, **change)
    assert (edited.id, edited.ttl) == (made.id, 600)
    client.dns.records.update(made.id, zone_id=emulator.zone.id, type="A", name="dell", content="198.51.100.12", ttl=60)
    got = client.dns.records.get(made.id, zone_id=emulator.zone.id)
    assert (got.content, got.ttl) == ("198.51.100.12", 60)
    assert rows(emulator.databases[1], f"dell.{APEX}", "A") == [("198.51.100.12", 60, 0)]
    assert client.dns.records.delete(made.id, zone_id=emulator.zone.id).id == made.id
    assert rows(emulator.databases[0], f"dell.{APEX}", "A") == []
    with refused(cloudflare.NotFoundError, 81044):
        client.dns.records.get(made.id, zone_id=emulator.zone.id)


def test_batch_is_one_transaction_in_its_own_order(emulator: Running, client: Any) -> None:
    """Deletes come first: a post may take the place of what the same batch deletes."""
    (old,) = client.dns.records.list(zone_id=emulator.zone.id, type="MX")
    before = emulator.databases[0].serial(APEX)
    posts = [{"type": "MX", "name": APEX, "content": OLD_MX, "priority": 10, "ttl": 300}]
    done = client.dns.records.batch(zone_id=emulator.zone.id, posts=posts, deletes=[{"id": old.id}])
    assert [r.id for r in done.deletes or ()] == [old.id]
    assert (done.patches, done.puts) == (None, None), "what was not asked for is null"
    assert rows(emulator.databases[0], APEX, "MX") == [(OLD_MX, 300, 10)]
    assert emulator.databases[0].serial(APEX) == (before or 0) + 1, "more than one change was published"


def test_batch_that_fails_changes_nothing(emulator: Running, client: Any) -> None:
    before = dict(emulator.zone.records)
    deletes = [{"id": each} for each in before]
    posts = [{"type": "A", "name": name, "content": content} for name, content in (("ok", "192.0.2.1"), ("bad", "?"))]
    with refused(cloudflare.BadRequestError, 9005):
        client.dns.records.batch(zone_id=emulator.zone.id, deletes=deletes, posts=posts)
    assert emulator.zone.records == before
    assert rows(emulator.databases[0], APEX, "MX") == [(OLD_MX, 3600, 10)]


def test_list_filters_and_pages(emulator: Running, client: Any) -> None:
    """The SDK asks until a page is empty."""
    for number in range(25):
        client.dns.records.create(zone_id=emulator.zone.id, type="A", name=f"h{number}", content="192.0.2.1", ttl=1)
    assert len(list(client.dns.records.list(zone_id=emulator.zone.id, per_page=10))) == 28
    assert len(list(client.dns.records.list(zone_id=emulator.zone.id, name={"exact": APEX}))) == 2
    assert len(list(client.dns.records.list(zone_id=emulator.zone.id, name={"startswith": "h1"}, type="A"))) == 11
    page = client.dns.records.list(zone_id=emulator.zone.id, page=4, per_page=10)
    assert page.result == []


def test_long_text_comes_back_in_strings_of_255(emulator: Running, client: Any) -> None:
    text = "v=DKIM1; p=" + "A" * 400
    made = client.dns.records.create(zone_id=emulator.zone.id, type="TXT", name="s1._domainkey", content=text, ttl=1)
    assert made.content == f'"{text[:255]}" "{text[255:]}"'
    assert rows(emulator.databases[0], f"s1._domainkey.{APEX}", "TXT")[0][0] == made.content


def test_structured_content(emulator: Running, client: Any) -> None:
    data = {"usage": 3, "selector": 1, "matching_type": 1, "certificate": "ab" * 32}
    made = client.dns.records.create(zone_id=emulator.zone.id, type="TLSA", name="_25._tcp.dell", data=data, ttl=1)
    assert made.content == "3 1 1 " + "AB" * 32


def test_a_proxied_address_is_not_served_and_has_an_automatic_ttl(emulator: Running, client: Any) -> None:
    fields = {"type": "A", "name": "web", "content": "203.0.113.80", "proxied": True, "ttl": 300}
    made = client.dns.records.create(zone_id=emulator.zone.id, **fields)
    assert (made.proxied, made.ttl) == (True, 1)
    assert rows(emulator.databases[0], f"web.{APEX}", "A") == [("104.21.0.1", 300, 0)]


def test_export(emulator: Running, client: Any) -> None:
    text = client.dns.records.export(zone_id=emulator.zone.id)
    assert f"{APEX}.\t3600\tIN\tMX\t10 {OLD_MX}." in text
    assert f'{APEX}.\t3600\tIN\tTXT\t"{OLD_SPF}"' in text


def test_twenty_threads_at_one_record(emulator: Running) -> None:
    """Each request is one transaction: one of them makes it, and one deletes it."""
    client: Any = emulator.client()
    body = {"zone_id": emulator.zone.id, "type": "A", "name": "one", "content": "192.0.2.1", "ttl": 300}

    def said(call: Any) -> int | None:
        try:
            call()
        except cloudflare.APIStatusError as error:
            return error.errors[0].code
        return None

    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda _: said(lambda: client.dns.records.create(**body)), range(20)))
        (there,) = [each for each in emulator.zone.records.values() if each.name == f"one.{APEX}"]
        gone = list(
            pool.map(lambda _: said(lambda: client.dns.records.delete(there.id, zone_id=emulator.zone.id)), range(20))
        )
    assert (made.count(None), set(made) - {None}) == (1, {81058})
    assert (gone.count(None), set(gone) - {None}) == (1, {81044})
    assert rows(emulator.databases[0], f"one.{APEX}", "A") == []


def test_a_storm_of_writes_leaves_one_of_two_that_exclude_each_other(emulator: Running) -> None:
    """An A and a CNAME at one name, while Email Routing is enabled, unlocked and disabled; name servers agree."""
    client: Any = emulator.client()
    routing, zone = client.email_routing.dns, emulator.zone.id

    def storm(number: int) -> list[int]:
        at = {"zone_id": zone, "name": f"n{number % 4}", "ttl": 300}
        calls: list[Any] = [
            lambda: client.dns.records.create(**at, type="A", content=f"192.0.2.{number + 1}"),
            lambda: client.dns.records.create(**at, type="CNAME", content="docs.example"),
            lambda: (routing.create, routing.edit, routing.delete)[number % 3](zone_id=zone),
        ]
        found = []
        for call in calls:
            try:
                call()
            except cloudflare.APIStatusError as error:
                found.append(error.status_code)
        return found

    with ThreadPoolExecutor(20) as pool:
        statuses = {each for found in pool.map(storm, range(20)) for each in found}
    assert statuses <= {400, 409}
    for name in (f"n{number}.{APEX}" for number in range(4)):
        kinds = {each.type for each in emulator.zone.records.values() if each.name == name}
        assert kinds in ({"A"}, {"CNAME"})
        for kind in ("A", "CNAME"):
            served = rows(emulator.databases[0], name, kind)
            assert len(served) == len(emulator.contents(kind, name))


def test_a_list_that_is_deleted_from_while_it_is_paged_has_gaps(emulator: Running, client: Any) -> None:
    """As with any offset: so what is to go is read to its end first."""
    for number in range(30):
        client.dns.records.create(zone_id=emulator.zone.id, type="A", name=f"h{number}", content="192.0.2.1", ttl=1)

    def listed() -> Any:
        return client.dns.records.list(zone_id=emulator.zone.id, per_page=10, name={"startswith": "h"})

    for each in listed():
        client.dns.records.delete(each.id, zone_id=emulator.zone.id)
    assert len(list(listed())) == 10, "the second page was passed over"
    for each in list(listed()):
        client.dns.records.delete(each.id, zone_id=emulator.zone.id)
    assert list(listed()) == []


@pytest.mark.parametrize("also", ["deletes", "patches"])
def test_a_record_named_twice_in_one_batch(emulator: Running, client: Any, also: str) -> None:
    """Deleted, it is not there for what follows; the batch is refused whole."""
    (old,) = client.dns.records.list(zone_id=emulator.zone.id, type="MX")
    more = {"deletes": [{"id": old.id}]}
    more[also] = [*more.get(also, []), {"id": old.id, **({"ttl": 60} if also == "patches" else {})}]
    with refused(cloudflare.APIStatusError, 81044):
        client.dns.records.batch(zone_id=emulator.zone.id, **more)
    assert rows(emulator.databases[0], APEX, "MX") == [(OLD_MX, 3600, 10)]
