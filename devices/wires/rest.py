"""JSON over HTTP, one connection a request: for servers that answer at once and are asked seldom.

A connection of its own for each request, because on a kept one that the server has just closed nobody could tell
whether the request was taken. What is harmless to ask twice is asked again for as long as the rig waits for a port; the
gap is recorded by whoever owns the port.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final

import requests
from urllib3.exceptions import NewConnectionError

from bench.drive.clock import Clock
from bench.errors import BenchError

ANSWER_S: Final = 5.0
"""Real seconds before the server counts as dead; it answers at once."""


class RestRefused(BenchError):
    """The server answered, and the answer is no. ``status`` is HTTP's."""

    def __init__(self, message: str, status: int, why: str) -> None:
        super().__init__(message)
        self.status, self.why = status, why


class Rest:
    """One server at ``base``, a URL without a slash at its end, as the port ``port`` of a rig on ``clock``."""

    def __init__(self, port: str, base: str, session: requests.Session, clock: Clock) -> None:
        self._port, self._url, self._session, self._clock = port, base, session, clock

    def close(self) -> None:
        self._session.close()

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, harmless: bool = False
    ) -> dict[str, Any]:
        """One request and its answer. ``RestRefused`` when the server says no, ``BenchError`` when it says nothing.

        ``harmless``: may be asked again where it is not known whether it was taken.
        """
        self._clock.pump.exchange(self._port)
        try:
            return self._once(method, path, body)
        except _NoAnswer as error:
            failed = error
        for _moment in self._clock.moments(self._port) if harmless or not failed.sent else ():
            try:
                return self._once(method, path, body)
            except _NoAnswer as error:
                failed = error
                if error.sent and not harmless:
                    break
        raise failed

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        try:
            response = self._session.request(method, self._url + path, json=body, timeout=ANSWER_S)
            answer = response.json()
            if not isinstance(answer, dict):
                raise ValueError("no object")
        except (requests.RequestException, ValueError, RecursionError) as error:
            why = tls_words(error)
            said = f"{self._port}: no answer to {method} {path}{f': {why}' if why else ''}"
            raise _NoAnswer(said, not _never_sent(error)) from None
        if not response.ok:
            why = str(answer.get("error", response.status_code))
            raise RestRefused(f"{self._port}: {method} {path} refused: {why}", response.status_code, why)
        return answer


class _NoAnswer(BenchError):
    """No answer to a request. ``sent``: the server may have taken it."""

    def __init__(self, message: str, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


def _never_sent(error: Exception) -> bool:
    """Whether the connection itself failed (requests wraps urllib3's reason twice)."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def tls_words(error: Exception) -> str:
    """What went wrong between two certificates, in words of the field; empty for what is no such error."""
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        reason = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        return f"its certificate is not vouched for by the CA file ({reason or 'certificate verify failed'})"
    if any(word in text for word in ("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA")):
        return "it does not take the bench's certificate"
    if isinstance(error, ssl.SSLError | requests.exceptions.SSLError):
        return "TLS fails"
    return ""
