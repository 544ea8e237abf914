"""The token of a client. See "TLS and tokens" in clients/README.md."""

from __future__ import annotations

import logging
import os
import re
from typing import Optional, Sequence, Union

from ._address import Address
from ._clock import Clock, between

Path = Union[str, "os.PathLike[str]"]

REREAD_INTERVAL = 60.0  # seconds after which a token file is read again
MAX_TOKEN = 16 << 10  # bytes

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_log = logging.getLogger("lockd")


class Tokens:
    """The token that requests carry, and the file that it is read from. No method and no error shows the token.

    Threads may call its methods without a lock: at worst two of them read the file at the same time.
    """

    def __init__(self, token: Optional[str], token_file: Optional[Path], clock: Clock) -> None:
        if token is not None and token_file is not None:
            raise ValueError("token and token_file are both given; give only one of them")
        self._clock = clock
        self._file = token_file
        self._token = _checked("token", token) if token_file is None else _read(token_file)
        self._read_at = clock()
        self._unreadable = False  # whether the last read failed
        self._refused = False  # whether the last renewal was refused for its token

    def __bool__(self) -> bool:
        return self._token is not None

    def check_addresses(self, addresses: Sequence[Address], insecure: bool) -> None:
        """Raise ValueError if the token would be sent in plain text over a network."""
        for a in addresses:
            if self and not (a.secure or a.loopback or insecure):
                raise ValueError(
                    f"address {str(a)!r}: a token is sent only over https or to this machine; write "
                    f"https://{a.authority}{a.path}, or pass insecure=True to send it in plain text"
                )

    def current(self) -> Optional[str]:
        """Return the token for the next request; None if there is none. The file is read again every minute."""
        if self._file is not None and between(self._read_at, self._clock()) >= REREAD_INTERVAL:
            self._reread()
        return self._token

    def changed(self, sent: Optional[str]) -> bool:
        """Read the file again after the token was refused. Returns whether there is another token than the one that was sent."""
        if self._file is not None:
            self._reread()
        return self._token != sent

    def _reread(self) -> None:
        assert self._file is not None
        self._read_at = self._clock()
        try:
            self._token, self._unreadable = _read(self._file), False
        except ValueError as e:
            if not self._unreadable:
                _log.warning("%s; the last token is still used", e)
            self._unreadable = True

    def renewed(self, error: Optional[Exception]) -> None:
        """Note whether a renewal was refused for its token. The first refusal after a success is logged."""
        if error is not None and not self._refused:
            _log.warning("a renewal was refused: %s; it is repeated until the deadline of the lease", error)
        self._refused = error is not None


def masked(body: bytes, token: Optional[str]) -> bytes:
    """Return the body of a refusal without the token: a proxy may answer with the headers of the request."""
    return body if token is None else body.replace(token.encode("ascii"), b"***")


def _read(file: Path) -> str:
    """Read a token from a file. Raises ValueError, which does not show the token."""
    what = f"token_file {os.fspath(file)!r}"
    try:
        with open(file, "rb") as f:
            raw = f.read(MAX_TOKEN + 1)
    except OSError as e:
        raise ValueError(f"{what}: {e.strerror or type(e).__name__}") from None
    if len(raw) > MAX_TOKEN:
        raise ValueError(f"{what}: it is longer than {MAX_TOKEN} bytes")
    token = _checked(what, raw.decode("latin-1").rstrip())
    assert token is not None
    return token


def _checked(what: str, token: Optional[str]) -> Optional[str]:
    if token is None:
        return None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token) or len(token) > MAX_TOKEN:
        raise ValueError(f"{what}: it must be one token of A-Z a-z 0-9 . _ ~ + / - with = only at its end")
    return token
