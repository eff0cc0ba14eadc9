"""What the first scripts share: hosts and values as a person types them."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from fixtures.settings import SettingsError, Transport
from fixtures.transport import Shell, shell

T = TypeVar("T")


def parse(kind: TypeAdapter[T], value: Any, option: str) -> T:
    """VALUE as that kind. ``SettingsError`` names the option and what is expected."""
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        says = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{option} {value}: {says}") from None


def transport(place: str, key: str | None = None, known_hosts: str | None = None, option: str = "--dell") -> Transport:
    """``[USER@]HOST[:PORT]`` as a way by SSH, by default as who we are here. ``SettingsError`` if it is none."""
    user, _, rest = place.rpartition("@")
    host, colon, port = rest.rpartition(":") if rest.count(":") == 1 else (rest, "", "")
    given = {
        "host": host or rest, "user": user or getpass.getuser(), "port": int(port) if port.isdigit() else 22,
        "key_file": Path(key) if key else None, "known_hosts": Path(known_hosts) if known_hosts else None,
    }  # fmt: skip
    if not given["host"] or (colon and not port.isdigit()) or any(c.isspace() for c in place):
        raise SettingsError(f"{option} {place}: expected [USER@]HOST[:PORT]")
    for file in (key, known_hosts):
        if file and not Path(file).is_file():
            raise SettingsError(f"{file}: there is no such file")
    return parse(TypeAdapter(Transport), given, option)


def ssh(place: str, key: str | None = None, known_hosts: str | None = None, option: str = "--dell") -> Shell:
    """A shell there, named by its host."""
    way = transport(place, key, known_hosts, option)
    return shell(way.host, way)
