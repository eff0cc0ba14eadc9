"""What ``feasibility`` is asked: its options as a person types them, and the case that they make."""

import argparse
import getpass
import sys
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from fixtures.access.transport import Shell, dell, here, shell
from fixtures.migration import Migration, open_migration
from fixtures.preflight.case import Case, draft
from fixtures.settings import DEFAULT_CONFIG, SettingsError, Transport, config_path
from fixtures.settings.route import CLOUDFLARED, TUNNELS, Route
from fixtures.settings.schema import Hostname

T = TypeVar("T")
NAME: TypeAdapter[str] = TypeAdapter(Hostname)
ADDRESS = TypeAdapter(IPv4Address)
COUNT: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1)])
USD: TypeAdapter[float] = TypeAdapter(Annotated[float, Field(ge=0, allow_inf_nan=False)])
RENTED: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)+-\d+/[\w-]+\.[\w-]+/[1-9]\d*$")])


def case(options: argparse.Namespace) -> Case:
    """What is asked about. Raises ``SettingsError``, which names the option that can't be used."""
    domains = tuple(dict.fromkeys(_parse(NAME, each, "DOMAIN") for each in options.domains))
    keys = (_file(options.key, "--key"), _file(options.known_hosts, "--known-hosts"))
    migration, settled = _migration(options, domains)
    if options.worker:
        migration = _by_worker(options.worker, migration)
    outside = tuple(_ssh(each, *keys, option="--outside") for each in options.outside)
    host: Shell = here("Dell")
    name, settings = f"dell.{domains[0]}", migration.settings
    if settled:
        host, name = dell(settings).machine, settings.dell.name
        ways = dict.fromkeys(each.transport for each in settings.senders if each.transport)
        outside += tuple(shell(each.host, each) for each in ways if each not in {it.transport for it in outside})
    if options.dell:
        host = here("Dell") if options.dell == "local" else shell("Dell", _ssh(options.dell, *keys).transport)
    count, cost = options.addresses, options.new_cost
    return Case(
        migration=migration,
        settled=settled,
        domains=domains,
        dell=host,
        outside=outside,
        name=_parse(NAME, options.name or name, "--name"),
        addresses=None
        if count is None
        else _parse(COUNT, count, "--addresses", "how many addresses receive mail, 1 or more"),
        fixed=None if options.fixed is None else options.fixed == "yes",
        wan=str(_parse(ADDRESS, options.wan, "--wan")) if options.wan else "",
        confirmed_by=options.confirmed_by,
        reflector=options.reflector,
        rented=_instance(options.instance),
        new_cost=None if cost is None else _parse(USD, cost, "--new-cost", "USD a month, 0 or more"),
    )


def _instance(given: str) -> tuple[str, str, int] | None:
    if given == "none":
        return None
    expected = "REGION/TYPE/GIB, such as ap-northeast-1/t2.micro/8, or none"
    region, size, disk = _parse(RENTED, given, "--instance", expected).split("/")
    return region, size, int(disk)


def _migration(options: argparse.Namespace, domains: tuple[str, ...]) -> tuple[Migration, bool]:
    """That of migration.toml if there is one that has all the domains, else a draft."""
    file = config_path(options.config)
    if file != DEFAULT_CONFIG or file.exists():
        found = open_migration(options.config)
        others = [each for each in domains if each not in found.settings.domain_names]
        if not others:
            return found, True
        fault = f"{file} has {', '.join(found.settings.domain_names)}, and not {', '.join(others)}"
        if options.config:
            raise SettingsError(f"--config: {fault}. Leave it out, and nothing but the options counts")
        print(f"feasibility: {fault}: it is not used", file=sys.stderr)
    return draft(domains), False


def _by_worker(given: str, migration: Migration) -> Migration:
    """MIGRATION with a Worker, to which Dell is at GIVEN, a host or a tunnel. Raises ``SettingsError``."""
    route, secrets = migration.settings.route, migration.secrets
    said: dict[str, Any] = {"kind": "worker", "login": route.login or f"worker@{migration.settings.domain_names[0]}"}
    if given.startswith("https:"):
        guarded = bool(secrets.access_client_id.get_secret_value())
        said |= {"tunnel": given, "unit": route.unit or CLOUDFLARED, "access": guarded}
    else:
        host, _, port = given.partition(":")
        said |= {"host": host} | ({"port": port} if port else {})
    try:
        route = Route.model_validate(said)
    except ValidationError:
        expected = f"HOST[:PORT], such as in.example.net:2465, not 25; or a tunnel, such as {TUNNELS}"
        raise SettingsError(f"--worker {given}: expected {expected}") from None
    return replace(migration, settings=migration.settings.model_copy(update={"route": route}))


def _parse(kind: TypeAdapter[T], value: Any, option: str, expected: str = "") -> T:
    """VALUE as that kind. ``SettingsError`` names the option and what is EXPECTED; left out: the kind says it."""
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        says = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{option} {value}: {f'expected {expected}' if expected else says}") from None


def _file(name: str | None, option: str) -> Path | None:
    """``SettingsError`` for a file that was named and is not there, also where no SSH will ask for it."""
    if name and not Path(name).is_file():
        raise SettingsError(f"{option} {name}: there is no such file")
    return Path(name) if name else None


def _ssh(place: str, key: Path | None, known_hosts: Path | None, option: str = "--dell") -> Shell:
    """``[USER@]HOST[:PORT]`` as a shell by SSH, by default as who we are here. ``SettingsError`` if it is none."""
    user, _, rest = place.rpartition("@")
    host, colon, port = rest.rpartition(":") if rest.count(":") == 1 else (rest, "", "")
    try:
        user = user or getpass.getuser()
    except (KeyError, OSError):  # a container's user may have only a number
        expected = "expected USER@HOST[:PORT], since whoever runs this has no name here"
        raise SettingsError(f"{option} {place}: {expected}") from None
    given = {
        "host": host or rest,
        "user": user,
        "port": int(port) if port.isdigit() else 22,
        "key_file": key,
        "known_hosts": known_hosts,
    }
    if not given["host"] or (colon and not port.isdigit()) or any(c.isspace() for c in place):
        raise SettingsError(f"{option} {place}: expected [USER@]HOST[:PORT]")
    way = _parse(TypeAdapter(Transport), given, option)
    return shell(way.host, way)
