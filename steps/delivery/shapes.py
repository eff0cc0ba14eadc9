"""Mail of every shape."""

from __future__ import annotations

from pytest_bdd import when
from pytest_bdd.parsers import parse

from fixtures.migration import Migration
from fixtures.probes.mailbox import delivery, message_matrix
from fixtures.probes.mailbox.delivery import Delivery

SIZES = {"of every shape": False, "of 20 MiB": True}


@when(parse("outside senders write mail {which}"), target_fixture="deliveries")
def strangers_write(migration: Migration, subjects: tuple[str, ...], which: str) -> tuple[Delivery, ...]:
    return delivery.arrivals(migration, message_matrix.from_outside(migration, subjects, heavy=SIZES[which]))


@when(parse("an admitted client delivers mail {which}"), target_fixture="deliveries")
def admitted_delivers(migration: Migration, subjects: tuple[str, ...], which: str) -> tuple[Delivery, ...]:
    return delivery.arrivals(migration, message_matrix.to_dell(migration, subjects, heavy=SIZES[which]))
