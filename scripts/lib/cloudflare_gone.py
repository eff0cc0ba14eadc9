"""The page for the night in which Cloudflare is gone: its DNS, its dashboard and its API together.

That happened: on 18 November 2025 the dashboard and the API were down with the rest (blog.cloudflare.com,
"Cloudflare outage on November 18, 2025").
"""

from __future__ import annotations

from collections.abc import Iterator

from fixtures.migration import Migration
from scripts.lib.night_papers import first_snapshot

LIFETIME = "maximal_queue_lifetime"


def page(migration: Migration, domain: str) -> Iterator[str]:
    """What can still be done, and whose queue holds what for how long. From settings and snapshot alone."""
    settings, contacts = migration.settings, ", ".join(migration.settings.contacts.registrar)
    yield f"CLOUDFLARE IS GONE: its name servers, its dashboard and its API. What is left for {domain}:"
    yield ""
    yield "First wait. Nothing is lost for hours, and moving a zone away takes hours to days:"
    yield "    senders' queues: senders try for four to five days (RFC 5321, 4.5.4.1), some give up after one, and tell"
    yield "        their users of a delay after some four hours. Where no MX can be found, mail waits there"
    yield f"    EC2: {_lifetime(migration, 'ec2')}, of what it has taken and Dell does not take"
    yield f"    Dell: {_lifetime(migration, 'dell')}, of what it has taken and can't file or send on"
    yield "    Cloudflare: nobody documents that it keeps anything"
    yield "Answers that are in caches hold for the TTL, 300 s as a rule. Mail from Dell by SendGrid goes on, but its"
    yield "receivers can't look up SPF and DKIM meanwhile: most of them defer it."
    yield ""
    yield "If it lasts longer than a day:"
    yield f"1. At the registrar of {domain} (whois {domain}" + (f"; it writes to {contacts}" if contacts else "") + "):"
    yield "    if the domain has a DS record there, remove that first, and wait for its TTL (a day as a rule): without"
    yield "    Cloudflare's keys nobody would believe another server's answers."
    yield "2. At a second DNS provider, best with an account that was made before: import the zone below, with EC2's MX"
    yield f"    in place of Cloudflare's: {settings.ec2.name}, whose address is {settings.ec2.ipv4}. If that name lies"
    yield "    in a zone that is at Cloudflare too, import that one as well."
    yield "3. At the registrar: the second provider's name servers in place of Cloudflare's. Caches hold the old ones"
    yield "    for as long as the parent zone says (two days for .com and .net)."
    yield "4. When Cloudflare is back, decide where the zone stays before any change is made at one of the two."


def _lifetime(migration: Migration, host: str) -> str:
    told = str(first_snapshot(migration).get(host, {}).get("postconf", ""))
    found = next((each.partition("=")[2].strip() for each in told.splitlines() if each.startswith(LIFETIME)), "")
    return (
        f"{found} ({LIFETIME} when the snapshot was taken)" if found else "5d by Postfix's default (" + LIFETIME + ")"
    )
