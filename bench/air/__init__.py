"""What is on the air: a protocol storey a folder, captures in at the bottom, frames and what is asked of them on top.

Bottom to top: `capture` and `mac`, `wisun`, `rpl`, `ip`, `lowpan`, `keys`, `app`; `frame` puts them together, `fields`
names what is in a frame, `bulk` does the same fast, `filter`, `index` and `show` stand on it. A storey imports those
below it alone (`pyproject.toml`).

* `capture`: files and streams to records, and back
* `mac`: 802.15.4 frames and their information elements
* `wisun`: Wi-SUN's elements and frames
* `rpl`: routing messages
* `ip`: IPv6 and what it carries
* `lowpan`: 6LoWPAN, both ways
* `keys`: frame security, EAPOL, handshakes, key files
* `frame`: the decoded frame, and the decoder
* `fields`: Wireshark's names for what is in a frame
* `app`: what UDP carries, and the twin's stand-in for U-bus Air
* `bulk`: the same values for tables and indexes, many times as fast
* `filter`: the display filter
* `index`: a query over a night, without decoding it
* `show`: `kenshin decode`
* `sequence`: a capture as a sequence, for scripts and shells; `walk`: checks along it
* `octets`: reading octets, and words for how many there are
* `scapy_layers`: all of it as scapy layers
* `errors`: octets that do not follow their format
"""

__all__ = [
    "app",
    "bulk",
    "capture",
    "errors",
    "fields",
    "filter",
    "frame",
    "index",
    "ip",
    "keys",
    "lowpan",
    "mac",
    "octets",
    "rpl",
    "scapy_layers",
    "sequence",
    "show",
    "wisun",
]
