"""All scapy layers of this air, registered with scapy: 802.15.4 to RPL, as scapy itself has them not.

In scapy's shell, or any script of its::

    >>> from bench.air.scapy_layers import *
    >>> use_keys("line2.ieee802154_keys")          # Wireshark's key file; frames then open as they are dissected
    >>> use_contexts({0: "fd00::"})                # IPHC contexts
    >>> packets = rdpcap("line2-tap-fcs32.pcapng")  # or sniff(offline=...), or sniff() on a live interface
    >>> packets[100].show()
    >>> packets[100][RplDao].options
    >>> wrpcap("out.pcap", [WpanTap(tlvs=[...]) / Wpan(src=..., dst=...) / MpxIe() / LowpanIphc() / Ip6() / UDP()])

Importing this module makes link types 195, 230 and 283 dissect as the layers here (for 195 and 230 in place of
scapy's own `Dot15d4`, which reads no frame version 2), and UDP ports 10253, 716, 3610 and 5683 as the
EAPOL relay, PANA, ECHONET Lite and CoAP. The stack of a Wi-SUN
data frame is `WpanTap` / `Wpan` / `MpxIe` / `LowpanIphc` / `Ip6` / `Ip6HopByHop` / ... / `UDP` or `RplDio`. Header and
payload IEs stand in the fields ``header_ies`` and ``payload_ies`` of `Wpan`, where ``packet[WisunUtt]`` finds them.
scapy's names for what is made from its layers work too: ``packet[IPv6]``, ``packet[UDP]``.

A frame that a key opens is built sealed again with that key, octets changed or not; without a key, `Sealed` stands in
the place of its payload.

* `packets`: from the bench's own frames to these layers, and whole datagrams from fragments

Every layer builds what it dissected, octet for octet, from its fields. `rebuilt` does so without what scapy remembers.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address
from pathlib import Path

from scapy.config import conf
from scapy.layers import dhcp6  # noqa: F401 - binds DHCPv6 to its UDP ports
from scapy.layers.eap import EAP, EAP_TLS, EAPOL, EAPOL_KEY
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Raw, bind_layers

from bench.air.capture.link import NO_FCS, TAP, WITH_FCS
from bench.air.keys.eapol import RELAY_PORT
from bench.air.keys.table import KeyTable
from bench.air.scapy_layers.app import Coap, CoapOption, EchonetLite, EchonetProperty, Pana, PanaAvp
from bench.air.scapy_layers.base import Layer, rebuilt
from bench.air.scapy_layers.icmpv6 import Icmp6Other
from bench.air.scapy_layers.ies import HeaderIe, PayloadIe, WisunHeaderIe, WisunLongIe, WisunPayloadIe, WisunShortIe
from bench.air.scapy_layers.ipv6 import (
    Ip6,
    Ip6DestinationOptions,
    Ip6Fragment,
    Ip6HopByHop,
    Ip6Mpl,
    Ip6Option,
    Ip6Pad1,
    Ip6PadN,
    Ip6Routing,
    Ip6Rpi,
    Ip6SourceRoute,
)
from bench.air.scapy_layers.lorh import (
    LorhElective,
    LorhIpInIp,
    LorhPacketInformation,
    LorhSourceRoute,
    LowpanPaging,
)
from bench.air.scapy_layers.lowpan import (
    GhcExtension,
    GhcIcmpv6,
    GhcUdp,
    IphcHead,
    LowpanBroadcast,
    LowpanFragFirst,
    LowpanFragNext,
    LowpanHc1,
    LowpanIphc,
    LowpanIpv6,
    LowpanMesh,
    LowpanRfrag,
    LowpanRfragAck,
    NhcExtension,
    NhcIpv6,
    NhcUdp,
)
from bench.air.scapy_layers.mpx import EapolRelay, Kmp, MpxIe
from bench.air.scapy_layers.nd import ND_MESSAGES, ND_OPTIONS, NdDuplicateAddress, NdOption
from bench.air.scapy_layers.rpl import RPL_MESSAGES, RPL_OPTIONS, RplMetric, RplOption, RplSecured
from bench.air.scapy_layers.tap import TAP_TLVS, TapOpaque, WpanTap
from bench.air.scapy_layers.tsch import (
    CslIe,
    IetfIe,
    MlmeEbFilter,
    MlmeIe,
    RendezvousIe,
    RitIe,
    TimeCorrectionIe,
    TschHopping,
    TschLink,
    TschSlotframe,
    TschSlotframes,
    TschSynchronization,
    TschTimeslot,
)
from bench.air.scapy_layers.wisun import WISUN_LAYERS, ChannelRange, ChannelSchedule, JoinMetric
from bench.air.scapy_layers.wpan import (
    AuxSecurity,
    Sealed,
    Wpan,
    WpanBeacon,
    WpanCommand,
    WpanFcs,
    WpanMultipurpose,
    settings,
)

_MADE: dict[str, Layer] = {
    layer.__name__: layer
    for table in (TAP_TLVS, WISUN_LAYERS, ND_MESSAGES, ND_OPTIONS, RPL_MESSAGES, RPL_OPTIONS)
    for layer in table.values()
}
"""Layers made from tables: TapRss ..., WisunUtt ..., NdNeighborSolicitation ..., RplDao, RplTarget ..."""
globals().update(_MADE)

__all__ = [
    "EAP",
    "EAPOL",
    "EAPOL_KEY",
    "EAP_TLS",
    "ND_MESSAGES",
    "ND_OPTIONS",
    "RPL_MESSAGES",
    "RPL_OPTIONS",
    "TAP_TLVS",
    "UDP",
    "WISUN_LAYERS",
    "AuxSecurity",
    "ChannelRange",
    "ChannelSchedule",
    "Coap",
    "CoapOption",
    "CslIe",
    "EapolRelay",
    "EchonetLite",
    "EchonetProperty",
    "GhcExtension",
    "GhcIcmpv6",
    "GhcUdp",
    "HeaderIe",
    "IPv6",
    "IPv6ExtHdrFragment",
    "Icmp6Other",
    "IetfIe",
    "Ip6",
    "Ip6DestinationOptions",
    "Ip6Fragment",
    "Ip6HopByHop",
    "Ip6Mpl",
    "Ip6Option",
    "Ip6Pad1",
    "Ip6PadN",
    "Ip6Routing",
    "Ip6Rpi",
    "Ip6SourceRoute",
    "IphcHead",
    "JoinMetric",
    "Kmp",
    "LorhElective",
    "LorhIpInIp",
    "LorhPacketInformation",
    "LorhSourceRoute",
    "LowpanBroadcast",
    "LowpanFragFirst",
    "LowpanFragNext",
    "LowpanHc1",
    "LowpanIphc",
    "LowpanIpv6",
    "LowpanMesh",
    "LowpanPaging",
    "LowpanRfrag",
    "LowpanRfragAck",
    "MlmeEbFilter",
    "MlmeIe",
    "MpxIe",
    "NdDuplicateAddress",
    "NdOption",
    "NhcExtension",
    "NhcIpv6",
    "NhcUdp",
    "Pana",
    "PanaAvp",
    "PayloadIe",
    "Raw",
    "RendezvousIe",
    "RitIe",
    "RplMetric",
    "RplOption",
    "RplSecured",
    "Sealed",
    "TapOpaque",
    "TimeCorrectionIe",
    "TschHopping",
    "TschLink",
    "TschSlotframe",
    "TschSlotframes",
    "TschSynchronization",
    "TschTimeslot",
    "WisunHeaderIe",
    "WisunLongIe",
    "WisunPayloadIe",
    "WisunShortIe",
    "Wpan",
    "WpanBeacon",
    "WpanCommand",
    "WpanFcs",
    "WpanMultipurpose",
    "WpanTap",
    "packets",
    "rebuilt",
    "settings",
    "use_contexts",
    "use_keys",
]
__all__ += _MADE


def use_keys(keys: KeyTable | Path | str | None) -> None:
    """Keys for all dissection from now on: a table, or Wireshark's key file (raises `InputError`); None for none."""
    settings.keys = KeyTable() if keys is None else keys if isinstance(keys, KeyTable) else KeyTable.read(keys)


def use_contexts(contexts: Mapping[int, str | bytes]) -> None:
    """IPHC contexts for all dissection from now on: number (0-15) to prefix, as an address or its octets."""
    settings.contexts = {
        number: IPv6Address(prefix).packed if isinstance(prefix, str) else prefix for number, prefix in contexts.items()
    }


conf.l2types.register(TAP, WpanTap)
conf.l2types.register(WITH_FCS, WpanFcs)
conf.l2types.register(NO_FCS, Wpan)
for port in ("sport", "dport"):
    bind_layers(UDP, EapolRelay, {port: RELAY_PORT})
bind_layers(WpanTap, Wpan)
