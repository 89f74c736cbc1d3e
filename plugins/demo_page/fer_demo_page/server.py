"""The web server: serves its own page and two kinds of requests, rejects other sites, and keeps and logs nothing."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import sys
import threading
from errno import EACCES, EADDRINUSE
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from fer_plugins.runtime.activity import spoken
from fer_plugins.runtime.errors import InputError, RunError, one_line

if TYPE_CHECKING:
    from fer_demo_page.answers import Answers

LARGEST = 20_000_000  # maximum bytes of a picture
WAITING = 4  # maximum pictures in memory; further ones are rejected
PAGE = Path(__file__).parent / "page"
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/drawing.js": ("drawing.js", "text/javascript; charset=utf-8"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class DemoServer(ThreadingHTTPServer):
    """HTTP server that listens at once, so that a port in use is reported before the network is loaded.

    Args:
        host: name or address of this machine.
        port: port number; 0 picks a free one.

    Raises:
        InputError: it cannot listen at this address.
    """

    daemon_threads = True  # Ctrl-C does not wait for a browser

    def __init__(self, host: str, port: int) -> None:
        self.host, self.loopback, self.places = host, _is_loopback(host), threading.BoundedSemaphore(WAITING)
        try:
            self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            super().__init__((host, port), _Request)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "not the name of a machine"
            if isinstance(error, OSError) and error.errno in (EADDRINUSE, EACCES):
                raise InputError(f"--port {port}: {reason.lower()}; --port 0 takes a free one") from None
            raise InputError(
                f"--host {host}: {reason.lower()}; give an address of this machine, or leave it out"
            ) from None

    @property
    def url(self) -> str:
        """The address of the page."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.server_address[1]}"

    def serve(self, answers: Answers, run: dict[str, Any]) -> None:
        """Set what is served: answers about pictures, and facts about the run."""
        self.answers, self.run = answers, json.dumps(run).encode()

    def is_own(self, authority: str) -> bool:
        """Return whether the header Host names this server, not a foreign name that resolves to it (DNS rebinding)."""
        try:
            name = urlsplit(f"//{authority}").hostname or ""
        except ValueError:
            return False
        if name in ("localhost", self.host.lower()):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return not self.loopback and name == socket.gethostname().lower()
        return address.is_loopback or not self.loopback

    def service_actions(self) -> None:
        """Keep the line with the page's address last in the terminal."""
        spoken()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error in one line; a disconnected browser is not an error."""
        error = sys.exception()
        if not isinstance(error, OSError):
            report(error)


class _Request(BaseHTTPRequestHandler):
    server: DemoServer
    protocol_version = "HTTP/1.1"  # camera frames share one connection
    server_version, sys_version = "fer-demo", ""
    timeout = 30  # seconds without a byte

    def do_GET(self) -> None:
        """Send a file of the page, or the facts about the run."""
        if not self._is_allowed():
            return
        path = urlsplit(self.path).path
        if path == "/api/run":
            self._send(HTTPStatus.OK, self.server.run)
        elif path in FILES:
            name, kind = FILES[path]
            self._send(HTTPStatus.OK, (PAGE / name).read_bytes(), kind)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "no such page")

    def do_POST(self) -> None:
        """Answer a request about the picture in the body."""
        self.close_connection = True  # until the body has been read
        if not self._is_allowed():
            return
        url = urlsplit(self.path)
        if url.path not in ("/api/predict", "/api/saliency"):
            return self._refuse(HTTPStatus.NOT_FOUND, "no such page")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            return self._refuse(HTTPStatus.LENGTH_REQUIRED, "send the picture with its length")
        if len(length) > 12 or int(length) > LARGEST:  # int() rejects thousands of digits
            size = f"{LARGEST // 10**6} MB"
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"this picture is larger than {size}; shrink it")
        if not self.server.places.acquire(blocking=False):
            return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "other pictures are being read; try again")
        try:
            body = self.rfile.read(int(length))
            self.close_connection = len(body) < int(length)
            self._answer(url.path, dict(parse_qs(url.query)), body)
        finally:
            self.server.places.release()

    def _answer(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        def value(name: str) -> str:
            return query.get(name, ["0"])[0]

        answers = self.server.answers
        try:
            if path == "/api/predict":
                answer = answers.predict(body, frame=value("frame") == "1", whole=value("whole") == "1")
            else:
                label = int(value("class")) if value("class").isdecimal() else -1
                answer = answers.explain(body, method=value("method"), label=label)
        except (InputError, RunError) as error:
            return self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, one_line(error))
        except Exception as error:  # anything raised by a plug-in's network; the page continues
            report(error)
            return self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, f"the network fails: {type(error).__name__}")
        self._send(HTTPStatus.OK, json.dumps(answer).encode())

    def _is_allowed(self) -> bool:
        """Reject requests from other sites: a script that reached this server by another name, or posts to it."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if self.server.is_own(host) and origin in (None, f"http://{host}"):
            return True
        self.close_connection = True
        self._refuse(HTTPStatus.FORBIDDEN, f"open {self.server.url}; other sites may not ask")
        return False

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._send(status, json.dumps({"error": message}).encode())

    def _send(self, status: HTTPStatus, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        for name, text in {**HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, text)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: Any) -> None:
        """Log nothing: neither who asked nor what."""


def _is_loopback(host: str) -> bool:
    """Return whether a name or address is reachable only from this machine."""
    try:
        return all(
            ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_loopback
            for entry in socket.getaddrinfo(host, None)
        )
    except (OSError, UnicodeError):
        return False


def report(error: BaseException | None) -> None:
    """Print an error in one line; with ``FER_DEBUG=1`` also its traceback."""
    if os.environ.get("FER_DEBUG") == "1" and error is not None:
        import traceback

        traceback.print_exception(error)
    print(f"fer demo: {type(error).__name__}: {' '.join(str(error).split())[:200]}", file=sys.stderr, flush=True)
