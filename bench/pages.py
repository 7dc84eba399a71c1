"""Who may see a page of the bench: on loopback whoever sits at the host, on any other address who has the token.

A page shows what a laboratory does, and the operator's one confirms tasks; so none is open to a network by itself. On
loopback a page from elsewhere that a browser was led to has another host in its address, and is refused.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from bench.errors import InputError

if TYPE_CHECKING:
    from starlette.requests import Request

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
BEAT_S: Final = 5.0
"""Between two signs of life of an event stream: a page that hears none knows that it is alone."""


def may_see(request: Request, token: str | None) -> bool:
    """Whether a request carries the token; without one, whether it asks for this host by one of its own names."""
    if token is not None:
        return secrets.compare_digest(request.query_params.get("token", "").encode(), token.encode())
    return (request.url.hostname or "") in LOOPBACK


def address(text: str, option: str) -> tuple[str, int]:
    """``HOST:PORT``; ``InputError`` where it is none."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise InputError(f"{option} {text}: expected HOST:PORT")
    return host.strip("[]"), int(port)


def token_for(host: str, given: str | None) -> str | None:
    """The token that a page at ``host`` wants: the given one, a made up one, or none on loopback."""
    return given or (None if host in LOOPBACK else secrets.token_urlsafe(16))


def url_of(host: str, port: int, token: str | None) -> str:
    """Where the page is, token included."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/" + (f"?token={quote(token)}" if token else "")
