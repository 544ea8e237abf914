"""HTTP/1.1 over asyncio's streams: as much of it as a node uses."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import AsyncIterator, Mapping, Optional

from ._retry import MAX_ANSWER

PIECE = 1 << 16  # bytes of one read
MAX_HEAD = 256 << 10  # bytes of a status line and all headers, and of a line in a chunked body
_HEX = re.compile("[0-9a-fA-F]{1,16}")


class BadAnswer(Exception):
    """An answer that is not valid HTTP, or exceeds a bound."""


@dataclass
class Connection:
    """A connection to a node."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    _left: int = MAX_HEAD  # bytes that the headers may still have

    def close(self) -> None:
        """Reset the connection, so that the node sees that the caller has gone."""
        self.writer.transport.abort()

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: Optional[bytes]) -> None:
        """Send a request."""
        head = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if body is not None:
            head.append(f"Content-Length: {len(body)}")
        self.writer.write(("\r\n".join(head) + "\r\n\r\n").encode("ascii") + (body or b""))
        await self.writer.drain()

    async def head(self) -> tuple[int, Mapping[str, str]]:
        """Read the status and the headers, by their names in lower case. Interim answers are skipped."""
        self._left = MAX_HEAD
        while True:
            parts = (await self._line()).split(" ", 2)
            if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdecimal():
                raise BadAnswer("not an HTTP response")
            headers = await self._headers()
            if int(parts[1]) >= 200:
                return int(parts[1]), headers

    async def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        while line := await self._line():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return headers

    async def _line(self) -> str:
        raw = await self.reader.readline()
        if not raw.endswith(b"\n"):
            raise ConnectionResetError("the connection was closed")
        self._left -= len(raw)
        if self._left < 0:
            raise BadAnswer(f"the headers are longer than {MAX_HEAD} bytes")
        return raw.decode("latin-1").rstrip("\r\n")

    async def body(self, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Read the body in pieces to its end."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while True:
                self._left = MAX_HEAD
                size = (await self._line()).partition(";")[0].strip()
                if not _HEX.fullmatch(size):
                    raise BadAnswer("wrong size of a chunk")
                left = int(size, 16)
                if not left:
                    await self._headers()  # the trailers
                    return
                async for piece in self._pieces(left):
                    yield piece
                await self._line()
        elif "content-length" in headers:
            if not headers["content-length"].isdecimal():
                raise BadAnswer("wrong Content-Length")
            async for piece in self._pieces(int(headers["content-length"])):
                yield piece
        else:
            while piece := await self.reader.read(PIECE):
                yield piece

    async def _pieces(self, left: int) -> AsyncIterator[bytes]:
        while left:
            piece = await self.reader.read(min(left, PIECE))
            if not piece:
                raise ConnectionResetError("the connection was closed")
            left -= len(piece)
            yield piece

    async def whole(self, headers: Mapping[str, str]) -> bytes:
        """Read the body. Raises BadAnswer if it is too long."""
        body = bytearray()
        async for piece in self.body(headers):
            body += piece
            if len(body) > MAX_ANSWER:
                raise BadAnswer(f"the answer is longer than {MAX_ANSWER} bytes")
        return bytes(body)
