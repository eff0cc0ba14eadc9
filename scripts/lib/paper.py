"""The paper for the night of a switch: the way back by hand, and what is left when Cloudflare is gone altogether.

From the store, else from the copy that ``switch_mx`` left, else from ``migration.toml``; nobody is asked. Cloudflare's
DNS, dashboard and API were all down together on 18 November 2025 (blog.cloudflare.com, "Cloudflare outage on November
18, 2025").
"""

from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dns.rdataclass
import dns.rdatatype
from dns.rdtypes.ANY.TXT import TXT

from fixtures.language import N_, tr
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Record
from fixtures.settings.rented import Ec2
from fixtures.store import StoreError
from scripts.lib.aws.power import require_way_back, was_stopped
from scripts.lib.change import Job, NoWayBack
from scripts.lib.dns.records import STRING_MAX
from scripts.lib.dns.takeback import known, known_spf, mx_at_first
from scripts.lib.night_papers import copy, first_snapshot, ours_only

MAIL_TYPES = ("MX", "TXT", "CNAME")
MX_NOTE = "Whoever takes it elsewhere replaces its MX records by EC2's, which stand above."
OLD_NOTE = (
    "It is the first snapshot's. Whoever takes it elsewhere replaces its MX and SPF records by those that stand above."
)
LIFETIME = "maximal_queue_lifetime"
_STARTING = N_("""\
0. {place}: Start
    {what}. Go on once port 25 answers: nc -vz {address} 25
    (where port 25 is shut for you, it never answers: go on once the console says Running)""")
_PERHAPS_STARTING = N_("""\
0. If it is stopped: {place}: Start
    {what}. Go on once port 25 answers: nc -vz {address} 25
    (where port 25 is shut for you, it never answers: go on once the console says Running)
    If it is gone, has another address than {address}, or retire_ec2_access was run: there is no way back.""")
_ADDING = N_("""\
    If that is refused (managed by Email Routing): Email > Email Routing > Settings, unlock the DNS records.
    Add new records, don't edit Cloudflare's: an edited one goes when Email Routing is disabled.""")
_LEADING = N_("""\
    They lead to EC2 only while its name does: dig +short A {name} says {address}. If it says anything
    else, put {name} A {address} back where that name's zone lies, without Cloudflare's proxy.""")
_DELETING = N_("2. Then DELETE the MX records that name a server that ends in .mx.cloudflare.net.")
_LEAVING = N_("""\
3. Leave the SPF record, the rules, the destinations and Dell as they are. Don't disable Email Routing: it
    would refuse what caches still lead there, and take the SPF record along. If no TXT record of
    {domain} begins with v=spf1{then}""")
_SPF_ONCE, _NO_SPF = N_(", add:"), N_(", there was none before either.")
_UNKNOWN_SPF = N_(", add one for whoever sends your mail (no snapshot).")
_ENDING = N_("""\
4. When the API is back, run this. It finishes what is left, and counts until caches have let go:
    python -m scripts.rollback --domain {domain}""")
_GONE = N_("CLOUDFLARE IS GONE: its name servers, its dashboard and its API. What is left for {domain}:")
_WAITING = N_("""\
First wait. Nothing is lost for hours, and moving a zone away takes hours to days:
    senders' queues: senders try for four to five days (RFC 5321, 4.5.4.1), some give up after one; their
        users hear of a delay after some four hours. Where no MX can be found, mail waits there
    EC2: {ec2}, of what it has taken and Dell does not take
    Dell: {dell}, of what it has taken and can't file or send on
    Cloudflare: nobody documents that it keeps anything
Answers that are in caches hold for the TTL, 300 s as a rule. Mail from Dell goes on, but its
receivers can't look up SPF and DKIM meanwhile: most of them defer it.""")
_MOVING = N_("""\
If it lasts longer than a day:
1. At the registrar of {domain} ({whois}):
    if the domain has a DS record there, remove that first, and wait for its TTL (a day as a rule): without
    Cloudflare's keys nobody would believe another server's answers.""")
_COPY_BELOW = N_("""\
2. At a second DNS provider, best with an account that was made before: import the zone below, with EC2's MX
    in place of Cloudflare's: {name}, whose address is {address}. If that name lies
    in a zone that is at Cloudflare too, import that one as well.""")
_NO_COPY = N_("""\
2. At a second DNS provider, best with an account that was made before: import your own
    export of {domain}. THERE IS NO COPY OF THE ZONE here, since no snapshot was taken: while
    Cloudflare answers, export it (dashboard > DNS > Records > Import and Export), and keep that file
    with this paper. Without one write again what you know of it: websites, SPF, DKIM, DMARC. Either
    with EC2's MX in place of Cloudflare's:
{mx}
    {name} has the address {address}. If that name lies in a zone that is at Cloudflare
    too, that zone is needed as well.""")
_CLOSED = N_("""\
NO WAY LEADS BACK TO EC2: {why}
Throw away what was printed before. How it stands now: python -m scripts.by_hand --domain {domain}""")
_CLOSED_LINES = 2
"""A paper with a way back has dozens."""
_MOVED = N_("""\
3. At the registrar: the second provider's name servers in place of Cloudflare's. Caches hold the old ones
    for as long as the parent zone says (two days for .com and .net).
4. When Cloudflare is back, decide where the zone stays before any change is made at one of the two.""")


def leave(migration: Migration, domain: str) -> Path:
    """The paper of DOMAIN, with its zone as it is exported now, and a copy of the store. Returns the paper.

    Raises ``CouldNotAsk``, ``StoreError``, or ``NoWayBack`` where there is none.
    """
    text = paper(replace(migration, aged=True), domain, cloudflare.exported(migration, domain))
    made = migration.night / f"{domain}.txt"
    try:
        with ours_only():
            made.parent.mkdir(exist_ok=True)
            copy(migration.store, made.parent)
            made.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"{made}: can't be written: {error}. Let this user write into the folder of migration.toml"
        ) from None
    return made


@contextmanager
def renewed(job: Job) -> Iterator[None]:
    """Around what changes how a way back goes: whatever came of it, what ``switch_mx`` has left here is then of today.

    A paper by which no way leads back any more says only that, until ``prepare_dell`` has opened it again.
    """
    try:
        yield
    finally:
        night = job.migration.night
        try:
            if night.exists():
                _renew(job)
        except (OSError, StoreError) as error:
            job.say(N_(f"WHAT LIES IN {night} IS OF BEFORE, and could not be renewed: {error}. Go by none of it"))


def _renew(job: Job) -> None:
    migration = job.migration
    with ours_only():
        copy(migration.store, migration.night)
    closed = ""
    try:
        require_way_back(job, Progress.read(migration.store, migration.settings))
    except NoWayBack as why:
        closed = tr(str(why))
    for domain in migration.settings.domain_names:
        there = migration.night / f"{domain}.txt"
        if there.exists() and closed:
            there.write_text(tr(_CLOSED, domain=domain, why=closed) + "\n", encoding="utf-8")
        elif there.exists() and len(there.read_text(encoding="utf-8").splitlines()) <= _CLOSED_LINES:
            there.write_text(paper(replace(migration, aged=True), domain), encoding="utf-8")


def paper(migration: Migration, domain: str, zone: str = "") -> str:
    """The steps, in order; what is left when Cloudflare is gone; and the whole zone, as a file.

    ZONE: as Cloudflare exports it now. Left out: as the first snapshot has it. ``NoWayBack`` where there is none.
    """
    job = Job(migration, domain, Namespace())
    taken = known(job)
    note, zone = (MX_NOTE, zone) if zone else (OLD_NOTE, taken.get("export", ""))
    lines = [*_steps(job), "", *_cloudflare_gone(job, below=bool(zone or taken)), ""]
    if zone:
        lines += [f"; The whole zone of {domain}, as Cloudflare exports it (RFC 1035)."]
        lines += [f"; {note}", zone]
    elif taken:
        lines += [f"; Every MX, TXT and CNAME record of {domain} before the migration, as a zone file (RFC 1035)."]
        lines += [line(each) for each in taken["records"] if each.type in MAIL_TYPES]
    return "\n".join(lines) + "\n"


def _steps(job: Job) -> Iterator[str]:
    settings, domain = job.migration.settings, job.domain
    progress = Progress.read(job.migration.store, settings)
    require_way_back(job, progress)
    mx, assumed = mx_at_first(job)
    once = known_spf(job)
    yield tr("The way of {domain} back to EC2 by hand. Nobody was asked how it stands now.", domain=domain)
    if assumed:
        yield tr(assumed)
    yield ""
    stopped = was_stopped(job, progress)
    if stopped or assumed or job.migration.aged:
        yield _start(settings.ec2, sure=stopped)
    yield tr("1. Cloudflare dashboard > {domain} > DNS > Records: ADD first, and leave the others:", domain=domain)
    yield _mx_lines(mx)
    yield tr(_ADDING)
    yield tr(_LEADING, name=settings.ec2.name, address=settings.ec2.ipv4)
    yield tr(_DELETING)
    without = _NO_SPF if known(job) else _UNKNOWN_SPF
    yield tr(_LEAVING, domain=domain, then=tr(_SPF_ONCE if once else without))
    yield from (f"    {line(each)}" for each in once)
    yield tr(_ENDING, domain=domain)


def _start(it: Ec2, *, sure: bool) -> str:
    place = it.provider
    if it.at_aws:
        about = {"region": it.region, "instance": it.instance_id}
        place = tr("AWS console ({region}), EC2 > Instances > {instance}", **about)
    start = {"place": place, "what": "instance" if it.at_aws else it.name, "address": it.ipv4}
    return tr(_STARTING if sure else _PERHAPS_STARTING, **start)


def _mx_lines(records: Iterable[Record]) -> str:
    return "\n".join(f"    {line(each)}" for each in sorted(records, key=lambda each: each.priority or 0))


def line(each: Record) -> str:
    """The record as a line of a zone file. An automatic TTL is written as the seconds that it means."""
    if each.type == "TXT":
        octets = each.text.encode()
        parts = [octets[at : at + STRING_MAX] for at in range(0, len(octets), STRING_MAX)] or [b""]
        data = TXT(dns.rdataclass.IN, dns.rdatatype.TXT, parts).to_text()
    else:
        data = f"{each.text}." if each.priority is None else f"{each.priority} {each.text}."
    return f"{each.name}. {each.kept_s} IN {each.type} {data}"


def _cloudflare_gone(job: Job, *, below: bool) -> Iterator[str]:
    """What can still be done, and whose queue holds what for how long. Only from settings and snapshot.

    BELOW: whether a copy of the zone stands there.
    """
    migration, domain, its = job.migration, job.domain, job.migration.settings.ec2
    contacts = ", ".join(migration.settings.contacts.registrar)
    held = {host: _lifetime(migration, host) for host in ("ec2", "dell")}
    whois = f"whois {domain}"
    if contacts:
        whois = tr("{whois}; it writes to {contacts}", whois=whois, contacts=contacts)
    yield tr(_GONE, domain=domain)
    yield ""
    yield tr(_WAITING, **held)
    yield ""
    yield tr(_MOVING, domain=domain, whois=whois)
    if below:
        yield tr(_COPY_BELOW, name=its.name, address=its.ipv4)
    else:
        mx = _mx_lines(mx_at_first(job)[0])
        yield tr(_NO_COPY, domain=domain, mx=mx, name=its.name, address=its.ipv4)
    yield tr(_MOVED)


def _lifetime(migration: Migration, host: str) -> str:
    text = str(first_snapshot(migration)[0].get(host, {}).get("postconf", ""))
    found = next((each.partition("=")[2].strip() for each in text.splitlines() if each.startswith(LIFETIME)), "")
    if found:
        return tr("{time} ({parameter} when the snapshot was taken)", time=found, parameter=LIFETIME)
    return tr("5d by Postfix's default ({parameter})", parameter=LIFETIME)
