"""A fake node whose answers a test decides."""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple
from urllib.parse import unquote

PKI = Path(__file__).parents[2] / "conformance" / "tls"
Response = Tuple[int, str]  # status and body of a response
Serve = Callable[[str, Dict[str, Any]], Response]  # returns the response to a path and a body


def grant(name: str, **more: Any) -> Dict[str, Any]:
    """Return the body of a grant of this name."""
    body = {"name": name, "holder": "h", "token": 7, "ttl_ms": 60000, "expires_in_ms": 59940, "waited_ms": 0, "revision": 7}
    return {**body, **more}


def problem(kind: str, status: int, **more: Any) -> Response:
    """Return the response of a refusal."""
    return status, json.dumps({"type": f"/problems/{kind}", "definitive": True, **more})


class Cut(Exception):
    """If serve raises it, the connection ends without an answer."""


class Node:
    """The address of a fake node, and the paths, credentials and client certificates of its requests."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.paths: List[str] = []
        self.credentials: List[Optional[str]] = []  # values of the Authorization header
        self.principals: List[str] = []  # the common names of the client certificates; "": none
        self.headers: Dict[str, str] = {}  # more headers of each answer


@contextmanager
def serving(serve: Serve, tls: bool = False) -> Iterator[Node]:
    """Run a fake node. Its answer at /v1/watch is a stream. With tls it takes a client certificate if there is one."""

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
            node.credentials.append(self.headers["Authorization"])
            node.principals.append(self.principal())
            node.paths.append(path)
            try:
                status, text = serve(path, body)
            except Cut:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in node.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def principal(self) -> str:
            certificate: Any = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
            return str(dict(part[0] for part in (certificate or {}).get("subject", ())).get("commonName", ""))

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    node = Node(f"{'https://' if tls else ''}127.0.0.1:{server.server_address[1]}")
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version, context.verify_mode = ssl.TLSVersion.TLSv1_3, ssl.CERT_OPTIONAL
        context.load_verify_locations(PKI / "client-ca.crt")
        context.load_cert_chain(PKI / "node.crt", PKI / "node.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield node
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Leases:
    """Leases, queues and withdrawn attempts, as a node has them, without time.

    answers has functions that answer some verbs instead.
    """

    def __init__(self, **answers: Serve) -> None:
        self.requests: List[Dict[str, Any]] = []  # bodies, with "verb" and "name"
        self.answers: Dict[str, Serve] = dict(answers)
        self._changed = threading.Condition()
        self._holds: Dict[str, List[Dict[str, Any]]] = {}
        self._queues: Dict[str, List[Dict[str, Any]]] = {}
        self._withdrawn: List[str] = []
        self._token = 0

    def __call__(self, path: str, body: Dict[str, Any]) -> Response:
        name, verb = _parts(path)
        with self._changed:
            self.requests.append({**body, "verb": verb, "name": name})
            self._changed.notify_all()
        return self.answers[verb](name, body) if verb in self.answers else self.serve(verb, name, body)

    def serve(self, verb: str, name: str, body: Dict[str, Any]) -> Response:
        """Process a request."""
        with self._changed:
            response: Response = getattr(self, "_" + verb.replace("-", "_"))(name, body)
            self._changed.notify_all()
            return response

    def verbs(self) -> List[str]:
        """Return the verbs of the requests, in order."""
        return [a["verb"] for a in self.requests]

    def of(self, verb: str) -> List[Dict[str, Any]]:
        """Return the requests of one kind."""
        return [a for a in self.requests if a["verb"] == verb]

    def holders(self, name: str) -> List[str]:
        """Return the sessions that hold a lease."""
        return [h["session"] for h in self._holds.get(name, [])]

    def end(self, name: str) -> Any:
        """End the holds of a name, as an operator's break does. It returns None."""
        with self._changed:
            self._holds[name] = []
            self._changed.notify_all()

    def wait_for(self, true: Callable[[], bool]) -> None:
        """Wait until a request has made a condition true."""
        with self._changed:
            assert self._changed.wait_for(true, 60), "the condition did not become true"

    def queued(self, name: str) -> int:
        """Return how many waiters a lease has."""
        return len(self._queues.get(name, []))

    def _acquire(self, name: str, body: Dict[str, Any]) -> Response:
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

    def _get(self, name: str, _body: Dict[str, Any]) -> Response:
        return 200, json.dumps(self._state(name))

    def _renew(self, name: str, body: Dict[str, Any]) -> Response:
        for h in self._holds.get(name, []):
            if (h["session"], h["token"]) == (body["session"], body["token"]):
                return 200, json.dumps(self._grant(h, name))
        return problem("not-holder", 409, lost=True)

    def _renew_all(self, _name: str, body: Dict[str, Any]) -> Response:
        only = [(l["name"], l["token"]) for l in body.get("leases", [])]
        renewed = [
            self._grant(h, name) for name, holds in self._holds.items() for h in holds
            if h["session"] == body["session"] and (not only or (name, h["token"]) in only)
        ]
        if not renewed and not only:
            return problem("not-holder", 409, lost=True)
        return 200, json.dumps({"leases": renewed, "waited_ms": 0, "revision": 7})

    def _release(self, name: str, body: Dict[str, Any]) -> Response:
        if "attempt" in body:
            self._withdrawn.append(body["attempt"])
        key = "attempt" if "attempt" in body else "token"
        holds = self._holds.get(name, [])
        left = [h for h in holds if h["session"] != body["session"] or h[key] != body[key]]
        self._holds[name] = left
        return 200, json.dumps({"was_held": len(left) < len(holds)} if key == "token" else {})

    def _acquire_all(self, _name: str, body: Dict[str, Any]) -> Response:
        names, session = body["names"], body["session"]
        blocking = [name for name in names if self._holds.get(name) and self.holders(name) != [session]]
        if blocking:
            return problem("held", 409, leases=[self._state(name) for name in blocking])
        leases = []
        for name in names:
            if not self._holds.get(name):
                self._token += 1
                self._holds[name] = [{**body, "token": self._token, "slot": 0}]
            leases.append({"name": name, "token": self._holds[name][0]["token"], "slot": 0})
        shared = grant("", ttl_ms=body["ttl_ms"], expires_in_ms=body["ttl_ms"], holder=body["holder"], leases=leases)
        return 201, json.dumps({key: shared[key] for key in shared if key not in ("name", "token")})

    def _release_all(self, _name: str, body: Dict[str, Any]) -> Response:
        released = []
        for name, holds in self._holds.items():
            released += [{"name": name, "token": h["token"]} for h in holds if h["session"] == body["session"]]
            self._holds[name] = [h for h in holds if h["session"] != body["session"]]
        return 200, json.dumps({"released": released, "left": [], "revision": 7})


def _parts(path: str) -> Tuple[str, str]:
    """Return the name and the verb of a path."""
    for_all = {"/v1/acquire": "acquire-all", "/v1/sessions/renew": "renew-all", "/v1/sessions/release": "release-all"}
    if path in for_all:
        return "", for_all[path]
    name, verb = ([unquote(part) for part in path.split("/")] + ["get"])[3:5]
    return name, verb
