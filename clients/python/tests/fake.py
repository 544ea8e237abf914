"""A node that says what a test wants it to say."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, Iterator, List, Tuple
from urllib.parse import unquote

Said = Tuple[int, str]  # status and body
Serve = Callable[[str, Dict[str, Any]], Said]  # by path and body


def grant(name: str, **more: Any) -> Dict[str, Any]:
    """Return what a node says of a hold of this name."""
    said = {"name": name, "holder": "h", "token": 7, "ttl_ms": 60000, "expires_in_ms": 59940, "waited_ms": 0, "revision": 7}
    return {**said, **more}


def problem(kind: str, status: int, **more: Any) -> Said:
    """Return a refusal."""
    return status, json.dumps({"type": f"/problems/{kind}", "definitive": True, **more})


class Cut(Exception):
    """Raised by what serves, it ends the connection without an answer."""


class Node:
    """Where it listens, and the paths that it was asked for."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: List[str] = []


@contextmanager
def serving(serve: Serve) -> Iterator[Node]:
    """Run a node; what it says at /v1/watch is a stream."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version, wbufsize = "HTTP/1.1", 1 << 16

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                pass  # the client has closed it

        def do_GET(self) -> None:
            self.answer({})

        def do_POST(self) -> None:
            self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def answer(self, body: Dict[str, Any]) -> None:
            path = self.path.partition("?")[0]
            node.asked.append(path)
            try:
                status, said = serve(path, body)
            except Cut:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(said.encode())))
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    node = Node(f"127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield node
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Leases:
    """Keeps leases, queues and withdrawn attempts as a node does, without time.

    A verb may be answered by another function.
    """

    def __init__(self, **answers: Serve) -> None:
        self.asked: List[Dict[str, Any]] = []  # bodies, with "verb" and "name"
        self.answers: Dict[str, Serve] = dict(answers)
        self._changed = threading.Condition()
        self._holds: Dict[str, List[Dict[str, Any]]] = {}
        self._queues: Dict[str, List[Dict[str, Any]]] = {}
        self._withdrawn: List[str] = []
        self._token = 0

    def __call__(self, path: str, body: Dict[str, Any]) -> Said:
        name, verb = ([unquote(part) for part in path.split("/")] + ["get"])[3:5]
        if name == "renew":
            name, verb = "", "renew-all"
        with self._changed:
            self.asked.append({**body, "verb": verb, "name": name})
            self._changed.notify_all()
        return self.answers[verb](name, body) if verb in self.answers else self.serve(verb, name, body)

    def serve(self, verb: str, name: str, body: Dict[str, Any]) -> Said:
        """Do what a request asks for."""
        with self._changed:
            said: Said = getattr(self, "_" + verb.replace("-", "_"))(name, body)
            self._changed.notify_all()
            return said

    def verbs(self) -> List[str]:
        """Return what was asked for, in order."""
        return [a["verb"] for a in self.asked]

    def of(self, verb: str) -> List[Dict[str, Any]]:
        """Return the requests of one kind."""
        return [a for a in self.asked if a["verb"] == verb]

    def holders(self, name: str) -> List[str]:
        """Return the sessions that hold a lease."""
        return [h["session"] for h in self._holds.get(name, [])]

    def end(self, name: str) -> Any:
        """End what holds a name, as an operator's break does. It returns None."""
        with self._changed:
            self._holds[name] = []
            self._changed.notify_all()

    def wait_for(self, true: Callable[[], bool]) -> None:
        """Wait until something is true, which a request makes so."""
        with self._changed:
            assert self._changed.wait_for(true, 60), "it never came"

    def queued(self, name: str) -> int:
        """Return how many wait."""
        return len(self._queues.get(name, []))

    def _acquire(self, name: str, body: Dict[str, Any]) -> Said:
        queue, limit = self._queues.setdefault(name, []), body.get("limit", 1)
        queue.append(body)

        def granted() -> bool:
            free = len(self.holders(name)) < limit and queue[0] is body
            return free or body["session"] in self.holders(name) or body["attempt"] in self._withdrawn

        may_wait = 60 if body.get("wait_ms") else 0
        self._changed.notify_all()
        ok = self._changed.wait_for(granted, may_wait)
        queue.remove(body)
        if body["attempt"] in self._withdrawn:
            return problem("withdrawn", 409)
        holds = self._holds.setdefault(name, [])
        mine = [h for h in holds if h["session"] == body["session"]]
        if not ok:
            return problem("held", 409, lease=self._state(name))
        if not mine:
            self._token += 1
            slot = min(set(range(limit)) - {h["slot"] for h in holds})
            mine = [{**body, "token": self._token, "slot": slot}]
            holds += mine
        return 201, json.dumps(self._grant(mine[0], name))

    def _grant(self, hold: Dict[str, Any], name: str) -> Dict[str, Any]:
        ttl = hold["ttl_ms"]
        return grant(name, token=hold["token"], slot=hold["slot"], ttl_ms=ttl, expires_in_ms=ttl, holder=hold["holder"])

    def _state(self, name: str) -> Dict[str, Any]:
        holds = self._holds.get(name, [])
        waiters = self._queues.get(name, [])
        queue = [{"holder": w["holder"], "priority": w.get("priority", 0), "waiting_ms": 1500} for w in waiters]
        holders = [{key: h[key] for key in ("holder", "token", "slot", "ttl_ms")} for h in holds]
        first = {"holder": holders[0]["holder"], "token": holders[0]["token"]} if holders else {}
        state = "held" if holders else "free"
        return {"name": name, "state": state, "holders": holders, "queue": queue, "queue_length": len(queue), **first}

    def _get(self, name: str, _body: Dict[str, Any]) -> Said:
        return 200, json.dumps(self._state(name))

    def _renew(self, name: str, body: Dict[str, Any]) -> Said:
        for h in self._holds.get(name, []):
            if (h["session"], h["token"]) == (body["session"], body["token"]):
                return 200, json.dumps(self._grant(h, name))
        return problem("not-holder", 409, lost=True)

    def _renew_all(self, _name: str, body: Dict[str, Any]) -> Said:
        renewed = [
            self._grant(h, l["name"]) for l in body["leases"] for h in self._holds.get(l["name"], [])
            if (h["session"], h["token"]) == (body["session"], l["token"])
        ]
        return 200, json.dumps({"leases": renewed, "waited_ms": 0, "revision": 7})

    def _release(self, name: str, body: Dict[str, Any]) -> Said:
        if "attempt" in body:
            self._withdrawn.append(body["attempt"])
        key = "attempt" if "attempt" in body else "token"
        holds = self._holds.get(name, [])
        left = [h for h in holds if h["session"] != body["session"] or h[key] != body[key]]
        self._holds[name] = left
        return 200, json.dumps({"was_held": len(left) < len(holds)} if key == "token" else {})
