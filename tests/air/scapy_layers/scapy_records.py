"""scapy's layers read back as the bench's records, so that both readings of a frame can be compared whole."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Any

import attrs
from scapy.fields import IP6Field
from scapy.layers.inet import UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6ExtHdrFragment
from scapy.packet import Packet, Padding

from bench.air.frame.decoder import Frame
from bench.air.ip import extensions, icmpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.duplicate_address import DuplicateAddress
from bench.air.ip.udp import Udp
from bench.air.mac import frame as mac
from bench.air.mac.ies import MPX_GROUP
from bench.air.mac.mpx import Mpx
from bench.air.rpl import messages as rpl
from bench.air.rpl.dco import Dco, DcoAck
from bench.air.rpl.discovery import ADDRESS_OCTETS, RouteDiscovery
from bench.air.rpl.p2p import Dro, DroAck
from bench.air.rpl.secured import Secured
from bench.air.scapy_layers import ipv6 as ip_layers
from bench.air.scapy_layers import nd as nd_layers
from bench.air.scapy_layers import rpl as rpl_layers
from bench.air.scapy_layers.base import LinkAddress, address_octets
from bench.air.scapy_layers.ies import WisunHeaderIe, WisunPayloadIe
from bench.air.scapy_layers.mpx import EapolRelay, Kmp, MpxIe
from bench.air.scapy_layers.wisun import WISUN_LAYERS
from bench.air.scapy_layers.wpan import Sealed, Wpan
from bench.air.wisun import frames as wisun
from bench.air.wisun.element import Form
from bench.air.wisun.schedule import Schedule


def value(layer: Any, name: str) -> Any:
    """A field as the records have it: addresses as octets."""
    field, held = layer.getfield_and_val(name)
    field = getattr(field, "fld", field)
    if isinstance(field, IP6Field):
        return None if held is None else IPv6Address(held).packed
    return address_octets(held) if isinstance(field, LinkAddress) else held


def record(kind: Any, layer: Any, **given: Any) -> Any:
    """The record of a layer with the same field names; ``given`` are those that differ."""
    present = {field.name for field in layer.fields_desc}
    same = {f.name: value(layer, f.name) for f in attrs.fields(kind) if f.name in present and f.name not in given}
    return kind(**same, **given)


# ---- the MAC and its elements ------------------------------------------------------------------------------------


def mac_frame(packet: Packet) -> mac.MacFrame:
    """The whole frame."""
    frame: Any = packet[Wpan]
    aux = frame.aux_sec if frame.has("aux_sec") else None
    security = None
    if aux is not None:
        mode = aux.key_id_mode
        counter = aux.frame_counter if aux.counted else None
        security = mac.AuxSecurity(
            aux.level, mode, counter, aux.key_source or b"", aux.key_index if mode else None, bool(aux.asn_in_nonce)
        )
    payload_ies = [*(frame.payload_ies or ())]
    payload = frame.payload
    if isinstance(payload, MpxIe):
        payload_ies.append(payload)
    octets = (
        b"" if isinstance(payload, MpxIe) else payload.ciphertext if isinstance(payload, Sealed) else bytes(payload)
    )
    return mac.MacFrame(
        frame_type=frame.frame_type,
        version=frame.version,
        sequence=frame.seq_no if frame.has("seq_no") else None,
        dst_pan=frame.dst_pan if frame.pans[0] else None,
        dst=address_octets(frame.dst),
        src_pan=frame.src_pan if frame.pans[1] else None,
        src=address_octets(frame.src),
        ack_request=bool(frame.ack_request),
        frame_pending=bool(frame.pending),
        pan_id_compression=bool(frame.pan_id_compression),
        security=security,
        header_ies=tuple(mac.Ie(ie.id, bytes(ie)[2:]) for ie in frame.header_ies or ()),
        payload_ies=tuple(mac.Ie(ie.id, bytes(ie)[2:]) for ie in payload_ies),
        payload=octets,
        mic=frame.mic,
    )


def elements(packet: Packet) -> tuple[Any, ...]:
    """Wi-SUN's elements, in the frame's order."""
    frame: Any = packet[Wpan]
    found = [ie for ie in frame.header_ies or () if isinstance(ie, WisunHeaderIe)]
    for ie in frame.payload_ies or ():
        if isinstance(ie, WisunPayloadIe):
            found += ie.elements
    return tuple(map(element, found))


_KIND_OF = {layer: kind for kind, layer in WISUN_LAYERS.items()}


def element(layer: Any) -> Any:
    """One element."""
    kind = _KIND_OF.get(type(layer))
    if kind is None:
        form: Form = "header" if isinstance(layer, WisunHeaderIe) else "long" if layer.type else "short"
        return wisun.Opaque(layer.sub_id if form == "header" else layer.id, form, layer.content)
    if kind is wisun.NetName:
        return wisun.NetName(layer.netname)
    if kind is wisun.GtkHash:
        return wisun.GtkHash((layer.gtk0, layer.gtk1, layer.gtk2, layer.gtk3))
    if kind is wisun.LgtkHash:
        hashes = (layer.hash0, layer.hash1, layer.hash2)
        first, second, third = (hash_ if layer.present >> bit & 1 else None for bit, hash_ in enumerate(hashes))
        return wisun.LgtkHash((first, second, third), layer.active, layer.reserved)
    if kind is wisun.Pom:
        return record(kind, layer, phy_modes=tuple(layer.phy_modes))
    if kind is wisun.Jm:
        return record(kind, layer, metrics=tuple((metric.id, metric.data) for metric in layer.metrics))
    if kind is wisun.Nr and layer.role != 2:
        return record(kind, layer, listen_min=None, listen_max=None)
    if "schedule" in {field.name for field in attrs.fields(kind)}:
        return record(kind, layer, schedule=schedule(layer.schedule))
    return record(kind, layer)


def schedule(layer: Any) -> Schedule:
    """The channels of an element."""
    empty = Schedule(0, 0, 0, fixed_channel=None)
    names = {field.name for field in attrs.fields(Schedule)} & layer.fields.keys()
    held = {name: layer.fields[name] for name in names if layer.fields[name] is not None}
    if "excluded_ranges" in held:
        held["excluded_ranges"] = tuple((bounds.first, bounds.last) for bounds in held["excluded_ranges"])
    return attrs.evolve(empty, **held)


def mpx(layer: Any) -> Mpx:
    """The MPX element."""
    first = layer.transfer == 0 or (layer.transfer == 2 and layer.fragment_number == 0)
    return Mpx(
        layer.multiplex_id if first else layer.transaction if layer.transfer == 1 else None,
        bytes(layer.payload),
        layer.transfer,
        layer.transaction,
        layer.fragment_number if layer.transfer in (2, 4) else None,
        layer.total if layer.transfer == 2 and first else None,
    )


# ---- IPv6 --------------------------------------------------------------------------------------------------------


def ipv6_packet(layer: Any) -> ipv6.Packet:
    """A whole IPv6 packet; its upper layer is compared as octets where scapy has its own layers for it."""
    headers = []
    protocol, upper = layer.nh, layer.payload
    while isinstance(upper, ip_layers._Chained | IPv6ExtHdrFragment):
        headers.append(_header(upper))
        protocol, upper = upper.nh, upper.payload
    return ipv6.Packet(
        IPv6Address(layer.src).packed,
        IPv6Address(layer.dst).packed,
        _upper(upper),
        layer.hlim,
        layer.tc,
        layer.fl,
        tuple(headers),
        protocol,
    )


def _header(layer: Any) -> Any:
    if isinstance(layer, ip_layers.Ip6SourceRoute):
        addresses = tuple(IPv6Address(address).packed for address in layer.addresses)
        return extensions.SourceRoute(layer.segleft, addresses, layer.cmpri, layer.cmpre)
    if isinstance(layer, IPv6ExtHdrFragment):
        return extensions.FragmentHeader(layer.id, layer.offset * 8, bool(layer.m))
    if isinstance(layer, ip_layers.Ip6Routing):
        return extensions.RoutingHeader(layer.type, layer.segleft, layer.data)
    kind = extensions.HopByHop if isinstance(layer, ip_layers.Ip6HopByHop) else extensions.DestinationOptions
    options = [_option(option) for option in layer.options]
    before = 2 + sum(len(bytes(option)) for option in layer.options[:-1])
    if options and options[-1] == extensions.Pad(-before % 8):
        options.pop()
    return kind(tuple(options))


def _option(layer: Any) -> Any:
    if isinstance(layer, ip_layers.Ip6Rpi):
        flags = bytes(layer)[2]
        return extensions.Rpi(layer.instance_id, layer.sender_rank, flags, layer.type, layer.data)
    if isinstance(layer, ip_layers.Ip6Mpl):
        return extensions.Mpl(layer.sequence, layer.seed_id, bool(layer.m), layer.reserved, layer.data)
    if isinstance(layer, ip_layers.Ip6Pad1):
        return extensions.Pad(1)
    if isinstance(layer, ip_layers.Ip6PadN) and not any(layer.data):
        return extensions.Pad(2 + len(layer.data))
    return extensions.RawOption(layer.type, layer.data)


def _upper(layer: Any) -> Any:
    if isinstance(layer, UDP):
        return Udp(layer.sport, layer.dport, bytes(layer.payload))
    if isinstance(layer, ip_layers.Ip6):
        return ipv6_packet(layer)
    if isinstance(layer, ICMPv6EchoRequest | ICMPv6EchoReply):
        kind = icmpv6.EchoReply if isinstance(layer, ICMPv6EchoReply) else icmpv6.EchoRequest
        return kind(layer.id, layer.seq, layer.data)
    if isinstance(layer, ip_layers.Icmp6):
        return _message(layer)
    if 58 in (getattr(layer.underlayer, "nh", None),) and not isinstance(layer, Padding):
        return icmpv6.parse(bytes(layer))
    return bytes(layer)


_MESSAGES: dict[type[Packet], Any] = {
    **{
        rpl_layers.RPL_MESSAGES[kind.CODE]: kind
        for kind in (rpl.Dis, rpl.Dio, rpl.Dao, rpl.DaoAck, Dco, DcoAck, Dro, DroAck)
    },
    **{
        nd_layers.ND_MESSAGES[kind.TYPE]: kind
        for kind in (
            *(nd.RouterSolicitation, nd.RouterAdvertisement),
            *(nd.NeighborSolicitation, nd.NeighborAdvertisement, nd.Redirect),
        )
    },
}
_RPL_OPTIONS: dict[type[Packet], Any] = {
    rpl_layers.RPL_OPTIONS[kind.TYPE]: kind
    for kind in (
        *(rpl.RouteInformation, rpl.Configuration, rpl.Target, rpl.Transit),
        *(rpl.SolicitedInformation, rpl.PrefixInformation, rpl.TargetDescriptor),
    )
}
_ND_OPTIONS: dict[type[Packet], Any] = {
    nd_layers.ND_OPTIONS[kind.TYPE]: kind
    for kind in (
        *(nd.AddressRegistration, nd.PrefixInformation, nd.RedirectedHeader, nd.Mtu, nd.Nonce, nd.Context),
        *(nd.Capabilities, nd.RouteInformation, nd.BorderRouter),
    )
}


def _message(layer: Any) -> Any:
    if isinstance(layer, rpl_layers.RplSecured):
        return record(Secured, layer, timed=bool(layer.timed))
    if isinstance(layer, nd_layers.NdDuplicateAddress):
        return record(DuplicateAddress, layer, owner=layer.owner, address=layer.owner_and_address[-16:])
    if type(layer) not in _MESSAGES:
        return icmpv6.RawMessage(layer.type, layer.code, layer.body)
    kind = _MESSAGES[type(layer)]
    read = rpl_option if layer.type == rpl.ICMPV6_TYPE else nd_option
    given: dict[str, Any] = {"options": tuple(map(read, layer.options))}
    if kind in (rpl.Dao, rpl.DaoAck, Dco, DcoAck) and not layer.d:
        given["dodag_id"] = None
    return record(kind, layer, **given)


def rpl_option(layer: Any) -> Any:
    """One RPL option."""
    if isinstance(layer, rpl_layers.RplPad1):
        return rpl.Padding(1)
    if type(layer) is rpl_layers.RPL_OPTIONS[RouteDiscovery.TYPE]:
        size = ADDRESS_OCTETS - layer.elided
        target, *way = (layer.addresses[at : at + size] for at in range(0, len(layer.addresses), size))
        return record(RouteDiscovery, layer, target=target, addresses=tuple(way))
    if isinstance(layer, rpl_layers.RplPadN) and not any(layer.data):
        return rpl.Padding(2 + len(layer.data))
    if isinstance(layer, rpl_layers.RPL_OPTIONS[rpl.MetricContainer.TYPE]):
        return rpl.MetricContainer(tuple(record(rpl.Metric, metric) for metric in layer.metrics))
    kind = _RPL_OPTIONS.get(type(layer))
    if kind is rpl.Transit:
        return record(kind, layer, parent=value(layer, "parent_address") if layer.length > 4 else None)
    return record(kind, layer) if kind else rpl.parse_options(bytes(layer))[0]  # octets, which only the bench reads


def nd_option(layer: Any) -> Any:
    """One neighbour discovery option; like the record, octets where it does not fit to the octet."""
    if type(layer) is nd_layers.NdOption:
        return nd.parse_options(bytes(layer))[0]  # octets, which only the bench reads
    found: Any = nd.RawOption(layer.type, bytes(layer)[2:])
    if isinstance(layer, nd_layers.ND_OPTIONS[nd.LinkLayerAddress.SOURCE]):
        short = len(layer.address) == 6 and not any(layer.address[2:])
        found = nd.LinkLayerAddress(layer.type, layer.address[:2] if short else layer.address)
    elif isinstance(layer, nd_layers.ND_OPTIONS[nd.DnsServers.TYPE]):
        addresses = tuple(layer.addresses[at : at + 16] for at in range(0, len(layer.addresses), 16))
        found = record(nd.DnsServers, layer, addresses=addresses)
    elif type(layer) in _ND_OPTIONS:
        found = record(_ND_OPTIONS[type(layer)], layer)
    return found if nd.build_option(found) == bytes(layer) else nd.RawOption(layer.type, bytes(layer)[2:])


def assert_same(packet: Packet, frame: Frame) -> None:
    """Every field of both readings of one frame is equal."""
    assert frame.mac is not None
    read = mac_frame(packet)
    assert read == frame.mac
    assert elements(packet) == frame.typed_ies
    mpx_layer = packet.getlayer(MpxIe)
    for ie in frame.mac.payload_ies:
        if ie.id == MPX_GROUP:
            assert mpx_layer is not None
    datagram = packet.getlayer(ip_layers.Ip6)
    if frame.packet is not None and "frag1" not in frame.layers and "fragn" not in frame.layers:
        assert datagram is not None
        assert bytes(datagram) == frame.datagram
        assert ipv6_packet(datagram) == frame.packet
    kmp = packet.getlayer(Kmp)
    assert (kmp.kmp_id if kmp else None) == frame.kmp_id
    relay = packet.getlayer(EapolRelay)
    assert (address_octets(relay.sup) if relay else None) == (frame.relay.supplicant if frame.relay else None)
