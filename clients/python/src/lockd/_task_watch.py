"""The streams of a watch, read by the caller's task."""

from __future__ import annotations

import asyncio
import time
from typing import AsyncIterator, Mapping, Optional

from ._aio_http import BadAnswer, Connection
from ._aio_transport import Transport
from ._errors import LockdError, Unavailable
from ._event import Event
from ._watch import MAX_SILENCE, Message, Parser, Watch
from ._within import within


async def events(transport: Transport, watch: Watch) -> AsyncIterator[Event]:
    """Yield the events of a watch. It continues at the next address when a stream breaks."""
    while True:
        try:
            async for event in _stream(transport, watch):
                yield event
            raise Unavailable("the stream ended")
        except LockdError as e:
            await asyncio.sleep(watch.broken(e))


async def _stream(transport: Transport, watch: Watch) -> AsyncIterator[Event]:
    connection: Optional[Connection] = None
    try:
        connection = await within(transport.connect(watch.to, MAX_SILENCE), MAX_SILENCE)
        headers = transport.headers(watch.to, "text/event-stream", watch.token())
        target = transport.target(watch.to, watch.path)
        await within(connection.send("GET", target, headers, None), MAX_SILENCE)
        status, answered = await within(connection.head(), MAX_SILENCE)
        watch.answered()
        if status != 200:
            body = await within(connection.whole(answered), MAX_SILENCE)
            raise watch.refused(status, answered.get("retry-after", ""), body)
        async for message in messages(connection, answered):
            event = watch.event_of(message)
            if event is not None:
                yield event
    except (OSError, asyncio.TimeoutError, EOFError, ValueError, BadAnswer) as e:
        raise Unavailable(f"the stream broke: {e}") from e
    finally:
        if connection is not None:
            connection.close()


async def messages(connection: Connection, headers: Mapping[str, str]) -> AsyncIterator[Message]:
    """Yield the messages of a stream. Raises asyncio.TimeoutError if none comes for MAX_SILENCE."""
    parser, rest, pieces = Parser(), bytearray(), connection.body(headers)
    end = time.monotonic() + MAX_SILENCE
    while True:
        try:
            piece = await within(pieces.__anext__(), max(end - time.monotonic(), 0.001))
        except StopAsyncIteration:
            return
        *lines, last = piece.split(b"\n")
        for line in lines:
            message = parser.line(bytes(rest + line).rstrip(b"\r"))
            rest.clear()
            if message is not None:
                yield message
                end = time.monotonic() + MAX_SILENCE
        rest += last
        parser.check_size(len(rest))
