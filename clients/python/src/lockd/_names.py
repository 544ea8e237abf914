"""Names of leases. internal/fsm/name.go has the same rule."""

from __future__ import annotations

import re

_MAX_NAME = 200  # characters
_OBJECT, _MAX_OBJECT_NAME = "k8s/", 321  # names of the leases of Kubernetes Leases
_RULE = "1 to 200 of A-Z a-z 0-9 . _ : - /, and begin with a letter or a digit, also after each /"
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*(?:/[A-Za-z0-9][A-Za-z0-9._:-]*)*")


def _too_long(name: str) -> bool:
    return len(name) > (_MAX_OBJECT_NAME if name.startswith(_OBJECT) else _MAX_NAME)


def check_name(name: object) -> None:
    """Raise ValueError if no lease can have this name.

    A value of another type is not converted, because 7 and "7" would be the same lease.
    """
    if not isinstance(name, str):
        raise ValueError(f"name must be a str, not {type(name).__name__}")
    if _too_long(name) or not _PATH.fullmatch(name):
        raise ValueError(f"name {name!r} is not valid: it must have {_RULE}")


def check_prefix(prefix: object) -> None:
    """Raise ValueError if no name can begin with this prefix. "" is the prefix of all names."""
    if not isinstance(prefix, str):
        raise ValueError(f"prefix must be a str, not {type(prefix).__name__}")
    if prefix and (_too_long(prefix) or not _PATH.fullmatch(prefix + "a")):
        raise ValueError(f"prefix {prefix!r} is not valid: a name must have {_RULE}")
