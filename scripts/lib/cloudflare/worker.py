"""The Email Worker at Cloudflare as writes: uploaded with its variables and the login's password, or deleted.

Nobody can read the password again. What was uploaded is remembered in the store, as a salted scrypt digest next to the
moment of the upload: so a password that has become another one is seen, and an upload by another hand as well.
"""

from collections.abc import Iterator
from functools import cache
from hashlib import scrypt, sha256
from typing import Any

from fixtures.evidence import CouldNotAsk
from fixtures.migration import Migration
from fixtures.plan import worker
from fixtures.probes.cloudflare import api as cloudflare, changing
from fixtures.probes.cloudflare.deployed import BUCKET, SECRET, VARIABLE, Deployed, ask
from fixtures.probes.smtp.session import Knock
from fixtures.probes.smtp.smtp_client import probe_all
from fixtures.settings.secrets import SecretMissing
from scripts.lib.change import Job, Refused, Write
from scripts.lib.cloudflare import buckets

EDIT = "Workers Scripts: Edit"
ABSENT = "absent"
UPLOADED = "worker uploaded"
"""The kind of the store's records of what was uploaded: ``worker``, ``modified``, ``password`` (its digest)."""
MODULE = "worker.js"


def deployed(job: Job) -> Iterator[Write]:
    """The Worker with its variables and the password of now, and before it its bucket. Raises ``SecretMissing``."""
    migration = job.migration
    password = migration.secrets.worker_password.get_secret_value()
    if not password:
        raise SecretMissing("MXGATE_WORKER_PASSWORD is not set: the Worker could not log in at Dell")
    bindings = [
        {"type": VARIABLE, "name": key, "text": text} for key, text in worker.bindings(migration.settings).items()
    ]
    kept = worker.buckets(migration.settings)
    bindings += [{"type": BUCKET, "name": key, "bucket_name": bucket} for key, bucket in kept.items()]
    metadata: Any = {
        "main_module": MODULE,
        "compatibility_date": worker.DATE,
        "bindings": [*bindings, {"type": SECRET, "name": worker.PASSWORD, "text": password}],
    }
    name, account = migration.settings.route.name, migration.settings.cloudflare.account_id

    def do() -> None:
        module = (MODULE, worker.source().encode(), "application/javascript+module")
        with cloudflare.asking(f"the Worker {name}", EDIT):
            scripts = changing.client(migration).workers.scripts
            scripts.update(name, account_id=account, metadata=metadata, files=[module])
        if now := ask(migration):
            about = {"worker": name, "modified": now.modified, "password": _digest(account, name, password)}
            migration.store.record(UPLOADED, **about)

    def read() -> str:
        return _text(migration, ask(migration))

    yield from buckets.made(job)
    now, wanted = read(), _wanted(migration)
    if now != wanted:
        yield Write("the Worker", name, now, wanted, do, read)


def led(migration: Migration) -> tuple[str, ...]:
    """The domains of which a rule or the catch-all leads to the Worker."""
    name = migration.settings.route.name
    routings = (cloudflare.routing(migration, domain) for domain in migration.settings.domain_names)
    rules = {each.zone.name: (*each.rules, each.catch_all) for each in routings}
    to_it = ("worker", (name,))
    return tuple(domain for domain, its in rules.items() if to_it in {(each.action, each.destinations) for each in its})


def removed(job: Job) -> Iterator[Write]:
    """The Worker deleted, to which nothing leads any more, and its bucket. ``Refused`` while mail waits in that."""
    migration = job.migration
    name, account = migration.settings.route.name, migration.settings.cloudflare.account_id

    def do() -> None:
        with cloudflare.asking(f"the Worker {name}", EDIT):
            changing.client(migration).workers.scripts.delete(name, account_id=account)

    now = _text(migration, ask(migration))
    if now != ABSENT:
        yield Write("the Worker", name, now, ABSENT, do, lambda: _text(migration, ask(migration)), danger="deletes")
    yield from buckets.removed(job)


def lacking(migration: Migration) -> str:
    """Why mail must not be led to the Worker yet: what is not deployed as it is in this repository; else empty."""
    found, wanted = ask(migration), _as_planned(migration)
    if found is not None and _shape(found) == wanted and worker.PASSWORD in found.secrets:
        return ""
    what = ABSENT if found is None else f"other than it is here ({_shape(found)})"
    return f"the Worker {migration.settings.route.name} is {what}: first python -m scripts.deploy_worker"


def require_listening(job: Job) -> None:
    """``Refused`` where Dell takes no mail with the login at the place that the Worker will go to, asked from here."""
    migration = job.migration
    route, password = migration.settings.route, migration.secrets.worker_password.get_secret_value()
    someone = next(migration.settings.addresses()).address
    knock = Knock(
        route.host, route.port, wrapped=True, tls_name=route.host, login=(route.login, password), rcpt=(someone,)
    )
    (heard,) = probe_all([knock])
    if heard.unheard:
        raise CouldNotAsk(f"{route.host} port {route.port}: {heard.text}. The Worker would find nobody there either")
    if not heard.outcome.accepted:
        raise Refused(
            f"{route.host} port {route.port}: expected that Dell takes a message for {someone} from {route.login}; "
            f"heard {heard.outcome}. Nothing was uploaded: first python -m scripts.prepare_dell, a certificate for "
            f"{route.host}, and the login in Dovecot"
        )


def _wanted(migration: Migration) -> str:
    return f"{_as_planned(migration)}, {worker.PASSWORD} as it is here"


def _as_planned(migration: Migration) -> str:
    digest = sha256(worker.source().encode()).hexdigest()
    settings = migration.settings
    return _shown(digest, worker.DATE, worker.bindings(settings) | worker.buckets(settings))


def _shape(it: Deployed) -> str:
    return _shown(it.digest, it.date, {**it.bindings, **it.buckets}) + "".join(
        f", {name}" for name in sorted(it.others)
    )


def _shown(digest: str, date: str, bindings: Any) -> str:
    return ", ".join(
        [f"code {digest[:16]}", f"runtime of {date}", *(f"{key} {bindings[key]}" for key in sorted(bindings))]
    )


def _text(migration: Migration, it: Deployed | None) -> str:
    if it is None:
        return ABSENT
    if worker.PASSWORD not in it.secrets:
        return f"{_shape(it)}, no {worker.PASSWORD}"
    account, password = migration.settings.cloudflare.account_id, migration.secrets.worker_password.get_secret_value()
    last = migration.store.last(UPLOADED, worker=it.name) or {}
    same = last.get("modified") == it.modified and last.get("password") == _digest(account, it.name, password)
    return f"{_shape(it)}, {worker.PASSWORD} {'as it is here' if same else 'of which nobody knows'}"


@cache
def _digest(account: str, name: str, password: str) -> str:
    """A password by its digest; 16 MiB and some 50 ms a guess."""
    return scrypt(password.encode(), salt=f"{account}/{name}".encode(), n=2**14, r=8, p=1, dklen=16).hex()
