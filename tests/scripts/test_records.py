"""RRsets, SPF records and MTA-STS policies as text, the batch that turns an RRset into another, and its danger."""

import os
import re
import subprocess
from argparse import Namespace
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from unittest.mock import Mock

import pytest

from fixtures.access.changing import shell
from fixtures.access.transport import CommandFailed, Result
from fixtures.evidence import CouldNotAsk, Evidence
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Record, Records, Zone
from fixtures.probes.dns.mta_sts import ROUTING
from fixtures.settings import Secrets, Transport
from fixtures.settings.schema import MtaSts
from scripts import narrow_mta_sts, publish_delivery
from scripts.lib.change import Job, Refused
from scripts.lib.dell import host_files
from scripts.lib.dns import mta_sts
from scripts.lib.dns.mta_sts import identifier, policy
from scripts.lib.dns.mx_back import added
from scripts.lib.dns.records import as_text, changes, danger_of, is_spf, line, merged, quoted, set_rrset, set_ttl, value

NAME = "own.example"
JOB = Job(Migration(settings_without_a_lab(), Secrets()), NAME, Namespace())


def mx(priority: int, host: str, ttl: int = 300) -> Record:
    return Record("MX", NAME, host, ttl, priority, id=host)


def txt(content: str, ttl: int = 300) -> Record:
    return Record("TXT", NAME, content, ttl, id="t")


def test_text_of_an_rrset() -> None:
    rrset = (mx(20, "Two.example."), mx(10, "one.example", ttl=1))
    assert as_text(rrset) == "10 one.example (TTL automatic)\n20 two.example (TTL 300)"
    assert as_text((Record("A", NAME, "192.0.2.1", 1, proxied=True),)) == "192.0.2.1 (TTL automatic, proxied)"
    assert as_text(()) == ""


def test_text_of_txt_joins_its_strings() -> None:
    assert value(txt('"v=spf1 ip4:192.0.2.1 " "~all"')) == "v=spf1 ip4:192.0.2.1 ~all"


def test_automatic_is_five_minutes() -> None:
    assert [mx(10, "one.example", ttl).kept_s for ttl in (1, 60, 3600)] == [300, 60, 3600]


@pytest.mark.parametrize(
    ("content", "expected"),
    [("v=spf1 ~all", True), ('"v=spf1"', True), ("V=SPF1 -all", True), ("v=spf10 ~all", False), ("spf2.0/pra", False)],
)
def test_which_txt_is_spf(content: str, expected: bool) -> None:
    assert is_spf(txt(content)) is expected


def test_one_for_one_is_changed_in_place() -> None:
    batches = changes([mx(10, "old.example")], NAME, "MX", ["10 new.example"], 60)
    patch = {"id": "old.example", "type": "MX", "name": NAME, "ttl": 60, "priority": 10, "content": "new.example"}
    assert batches == ({"patches": [patch]},)


CLOUDFLARES = ["1 route1.mx.cloudflare.net", "2 route2.mx.cloudflare.net", "3 route3.mx.cloudflare.net"]


def cloudflares(*, managed: bool = False) -> list[Record]:
    return [replace(mx(int(text[0]), text[2:]), managed=managed) for text in CLOUDFLARES]


def test_the_switch_patches_one_and_makes_two() -> None:
    (batch,) = changes([mx(10, "old.example")], NAME, "MX", CLOUDFLARES, 300)
    assert [(each["id"], each["content"]) for each in batch["patches"]] == [("old.example", CLOUDFLARES[0][2:])]
    assert [f"{each['priority']} {each['content']}" for each in batch["posts"]] == CLOUDFLARES[1:]
    assert "deletes" not in batch


def test_on_the_way_back_what_is_over_goes_last() -> None:
    first, last = changes(cloudflares(), NAME, "MX", ["10 old.example"], 300)
    assert [(each["id"], each["content"]) for each in first["patches"]] == [(CLOUDFLARES[0][2:], "old.example")]
    assert first.keys() == {"patches"}
    assert last == {"deletes": [{"id": text[2:]} for text in CLOUDFLARES[1:]]}


def test_what_email_routing_made_is_replaced_and_not_edited() -> None:
    """Disabling would delete it, edited or not."""
    first, last = changes(cloudflares(managed=True), NAME, "MX", ["10 old.example"], 300)
    assert [each["content"] for each in first["posts"]] == ["old.example"]
    assert first.keys() == {"posts"}
    assert [each["id"] for each in last["deletes"]] == [text[2:] for text in CLOUDFLARES]


def test_a_host_that_stays_keeps_its_record() -> None:
    (batch,) = changes(cloudflares(managed=True), NAME, "MX", [text.replace(" ", "0 ") for text in CLOUDFLARES], 300)
    assert [(each["id"], each["priority"]) for each in batch["patches"]] == [
        (text[2:], int(text[0]) * 10) for text in CLOUDFLARES
    ]


@pytest.mark.parametrize("managed", [False, True])
@pytest.mark.parametrize("way", ["there", "back", "from a half-written set"])
def test_at_no_moment_is_there_no_mail_server_or_a_stranger(way: str, managed: bool) -> None:
    """Each record of each batch by itself, as the edge may see them; that of a batch in whatever order."""
    ours, theirs = ["10 old.example"], CLOUDFLARES
    old = cloudflares(managed=managed) if way == "back" else [mx(10, "old.example")]
    old += cloudflares(managed=managed)[1:2] if way == "from a half-written set" else []
    for order in permutations(range(4)):
        seen = {each.id: value(each) for each in old}
        for batch in changes(old, NAME, "MX", ours if way == "back" else theirs, 300):
            steps = [("delete", each) for each in batch.get("deletes", [])]
            steps += [(str(each["id"]), each) for each in batch.get("patches", [])]
            steps += [(each["content"], each) for each in batch.get("posts", [])]
            for key, each in (steps[at] for at in order if at < len(steps)):
                if key == "delete":
                    del seen[each["id"]]
                else:
                    seen[key] = f"{each['priority']} {each['content']}"
                assert seen
                assert set(seen.values()) <= {*ours, *theirs}
        assert sorted(seen.values()) == sorted(ours if way == "back" else theirs)


def test_on_a_rollback_ours_are_added_and_none_of_cloudflares_is_edited() -> None:
    """Only a record of our own host is patched: a second one of it would be refused."""
    theirs = [mx(int(text[0]), text[2:]) for text in CLOUDFLARES]
    body = added([*theirs, mx(99, "old.example")], NAME, ["10 old.example", "20 two.example"], 300)
    assert [(each["id"], each["priority"]) for each in body["patches"]] == [("old.example", 10)]
    assert [each["content"] for each in body["posts"]] == ["two.example"]
    assert added([mx(10, "old.example")], NAME, ["10 old.example"], 300) == {}


def test_what_stays_is_left_as_it_is() -> None:
    stands = [mx(10, "one.example"), mx(20, "two.example"), mx(30, "three.example")]
    assert changes(stands, NAME, "MX", ["10 one.example"], 300) == (
        {"deletes": [{"id": "two.example"}, {"id": "three.example"}]},
    )
    assert changes(stands[:1], NAME, "MX", ["10 one.example"], 300) == ()


def test_only_another_ttl_is_a_patch() -> None:
    (patch,) = changes([txt("v=spf1 ~all", 3600)], NAME, "TXT", ["v=spf1 ~all"], 300)[0]["patches"]
    assert (patch["ttl"], patch["content"]) == (300, '"v=spf1 ~all"')


def test_a_proxied_address_is_unproxied() -> None:
    stands = Record("A", NAME, "192.0.2.1", 300, proxied=True, id="a")
    (patch,) = changes([stands], NAME, "A", ["192.0.2.1"], 300)[0]["patches"]
    assert patch["proxied"] is False
    assert as_text([stands]) != line("192.0.2.1", 300)


def test_nothing_wanted_deletes_all() -> None:
    assert changes([mx(10, "one.example")], NAME, "MX", [], 300) == ({"deletes": [{"id": "one.example"}]},)


def test_long_text_is_cut_into_strings() -> None:
    text = "v=DKIM1; p=" + "A" * 400
    parts = quoted(text).split('" "')
    assert [len(part.strip('"')) for part in parts] == [255, len(text) - 255]
    assert value(txt(quoted(text))) == text


@pytest.mark.parametrize("text", ['v="x"', "back\\slash", "ü"])
def test_text_that_would_need_escapes_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="expected ASCII"):
        quoted(text)


@pytest.mark.parametrize(
    ("name", "kind", "texts", "deletes", "expected"),
    [
        (NAME, "MX", (), False, "MX"),
        (NAME, "NS", (), True, "NS"),
        (f"cf2024-1._domainkey.{NAME}", "TXT", (), False, "DKIM"),
        (f"s1._domainkey.{NAME}", "CNAME", (), True, "DKIM"),
        (f"_dmarc.{NAME}", "TXT", (), False, "DMARC"),
        (NAME, "TXT", ("v=spf1 -all",), False, "SPF"),
        (NAME, "TXT", ("some-verification=1",), True, "deletes"),
        (f"_25._tcp.mail.{NAME}", "TLSA", (), True, "deletes"),
        (NAME, "A", (), False, ""),
    ],
)
def test_class_of_danger(
    monkeypatch: pytest.MonkeyPatch, *, name: str, kind: str, texts: Sequence[str], deletes: bool, expected: str
) -> None:
    """And a script that does not allow itself just this class is refused: one of two that goes is a deletion, too."""
    assert danger_of(name, kind, texts, deletes=deletes) == expected
    priority = 10 if kind == "MX" else None
    stands(monkeypatch, *(Record(kind, name, each, 300, priority, id=each) for each in (*texts, "one", "two")))
    count = len(cloudflare.records(JOB.migration, NAME).of(name, kind)) - deletes
    wanted = [f"10 host{number}" for number in range(count)]
    for danger in {"", "another", expected}:
        with nullcontext() if expected in {"", danger} else pytest.raises(Refused, match=f"would change {expected}, "):
            assert len(list(set_rrset(JOB, NAME, name, kind, wanted, 300, danger))) == 1


@pytest.mark.parametrize(("ttl", "shorter"), [(60, True), (300, True), (3600, True), (60, False), (3600, False)])
@pytest.mark.parametrize("mixed", [False, True])
def test_a_ttl_goes_one_way_only(ttl: int, monkeypatch: pytest.MonkeyPatch, *, shorter: bool, mixed: bool) -> None:
    """And no way where one of Cloudflare's is among them."""
    stands(monkeypatch, mx(10, "one.example"), *cloudflares()[:mixed])
    present = cloudflare.records(JOB.migration, NAME)
    writes = [*set_ttl(JOB, NAME, NAME, "MX", ttl, present, shorter=shorter)]
    assert len(writes) == (not mixed and (ttl, shorter) in {(60, True), (3600, False)})


BOTH = ("_spf.mx.cloudflare.net", "sendgrid.net")
CLOUDFLARE, SENDGRID = (f"include:{name}" for name in BOTH)
IP4 = "v=spf1 ip4:192.0.2.1"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param((), f"v=spf1 {CLOUDFLARE} {SENDGRID} ~all", id="none yet"),
        pytest.param((f"{IP4} {SENDGRID} ~all",), f"{IP4} {SENDGRID} {CLOUDFLARE} ~all", id="usual"),
        pytest.param((f"v=spf1 {CLOUDFLARE} ~all",), f"v=spf1 {CLOUDFLARE} {SENDGRID} ~all", id="Cloudflare's own"),
        pytest.param(
            (f"v=spf1 {SENDGRID} -all", f"v=spf1 {CLOUDFLARE} ~all"),
            f"v=spf1 {SENDGRID} {CLOUDFLARE} ~all",
            id="two: the milder all",
        ),
        pytest.param(
            ("v=spf1 a mx ~all", "v=spf1 mx ip6:2001:db8::/32 ~all"),
            f"v=spf1 a mx ip6:2001:db8::/32 {CLOUDFLARE} {SENDGRID} ~all",
            id="two: each term once",
        ),
        pytest.param(("v=spf1 mx",), f"v=spf1 mx {CLOUDFLARE} {SENDGRID}", id="no all stays no all"),
        pytest.param(("v=spf1 all",), f"v=spf1 {CLOUDFLARE} {SENDGRID} all", id="bare all"),
        pytest.param(
            ("v=spf1 -ip4:192.0.2.9 a:x.example/28//64 exists:%{i}.x.example ptr -all exp=why.x.example",),
            f"v=spf1 -ip4:192.0.2.9 a:x.example/28//64 exists:%{{i}}.x.example ptr {CLOUDFLARE} {SENDGRID} -all "
            "exp=why.x.example",
            id="every kind of term, in order",
        ),
        pytest.param(
            ("v=spf1 +include:_SPF.mx.cloudflare.net include:SendGrid.net ?all",),
            "v=spf1 +include:_SPF.mx.cloudflare.net include:SendGrid.net ?all",
            id="there in other letters",
        ),
    ],
)
def test_merged(texts: tuple[str, ...], expected: str) -> None:
    assert merged(texts, BOTH) == expected


@pytest.mark.parametrize("texts", [(), ("v=spf1 a -all",), ("v=spf1 mx", "v=spf1 a ~all exp=x.example")])
def test_merging_again_changes_nothing(texts: tuple[str, ...]) -> None:
    once = merged(texts, BOTH)
    assert merged([once], BOTH) == once


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("v=spf1 ip4:192.0.2.300 ~all", "Invalid IP4 address: ip4:192.0.2.300. Correct it"),
        ("v=spf1 ip4:2001:db8::1 ~all", "Invalid IP4 address: ip4:2001:db8::1"),
        ("v=spf1 ipv4:192.0.2.1 ~all", "Unknown mechanism found: ipv4:192.0.2.1"),
        ("v=spf1 include: ~all", "empty domain:: include:"),
        ("v=spf1 192.0.2.1 ~all", "Missing IP4: 192.0.2.1"),
        ("v=spf1 ~all include:sendgrid.net", "stands after all"),
        ("v=spf1 -include:sendgrid.net ~all", "sendgrid.net may not send"),
        ("v=spf1 ~include:sendgrid.net ~all", "sendgrid.net may not send"),
        ("v=spf1 ?include:sendgrid.net ~all", "sendgrid.net may not send"),
    ],
)
def test_refused(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        merged([text], BOTH)


def test_a_redirect_stays_last_and_is_not_merged_with_another_record() -> None:
    away = "v=spf1 redirect=_spf.x.example"
    assert merged([away], BOTH) == f"v=spf1 {CLOUDFLARE} {SENDGRID} redirect=_spf.x.example"
    with pytest.raises(Refused, match="hands the word to another record, and there are several"):
        merged([away, "v=spf1 mx -all"], BOTH)


OLD = "version: STSv1\r\nmode: enforce\r\nmx: mail.own.example\r\nmax_age: 604800\r\n"
WIDE = "version: STSv1\r\nmode: enforce\r\nmx: mail.own.example\r\nmx: *.mx.cloudflare.net\r\nmax_age: 604800\r\n"


def test_widened_and_narrowed() -> None:
    wide = policy(OLD, ("mail.own.example", ROUTING))
    assert wide == WIDE
    assert policy(wide, ("mail.own.example", ROUTING)) == wide
    assert policy(wide, (ROUTING,)) == WIDE.replace("mx: mail.own.example\r\n", "")


def test_mode_max_age_and_what_else_stands_there_are_kept() -> None:
    given = "version:STSv1\nmax_age: 86400\nmx: a.example\nmode: testing\nx_more: 1"
    assert policy(given, (ROUTING,)) == (
        "version: STSv1\r\nmode: testing\r\nmx: *.mx.cloudflare.net\r\nmax_age: 86400\r\nx_more: 1\r\n"
    )


@pytest.mark.parametrize(
    "text", ["", "version: STSv2\nmode: none\nmax_age: 1\n", "version: STSv1\nmode: enforce\n", "root:$y$j9T$" * 20]
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"no MTA-STS policy.*found '.{,90}'$"):
        policy(text, (ROUTING,))


def test_identifier_follows_the_text() -> None:
    assert re.fullmatch("[A-Za-z0-9]{1,32}", identifier(OLD))
    assert identifier(OLD) == identifier(OLD) != identifier(WIDE)


def test_a_record_that_lies_elsewhere_is_not_changed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    migration = Migration(settings_without_a_lab(), Secrets())
    stands(monkeypatch, Record("CNAME", "_mta-sts.webmakeprofit.org", "_mta-sts.provider.example", 300))
    monkeypatch.setattr(mta_sts, "published", lambda *_: WIDE)
    with pytest.raises(Refused, match=r"is an alias of _mta-sts\.provider\.example: change the policy by hand"):
        list(mta_sts.publish(Job(migration, "webmakeprofit.org", Namespace()), "webmakeprofit.org", (ROUTING,)))


def written(root: Path, *paths: str) -> Job:
    """A job for webmakeprofit.org, whose policy and others' lie below ROOT, at PATHS, on this machine."""
    settings = settings_without_a_lab()
    domains = tuple(each.model_copy(update={"mta_sts": True}) for each in settings.domains)
    there = MtaSts(transport=Transport(kind="local"), root=root)
    for each in domains:
        (root / f"mta-sts.{each.name}/.well-known").mkdir(parents=True)
    for path in paths:
        (root / path).write_text(OLD, encoding="ascii")
    made = settings.model_copy(update={"domains": domains, "mta_sts": there})
    return Job(Migration(made, Secrets()), "webmakeprofit.org", Namespace())


OWN, ANOTHERS = (f"mta-sts.{each}/.well-known/mta-sts.txt" for each in ("webmakeprofit.org", "fx-trader-life.com"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
def test_a_policy_stays_where_it_lies_and_whose_it_is(tmp_path: Path) -> None:
    """Root writes it; the web server may read it only by its group."""
    job, file = written(tmp_path, "kept.txt"), tmp_path / "kept.txt"
    os.chown(file, 33, 34)
    file.chmod(0o640)
    (tmp_path / OWN).symlink_to(file)
    (write,) = mta_sts.put_back(job, job.domain, WIDE)
    write.do()
    assert write.read() == WIDE == file.read_bytes().decode()
    assert (tmp_path / OWN).readlink() == file
    assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o777) == (33, 34, 0o640)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
@pytest.mark.parametrize("planted", ["mta-sts.txt", "mta-sts.txt.mxgate.new", ""])
def test_root_goes_where_no_other_leads_it(tmp_path: Path, planted: str) -> None:
    """Neither to read nor to write: the web server's user has a link waiting, to what only root may read."""
    job, victim, folder = written(tmp_path, OWN), tmp_path / "victim", (tmp_path / OWN).parent
    victim.write_text("root:secret", encoding="ascii")
    victim.chmod(0o600)
    if planted:
        (folder / planted).unlink(missing_ok=True)
        (folder / planted).symlink_to(victim)
    for each in (folder, *folder.iterdir()):
        os.chown(each, 65534, 65534, follow_symlinks=False)
    way = (
        r'others can change .*/\.well-known, .*transport be nobody\'s \(prefix = \["sudo", "-n", "-u", "nobody"\]\), or'
    )
    for ask in (lambda: list(mta_sts.publish(job, job.domain, (ROUTING,))), lambda: _replaced(job, tmp_path / OWN)):
        with pytest.raises(CouldNotAsk, match=way):
            ask()
    if planted != "mta-sts.txt":  # nor does a write without that question find a link by a name that is known before
        host_files.replace(mta_sts._place(job.migration, job.domain)[0], str(tmp_path / OWN), WIDE)
        assert (tmp_path / OWN).read_bytes().decode() == WIDE
    assert (victim.read_text("ascii"), victim.stat().st_uid, victim.stat().st_mode & 0o777) == ("root:secret", 0, 0o600)


def _replaced(job: Job, path: Path) -> None:
    mta_sts._replace(mta_sts._place(job.migration, job.domain)[0], str(path), WIDE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("chown nobody f/x/policy", ""),
        ("chmod 1777 f/x", ""),
        ("ln -s f/x l; ln -s ../l f/l; set f/l", ""),
        ("chmod g+w f/x", "Make it root's"),
        ("chown nobody f", "transport be nobody's"),
        ("ln -s f/x l; chown -h nobody l; set l", "transport be nobody's"),
        ("mkdir o; ln -s ../f/x o/l; chown nobody o; ln -s o/l l; set l", "transport be nobody's"),
        ("chmod 1777 f/x; ln -s policy f/x/l; chown -h nobody f/x/l; set f/x l", "transport be nobody's"),
    ],
    ids="file sticky links group above link on_its_way in_sticky".split(),
)
def test_what_others_can_change_on_the_way_to_a_file(tmp_path: Path, change: str, refused: str) -> None:
    made = f'mkdir -p f/x; echo a >f/x/policy; set f/x; {change}; echo "$PWD/$1/${{2-policy}}"'
    done = subprocess.run(["sh", "-ec", made], cwd=tmp_path, capture_output=True, text=True, check=True)
    web, path = shell("web", Transport(kind="local")), done.stdout.strip()
    if not refused:
        assert mta_sts._trusted(web, path, 'cat -- "$1"') == "a\n"
        return
    with pytest.raises(CouldNotAsk, match=refused):
        mta_sts._trusted(web, path)


def test_a_policy_that_another_user_owns_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = CommandFailed("web", Result(("sh",), 1, "", "chown: changing ownership: Operation not permitted"))
    monkeypatch.setattr(mta_sts, "replace", Mock(side_effect=fault))
    (write,) = mta_sts.put_back(written(tmp_path, OWN), "webmakeprofit.org", WIDE)
    with pytest.raises(Refused, match=r"is another user's, and only they, or root, .* stands as it was"):
        write.do()


def test_a_policy_that_two_domains_share_is_not_written_for_one(tmp_path: Path) -> None:
    job = written(tmp_path, ANOTHERS)
    (tmp_path / OWN).symlink_to(tmp_path / ANOTHERS)
    with pytest.raises(Refused, match=r"mta-sts.txt is the file of fx-trader-life.com, too.* Nothing was changed"):
        list(mta_sts.put_back(job, job.domain, WIDE))


def stands(monkeypatch: pytest.MonkeyPatch, *those: Record) -> None:
    """In each zone, below the name servers of its apex."""

    def records(_: Migration, domain: str) -> Records:
        apex = Record("NS", domain, "ada.ns.cloudflare.com", 300)
        return Records(zone(_, domain), (apex, *those), Evidence("", "", "", "", 0.0, 0.0))

    def zone(_: Migration, domain: str) -> Zone:
        return Zone("z", domain, "active", (), "a")

    monkeypatch.setattr(cloudflare, "zone", zone)
    monkeypatch.setattr(cloudflare, "records", records)
    monkeypatch.setattr(publish_delivery, "set_rrset", lambda *_, **__: ())


@pytest.mark.parametrize(
    ("kind", "label", "says"),
    [
        ("NS", "in.mx", "mx.{0} is delegated to ns.x: what stands here at in.mx.{0} nobody sees"),
        ("NS", "mx", "mx.{0} is delegated to ns.x: what stands here at mx.{0} nobody sees"),
        ("CNAME", "mx", "mx.{0} is an alias of ns.x"),
    ],
)
def test_nothing_is_published_where_nobody_sees_it(
    kind: str, label: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_without_a_lab()
    pilot = settings.pilot
    domains = tuple(
        each.model_copy(update={"delivery": f"{label}.{pilot}"}) if each.name == pilot else each
        for each in settings.domains
    )
    migration = Migration(settings.model_copy(update={"domains": domains}), Secrets())
    stands(monkeypatch, Record(kind, f"mx.{pilot}", "ns.x", 300))
    with pytest.raises(Refused, match=says.format(pilot)):
        list(publish_delivery.plan(Job(migration, "", Namespace())))


@pytest.mark.parametrize(("late", "says"), [(True, "stands already and leads to"), (False, "")])
def test_only_names_of_a_domain_that_comes_later_may_be_in_use(
    late: bool, says: str, migration: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dell's own name, of which the others have been living, moves as before."""
    settings = migration.settings
    pilot, *others = settings.domain_names
    migration.store.put_snapshot("start", "0", {"zones": {each: {} for each in others}})
    migration.store.record("done", script="publish_delivery", plan="")
    name, kind = (settings.domain(pilot).delivery, "MX") if late else (settings.dell.name, "A")
    stands(monkeypatch, Record(kind, name, "10 old.example.net" if late else "192.0.2.99", 300))
    with pytest.raises(Refused, match=says) if says else nullcontext():
        list(publish_delivery.plan(Job(migration, "", Namespace())))


def test_narrowed_when_no_sender_can_hold_the_policy_from_before(
    migration: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sooner, nothing could mend it: what N-11 counts at sign-off is the time of that one change."""
    monkeypatch.setattr(narrow_mta_sts, "published", lambda *_: WIDE)
    job = Job(migration, "webmakeprofit.org", Namespace())
    narrow_mta_sts.check(job)  # no record of a switch is N-11's to say
    days, now = 86_400, migration.clock.now()
    migration.store.record("switch", job.domain, began=now - 8 * days, ended=now - 7 * days - 1)
    narrow_mta_sts.check(job)
    migration.store.record("switch", job.domain, began=now - 7 * days, ended=now - 7 * days + 60)
    with pytest.raises(Refused, match=r"until \d{4}-\d\d-\d\d \d\d:\d\d .*max_age of 7 days.*Run it again after that"):
        narrow_mta_sts.check(job)
