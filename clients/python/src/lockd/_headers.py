"""Headers that a program adds to each request. See "Proxies and headers" in clients/README.md."""

from __future__ import annotations

import re
from typing import Mapping, Optional

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_RESERVED = frozenset((
    "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
    "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
))


def checked(headers: Optional[Mapping[str, str]], has_token: bool) -> dict[str, str]:
    """Return the headers to send. Raises ValueError, without the value, if a header is not allowed."""
    found: dict[str, str] = {}
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ValueError(f"header {name!r}: name and value must be str")
        if not _NAME.fullmatch(name):
            raise ValueError(f"header {name!r}: the name must be an HTTP token")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"header {name!r}: the value must be printable ASCII, without line breaks")
        if name.lower() in _RESERVED:
            raise ValueError(f"header {name!r}: the client sets it itself")
        if name.lower() in found:
            raise ValueError(f"header {name!r}: it is given twice")
        found[name.lower()] = value
    if has_token and "authorization" in found:
        raise ValueError("header 'Authorization': the client has a token too; give only one of them")
    return found
