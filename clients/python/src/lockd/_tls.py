"""TLS: the authorities that a client trusts, and its own certificate. See "TLS and tokens" in clients/README.md."""

from __future__ import annotations

import logging
import os
import ssl
from typing import Optional, Sequence

from ._address import Address
from ._tokens import Path

_Stamp = Optional[tuple[int, int, int]]  # modification time, size and inode of a file

_log = logging.getLogger("lockd")


class Tls:
    """The TLS settings of new connections. Files are loaded again when they change.

    Threads may call its methods without a lock: at worst two of them load the files at the same time.
    """

    def __init__(
        self, addresses: Sequence[Address], context: Optional[ssl.SSLContext], ca_file: Optional[Path],
        cert_file: Optional[Path], key_file: Optional[Path],
    ) -> None:
        if (cert_file is None) != (key_file is None):
            raise ValueError("cert_file and key_file belong together; give both or neither")
        self._files = {
            name: file
            for name, file in (("ca_file", ca_file), ("cert_file", cert_file), ("key_file", key_file))
            if file is not None
        }
        if self._files and context is not None:
            raise ValueError(f"ssl_context and {next(iter(self._files))} are both given; give only one of them")
        if self._files and not any(a.secure for a in addresses):
            raise ValueError(f"{next(iter(self._files))} is given, but no address begins with https://")
        self._stamps = self._stat()
        self._context = self._load() if self._files else context

    def context(self) -> ssl.SSLContext:
        """Return the settings for a new connection. If the files cannot be loaded, the last ones stay in use."""
        if self._context is None:
            self._context = ssl.create_default_context()
        stamps = self._stat()
        if stamps != self._stamps:
            self._stamps = stamps
            try:
                self._context = self._load()
            except ValueError as e:
                _log.warning("%s; the last files are still used", e)
        return self._context

    def _stat(self) -> list[_Stamp]:
        return [_stamp(file) for file in self._files.values()]

    def _load(self) -> ssl.SSLContext:
        """Load the files. Raises ValueError with the name of the file."""
        ca, cert, key = (self._files.get(name) for name in ("ca_file", "cert_file", "key_file"))
        try:
            context = ssl.create_default_context(cafile=ca)
        except OSError as e:  # also an SSLError
            raise ValueError(f"ca_file {_shown(ca)}: {_reason(e)}") from None
        if cert is not None and key is not None:
            try:
                # Without a password OpenSSL would ask for one at the terminal.
                context.load_cert_chain(cert, key, password=lambda: "")
            except OSError as e:
                raise ValueError(f"cert_file {_shown(cert)}, key_file {_shown(key)}: {_reason(e)}") from None
        return context


def _stamp(file: Path) -> _Stamp:
    try:
        s = os.stat(file)
    except OSError:
        return None
    return s.st_mtime_ns, s.st_size, s.st_ino


def _shown(file: Optional[Path]) -> str:
    return repr(None if file is None else os.fspath(file))


def _reason(e: OSError) -> str:
    if isinstance(e, ssl.SSLError):
        return f"it is not a valid PEM file, or the key belongs to another certificate ({e.reason or e})"
    return e.strerror or type(e).__name__
