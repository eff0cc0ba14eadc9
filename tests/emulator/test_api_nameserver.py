"""Zones as PowerDNS serves them: the real server over the database that we write."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from fixtures.lab.emulator.rig import free_port, wait_for
from fixtures.lab.nameserver import ZoneDatabase, ZoneRecord, character_strings, quoted

SERVERS = ("ada.ns.cloudflare.com", "bob.ns.cloudflare.com")
DEADLINE_S = 5.0
LONG = "v=DKIM1; p=" + "A" * 400
RECORDS = (
    ZoneRecord("example.net", "MX", "route1.mx.cloudflare.net", 300, 13),
    ZoneRecord("example.net", "MX", "mail.example.net.", 300, 0),
    ZoneRecord("example.net", "TXT", 'v=spf1 "quo\\ted" ~all'),
    ZoneRecord("s1._domainkey.example.net", "TXT", LONG),
    ZoneRecord("mail.example.net", "A", "203.0.113.20", 3600),
    ZoneRecord("_25._tcp.mail.example.net", "TLSA", "3 1 1 " + "ab" * 32),
    ZoneRecord("_imaps._tcp.example.net", "SRV", "1 993 mail.example.net", 300, 5),
    ZoneRecord("null.example.net", "MX", ".", 300, 0),
    ZoneRecord("sub.example.net", "NS", "ns1.sub.example.net"),
    ZoneRecord("ns1.sub.example.net", "A", "192.0.2.1"),
)


@dataclass(frozen=True, slots=True)
class Server:
    database: ZoneDatabase
    port: int
    image: Path
    folder: Path

    def ask(self, name: str, kind: str, *, want_dnssec: bool = False) -> dns.message.Message:
        query = dns.message.make_query(name, kind, want_dnssec=want_dnssec)
        return dns.query.tcp(query, "127.0.0.1", port=self.port, timeout=DEADLINE_S)

    def texts(self, name: str, kind: str) -> list[str]:
        return sorted(rdata.to_text() for rrset in self.ask(name, kind).answer for rdata in rrset)


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[Server]:
    """The lab image's PowerDNS on a loopback port, its caches off as in the lab."""
    folder = root / "tmp" / f"nameserver-test-{os.getpid()}"
    folder.mkdir()
    database = ZoneDatabase(folder / "zones.sqlite")
    database.replace_zone(".", [ZoneRecord(name, "A", "173.245.58.10") for name in SERVERS], SERVERS)
    database.replace_zone("example.net", RECORDS, SERVERS)
    port = free_port()
    caches = ("cache-ttl", "query-cache-ttl", "negquery-cache-ttl", "zone-cache-refresh-interval")
    inside = Path("/tmp") / folder.name
    options = {
        "config-dir": "/nonexistent",
        "launch": "gsqlite3",
        "gsqlite3-database": f"{inside}/zones.sqlite",
        "gsqlite3-dnssec": "yes",
        "security-poll-suffix": "",
        "socket-dir": str(inside),
        "local-address": "127.0.0.1",
        "local-port": str(port),
        **dict.fromkeys((*caches, "dnssec-key-cache-ttl", "zone-metadata-cache-ttl"), "0"),
    }
    command = ["chroot", str(root), "pdns_server", *(f"--{name}={value}" for name, value in options.items())]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port, process, DEADLINE_S)
            yield Server(database, port, root, folder)
        finally:
            process.terminate()
            process.wait(DEADLINE_S)
            database.close()
            shutil.rmtree(folder)


def test_every_type_is_served(server: Server) -> None:
    assert server.texts("example.net", "MX") == ["0 mail.example.net.", "13 route1.mx.cloudflare.net."]
    assert server.texts("null.example.net", "MX") == ["0 ."]
    assert server.texts("example.net", "NS") == [f"{name}." for name in SERVERS]
    assert server.texts("example.net", "TXT") == ['"v=spf1 \\"quo\\\\ted\\" ~all"']
    assert server.texts("s1._domainkey.example.net", "TXT") == [f'"{LONG[:255]}" "{LONG[255:]}"']
    assert server.texts("_25._tcp.mail.example.net", "TLSA") == ["3 1 1 " + "ab" * 32]
    assert server.texts("_imaps._tcp.example.net", "SRV") == ["5 1 993 mail.example.net."]
    assert server.ask("mail.example.net", "A").answer[0].ttl == 3600


def test_names_that_are_not_there(server: Server) -> None:
    """An empty non-terminal is no NXDOMAIN; the root answers for every other name; a delegation is handed on."""
    assert server.ask("_tcp.mail.example.net", "A").rcode() == dns.rcode.NOERROR
    assert server.ask("nix.example.net", "A").rcode() == dns.rcode.NXDOMAIN
    assert server.ask("nowhere.test", "A").rcode() == dns.rcode.NXDOMAIN
    handed_on = server.ask("x.sub.example.net", "A")
    assert not handed_on.flags & dns.flags.AA
    assert str(handed_on.authority[0].name) == "sub.example.net."


def test_a_change_is_seen_by_the_very_next_query(server: Server) -> None:
    """Also after the name was asked for in vain."""
    for number in range(20):
        name = f"new{number}.example.net"
        assert server.ask(name, "A").rcode() == dns.rcode.NXDOMAIN
        serial = server.database.replace_zone("example.net", [*RECORDS, ZoneRecord(name, "A", "192.0.2.9")], SERVERS)
        assert server.texts(name, "A") == ["192.0.2.9"]
        assert server.texts("example.net", "SOA")[0].split()[2] == str(serial)


def test_a_signed_zone_stays_signed(server: Server) -> None:
    """Keys outlive a replacement, and denial by NSEC works with the order that we write."""
    inside = f"/tmp/{server.folder.name}"
    server.folder.joinpath("pdns.conf").write_text(
        f"launch=gsqlite3\ngsqlite3-database={inside}/zones.sqlite\ngsqlite3-dnssec=yes\n", encoding="ascii"
    )
    sign = ["pdnsutil", f"--config-dir={inside}", "secure-zone", "example.net"]
    subprocess.run(["chroot", str(server.image), *sign], check=True, capture_output=True, timeout=DEADLINE_S)
    server.database.replace_zone("example.net", RECORDS, SERVERS)
    kinds = {rrset.rdtype.name for rrset in server.ask("example.net", "MX", want_dnssec=True).answer}
    assert kinds == {"MX", "RRSIG"}
    denial = server.ask("nix.example.net", "A", want_dnssec=True)
    assert denial.rcode() == dns.rcode.NXDOMAIN
    proofs = {str(r.name): r[0].to_text() for r in denial.authority if r.rdtype.name == "NSEC"}
    assert "mail.example.net." not in proofs
    assert proofs["_25._tcp.mail.example.net."].startswith("null.example.net. ")


def test_strays_are_refused(tmp_path: Path) -> None:
    database = ZoneDatabase(tmp_path / "zones.sqlite")
    database.replace_zone("example.net", RECORDS, SERVERS)
    with pytest.raises(ValueError, match=r"zone example\.net: example\.com is outside of it"):
        database.replace_zone("example.net", [ZoneRecord("example.com", "A", "192.0.2.1")], SERVERS)
    assert database.serial("example.net") == 1, "a refused change changed something"
    database.close()


@pytest.mark.parametrize(
    ("content", "strings"),
    [
        ("plain; text", ("plain; text",)),
        ('"one" "two"', ("one", "two")),
        ('"a \\"b\\" \\\\ \\065"', ('a "b" \\ A',)),
        ('"not closed', ('"not closed',)),
        ('say "hi"', ('say "hi"',)),
        ("", ("",)),
    ],
)
def test_character_strings(content: str, strings: tuple[str, ...]) -> None:
    assert character_strings(content) == strings
    assert "".join(character_strings(quoted(content))) == "".join(strings)
