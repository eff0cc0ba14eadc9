"""A webhook and a healthcheck on this machine's loopback, which note what comes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

POLL_S = 0.02


@dataclass
class Receiver:
    """What came. ``status``: what it answers."""

    port: int
    status: int = 200
    got: list[tuple[str, str, str]] = field(default_factory=list)
    """(path, title, message) of each call; a ping has no title."""

    @property
    def titles(self) -> list[str]:
        return [title for _, title, _ in self.got if title]

    @property
    def pings(self) -> int:
        return sum(1 for path, _, _ in self.got if path == "/ping")


@contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.note(data["title"], data["message"])

        def do_GET(self) -> None:
            self.note("", "")

        def note(self, title: str, message: str) -> None:
            made.got.append((self.path, title, message))
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Receiver(server.server_address[1])
    threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
