"""What is said of the way back before mail goes by it."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from fixtures.evidence import CouldNotAsk
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare, changing
from fixtures.probes.cloudflare.api import Record
from fixtures.probes.dns import queries
from fixtures.settings import Secrets
from scripts.lib.dns import records, takeback
from tests.judges import answer
from tests.scripts.test_records import stands

EC2 = settings_without_a_lab().ec2
OWN_A, STRANGE = ("A", str(EC2.ipv4)), ("A", "192.0.2.99")


@pytest.mark.parametrize(
    ("there", "proxied", "by_alias", "says"),
    [
        ([OWN_A], False, "", ""),
        ([OWN_A], True, "", f"has A {EC2.ipv4} by the proxy. Mail"),
        ([OWN_A, STRANGE], False, "", f"has A {EC2.ipv4}, A 192.0.2.99. Mail"),
        ([STRANGE], False, "", "has A 192.0.2.99. Mail"),
        ([OWN_A, ("AAAA", "2001:db8::99")], False, "", "AAAA 2001:db8::99. Mail"),
        ([], False, "", "has no address. Mail"),
        ([("CNAME", "host.example")], False, str(EC2.ipv4), ""),
        ([("CNAME", "host.example")], True, str(EC2.ipv4), "has CNAME host.example by the proxy. Mail"),
        ([("CNAME", "parked.example")], False, "192.0.2.99", "has CNAME parked.example. Mail"),
        ([("CNAME", "parked.example")], False, "silence", "could not be asked: silence"),
    ],
)
def test_before_mail_goes_back_it_is_said_where_ec2s_name_leads(
    there: list[tuple[str, str]], proxied: bool, by_alias: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = by_alias == "silence"
    seen = queries.Host(EC2.name, () if silent else (by_alias,), (), (answer(error=by_alias if silent else ""),))
    stands(monkeypatch, *(Record(kind, EC2.name, text, 300, proxied=proxied) for kind, text in there))
    monkeypatch.setattr(queries, "addresses", lambda _: seen)
    said = list[str]()
    job = SimpleNamespace(
        migration=Migration(settings_without_a_lab(), Secrets()), say=lambda text: said.append(str(text))
    )
    takeback.say_where_ec2s_name_leads(job)  # type: ignore[arg-type] # what it asks of a job
    assert [says in each for each in said] == [True] * bool(says)


@pytest.mark.parametrize(
    ("said", "does"),
    [("code 890190: managed by Email Routing", ["batch", "unlock", "batch"]), ("code 10000: no token", ["batch"])],
)
def test_records_are_unlocked_where_they_are_locked(
    monkeypatch: pytest.MonkeyPatch, said: str, does: list[str]
) -> None:
    """Another refusal is said as it is."""
    done = list[str]()

    def post(*_: object, **__: object) -> dict[str, object]:
        done.append("batch")
        if done == ["batch"]:
            raise ValueError(said)
        return {"result": {"posts": [{"id": "made"}]}}

    monkeypatch.setattr(cloudflare, "zone", lambda *_: SimpleNamespace(id="z"))
    monkeypatch.setattr(changing, "client", lambda _: SimpleNamespace(post=post))
    monkeypatch.setattr(records, "unlock_records", lambda *_: done.append("unlock"))
    migration = Migration(settings_without_a_lab(), Secrets())
    with pytest.raises(CouldNotAsk, match=said) if does == ["batch"] else nullcontext():
        assert records.batch(migration, "own.example", "the MX", {"posts": []}) == ["made"]
    assert done == does
