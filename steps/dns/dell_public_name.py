"""Dell's public name and its port 25."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import queries as dns
from fixtures.probes.smtp import clients, public_address, vantages
from fixtures.probes.smtp.session import Conversation

Knocks = tuple[tuple[clients.Client, Conversation], ...]


@given("Dell's public name", target_fixture="dell_name")
@given("Dell's public address as in the settings", target_fixture="dell_name")
def dell_name(migration: Migration) -> str:
    return migration.settings.dell.name


@when("its addresses are looked up and port 25 is tried by an admitted client outside", target_fixture="door")
@when("its kind and port 25 are examined", target_fixture="door")
def try_port_25(migration: Migration) -> Knocks:
    return clients.offer(migration, clients.at_dells_door(migration), ())


@then("every address is Dell's own, public and not proxied")
def name_leads_to_dell(migration: Migration, expect: Expect, dell_name: str) -> None:
    found, dell = dns.addresses(dell_name), migration.settings.dell
    own = {str(dell.ipv4), *([str(dell.ipv6)] if dell.ipv6 else [])}
    evidence = tuple(answer.evidence for answer in found.answers)
    hint = "A proxied record, or one of the tailnet, leads Email Routing nowhere (X4)"

    def judge(address: str) -> Finding:
        if address in own and not public_address.kind(address):
            return passed(f"{dell_name} {address}", "Dell's own, public", *evidence)
        return failed(f"{dell_name} {address}", f"one of {', '.join(sorted(own))}", address, *evidence, hint=hint)

    missing = [failed(dell_name, address, "not in DNS", *evidence) for address in own - set(found.addresses)]
    expect("Dell's name leads to Dell", [*map(judge, found.addresses), *missing])


@then("port 25 opens at each of them")
def port_25_opens(migration: Migration, expect: Expect, door: Knocks) -> None:
    dell = migration.settings.dell
    tried = {told.knock.host for _, told in door}
    untried = [str(each) for each in (dell.ipv4, dell.ipv6) if each and str(each) not in tried]
    hint = "Name a host by SSH that has an address of this family ([[vantages]] ipv6), or take the AAAA record away"
    rest = [unknown(f"port 25 of {each}", "a greeting", "nobody here could try it", hint=hint) for each in untried]
    expect("Port 25 opens at Dell", [*(_opened(client, told) for client, told in door), *rest])


@then("the address is public, and neither private nor shared by a provider's customers")
def address_is_public(migration: Migration, expect: Expect) -> None:
    expect("Dell's address is public", _addresses(migration))


@then("port 25 opens there, or the settings name who confirmed that it can be opened")
def port_25_or_word(migration: Migration, expect: Expect, door: Knocks) -> None:
    word = migration.settings.dell.port_25_confirmed_by

    def judge(client: clients.Client, told: Conversation) -> Finding:
        if told.connected or not word:
            return _opened(client, told)
        return passed(f"port 25 from {client}", f"not open yet; {word} confirmed that it can be", told.evidence)

    expect("Port 25 opens, or somebody vouches for it", (judge(client, told) for client, told in door))


def _addresses(migration: Migration) -> Iterator[Finding]:
    for address in (migration.settings.dell.ipv4, migration.settings.dell.ipv6):
        if address and (why := public_address.kind(str(address))):
            hint = "Without a public address of its own Dell can't receive: a fixed address, a relay, or keep EC2"
            yield failed(f"Dell {address}", "a public address", why, hint=hint)
        elif address:
            yield passed(f"Dell {address}", "public")


def _opened(client: clients.Client, told: Conversation) -> Finding:
    member = f"port 25 of {told.knock.host} from {client}"
    if told.banner:
        return passed(member, told.banner, told.evidence)
    if told.connection in {"refused", "dropped", "silent"} and (why := vantages.blind(client.via)):
        return unknown(member, "a greeting", why, told.evidence)
    make = failed if told.connection in {"refused", "dropped", "silent"} else unknown
    hint = "Open it on the router, in the firewall, in inet_interfaces and in the container's ports"
    return make(member, "a greeting", str(told.outcome), told.evidence, hint=hint)
