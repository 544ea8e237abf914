"""Messages of a text/event-stream, and the state of a watch. There is no I/O here."""

from __future__ import annotations

from typing import NamedTuple, Optional
from urllib.parse import urlencode

from ._clock import between
from ._config import Config
from ._errors import (
    Gone,
    LockdError,
    OutcomeUnknown,
    Unavailable,
    error_of,
    problem_of,
)
from ._event import Event
from ._names import check_name, check_prefix
from ._retry import MAX_PAUSE, MIN_PAUSE, TOKEN_REFUSED, jitter
from ._tokens import masked
from ._validate import parsed

MAX_SILENCE = 30.0  # seconds without data after which a stream is closed; a node sends something every 10 s
MAX_EVENT = 8 << 20  # bytes of one message
TOO_MANY_REQUESTS = 429


class Message(NamedTuple):
    """One message. If all fields are empty, it is a comment, which keeps the stream alive."""

    ident: str
    event: str
    data: str


class Parser:
    """Makes messages of lines."""

    def __init__(self) -> None:
        self._data: list[str] = []
        self._fields: dict[str, str] = {}
        self._size = 0

    def line(self, raw: bytes) -> Optional[Message]:
        """Add one line without its line break. Returns the message that it completes, if any."""
        self.check_size(len(raw))
        text = raw.decode("utf-8", "replace")
        if text.startswith(":"):
            return Message("", "", "")
        if text == "":
            f, data, self._fields, self._data, self._size = self._fields, self._data, {}, [], 0
            return Message(f.get("id", ""), f.get("event", ""), "\n".join(data)) if f or data else None
        self._size += len(raw) + 1
        name, _, value = text.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "data":
            self._data.append(value)
        else:
            self._fields[name] = value
        return None

    def check_size(self, more: int) -> None:
        """Raise Unavailable if the message would be too long with so many more bytes."""
        if self._size + more > MAX_EVENT:
            raise Unavailable(f"a message of the stream is longer than {MAX_EVENT} bytes")


class Watch:
    """The state of a watch across its connections."""

    def __init__(self, cfg: Config, name: str, prefix: Optional[str], after: int) -> None:
        if bool(name) == (prefix is not None):
            raise ValueError("pass a name or a prefix; \"\" is the prefix of all names")
        check_prefix(prefix) if prefix is not None else check_name(name)
        self._cfg = cfg
        self._what = {"name": name} if name else {"prefix": prefix or ""}
        self.after = after
        self._start = cfg.clock()
        self._next = cfg.route.start()
        self._begun = False  # whether a message was received
        self._failed = 0  # connections that failed one after the other
        self._silent = 0  # those among them without an answer of a node
        self._answered = False  # whether a node answered on the current connection
        self._token: Optional[str] = None  # of the current connection

    def token(self) -> Optional[str]:
        """Return the token for a new connection."""
        self._token = self._cfg.tokens.current()
        return self._token

    @property
    def to(self) -> int:
        """The index of the address to connect to."""
        return self._next % len(self._cfg.addresses)

    @property
    def path(self) -> str:
        """The path and the query of the request."""
        query = {k: v for k, v in self._what.items() if v}
        if self.after:
            query["after"] = str(self.after)
        return "/v1/watch" + ("?" + urlencode(query) if query else "")

    def event_of(self, m: Message) -> Optional[Event]:
        """Return the event of a message, if it has one. An event "state" does not move the revision to resume from."""
        try:
            event = Event.of(m.event, m.ident, parsed(m.data) if m.data else {})
        except (ValueError, RecursionError) as e:
            raise Unavailable(f"malformed message of the stream: {e}") from e
        self._begun, self._failed = True, 0
        if event.type == "":
            return None
        if event.type == "gone":
            p = problem_of(410, "", m.data.encode())
            raise Gone(p, p)
        if event.type != "state":
            self.after = max(self.after, event.revision)
        return None if event.type == "mark" else event

    def refused(self, status: int, retry_after: str, body: bytes) -> LockdError:
        """Return the error of an answer that is not a stream."""
        error = error_of(problem_of(status, retry_after, masked(body, self._token)))
        return Unavailable(error, error.problem) if isinstance(error, OutcomeUnknown) else error

    def answered(self) -> None:
        """Note that a node answered."""
        self._answered = True
        self._cfg.reach.answered(self._cfg.clock())

    def broken(self, error: LockdError) -> float:
        """Return the seconds to pause before the next address, or raise the error that ends the watch."""
        if error.problem is not None and error.problem.status in TOKEN_REFUSED and self._cfg.tokens.changed(self._token):
            return 0.0
        limited = self._limited(error)
        if not isinstance(error, Unavailable) and not limited:
            raise error
        self._next += 1
        self._failed += 1
        self._silent = 0 if self._answered else self._silent + 1
        self._answered = False
        if self._silent and self._silent % len(self._cfg.addresses) == 0:
            self._cfg.reach.no_answer(error)
        rounds = self._failed // len(self._cfg.addresses)
        if not self._begun and rounds > 0 and between(self._start, self._cfg.clock()) >= self._cfg.retry_for:
            raise error
        return max(limited, jitter(min(MIN_PAUSE * 2 ** min(rounds, 5), MAX_PAUSE)))

    def _limited(self, error: LockdError) -> float:
        """Return the seconds to pause if a node refused to continue the watch because of a limit, else 0."""
        if not self._begun or error.problem is None or error.problem.status != TOO_MANY_REQUESTS:
            return 0.0
        return max(error.problem.retry_after, MIN_PAUSE)
