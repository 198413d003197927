"""An authority for time stamps on this machine: `openssl ts` behind a small HTTP server, with its own certificate."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

_SETTINGS = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
[cert]
distinguished_name = name
x509_extensions = stamping
prompt = no
[name]
CN = An authority of the tests
[stamping]
extendedKeyUsage = critical,timeStamping
keyUsage = critical,digitalSignature
basicConstraints = CA:true
"""


@dataclass
class Authority:
    """An authority.

    Attributes:
        url: its address. certificate: its own.
        answer: what it answers instead of a stamp; None: a stamp. status: of its answers.
        asked: the requests that it got.
    """

    folder: Path
    url: str = ""
    answer: bytes | None = None
    status: int = 200
    asked: list[bytes] = field(default_factory=list)

    @property
    def certificate(self) -> Path:
        """The file of its certificate."""
        return self.folder / "cert.pem"

    def stamp(self, request: bytes) -> bytes:
        """The response to a request."""
        (self.folder / "request.tsq").write_bytes(request)
        command = ["ts", "-reply", "-config", "tsa.cnf", "-queryfile", "request.tsq", "-signer", "cert.pem"]
        _openssl(self.folder, *command, "-inkey", "key.pem", "-out", "response.tsr")
        return (self.folder / "response.tsr").read_bytes()


@contextmanager
def open_authority(folder: Path) -> Iterator[Authority]:
    """An authority that answers while the context is open."""
    (folder / "tsa.cnf").write_text(_SETTINGS.format(folder=folder))
    (folder / "serial").write_text("01")
    new = ["req", "-x509", "-config", "tsa.cnf", "-section", "cert", "-newkey", "ec", "-pkeyopt"]
    more = ["ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2"]
    _openssl(folder, *new, *more)
    authority = Authority(folder)

    class Handler(BaseHTTPRequestHandler):
        """Answers requests for time stamps."""

        def do_POST(self) -> None:
            """Answers one request."""
            request = self.rfile.read(int(self.headers["content-length"]))
            authority.asked.append(request)
            answer = authority.stamp(request) if authority.answer is None else authority.answer
            self.send_response(authority.status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        authority.url = f"http://127.0.0.1:{server.server_port}/stamp"
        try:
            yield authority
        finally:
            server.shutdown()
            thread.join()


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
