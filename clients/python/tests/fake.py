"""A node that says what a test wants it to say."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, Iterator, List, Tuple

Said = Tuple[int, str]  # status and body
Serve = Callable[[str, Dict[str, Any]], Said]  # by path and body


def grant(name: str, **more: Any) -> Dict[str, Any]:
    """Return what a node says of a hold of this name."""
    said = {"name": name, "holder": "h", "token": 7, "ttl_ms": 60000, "expires_in_ms": 59940, "waited_ms": 0, "revision": 7}
    return {**said, **more}


def problem(kind: str, status: int, **more: Any) -> Said:
    """Return a refusal."""
    return status, json.dumps({"type": f"/problems/{kind}", "definitive": True, **more})


class Node:
    """Where it listens, and the paths that it was asked for."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: List[str] = []


@contextmanager
def serving(serve: Serve) -> Iterator[Node]:
    """Run a node; what it says at /v1/watch is a stream."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer({})

        def do_POST(self) -> None:
            self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def answer(self, body: Dict[str, Any]) -> None:
            path = self.path.partition("?")[0]
            node.asked.append(path)
            status, said = serve(path, body)
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
