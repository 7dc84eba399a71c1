"""SCPI lines through VISA, for instruments that are no raw socket: USB-TMC, GPIB, VXI-11, HiSLIP (labgrid.md 4.1).

pyvisa opens whatever its backend knows; the backend is pyvisa-py unless the rig file names another (a vendor's library:
``""``). The instrument's side of a session is pyvisa's; what is done about it here, beside what every session does
(`devices.wires.session`):

* A new session begins with a device clear: what the instrument still had to say dies with the old one.
* pyvisa raises a dozen classes, some of them bare: each becomes one line that names the port.

A watchdog that needs VISA to make an output safe depends on pyvisa, on its backend and on memory for both; a raw socket
depends on none (`devices.wires.scpi`). Where an instrument has both, the rig file should name the socket.
"""

from __future__ import annotations

import contextlib
from typing import Any

from devices.wires.session import ANSWER_S, Fits, ScpiSession, SessionLost, Transcript, unheard


class VisaTransport(ScpiSession):
    """One instrument by its VISA resource name, such as ``USB0::0x1ab1::0x0e11::DP8C123::INSTR``."""

    def __init__(
        self,
        name: str,
        resource: str,
        backend: str = "@py",
        answer_s: float = ANSWER_S,
        transcript: Transcript = unheard,
    ) -> None:
        super().__init__(name, answer_s, transcript)
        self._resource, self._backend = resource, backend
        self._session: Any = None

    @property
    def is_open(self) -> bool:
        return self._session is not None

    def _begin(self) -> None:
        import pyvisa  # 0.1 s, and only where an instrument is reached so

        try:
            manager = pyvisa.ResourceManager(self._backend)
            session: Any = manager.open_resource(
                self._resource, open_timeout=round(self._answer_s * 1000), timeout=self._answer_s * 1000
            )
            session.read_termination = session.write_termination = "\n"
            self._session = session
            with contextlib.suppress(Exception):  # raw sockets know no device clear
                session.clear()
        except Exception as error:
            self._end()
            raise SessionLost(f"{self.name}: {self._resource}: cannot be opened ({_short(error)})") from None

    def _end(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(Exception):
                session.close()

    def _send(self, command: str) -> None:
        try:
            self._session.write(command)
        except Exception as error:
            raise self._lost(f"{command!r} could not be sent ({_short(error)})") from None

    def _answer(self, command: str, fits: Fits) -> str:
        try:
            answer = str(self._session.read()).strip()
            if not fits(answer):
                with contextlib.suppress(Exception):  # nothing better comes: this one is told
                    answer = str(self._session.read()).strip()
        except Exception as error:
            raise self._lost(f"no answer to {command!r} ({_short(error)})") from None
        self._transcript("<", answer)
        return answer


def _short(error: Exception) -> str:
    """An error in a few words: pyvisa's own texts run over lines."""
    return (str(error).split("\n")[0].split(":")[0] or type(error).__name__)[:120]
