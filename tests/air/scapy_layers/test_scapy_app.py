"""scapy layers of PANA, ECHONET Lite and CoAP against the bench's own records, and built from their fields alone."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.air.app import coap, echonet, pana
from bench.air.ip import packet as ipv6
from bench.air.ip.udp import COAP_PORT, Udp
from bench.air.lowpan import datagram as lowpan
from bench.air.mac.frame import encode_mac
from bench.air.scapy_layers import UDP, Wpan, rebuilt
from bench.air.scapy_layers.app import APPLICATIONS, Coap, CoapOption, EchonetLite, EchonetProperty, Pana, PanaAvp
from bench.air.wisun import frames as wisun
from tests.air.app.test_han_roundtrip import coap_message, echonet_message, pana_message, quick

LINK_SRC, LINK_DST = bytes.fromhex("00124b0000000001"), bytes.fromhex("00124b0000000002")


def _read(message: coap.Message) -> list[coap.Option]:
    return [option for option in message.options if isinstance(option, coap.Option)]


@quick
@given(pana_message)
def test_pana(message: pana.Message) -> None:
    octets = pana.build(message)
    made: Any = Pana(octets)
    assert rebuilt(made) == octets
    assert (made.session_id, made.sequence, made.type) == (message.session, message.sequence, message.type)
    assert [(avp.code, avp.value) for avp in made.avps] == [
        (avp.code, avp.value) for avp in message.avps if isinstance(avp, pana.Avp)
    ]


@quick
@given(echonet_message)
def test_echonet(message: echonet.Message | echonet.Arbitrary) -> None:
    octets = echonet.build(message)
    made: Any = EchonetLite(octets)
    assert rebuilt(made) == octets
    assert made.tid == message.tid
    if isinstance(message, echonet.Message):
        assert [(found.epc, found.edt) for found in made.properties] == [(p.epc, p.edt) for p in message.properties]
        assert [(found.epc, found.edt) for found in made.gets or ()] == [(p.epc, p.edt) for p in message.gets]


@quick
@given(coap_message)
def test_coap(message: coap.Message) -> None:
    octets = coap.build(message)
    made: Any = Coap(octets)
    assert rebuilt(made) == octets
    assert made.numbers == [option.number for option in _read(message)]
    assert [option.value for option in made.options] == [option.value for option in _read(message)]
    assert made.content.removeprefix(b"\xff") == message.payload


def test_built_from_fields() -> None:
    properties = [EchonetProperty(epc=0xE7), EchonetProperty(epc=0xE0, edt=b"\1")]
    assert bytes(EchonetLite(tid=9, properties=properties)) == bytes.fromhex(
        "1081000905ff01028801620 2e700e00101".replace(" ", "")
    )
    avps = [PanaAvp(code=pana.Code.RESULT_CODE, value=bytes(4)), PanaAvp(code=pana.Code.NONCE, value=b"abcde")]
    message = pana.parse(bytes(Pana(flags=0xC000, sequence=5, avps=avps)))
    assert [(avp.code, avp.value) for avp in message.avps if isinstance(avp, pana.Avp)] == [
        (7, bytes(4)),
        (5, b"abcde"),
    ]
    options = [CoapOption.make(11, b"meter"), CoapOption.make(0, b"x" * 300), CoapOption.make(300, b"")]
    found = coap.parse(bytes(Coap(type=1, message_id=7, token=b"ab", options=options, content=b"\xffhi")))
    assert [(option.number, len(option.value)) for option in _read(found)] == [(11, 5), (11, 300), (311, 0)]
    assert (found.token, found.payload) == (b"ab", b"hi")


@pytest.mark.parametrize("port", APPLICATIONS)
@pytest.mark.parametrize("as_source", [False, True])
def test_bound_to_their_ports(port: int, as_source: bool) -> None:
    samples = {
        pana.PORT: pana.build(pana.Message(2, 0xC000, 1, 2)),
        echonet.PORT: echonet.build(echonet.Message(1, 0x05FF01, 0x028801, 0x62, (echonet.Property(0xE7),))),
        COAP_PORT: coap.build(coap.Message(0, 1, 7)),
    }
    ports = (port, 40_000) if as_source else (40_000, port)
    packet = ipv6.Packet(ipv6.link_local(LINK_SRC), ipv6.link_local(LINK_DST), Udp(*ports, samples[port]))
    octets = encode_mac(wisun.data(LINK_SRC, LINK_DST, lowpan.compress(ipv6.build(packet), LINK_SRC, LINK_DST), 1))
    made: Any = Wpan(octets)
    assert APPLICATIONS[port] in made
    assert rebuilt(made) == octets
    assert bytes(made[UDP].payload) == samples[port]


@quick
@given(st.sampled_from([Pana, EchonetLite, Coap]), st.binary(min_size=1, max_size=60))
def test_noise_is_built_again(layer: Any, noise: bytes) -> None:
    packet = ipv6.Packet(LINK_SRC * 2, LINK_DST * 2, Udp(1, {Pana: 716, EchonetLite: 3610, Coap: 5683}[layer], noise))
    octets = encode_mac(wisun.data(LINK_SRC, LINK_DST, lowpan.compress(ipv6.build(packet), LINK_SRC, LINK_DST), 1))
    assert rebuilt(Wpan(octets)) == octets


def test_why_scapys_own_coap_is_not_taken() -> None:
    """It does not build every message that it dissects: not even an acknowledgement without content."""
    scapys = importlib.import_module("scapy.contrib.coap")  # imported here: it binds itself to the port, behind ours
    octets = coap.build(coap.Message(2, 0, 7))
    assert rebuilt(Coap(octets)) == octets
    assert rebuilt(scapys.CoAP(octets)) != octets
