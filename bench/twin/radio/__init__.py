"""The IoT route of the twin: radio methods ① to ④ beside the mesh's ⑤, behind one interface.

A terminal's radio is a `bench.twin.terminal.network.TerminalRadio`, whatever its method. Those of FAN 1.1 live in the
mesh (`bench.twin.mesh`); the others hang on a second radio of their smart meter, which hands on over the mesh:

    head end ── border router ═══ mesh (FAN, always) ═══ smart meter ── gateway ── method's network ─── terminals
                    │ gateways: datagrams on a port of their own                     han | ubus         (relays)

    air       channels, each with the mesh's medium, and who listens where
    link      MAC of ① to ④: CSMA, acknowledgements, frame security, ARIB's send-time limits (duty)
    route     what a terminal of any of them is
    at_meter  what a smart meter has of any of them
    gateway   how a smart meter carries on what a terminal said (stand-in)
    han       ④ enhanced HAN: active scan, PANA with EAP-PSK, relays, sleep, ECHONET Lite over UDP
    ubus      ① to ③ U-bus Air: receiver-initiated MAC; all else a named stand-in
    whole     all of it as the rig's mesh

What is public and what stands in for the rest: ``docs/radio.md``.
"""

from __future__ import annotations

from bench.twin.radio.whole import build

__all__ = ["build"]
