"""One object behind as much of S3's protocol as a reader needs, on a server that cuts connections in the body."""

import hashlib
import os
import re
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from botocore.config import Config

from xml_rebuild.source import Source


@dataclass(frozen=True)
class Cut:
    """The body ends after `sent` bytes: with the connection closed, or reset."""

    sent: int
    reset: bool = False


@dataclass
class CuttingS3:
    """`answers` holds what the next GETs do, None for the whole body; when it is used up, nothing is cut any more.
    `left` is set when a reader closes its connection in the body.

    `served` lists, for each body, its first byte's place and how many bytes were sent.
    """

    content: bytes
    answers: Iterator[Cut | None] = field(default_factory=lambda: iter(()))
    ranges: bool = True
    conditions: bool = True
    served: list[tuple[int, int]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"'

    def source(self) -> Source:
        return Source("s3://made/in/a b?#é.xml", len(self.content), self.etag)

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="made",
            aws_secret_access_key="made",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )


@contextmanager
def serving(content: bytes, answers: Iterable[Cut | None] = ()) -> Iterator[CuttingS3]:
    """The server's state while it runs."""
    state = CuttingS3(content, iter(answers))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: CuttingS3

    def do_GET(self) -> None:
        state = self.state
        if state.conditions and self.headers["If-Match"] not in (None, state.etag):
            return self._refuse(412, "PreconditionFailed")
        start, stop = self._range()
        if state.ranges and self.headers["Range"]:
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(state.content)}")
        else:
            self.send_response(200)
        self.send_header("ETag", state.etag)
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        self._send(start, stop, next(state.answers, None))

    def _range(self) -> tuple[int, int]:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
        if asked and self.state.ranges:
            return int(asked[1]), int(asked[2]) + 1
        return 0, len(self.state.content)

    def _send(self, start: int, stop: int, cut: Cut | None) -> None:
        end = stop if cut is None else min(start + cut.sent, stop)
        self.state.served.append((start, end - start))
        try:
            self.wfile.write(memoryview(self.state.content)[start:end])
        except ConnectionError:
            self.state.left.set()
        if end < stop:
            self.close_connection = True
            if cut and cut.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                os.close(self.connection.detach())

    def _refuse(self, status: int, code: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>made</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass
