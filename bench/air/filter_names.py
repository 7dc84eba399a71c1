"""Wireshark's names for values where ours are shorter: a filter takes both (``icmpv6.type == "RPL Control"``).

Only names that differ from those in the fields' tables stand here; a test holds them to the installed Wireshark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NAMES: Final[Mapping[tuple[str, ...], Mapping[int, str]]] = {
    ("wpan.dst_addr_mode", "wpan.src_addr_mode"): {2: "Short/16-bit", 3: "Long/64-bit"},
    ("wpan.version",): {0: "IEEE Std 802.15.4-2003", 1: "IEEE Std 802.15.4-2006", 2: "IEEE Std 802.15.4-2015"},
    ("wpan.aux_sec.sec_level",): {
        0: "No Security",
        1: "32-bit Message Integrity Code",
        2: "64-bit Message Integrity Code",
        3: "128-bit Message Integrity Code",
        5: "Encryption with 32-bit Message Integrity Code",
        6: "Encryption with 64-bit Message Integrity Code",
        7: "Encryption with 128-bit Message Integrity Code",
    },
    ("wpan.aux_sec.key_id_mode",): {
        0: "Implicit Key",
        1: "Indexed Key using the Default Key Source",
        2: "Explicit Key with 4-octet Key Source",
        3: "Explicit Key with 8-octet Key Source",
    },
    ("wpan.mpx.transfer_type",): {
        0: "Full Frame",
        1: "Full frame with compressed Multiplex ID",
        2: "Non-last Fragment",
    },
    ("wpan.mpx.kmp.id", "wisun.eapol_relay.kmp_id"): {1: "IEEE 802.1X/MKA", 6: "IEEE 802.11/4WH", 7: "IEEE 802.11/GKH"},
    ("wisun.uttie.type",): {
        0: "PAN Advertisement",
        1: "PAN Advertisement Solicit",
        2: "PAN Configuration",
        3: "PAN Configuration Solicit",
        5: "Acknowledgment",
        9: "LFN PAN Advertisement",
        10: "LFN PAN Advertisement Solicit",
        11: "LFN PAN Configuration",
        12: "LFN PAN Configuration Solicit",
        13: "LFN Time Synchronization",
        15: "Reserved (Extended Type)",
    },
    ("wisun.nrie.nr_id",): {0: "FFN Border Router", 1: "FFN Router"},
    ("wisun.usie.drift",): {255: "Not provided"},
    ("wisun.usie.channel.plan",): {
        0: "Regulatory Domain and Operating Class",
        1: "Explicit Spacing and Number",
        2: "Regulatory Domain and Channel Plan ID",
    },
    ("wisun.usie.channel.function",): {
        0: "Fixed Channel",
        1: "TR51 Channel Function",
        2: "Direct Hash Channel Function",
        3: "Vendor Defined Channel Function",
    },
    ("wisun.usie.channel.exclude",): {2: "Bitmask"},
    ("wisun.pomie.phy_type",): {
        0: "FSK without FEC",
        1: "FSK with NRNSC FEC",
        2: "OFDM Option1",
        3: "OFDM Option2",
        4: "OFDM Option3",
        5: "OFDM Option4",
    },
    ("6lowpan.iphc.tf",): {
        0: "Traffic class and flow label inline",
        1: "ECN and flow label inline",
        2: "Traffic class inline",
        3: "Version, traffic class, and flow label compressed",
    },
    ("6lowpan.iphc.sam",): {0: "Inline", 1: "64-bits inline", 2: "16-bits inline", 3: "Compressed"},
    ("6lowpan.iphc.dam",): {0: "Inline"},
    ("6lowpan.nhc.ext.eid",): {
        0: "IPv6 hop-by-hop options",
        1: "IPv6 routing",
        2: "IPv6 fragment",
        3: "IPv6 destination options",
        4: "IPv6 mobility header",
        7: "IPv6 header",
    },
    ("6lowpan.nhc.udp.ports",): {
        0: "Inline",
        1: "Source port inline, first 8 bits of destination port elided",
        2: "Destination port inline, first 8 bits of source port elided",
        3: "12 bits of both ports elided",
    },
    ("ipv6.nxt", "ipv6.hopopts.nxt", "ipv6.dstopts.nxt", "ipv6.routing.nxt", "ipv6.fraghdr.nxt"): {
        0: "IPv6 Hop-by-Hop Option",
        43: "Routing Header for IPv6",
        44: "Fragment Header for IPv6",
        59: "No Next Header for IPv6",
        60: "Destination Options for IPv6",
    },
    ("ipv6.opt.type",): {99: "RPL Option", 109: "MPL Option", 1: "PadN"},
    ("udp.checksum.status", "icmpv6.checksum.status"): {1: "Good", 0: "Bad", 4: "Illegal"},
    ("icmpv6.type",): {
        128: "Echo (ping) request",
        129: "Echo (ping) reply",
        135: "Neighbor Solicitation",
        136: "Neighbor Advertisement",
        155: "RPL Control",
    },
    ("icmpv6.opt.type",): {33: "Address Registration Option", 34: "6LoWPAN Context Option"},
    ("icmpv6.rpl.dio.flag.mop",): {
        0: "No Downward routes maintained by RPL",
        1: "Non-Storing Mode of Operation",
        2: "Storing Mode of Operation with no multicast support",
        3: "Storing Mode of Operation with multicast support",
    },
    ("icmpv6.rpl.opt.type",): {
        0: "1-byte padding",
        1: "n-byte padding",
        2: "DAG Metric container",
        3: "Routing Information",
        5: "RPL Target",
        9: "RPL Target Descriptor",
        10: "P2P Route Discovery",
    },
    ("icmpv6.rpl.opt.metric.type",): {
        1: "Node State and Attribute",
        4: "Link Throughput",
        5: "Link Latency",
        7: "Link ETX",
    },
    ("eapol.type",): {0: "EAP Packet"},
    ("eap.type",): {3: "Legacy Nak (Response Only)", 13: "TLS EAP (EAP-TLS)"},
    ("eapol.keydes.type",): {2: "EAPOL RSN Key"},
    ("dhcpv6.msgtype",): {12: "Relay-forw"},
    ("dhcpv6.option.type",): {
        1: "Client Identifier",
        2: "Server Identifier",
        3: "Identity Association for Non-temporary Address",
        5: "IA Address",
        9: "Relay Message",
        13: "Status code",
        17: "Vendor-specific Information",
        18: "Interface-Id",
    },
    ("wpan.cmd",): {5: "PAN ID Conflict"},
}
_VALUES: Final = {
    name: {text.casefold(): value for value, text in texts.items()} for names, texts in _NAMES.items() for name in names
}


def named(field: str, text: str) -> int | None:
    """The number that Wireshark gives this name in a field, None where it gives none."""
    return _VALUES.get(field, {}).get(text.casefold())
