"""PANA (RFC 5191) between terminal (PaC) and smart meter (PAA), over whatever carries messages between them.

The result of both is the network key: sent in the last request, wrapped (RFC 3394) under a key of the session, in an
AVP of the vendor number that is reserved for examples (RFC 5612). That AVP is a stand-in.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import attrs
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from bench.air.app import pana, pana_keys
from bench.air.app.pana import Avp, Code, Flag, MessageType
from bench.air.errors import Malformed
from bench.air.keys.eapol import Eap, EapCode, encode_eap
from bench.records import NS_PER_S
from bench.twin.core.kernel import Call
from bench.twin.mesh.agenda import Agenda
from bench.twin.radio.han import eap

EXAMPLE_VENDOR: Final = 32473
"""RFC 5612: for use in documentation and examples."""
KEY_AVP: Final = 1
WRAP_LABEL: Final = b"kenshin stand-in network key"
KEY_ID: Final = 1
NONCE_OCTETS: Final = 20
LIFETIME_S: Final = 30 * 86400
"""Session lifetime that is offered; the twin lets no session end by it (own choice)."""
RETRY_NS: Final = 1 * NS_PER_S
RETRIES: Final = 4
"""First retransmission after 1 s (RFC 5191 section 9: PCI_IRT, REQ_IRT), doubling; then the other side is gone."""
_ALGORITHMS: Final = (
    pana.number_avp(Code.PRF_ALGORITHM, pana.Prf.HMAC_SHA2_256),
    pana.number_avp(Code.INTEGRITY_ALGORITHM, pana.Integrity.HMAC_SHA2_256_128),
)

Send = Callable[[pana.Message], None]


class _Repeated:
    """A message that goes out again until something comes back."""

    def __init__(self, agenda: Agenda, send: Send, given_up: Callable[[], None]) -> None:
        self._agenda, self._send, self._given_up = agenda, send, given_up
        self._call: Call | None = None

    def start(self, message: pana.Message) -> None:
        self.stop()
        self._again(message, RETRY_NS, RETRIES)

    def stop(self) -> None:
        if self._call is not None:
            self._call.cancel()

    def _again(self, message: pana.Message, wait_ns: int, left: int) -> None:
        self._send(message)
        if left:
            self._call = self._agenda.after(wait_ns, lambda: self._again(message, 2 * wait_ns, left - 1))
        else:
            self._call = self._agenda.after(wait_ns, self._given_up)


class Client:
    """The terminal's side (PaC). ``joined(network key, EUI-64 of the smart meter)`` or ``failed()`` ends it."""

    def __init__(
        self,
        agenda: Agenda,
        rng: random.Random,
        eui64: bytes,
        password: str,
        send: Send,
        joined: Callable[[bytes, bytes], None],
        failed: Callable[[], None],
    ) -> None:
        self._agenda, self._rng, self._eui64, self._password = agenda, rng, eui64, password
        self._send, self._joined, self._failed = send, joined, failed
        self._asking = _Repeated(agenda, send, self._give_up)
        self._pinging = _Repeated(agenda, send, self._give_up)
        self.reset()

    def reset(self) -> None:
        """RAM is gone, or a new session begins."""
        self._asking.stop()
        self._pinging.stop()
        self._session: int | None = None
        self._peer = eap.Peer(self._rng, self._eui64, self._password)
        self._request = self._answer = b""
        self._agent_nonce, self._nonce = b"", self._rng.randbytes(NONCE_OCTETS)
        self._answered: tuple[int, pana.Message] | None = None
        self._auth_key: bytes | None = None
        self._ping_sequence = self._rng.randrange(1 << 32)

    def start(self) -> None:
        """Ask for a session."""
        self.reset()
        self._asking.start(pana.Message(MessageType.CLIENT_INITIATION))

    def ping(self) -> None:
        """Ask whether the session still stands; ``failed`` where nobody says so."""
        if self._auth_key is None or self._session is None:
            return
        self._ping_sequence = (self._ping_sequence + 1) & 0xFFFFFFFF
        flags = Flag.REQUEST | Flag.PING
        blank = pana.Message(MessageType.NOTIFICATION, flags, self._session, self._ping_sequence)
        self._pinging.start(signed(blank, self._auth_key))

    def hear(self, message: pana.Message) -> None:
        """A message of the smart meter."""
        if message.type == MessageType.NOTIFICATION and not message.request:
            if (
                self._auth_key is not None
                and message.sequence == self._ping_sequence
                and verified(message, self._auth_key)
            ):
                self._pinging.stop()
            return
        if message.type != MessageType.AUTH or not message.request:
            return
        if message.flags & Flag.START:
            self._begin(message)
        elif message.session == self._session:
            self._go_on(message)

    def _begin(self, message: pana.Message) -> None:
        if self._session not in (None, message.session):
            return
        self._asking.stop()
        answer = pana.Message(MessageType.AUTH, Flag.START, message.session, message.sequence, _ALGORITHMS)
        self._session, self._request, self._answer = message.session, pana.build(message), pana.build(answer)
        self._send(answer)

    def _go_on(self, message: pana.Message) -> None:
        if self._answered is not None and self._answered[0] == message.sequence:
            self._send(self._answered[1])
            return
        asked = message.eap
        try:
            if message.flags & Flag.COMPLETE:
                self._complete(message)
            elif asked is not None:
                self._say(message, self._peer.answer(asked), message.nonce)
        except (eap.RefusedError, Malformed):
            self._give_up()

    def _say(self, message: pana.Message, answer: Eap, nonce: bytes | None) -> None:
        avps: tuple[Avp, ...] = (_eap(answer),)
        if nonce is not None:
            self._agent_nonce = nonce
            avps = (Avp(Code.NONCE, self._nonce), *avps)
        self._reply(message, pana.Message(MessageType.AUTH, 0, message.session, message.sequence, avps))

    def _complete(self, message: pana.Message) -> None:
        """The last request: the key, if it is proved that the smart meter sent it."""
        msk, root = self._peer.msk, self._peer.server
        if message.result != pana.Result.SUCCESS or msk is None or root is None:
            raise eap.RefusedError("rejected")
        key_id = message.avp(Code.KEY_ID)
        opening = pana_keys.Opening(
            self._request, self._answer, self._nonce, self._agent_nonce, key_id.value if key_id else b""
        )
        auth_key = pana_keys.auth_key(msk, opening)
        if not verified(message, auth_key):
            raise eap.RefusedError("not signed by the smart meter")
        wrapped = message.avp(KEY_AVP, EXAMPLE_VENDOR)
        try:
            key = aes_key_unwrap(pana_keys.derived(msk, WRAP_LABEL, opening, 16), wrapped.value if wrapped else b"")
        except (InvalidUnwrap, ValueError):
            raise eap.RefusedError("no network key") from None
        self._auth_key = auth_key
        flags = Flag.COMPLETE
        answer = pana.Message(
            MessageType.AUTH, flags, message.session, message.sequence, (pana.number_avp(Code.KEY_ID, KEY_ID),)
        )
        self._reply(message, signed(answer, auth_key))
        self._joined(key, root)

    def _reply(self, message: pana.Message, answer: pana.Message) -> None:
        self._answered = (message.sequence, answer)
        self._send(answer)

    def _give_up(self) -> None:
        self.reset()
        self._failed()


@attrs.define(slots=True)
class _Conversation:
    """One terminal that authenticates itself, or has done so."""

    session: int
    sequence: int
    server: eap.Server
    send: Send
    repeated: _Repeated
    nonce: bytes
    request: bytes = b""
    answer: bytes = b""
    client_nonce: bytes = b""
    auth_key: bytes | None = None
    done: bool = False


class Agent:
    """The smart meter's side (PAA). ``admitted(eui64)`` is called for each terminal that has proved itself."""

    def __init__(
        self,
        agenda: Agenda,
        rng: random.Random,
        eui64: bytes,
        password: str,
        network_key: bytes,
        admitted: Callable[[bytes], None],
    ) -> None:
        self._agenda, self._rng, self._eui64, self._password = agenda, rng, eui64, password
        self._key, self._admitted = network_key, admitted
        self._open: dict[bytes, _Conversation] = {}

    def reset(self) -> None:
        """RAM is gone: every session ends."""
        for one in self._open.values():
            one.repeated.stop()
        self._open.clear()

    def hear(self, client: bytes, message: pana.Message, send: Send) -> None:
        """A message of the terminal at address ``client``; ``send`` leads back to it."""
        if message.type == MessageType.CLIENT_INITIATION:
            self._begin(client, send)
            return
        one = self._open.get(client)
        if one is None or message.session != one.session:
            return
        one.send = send
        if message.type == MessageType.NOTIFICATION and message.request:
            self._pong(one, message)
        elif message.type == MessageType.AUTH and not message.request and message.sequence == one.sequence:
            try:
                self._go_on(client, one, message)
            except (eap.RefusedError, Malformed):
                self._reject(client, one)

    def _begin(self, client: bytes, send: Send) -> None:
        before = self._open.get(client)
        if before is not None:
            before.repeated.stop()
        server = eap.Server(self._rng, self._eui64, self._password)
        repeated = _Repeated(self._agenda, lambda message: one.send(message), lambda: self._forget(client, one))
        one = _Conversation(
            self._rng.randrange(1, 1 << 32),
            self._rng.randrange(1 << 32),
            server,
            send,
            repeated,
            self._rng.randbytes(NONCE_OCTETS),
        )
        self._open[client] = one
        request = pana.Message(MessageType.AUTH, Flag.REQUEST | Flag.START, one.session, one.sequence, _ALGORITHMS)
        one.request = pana.build(request)
        repeated.start(request)

    def _forget(self, client: bytes, one: _Conversation) -> None:
        if self._open.get(client) is one and not one.done:
            del self._open[client]

    def _go_on(self, client: bytes, one: _Conversation, message: pana.Message) -> None:
        if message.flags & Flag.COMPLETE:
            if one.auth_key is not None and verified(message, one.auth_key):
                one.repeated.stop()
                one.done = True
            return
        if message.flags & Flag.START:
            one.answer = pana.build(message)
            self._ask(one, (Avp(Code.NONCE, one.nonce), _eap(one.server.first(1))))
            return
        if message.nonce is not None:
            one.client_nonce = message.nonce
        said = message.eap
        if said is None:
            return
        asked = one.server.answer(said)
        if asked is not None:
            self._ask(one, (_eap(asked),))
        elif one.server.msk is not None and one.server.peer is not None:
            self._accept(one, one.server.msk, said.identifier)
            self._admitted(one.server.peer)

    def _accept(self, one: _Conversation, msk: bytes, identifier: int) -> None:
        key_id = pana.number_avp(Code.KEY_ID, KEY_ID)
        opening = pana_keys.Opening(one.request, one.answer, one.client_nonce, one.nonce, key_id.value)
        one.auth_key = pana_keys.auth_key(msk, opening)
        wrapped = aes_key_wrap(pana_keys.derived(msk, WRAP_LABEL, opening, 16), self._key)
        avps = (
            _eap(Eap(EapCode.SUCCESS, identifier)),
            pana.number_avp(Code.RESULT_CODE, pana.Result.SUCCESS),
            key_id,
            pana.number_avp(Code.SESSION_LIFETIME, LIFETIME_S),
            Avp(KEY_AVP, wrapped, EXAMPLE_VENDOR),
        )
        self._ask(one, avps, Flag.COMPLETE)

    def _reject(self, client: bytes, one: _Conversation) -> None:
        one.repeated.stop()
        one.sequence = (one.sequence + 1) & 0xFFFFFFFF
        result = pana.number_avp(Code.RESULT_CODE, pana.Result.AUTHENTICATION_REJECTED)
        flags = Flag.REQUEST | Flag.COMPLETE
        one.send(
            pana.Message(MessageType.AUTH, flags, one.session, one.sequence, (_eap(Eap(EapCode.FAILURE, 0)), result))
        )
        self._forget(client, one)

    def _ask(self, one: _Conversation, avps: tuple[Avp, ...], flags: int = 0) -> None:
        one.sequence = (one.sequence + 1) & 0xFFFFFFFF
        request = pana.Message(MessageType.AUTH, Flag.REQUEST | flags, one.session, one.sequence, avps)
        one.repeated.start(request if one.auth_key is None else signed(request, one.auth_key))

    def _pong(self, one: _Conversation, message: pana.Message) -> None:
        if one.auth_key is not None and verified(message, one.auth_key):
            answer = pana.Message(MessageType.NOTIFICATION, Flag.PING, message.session, message.sequence)
            one.send(signed(answer, one.auth_key))


def signed(message: pana.Message, key: bytes) -> pana.Message:
    """The message with its AUTH AVP at the end."""
    blank = attrs.evolve(message, avps=(*message.avps, Avp(Code.AUTH, bytes(pana.AUTH_OCTETS))))
    auth = Avp(Code.AUTH, pana.authentication(blank, key))
    return attrs.evolve(message, avps=(*message.avps, auth))


def verified(message: pana.Message, key: bytes) -> bool:
    """Whether the message's AUTH AVP is right."""
    try:
        return message.auth == pana.authentication(message, key)
    except ValueError:
        return False


def _eap(packet: Eap) -> Avp:
    return Avp(Code.EAP_PAYLOAD, encode_eap(packet))
