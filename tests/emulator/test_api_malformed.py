"""Whatever is sent to it, the API answers in its envelope: no crash, no hang, no unplanned 500, and nothing broken."""

import json
import re
import socket
from typing import Any

import httpx
import pytest
from cloudflare import Cloudflare
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from fixtures.lab.emulator.api.app import ENDPOINTS
from fixtures.lab.emulator.state import Token
from tests.emulator.conftest import ACCOUNT, ALL, APEX, Running
from tests.emulator.test_api_analytics import RECENT

ANSWER_S_MAX = 10.0
RELAXED = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-1, 70000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.sampled_from(["", "@", ".", "*", *"A MX TXT CNAME SRV CAA TLSA HTTPS NAPTR LOC DS".split()]),
    st.sampled_from(["all", "literal", "forward", "drop", "worker", "to", "api", "verified", "1" * 32, "2" * 32]),
    st.sampled_from([APEX, f"a.{APEX}", f"alice@{APEX}", "192.0.2.1", "2001:db8::1"]),
    st.sampled_from(['"a" "b', "\\", "fe80::1%x", "é.x"]),
    st.sampled_from(["x" * 300, "x." * 200, "1 " * 40, "0 0 0 \n", "\x00", "-1", "10 mail.example.", 2**70, -(2**70)]),
)  # fmt: skip
KEYS = st.sampled_from(
    "type name content ttl priority proxied comment tags data settings id posts puts patches deletes matchers actions "
    "field value enabled source email status skip_wizard support_subaddress usage selector matching_type certificate "
    "weight port target flags tag zoneTag filter query variables limit".split()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=20,
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=9)
RECORDS = st.fixed_dictionaries(
    {"type": st.sampled_from(["A", "TXT", "MX", "SRV", "CAA", "TLSA", "HTTPS", "DS", "LOC"]), "name": SCALARS},
    optional={"content": SCALARS, "ttl": SCALARS, "priority": SCALARS, "data": VALUES, "proxied": SCALARS},
)
BATCHES = st.dictionaries(st.sampled_from(["posts", "puts", "patches", "deletes"]), st.lists(RECORDS, max_size=3))
RULES = st.fixed_dictionaries(
    {
        "matchers": st.lists(st.dictionaries(st.sampled_from(["type", "field", "value"]), SCALARS), max_size=2),
        "actions": st.lists(st.dictionaries(st.sampled_from(["type", "value"]), VALUES), max_size=2),
    },
    optional={"enabled": SCALARS, "priority": SCALARS, "name": VALUES, "source": SCALARS},
)
IDENTIFIERS = st.sampled_from(["1" * 32, ACCOUNT, "f" * 32, "catch_all", "x", "..", "%00", "%ff", "a b"])


@pytest.fixture
def sending(emulator: Running) -> Any:
    emulator.world.tokens[0] = Token("all", ALL | {"analytics:read"})
    http = emulator.closing.enter_context(httpx.Client(verify=emulator.tls, timeout=ANSWER_S_MAX))

    def send(method: str, path: str, body: bytes, **params: str) -> None:
        url = f"{emulator.url}/client/v4{path}"
        said = http.request(method, url, content=body, headers={"Authorization": "Bearer all"}, params=params)
        assert said.status_code < 500 or said.status_code == 501, (method, path, body[:500], said.text[:500])
        if "json" in said.headers.get("content-type", ""):
            envelope = said.json()
            assert envelope.get("errors") or envelope.get("success") or envelope.get("data"), said.text[:500]

    return send


@RELAXED
@given(
    endpoint=st.sampled_from(ENDPOINTS),
    identifiers=st.lists(IDENTIFIERS, min_size=3, max_size=3),
    body=st.one_of(BODIES, VALUES, RECORDS, RULES),
)
def test_any_json_to_any_path(sending: Any, endpoint: Any, identifiers: list[str], body: Any) -> None:
    given_ = iter(identifiers)
    path = re.sub(r"{\w+}", lambda _: next(given_), endpoint.path)
    sending(endpoint.method, path, json.dumps(body).encode())


@RELAXED
@given(record=RECORDS, batch=BATCHES, rule=RULES)
def test_nearly_right_writes(emulator: Running, sending: Any, record: Any, batch: Any, rule: Any) -> None:
    zone = f"/zones/{emulator.zone.id}"
    sending("POST", f"{zone}/dns_records", json.dumps(record).encode())
    sending("POST", f"{zone}/dns_records/batch", json.dumps(batch).encode())
    sending("POST", f"{zone}/email/routing/rules", json.dumps(rule).encode())
    sending("PUT", f"{zone}/email/routing/rules/catch_all", json.dumps(rule).encode())
    sending("GET", f"{zone}/dns_records/export", b"")


@RELAXED
@given(
    body=st.one_of(
        st.binary(max_size=200), st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
    )
)
def test_any_bytes(emulator: Running, sending: Any, body: bytes) -> None:
    sending("POST", f"/zones/{emulator.zone.id}/dns_records", body)
    sending("POST", "/graphql", body)


@RELAXED
@given(names=st.lists(KEYS, max_size=3), value=st.text(max_size=20), page=st.text(max_size=5))
def test_any_query(emulator: Running, sending: Any, names: list[str], value: str, page: str) -> None:
    params = {**dict.fromkeys(names, value), "page": page, f"name.{value[:9]}": value, "order": value[:4]}
    sending("GET", f"/zones/{emulator.zone.id}/dns_records", b"", **params)
    sending("GET", f"/accounts/{ACCOUNT}/email/routing/addresses", b"", **params)


@RELAXED
@given(query=st.one_of(st.just(RECENT), st.text(max_size=60)), variables=VALUES, times=st.tuples(SCALARS, VALUES))
def test_any_graphql(emulator: Running, sending: Any, query: str, variables: Any, times: Any) -> None:
    sending("POST", "/graphql", json.dumps({"query": query, "variables": variables}).encode())
    right = {"zoneTag": emulator.zone.id, "start": times[0], "end": times[1]}
    sending("POST", "/graphql", json.dumps({"query": RECENT, "variables": right}).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"name": "\\ud800"}',
        b'{"ttl": 1e999, "type": "A", "name": "x", "content": "192.0.2.1"}',
        b'{"ttl": NaN}',
        b"9" * 5000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"\xff\xfe",
        b"null",
        b"x" * 1_200_000,
    ],
    ids=range(9),
)  # fmt: skip
def test_what_breaks_careless_readers(emulator: Running, sending: Any, client: Cloudflare, body: bytes) -> None:
    for method, path in (("POST", "dns_records"), ("POST", "email/routing/rules"), ("PATCH", "email/routing")):
        sending(method, f"/zones/{emulator.zone.id}/{path}", body)
    sending("POST", "/graphql", body)
    for path in ("/requests", "/state", "/events"):
        assert emulator.management.get(path).status_code == 200
    assert len(list(client.dns.records.list(zone_id=emulator.zone.id))) == 3


def test_a_write_whose_body_was_cut_off_is_not_done(emulator: Running) -> None:
    """RFC 9112, section 8."""
    body = json.dumps({"type": "A", "name": "cut", "content": "192.0.2.1", "ttl": 300})
    head = f"POST /client/v4/zones/{emulator.zone.id}/dns_records HTTP/1.1\r\nHost: api.cloudflare.com\r\n"
    more = f"Authorization: Bearer all\r\nContent-Length: {len(body) + 1}\r\n\r\n{body}"
    port = int(emulator.url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), ANSWER_S_MAX) as plain,
        emulator.tls.wrap_socket(plain, server_hostname="127.0.0.1") as client,
    ):
        client.sendall(f"{head}{more}".encode())
        left = client.unwrap()
        assert left.recv(1) == b"", "nobody is left to answer"
    assert emulator.ask("GET", "/ips").status_code == 200
    assert emulator.contents("A", f"cut.{APEX}") == []
    asked = emulator.management.get("/requests").json()
    assert [each["path"] for each in asked] == ["/client/v4/ips"]


def test_the_history_is_limited_in_bytes(emulator: Running, sending: Any) -> None:
    """300 requests of a megabyte: what is kept is the newest, and a tenth of them."""
    for number in range(300):
        sending("POST", f"/zones/{emulator.zone.id}/dns_records", b"%06d" % number + b"x" * 1_000_000)
    kept = emulator.management.get("/requests").json()
    assert sum(len(each["body"]) for each in kept) < 34_000_000
    assert 20 < len(kept) < 40
    assert kept[-1]["body"].startswith("000299")
    emulator.management.delete("/requests")
    assert emulator.world.requests.size == 0
