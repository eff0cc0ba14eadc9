"""Bad input where nothing stands: exit status 2, one clear message with the way out, and nothing written."""

import importlib
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

import fixtures.migration
from fixtures.lab.files import settings_without_a_lab
from fixtures.lab.world import standing
from fixtures.migration import open_migration
from fixtures.settings import EXAMPLE, SettingsError, load
from fixtures.store import Store, StoreError
from tests.conftest import MINIMAL, NOBODY, PROJECT, ended, minimal, python
from tests.test_route import WORKER
from tests.warm import features, program

FEATURES = ("pytest", "features/", "-q")
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="takes root away")


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """A good file to spoil. Whatever the bad input was, no store comes of it, and no lab of a new name."""
    file = minimal(tmp_path)
    yield file
    assert sorted(tmp_path.iterdir()) == [file]
    assert not {"rootless", "none-of-these"} & set(standing())


Main = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def main(capsys: pytest.CaptureFixture[str]) -> Main:
    """Runs a script's ``main`` as its process would, in this one: an exception that it lets out is a traceback."""

    def run(script: str, *argv: str) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        try:
            status = importlib.import_module(f"scripts.{script}").main(list(argv))
        except SystemExit as ended_by:
            status = ended_by.code
        return subprocess.CompletedProcess(argv, int(status or 0), *capsys.readouterr())

    return run


HUGE = "9" * 400


@pytest.mark.parametrize(
    ("was", "is_", "says"),
    [
        ('imap_host = "198', 'imap_host "198', "not valid TOML (half written?) | line 12"),
        ("[cloudflare]", None, f"cloudflare: is missing | resolvers: is missing | {EXAMPLE}"),
        ('region = "ap-northeast-1"\n', "", 'ec2: region: missing | kind = "vps"'),
        ('region = "ap-northeast-1"', 'kind = "vps"', "ec2: provider: missing; expected who rents it out"),
        ('region = "ap-northeast-1"', 'kind = "vps"\nprovider = "X"', "ec2: instance_id: only of an instance at AWS"),
        (MINIMAL[:60], None, f"migration.toml: is empty | python -m scripts.init | {EXAMPLE}"),
        ('["alice"]', '"alice"', "domains.0.mailboxes: expected a list: [ ... ], found 'alice'"),
        ('["alice"]', "[]", "domains.0.mailboxes: expected at least one entry, found []"),
        ("[[domains]]", "[domains]", "domains: expected a list: [[domains]] before each entry, found {"),
        ('{ host = "203.0.113.20" }', '"h"', "ec2.transport: expected a table: { ... } | found 'h'"),
        ('"203.0.113.20"\nseen', '"x"\nseen', "ec2.ipv4: expected a valid IPv4 address, found 'x'"),
        ('"203.0.113.20"\nseen', "7\nseen", 'ec2.ipv4: expected text, such as "203.0.113.9", found 7'),
        ('"203.0.113.20"\nseen', '"198.51.100.10"\nseen', "dell: 198.51.100.10 is EC2's address too"),
        ('"dell.pilot.', '"d\u00e9ll.pilot.', "domains.0.delivery: expected a host name of two labels"),
        ('name = "quad9"', "name = 9", 'resolvers.0.name: expected text: "...", found 9'),
        ('["127.0.0.0/8"]', '["104.16.0.0/13"]', "dell.networks: 104.16.0.0/13 is public | could relay | (X3)"),
        ('"dell.pilot.', '"pilot.', "delivery: pilot.example.net is the routed name itself | would loop (X4)"),
        *(
            ('["alice"]', f'["alice"]\ncatch_all = {wrong}', f"would fold all mailboxes into one (X5) | found {shown}")
            for wrong, shown in (('"alice"', "'alice'"), ('["alice"]', "['alice']"))
        ),
        *(
            ('["alice"]', f'["alice"]\ndropped = ["{wrong}"]', "domains.0.dropped.0: expected a local part, as I-9 and")
            for wrong in ("info@pilot.example.net", "@", "", " info", "a\\tb")
        ),
        ("[cloudflare]", "[cloudflare]\nenabling = []", "cloudflare.enabling: expected 'refuses' or 'by_subdomain'"),
        *(
            ("[cloudflare]", f'[cloudflare]\nenabling = "{each}"', f"cloudflare.enabling: '{each}' was seen nowhere")
            for each in ("coexists", "replaces")
        ),
        ("[cloudflare]", '[cloudflare]\nenabling = "by_subdomain"', "cloudflare: enabling | by_subdomain_shown"),
        ("[cloudflare]", "[cloudflare]\ncolour = 1", "cloudflare.colour: there is no such key, found 1"),
        ('"9.9.9.9"', '"9.9.9.9"\nport = 0', "resolvers.0.port: expected greater than or equal to 1, found 0"),
        ("imap_host =", "imap_port = 99999\nimap_host =", "dell.imap_port: expected less than or equal to 65"),
        ('name = "mx.pilot.example.net"', 'name = "mail.example.net"', "is EC2's name too | would bounce | X11"),
        ('delivery = "dell.pilot.example.net"', "", "domains.pilot.example.net.delivery: is missing, and has no def"),
        ('"dell.pilot.example.net"', '"dell.example.com"', "domains.0.delivery | placeholder | dell.example.com"),
        ('"pilot.example.net"\n[[', '"other.example.net"\n[[', "pilot: other.example.net is not among the domains"),
        ('"mx.pilot', '"mx.own', "dell.name: mx.own.example.net lies in none of the zones pilot.example.net"),
        ('"dell.pilot', '"own', "domains.pilot.example.net.delivery: own.example.net lies in none of the zones"),
        (
            '"sqlite:///',
            '"nonsense',
            "[store] url, or MXGATE_STORE_URL: expected an SQLAlchemy URL, such as sqlite:///",
        ),
        ("sqlite:///", "sqlite:////nowhere", "store sqlite:////nowhere | can't be opened"),
        ('.sqlite"', '.sqlite?colour=1"', "?colour=1: can't be opened: Query string argument(s) 'colour' | Correct"),
        ('.sqlite"', '.sqlite?timeout=abc"', "?timeout=abc: can't be opened: could not | Correct [store] url"),
        ("sqlite:///", 'sqlite:///"\n# ', "store sqlite:///: names no file | expected sqlite:///FILE"),
    ],
)
def test_settings(config: Path, was: str, is_: str | None, says: str) -> None:
    """IS_: what stands there instead; None: the file ends there."""
    good = config.read_text(encoding="utf-8")
    assert was in good
    _is_refused(config, good.partition(was)[0] if is_ is None else good.replace(was, is_), says)


SENDER = '[[senders]]\nname = "a"\naddress = "a@b.example.net"\nhost = "192.0.2.1"\n'
OUTSIDE = '[outside_mailbox]\naddress = "a@b.example.net"\nhost = "192.0.2.1"\nuser = "a"\n'
SUBMISSION = '[[dell.submissions]]\nname = "a"\nhost = "192.0.2.1"\n'
DECIDED = '[[decided]]\nwhy = "DMARC"\nwhat = "the loss is accepted"\nsender = '
PORT_MIN, PORT_MAX = "port: expected greater than or equal to 1", "port: expected less than or equal to 65535"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('[[backup_mx]]\nname = "mail.example.net"\nipv4 = "192.0.2.7"', "neither EC2 nor Dell"),
        *(
            (f'{DECIDED}"{wrong}"', "decided.0.sender: expected an address, @domain for ev")
            for wrong in ("nas", "Tom <t@x.example>", "a@x.example, b@x.example", "root@", "a@x.net ", "a\\tb@x.net")
        ),
        (f"{SENDER}port = -1", f"senders.0.{PORT_MIN}, found -1"),
        (f"{OUTSIDE}port = 0", f"outside_mailbox.{PORT_MIN}"),
        (f"{SUBMISSION}port = 65536", f"dell.submissions.0.{PORT_MAX}"),
        (f"[bounds]\nttl_s = {HUGE}", "bounds.ttl_s: expected less than or equal to 315360000"),
        ('[bounds]\nttl_s = "x"', "bounds.ttl_s: expected a valid integer, found 'x'"),
        (f"[bounds]\ntrial_days = {HUGE}", "bounds.trial_days: expected less than or equal to 3650"),
        ("[bounds]\nwatch_s = 1e308", "bounds.watch_s: expected less than or equal to 315360000"),
        ("[bounds]\nnights_before_stop = -3", "bounds.nights_before_stop | 1, found -3"),
        (
            "[bounds]\nnights_before_stop = 3",
            "bounds: nights_before_stop = 3, where at least 7 is promised | or a reason as loosened",
        ),
        ("[bounds]\npilot_hold_s = nan", "bounds.pilot_hold_s | found nan"),
        ('[clock]\nfile = "clock"', "clock.file: clock would move the time | Leave it out"),
        ('[route]\nkind = "worker"', "route: host and login: missing, and kind"),
        ('[route]\nlogin = "w"\nunit = "way"', "route: login, unit: only with kind"),
        ("[route]\nport = 25", "route: port: 25, to which no Worker may connect"),
        ('[route]\nlisten = "localhost:9"', "route.listen: expected an address and a port"),
        ('[route]\nlisten = "[::]:25"', "route.listen: expected an address and a port other"),
        ('[route]\nlogin = "W {x}"', "route.login: expected a login of lower-case letters"),
        (WORKER, "delivery: dell.pilot.example.net, and with a Worker nothing is forwarded"),
        (f"colour = {'[' * 9999}{']' * 9999}", f"be read. Correct it: {EXAMPLE}"),
        (f"{'.'.join('a' * 1999)} = 1", "nested too deeply to be read"),
    ],
)
def test_settings_with_more(config: Path, more: str, says: str) -> None:
    _is_refused(config, f"{config.read_text(encoding='utf-8')}{more}\n", says)


def _is_refused(config: Path, text: str, says: str) -> None:
    """SAYS: parts of the message, by `` | ``."""
    config.write_text(text, encoding="utf-8")
    with pytest.raises((SettingsError, StoreError)) as raised:
        _ = open_migration(config).store
    said = str(raised.value)
    for word in says.split(" | "):
        assert word in said
    for noise in ("Input should", "Field required", "tuple", "Tuple", "after validation"):
        assert noise not in said
    if "found" in said and "cloudflare: is missing" not in said:
        assert said.count(", found ") <= 1, "one mistake is one line"


@pytest.mark.parametrize(
    ("encoding", "says"),
    [
        ("utf-16", "{file}: is UTF-16. Save it as UTF-8, or make such a file: iconv -f UTF-16 -t UTF-8 {file} > NEW"),
        ("utf-16-be", "{file}: is UTF-16"),
        ("cp932", "{file}: is not UTF-8 (line 2, byte 0x90). Save it again as UTF-8"),
    ],
)
def test_settings_in_another_encoding(config: Path, encoding: str, says: str, main: Main) -> None:
    """As editors and shells of Windows write them; a file of answers too."""
    good = config.read_text(encoding="utf-8").replace("\n", "\r\n# 設定\r\n", 1)
    config.write_bytes((b"\xfe\xff" if encoding.endswith("-be") else b"") + good.encode(encoding))
    ended(main("next", "--config", str(config)), 2, f"next: {says.format(file=config)}")
    done = main("init", "--answers", str(config), "--defaults", "--dry-run")
    ended(done, 2, f"init: --answers {says.format(file=config)}")


def test_settings_that_windows_has_saved(config: Path) -> None:
    """With a mark at the beginning and two characters at each end of line."""
    good = load(config)
    config.write_bytes(b"\xef\xbb\xbf" + config.read_bytes().replace(b"\n", b"\r\n"))
    assert load(config) == good


def test_a_secret_among_the_settings_is_not_shown(config: Path) -> None:
    text = config.read_text(encoding="utf-8").replace("[cloudflare]", '[cloudflare]\ntoken = "hunter22hunter22"')
    config.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"cloudflare\.token: secrets don't belong here\. Take") as raised:
        load(config)
    assert "hunter22" not in str(raised.value)


def test_a_store_that_lies_next_to_the_settings_is_not_passed_over(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """By a relative path, from another folder: a second one, empty, would know nothing of the first."""
    text = config.read_text(encoding="utf-8").replace(
        f"sqlite:///{config.parent}/store.sqlite", "sqlite:///store.sqlite"
    )
    config.write_text(text, encoding="utf-8")
    monkeypatch.chdir(config.parent)
    assert open_migration(config).store.recorded("done") == []
    monkeypatch.setattr(fixtures.migration, "_store", cache(Store))  # as in a process of its own
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(StoreError, match=f"{config.parent}/store.sqlite is one. Run this in {config.parent}, or write"):
        _ = open_migration(config).store
    assert not list(Path.cwd().iterdir())
    _opened(config)


@pytest.mark.parametrize(
    ("was", "is_", "words"),
    [
        ("[cloudflare]", "[cloudflare]\ncolour = 1", "cloudflare.colour: there is no such key, found 1"),
        ("sqlite:///", "sqlite:////nowhere", "can't be opened"),
    ],
    ids=["settings", "store"],
)
def test_what_is_wrong_with_them_ends_a_run(config: Path, was: str, is_: str, words: str) -> None:
    config.write_text(config.read_text(encoding="utf-8").replace(was, is_), encoding="utf-8")
    ended(features("--config", str(config)), 2, words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--config", "no-such.toml"], ["no-such.toml: there is no such file in /", "Correct --config, or write it"]),
        (["--domain", "pilot.example.net"], ["--domain narrows a gate", "--gate phase3"]),
        (["-n", "2"], ["runs in one process: leave out -n, or name a gate"]),
        (["--look", "--gate", "phase1"], ["--look is a rehearsal's"]),
        (["--rehearse", "--gate", "phase1"], ["leave out --gate, --drill, --soak and --config"]),
        (["--gate", "phase1", "--lab", "none-of-these"], ["no lab named", "scripts/lab up --name none-of-these"]),
    ],
)
@pytest.mark.usefixtures("config")
def test_options(options: list[str], words: list[str]) -> None:
    ended(features(*options), 2, *words)


@pytest.mark.usefixtures("config")
def test_no_settings_where_they_are_looked_for() -> None:
    """It says who named the file, and how to write it."""
    words = ["migration.toml: there is no such file in /", "Go to the folder where it is", "--config or $MXGATE_CONFIG"]
    if not (PROJECT / "migration.toml").exists():
        ended(program("scripts.doctor"), 2, *words, "or write it: python -m scripts.init")
    done = program("scripts.doctor", MXGATE_CONFIG="/nowhere/m.toml")
    ended(done, 2, "/nowhere/m.toml: there is no such file. $MXGATE_CONFIG names it: correct or unset that")
    assert "python -m scripts.init --config /nowhere/m.toml" in done.stderr


def test_a_gate_without_a_folder_is_that_of_the_features(config: Path) -> None:
    done = program("pytest", "--gate", "phase1", "--collect-only", "-q", MXGATE_CONFIG=str(config))
    ended(done, 0, "features/dns/")
    _opened(config)


@pytest.mark.usefixtures("config")
def test_features_in_a_folder_that_has_none() -> None:
    """No lab is put up, of which nothing would be asked."""
    done = python(*FEATURES, before=("env", "-C", str(PROJECT / "scripts")), PATH="/nowhere:/usr/bin:/bin")
    ended(done, 2, f"features/: there is no such file or folder in {PROJECT}/scripts", f"Run this in {PROJECT}, where")


@pytest.mark.usefixtures("config")
def test_a_gate_that_there_is_not() -> None:
    """In pytest's own words, with its own status for them."""
    ended(features("--gate", "phase9"), 4, "invalid choice: 'phase9'", "phase1", "phase2")


@pytest.mark.usefixtures("config")
def test_no_podman() -> None:
    done = features("--rehearse", PATH="/nowhere")
    ended(done, 2, "the lab needs podman, runc", "apt install podman runc mmdebstrap")


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rehearse"], ["trustme is missing", "bash scripts/setup.sh lab"]),
        (["--gate", "phase1", "--lab", "none-of-these"], ["there is no migration.toml in", "scripts/lab up"]),
        (["--collect-only"], ["trustme is missing", "bash scripts/setup.sh lab"]),
    ],
)
def test_no_lab_in_a_live_runs_environment(options: list[str], words: list[str]) -> None:
    """Its lock leaves out what only labs import: enough to look for a lab, not to make one or list its scenarios."""
    argv = ["features/", "-q", *options]
    code = f"import sys; sys.modules['trustme'] = None; import pytest; sys.exit(pytest.main({argv!r}))"
    ended(python("-c", code), 2, *words)


@ROOT
@pytest.mark.usefixtures("config")
def test_no_root() -> None:
    """Of a rehearsal, and of a lab by hand; live use asks for none."""
    readable = python("pytest", "--version", before=NOBODY)
    if readable.returncode != 0:
        pytest.skip("nobody may not read this checkout")
    ended(python(*FEATURES, "--rehearse", before=NOBODY), 2, "the lab needs root", "sudo")
    ended(python("scripts.lab_cli", "up", "--name", "rootless", before=NOBODY), 2, "the lab needs root")


def test_scripts(config: Path, main: Main) -> None:
    ours, theirs = "pilot.example.net", "nobody.example.net"
    given = ["switch_mx", "--config", str(config)]
    ended(program("scripts.stop_ec2", "--config", "no-such.toml"), 2, "stop_ec2: no-such.toml: there is no such file")
    ended(main(*given), 2, "switch_mx changes one domain at a time", f"one of {ours}")
    ended(main(*given, "--domain", theirs), 2, f"--domain {theirs}: not in {config}, which", ours)
    for name in ("PILOT.example.net", "pilot.example.net."):  # as people and zone files write it
        assert load(config).domain(name).name == ours
    done = main(*given, "--domain", ours, "--apply", "0" * 12, "--override", "short")
    ended(done, 2, "--override: expected a reason of at least ten characters")
    blank = main(*given, "--domain", ours, "--apply", "0" * 12, "--override", " " * 12)
    ended(blank, 2, "--override: expected a reason of at least ten characters")
    ended(main("publish_delivery", "--config", str(config), "--domain", ""), 2, "--domain : not in", ours)
    for options, words in (
        (["--domain", theirs], f"--domain {theirs}: not in "),
        (["--domain", ours, "--rate", "0"], "rate 0.0/s: expected more than 0 and at most 20"),
        (["--domain", ours, "--seconds", "-5"], "--seconds -5: expected more than 0"),
        (["--domain", ours, "--seconds", "nan"], "--seconds nan: expected more than 0, and an end"),
    ):
        done = main("watch", "--config", str(config), *options)
        ended(done, 2)
        assert done.stderr.startswith(f"watch: {words}")
    ended(program("scripts.next", "--config", ""), 2, "--config: expected a file's path, and found nothing")
    ended(features("--config", ""), 2, "--config: expected a file's path, and found nothing")
    ended(features("--config", str(config), "--report", str(config)), 2, "is no page, and would be replaced")
    _opened(config)


def test_a_live_system_that_can_not_be_asked(config: Path, main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token nothing can be read, so nothing is judged, planned or written."""
    monkeypatch.delenv("MXGATE_CLOUDFLARE_TOKEN", raising=False)
    lower_ttl = ("lower_ttl", "--config", str(config), "--domain", "pilot.example.net")
    for several in ([], ["-n", "2"]):
        done = features("--config", str(config), "--gate", "phase1", *several)
        ended(done, 2, "nothing was judged", "MXGATE_CLOUDFLARE_TOKEN")
    ended(main(*lower_ttl), 2, "lower_ttl: MXGATE_CLOUDFLARE_TOKEN is not set")
    done = main("snapshot", "--config", str(config))
    ended(done, 2, "nothing recorded: MXGATE_CLOUDFLARE_TOKEN is not set")
    monkeypatch.setenv("MXGATE_CLOUDFLARE_TOKEN", "  ")
    ended(main(*lower_ttl), 2, "lower_ttl: MXGATE_CLOUDFLARE_TOKEN is blank: expected only the secret")
    _opened(config)


def _opened(config: Path) -> None:
    """The store was opened, as it must be to know how far the migration is, and is no fault here."""
    for file in config.parent.glob("store.sqlite*"):
        file.unlink()


UNUSABLE = (
    ("SSL_CERT_FILE", "/nowhere.pem", "SSL_CERT_FILE=/nowhere.pem: No such file or directory. Expected a file of"),
    ("SSL_CERT_FILE", "/etc", "SSL_CERT_FILE=/etc: Is a directory"),
    ("AWS_CA_BUNDLE", "/etc/hostname", "AWS_CA_BUNDLE=/etc/hostname: holds no certificates"),
    ("ALL_PROXY", "socks5://me:hunter22@proxy.example:1080", "ALL_PROXY=socks5://proxy.example: can't be used"),
    ("https_proxy", "proxy.example:99999", "https_proxy=(no URL): can't be used"),
    ("NO_PROXY", "localhost,2001:db8::/32", "NO_PROXY=localhost,2001:db8::/32: can't be used: Invalid port"),
    ("SSLKEYLOGFILE", "/nowhere/keys", "SSLKEYLOGFILE=/nowhere/keys: can't be written"),
    ("MXGATE_STORE_URL", "sqlite:///:memory:", "[store] url: in memory all would be gone with this process"),
)


@pytest.mark.parametrize(("name", "value", "words"), UNUSABLE, ids=[name for name, *_ in UNUSABLE])
def test_a_way_that_can_not_be_used(config: Path, name: str, value: str, words: str) -> None:
    """Neither by a script nor by a gate."""
    given = ("--config", str(config))
    for done in program("scripts.next", *given, **{name: value}), features("--gate", "phase1", *given, **{name: value}):
        ended(done, 2, words)
        assert "hunter22" not in done.stdout + done.stderr


def test_ways_that_can_not_be_used_end_no_library_as_it_is_imported(config: Path) -> None:
    """From a cold start: ours is the word, of all of them at once that of the first."""
    ways = {name: value for name, value, _ in reversed(UNUSABLE)}
    for argv in ("scripts.next",), (*FEATURES, "--gate", "phase1"):
        ended(python(*argv, "--config", str(config), **ways), 2, UNUSABLE[0][2])
    for name, value, words in UNUSABLE:
        if name.endswith("_PROXY"):
            done = python("scripts.next", "--config", str(config), **{name: value})
            ended(done, 2, words)
            assert "hunter22" not in done.stdout + done.stderr


GONE = 'mkdir $0 && cd $0 && rmdir $0 && exec "$@"'


def test_where_and_as_nothing_can_be_done(config: Path) -> None:
    """In a folder that is gone, and with too few files to be opened; not with few that may become more."""
    gone, here = ("bash", "-c", GONE, f"{config.parent}/gone"), str(PROJECT)
    for which, file in (("scripts.next", config), ("scripts.init", config.with_name("new"))):
        done = python(which, "--config", str(file), before=gone, PYTHONPATH=here)
        ended(done, 2, "folder in which this was started: No such file or directory. Go to another")
    for given in (["scripts.next"], [*FEATURES, "--gate", "phase1"]):
        done = python(*given, "--config", str(config), before=("prlimit", "--nofile=20:20"))
        ended(done, 2, "ulimit -n: 20 files may be open here at once. Expected at least 256: ulimit -n 1024")
    none = str(config.with_name("none"))
    ended(python("scripts.next", "--config", none, before=("prlimit", "--nofile=20:20000")), 2, "there is no such file")


ASK_AWS = """
from fixtures.preflight.case import rented
from fixtures.evidence import CouldNotAsk
from fixtures.probes.aws import ec2
try:
    ec2.instance(rented(region="ap-northeast-1", instance_id="i-0123456789abcdef0"))
except CouldNotAsk as fault:
    print(type(fault).__name__, fault)
"""


@ROOT
@pytest.mark.parametrize(
    ("given", "words", "not_"),
    [
        ({}, "SecretMissing AWS, ", "reach AWS by HTTPS"),
        (
            {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"},
            "Let this machine reach AWS by HTTPS",
            "AWS_PROFILE",
        ),
        (
            {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_ENDPOINT_URL": "nonsense"},
            "Invalid endpoint: nonsense. It comes from the environment (AWS_*)",
            "AWS_PROFILE",
        ),
    ],
    ids=["no credentials", "no network", "no endpoint"],
)
def test_amazon_can_not_be_asked(given: dict[str, str], words: str, not_: str) -> None:
    """What is missing is named, and nothing else is blamed."""
    nothing = {"AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_CONFIG_FILE": os.devnull}
    isolated = ("unshare", "-n", "env", "-u", "AWS_ACCESS_KEY_ID", "-u", "AWS_PROFILE", "-u", "AWS_SECRET_ACCESS_KEY")
    keys = tuple(f"{key}={value}" for key, value in given.items())
    done = python("-c", ASK_AWS, before=(*isolated, *keys), AWS_EC2_METADATA_DISABLED="true", **nothing)
    ended(done, 0, words)
    assert not_ not in done.stdout


def test_rehearsing_ones_own(config: Path, main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings, with a lab's, and without a snapshot."""
    monkeypatch.delenv("MXGATE_CLOUDFLARE_TOKEN", raising=False)
    ended(main("rehearse_own", "--config", "no-such.toml"), 2, "no-such.toml: there is no such file")
    given = ["rehearse_own", "--config", str(config)]
    ended(main(*given, "--snapshot", "none-of-these"), 2, "--snapshot none-of-these: ", "has none of that name")
    ended(main(*given), 2, "no certificate: MXGATE_CLOUDFLARE_TOKEN")
    config.write_text(config.read_text(encoding="utf-8").replace('"live"', '"lab"'), encoding="utf-8")
    ended(main(*given), 2, "a lab's settings (target). Expected those of your own system")
    _opened(config)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("watch", ()),
        ("snapshot", ()),
        ("alert", ()),
        ("doctor", ()),
        ("feasibility", ()),
        ("init", ()),
        ("switch_mx", ("Writes: ", "Window: ", "5xx", "Back: python -m scripts.rollback --domain DOMAIN")),
    ],
)
def test_help_names_the_exit_codes(script: str, words: tuple[str, ...], main: Main) -> None:
    """And what switch_mx writes, when mail may bounce, and the way back."""
    done = main(script, "--help")
    said = " ".join(done.stdout.split())
    assert done.returncode == 0
    assert re.search(r"[Ee]xit: 0 .+ 1 .+ 2 ", said), said
    for word in words:
        assert word in done.stdout


@pytest.mark.usefixtures("config")
def test_a_fault_that_there_is_not() -> None:
    """The nearest are named, and not the whole catalogue."""
    done = program("fixtures.lab.faults", "spf-two-record")
    ended(done, 2, "faults: spf-two-record: no such fault. Did you mean ", "All of them: python -m fixtures.lab.faults")
    assert len(done.stderr) < 300


def test_the_labs_settings_are_good() -> None:
    """What is spoilt above is good before."""
    assert settings_without_a_lab().target == "lab"
