"""The way from Cloudflare to Dell, as the settings have it: by a Worker some things are not asked for, or can't be."""

import argparse
import tomllib
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import ValidationError

from fixtures.migration import Migration
from fixtures.plan import fetcher, postfix, worker
from fixtures.probes.cloudflare import email_worker
from fixtures.settings import Secrets, Settings, SettingsError, StoreSettings, check
from fixtures.settings.route import Route
from scripts.lib.change import Job
from scripts.lib.dns import takeback
from tests.conftest import MINIMAL

HOST = 'host = "in.example.net"'
WORKER = f'[route]\nkind = "worker"\n{HOST}\nlogin = "worker@pilot.example.net"\n'
DELIVERY = 'delivery = "dell.pilot.example.net"\n'
ADDRESS = 'ipv4 = "198.51.100.10"\n'
STAYS = '[[backup_mx]]\nname = "mx2.example.net"\nipv4 = "192.0.2.7"\nstays = true\n'


def by_worker(was: str = "", is_: str = "") -> Settings:
    """A lab's settings with a Worker; IS_ stands there for WAS."""
    text = MINIMAL.replace('"live"', '"lab"').replace(DELIVERY, "") + WORKER
    assert was in text
    return check(tomllib.loads(text.replace(was, is_, 1)), "migration.toml")


def test_two_routes_are_built() -> None:
    assert Route.model_validate(tomllib.loads('kind = "direct"')).kind == "direct"
    with pytest.raises(ValidationError, match="described, not built"):
        Route.model_validate({"kind": "relay"})
    with pytest.raises(ValidationError, match="Input should be 'direct'"):
        Route.model_validate({"kind": "pigeon"})


def test_a_live_system_may_have_a_worker_and_no_address() -> None:
    """Without one Email Routing itself has nowhere to forward to."""
    settings = by_worker('"lab"', '"live"')
    assert (settings.target, settings.by_worker) == ("live", True)
    assert by_worker(ADDRESS).dell.addresses == ()
    with pytest.raises(SettingsError, match=r"dell\.ipv4: is missing"):
        check(tomllib.loads(MINIMAL.replace(ADDRESS, "")), "migration.toml")


def test_a_worker_hands_over_what_the_world_writes_to() -> None:
    settings = by_worker()
    (alice,) = settings.addresses()
    assert (settings.by_worker, settings.deliveries, settings.domains[0].served) == (True, (), ("pilot.example.net",))
    assert alice.destination == alice.address == alice.mailbox
    direct = check(tomllib.loads(MINIMAL), "migration.toml")
    assert (direct.by_worker, direct.deliveries) == (False, ("dell.pilot.example.net",))
    assert direct.domains[0].served == ("pilot.example.net", "dell.pilot.example.net")


TUNNEL = 'tunnel = "https://in.example.net"\nunit = "cloudflared.service"'


def test_a_tunnel_stands_in_the_place_of_host_and_port() -> None:
    """Its listener is on loopback and speaks no TLS; a socket's does, from the first octet."""
    route = by_worker(HOST, TUNNEL).route
    assert (route.door, route.guarded) == (("in.example.net", 443), True)
    assert not by_worker(HOST, f"{TUNNEL}\naccess = false").route.guarded
    assert (by_worker().route.door, by_worker().route.guarded) == (("in.example.net", 2465), False)
    listeners = [
        postfix.services(settings)["127.0.0.1:2465/inet"] for settings in (by_worker(), by_worker(HOST, TUNNEL))
    ]
    assert [each["smtpd_tls_wrappermode"] for each in listeners] == ["yes", "no"]
    assert [each["smtpd_tls_security_level"] for each in listeners] == ["encrypt", "none"]
    assert all(each["smtpd_discard_ehlo_keywords"] == "" for each in listeners)
    # A login that has become another is put off, and who has none is refused for good.
    ends = ",check_sasl_access,static:DEFER,reject"
    assert all(each["smtpd_client_restrictions"].endswith(ends) for each in listeners)


def test_what_fetches_speaks_as_the_listener_does() -> None:
    bucket = 'host = "in.example.net"\nbucket = "mail"'
    for text, into in (
        (bucket, "smtps://in.example.net:2465"),
        (f'{TUNNEL}\nbucket = "mail"', "smtp://127.0.0.1:2465"),
    ):
        settings = by_worker(HOST, text)
        made = fetcher.files(settings, Secrets())
        # With the name that Postfix says of itself: port 25 may refuse one that is none.
        assert f" {into} smtp://127.0.0.1/{settings.dell.name}\n" in made[fetcher.UNITS[0]]
        assert "\nStateDirectory=mxgate-fetch\n" in made[fetcher.UNITS[0]]


def test_the_worker_is_given_what_it_needs_for_its_way() -> None:
    socket, tunnel = by_worker(), by_worker(HOST, TUNNEL)
    assert worker.bindings(socket) == {"HOST": "in.example.net", "PORT": "2465", "LOGIN": "worker@pilot.example.net"}
    assert worker.bindings(tunnel) == {"TUNNEL": "https://in.example.net", "LOGIN": "worker@pilot.example.net"}
    assert (set(worker.secrets(socket)), set(worker.secrets(tunnel))) == (
        {"PASSWORD"},
        {"PASSWORD", "ACCESS_ID", "ACCESS_SECRET"},
    )


@pytest.mark.parametrize(
    ("was", "is_", "words"),
    [
        (HOST, "", 'host: missing, and kind = "worker" needs them (or, in place of host, tunnel)'),
        (HOST, f"{TUNNEL}\n{HOST}", "host: not next to tunnel"),
        (HOST, f"{TUNNEL}\nport = 2466", "port: not next to tunnel"),
        (HOST, f'{TUNNEL}\ntls_chain_file = "/a.pem"', "tls_chain_file: not next to tunnel"),
        (HOST, f'{TUNNEL}\nlisten = "192.0.2.1:2465"', "listen: 192.0.2.1:2465, and without TLS. Expected loopback's"),
        (HOST, f'{TUNNEL}\nlisten = "2465"', "listen: 2465, and without TLS"),
        (HOST, 'tunnel = "https://in.example.net"', "unit: missing"),
        (HOST, TUNNEL.replace("https", "http"), "expected the address of a Cloudflare Tunnel"),
        (HOST, TUNNEL.replace('net"', 'net/a"'), "expected the address of"),
        ("mailboxes =", f"{DELIVERY}mailboxes =", "delivery: dell.pilot.example.net, and with a Worker nothing is"),
        ("mailboxes =", 'catch_all = "drop"\nmailboxes =', "a Worker hands everything to Dell"),
        ("mailboxes =", 'plus_addresses = "refused"\nmailboxes =', "a Worker hands everything to Dell"),
        ("[store]", f"{STAYS}[store]", "mx2.example.net can't stay: with a Worker nothing is forwarded by MX"),
        ('"worker@', '"alice@', "route.login: alice@pilot.example.net is a mailbox"),
    ],
)
def test_what_can_not_be(was: str, is_: str, words: str) -> None:
    """By a tunnel, and by a Worker at all."""
    with pytest.raises(SettingsError) as raised:
        by_worker(was, is_)
    assert words in str(raised.value)


@pytest.mark.parametrize("stays", [True, False])
def test_a_worker_that_stays_is_not_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, stays: bool) -> None:
    """By a rollback of one domain with Dell's files, while another domain leads to it."""
    url = StoreSettings(url=f"sqlite:///{tmp_path}/store.sqlite")
    migration = Migration(by_worker().model_copy(update={"store": url}), Secrets())
    monkeypatch.setattr(email_worker, "ask", lambda _: "there" if stays else None)
    takeback.completed(Job(migration, migration.settings.pilot, argparse.Namespace(with_dell=True)))
    with closing(migration.store) as store:
        _, of_all = (row["scripts"] for row in store.recorded("undone"))
    assert {"publish_delivery", "prepare_dell"} <= {*of_all}
    assert ("deploy_worker" in of_all) is not stays
