"""An emulator per test, in a thread of its own, on loopback, over TLS: the official SDK talks to it."""

import asyncio
import inspect
import os
import re
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from cloudflare import APIStatusError, AsyncCloudflare, Cloudflare, DefaultAsyncHttpxClient, DefaultHttpxClient
from pydantic import SecretStr

from fixtures.access.clock import Clock
from fixtures.lab import image
from fixtures.lab.emulator.api import addresses, app, management
from fixtures.lab.emulator.api.calls import Context
from fixtures.lab.emulator.api.publisher import Publisher
from fixtures.lab.emulator.api.serving import HttpServer, listen
from fixtures.lab.emulator.keys import SigningKey
from fixtures.lab.emulator.knobs import Knobs
from fixtures.lab.emulator.state import Record, ServiceToken, Token, World, Zone
from fixtures.lab.files import settings_without_a_lab
from fixtures.lab.nameserver import ZoneDatabase
from fixtures.lab.person import open_link
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare, changing
from fixtures.settings.secrets import Secrets
from tests.emulator.hop_support import Scene, scene
from tests.emulator.worker_support import Deploying

ACCOUNT = "a" * 32
APEX = "webmakeprofit.org"
OLD_MX = "mail.webmakeprofit.org"
OLD_SPF = "v=spf1 ip4:203.0.113.20 include:sendgrid.net ~all"
ALL = frozenset(
    "zone:read dns:edit zone_settings:edit rules:edit addresses:edit user:read members:read workers:edit "
    "r2:edit access:edit".split()
)
DEADLINE_S, ASYNC_S_MAX = 10.0, 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """An emulator that runs: its ``world`` to look at, and the ways to it."""

    world: World
    zone: Zone
    key: SigningKey
    databases: tuple[ZoneDatabase, ...]
    url: str
    management: httpx.Client
    tls: ssl.SSLContext
    closing: ExitStack

    def client(self, token: str = "all", retries: int = 0, *, strict: bool = False) -> Cloudflare:
        """The official SDK; STRICT: it checks every answer against its models."""
        http = self.closing.enter_context(DefaultHttpxClient(verify=self.tls))
        return Cloudflare(
            api_token=token, base_url=f"{self.url}/client/v4", max_retries=retries, http_client=http,
            _strict_response_validation=strict,
        )  # fmt: skip

    def async_client(self) -> AsyncCloudflare:
        """As strict as may be."""
        http = DefaultAsyncHttpxClient(verify=self.tls)
        return AsyncCloudflare(
            api_token="all", base_url=f"{self.url}/client/v4", max_retries=0, http_client=http,
            _strict_response_validation=True,
        )  # fmt: skip

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """What no client of Cloudflare's would ask, or show; with the token ``all`` unless MORE has other headers."""
        given = {"headers": {"authorization": "Bearer all"}, **more}
        return httpx.request(method, f"{self.url}/client/v4{path}", verify=self.tls, **given)

    def contents(self, kind: str, name: str = APEX) -> list[str]:
        """What the account holds of that type at that name."""
        return sorted(r.content for r in self.zone.records.values() if (r.type, r.name) == (kind, name))


@contextmanager
def refused(kind: type[APIStatusError], code: int) -> Iterator[pytest.ExceptionInfo[APIStatusError]]:
    """Whatever is asked within it is, with CODE as the answer's first."""
    with pytest.raises(kind) as error:
        yield error
    assert error.value.errors[0].code == code


def calls(emulator: Running) -> set[tuple[str, str]]:
    """What was asked so far, identifiers left out."""
    asked = emulator.management.get("/requests").json()
    emulator.management.delete("/requests")
    return {(each["method"], plain(each["path"].removeprefix("/client/v4"))) for each in asked}


def plain(path: str) -> str:
    """PATH as the contract has it, whatever it names."""
    return re.sub(r"/([0-9a-f]{32}|\{\w+\})", "/{}", path.partition("?")[0]).rstrip("/")


@pytest.fixture
def old_destinations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Destinations can be deleted at once."""
    monkeypatch.setattr(addresses, "YOUNG_S", 0.0)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """An async test runs on the loop of its fixtures, and has an end."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    given = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    runner = pyfuncitem.funcargs["runner"]
    assert isinstance(runner, asyncio.Runner)
    runner.run(asyncio.wait_for(pyfuncitem.obj(**given), ASYNC_S_MAX))
    return True


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="session")
def root() -> Path:
    """The lab's image: real mail and name servers, entered by chroot."""
    if os.geteuid() != 0 or not image.HOSTS.path.is_dir():
        pytest.skip("needs root and the lab's image, which `scripts/lab up` builds")
    return image.HOSTS.path


@pytest.fixture
def stage(runner: asyncio.Runner, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A hop of the test's own; its parameter: whether the destination offers STARTTLS."""
    made = scene(tmp_path, tls=getattr(request, "param", True))
    yield runner.run(made.__aenter__())
    runner.run(made.__aexit__(None, None, None))


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def authority_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The lab's authority, for programs that are given a file to trust."""
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return str(file)


@pytest.fixture(scope="session")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    """A client's, who trusts nobody but the lab's authority: the machine's own take a while to read."""
    return ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())


@pytest.fixture(scope="session")
def certificate(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tls") / "api.pem"
    names = ("127.0.0.1", "api.cloudflare.com", f"{ACCOUNT}.r2.cloudflarestorage.com")
    authority.issue_cert(*names).private_key_and_cert_chain_pem.write_to_path(str(file))
    return file


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    return SigningKey.generate()


def new_world(clock: Clock) -> World:
    """One zone as it stands before the move."""
    world = World(ACCOUNT, clock, seed=7, knobs=Knobs(settle_s=30, transient_errors=0, batch_spread_s=0))
    records = [
        Record("MX", APEX, OLD_MX, ttl=3600, priority=10),
        Record("TXT", APEX, OLD_SPF, ttl=3600),
        Record("A", OLD_MX, "203.0.113.20", ttl=3600),
    ]
    zone = Zone(APEX, "1" * 32, ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"], {r.id: r for r in records})
    world.zones[zone.id] = zone
    world.tokens.append(Token("all", ALL))
    world.service_tokens.append(ServiceToken("worker.access", clock.now() + 365.5 * 86400))
    return world


@pytest.fixture
def emulator(trust: ssl.SSLContext, certificate: Path, signing_key: SigningKey, tmp_path: Path) -> Iterator[Running]:
    world = new_world(Clock(tmp_path / "clock"))
    zone = world.zones["1" * 32]
    databases = tuple(ZoneDatabase(tmp_path / f"ns{number}.sqlite") for number in (1, 2))
    context = Context(world, signing_key, Publisher(databases, world.knobs, world.seed, world.clock))
    context.publisher.publish(zone)
    api = HttpServer(app.application(context), listen("127.0.0.1", 0), certificate)
    side = HttpServer(management.application(context), listen("127.0.0.1", 0))
    with _serving(api, side), ExitStack() as closing:
        manager = closing.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{side.port}", verify=trust))
        yield Running(world, zone, signing_key, databases, f"https://127.0.0.1:{api.port}", manager, trust, closing)
    context.publisher.close()
    for kept in (cloudflare._zones, cloudflare._mx):  # once a process, as is the client; the next emulator is another
        kept.clear()
    cloudflare._client.cache_clear()


@contextmanager
def _serving(*servers: HttpServer) -> Iterator[None]:
    """In a loop of their own thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)

    def each(do: Callable[[HttpServer], Coroutine[Any, Any, None]]) -> None:
        for begun in [asyncio.run_coroutine_threadsafe(do(server), loop) for server in servers]:
            begun.result(DEADLINE_S)

    thread.start()
    each(HttpServer.start)
    yield
    each(HttpServer.stop)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(DEADLINE_S)
    loop.close()


@pytest.fixture
def migration(
    emulator: Running, authority_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Migration]:
    """Whose settings name this emulator's account; of its zones the pilot's is another."""
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", f"{emulator.url}/client/v4")
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    settings = settings_without_a_lab()
    changed = {
        "cloudflare": settings.cloudflare.model_copy(update={"account_id": ACCOUNT}),
        "store": settings.store.model_copy(update={"url": f"sqlite:///{tmp_path}/store.sqlite"}),
        "clock": settings.clock.model_copy(update={"file": emulator.world.clock.file}),
    }
    made = Migration(settings.model_copy(update=changed), Secrets(cloudflare_token=SecretStr("all")))
    yield made
    cloudflare.client(made).close()
    changing.client(made).close()
    made.store.close()


@pytest.fixture
def client(emulator: Running) -> Cloudflare:
    return emulator.client()


@pytest.fixture
def destination(emulator: Running, client: Cloudflare) -> str:
    """A destination whose link a person has opened."""
    email = "alice@dell.webmakeprofit.org"
    client.email_routing.addresses.create(account_id=ACCOUNT, email=email)
    (created,) = emulator.world.destinations.values()
    link = f"{emulator.url}/email-routing/verify?token={created.token}"
    with httpx.Client(verify=emulator.tls) as browser:
        assert open_link(browser, link) == "Email address verified"
    return email


@pytest.fixture(params=[False, True], ids=["socket", "tunnel"])
def deployed(request: pytest.FixtureRequest, authority: trustme.CA) -> Deploying:
    return Deploying(authority, request.param)


@pytest.fixture
def trusted(runner: asyncio.Runner, authority_file: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """By workerd, as the lab's hosts have it."""
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
