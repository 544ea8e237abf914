"""The form of what nodes tell: a proxy may answer something else with a 200."""

from __future__ import annotations

import json
from typing import Any, Mapping, Optional, Sequence

from ._config import MAX_TTL

MAX_INTEGER = 2**53 - 1  # above it not every language has each integer

Json = Mapping[str, Any]


class Malformed(ValueError):
    """JSON of another form than it must have."""


class _Ambiguous(dict[str, Any]):
    """An object that has a member twice. In meta, which is its writer's, that is no fault of the node."""


def parsed(raw: "bytes | str") -> Any:
    """Read JSON. Raises ValueError or RecursionError."""
    return json.loads(raw, object_pairs_hook=_object, parse_constant=_refuse_constant)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Ambiguous(found)


def _refuse_constant(constant: str) -> Any:
    raise Malformed(f"{constant} is no JSON")


def members(raw: Any) -> Json:
    """Return an object's."""
    if not isinstance(raw, dict):
        raise Malformed("no object")
    if isinstance(raw, _Ambiguous):
        raise Malformed("a member is there twice")
    return raw


def members_at(of: Json, key: str) -> Optional[Json]:
    """Return a member's; None where it is absent."""
    return None if of.get(key) is None else members(of[key])


def listed(of: Json, key: str, needed: bool = True) -> Sequence[Any]:
    """Return the elements of a list."""
    raw = of.get(key)
    if raw is None and not needed:
        return ()
    if not isinstance(raw, list):
        raise Malformed(f"{key} is no list")
    return raw


def text_at(of: Json, key: str, needed: bool = False) -> str:
    """Return a text; "" where it is absent and need not be there."""
    raw = of.get(key)
    if raw is None and not needed:
        return ""
    if not isinstance(raw, str) or needed and not raw:
        raise Malformed(f"{key} is no text")
    return raw


def _integer(of: Json, key: str) -> Optional[int]:
    raw = of.get(key)
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw <= MAX_INTEGER:
        raise Malformed(f"{key} is no integer from 0 to {MAX_INTEGER}")
    return raw


def whole(of: Json, key: str, absent: int = 0) -> int:
    """Return a whole number."""
    n = _integer(of, key)
    return absent if n is None else n


def at_least_one(of: Json, key: str) -> int:
    """Return a whole number that must be there, as a token."""
    n = whole(of, key)
    if n < 1:
        raise Malformed(f"{key} is missing")
    return n


def seconds_at(of: Json, key: str) -> Optional[float]:
    """Return a duration in seconds."""
    ms = _integer(of, key)
    return None if ms is None else ms / 1000


def promised(of: Json, key: str, needed: bool = True) -> float:
    """Return a duration of which a deadline is made: none is longer than a TTL may be."""
    s = seconds_at(of, key)
    if s is None and needed or s is not None and s > MAX_TTL:
        raise Malformed(f"{key} is no duration of a lease")
    return s or 0.0


def ttl_at(of: Json, key: str) -> float:
    """Return a TTL: it is never nothing."""
    ttl = promised(of, key)
    if ttl <= 0:
        raise Malformed(f"{key} is nothing")
    return ttl
