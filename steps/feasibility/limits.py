"""Email Routing's limits."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.evidence import CouldNotAsk, Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.cloudflare import limits
from fixtures.probes.cloudflare.limits import Limits, Use

LOGS = "Let the logs of EC2 and Dell be read, and keep them for 30 days"


@when("what they need is counted, and the mail of the last 30 days with it", target_fixture="needs")
def count(migration: Migration, subjects: tuple[str, ...]) -> Limits:
    return limits.ask(migration, subjects)


@then("each number is within Cloudflare's limit, and what is left is stated")
def numbers_fit(expect: Expect, needs: Limits) -> None:
    expect("The numbers fit", (_judge(each, "Drop addresses, or split them over accounts") for each in needs.uses))


@then("the largest message was within the limit")
def sizes_fit(expect: Expect, needs: Limits) -> None:
    size = limits.limit("size")
    if isinstance(needs.traffic, CouldNotAsk):
        finding = unknown("the largest message", f"at most {size.most} {size.unit}", needs.traffic, hint=LOGS)
    elif needs.traffic.largest is None:
        expected = "mail of the last 30 days"
        finding = unknown("the largest message", expected, "none in the logs", *needs.traffic.evidence, hint=LOGS)
    else:
        finding = _judge(needs.traffic.largest, "Cloudflare refuses such mail: its sender needs another way (I-10)")
    over = () if isinstance(needs.traffic, CouldNotAsk) else needs.traffic.decided
    known = [passed(each, "over the limit, and decided on in the settings") for each in over]
    expect("Messages are not too large", [finding, *known])


@then("the busiest day is stated, beside what is documented of a limit by day")
def peak_stated(expect: Expect, needs: Limits) -> None:
    traffic, expected = needs.traffic, "the number of messages on the busiest day"
    if isinstance(traffic, CouldNotAsk):
        finding = unknown("the busiest day", expected, traffic, hint=LOGS)
    elif not traffic.peak:
        finding = unknown("the busiest day", expected, "no mail in the logs", *traffic.evidence, hint=LOGS)
    else:
        found = f"{traffic.peak} messages on {traffic.peak_day}, of {traffic.days:.0f} days of logs; {traffic.says}"
        finding = passed("the busiest day", found, *traffic.evidence, expected=expected)
    expect("The daily peak beside the documentation", [finding])


def _judge(use: Use, hint: str) -> Finding:
    expected = f"at most {use.limit.most} {use.limit.unit} ({use.limit.source}, read {use.limit.read})"
    found = f"{use.used}: {use.what}; {use.headroom}"
    if use.fits:
        return passed(use.member, found, use.evidence, expected=expected, domain=use.domain)
    return failed(use.member, expected, found, use.evidence, domain=use.domain, hint=hint)
