"""The addresses of nodes, and of proxies in front of them. See "Addresses" in clients/README.md."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from typing import Sequence
from urllib.parse import unquote_to_bytes

DEFAULT_PORT = 7400
_MAX_HOST = 253  # of a DNS name

_PORT = "the port must be a number from 1 to 65535; write host:port, or host alone for port 7400"
_ZONE = "an IPv6 zone is not supported; use an address without %"
_SEGMENT = re.compile(r"(?:[!$&'()*+,;=:@0-9A-Za-z._~-]|%[0-9a-fA-F]{2})*")
_LABEL = re.compile(r"[0-9a-z_-]+")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True)
class Address:
    """The address of a node."""

    secure: bool
    host: str  # an IPv6 address has no brackets here
    port: int
    path: str  # the base path before /v1: "", or "/…" without a slash at its end

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether requests stay on this machine."""
        if self.host in ("localhost", "localhost."):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.authority}{self.path}"


def addresses(of: Sequence[str]) -> list[Address]:
    """Parse addresses. Raises ValueError if there is none, or if one is wrong."""
    if not of:
        raise ValueError('no address is given: name at least one node, such as "127.0.0.1:7400"')
    return [address(a) for a in of]


def address(of: str) -> Address:
    """Parse [http[s]://]host[:port][/base/path]. Raises ValueError, which shows no user and no password."""
    try:
        return _address(of)
    except ValueError as e:
        raise ValueError(f"address {_without_credentials(of)!r}: {e}") from None


def _address(of: str) -> Address:
    if not isinstance(of, str):
        raise ValueError("it must be a str")
    if any(c.isspace() or unicodedata.category(c) == "Cc" for c in of):
        raise ValueError("it contains white space or a control character; remove it")
    scheme, found, rest = of.partition("://")
    if not found:
        scheme, rest = "http", of
    if scheme.lower() not in ("http", "https"):
        raise ValueError("the scheme must be http or https")
    if "@" in rest:
        raise ValueError("it must not have a user or a password; use token or token_file, or the header Authorization")
    if "#" in rest:
        raise ValueError("it must not have a fragment; remove # and what follows")
    if "?" in rest:
        raise ValueError("it must not have a query; remove ? and what follows")
    authority, _, path = rest.partition("/")
    host, port = _split(authority)
    return Address(scheme.lower() == "https", host, port, _base_path(path))


def _split(authority: str) -> tuple[str, int]:
    """Check "host" or "host:port"."""
    if authority.startswith("["):
        host, closed, rest = authority[1:].partition("]")
        if "%" in host:
            raise ValueError(_ZONE)
        try:
            ipaddress.IPv6Address(host if closed else "")
        except ValueError:
            raise ValueError("the host in brackets must be an IPv6 address, as in [::1]:7400") from None
        if rest and not rest.startswith(":"):
            raise ValueError(_PORT)
        return host.lower(), _port(rest[1:]) if rest else DEFAULT_PORT
    if authority.count(":") > 1:
        raise ValueError(_ZONE if "%" in authority else "an IPv6 address must be in brackets, as in [::1]:7400")
    host, found, port = authority.partition(":")
    _check_host(host.lower())
    return host.lower(), _port(port) if found else DEFAULT_PORT


def _port(raw: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", raw) or not 1 <= int(raw) <= 65535:
        raise ValueError(_PORT)
    return int(raw)


def _check_host(host: str) -> None:
    """Check a DNS name or an IPv4 address.

    If the last label of a name is a number, some libraries parse it as an IPv4 address and others as a name.
    """
    labels = (host[:-1] if host.endswith(".") else host).split(".")
    if len(host) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("the host must be a DNS name, an IPv4 address or an IPv6 address in brackets; write host:port")
    if _NUMBER.fullmatch(labels[-1]):
        if not re.fullmatch(r"(?:(?:0|[1-9][0-9]{0,2})(?:\.(?!$)|$)){4}", host) or any(int(n) > 255 for n in host.split(".")):
            raise ValueError("the host ends in a number and is not an IPv4 address such as 10.0.0.1")


def _base_path(raw: str) -> str:
    path = raw.rstrip("/")
    if not path:
        return ""
    for segment in path.split("/"):
        if not _SEGMENT.fullmatch(segment) or unquote_to_bytes(segment) in (b".", b".."):
            raise ValueError("the path must be percent-encoded and have no . or .. segment")
    return "/" + path


def _without_credentials(of: object) -> object:
    """Replace the part that may be a user and a password."""
    if not isinstance(of, str) or "@" not in of:
        return of
    scheme = re.match("https?://", of, re.IGNORECASE)
    return (scheme.group() if scheme else "") + "***" + of[of.rindex("@") :]
