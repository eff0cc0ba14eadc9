"""Zones as they come: full of types that have nothing to do with mail, and an SPF record with no lookup to spare."""

from typing import Any

import pytest

from tests.labs import shared
from tests.scripts.operating import PREPARE_PILOT, as_operator

NAME = "test-odd-zones"
PLANT = """
from scripts.snapshot import take

sdk = changing.client(migration)
there = cloudflare.zone(migration, PILOT)

def plant(**record):
    return sdk.post(f"/zones/{there.id}/dns_records", cast_to=object, body={"ttl": 300, **record})

def every():
    return {f"{each.type} {each.name} {each.text}": [each.ttl, each.proxied, each.comment]
            for each in cloudflare.records(migration, PILOT).records}
"""
ODD = """
data = dict(
    CAA={"flags": 0, "tag": "issue", "value": "ca.example"},
    SRV={"priority": 0, "weight": 1, "port": 5269, "target": "chat.example.net"},
    SSHFP={"algorithm": 4, "type": 2, "fingerprint": "ab" * 32},
    TLSA={"usage": 3, "selector": 1, "matching_type": 1, "certificate": "cd" * 32},
    SMIMEA={"usage": 3, "selector": 0, "matching_type": 0, "certificate": "ef" * 16},
    URI={"weight": 1, "target": "https://www.example.net/"},
    HTTPS={"priority": 1, "target": ".", "value": 'alpn="h2"'},
    NAPTR={
        "order": 1, "preference": 1, "flags": "S", "service": "SIP+D2U", "regex": "", "replacement": "_sip.example.net"
    },
)
for kind, each in data.items():
    plant(type=kind, name=f"_odd.{kind.lower()}.{PILOT}", data=each, **({"priority": 1} if kind == "URI" else {}))
plant(type="TXT", name=PILOT, content="v=spf10 is no SPF record")
plant(type="TXT", name=PILOT, content="x" * 700)
plant(type="CNAME", name=f"www.{PILOT}", content="elsewhere.example.net", proxied=True, comment="the shop's")
plant(type="A", name=f"*.{PILOT}", content="192.0.2.77")
"""
pytestmark = pytest.mark.usefixtures("lab")
lab = shared(NAME, 7)


def ask(code: str) -> Any:
    return as_operator(PLANT + code, NAME)


def test_an_spf_record_that_would_cost_eleven_lookups_is_refused_and_left() -> None:
    done, before, after = ask("""
take(migration)
own = [each for each in cloudflare.records(migration, PILOT).of(PILOT, "TXT") if each.text.startswith("v=spf1")]
for each in own:
    sdk.dns.records.delete(each.id, zone_id=there.id)
full = "v=spf1 " + " ".join(f"a:mail.webmakeprofit.org/{number}" for number in range(24, 33)) + " ~all"
made = plant(type="TXT", name=PILOT, content=full)
before = every()
done = do("merge_spf", PILOT)
after = every()
sdk.dns.records.delete(made["result"]["id"], zone_id=there.id)
for each in own:
    plant(type="TXT", name=PILOT, content=each.content, ttl=each.ttl)
print(json.dumps([done, before, after]))
""")
    assert done["status"] == 1, done["said"]
    assert "Too many DNS lookups" in " ".join(done["said"].split())
    assert before == after


def test_a_name_that_is_in_use_is_refused_until_it_is_ours() -> None:
    """EC2 relays by Dell's name, say, and that leads into the tailnet: it would come from elsewhere, and bounce."""
    refused, proxied, ours, moved = ask("""
made = plant(type="MX", name=f"dell.{PILOT}", content="mail.example.net", priority=10)
refused = [do("publish_delivery")]
sdk.dns.records.delete(made["result"]["id"], zone_id=there.id)
there, name = cloudflare.zone(migration, OTHER), migration.settings.dell.name
for kind, content in (("A", "100.64.10.2"), ("AAAA", "2001:db8::77")):
    made = plant(type=kind, name=name, content=content)
    refused.append(do("publish_delivery"))
    sdk.dns.records.delete(made["result"]["id"], zone_id=there.id)
made = plant(type="A", name=name, content=str(migration.settings.dell.ipv4), proxied=True)
proxied = do("publish_delivery")
sdk.dns.records.edit(made["result"]["id"], zone_id=there.id, type="A", name=name, content=made["result"]["content"],
                     ttl=300, proxied=False)
ours = do("publish_delivery")
(stands,) = cloudflare.records(migration, OTHER).of(name, "A")
sdk.dns.records.edit(stands.id, zone_id=there.id, type="A", name=name, content="192.0.2.78", ttl=300)
print(json.dumps([refused, proxied, ours, do("publish_delivery")]))
""")
    for done, words in zip(refused, ("dell.pilot.example.net MX stands", "A stands", "AAAA stands"), strict=True):
        assert done["status"] == 1, done
        assert words in done["said"]
        assert "EC2 or your users may go by it" in " ".join(done["said"].split())
    assert proxied["status"] == 1, proxied
    assert "leads to 198.51.100.10 by Cloudflare's proxy: EC2 or your users may go by it" in " ".join(
        proxied["said"].split()
    )
    assert ours["status"] == 0, ours["said"]
    assert (moved["status"], moved["subjects"]) == (0, ["dell.webmakeprofit.org A"]), "Dell got another address"


def test_what_is_not_ours_comes_through_there_and_back_as_it_was() -> None:
    before, went, there, back, after = ask(
        ODD
        + "before = every()\n"
        + PREPARE_PILOT
        + """
went = switch(PILOT)
there = every()
migration.clock.advance(migration.settings.bounds.old_ttl_s + 60)
status, plan = call("rollback", ["--domain", PILOT, "--json"])
back = call("rollback", ["--domain", PILOT, "--apply", json.loads(plan)["digest"]])
after = every()
print(json.dumps([before, went, there, back, after]))
"""
    )
    assert went["status"] == 0, went["said"]
    assert back[0] == 0, back[1]
    ours = {key for key in before if key.split()[0] == "MX" or " v=spf1 " in key}
    kept = {key: value for key, value in before.items() if key not in ours}
    assert len(kept) >= 12
    for then in (there, after):
        assert {key: then.get(key) for key in kept} == kept
