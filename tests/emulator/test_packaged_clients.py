"""Clients as Debian and Python's index bring them, unmodified: ddclient, inadyn, acme.sh's hook, cli4,
and certbot's plugin.

They have Cloudflare's address built in. curl is led elsewhere by its own file of settings, which both shells' read;
inadyn by a table of hosts that only it sees.
"""

import json
import os
import socket
import socketserver
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

from tests.emulator.conftest import APEX, OLD_MX, Running
from tests.emulator.redirected import environment, ran
from tests.fetched import from_debian, from_index, wheels

CURLRC = 'cacert = "{authority}"\nconnect-to = "api.cloudflare.com:443:127.0.0.1:{port}"\n'
DDCLIENT = f"""\
ssl=yes
use=ip
protocol=cloudflare, zone={APEX}, ttl=300, login=token, password=all {OLD_MX}
"""
INADYN = f"""\
ca-trust-file = "{{authority}}"
provider cloudflare.com {{{{
    username = {APEX}
    password = all
    hostname = {{{{ {OLD_MX}, new.{APEX} }}}}
    ttl = 300
    proxied = false
    checkip-command = "echo 198.51.100.78"
}}}}
"""
OWN_HOSTS = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
LOOPBACK = "127.7.7.7"
HOOK = """\
. "$ACME/acme.sh" >/dev/null
. "$ACME/dnsapi/dns_cf.sh"
dns_cf_add "$NAME" first && dns_cf_add "$NAME" second && dns_cf_rm "$NAME" first
"""
CLI4 = "cloudflare==2.20.0", "46aefc39dfaa2365d639b423cec2cd5350ae11153c7247d3eb3545bdcf01a68a"

CERTBOT = """\
import sys
from certbot.configuration import NamespaceConfig
from certbot._internal import cli
from certbot._internal.plugins import disco
options, calls = sys.argv[1:4], sys.argv[4:]
plugins = disco.PluginsRegistry.find_all()
config = NamespaceConfig(cli.prepare_and_parse_args(plugins, ["certonly", "--dns-cloudflare", *options]))
plugin = plugins["dns-cloudflare"].init(config)
plugin._setup_credentials()
for call in calls:
    what, *given = call.split()
    getattr(plugin, what)(*given)
"""
"""As certbot loads its plugins; without a server of ACME, which would ask for a challenge."""
Command = Callable[..., str]


def _home(emulator: Running, authority: str, folder: Path) -> dict[str, str]:
    """Where curl finds its settings."""
    text = CURLRC.format(authority=authority, port=emulator.url.rpartition(":")[2])
    (folder / ".curlrc").write_text(text, encoding="utf-8")
    return {"PATH": os.environ["PATH"], "HOME": str(folder)}


def test_ddclient_finds_its_zone_and_changes_an_address(emulator: Running, authority_file: str, tmp_path: Path) -> None:
    """By a path that ends in a slash."""
    program = from_debian("ddclient", tmp_path) / "usr/bin/ddclient"
    (tmp_path / "settings").write_text(DDCLIENT, encoding="ascii")
    (tmp_path / "settings").chmod(0o600)
    options = f"-file settings -cache {tmp_path}/cache -daemon=0 -verbose -ip 198.51.100.77".split()
    said = ran(["perl", str(program), *options], _home(emulator, authority_file, tmp_path), tmp_path)
    assert emulator.contents("A", OLD_MX) == ["198.51.100.77"], said


@contextmanager
def _at_443(port: int) -> Iterator[None]:
    """An address of the loopback where TLS has its own port leads to the emulator."""

    class Led(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as there:
                forth = Thread(target=_pump, args=(self.request, there))
                forth.start()
                _pump(there, self.request)
                forth.join(60)

    with socketserver.ThreadingTCPServer((LOOPBACK, 443), Led) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    while octets := source.recv(2**16):
        sink.sendall(octets)
    with suppress(OSError):  # the other end may have gone first
        sink.shutdown(socket.SHUT_WR)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a table of hosts of its own")
def test_inadyn_changes_one_address_and_makes_another(emulator: Running, authority_file: str, tmp_path: Path) -> None:
    for package in ("libconfuse2", "inadyn"):
        (tmp_path / package).mkdir()
        root = from_debian(package, tmp_path / package)
    (library,) = (tmp_path / "libconfuse2").rglob("libconfuse.so.2")
    (tmp_path / "settings").write_text(INADYN.format(authority=authority_file), encoding="ascii")
    (tmp_path / "hosts").write_text(f"{LOOPBACK} api.cloudflare.com\n", encoding="ascii")
    options = f"--once --force --foreground --no-pidfile --cache-dir={tmp_path} --config={tmp_path}/settings".split()
    command = ["unshare", "--mount", "sh", "-c", OWN_HOSTS, "sh", f"{tmp_path}/hosts", f"{root}/usr/bin/inadyn"]
    given = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(library.parent)}
    with _at_443(int(emulator.url.rpartition(":")[2])):
        said = ran([*command, *options], given, tmp_path)
    for name in (OLD_MX, f"new.{APEX}"):
        assert emulator.contents("A", name) == ["198.51.100.78"], said


def test_acme_sh_adds_and_removes_its_challenge(emulator: Running, authority_file: str, tmp_path: Path) -> None:
    where = from_debian("acme.sh", tmp_path) / "usr/share/acme.sh"
    given = {"ACME": str(where), "NAME": f"_acme-challenge.{APEX}", "LE_WORKING_DIR": str(tmp_path), "CF_Token": "all"}
    said = ran(["sh", "-c", HOOK], _home(emulator, authority_file, tmp_path) | given, tmp_path)
    assert emulator.contents("TXT", f"_acme-challenge.{APEX}") == ["second"], said


@pytest.fixture
def cli4(emulator: Running, authority_file: str, tmp_path: Path) -> Command:
    """What a call by it says. It is Cloudflare's former client for Python, on the command line."""
    folder = from_index(*CLI4, tmp_path)
    lines = from_debian("python3-jsonlines", tmp_path) / "usr/lib/python3/dist-packages"
    given = environment(emulator, authority_file, tmp_path, CLOUDFLARE_API_TOKEN="all")
    given["PYTHONPATH"] += f"{os.pathsep}{folder}{os.pathsep}{lines}"
    return lambda *words: ran([sys.executable, "-m", "cli4", *words], given, tmp_path).stdout


@pytest.fixture
def curl(emulator: Running, authority_file: str, tmp_path: Path) -> Command:
    """As Cloudflare's pages call the API."""
    given = _home(emulator, authority_file, tmp_path)
    command = ["curl", "--silent", "--fail-with-body", "--header", "Authorization: Bearer all"]
    return lambda *words: ran([*command, *words], given, tmp_path).stdout


def test_cli4_sends_numbers_as_texts_unless_it_is_asked_not_to(emulator: Running, cli4: Command) -> None:
    assert [each["name"] for each in json.loads(cli4("/zones"))] == [APEX]
    where = f"/zones/:{APEX}/dns_records"
    record = ["type=A", f"name=x.{APEX}", "content=198.51.100.8"]
    with pytest.raises(AssertionError, match="9021"):
        cli4("--post", *record, "ttl=300", where)
    cli4("--post", *record, "ttl==300", where)
    assert emulator.contents("A", f"x.{APEX}") == ["198.51.100.8"]


def test_certbots_plugin_adds_its_challenge_once_and_removes_it(
    emulator: Running, authority_file: str, tmp_path: Path
) -> None:
    """Next to another certificate's: it filters by name and content, and asks for pages of one."""
    folder = wheels(Path(__file__).with_name("certbot.lock"), tmp_path)
    given = environment(emulator, authority_file, tmp_path, SSL_CERT_FILE=authority_file)
    given["PYTHONPATH"] += f"{os.pathsep}{folder}"
    (tmp_path / "key.ini").write_text("dns_cloudflare_api_token = all\n", encoding="ascii")
    (tmp_path / "key.ini").chmod(0o600)
    options = [f"--dns-cloudflare-credentials={tmp_path}/key.ini", f"--config-dir={tmp_path}", f"--logs-dir={tmp_path}"]
    name = f"_acme-challenge.www.{APEX}"
    first, second = (f"www.{APEX} {name} {text}" for text in ("first", "second"))
    certbot = [sys.executable, "-c", CERTBOT, *options]
    ran([*certbot, f"_perform {first}", f"_perform {second}", f"_perform {first}"], given, tmp_path)
    assert len(emulator.contents("TXT", name)) == 2
    ran([*certbot, f"_cleanup {first}"], given, tmp_path)
    (left,) = emulator.contents("TXT", name)
    assert left.strip('"') == "second"
