"""Joining as the air shows it: the EAPOL of all supplicants followed across frames, TLS put together, keys learned.

EAPOL comes over MPX between neighbours and once more in relay datagrams between a parent and the border router; both
are the same conversation with one supplicant, which is what is followed here.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeAlias

from bench.air.frozen import frozen
from bench.air.ip import packet as ipv6
from bench.air.ip.packet import Packet
from bench.air.keys.eapol import EAP_TLS, Eap, Eapol, EapolRelay, KeyFrame, decode_eap_tls, tls_records
from bench.air.keys.handshake import Handshakes, KeyMessage, from_supplicant
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import MacFrame

_LARGEST_FLIGHT: Final = 1 << 17
"""Octets of the longest TLS flight collected; an EAP-TLS length field may announce 4 GiB."""
_FLIGHTS: Final = 256

_Way: TypeAlias = "tuple[bytes | None, bytes | None, int]"
"""Sender and addressee (a relayed one's supplicant), and EAP code: request or response."""


@frozen
class _Flight:
    """Fragments so far: the last one's EAP identifier and octets, all octets, and whether it was the flight's last."""

    identifier: int = -1
    last: bytes = b""
    octets: bytes = b""
    done: bool = True


@frozen
class Progress:
    """What an EAPOL frame brought: an EAPOL-Key message read, or the TLS records of the flight that it completes."""

    key_message: KeyMessage | None = None
    tls: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """For people: "MIC ok, GTK index 1"; "" where there is nothing to say."""
        message = self.key_message
        if message is None or message.mic not in ("ok", "bad"):
            return ""
        return ", ".join((f"MIC {message.mic}", *(f"GTK of index {key.index}" for key in message.group_keys)))


class KmpFollower:
    """Follows the joins of one capture, in its order; GTKs that a handshake hands out are learned into ``keys``."""

    def __init__(self, keys: KeyTable) -> None:
        self._keys = keys
        self._handshakes = Handshakes(keys.pmks)
        self._flights: OrderedDict[_Way, _Flight] = OrderedDict()

    def know(self, pmks: tuple[bytes, ...]) -> None:
        """More PMKs, for the handshakes from here on."""
        self._handshakes.know(pmks)

    def heard_authenticator(self, eui64: bytes) -> None:
        """An EA-IE names the authenticator."""
        self._handshakes.heard_authenticator(eui64)

    def follow(
        self, pdu: Eapol, mac: MacFrame, packet: Packet | None, relay: EapolRelay | None, time_ns: int | None = None
    ) -> Progress:
        """One EAPOL PDU, of ``mac``'s payload or of the ``relay`` datagram in ``packet``; ``time_ns``: when it was
        heard. Raises `errors.Malformed`."""
        if pdu.key is not None:
            message = self._key_frame(pdu.version, pdu.key, mac, packet, relay)
            for group_key in message.group_keys if message is not None and message.mic == "ok" else ():
                self._keys.learn(group_key, time_ns)
            return Progress(message)
        if pdu.eap is not None and pdu.eap.type == EAP_TLS:
            return Progress(tls=self._flight(pdu.eap, mac, relay))
        return Progress()

    def _key_frame(
        self, version: int, key: KeyFrame, mac: MacFrame, packet: Packet | None, relay: EapolRelay | None
    ) -> KeyMessage | None:
        upward = from_supplicant(key)
        supplicant = relay.supplicant if relay else mac.src if upward else mac.dst
        sender = ipv6.eui64_of(ipv6.innermost(packet).src) if relay and packet else mac.src
        if supplicant is None or sender is None or len(supplicant) != 8:
            return None
        if not upward and len(sender) == 8:
            self._handshakes.heard_authenticator(sender)
        return self._handshakes.open(version, key, supplicant)

    def _flight(self, eap: Eap, mac: MacFrame, relay: EapolRelay | None) -> tuple[str, ...]:
        """Names of the TLS records of a flight (RFC 5216, 2.1.5), at its last fragment.

        A fragment with the identifier of the one before is that one again; L stands in a flight's first."""
        tls = decode_eap_tls(eap)
        key = (*((relay.supplicant, None) if relay else (mac.src, mac.dst)), eap.code)
        before = self._flights.pop(key, _Flight())
        if before.identifier == eap.identifier and before.last == tls.data:
            self._flights[key] = before
            return ()
        octets = tls.data if tls.total is not None or before.done else before.octets + tls.data
        done = not tls.more or len(octets) > _LARGEST_FLIGHT
        self._flights[key] = _Flight(eap.identifier, tls.data, b"" if done else octets, done)
        if len(self._flights) > _FLIGHTS:
            self._flights.popitem(last=False)
        return tls_records(octets) if done else ()
