"""Where a connection server is, and by which papers it and the bench know each other: the line to it, http or https.

An operator's server is reached over a closed line with a client certificate. Its own certificate is trusted by the CA
file that the operator handed out, and by that file alone: what the host trusts otherwise has no say (pinning). Files
are named relative to the rig file.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import requests

from bench.errors import InputError

_PORTS: Final = {"http": 80, "https": 443}
EXPECTED: Final = "http://HOST:PORT or https://HOST:PORT"


@attrs.frozen(slots=True)
class Papers:
    """The CA that vouches for the server, and the bench's own certificate with its key; all PEM files."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 at least, the server's name and certificate checked. InputError where a file is none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _loaded(self.ca, "a CA certificate (PEM)", lambda: context.load_verify_locations(self.ca))
        if (own := self.certificate) is not None:
            _loaded(own, "a certificate and its key (PEM)", lambda: context.load_cert_chain(own, self.key or own))
        return context


@attrs.frozen(slots=True)
class Line:
    """``base`` is the URL without a slash at its end; ``host``, ``tcp_port`` and ``path`` are its parts."""

    base: str
    host: str
    tcp_port: int
    path: str
    papers: Papers | None = None

    @classmethod
    def of(cls, name: str, resource: Any, beside: Path) -> Line:
        """By a rig file's resource (``url``, ``ca``, ``certificate``, ``key``), whose files are relative to ``beside``.

        InputError for a URL that is none, or https without a CA to trust.
        """
        url = urlsplit(resource.url)
        try:
            tcp_port = url.port or _PORTS[url.scheme]
        except (KeyError, ValueError):
            tcp_port = 0
        if not tcp_port or not url.hostname:
            raise InputError(f"{name}: url {resource.url!r}; expected {EXPECTED}")
        given = [beside / file if file else None for file in (resource.ca, resource.certificate, resource.key)]
        ca, certificate, key = given
        papers = None
        if url.scheme == "https":
            if ca is None:
                raise InputError(
                    f"{name}: https without a 'ca'; expected the file of the CA that vouches for the server"
                )
            papers = Papers(ca, certificate, key)
            papers.context()
        elif any(given):
            raise InputError(f"{name}: certificates with {url.scheme}; expected an https URL")
        return cls(resource.url.rstrip("/"), url.hostname, tcp_port, url.path.rstrip("/"), papers)

    def session(self) -> requests.Session:
        """For requests, each on a connection of its own: on a kept one that the server has just closed, nobody could
        tell whether the request was taken. A proxy setting of the host does not reach into the lab."""
        session = requests.Session()
        session.trust_env = False
        session.headers["Connection"] = "close"
        if self.papers is not None:
            session.verify = str(self.papers.ca)
            own, key = self.papers.certificate, self.papers.key
            session.cert = None if own is None else (str(own), str(key or own))
        return session


def _loaded(file: Path, expected: str, load: Any) -> None:
    try:
        load()
    except (OSError, ssl.SSLError) as error:
        why = error.strerror if isinstance(error, FileNotFoundError) else "not readable as such"
        raise InputError(f"{file}: {why}; expected {expected}") from None
