"""Limited function nodes of FAN 1.1 (domain.md 5.6): terminals that sleep, and smart meters that stand for them.

    node      the terminal: joins by LPAS, LPA, EAPOL, LPCS, LPC; NS(EARO) in place of RPL
    joiner    its joining machine
    listening when its radio listens: unicast by LUS and LUTT, broadcast by LBS and LBT
    children  a smart meter's LFNs: when each listens, and what waits until then
    parent    the rest of the smart meter's side: LPA, LPC, LTS, and the DAOs that it sends for its LFNs (RFC 9010)
    timing    durations

What no public source says is the twin's own choice and called so: how long a window is, how often an LFN solicits, that
it listens each second while it joins, and what it does when it misses its parent's time.

* `node`: an LFN
* `parent`: a smart meter's side
* `children`: who of a smart meter's neighbours is an LFN
* `listening`: windows
"""

from __future__ import annotations

__all__ = ["children", "listening", "node", "parent"]
