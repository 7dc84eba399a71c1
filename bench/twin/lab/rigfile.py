"""A rig file for a lab's ports, as somebody would write it for their own: wall time, every port by its address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bench.twin.topology import Extra, Supply, Topology

RELAYS: Final = {
    "KeyRelayImpersonator": "KeyDriver: {{name: {0}, bindings: {{output: relay.{0}}}}}",
    "CutRelayImpersonator": "CutDriver: {{name: {0}, bindings: {{output: relay.{0}}}, outage: RF shading}}",
    "PulseImpersonator": "PulseMeterDriver: {{name: {0}, bindings: {{output: relay.{0}}}, index: {1}}}",
}
"""Drivers of relays, by the impersonator behind them."""
LINES: Final = {"TapImpersonator": "TapMeterDriver", "HandyImpersonator": "HandyDriver"}
"""Drivers of what is on a serial line."""
MODELS: Final = {"RigolImpersonator": "rigol-dp832", "AsrImpersonator": "gwinstek-asr2000"}
"""A rig file's word for the make that an impersonator plays."""


def rig_text(topology: Topology, ports: Mapping[str, str], hold_s: float = 30.0, patience_s: float = 120.0) -> str:
    """The rig file's text. AC sources are the mains of meters and of the concentrator; a terminal without a supply
    cannot be described and is left out."""
    resources, drivers = [], []
    extras = {extra.port: extra for extra in topology.devices}
    for name, address in ports.items():
        if name in extras:
            more = _extra(topology, extras[name], address)
            resources += more[:1]
            drivers += more[1:]
            continue
        role = name.partition(".")[0]
        host, _, port = address.rpartition(":")
        if role in ("console", "panel", "meter"):
            resources.append(f"RawSerialPort: {{name: {name}, port: {address}, speed: 115200}}")
            drivers.append(f"{role.capitalize()}Driver: {{name: {name}, bindings: {{wire: {name}}}}}")
        elif role == "supply":
            model = MODELS[_supply(topology, name).impersonator.rpartition(":")[2]]
            resources.append(f"ScpiSocket: {{name: {name}, host: {host}, port: {port}}}")
            drivers.append(f"ScpiSupplyDriver: {{name: {name}, bindings: {{socket: {name}}}, model: {model}}}")
        elif role == "sniffer":
            resources.append(f"PcapngStreamSniffer: {{name: {name}, host: {host}, port: {port}}}")
            drivers.append(f"SnifferDriver: {{name: {name}, bindings: {{stream: {name}}}}}")
        elif role == "mdms":
            resources.append(f'MdmsLink: {{name: {name}, url: "{address}"}}')
            drivers.append(f"MdmsDriver: {{name: {name}, bindings: {{place: {name}}}}}")
        elif role == "gate":
            resources.append(f'OperatorGate: {{name: {name}, url: "{address}"}}')
            drivers.append(f"GateDriver: {{name: {name}, bindings: {{place: {name}}}}}")
        else:
            resources.append(f'ConnectionServer: {{name: {name}, url: "{address}"}}')
            drivers.append(f"ConnectionServerDriver: {{name: {name}, bindings: {{server: {name}}}}}")
    lines = [
        "# A faulty lab's rig, written by `kenshin lab --rig`: its ports live as long as that process.",
        "imports: [devices.resources]",
        "targets:",
        "  main:",
        "    resources:",
        *(f"      - {resource}" for resource in resources),
        "    drivers:",
        *(f"      - {driver}" for driver in drivers),
        "options:",
        "  bench:",
        "    clock: wall",
        f"    hold_s: {hold_s:g}",
        f"    patience_s: {patience_s:g}",
        "    rf_environment: conducted",
        f'    keys: {{network_name: {topology.network.name}, gtks: ["{topology.network.gtk}"], in_run: true}}',
        "    server: server",
        *(
            [f"    mdms: {{{', '.join(f'{u.id}: mdms.{u.id}' for u in topology.utilities)}}}"]
            if topology.utilities
            else []
        ),
        *(["    gate: gate"] if topology.server.gate else []),
        f"    sniffers: {{{', '.join(f'{s.id}: sniffer.{s.id}' for s in topology.sniffers)}}}",
        *(f"    cut: {extra.port}" for extra in topology.devices if _plays(extra) == "CutRelayImpersonator"),
        *(f"    handy: {extra.port}" for extra in topology.devices if _plays(extra) == "HandyImpersonator"),
        *_feeds(topology, ports),
    ]
    return "\n".join(lines) + "\n"


def _plays(extra: Extra) -> str:
    return extra.impersonator.rpartition(":")[2]


def _extra(topology: Topology, extra: Extra, address: str) -> list[str]:
    """Resource and drivers of a relay box, a tap or a handy terminal; nothing of a device that a rig file of a lab has
    no place for."""
    if (on_line := LINES.get(_plays(extra))) is not None:
        name = extra.port
        return [
            f"RawSerialPort: {{name: {name}, port: {address}, speed: 115200}}",
            f"{on_line}: {{name: {name}, bindings: {{wire: {name}}}}}",
        ]
    driver = RELAYS.get(_plays(extra))
    if driver is None:
        return []
    name, box = f"relay.{extra.port}", f"box.{extra.port}"
    body = f'url: "http://{address}/relay", body_asserted: "1", body_deasserted: "0"'
    return [
        f"HttpDigitalOutput: {{name: {box}, {body}}}",
        f"HttpDigitalOutputDriver: {{name: {name}, bindings: {{http: {box}}}}}",
        driver.format(extra.port, _index(topology, extra.stands_at)),
    ]


def _index(topology: Topology, meter: str | None) -> int:
    """What the register of a meter stands at to begin with; 0 for what is none."""
    found = [m.index for t in topology.terminals for m in t.meters if f"{t.id}.{m.id}" == meter]
    return found[0] if found else 0


def _supply(topology: Topology, port: str) -> Supply:
    return next(supply for supply in topology.supplies if f"supply.{supply.id}" == port)


def _feeds(topology: Topology, ports: Mapping[str, str]) -> list[str]:
    """The mains, and the terminals with what hangs on them."""
    lines = [
        f"    {'concentrator' if topology.border_router.id in fed.feeds else 'mains'}: {{supply: supply.{ac.id}, "
        f"channel: 1, volts: {fed.volts:g}, amps: {fed.amps:g}, safe: off}}"
        for ac in topology.supplies
        if ac.ac
        for fed in ac.channels[:1]
    ]
    lines += ["    terminals:"]
    for terminal in topology.terminals:
        feeds = [(s.id, n, c) for s in topology.supplies for n, c in enumerate(s.channels, 1) if terminal.id in c.feeds]
        if not feeds:
            continue
        supply, channel, plan = feeds[0]
        meters = [f"{terminal.id}.{meter.id}" for meter in terminal.meters]
        by = {m: f"meter.{m}" for m in meters if f"meter.{m}" in ports}
        by |= {str(extra.stands_at): extra.port for extra in topology.devices if extra.stands_at in meters}
        lines += [
            f"      {terminal.id}:",
            f'        eui64: "{terminal.eui64}"',
            "        smart_meter_hops: 1",
            *(
                f"        {role}: {role}.{terminal.id}"
                for role in ("console", "panel")
                if f"{role}.{terminal.id}" in ports
            ),
            *(
                f"        key: {extra.port}"
                for extra in topology.devices
                if extra.stands_at == terminal.id and _plays(extra) == "KeyRelayImpersonator"
            ),
            f"        meters: {{{', '.join(f'{m}: {port}' for m in meters if (port := by.get(m)))}}}",
            f"        feed: {{supply: supply.{supply}, channel: {channel}, volts: {plan.volts:g}, amps: {plan.amps:g}, "
            "safe: hold}",
        ]
    return lines
