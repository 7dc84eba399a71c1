"""What a smart meter has alike under any method of ① to ④: a second radio, fed as it is, and its gateway's hooks."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod

from bench.twin.core.kernel import Kernel
from bench.twin.faults import Hooks
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.timers import MAC
from bench.twin.methods import HanNetwork, UBusNetwork
from bench.twin.radio.air import Air
from bench.twin.radio.gateway import Gateway
from bench.twin.radio.link import Link, Received
from bench.twin.radio.store import Store


class MeterRadio(ABC):
    """A smart meter's side of a method's network. It is there while the smart meter is fed, whether the mesh is or not.

    ``network``: PAN or network id. A method calls ``_start`` once it is made.
    """

    def __init__(
        self,
        kernel: Kernel,
        air: Air,
        gateway: Gateway,
        plan: HanNetwork | UBusNetwork,
        network: int,
        rng: random.Random,
        key_index: int,
    ) -> None:
        meter = gateway.meter
        self.eui64 = meter.eui64
        self._agenda, self._gateway, self._channel = Agenda(kernel), gateway, plan.channel
        self._store = Store(bytes.fromhex(plan.key.replace(":", "")), plan.channel, network, meter.eui64)
        self._link = Link(self._agenda, air, meter.name, meter.eui64, rng, self._store, key_index, self._on_frame)
        gateway.on_down = self._down
        meter.supply_watchers.append(self._power)

    @abstractmethod
    def _on_frame(self, heard: Received) -> None:
        """A frame of the method's network."""

    @abstractmethod
    def _down(self, terminal: bytes, payload: bytes) -> None:
        """What came over the mesh for that terminal."""

    @abstractmethod
    def _listen(self) -> None:
        """Begin to listen, on the network's channel."""

    @abstractmethod
    def _forget_ram(self) -> None:
        """Lose what is not in flash."""

    def seed(self, faults: Hooks) -> None:
        """Faults of this smart meter's frames."""
        self._link.faults = faults

    def _start(self) -> None:
        self._link.power(True)
        self._link.tuner.tune(self._channel)
        self._listen()

    def _power(self, on: bool) -> None:
        if on:
            self._agenda.after(MAC.boot_ns, self._start)
            return
        self._agenda.clear()
        self._link.power(False)
        self._forget_ram()
        self._store.power_cut()
