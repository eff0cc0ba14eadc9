"""Knocking at the gateway's port 25, from here and from every vantage, without saying a word.

Silence counts only from where another server's port 25 is heard (``vantages.blind``), or where this one was heard
before: many providers shut that port outwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fixtures.access.loop import run
from fixtures.evidence import CouldNotAsk
from fixtures.migration import Migration
from fixtures.probes.smtp import vantages
from fixtures.settings import Vantage
from scripts.lib.change import Job

SILENT, ACCEPTS, UNSEEN = "silent", "accepts mail", "could not look"
HEARD = "port 25 of EC2"
"""The record of who heard it before a stop."""


@dataclass(frozen=True, slots=True)
class Knock:
    """What was heard at the gateway's port 25. ``named``: the greeting has its name, so that it is no other's."""

    state: str
    told: str
    named: bool = False


def knock(job: Job) -> Knock:
    """Whether the gateway takes mail at its address, asked from everywhere. Takes half a minute where all is silent."""
    settings = job.migration.settings
    heard = greetings(job.migration, str(settings.ec2.ipv4))
    for via, said in heard.items():
        if said.startswith("220") and settings.ec2.name in said.lower():
            return Knock(ACCEPTS, f"it takes mail, seen from {place(via)}", named=True)
    with ThreadPoolExecutor(len(heard), "mxgate-knock") as pool:
        seeing = [via for via, why in zip(heard, pool.map(vantages.blind, heard), strict=True) if not why]
    for via in seeing:
        if heard[via].startswith("220"):
            return Knock(ACCEPTS, f"it takes mail, seen from {place(via)}")
    if seeing:
        return Knock(SILENT, f"it takes no mail, seen from {', '.join(map(place, seeing))}")
    return Knock(UNSEEN, "nobody could look: port 25 is shut, or answered by another, from here and from each vantage")


def greetings(migration: Migration, address: str) -> dict[Vantage | None, str]:
    """What a server says first at port 25 of ADDRESS to us here (None) and to each vantage; empty where nothing."""

    async def ask(via: Vantage | None) -> str:
        try:
            return await vantages.greeting(address, via)
        except (CouldNotAsk, OSError):
            return ""

    async def ask_all(places: Sequence[Vantage | None]) -> list[str]:
        return await asyncio.gather(*map(ask, places))

    places = (None, *(each for each in migration.settings.vantages if each.plays != "ec2"))
    return dict(zip(places, run(ask_all(places)), strict=True))


def place(via: Vantage | None) -> str:
    """A vantage's name."""
    return via.name if via else "here"


def heard_now(job: Job, addresses: Sequence[str]) -> None:
    """Keep, before a stop, who hears each address: they alone can say later that it is dead."""
    for address in addresses:
        places = heard_from(job.migration, address)
        job.migration.store.record(HEARD, address=address, places=places)
        job.say(f"port 25 of {address} is heard from {', '.join(places) or 'nowhere: nobody will see it die'}")


def heard_before(job: Job, address: str) -> list[str]:
    """Who heard it then."""
    return list((job.migration.store.last(HEARD, address=address) or {}).get("places", []))


def heard_from(migration: Migration, address: str, among: Collection[str] = ()) -> list[str]:
    """From where a server greets there now; of AMONG alone, if any are named."""
    found = [place(via) for via, said in greetings(migration, address).items() if said.startswith("220")]
    return [each for each in found if not among or each in among]
