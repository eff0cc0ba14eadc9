"""``init`` in a lab: it reads what there is, writes settings that load, and harms nothing that is there."""

import json
import re
import sys
import tomllib
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fixtures.lab import plan, present
from fixtures.lab.world import Lab
from fixtures.preflight.init import answers, questions
from fixtures.preflight.init.answers import READ, Answers, Back
from fixtures.preflight.init.reading import Mail, Zone
from fixtures.preflight.init.text import explained, render
from fixtures.settings import Settings, SettingsError, check
from fixtures.settings.route import Route
from tests.conftest import PROJECT, ended, python, run
from tests.labs import operator, shared
from tests.warm import program

NAME = "tests-init"
EXAMPLE = PROJECT / "fixtures/migration.example.toml"
Init = Callable[..., tuple[int, str]]


lab = shared(NAME, 7, month=True)


def unreadable(lab: Lab) -> str:
    """What nobody can read: the domains' names, the ways by SSH, the region's folder, the world outside."""
    operator = lab.folder / "operator"
    way = f'user = "root", key_file = "{operator}/ssh_key", known_hosts = "{operator}/known_hosts" }}'
    domains = "".join(f'[[domains]]\nname = "{each.name}"\n' for each in present.DOMAINS)
    return f"""\
pilot = "{present.PILOT}"
{domains}
[dell]
name = "{present.DELL_NAME}"
transport = {{ kind = "ssh", host = "{plan.DELL_TAILNET}", {way}
[ec2]
transport = {{ kind = "ssh", host = "{plan.EC2_TAILNET}", {way}
terraform = "{operator}/services/mailserver/terraform"
[outside_mailbox]
address = "outside@{present.OUTSIDE}"
host = "{plan.WORLD4}"
user = "outside@{present.OUTSIDE}"
[store]
url = "sqlite:///{lab.folder}/operator/by-init.sqlite"
"""


@pytest.fixture
def init(lab: Lab, tmp_path: Path) -> Init:
    """Run ``init`` as the lab's operator, with answers; returns its status and what it said."""

    def run(*options: str, answers: str = "", stdin: str = "") -> tuple[int, str]:
        file = tmp_path / "answers.toml"
        file.write_text(answers or unreadable(lab), encoding="utf-8")
        command = ("-m", "scripts.init", "--config", str(tmp_path / "made.toml"), "--answers", str(file), *options)
        done = operator(lab.name, *command, stdin=stdin, timeout_s=200)
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    return run


def test_what_it_writes_is_what_there_is(lab: Lab, init: Init, tmp_path: Path) -> None:
    """Mostly read, and a gate can collect with it."""
    status, said = init("--defaults")
    assert status == 0, said
    file = tmp_path / "made.toml"
    text = file.read_text(encoding="utf-8")
    made, real = _load(file), _load(lab.folder / "operator/migration.toml")
    assert made.pilot == real.pilot
    for ours, theirs in zip(made.domains, real.domains, strict=True):
        wanted = {"name", "delivery", "aliases", "catch_all", "mta_sts"}
        assert ours.model_dump(include=wanted) == theirs.model_dump(include=wanted)
        assert set(ours.mailboxes) == set(theirs.mailboxes)
    for key in ("name", "ipv4", "networks", "imap_host", "log"):
        assert getattr(made.dell, key) == getattr(real.dell, key), key
    ways = [[(each.host, each.port, each.login) for each in it.dell.submissions if each.login] for it in (made, real)]
    assert ways[0] == ways[1]
    assert made.relay == real.relay
    wanted = {"region", "instance_id", "name", "ipv4", "ipv6", "seen_by_dell_as", "role_name", "key_name", "terraform"}
    assert made.ec2.model_dump(include=wanted) == real.ec2.model_dump(include=wanted)
    assert set(made.ec2.terraform_addresses) == set(real.ec2.terraform_addresses)
    assert made.cloudflare.account_id == real.cloudflare.account_id
    lines = text.splitlines()
    for above, line in pairwise(lines):
        assert not line.strip() or "# " in line or above.startswith("# "), f"nothing explains: {line}"
    secrets = json.loads((lab.folder / "operator/secrets.json").read_text(encoding="utf-8"))
    assert not [name for name, value in secrets.items() if value in text + said]
    assert "MXGATE_CLOUDFLARE_TOKEN_FILE" in said or "MXGATE_X_FILE" in said
    listed = program("pytest", "features/", "--config", str(file), "--gate", "phase1", "--collect-only", "-q")
    assert listed.returncode == 0, listed.stdout[-3000:] + listed.stderr[-3000:]
    assert "[phase1" in listed.stdout


def _load(file: Path) -> Settings:
    return check(tomllib.loads(file.read_text(encoding="utf-8")), str(file))


def test_it_shows_without_writing_and_leaves_what_is_there(init: Init, tmp_path: Path) -> None:
    status, said = init("--defaults", "--dry-run")
    assert status == 0, said
    assert "[[domains]]" in said
    assert not (tmp_path / "made.toml").exists()
    (tmp_path / "made.toml").write_text("# mine\n", encoding="utf-8")
    status, said = init("--defaults")
    assert status == 1
    assert "is left as it is. --force replaces it" in said
    assert (tmp_path / "made.toml").read_text(encoding="utf-8") == "# mine\n"
    status, said = init("--defaults", "--force")
    assert status == 0, said
    assert "[[domains]]" in (tmp_path / "made.toml").read_text(encoding="utf-8")


def test_a_person_confirms(lab: Lab, init: Init, tmp_path: Path) -> None:
    """Enter takes what is proposed; a placeholder is asked for again; the end of the input writes nothing."""
    answers = unreadable(lab).replace("[store]", '[store]\nx = "y"', 1).replace('x = "y"\n', "")
    typed = "example.com\nno.example.net\n" + "\n" * 80
    status, said = init(answers=answers.replace(f'pilot = "{present.PILOT}"', ""), stdin=typed)
    assert status == 0, said
    assert "example.com is a placeholder" in said
    assert "no.example.net: expected one of webmakeprofit.org, " in said
    for asked in (
        "An outside sender of yours",
        "A host elsewhere by SSH, whose provider lets port 25 out",
        "Where your users send, as host:port, with blanks between [100.64.10.2:587 100.64.10.2:465] (-: none)",
        "Port 25 of Dell is not open yet. Who confirmed that it can be",
        "Dell has 2001:db8:d::10. Its IPv6 address, if mail is to come by it and a host elsewhere has IPv6 too",
        "The web server of the MTA-STS policies, by SSH",
    ):
        assert asked in said
    assert "Mailboxes of webmakeprofit.org, without the domain, with blanks between [alice" in said
    assert _load(tmp_path / "made.toml").pilot == present.PILOT
    (tmp_path / "made.toml").unlink()
    status, said = init(answers=answers, stdin="\n")
    assert status == 2
    assert "the input ended at " in said
    assert not (tmp_path / "made.toml").exists()


def test_what_nobody_answers_is_listed(tmp_path: Path) -> None:
    """Without a way out of here nothing can be read; each key that is left is named, and nothing is written."""
    file = tmp_path / "answers.toml"
    file.write_text('[[domains]]\nname = "own.example.net"\n[dell.transport]\nkind = "local"\n', encoding="utf-8")
    made = tmp_path / "made.toml"
    done = program("scripts.init", "--defaults", "--answers", str(file), "--config", str(made), AWS_REGION="mars-1")
    assert done.returncode == 2, done.stderr
    for key in ("cloudflare.account_id: ", "ec2.instance_id: ", "dell.ipv4: ", "ec2.name: "):
        assert f"\n  {key}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not made.exists()


OWN = '[[domains]]\nname = "own.example.net"\n'


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ("[[domains]", ["not valid TOML"]),
        ('domains = "a.net"', ["domains: expected [[domains]], each with its name"]),
        (f'{OWN}[dell.transport]\nkind = "pigeon"\n', ["an answer can't be used", "kind"]),
        (f'{OWN}[dell]\ntransport = "192.0.2.1"\n', ["dell.transport: expected a table", "found '192.0.2.1'"]),
        (f'{OWN}aliases = ["info=bob"]\n', ["domains.0.aliases: expected a table", "found ['info=bob']"]),
        (f'mta_sts = "yes"\n{OWN}', ["mta_sts: expected a table", "found 'yes'"]),
        (f"vantages = 3\n{OWN}", ["vantages: expected a list: [[vantages]] before each entry, found 3"]),
        (f'{OWN}[route]\nkind = "worker"\nport = "smtp"\n', ["route.port: expected a valid integer, found 'smtp'"]),
        (f"dell = 3\n{OWN}", ["dell: expected a table", "found 3"]),
    ],
)
def test_answers_that_can_not_be_used(tmp_path: Path, answers: str, words: list[str]) -> None:
    file = tmp_path / "answers.toml"
    file.write_text(answers, encoding="utf-8")
    done = program("scripts.init", "--defaults", "--answers", str(file), "--config", str(tmp_path / "made.toml"))
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    for word in words:
        assert word in said
    assert not (tmp_path / "made.toml").exists()


def test_a_folder_where_nothing_can_be_written(tmp_path: Path) -> None:
    ended(program("scripts.init", "--answers", "/no/such"), 2, "--answers /no/such: can't be read")
    for target in (tmp_path, tmp_path / "none/migration.toml"):
        done = program("scripts.init", "--force", "--defaults", "--config", str(target))
        ended(done, 2, f"init: {target}: expected a file to write, in a folder that there is")
    answers = tmp_path / "answers.toml"
    answers.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    sealed = tmp_path / "sealed"
    sealed.mkdir()
    seal = ("unshare", "-mn", "sh", "-c", f'mount -t tmpfs -o ro none {sealed} && exec "$@"', "sh")
    given = ("scripts.init", "--defaults", "--answers", str(answers), "--config", str(sealed / "made.toml"))
    done = python(*given, before=seal)
    assert done.returncode == 2, done.stderr
    assert f"init: {sealed}/made.toml: its folder can't be written to" in done.stderr
    assert sorted(tmp_path.iterdir()) == [answers, sealed]


def test_nobody_is_asked_and_nothing_names_a_domain(tmp_path: Path) -> None:
    done = program("scripts.init", "--defaults", "--dry-run", "--config", str(tmp_path / "made.toml"))
    ended(done, 2, "domains: at least one is needed", "--answers FILE", "leave out --defaults")


def test_placeholders_and_secrets_are_no_answers() -> None:
    asked: list[str] = []
    replies = iter(["CHANGE-ME", "<your name>", "good.example.net"])
    to = Answers({}, lambda text: asked.append(text) or next(replies), say=asked.append)  # type: ignore[func-returns-value]
    assert to.ask("pilot", "Which") == "good.example.net"
    assert sum("placeholder" in each for each in asked) == 2
    with pytest.raises(SettingsError, match="no answer in 5 tries"):
        Answers({}, lambda _: "", say=asked.append).ask("pilot", "Which")


def test_a_slip_is_answered_at_once() -> None:
    """An answer that can't be right is asked for again, and a proposal can be declined."""
    said: list[str] = []

    def typed(*replies: str) -> Answers:
        left = iter(replies)
        return Answers({}, lambda _: next(left), say=said.append)

    fits = (
        (answers.address, "dell", "192.0.2.1"),
        (answers.account, "no", "0" * 32),
        (answers.hostnames, "a.net b", "a.net, xn--wgv71a.jp"),
        (answers.places, "587", "h:587"),
        (answers.folder, "/no/such", "/"),
        (answers.pairs, "a", "a=b c=d"),
        (answers.one_of("off", "drop"), "keep", "off"),
    )
    for number, (fit, wrong, right) in enumerate(fits):
        assert typed(wrong, right).ask(f"k{number}", "Which", fits=fit) == right
    assert [each.split(":")[0].strip() for each in said] == [wrong for _, wrong, _ in fits]
    assert said[2] == "  a.net b: b: expected a host name of two labels or more, in A-labels, such as mail.example.net"
    assert typed("-").ask("x", "Which", "proposed", optional=True) == ""
    assert typed("-", "y").ask("x", "Which", "proposed") == "-", "needed: it is an answer like any other"


def test_an_answer_can_be_taken_back() -> None:
    """Also behind something that was read: that is read again only where an answer before it is another."""
    reads = list[str]()

    def read(host: str) -> str:
        reads.append(host)
        return host

    def went(*typed: str) -> list[str]:
        replies = iter(typed)
        to = Answers({}, lambda _: next(replies), say=lambda _: None)
        while True:
            try:
                host = to.ask("dell.transport.host", "Host", "a")
                it = to.past.remembered(f"{READ}it", partial(read, host))
                return [host, it, to.ask("dell.name", "Name", "n"), to.ask("x", "X", "x")]
            except Back:
                to.past.again()

    assert went("", "m", "<", "k", "") == ["a", "a", "k", "x"]
    assert reads == ["a"]
    assert went("b", "m", "<", "<", "c", "k", "") == ["c", "c", "k", "x"]
    assert reads == ["a", "b", "c"]
    assert went("<", "b", "", "") == ["b", "b", "n", "x"], "there is nothing before the first"


@pytest.mark.parametrize(
    ("typed", "route"),
    [
        (
            ["https://in.a.net", "", "", "", "mail"],
            'tunnel = "https://in.a.net"\nunit = "cloudflared.service"\nlogin = "worker@a.net"\nbucket = "mail"',
        ),
        (
            ["http://in.a.net", "https://in.a.net", "no", "t.service", "w@a.net", ""],
            'tunnel = "https://in.a.net"\naccess = false\nunit = "t.service"\nlogin = "w@a.net"',
        ),
        (["", "in.a.net", "", "", "", ""], 'host = "in.a.net"\nlogin = "worker@a.net"'),
        (
            ["https://in.a.net", "<", "", "", "25443", "way.service", "", "No_Bucket", "<", "w@a.net", "-"],
            'host = "in.a.net"\nport = 25443\nunit = "way.service"\nlogin = "w@a.net"',
        ),
    ],
)
def test_of_a_workers_way_only_what_the_answers_call_for_is_asked(typed: list[str], route: str) -> None:
    """By a tunnel neither host nor port, else nothing of Access; and each answer can be taken back."""
    left, asked = iter(typed), list[str]()
    to = Answers({}, lambda text: asked.append(text) or next(left), say=asked.append)  # type: ignore[func-returns-value]
    while True:
        try:
            made = questions._route(to, ("a.net",)) | questions._bucket(to, "host")
            break
        except Back:
            to.past.again()
    assert Route.model_validate(made) == Route.model_validate(tomllib.loads(f'kind = "worker"\n{route}'))
    assert not list(left)
    assert any("Access" in each for each in asked) is any(each.startswith("https:") for each in typed)
    assert any("The port there" in each for each in asked) is ("host" in route)


def test_where_postfix_is_in_a_container_no_bucket_is_asked_for() -> None:
    assert questions._bucket(Answers({}, lambda _: "mail"), "docker") == {}


def test_aliases_that_the_settings_can_not_say_are_named() -> None:
    said: list[str] = []
    aliases, others = {"info@a.net": "bob@a.net", "x@a.net": "bob@b.net"}, {"bob@a.net": "bob@a.net, bob@gmail.example"}
    mail = Mail({}, (), (), ("bob@a.net",), aliases, no_aliases=others)
    made = questions._domain(Answers({}, lambda _: "", said.append), Zone("a.net"), mail, {})
    assert made["aliases"] == {"info": "bob"}
    assert "of a.net, since each leads to one mailbox of it: x (bob@b.net); bob (bob@a.net, bob@gmail.ex" in said[0]


def test_the_key_and_chain_that_main_cf_names_stay_where_they_are_named() -> None:
    """The last of its list may be a chain without its key."""
    mail = Mail({"smtpd_tls_chain_files": "/etc/ssl/privkey.pem, /etc/ssl/fullchain.pem"}, (), (), (), {})
    made = questions._dell(Answers({}, say=lambda _: None), "dell.a.net", None, mail, by_worker=False)
    assert "tls_chain_file" not in made


def test_the_text_is_toml_with_an_explanation_next_to_each_key() -> None:
    data: dict[str, Any] = {
        "target": "live", "pilot": 'a"b', "domains": [{"name": "own.example.net", "aliases": {"a.b": "c"}}],
        "dell": {"ipv4": "192.0.2.1", "submissions": [{"name": "日本", "login": True}]},
    }  # fmt: skip
    text = render(data)
    assert tomllib.loads(text) == data
    assert "# the domain that goes first" in text


def test_no_answer_is_lost(tmp_path: Path) -> None:
    """The example as a file of answers: every key comes back as it was, those too that nobody is asked for."""
    answers, made = tmp_path / "answers.toml", tmp_path / "made.toml"
    answers.write_text(EXAMPLE.read_text(encoding="utf-8").replace("tries = 3", "tries = 5"), encoding="utf-8")
    offline = ("unshare", "-n")
    done = python("scripts.init", "--defaults", "--answers", str(answers), "--config", str(made), before=offline)
    assert done.returncode == 0, done.stderr
    assert _load(made).digest == _load(answers).digest
    assert _load(made).alarm.tries == 5
    text = made.read_text(encoding="utf-8")
    for table in tomllib.loads(answers.read_text(encoding="utf-8")):
        assert table in text
    assert "README" not in text
    assert "you are asked" not in done.stderr, "nobody is asked"


def test_an_answer_of_no_key_is_not_lost_but_refused() -> None:
    given = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    tables = ("dell", "ec2", "contacts", "costs", "store", "alarm")
    for each in (given, given["domains"][0], *(given[name] for name in tables)):
        each["colour"] = 1
    given["dell"]["transport"] = {"kind": "local"}
    made = questions.settings(Answers(given, say=lambda _: None))
    for each in (made, made["domains"][0], *(made[name] for name in tables)):
        assert each["colour"] == 1
    for name in tables:
        with pytest.raises(
            SettingsError, match=rf"{name}\.colour: there is no such key; fixtures/migration\.example\.toml"
        ):
            render({name: made[name]})


def test_every_key_of_the_settings_can_be_explained() -> None:
    """So that answers may have any of them."""
    schema = Settings.model_json_schema()
    for name, part in schema["properties"].items():
        assert explained(name)
        for reference in re.findall(r'"#/\$defs/(\w+)"', json.dumps(part)):
            for key in schema["$defs"][reference].get("properties", {}):
                assert explained(f"{name}.{key}")


def test_it_asks_in_japanese(tmp_path: Path) -> None:
    """Questions and errors; the keys and the file stay as they are."""
    made = str(tmp_path / "made.toml")
    command = [sys.executable, "-m", "scripts.init", "--lang", "ja", "--config", made]
    done = run(command, {}, "example.com\n<\nown.example.net\n")
    assert done.returncode == 2, done.stderr
    said = done.stdout + done.stderr
    assert "メールを移すドメイン" in said
    assert "example.com は見本の値です" in said
    assert "これが最初の質問です" in said
    assert "init: 入力が pilot で終わりました。設定は書いていません" in said
    assert f"ここまでの答えは {made}.answers に残しました。同じコマンドで続けられます" in said
