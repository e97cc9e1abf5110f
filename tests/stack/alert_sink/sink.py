"""A sink for alerts: takes Alertmanager's webhooks and mails, and shows what came.

HTTP on 8000: POST keeps the body; GET gives {"notices": [webhook bodies], "mails": [texts]}. SMTP on 2525 (RFC 5321,
without TLS or login).
"""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CAME: dict[str, list[Any]] = {"notices": [], "mails": []}


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted, and shows all that was kept."""

    def do_POST(self) -> None:
        CAME["notices"].append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(json.dumps(CAME).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


async def take_mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One SMTP session; any sender, recipient and text will do."""
    writer.write(b"220 sink\r\n")
    while line := await reader.readline():
        verb = line.split()[0].upper() if line.split() else b""
        if verb == b"DATA":
            writer.write(b"354 end with a dot\r\n")
            CAME["mails"].append((await reader.readuntil(b"\r\n.\r\n")).decode(errors="replace"))
        writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
        await writer.drain()
        if verb == b"QUIT":
            break
    writer.close()


async def main() -> None:
    """Serve both until the container is stopped."""
    http = ThreadingHTTPServer(("", 8000), Hook)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    async with await asyncio.start_server(take_mail, "", 2525) as smtp:
        await smtp.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
