"""What stands in a lab, in a form that two labs of the same seed have in common."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from fixtures.access.changing import Shell, dell, shell
from fixtures.gates.present import present
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.aws import ec2
from fixtures.probes.cloudflare import api as cloudflare, email_worker

NOT_OURS = "as it was"
"""Keys and identifiers are drawn again for each lab; what no script has touched is said to be so, and no more."""
# A backup's name has its minute: the kept text counts. What a killed write may leave is known by its name.
_FILES = r"""
for f in $(find "$@" -type f ! -name '*.db' ! -name '*.lmdb' | sort); do
    name=$(echo "$f" | sed -E 's/\.bak-[0-9]{12}$/.bak/')
    case $f in *.read | *sasl_passwd*) echo "$name" ;; *) echo "$name $(sha256sum <"$f" | cut -c1-12)" ;; esac
done
"""
_KEY = re.compile(r"[A-Za-z0-9+/]{200,}=*")
"""Cloudflare's DKIM key, which Email Routing brings along: each lab has its own."""
_FOLDERS = ("/etc/postfix", "/etc/dovecot")


def look(migration: Migration) -> dict[str, str]:
    """Every record, rule, destination, file and belonging: a subject to its value."""
    with ThreadPoolExecutor(4, "mxgate-standing") as pool:
        parts = pool.map(
            lambda part: dict(part(migration)), (lambda m: present(m).items(), _records, _account, _files, _gateway)
        )
        return {key: value for part in parts for key, value in part.items()}


def since(start: dict[str, str], now: dict[str, str]) -> dict[str, str]:
    """What stands now, compared with what stood at the start."""
    return {
        key: NOT_OURS if now.get(key) == start.get(key) else _KEY.sub("a key", now.get(key, ""))
        for key in start.keys() | now.keys()
    }


def _records(migration: Migration) -> Iterator[tuple[str, str]]:
    for domain in migration.settings.domain_names:
        rrsets: dict[str, list[str]] = {}
        for each in cloudflare.records(migration, domain).records:
            outcome = f"{each.ttl} {each.priority} {each.text} {'proxied' if each.proxied else ''}"
            rrsets.setdefault(f"record {each.type} {each.name}", []).append(outcome)
        yield from ((key, "\n".join(sorted(values))) for key, values in rrsets.items())


def _account(migration: Migration) -> Iterator[tuple[str, str]]:
    if migration.settings.by_worker:
        it = email_worker.ask(migration)
        yield "the Worker", f"{it.digest} {dict(it.bindings)} {sorted(it.secrets)}" if it else "absent"
    for each in cloudflare.destinations(migration).destinations:
        yield f"destination {each.email}", "verified" if each.verified else "not verified"
    progress = Progress.read(migration.store, migration.settings)
    yield "scripts done", "\n".join(sorted(f"{script} {domain}" for script, domain in progress.last))
    for domain in migration.settings.domain_names:
        yield f"progress of {domain}", f"switched {progress.switched(domain)}, next {progress.next_gate(domain)}"
        through = [each for each in migration.store.recorded("switching", domain) if each["state"] == "through"]
        yield f"switches of {domain}, recorded", str(len(through))


def _files(migration: Migration) -> Iterator[tuple[str, str]]:
    hosts: list[tuple[Shell, tuple[str, ...]]] = [(dell(migration.settings), _FOLDERS)]
    if there := migration.settings.mta_sts:
        hosts.append((shell("web", there.transport), (str(there.root),)))
    for host, folders in hosts:
        for line in host.run("sh", "-c", _FILES, "sh", *folders).stdout.splitlines():
            name, _, digest = line.partition(" ")
            yield f"{host.name} {name}", digest
    if folder := migration.settings.ec2.terraform:
        for file in sorted(folder.iterdir()):
            if file.is_file() and ".bak-" not in file.name and file.suffix in {".tf", ".partial", ".info"}:
                yield f"terraform {file.name}", file.read_text(encoding="utf-8")
        yield "terraform copies", str(sorted({f.name.partition(".bak-")[0] for f in folder.glob("*.bak-*")}))


def _gateway(migration: Migration) -> Iterator[tuple[str, str]]:
    has = ec2.inventory(migration, ec2.known(migration))
    yield "EC2", has.instance.state
    yield "EC2's belongings", repr(sorted(Counter(item.kind for item in has.items).items()))
