"""The bucket of R2 in which mail waits, as writes: made where it is missing; deleted when no mail waits in it."""

from collections.abc import Iterator

from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare, bucket, changing
from scripts.lib.change import Job, Refused, Write

EDIT = "Workers R2 Storage: Edit"
PRESENT, ABSENT = "present", "absent"


def made(job: Job) -> Iterator[Write]:
    """At most one write. Nothing where the settings name no bucket."""
    if (name := job.migration.settings.route.bucket) and _state(job) == ABSENT:

        def do() -> None:
            with cloudflare.asking(f"the bucket {name}", EDIT):
                changing.client(job.migration).r2.buckets.create(account_id=_account(job), name=name)

        yield Write("R2", f"the bucket {name}", ABSENT, PRESENT, do, lambda: _state(job))


def require_fetched(migration: Migration) -> None:
    """``Refused`` while mail waits in a bucket that was the Worker's and is not the settings': nobody fetches it."""
    for each in bucket.former(migration):
        if each.mail:
            raise Refused(
                f"{len(each.mail)} messages wait in the bucket {each.name}, which the settings no longer name: nobody "
                f'would fetch them. Set route.bucket = "{each.name}" again, and run prepare_dell; once they are '
                "fetched, change it"
            )


def removed(job: Job) -> Iterator[Write]:
    """At most one write. ``Refused`` while mail waits in it, or in one before it: nobody else has that."""
    require_fetched(job.migration)
    name = job.migration.settings.route.bucket
    if not name or _state(job) == ABSENT:
        return
    if mail := bucket.ask(job.migration).mail:
        raise Refused(
            f"the bucket {name} stays: {len(mail)} messages wait in it. Dell fetches them each minute "
            "(journalctl -u mxgate-fetch says why not); then again"
        )

    def do() -> None:
        client, account = changing.client(job.migration), _account(job)
        with cloudflare.asking(f"the bucket {name}", EDIT):
            # Only an empty one is deleted: mail that has come since stays, and is named at the next run.
            for each in bucket.ask(job.migration).marks:
                client.r2.buckets.objects.delete(each.key, account_id=account, bucket_name=name)
            client.r2.buckets.delete(name, account_id=account)

    yield Write("R2", f"the bucket {name}", PRESENT, ABSENT, do, lambda: _state(job), danger="deletes")


def _state(job: Job) -> str:
    return PRESENT if bucket.is_there(job.migration) else ABSENT


def _account(job: Job) -> str:
    return job.migration.settings.cloudflare.account_id
