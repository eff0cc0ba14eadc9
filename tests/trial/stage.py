"""A world for one trial in a network namespace of its own, without a lab: the emulator with its mail hop at the real
addresses and ports, name servers that answer what it publishes, and a person who opens links.

``unshare --net --mount python -m tests.trial.stage FOLDER JSON`` does what JSON asks, and prints JSON. The trial runs
in processes of its own, forked from here, so that each can be killed as any program can.
"""

import asyncio
import contextlib
import ipaddress
import json
import os
import pickle
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.reversename
import dns.rrset
import httpx
import trustme
from pydantic import SecretStr

from fixtures.access.clock import Clock
from fixtures.evidence.exiting import end_with
from fixtures.lab.emulator.api import app, routing
from fixtures.lab.emulator.api.calls import Context
from fixtures.lab.emulator.api.publisher import Publisher
from fixtures.lab.emulator.api.serving import HttpServer, listen
from fixtures.lab.emulator.hop import Hop, delivery, workerd
from fixtures.lab.emulator.hop.rewrite import helo_name
from fixtures.lab.emulator.hop.verification import ELSEWHERE, HELO
from fixtures.lab.emulator.keys import SigningKey
from fixtures.lab.emulator.knobs import Knobs, drawn
from fixtures.lab.emulator.state import Record, Rule, Token, World, Zone
from fixtures.lab.files import settings_without_a_lab
from fixtures.lab.nameserver import ZoneDatabase, quoted
from fixtures.lab.person import open_link
from fixtures.migration import Migration
from fixtures.migration.trials import latest
from fixtures.settings import Route, Trial, Vantage
from fixtures.settings.secrets import Secrets
from scripts import trial
from scripts.lib import change
from scripts.lib.trial import result, routing as routing_parts, wire
from tests.emulator.conftest import ACCOUNT, ALL

PILOT, SPARE = "pilot.example.net", "spare.example.net"
MX = ("162.159.205.11", "162.159.205.12", "2606:4700:f5::b", "2606:4700:f5::c")
STATION4, STATION6 = "203.0.113.77", "2001:db8:77::25"
NAMELESS = ("192.0.2.251", "2001:db8:ffff::25")
SERVERS = ("198.51.100.53", "198.51.100.54")
LOCAL = (*MX, STATION4, STATION6, *NAMELESS, *SERVERS, ELSEWHERE, "104.30.0.0/19", "2405:8100:c000::/38")
API = 8443
PATIENCE_S, HURRIED_S = 8.0, 2.0
"""Of the forwarder with a destination that stalls; in a lab it has 30. Where nobody asks for the truth it is short."""
CPU_MS_MAX = 1000
"""Whatever the knob says: a Worker that computes for ever is soon ended."""
WRITTEN_S = 30.0
DRAWN: list[float] = []


def network(folder: Path) -> None:
    """All addresses are this machine's own, in this namespace; and its resolver is ours."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for version in (4, 6):
        Path(f"/proc/sys/net/ipv{version}/ip_nonlocal_bind").write_text("1", encoding="ascii")
    for each in LOCAL:
        family = "-6" if ":" in each else "-4"
        subprocess.run(["ip", family, "route", "add", "local", each, "dev", "lo"], check=True)
    resolv = folder / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\n", encoding="ascii")
    subprocess.run(["mount", "--bind", resolv, "/etc/resolv.conf"], check=True)


class Answers(asyncio.DatagramProtocol):
    """The account's zones as one name server has them; and, RECURSIVE, whatever else there is."""

    def __init__(self, database: Path, static: dict[tuple[str, str], list[str]], *, recursive: bool) -> None:
        self._database = sqlite3.connect(database, isolation_level=None)
        self._static, self._recursive = static, recursive

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        made = dns.message.make_response(query)
        made.flags |= dns.flags.RA if self._recursive else dns.flags.AA
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        if found := self._of(name, kind):
            made.answer = [dns.rrset.from_text_list(question.name, 60, "IN", question.rdtype, found)]
        self._transport.sendto(made.to_wire(), addr)

    def _of(self, name: str, kind: str) -> list[str]:
        if self._recursive and (name, kind) in self._static:
            return self._static[name, kind]
        if self._recursive and (found := _forwarders(name, kind)):
            return found
        rows = self._database.execute("SELECT content, prio FROM records WHERE name = ? AND type = ?", (name, kind))
        ends = "." if kind in {"MX", "NS", "CNAME"} else ""
        return [
            " ".join(filter(None, (str(prio) if kind == "MX" else "", content.rstrip(".") + ends if ends else content)))
            for content, prio in rows
        ]


def _forwarders(name: str, kind: str) -> list[str]:
    """PTR of every address of the prefixes."""
    with contextlib.suppress(ValueError, dns.exception.DNSException):
        if kind == "PTR":
            address = dns.reversename.to_address(dns.name.from_text(name))
            for prefix in ("104.30.0.0/19", "2405:8100:c000::/38"):
                network = ipaddress.ip_network(prefix)
                if ipaddress.ip_address(address) in network:
                    return [f"{helo_name(address)}."]
    return []


def static(key: SigningKey) -> dict[tuple[str, str], list[str]]:
    made = {
        ("cf2024-1._domainkey.cloudflare-email.net", "TXT"): [quoted(key.dns_txt)],
        ("ada.ns.cloudflare.com", "A"): [SERVERS[0]],
        ("bob.ns.cloudflare.com", "A"): [SERVERS[1]],
        ("station.example", "A"): [STATION4],
        ("station.example", "AAAA"): [STATION6],
        (HELO, "A"): [ELSEWHERE],
    }
    for address, name in ((STATION4, "station.example"), (STATION6, "station.example"), (ELSEWHERE, HELO)):
        made[ipaddress.ip_address(address).reverse_pointer, "PTR"] = [f"{name}."]
    for number, host in enumerate(routing.MX_HOSTS + routing.NAMED_MX_HOSTS):
        made[host, "A"], made[host, "AAAA"] = [MX[number % 2]], [MX[2 + number % 2]]
    return made


def world(folder: Path, knobs: dict[str, Any], seed: int) -> World:
    made = World(ACCOUNT, Clock(folder / "clock"), seed, knobs=Knobs.of({"transient_errors": 0, **knobs}))
    made.knobs.worker_cpu_ms = min(made.knobs.worker_cpu_ms, CPU_MS_MAX)
    for number, name in enumerate((PILOT, SPARE), 1):
        records = [
            Record("TXT", name, '"v=spf1 ip4:203.0.113.20 ~all"', ttl=3600),
            Record("TXT", f"_dmarc.{name}", '"v=DMARC1; p=none"', ttl=3600),
            Record("A", name, "203.0.113.80", proxied=True),
        ]
        if name == PILOT:
            records.append(Record("MX", name, "mail.example.net", ttl=300, priority=10))
        zone = Zone(name, str(number) * 32, ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"])
        zone.records = {each.id: each for each in records}
        zone.routing.rules.append(
            Rule([{"type": "literal", "field": "to", "value": f"carol@{name}"}], [{"type": "drop"}], name="a user's")
        )
        made.zones[zone.id] = zone
    made.tokens.append(Token("all", ALL | {"analytics:read"}))
    return made


def emulate(
    folder: Path, knobs: dict[str, Any], seed: int, ready: int, *, kept: Path | None, patience_s: float
) -> None:
    """Be Cloudflare until SIGTERM; what it drew and what stands is in FOLDER afterwards.

    KEPT: as an emulator stood that SIGUSR1 made keep its account there, in ``moments``.
    """
    made, key = world(folder, knobs, seed), SigningKey.generate()
    if kept:
        made.zones, made.destinations, made.verifications, made.workers = pickle.loads(kept.read_bytes())
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    pem = folder / "api.pem"
    authority.issue_cert("127.0.0.1", "mx.cloudflare.net").private_key_and_cert_chain_pem.write_to_path(str(pem))
    databases = tuple(ZoneDatabase(folder / f"ns{number}.sqlite") for number in (1, 2))
    context = Context(made, key, Publisher(databases, made.knobs, made.seed, made.clock))
    delivery.COMMAND_S_MAX = workerd.ANSWER_S_MAX = patience_s
    known = routing._settled_at

    def settled_at(world: World) -> float:
        at = known(world)
        DRAWN.append(at - world.clock.now())
        return at

    routing._settled_at = settled_at
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def keep(*_: object) -> None:
        file = folder / (folder / "moments").read_text(encoding="ascii")
        file.with_suffix(".part").write_bytes(
            pickle.dumps((made.zones, made.destinations, made.verifications, made.workers))
        )
        file.with_suffix(".part").rename(file)

    signal.signal(signal.SIGUSR1, keep)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        table = static(key)
        for address, file, recursive in (
            ("127.0.0.1", "ns1", True), (SERVERS[0], "ns1", False), (SERVERS[1], "ns2", False)
        ):  # fmt: skip
            await loop.create_datagram_endpoint(
                partial(Answers, folder / f"{file}.sqlite", table, recursive=recursive), local_addr=(address, 53)
            )
        lag_s, made.knobs.dns_lag_s = made.knobs.dns_lag_s, 0.0  # what stood before the trial is there already
        for zone in made.zones.values():
            context.publisher.publish(zone)
        made.knobs.dns_lag_s = lag_s
        api = HttpServer(app.application(context), listen("127.0.0.1", API), pem)
        hop = Hop(made, key, list(MX), pem)
        await api.start()
        await hop.start()
        os.write(ready, b"ready")
        tls = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        with httpx.Client(verify=tls) as browser:
            while not stop.is_set():
                for each in list(made.destinations.values()):
                    arrived = any(
                        e.get("destination") == each.email and e["status"] == "delivered" for e in made.events
                    )
                    if not each.verified and arrived:
                        link = f"https://127.0.0.1:{API}/email-routing/verify?token={each.token}"
                        await asyncio.to_thread(open_link, browser, link)
                (folder / "stands.part").write_text(json.dumps(stands(made)), encoding="utf-8")
                (folder / "stands.part").rename(folder / "stands.json")
                await asyncio.sleep(0.05)
        await hop.workers.close()  # each a process that would outlive this one
        (folder / "drawn.json").write_text(json.dumps(DRAWN), encoding="utf-8")
        os._exit(0)

    asyncio.run(serve())


def stands(made: World) -> list[str]:
    """Of the account, as nobody but the emulator knows it: a line each."""
    lines = [f"destination {each.email}" for each in made.destinations.values()]
    lines += [f"Worker {each}" for each in made.workers]
    for zone in made.zones.values():
        state = zone.routing
        lines.append(f"{zone.name} {state.enabled} {state.support_subaddress} {sorted(state.subdomains)}")
        lines += [f"{r.type} {r.name} {r.content} {r.ttl} {r.priority} {r.proxied}" for r in zone.records.values()]
        lines += [f"rule {rule.matchers} {rule.actions} {rule.enabled}" for rule in (*state.rules, state.catch_all)]
    return sorted(lines)


class Stage:
    """One emulator, and trials against it, each a process."""

    def __init__(
        self, folder: Path, knobs: dict[str, Any], seed: int = 7, *, spare: bool = False, kept: Path | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:  # fmt: skip
        self.folder, self.spare = folder, spare
        folder.mkdir(parents=True, exist_ok=True)
        if kept:
            shutil.copy(kept.with_suffix(".sqlite"), folder / "store.sqlite")
            shutil.copy(kept.parent / "clock", folder)
        read, write = os.pipe()
        maker, self.pid = os.getpid(), os.fork()
        if not self.pid:
            try:
                end_with(maker, signal.SIGKILL)
                emulate(folder, knobs, seed, write, kept=kept, patience_s=patience_s)
            except BaseException:  # noqa: BLE001 - shown, whatever it is
                traceback.print_exc()
            finally:
                os._exit(1)
        os.close(write)
        if os.read(read, 5) != b"ready":
            raise RuntimeError("the emulator did not start")
        self.before = self.stands()

    def stands(self) -> list[str]:
        file, asked = self.folder / "stands.json", time.time()
        while not (file.exists() and file.stat().st_mtime > asked):
            if time.time() > asked + WRITTEN_S:
                raise RuntimeError("the emulator no longer says what stands")
            time.sleep(0.02)
        return list(json.loads(file.read_text(encoding="utf-8")))

    def end(self) -> list[float]:
        """What it drew."""
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        return list(json.loads((self.folder / "drawn.json").read_text(encoding="utf-8")))

    def migration(self) -> Migration:
        settings = settings_without_a_lab()
        os.environ["CLOUDFLARE_BASE_URL"] = f"https://127.0.0.1:{API}/client/v4"
        os.environ["SSL_CERT_FILE"] = str(self.folder / "ca.pem")
        station = Vantage(name="station", path=Path("/proc/self/ns/net"), sources="any", ipv4=STATION4, ipv6=STATION6)
        given = {
            "pilot": PILOT,
            "cloudflare": settings.cloudflare.model_copy(update={"account_id": ACCOUNT}),
            "store": settings.store.model_copy(update={"url": f"sqlite:///{self.folder}/store.sqlite"}),
            "clock": settings.clock.model_copy(update={"file": self.folder / "clock"}),
            "vantages": (station,),
            "trial": Trial(vantage="station", zone=SPARE if self.spare else ""),
            "route": Route(kind="worker", host=f"in.{PILOT}", login=f"worker@{PILOT}"),
        }
        made = settings.model_copy(update=given).of(str(self.folder / "migration.toml"))
        return Migration(made, Secrets(cloudflare_token=SecretStr("all")))

    def run(self, *words: str, kill: int = 0, keep: bool = False) -> tuple[int, int, str]:
        """A trial with these words: how it ended, after how many moments at which it could be killed, what it said.

        KILL: at that moment it gets SIGKILL. A moment is before and after each request that writes. KEEP: at each one
        store and account are kept as they stand.
        """
        out, count = self.folder / "said.txt", self.folder / "moments"
        pid = os.fork()
        if not pid:
            status = 99
            try:
                with out.open("w", encoding="utf-8") as said:
                    os.dup2(said.fileno(), 1)
                    os.dup2(said.fileno(), 2)
                    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
                    _at_each_moment(self._keep if keep else lambda at: os.kill(os.getpid(), 9 * (at == kill)), count)
                    change._stands = lambda *_: ""  # there is no Dell here, and no gate
                    object.__setattr__(trial.SCRIPT, "opens", lambda _path: self.migration())
                    routing_parts.APEX_S = 20.0  # nothing is waited for that the emulator does not do
                    status = trial.main(list(words))
                    sys.stdout.flush()
                    sys.stderr.flush()
            except BaseException as fault:  # noqa: BLE001 - shown by the parent
                os.write(2, "".join(traceback.format_exception(fault)).encode())
            finally:
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        moments = int(count.read_text(encoding="ascii")) if count.exists() else 0
        return os.waitstatus_to_exitcode(status), moments, out.read_text(encoding="utf-8")

    def _keep(self, moment: int) -> None:
        with (
            sqlite3.connect(self.folder / "store.sqlite") as store,
            sqlite3.connect(self.folder / f"{moment}.sqlite") as copy,
        ):
            store.backup(copy)
        os.kill(self.pid, signal.SIGUSR1)
        while not (self.folder / str(moment)).exists():
            time.sleep(0.005)

    def apply(self, *words: str, kill: int = 0, keep: bool = False) -> tuple[int, int, str]:
        """The plan of these words, made."""
        _, _, planned = self.run(*words)
        digest = planned.partition("--apply ")[2].split()
        if not digest:
            return 0, 0, planned
        why = "--override", "there is no gate on this stage"
        return self.run(*words, *why, "--take-lock", "--apply", digest[0], kill=kill, keep=keep)

    def observed(self) -> dict[str, Any]:
        """In a process of its own, as the store's threads must not be in this one."""
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            migration = self.migration()
            found = latest(migration.store, migration.settings)
            seen = found.facts if found else {}
            facts = {name: [each.value, each.shown, each.otherwise] for name, each in seen.items()}
            knobs, stopped = result.knobs(seen), found.stopped if found else ""
            with os.fdopen(write, "w", encoding="utf-8") as pipe:
                json.dump({"facts": facts, "knobs": knobs, "stopped": stopped}, pipe)
            os._exit(0)
        os.close(write)
        with os.fdopen(read, encoding="utf-8") as pipe:
            said = pipe.read()
        os.waitpid(pid, 0)
        return dict(json.loads(said))


def _at_each_moment(do: Callable[[int], object], count: Path) -> None:
    known, moments = wire.Wire.ask, [0]

    def moment() -> None:
        moments[0] += 1
        count.write_text(str(moments[0]), encoding="ascii")
        do(moments[0])

    def ask(self: wire.Wire, method: str, path: str, *rest: Any, writes: bool = True, **more: Any) -> Any:
        counts = writes and method in wire.WRITES
        if counts:
            moment()
        found = known(self, method, path, *rest, writes=writes, **more)
        if counts:
            moment()
        return found

    wire.Wire.ask = ask  # type: ignore[method-assign]


def one(folder: Path, knobs: dict[str, Any], seed: int, *, spare: bool) -> dict[str, Any]:
    """A whole trial."""
    stage, began = Stage(folder, knobs, seed, spare=spare), time.monotonic()
    status, moments, said = stage.apply()
    found = stage.observed()
    after = stage.stands()
    return {
        **found, "status": status, "moments": moments, "said": said, "seconds": time.monotonic() - began,
        "changed": sorted(set(stage.before) ^ set(after)), "knobs_set": knobs, "drawn": stage.end(),
    }  # fmt: skip


def by_program(folder: Path, knobs: dict[str, Any], kill: int) -> dict[str, Any]:
    """The contract by its program, from the plan to the end; or killed at that moment, and then taken away."""
    stage = Stage(folder, knobs)
    status, moments, said = stage.apply("--contract", kill=kill)
    last = stage.apply("--undo") if kill else (status, 0, "")
    changed = sorted(set(stage.before) ^ set(stage.stands()))
    stage.end()
    return {"status": status, "moments": moments, "said": said, "then": last[0], "changed": changed}


def keeps(folder: Path, knobs: dict[str, Any]) -> dict[str, Any]:
    """A trial that has store and account kept at each moment; as they were before it."""
    stage = Stage(folder, knobs, patience_s=HURRIED_S)
    _, moments, _ = stage.apply(keep=True)
    stage.end()
    return {"moments": moments, "before": stage.before}


def kills(
    folder: Path, knobs: dict[str, Any], *, moments: list[int], way: str, kept: str = "", before: Sequence[str] = ()
) -> dict[str, Any]:
    """A trial killed at each of MOMENTS, then taken away (WAY ``undo``) or gone on with (``on``): what is left then.

    KEPT: no trial is killed, but store and account are as one had left them there that stood so BEFORE.
    """
    left: dict[str, Any] = {}
    for each in moments:
        stage = Stage(folder / str(each), knobs, kept=Path(kept, str(each)) if kept else None, patience_s=HURRIED_S)
        killed = stage.apply(kill=each)[0] if not kept else -signal.SIGKILL
        status, _, said = stage.apply("--undo") if way == "undo" else stage.apply()
        changed = sorted(set(before or stage.before) ^ set(stage.stands()))
        left[str(each)] = {"killed": killed, "then": status, "changed": changed, "said": said[-600:] if status else ""}
        if way == "on":
            left[str(each)]["facts"] = len(stage.observed()["facts"])
        stage.end()
    return left


def main() -> None:
    folder, asked = Path(sys.argv[1]), json.loads(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    network(folder)
    do: dict[str, Callable[..., Any]] = {"one": one, "keep": keeps, "kills": kills, "asked": by_program}
    if "draw" in asked:
        asked["knobs"] = {**drawn(asked.pop("draw")), **asked.get("knobs", {})}
    print(json.dumps(do[asked.pop("do")](folder, **asked)))


if __name__ == "__main__":
    main()
