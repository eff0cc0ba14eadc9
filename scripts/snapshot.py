"""Record how everything stands: DNS, Email Routing, Dell's and EC2's Postfix, what the gateway owns. Changes nothing.

The first snapshot of a name is the one that counts; a later one is kept too, and counts for a domain that the first one
lacks, since it came into the settings later. It holds:
``zones``: domain -> ``records`` (each a ``Record``), ``export`` (the zone file), ``routing``, ``rules``,
``catch_all``, ``policy`` (MTA-STS: its file, where we can read it) and ``senders_read`` (its id and MX);
``destinations``: every destination address of the account;
``dell`` and ``ec2``: ``files`` (name -> base64), ``digests`` of those that may hold passwords or keys, ``postconf``;
``elsewhere``, what Postfix's parameters name outside of its folder: path -> base64, empty where that may hold them;
``dell`` further: ``runs``, its effective configuration, Dovecot's too, to which drill certificates are bound;
``firewall``, its ruleset and routes as its own tools print them;
``ec2`` further: ``instance``, ``items``, ``unread``, and ``ids`` of all that is the gateway's; ``terraform``: address
to id of all that its Terraform manages, if that can be read.

Exit: 0 recorded, 1 something could not be asked (then nothing is recorded), 2 bad input.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from fixtures.access import transport
from fixtures.access.transport import Shell
from fixtures.evidence import CouldNotAsk, plain, tell, writable
from fixtures.evidence.exiting import leave
from fixtures.evidence.waiting import waiting
from fixtures.gates.present import ELSEWHERE, MAY_HIDE, dell_as_it_runs
from fixtures.language import tr
from fixtures.migration import Migration
from fixtures.probes.aws import ec2, terraform
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.dell import firewall
from fixtures.probes.dns.mta_sts import as_senders_read, published
from fixtures.settings import SettingsError
from fixtures.store import StoreError, canonical
from scripts.lib.change import BAD_INPUT, DONE, REFUSED, opened
from scripts.lib.commandline import parser
from scripts.lib.dns import mta_sts

START = "start"
_FILES = (
    MAY_HIDE
    + """\
cd "$(postconf -h config_directory)" || exit
for file in *; do
  [ -f "$file" ] || continue
  case "$file" in *.db | *.lmdb | *.bak-*) continue ;; esac
  secret "$PWD/$file" && echo "digest $(sha256sum <"$file" | cut -d ' ' -f 1) $file" && continue
  echo "file $(base64 -w 0 <"$file") $file"
done
"""
)
"""What may hold passwords or keys must not get into the store: of that, only the digest."""

_ELSEWHERE = (
    MAY_HIDE
    + ELSEWHERE
    + """\
cd "$(postconf -h config_directory)" || exit
elsewhere | while read -r f; do echo "$(secret "$f" || base64 -w 0 <"$f") $f"; done
"""
)


def take(migration: Migration, name: str = START) -> str:
    """Record all of it under NAME; returns its digest (16 hex). Raises ``CouldNotAsk``, and then records nothing."""
    return _keep(migration, name, _look(migration))


def _keep(migration: Migration, name: str, body: dict[str, Any]) -> str:
    if name == START:
        _require_before(migration, body)
    digest = sha256(canonical(body).encode()).hexdigest()[:16]
    migration.store.put_snapshot(name, digest, body)
    return digest


def _require_before(migration: Migration, body: dict[str, Any]) -> None:
    """``CouldNotAsk`` where Cloudflare is the MX of a domain of which this would be the first snapshot, or where the
    first one is of other domains.
    """
    known = (migration.store.snapshot(START) or {}).get("zones", {})
    if known and not known.keys() & body["zones"].keys():
        raise CouldNotAsk(
            f"this store ({migration.store.shown}) is another migration's, of {', '.join(known)}: a way back would "
            "restore that one's Dell. Name another in [store] url, sqlite:///FILE"
        )
    for domain in body["zones"].keys() - known.keys():
        zone = body["zones"][domain]
        mx = [each for each in map(cloudflare.record, zone["records"]) if (each.type, each.name) == ("MX", domain)]
        hidden = not mx and zone["routing"]["enabled"]  # from the list, by Email Routing
        if hidden or any(cloudflare.is_mx(each.text) for each in mx):
            raise CouldNotAsk(
                f"{domain} leads to Cloudflare already, and this store ({migration.store.shown}) knows nothing of how "
                "it stood before. Name in [store] url the store that knows of that switch. If that is lost: "
                f"python -m scripts.rollback --domain {domain}, which takes EC2's MX from the settings"
            )


def _look(migration: Migration) -> dict[str, Any]:
    settings = migration.settings
    with ThreadPoolExecutor(len(settings.domains) + 6, "mxgate-snapshot") as pool:
        zones = {domain: pool.submit(_zone, migration, domain) for domain in settings.domain_names}
        destinations = pool.submit(cloudflare.destinations, migration)
        dell = pool.submit(files_of, transport.dell(settings))
        runs = pool.submit(dell_as_it_runs, settings)
        ruleset = pool.submit(firewall.look, settings)
        gateway = pool.submit(files_of, transport.ec2(settings))
        inventory = pool.submit(_inventory, migration)
        return {
            "zones": {domain: each.result() for domain, each in zones.items()},
            "destinations": [asdict(each) for each in destinations.result().destinations],
            "dell": {**dell.result(), "runs": runs.result(), "firewall": dict(ruleset.result().parts)},
            "ec2": {**gateway.result(), **inventory.result()},
        }


def _zone(migration: Migration, domain: str) -> dict[str, Any]:
    whole = asdict(cloudflare.routing(migration, domain))
    return {
        "records": whole["present"]["records"],
        "export": cloudflare.exported(migration, domain),
        "routing": {key: whole[key] for key in ("enabled", "status", "subaddressing", "required")},
        "rules": whole["rules"],
        "catch_all": whole["catch_all"],
        "policy": mta_sts.taken(migration, domain),
        "senders_read": as_senders_read(published(migration, (domain,))[0]),
    }


def files_of(host: Shell) -> dict[str, Any]:
    """A host's ``files``, ``digests``, ``elsewhere`` and ``postconf``, as above. Raises ``CouldNotAsk``."""
    found: dict[str, dict[str, str]] = {"file": {}, "digest": {}}
    for line in host.run("sh", "-c", _FILES).stdout.splitlines():
        kind, content, name = line.split(" ", 2)
        found[kind][name] = content
    lines = (line.partition(" ") for line in host.run("bash", "-c", _ELSEWHERE).stdout.splitlines())
    return {
        "files": found["file"],
        "digests": found["digest"],
        "elsewhere": {path: content for content, _, path in lines},
        "postconf": writable(host.run("postconf", "-n").stdout),
    }


def _inventory(migration: Migration) -> dict[str, Any]:
    if not migration.settings.ec2.at_aws:
        return {"instance": {}, "items": [], "unread": [], "ids": []}
    found = ec2.inventory(migration)
    it, items = asdict(found.instance), [asdict(each) for each in found.items]
    del it["evidence"]  # its words, and when it was asked
    ids = {it["id"], *it["volumes"], *it["security_groups"], *it["interfaces"], *(each["id"] for each in items)}
    return {"instance": it, "items": items, "unread": list(found.unread), "ids": sorted(ids)} | _terraform(migration)


def _terraform(migration: Migration) -> dict[str, Any]:
    """Nothing where there is none, or where it can't be read: I-8 says that, before phase 1."""
    folder = migration.settings.ec2.terraform
    try:
        held = terraform.held(folder) if folder else None
    except CouldNotAsk:
        return {}
    return {"terraform": {each.address: each.id for each in held.resources}} if held else {}


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    made = parser("snapshot", __doc__)
    made.add_argument("--name", default=START, help="default: %(default)s, to which a rollback goes back")
    options = made.parse_args(arguments)
    try:
        migration = opened(options.config)
        earlier = migration.store.snapshot(options.name)
        with waiting(lambda: tr("reading how all stands: Dell, EC2, the zones, Cloudflare, AWS")):
            body = _look(migration)
        print(f"snapshot {options.name!r} {_keep(migration, options.name, body)}")
    except (SettingsError, StoreError, CouldNotAsk) as error:
        tell(f"snapshot: nothing recorded: {error}")
        return BAD_INPUT if isinstance(error, SettingsError | StoreError) else REFUSED
    for domain, zone in body["zones"].items():
        print(f"  {domain}: {len(zone['records'])} records, {len(zone['rules'])} rules, {zone['routing']['status']}")
    for host in ("dell", "ec2"):
        print(f"  {host}: {len(body[host]['files'])} files, {len(body[host]['digests'])} more only by their digest")
    more = f"; in AWS {len(body['ec2']['items'])} more than the instance" if migration.settings.ec2.at_aws else ""
    print(f"  {len(body['destinations'])} destinations{more}")
    print("".join(f"  could not be read: {plain(fault)}\n" for fault in body["ec2"]["unread"]), end="")
    if earlier:
        new = ", ".join(body["zones"].keys() - earlier.get("zones", {}).keys())
        but = f", but for {new}, which it lacks: of that this one counts" if new else ""
        print(f"  An earlier {options.name!r} stands, and stays the one that counts{but}")
    return DONE


if __name__ == "__main__":
    leave(main)
