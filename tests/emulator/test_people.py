"""Destinations are verified by people: what the scripts ask of the API meanwhile, and that they open no link."""

import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from fixtures.evidence import CouldNotAsk, Verdict
from fixtures.lab.emulator.hop.verification import verification_mail
from fixtures.lab.emulator.state import Destination, Record, Zone
from fixtures.lab.person import Inboxes, open_link
from fixtures.migration import Migration
from fixtures.preflight import accounts
from fixtures.probes.cloudflare import api as cloudflare, changing
from fixtures.probes.mailbox.verification import VerificationMail
from scripts import prepare_cloudflare
from scripts.lib.change import Refused
from scripts.lib.cloudflare import verification
from tests.emulator.conftest import ACCOUNT, APEX, Running

PAGE = "/email-routing/verify"


@pytest.fixture
def job(migration: Migration, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the scripts are given, against this emulator; nobody can read the mailboxes."""
    monkeypatch.setattr(verification, "LOOK_S", 0.02)
    said: list[str] = []
    return SimpleNamespace(migration=migration, domain="pilot.example.net", say=said.append, said=said)


def asked(emulator: Running, method: str, path: str) -> int:
    return sum(each["method"] == method and path in each["path"] for each in list(emulator.world.requests))


@pytest.mark.parametrize(
    "others",
    [
        {"CLOUDFLARE_EMAIL": "owner@outside.example"},
        {"CLOUDFLARE_API_KEY": "1234567893feefc5f0q5000bfo0c38d90bbeb"},
        {
            "CLOUDFLARE_EMAIL": "owner@outside.example",
            "CLOUDFLARE_API_KEY": "1234567893feefc5f0q5000bfo0c38d90bbeb",
            "CLOUDFLARE_API_TOKEN": "another",
            "CLOUDFLARE_API_USER_SERVICE_KEY": "v1.0-another",
            "CLOUDFLARE_CUSTOM_HEADERS": "Authorization: Bearer another\nX-Auth-Key: another",
        },
    ],
    ids="+".join,
)
def test_only_the_named_token_counts(job: Any, monkeypatch: pytest.MonkeyPatch, others: dict[str, str]) -> None:
    """The official client reads others from the environment too, where lego and its like have them."""
    for name, value in others.items():
        monkeypatch.setenv(name, value)
    for client in (cloudflare.client(job.migration), changing.client(job.migration), changing.once(job.migration)):
        reply = client.get("/zones", cast_to=httpx.Response)
        sent = {name: value for name, value in reply.request.headers.items() if "auth" in name}
        assert (reply.status_code, sent) == (200, {"authorization": "Bearer all"})


def test_custom_name_servers_are_known(emulator: Running, job: Any) -> None:
    custom = ["ns1.fx-trader-life.com", "ns2.fx-trader-life.com"]
    emulator.world.zones["2" * 32] = Zone(
        "fx-trader-life.com", "2" * 32, emulator.zone.name_servers, custom_servers=custom
    )
    found = cloudflare.zone(job.migration, "fx-trader-life.com")
    assert (found.name_servers, found.custom_servers) == (tuple(emulator.zone.name_servers), tuple(custom))


def test_an_international_domain_keeps_the_name_of_the_settings(emulator: Running, job: Any) -> None:
    """The API shows such a zone in Unicode, and its records in A-labels."""
    name, known = "xn--wgv71a119e.jp", job.migration.settings
    zone = Zone(name, "2" * 32, emulator.zone.name_servers)
    zone.records["3" * 32] = Record("MX", name, "mail.elsewhere.example", 300, 10, id="3" * 32)
    emulator.world.zones[zone.id] = zone
    domains = (known.domains[0].model_copy(update={"name": name}),)
    settings = known.model_copy(update={"domains": domains, "pilot": name})
    migration = replace(job.migration, settings=settings)
    assert [each.text for each in cloudflare.mx(cloudflare.records(migration, name))] == ["mail.elsewhere.example"]
    assert cloudflare.routing(migration, name).zone.name == name
    reach = next(accounts.narrow(migration))
    assert (reach.verdict, reach.found) == (Verdict.FAIL, f"it reads 1 zones besides: {APEX}")


def test_all_are_waited_for_together_and_no_link_is_opened(
    emulator: Running, job: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    addresses = list(job.migration.settings.domain(job.domain).addresses)
    for each in addresses:
        verification.register(job, each)
    monkeypatch.setattr(verification, "PEOPLE_S", 0.3)
    with pytest.raises(Refused) as refused:
        verification.await_people(job, addresses)
    shown = capsys.readouterr().err
    for each in addresses:
        assert f"{each.mailbox}: Cloudflare's mail to {each.destination}" in str(refused.value)
        assert f"{each.mailbox}  {each.destination}  in that mailbox" in shown
    assert asked(emulator, "GET", PAGE) == 0
    assert asked(emulator, "POST", "/addresses") == len(addresses)
    assert asked(emulator, "DELETE", "/addresses") == 0

    def person() -> None:
        with httpx.Client(verify=emulator.tls) as browser:
            for each in list(emulator.world.destinations.values()):
                time.sleep(0.05)
                open_link(browser, f"{emulator.url}{PAGE}?token={each.token}")

    monkeypatch.setattr(verification, "PEOPLE_S", 30.0)
    somebody = threading.Thread(target=person)
    somebody.start()
    verification.await_people(job, addresses)
    somebody.join()
    assert {verification.state(job.migration, each.destination) for each in addresses} == {"verified"}
    assert asked(emulator, "POST", "/addresses") == len(addresses), "what waits for a person is not asked for again"


def test_a_genuine_link_is_listed_though_anothers_mail_came_first(
    job: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each once, and with another's it is said that Dell did not see it come from Cloudflare."""
    address = next(iter(job.migration.settings.domain(job.domain).addresses))
    verification.register(job, address)
    link = "https://dash.cloudflare.com/verify?token="
    anothers = VerificationMail(address.destination, job.domain, "<1@x>", "192.0.2.66", "x", 1.0, (f"{link}bad",))
    genuine = replace(anothers, client_address="104.30.0.9", links=(f"{link}good",), cloudflares=True)
    looks = iter([anothers, anothers])

    def found(*_: object) -> dict[str, VerificationMail]:
        return {address.destination: next(looks, genuine)}

    monkeypatch.setattr(verification, "_mails", found)
    monkeypatch.setattr(verification, "_at_a_terminal", lambda: True)
    monkeypatch.setattr(verification, "PEOPLE_S", 0.5)
    with pytest.raises(Refused):
        verification.await_people(job, [address])
    rows = capsys.readouterr().err.splitlines()
    assert [row.split(f"{address.destination}  {link}")[1] for row in rows] == [
        "bad  brought by 192.0.2.66, by Dell's trace none of Cloudflare's: see whose it is",
        "good",
    ]


def test_the_next_run_asks_for_another_mail_once_in_five_minutes(
    emulator: Running, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = list(job.migration.settings.domain(job.domain).addresses)[:2]
    monkeypatch.setattr(verification, "PEOPLE_S", 0.1)
    for each in addresses:
        verification.register(job, each)
    for minutes, mails in ((0, 2), (4, 2), (2, 4), (1, 4)):
        emulator.world.clock.advance(60 * minutes)
        with pytest.raises(Refused):
            verification.await_people(job, addresses)
        assert asked(emulator, "POST", "/addresses") == mails


@pytest.mark.usefixtures("old_destinations")
def test_an_address_that_was_asked_too_recently_is_waited_for_and_that_is_said(emulator: Running, job: Any) -> None:
    address = next(iter(job.migration.settings.domain(job.domain).addresses))
    client = emulator.client()
    made = client.email_routing.addresses.create(account_id=ACCOUNT, email=address.destination)
    assert made is not None
    client.email_routing.addresses.delete(str(made.id), account_id=ACCOUNT)
    before = emulator.world.clock.now()
    verification.register(job, address)
    assert emulator.world.clock.now() - before >= 300
    assert any("less than five minutes ago" in line for line in job.said)
    assert verification.state(job.migration, address.destination) == "registered"
    # The same from another's run: the mail is on its way already, and nothing fails.
    assert not verification._ask(job, address)


def test_a_destination_is_deleted_once_it_is_old_enough_and_that_is_said(emulator: Running, job: Any) -> None:
    address, clock = next(iter(job.migration.settings.domain(job.domain).addresses)), emulator.world.clock
    verification.register(job, address)
    began = clock.now()
    verification.no_destination(job, address).do()
    assert 900 <= clock.now() - began < 1000
    assert not emulator.world.destinations
    at = "|".join(time.strftime("%H:%M", time.localtime(began + seconds)) for seconds in (960, 970))
    assert [bool(re.search(f"less than 15 min old: waits, until ({at}) at most", each)) for each in job.said] == [True]


def test_who_a_killed_run_may_have_left_in_is_said_where_dell_is_out_of_reach(
    job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only then: where no run was cut short, nobody was let in."""

    def silent(_: Migration) -> str:
        raise CouldNotAsk("Dell: no route to host")

    monkeypatch.setattr(verification, "guests", silent)
    addresses = list(job.migration.settings.domain(job.domain).addresses)
    with pytest.raises(CouldNotAsk, match=r"Dell: no route to host\Z"):
        next(verification.destinations(job, addresses))
    job.migration.store.record("run", job.domain, script="prepare_cloudflare")
    with pytest.raises(
        CouldNotAsk, match=r"may still let in cloudflare.com, cloudflare-email.net.*by hand, on Dell: sed"
    ):
        next(verification.destinations(job, addresses))


def test_a_destination_in_another_case_is_another(emulator: Running, job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cloudflare compares whole addresses exactly: a rule to what only looks registered would be refused (2054)."""
    monkeypatch.setattr(verification, "guests", lambda _: "")
    monkeypatch.setattr(verification, "admission", lambda *_, **__: ())
    address = next(iter(job.migration.settings.domain(job.domain).addresses))
    other = address.destination.capitalize()
    emulator.world.destinations["b" * 32] = Destination(other, "", "", verified="2026-11-26T00:00:00Z", id="b" * 32)
    assert verification.state(job.migration, address.destination) == "absent"
    assert verification.state(job.migration, other) == "verified"
    first = next(iter(prepare_cloudflare.plan(job)))
    assert (first.subject, first.before, first.after) == (address.destination, "absent", "registered")
    assert job.said == [f"{address.destination}: {other} is registered, which to Cloudflare is another: case counts"]


def test_the_labs_person_finds_links_in_new_mail_of_cloudflares_only(tmp_path: Path) -> None:
    mail = verification_mail(
        Destination(email="carol@dell.pilot.example.net", created="", modified="", token="t0k-en_")
    )
    new = tmp_path / "carol@pilot.example.net/Maildir/new"
    new.mkdir(parents=True)
    boxes = Inboxes(tmp_path)
    assert list(boxes.links()) == []
    (new / "1.M1P1.dell").write_bytes(b"Return-Path: <x>\n" + mail.replace(b"\r\n", b"\n"))
    (new / "1.M2P1.dell").write_bytes(mail.replace(b"noreply@notify.cloudflare.com", b"eve@evil.example"))
    found = ("carol@pilot.example.net", "https://dash.cloudflare.com/email-routing/verify?token=t0k-en_")
    assert list(boxes.links()) == [found]
    (new / "1.M3P1.dell").write_bytes(b"x" * 70_000 + mail)
    assert list(boxes.links()) == []
