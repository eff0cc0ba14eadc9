"""How a domain goes back to EC2 by hand, when Cloudflare's or AWS's API is down. Asks nobody and changes nothing.

    python -m scripts.by_hand --domain example.net

Prints the steps in the dashboards, with the values that the first snapshot has, from the store alone: print it before
the night. Exit: 0 printed, 1 there is no way back or no snapshot of it, 2 bad input.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import dns.rdataclass
import dns.rdatatype
from dns.rdtypes.ANY.TXT import TXT

from fixtures.gates.progress import Progress
from fixtures.gates.store import StoreError
from fixtures.migration import open_migration
from fixtures.probes.account import Record, record
from fixtures.settings import SettingsError
from scripts.change import BAD_INPUT, DONE, REFUSED, Job, Refused
from scripts.power import require_way_back
from scripts.rrset import STRING_MAX, seconds
from scripts.takeback import at_first
from scripts.zone import is_spf

MAIL_TYPES = ("MX", "TXT", "CNAME")


def steps(job: Job) -> Iterator[str]:
    """What to do, in order, a line each; then every record of mail that there was. ``Refused`` without a snapshot."""
    settings, domain = job.migration.settings, job.domain
    progress = Progress.read(job.migration.store, settings)
    require_way_back(job, progress)
    once = [each for each in map(record, at_first(job)["records"]) if each.type in MAIL_TYPES]
    mx = [each for each in once if (each.type, each.name) == ("MX", domain)]
    spf = [each for each in once if (each.type, each.name) == ("TXT", domain) and is_spf(each)]
    yield f"The way of {domain} back to EC2 by hand, as the first snapshot has it. Nobody was asked how it stands now."
    yield ""
    if progress.stopped:
        yield f"AWS console, EC2 > Instances > {settings.ec2.instance_id} ({settings.ec2.region}): Start instance. Go"
        yield f"on once port 25 answers: nc -vz {settings.ec2.ipv4} 25"
    yield f"Cloudflare dashboard > {domain} > Email > Email Routing > Settings: unlock the DNS records, if need be."
    yield "Don't disable Email Routing: it would refuse what caches still lead there, and take the SPF record along."
    yield f"DNS > Records: delete the MX records that name {', '.join(settings.cloudflare.mx)}; add these:"
    yield from (f"    {line(each)}" for each in mx)
    yield f"DNS > Records: the TXT record of {domain} that begins with v=spf1 becomes" + (
        ":" if spf else " none: delete it"
    )
    yield from (f"    {line(each)}" for each in spf)
    yield "Leave rules, destinations and Dell as they are. When the API is back, run this, which puts the rest right:"
    yield f"    python -m scripts.rollback --domain {domain}"
    yield ""
    yield f"; Every MX, TXT and CNAME record of {domain} before the migration, as a zone file (RFC 1035)."
    yield from map(line, once)


def line(each: Record) -> str:
    """The record as a line of a zone file. An automatic TTL is written as the seconds that it means."""
    if each.type == "TXT":
        octets = each.text.encode()
        parts = [octets[at : at + STRING_MAX] for at in range(0, len(octets), STRING_MAX)] or [b""]
        data = TXT(dns.rdataclass.IN, dns.rdatatype.TXT, parts).to_text()
    else:
        data = f"{each.text}." if each.priority is None else f"{each.priority} {each.text}."
    return f"{each.name}. {seconds(each)} IN {each.type} {data}"


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    about, example = (__doc__ or "").split("\n\n", 1)
    made = argparse.ArgumentParser(
        prog="python -m scripts.by_hand", description=about, epilog=example, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("--config", metavar="FILE", help="settings (default: $MXGATE_CONFIG, else migration.toml)")
    made.add_argument("--domain", required=True, help="the routed domain")
    options = made.parse_args(arguments)
    try:
        migration = open_migration(options.config)
        job = Job(migration, migration.settings.domain(options.domain).name, options)
        print("\n".join(steps(job)))
    except (SettingsError, StoreError, Refused) as error:
        print(f"by_hand: {error}", file=sys.stderr)
        return REFUSED if isinstance(error, Refused) else BAD_INPUT
    return DONE


if __name__ == "__main__":
    sys.exit(main())
