"""How a domain goes back to EC2 by hand, when Cloudflare's or AWS's API is down. Asks nobody and changes nothing.

    python -m scripts.by_hand --domain example.net

Prints the steps in the dashboards, with the values that the first snapshot has, and what is left to do when Cloudflare
is gone altogether. From the store, else from the copy that ``switch_mx`` left, else from migration.toml. ``switch_mx``
leaves the same in ``night/DOMAIN.txt``: print that before the night. Exit: 0 printed, 1 there is no way back, 2 bad
input.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator

import dns.rdataclass
import dns.rdatatype
from dns.rdtypes.ANY.TXT import TXT

from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.cloudflare.api import Record, record
from fixtures.settings import SettingsError
from fixtures.store import StoreError
from scripts.lib.aws.power import require_way_back
from scripts.lib.change import BAD_INPUT, DONE, REFUSED, Job, Refused
from scripts.lib.cloudflare_gone import page
from scripts.lib.dns.rrset import STRING_MAX, seconds
from scripts.lib.dns.takeback import known, mx_at_first
from scripts.lib.dns.zone import is_spf
from scripts.lib.night_papers import open_at_night

MAIL_TYPES = ("MX", "TXT", "CNAME")
MX_NOTE = "Whoever takes it elsewhere replaces its MX records by EC2's, which stand above."


def paper(migration: Migration, domain: str, zone: str = "") -> str:
    """The steps, in order; what is left when Cloudflare is gone; and the whole zone, as a file.

    ZONE: as Cloudflare exports it now. Left out: as the first snapshot has it. ``Refused`` where there is no way back.
    """
    job = Job(migration, domain, argparse.Namespace())
    taken = known(job)
    zone = zone or taken.get("export", "")
    lines = [*_steps(job), "", *page(migration, domain), ""]
    if zone:
        lines += [f"; The whole zone of {domain}, as Cloudflare exports it (RFC 1035)."]
        lines += [f"; {MX_NOTE}", zone]
    elif taken:
        lines += [f"; Every MX, TXT and CNAME record of {domain} before the migration, as a zone file (RFC 1035)."]
        lines += [line(each) for each in map(record, taken["records"]) if each.type in MAIL_TYPES]
    return "\n".join(lines) + "\n"


def _steps(job: Job) -> Iterator[str]:
    settings, domain = job.migration.settings, job.domain
    progress = Progress.read(job.migration.store, settings)
    require_way_back(job, progress)
    mx, assumed = mx_at_first(job)
    once = [each for each in map(record, known(job).get("records", ())) if each.name == domain and is_spf(each)]
    yield f"The way of {domain} back to EC2 by hand. Nobody was asked how it stands now."
    if assumed:
        yield assumed
    yield ""
    if progress.stopped or assumed:
        maybe = "" if progress.stopped else "If it is stopped: "
        yield f"0. {maybe}AWS console ({settings.ec2.region}), EC2 > Instances > {settings.ec2.instance_id}: Start"
        yield f"    instance. Go on once port 25 answers: nc -vz {settings.ec2.ipv4} 25"
    yield f"1. Cloudflare dashboard > {domain} > DNS > Records: ADD first, and leave the others:"
    yield from (f"    {line(each)}" for each in mx)
    yield "    If that is refused (managed by Email Routing): Email > Email Routing > Settings, unlock the DNS records."
    yield "    Add new records, don't edit Cloudflare's: an edited one goes when Email Routing is disabled."
    yield "2. Then DELETE the MX records that name a server that ends in .mx.cloudflare.net."
    yield "3. Leave the SPF record, the rules, the destinations and Dell as they are. Don't disable Email Routing: it"
    yield "    would refuse what caches still lead there, and take the SPF record along. If no TXT record of"
    yield f"    {domain} begins with v=spf1" + (", add:" if once else ", there was none before either.")
    yield from (f"    {line(each)}" for each in once)
    yield "4. When the API is back, run this. It finishes what is left, and counts until caches have let go:"
    yield f"    python -m scripts.rollback --domain {domain}"


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
        migration = open_at_night(options.config)
        print(paper(migration, migration.settings.domain(options.domain).name), end="", flush=True)
    except (SettingsError, StoreError, Refused) as error:
        print(f"by_hand: {error}", file=sys.stderr)
        return REFUSED if isinstance(error, Refused) else BAD_INPUT
    except BrokenPipeError:  # of `by_hand | head`: what was wanted was read
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


if __name__ == "__main__":
    sys.exit(main())
