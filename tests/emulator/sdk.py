"""All methods of the official SDK, found by looking, and called with arguments made up from their signatures."""

import inspect
import typing
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Literal, get_args, get_origin

from cloudflare import Cloudflare

ROOTS = tuple(
    name
    for name in dir(Cloudflare)
    if isinstance(inspect.getattr_static(Cloudflare, name), cached_property) and not name.startswith("with_")
)
BROKEN = {"pipelines"}
"""Which of them SDK 5.9 can't import."""
IDENTIFIER = "f" * 32


def methods(client: Any, root: str) -> Iterator[str]:
    """Every method below ROOT, by its dotted name."""
    yield from _below(find(client, root), root)


def find(client: Any, name: str) -> Any:
    for part in name.split("."):
        client = getattr(client, part)
    return client


def _below(resource: Any, path: str) -> Iterator[str]:
    for name in dir(type(resource)):
        if name.startswith(("_", "with_")):
            continue
        if inspect.isfunction(inspect.getattr_static(type(resource), name)):
            yield f"{path}.{name}"
        else:
            yield from _below(getattr(resource, name), f"{path}.{name}")


def call(method: Callable[..., Any], **known: Any) -> Any:
    """Call METHOD with what is KNOWN, and with something of the right kind for the rest that it needs."""
    given = dict(known)
    for name in _needed(method, set(known)):
        given.setdefault(name, _something(method, name))
    first = next((p.name for p in _parameters(method) if p.kind is p.POSITIONAL_OR_KEYWORD), None)
    positional = [given.pop(first)] if first in given else []
    return method(*positional, **given)


def _parameters(method: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(method).parameters.values())


def _needed(method: Callable[..., Any], known: set[str]) -> set[str]:
    """Parameters without a default; of an overloaded method, those of the first of its forms that fits."""
    plain = {p.name for p in _parameters(method) if p.default is p.empty}
    forms = typing.get_overloads(getattr(method, "__func__", method))
    for form in forms:
        needed = {p.name for p in inspect.signature(form).parameters.values() if p.default is p.empty} - {"self"}
        if known <= set(inspect.signature(form).parameters):
            return needed | plain
    return plain


def _something(method: Callable[..., Any], name: str) -> Any:
    if name.endswith("_id") or name == "id":
        return IDENTIFIER
    function = inspect.unwrap(getattr(method, "__func__", method))
    for form in (*typing.get_overloads(function), function):
        try:
            hint = typing.get_type_hints(form, include_extras=False).get(name)
        except NameError:
            continue
        if hint is not None:
            return _made(hint)
    return IDENTIFIER


def _made(hint: Any) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return inner[0]
    if origin is typing.Union or origin.__class__.__name__ == "UnionType":
        return _made(inner[0])
    if hint in (str, object):
        return IDENTIFIER
    if hint in (bool, int, float):
        return hint(1)
    if typing.is_typeddict(hint):
        return {}
    return [] if origin is not None and "terable" in str(origin) else IDENTIFIER
