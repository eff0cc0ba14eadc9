"""The gateway in itself: which machine it is, and what it does besides."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.aws import other_jobs, rented
from fixtures.probes.aws.other_jobs import Job, SecondJobs
from fixtures.probes.aws.rented import Part, Rented


@when("its parts are read at AWS and in Terraform, beside the first snapshot", target_fixture="rented_parts")
def read_parts(migration: Migration) -> Rented:
    return rented.ask(migration, stopped=False)


@when("its parts are read once it is stopped", target_fixture="rented_parts")
def read_parts_stopped(migration: Migration) -> Rented:
    return rented.ask(migration, stopped=True)


@then("each is the one that was named")
def parts_match(expect: Expect, rented_parts: Rented) -> None:
    def judge(part: Part) -> Finding:
        expected = f"{part.expected} ({part.source})"
        if part.found is None:
            return unknown(part.name, part.expected, part.source, *part.evidence)
        if part.same:
            return passed(part.name, part.found, *part.evidence, expected=expected)
        hint = "Find out which is right before anything is stopped or deleted, and correct [ec2] in the settings"
        return failed(part.name, expected, part.found, *part.evidence, hint=hint)

    unread = [unknown("Amazon", "every kind read", each) for each in rented_parts.inventory.unread]
    expect("It is the gateway that was named", [*map(judge, rented_parts.parts), *unread])


@when(
    "it is asked what listens, runs from cron or a timer, runs in containers and renews certificates",
    target_fixture="jobs",
)
def ask_jobs(migration: Migration) -> SecondJobs:
    return other_jobs.ask(migration)


@then("there is nothing that the settings do not expect")
def nothing_else(expect: Expect, jobs: SecondJobs) -> None:
    def judge(job: Job) -> Finding:
        if job.expected:
            return passed(job.name, job.detail or "expected", jobs.evidence, expected=job.expected)
        expected = f"no {job.kind} beside those of [ec2.expected]"
        hint = f"Move it to another machine, or name it in ec2.expected.{job.setting} once it may go"
        return failed(job.name, expected, job.detail, jobs.evidence, hint=hint)

    blind = [unknown(kind, "a list", why, jobs.evidence) for kind, why in jobs.unread]
    expect("EC2 has no second job", [*map(judge, jobs.jobs), *blind])
