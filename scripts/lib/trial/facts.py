"""What the trial looks for: of each fact what the suite takes for granted, and what another finding means.

A fact that has a knob in the emulator can be rehearsed as it was found. ``UNSEEN`` are the knobs that nobody can see
from outside, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OTHERWISE = "Cloudflare does otherwise than expected here"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is observed."""

    name: str
    what: str
    taken: str
    """What the suite takes for granted, or goes by until it is known."""
    known: tuple[Any, ...] = ()
    """The values that rehearsals know; empty: any (a number, a list)."""
    knob: str = ""
    means: Mapping[Any, str] = field(default_factory=dict)
    """What a value means for the switch."""
    needs: str = "api"
    """``mail``: the trial's own mail server."""


FACTS: tuple[Fact, ...] = (
    Fact(
        "apex_early",
        "are addresses at the apex taken while its MX is foreign",
        "refused",
        ("refused", "taken"),
        "apex_early",
        {
            "taken": 'NO WINDOW IS NEEDED: set cloudflare.enabling = "by_subdomain", and by_subdomain_shown to this '
            "trial: the MX then moves by DNS only, and nobody's mail bounces",
            "refused": 'the order "by_subdomain" would wait a quarter of an hour and give up: keep "refuses", with its '
            "window",
        },
    ),
    Fact(
        "enabling",
        "enabling while a foreign MX stands on the name",
        "refuses",
        ("refuses", "replaces"),
        "enabling",
        {
            "refuses": 'the MX goes first, and enabling follows at once: cloudflare.enabling = "refuses"',
            "replaces": "enabling moves the MX by itself, and no order of a switch is made for that: ask first",
        },
    ),
    Fact(
        "subdomains",
        "a subdomain before the apex",
        "free",
        ("free", "after_apex"),
        "subdomains",
        {
            "after_apex": 'the order "by_subdomain" can\'t be had here; for the rest of the trial name a spare zone of '
            "the account as [trial] zone",
        },
    ),
    Fact("settle_s", "seconds of 5xx after enabling", "0 to 60, at most bounds.window_s", (), "settle_s", {}),
    Fact("settling", "the same, by host and family", "all alike"),
    Fact("states", "the settings' states after enabling, and since when", "ready, synced within the window"),
    Fact(
        "spf",
        "a foreign SPF record, on enabling",
        "replaced",
        ("replaced", "kept"),
        "spf",
        {
            "kept": "Cloudflare will report spf.foreign for good unless SPF was merged before: merge_spf goes first",
            "replaced": "what is not merged before the switch is lost by it: merge_spf goes first, as it does",
        },
    ),
    Fact("lock_code", "writing MX where they are locked", "890190", ("890190", "1046"), "lock_code"),
    Fact("unlocking", "unlocking, and writing then", "200, and the MX can be written"),
    Fact("dns_get", "the needed records come as", "list", ("list", "object"), "dns_get"),
    Fact("mx_names", "names of the MX hosts", "route", ("route", "named"), "mx_names"),
    Fact("routing_mx", "Email Routing's own MX in the list of records", "listed", ("listed", "hidden"), "routing_mx"),
    Fact("dns_seen_s", "seconds until every name server had what was written", "within 30"),
    Fact("offers", "the MX hosts offer PIPELINING and CHUNKING", "both", ("both", "neither"), "offers"),
    Fact("greeting", "how the MX hosts greet, and what else they offer", "STARTTLS, SIZE 26214400"),
    Fact(
        "reverse_lookup",
        "a client whose address has no PTR that leads back",
        "required",
        ("required", "ignored"),
        "reverse_lookup",
        {"required": "whoever judges from an address without a PTR hears nothing: ask from another vantage"},
    ),
    Fact(
        "nobody",
        "mail to an address that no rule takes",
        "refused",
        ("refused", "discarded"),
        "nobody",
        {
            "discarded": "C-5 can't hold: nobody hears of a slip in an address. Waive it, with this as its reason",
        },
    ),
    Fact(
        "verification_from",
        "verification mail comes from",
        "elsewhere",
        ("elsewhere", "prefix"),
        "verification_from",
        {"elsewhere": "prepare_cloudflare lets these hosts in by their names while people verify, as it does"},
        needs="mail",
    ),
    Fact("verification", "the verification mail: seconds, author, link", "a link at dash.cloudflare.com", needs="mail"),
    Fact("sources", "the addresses that mail comes from", "in cloudflare.prefixes", needs="mail"),
    Fact("names", "HELO and PTR of these", "below cloudflare-email.net", needs="mail"),
    Fact("transport", "TLS, and the family that is tried first", "TLS, IPv6 first", needs="mail"),
    Fact("envelope", "the envelope sender that mail arrives with", "SRS0= or cfbounces+ndrdrop@", needs="mail"),
    Fact("signatures", "DKIM signatures and ARC seals that are added", "cf2024-1", needs="mail"),
    Fact("fields", "header fields that are added, from the top", "", needs="mail"),
    Fact(
        "unproven",
        "mail that passes neither SPF nor DKIM",
        "refused",
        ("refused", "forwarded"),
        "unproven",
        {
            "refused": "what I-10 lists is lost unless decided on",
            "forwarded": "C-6 can't hold: Dell sees mail that nobody vouches for",
        },
        needs="mail",
    ),
    Fact("too_large", "mail of more than 25 MiB", "552 at MAIL", needs="mail"),
    Fact("subaddressing", "user+detail@ with subaddressing off, and on", "refused, and taken", needs="mail"),
    Fact(
        "upstream_4xx",
        "the destination answers 4xx at RCPT",
        "passed",
        ("passed", "retried"),
        "upstream_4xx",
        {
            "passed": "senders keep the mail while Dell is down, and try again for days",
            "retried": "Cloudflare keeps the mail while Dell is down, and only for so long: keep Dell's outages short",
        },
        needs="mail",
    ),
    Fact(
        "upstream",
        "what becomes of mail that the destination refuses, drops, stalls, or doesn't hear",
        "",
        needs="mail",
    ),
    Fact("bounces", "bounces of Cloudflare's own", "none: it is refused in session", needs="mail"),
    Fact("doubled", "messages answered 421 although they were taken", "none", needs="mail"),
    Fact("events_lag_s", "seconds until analytics show an event", "120 to 1020", (), "events_lag_s", needs="mail"),
    Fact("events_sample", "one event of so many is kept", "1", (), "events_sample", {}, needs="mail"),
    Fact("graphql_errors", "analytics show an error by", "status", ("status", "body"), "graphql_errors"),
    Fact("disabling", "switching off: the answer, and what goes", "settings; its own records and no other"),
    Fact("transients", "API requests that failed for no reason", "few"),
)
BY_NAME = {each.name: each for each in FACTS}
UNSEEN: Mapping[str, str] = {
    "duplicate_421": "a share: a few messages show only whether it is large (fact doubled)",
    "dns_lag_s": "each name server's lag is drawn: only what was met is known, not the most (fact dns_seen_s)",
    "batch_spread_s": "drawn too, and hidden in the same seconds (fact dns_seen_s)",
    "transient_errors": "a share: some hundred requests show only whether it is large (fact transients)",
    "rate_limit": "only who exceeds it meets it, and the account would be blocked for five minutes; documented: 1200",
}
