"""The whole move of a domain by the asynchronous SDK, and back."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from cloudflare import AsyncCloudflare

from fixtures.lab.emulator.api.routing import MX_HOSTS
from fixtures.lab.person import open_link
from tests.emulator.conftest import ACCOUNT, APEX, OLD_MX, OLD_SPF, Running

ADDRESSES = ("alice", "bob", "postmaster")


def test_there_and_back(emulator: Running) -> None:
    async def both() -> None:
        async with emulator.async_client() as client:
            backup = await client.dns.records.export(zone_id=emulator.zone.id)
            await prepare(client, emulator)
            await switch(client, emulator)
            settings = await client.email_routing.get(zone_id=emulator.zone.id)
            assert settings is not None
            assert settings.status == "ready"
            assert emulator.contents("MX") == list(MX_HOSTS)
            await back(client, emulator)
            assert await client.dns.records.export(zone_id=emulator.zone.id) != backup, "the export has no time in it"
            assert (emulator.contents("MX"), emulator.contents("TXT")) == ([OLD_MX], [OLD_SPF])
            assert emulator.contents("TXT", f"cf2024-1._domainkey.{APEX}") == []

    asyncio.run(both())


async def prepare(client: AsyncCloudflare, emulator: Running) -> None:
    """Destinations with their links opened, rules, SPF merged."""
    for local in ADDRESSES:
        await client.email_routing.addresses.create(account_id=ACCOUNT, email=f"{local}@dell.{APEX}")
    with httpx.Client(verify=emulator.tls) as browser:
        for destination in list(emulator.world.destinations.values()):
            open_link(browser, f"{emulator.url}/email-routing/verify?token={destination.token}")
    for local in ADDRESSES:
        await client.email_routing.rules.create(
            zone_id=emulator.zone.id,
            matchers=[{"type": "literal", "field": "to", "value": f"{local}@{APEX}"}],
            actions=[{"type": "forward", "value": [f"{local}@dell.{APEX}"]}],
        )
    merged = OLD_SPF.replace(" ~all", " include:_spf.mx.cloudflare.net ~all")
    async for record in client.dns.records.list(zone_id=emulator.zone.id, type="TXT"):
        await client.dns.records.edit(
            record.id, zone_id=emulator.zone.id, type="TXT", name=APEX, content=merged, ttl=300
        )


async def switch(client: AsyncCloudflare, emulator: Running) -> None:
    """One batch, then enable."""
    zone_id = emulator.zone.id
    needed = await client.email_routing.dns.get(zone_id=zone_id) or []
    posts: Any = [
        {"type": "MX", "name": r.name, "content": r.content, "priority": r.priority, "ttl": 300}
        for r in needed
        if r.type == "MX"
    ]
    deletes: Any = [{"id": r.id} async for r in client.dns.records.list(zone_id=zone_id, type="MX")]
    await client.dns.records.batch(zone_id=zone_id, deletes=deletes, posts=posts)
    await client.email_routing.dns.create(zone_id=zone_id)


async def back(client: AsyncCloudflare, emulator: Running) -> None:
    """Disable, then put back what disabling took along."""
    await client.email_routing.dns.delete(zone_id=emulator.zone.id)
    posts: Any = [
        {"type": "MX", "name": APEX, "content": OLD_MX, "priority": 10, "ttl": 3600},
        {"type": "TXT", "name": APEX, "content": OLD_SPF, "ttl": 3600},
    ]
    await client.dns.records.batch(zone_id=emulator.zone.id, posts=posts)
