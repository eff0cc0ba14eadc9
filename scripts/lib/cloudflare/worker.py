"""The Email Worker at Cloudflare as writes: uploaded with its variables and the login's password, or deleted.

Nobody can read the password again. What was uploaded is remembered in the store, as a salted scrypt digest next to the
moment of the upload: so a password that has become another one is seen, and an upload by another hand as well.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from hashlib import scrypt, sha256
from typing import Any

from fixtures.evidence import CouldNotAsk
from fixtures.migration import Migration, trials
from fixtures.plan import worker
from fixtures.probes.cloudflare import api as cloudflare, changing
from fixtures.probes.cloudflare.email_worker import BUCKET, SECRET, UPLOADED, VARIABLE, Deployed, ask
from fixtures.probes.smtp import clients
from fixtures.probes.smtp.smtp_client import probe_all
from fixtures.settings.secrets import SecretMissing
from scripts.lib.change import Job, Refused, Write
from scripts.lib.cloudflare import buckets, rules

EDIT = "Workers Scripts: Edit"
ABSENT = "absent"
MODULE = "worker.js"


def deployed(job: Job) -> Iterator[Write]:
    """The Worker with its variables and the password of now, and before it its bucket. Raises ``SecretMissing``;
    ``Refused`` while mail waits in a bucket that it had before.

    Rules that lead to it are put again after an upload, which has switched some off, and left others without effect.
    """
    migration = job.migration
    buckets.require_fetched(migration)
    hidden = _hidden(migration)
    named = worker.secrets(migration.settings)
    if lacking := [f"MXGATE_{named[key].upper()}" for key, text in hidden.items() if not text]:
        raise SecretMissing(f"{' and '.join(lacking)}: not set, and the Worker could not get to Dell")
    bindings = [
        {"type": VARIABLE, "name": key, "text": text} for key, text in worker.bindings(migration.settings).items()
    ]
    kept = worker.buckets(migration.settings)
    bindings += [{"type": BUCKET, "name": key, "bucket_name": bucket} for key, bucket in kept.items()]
    metadata: Any = {
        "main_module": MODULE,
        "compatibility_date": worker.DATE,
        "bindings": [*bindings, *({"type": SECRET, "name": key, "text": text} for key, text in hidden.items())],
    }
    name, account = migration.settings.route.name, migration.settings.cloudflare.account_id

    def do() -> None:
        module = (MODULE, worker.source().encode(), "application/javascript+module")
        with _putting_again(job, _leading(migration)), cloudflare.asking(f"the Worker {name}", EDIT):
            _remember(migration)
            scripts = changing.client(migration).workers.scripts
            scripts.update(name, account_id=account, metadata=metadata, files=[module])
        if now := ask(migration):  # last: a run that ends before this uploads again, and puts the rules again
            about = {"worker": name, "modified": now.modified, "password": _digest(account, name, hidden)}
            migration.store.record(UPLOADED, **about, buckets=sorted(kept.values()))

    def read() -> str:
        return _text(migration, ask(migration))

    yield from buckets.made(job)
    now, wanted = read(), _wanted(migration)
    leading = _leading(migration)
    if now != wanted:
        danger = f"mail of {', '.join(leading)} may bounce until its rules are put again" if leading else ""
        yield Write("the Worker", name, now, wanted, do, read, danger=danger)
    for domain, its in leading.items():
        if not all(each.address for each in its):  # the catch-all leads there: it may be off since another's upload
            yield from rules.catch_all(replace(job, domain=domain))


@contextmanager
def _putting_again(job: Job, leading: Mapping[str, list[cloudflare.Rule]]) -> Iterator[None]:
    """Around an upload: in the end LEADING, by domain, stand as before it, also where its answer was lost.

    ``Refused``, with what else had gone wrong, names the domains of which some may not.
    """
    why, lost = "", []
    try:
        yield
    except BaseException as error:
        why = f"{error}\n" if str(error) else ""
        raise
    finally:
        for domain, its in leading.items():
            try:
                rules.put_again(replace(job, domain=domain), its)
            except (CouldNotAsk, Refused) as fault:
                lost.append(f"MAIL OF {domain} MAY BOUNCE, since what leads it to the Worker may be off: {fault}")
        if lost:
            raise Refused("\n".join((f"{why}{lost[0]}", *lost[1:], "Run this again, at once"))) from None


def led(migration: Migration) -> tuple[str, ...]:
    """The domains of which a rule or the catch-all leads to the Worker."""
    return tuple(_leading(migration))


def _leading(migration: Migration) -> dict[str, list[cloudflare.Rule]]:
    """By domain the rules, and the catch-all, that lead to the Worker."""
    to_it = ("worker", (migration.settings.route.name,))
    routings = (cloudflare.routing(migration, domain) for domain in migration.settings.domain_names)
    found = {
        each.zone.name: [rule for rule in (*each.rules, each.catch_all) if (rule.action, rule.destinations) == to_it]
        for each in routings
    }
    return {domain: its for domain, its in found.items() if its}


def removed(job: Job) -> Iterator[Write]:
    """The Worker deleted, to which nothing leads any more, and its bucket. ``Refused`` while mail waits in that."""
    migration = job.migration
    name, account = migration.settings.route.name, migration.settings.cloudflare.account_id

    def do() -> None:
        with cloudflare.asking(f"the Worker {name}", EDIT):
            _remember(migration)
            changing.client(migration).workers.scripts.delete(name, account_id=account)

    now = _text(migration, ask(migration))
    if now != ABSENT:
        yield Write("the Worker", name, now, ABSENT, do, lambda: _text(migration, ask(migration)), danger="deletes")
    yield from buckets.removed(job)


def _remember(migration: Migration) -> None:
    """Its bucket of now, whoever uploaded it: until it has that no more, mail may come to lie there."""
    now = ask(migration)
    if now and now.bucket:
        migration.store.record(UPLOADED, worker=now.name, buckets=[now.bucket])


def lacking(migration: Migration) -> str:
    """Why mail must not be led to the Worker yet: what is not deployed as it is in this repository; else empty."""
    found, wanted = ask(migration), _as_planned(migration)
    if found is not None and _shape(found) == wanted and worker.secrets(migration.settings).keys() <= found.secrets:
        return ""
    what = ABSENT if found is None else f"other than it is here ({_shape(found)})"
    return f"the Worker {migration.settings.route.name} is {what}: first python -m scripts.deploy_worker"


def in_an_outage(migration: Migration) -> str:
    """What becomes of mail while the Worker can't hand it over, by the settings and the last trial."""
    trial, bucket = trials.latest(migration.store, migration.settings), migration.settings.route.bucket
    thrown = trial.value("worker_throws") if trial else None
    if bucket:
        return f"while Dell can't be reached, mail waits in the bucket {bucket}"
    if trial is None or thrown is None:
        return "while Dell can't be reached, mail waits at its senders or bounces: no trial has seen which"
    does = {"deferred": "waits at its senders", "rejected": "BOUNCES"}.get(thrown, f"is {thrown}")
    return (
        f"while Dell can't be reached, mail {does}: observed on {time.strftime('%Y-%m-%d', time.localtime(trial.at))}"
    )


def in_its_limits(migration: Migration) -> str:
    """What becomes of a message that takes the Worker more CPU time than the account's plan has, by the last trial."""
    trial = trials.latest(migration.store, migration.settings)
    ended = trial.value("worker_exceeds") if trial else None
    if trial is None or ended is None:
        return "what takes more CPU time than Workers' plan has waits at its sender or bounces: no trial has seen which"
    does = {"deferred": "waits at its sender, and bounces in the end", "rejected": "BOUNCES"}.get(ended, f"is {ended}")
    large = {"to its end": "20 MiB did not", "ended": "20 MiB DID"}.get(str(trial.value("worker_reads")), "")
    seen = "; ".join(filter(None, (f"observed on {time.strftime('%Y-%m-%d', time.localtime(trial.at))}", large)))
    return f"what takes more CPU time than Workers' plan has {does}: {seen}"


def require_listening(job: Job) -> None:
    """``Refused`` where Dell takes no mail with the login at the place that the Worker will go to, asked from here."""
    migration = job.migration
    route, someone = migration.settings.route, next(migration.settings.addresses()).address
    (heard,) = probe_all([clients.knock(migration, clients.worker(migration), rcpt=(someone,))])
    host, port = route.door
    if heard.unheard:
        raise CouldNotAsk(f"{host} port {port}: {heard.text}. The Worker would find nobody there either")
    if not heard.outcome.accepted:
        way = f"cloudflared with a rule for tcp://{route.listen}" if route.tunnel else f"a certificate for {host}"
        raise Refused(
            f"{host} port {port}: expected that Dell takes a message for {someone} from {route.login}; heard "
            f"{heard.outcome}. Nothing was uploaded: first python -m scripts.prepare_dell, {way}, and the login in "
            "Dovecot"
        )
    if "CHUNKING" not in heard.extensions:
        raise Refused(f"{host} port {port}: expected CHUNKING among what Dell offers; heard {heard.extensions}")


def _wanted(migration: Migration) -> str:
    return f"{_as_planned(migration)}, {_named(migration)} as it is here"


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
    if lacking := sorted(worker.secrets(migration.settings).keys() - it.secrets):
        return f"{_shape(it)}, no {' and '.join(lacking)}"
    digest = _digest(migration.settings.cloudflare.account_id, it.name, _hidden(migration))
    last = migration.store.last(UPLOADED, worker=it.name) or {}
    same = last.get("modified") == it.modified and last.get("password") == digest
    return f"{_shape(it)}, {_named(migration)} {'as it is here' if same else 'of which nobody knows'}"


def _named(migration: Migration) -> str:
    return " and ".join(worker.secrets(migration.settings))


def _hidden(migration: Migration) -> dict[str, str]:
    """The Worker's secrets, by their names there."""
    named = worker.secrets(migration.settings)
    return {key: getattr(migration.secrets, name).get_secret_value() for key, name in named.items()}


def _digest(account: str, name: str, hidden: Mapping[str, str]) -> str:
    return _scrypted(f"{account}/{name}", "\0".join(hidden.values()))


@cache
def _scrypted(salt: str, text: str) -> str:
    """A text by its digest; 16 MiB and some 50 ms a guess."""
    return scrypt(text.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=16).hex()
