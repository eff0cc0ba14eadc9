"""What the trial looks for: of each fact what the suite takes for granted, and what another finding means.

A fact that has the name of a knob of the emulator can be rehearsed as it was found. ``UNSEEN`` are the knobs that
nobody can see from outside, with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass

OTHERWISE = "Cloudflare does otherwise than expected here"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is observed."""

    name: str
    what: str
    taken: str | tuple[str, ...]
    """What the suite takes for granted; as a tuple: the values that rehearsals know, first what it goes by until it is
    known."""

    @property
    def known(self) -> tuple[str, ...]:
        """The values that rehearsals know; empty: any (a number, a list)."""
        return self.taken if isinstance(self.taken, tuple) else ()

    @property
    def expected(self) -> str:
        """In words."""
        return self.taken if isinstance(self.taken, str) else " or ".join(self.taken)


BY_API: tuple[Fact, ...] = (
    Fact("apex_early", "are addresses at the apex taken while its MX is foreign", ("refused", "taken")),
    Fact("enabling", "enabling while a foreign MX stands on the name", ("refuses", "replaces")),
    Fact("subdomains", "a subdomain before the apex", ("free", "after_apex")),
    Fact("rules_while_off", "a rule that is made while Email Routing is off", ("accepted",)),
    Fact("settle_s", "seconds of 5xx after enabling", "0 to 60, at most bounds.window_s"),
    Fact("settling", "the same, by host and family", "all alike"),
    Fact("states", "the settings' states after enabling, and since when", "ready, synced within the window"),
    Fact("spf", "a foreign SPF record, on enabling", ("replaced", "kept")),
    Fact("lock_code", "writing MX where they are locked", ("890190", "1046")),
    Fact("unlocking", "whose records can be unlocked, so that the MX can be written", ("any", "apex")),
    Fact("dns_get", "the needed records come as", ("list", "object")),
    Fact("mx_names", "names of the MX hosts", ("route", "named")),
    Fact("routing_mx", "Email Routing's own MX in the list of records", ("listed", "hidden")),
    Fact("dns_seen_s", "seconds until every name server had what was written", "within 30"),
    Fact("offers", "the MX hosts offer PIPELINING and CHUNKING", ("both", "neither")),
    Fact("greeting", "how the MX hosts greet, and what else they offer", "STARTTLS, SIZE 26214400"),
    Fact("reverse_lookup", "a client whose address has no PTR that leads back", ("required", "ignored")),
    Fact("nobody", "mail to an address that no rule takes", ("refused", "discarded")),
    Fact("graphql_errors", "analytics show an error by", ("status", "body")),
    Fact("disabling", "switching off: the answer, and what goes", "settings; its own records and no other"),
    Fact("transients", "API requests that failed for no reason", "few"),
    Fact("limits", "the requests that are left by the API's answers, at first and in the end", "fewer by those made"),
)
BY_MAIL: tuple[Fact, ...] = (
    Fact("verification_from", "verification mail comes from", ("elsewhere", "prefix")),
    Fact("verification", "the verification mail: seconds, author, link", "a link at dash.cloudflare.com"),
    Fact("sources", "the addresses that mail comes from", "in cloudflare.prefixes"),
    Fact("names", "HELO and PTR of these", "below cloudflare-email.net"),
    Fact("transport", "TLS, and the family that is tried first", "TLS, IPv6 first"),
    Fact("envelope", "the envelope sender that mail arrives with", "SRS0= or cfbounces+ndrdrop@"),
    Fact("signatures", "DKIM signatures and ARC seals that are added", "cf2024-1"),
    Fact("fields", "header fields that are added, from the top", ""),
    Fact("unproven", "mail that passes neither SPF nor DKIM", ("refused", "forwarded")),
    Fact("too_large", "mail of more than 25 MiB", "552 at MAIL"),
    Fact("subaddressing", "user+detail@ with subaddressing off, and on", "refused, and taken"),
    Fact("upstream_4xx", "the destination answers 4xx at RCPT", ("passed", "retried")),
    Fact("upstream", "what becomes of mail that the destination refuses, drops, stalls, or doesn't hear", ""),
    Fact("bounces", "bounces of Cloudflare's own", "none: it is refused in session"),
    Fact("doubled", "messages answered 421 although they were taken", "none"),
    Fact("events_lag_s", "seconds until analytics show an event", "120 to 1020"),
    Fact("events_sample", "one event of so many is kept", "1"),
)
"""Those that need the trial's own mail server."""
BY_WORKER: tuple[Fact, ...] = (
    Fact("worker_throws", "a message whose Email Worker throws", ("deferred", "rejected")),
    Fact("worker_calls", "how often a Worker that throws is called", ""),
    Fact("worker_rejects", "a message that an Email Worker refuses", ("in session",)),
    Fact("worker_late", "a message with which an Email Worker takes too long", ("rejected", "deferred")),
    Fact("worker_reads", "a message of 20 MiB, read by an Email Worker", ("to its end", "ended")),
    Fact("worker_exceeds", "a message whose Email Worker takes too much CPU time", ("deferred", "rejected")),
)
"""Those that need a Worker of the trial's own besides; only where mail is to come by one."""
MEANS: Mapping[str, str] = {
    "apex_early=taken": 'NO WINDOW IS NEEDED: set cloudflare.enabling = "by_subdomain", and by_subdomain_shown to this '
    "trial: the MX then moves by DNS only, and nobody's mail bounces",
    "apex_early=refused": 'the order "by_subdomain" would wait a quarter of an hour and give up: keep "refuses", with '
    "its window",
    "enabling=refuses": 'the MX goes first, and enabling follows at once: cloudflare.enabling = "refuses"',
    "enabling=replaces": "enabling moves the MX by itself, and no order of a switch is made for that: ask first",
    "subdomains=after_apex": 'the order "by_subdomain" can\'t be had here; for the rest of the trial name a spare zone '
    "of the account as [trial] zone",
    "rules_while_off=conflict": "no rule can be made before the switch: enable Email Routing for any name below each "
    "domain first, in Cloudflare's dashboard. Its MX stays, prepare_cloudflare makes the rules, and switch_mx goes on",
    "spf=kept": "Cloudflare will report spf.foreign for good unless SPF was merged before: merge_spf goes first",
    "spf=replaced": "what is not merged before the switch is lost by it: merge_spf goes first, as it does",
    "unlocking=apex": 'the order "by_subdomain" leaves its subdomain\'s records: disable that in the dashboard then',
    "reverse_lookup=required": "whoever judges from an address without a PTR hears nothing: ask from another vantage",
    "nobody=discarded": "C-5 can't hold: nobody hears of a slip in an address. Waive it, with this as its reason",
    "verification_from=elsewhere": "prepare_cloudflare lets these hosts in by their names while people verify",
    "unproven=refused": "what I-10 lists is lost unless decided on",
    "unproven=forwarded": "C-6 can't hold: Dell sees mail that nobody vouches for",
    "upstream_4xx=passed": "senders keep the mail while Dell is down, and try again for days",
    "upstream_4xx=retried": "Cloudflare keeps the mail while Dell is down, only for so long: keep Dell's outages short",
    "worker_throws=deferred": "mail waits at its senders while Dell or the way to it is down",
    "worker_throws=rejected": "MAIL BOUNCES while Dell or the way to it is down: set route.bucket, where it then waits",
    "worker_late=rejected": "what takes the Worker longer than that bounces: 25 MiB want a fast line (lib/worker)",
    "worker_reads=ended": "LARGE MAIL BOUNCES, now or once its sender gives up: Workers' paid plan has more CPU time",
    "worker_exceeds=deferred": "what takes more CPU time than the plan has waits at its sender, and bounces in the end",
    "worker_exceeds=rejected": "what takes more CPU time than the plan has bounces at once",
}
"""What a value means for the switch."""
FACTS = BY_API + BY_MAIL + BY_WORKER
BY_NAME = {each.name: each for each in FACTS}
UNSEEN: Mapping[str, str] = {
    "duplicate_421": "a share: a few messages show only whether it is large (fact doubled)",
    "dns_lag_s": "each name server's lag is drawn: only what was met is known, not the most (fact dns_seen_s)",
    "batch_spread_s": "drawn too, and hidden in the same seconds (fact dns_seen_s)",
    "transient_errors": "a share: some hundred requests show only whether it is large (fact transients)",
    "events_width_s": "nothing of ours depends on it: whoever is refused asks in narrower steps",
    "events_older_s": "a trial has no mail so old; whoever is refused asks for what is younger, and counts from there",
    "rate_limit": "only who exceeds it meets it, and the account would be blocked for five minutes; documented: 1200",
    "worker_cpu_ms": "a Worker's clock stands still while it computes; documented: 10 ms in the free plan, 30 s in the "
    "paid one (facts worker_reads and worker_exceeds)",
    "worker_upload": "deploy_worker puts the rules again after an upload in any case: nothing of ours depends on it",
    "worker_subrequests": "only who makes so many requests to somebody meets it; documented: 50, and the Worker makes "
    "three at most",
}
