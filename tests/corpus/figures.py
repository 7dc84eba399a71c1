"""Captures and all that `kenshin measure` says of them, as ``tests/data/corpus/figures.json.xz`` keeps it.

The captures are those of real stacks (``tests/data/captures``): as they are, two sniffers of one air, without keys, and
with frames left out, as a sniffer that stood badly would have them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import attrs

from bench.air.frame.decoder import Frame
from bench.cli.measure import measure_command
from bench.measurands.air.figures.report import as_json, measure
from tests.corpus.cases import CORPUS, pack, unpacked
from tests.measurands.air.real import frames
from tests.places import CAPTURES

FIGURES: Final = CORPUS / "figures.json.xz"
MOST_OCTETS: Final = 150_000
"""Of a capture: longer ones take seconds."""
FORMS: Final = ("-br-own", "-clear", "-tap-fcs32")
GAPS: Final[Mapping[str, Callable[[int, Frame], bool]]] = {
    "every-third-left-out": lambda at, frame: at % 3 != 1,
    "from-the-middle-on": lambda at, frame: at >= 150,
    "no-acknowledgements": lambda at, frame: frame.kind != "ACK",
    "no-eapol": lambda at, frame: frame.eapol is None,
}


@attrs.frozen(slots=True)
class Measured:
    """What is measured: files of one air, with or without keys and contexts; or the frames that a gap leaves."""

    files: tuple[str, ...]
    keys: bool = True
    gap: str = ""

    @property
    def id(self) -> str:
        said = ["+".join(self.files), self.gap, "" if self.keys else "no-keys"]
        return "/".join(filter(None, said))

    def figures(self) -> Any:
        """Plain JSON, without the names of files' places."""
        if self.gap:
            found = [frame for at, frame in enumerate(_decoded(self.files[0])) if GAPS[self.gap](at, frame)]
            return json.loads(json.dumps(as_json(measure(found))))
        out, base = io.StringIO(), _base(self.files[0])
        keys = CAPTURES / f"{base}.ieee802154_keys"
        given = str(keys) if self.keys and keys.exists() else None
        contexts = ["0=fd00::/64"] if base.startswith("contiki") and self.keys else []
        measure_command([str(CAPTURES / f"{name}.pcapng") for name in self.files], given, "json", out, None, contexts)
        return json.loads(out.getvalue().replace(f"{CAPTURES}/", ""))


@cache
def _decoded(name: str) -> tuple[Frame, ...]:
    return frames(name)


def _base(name: str) -> str:
    for form in FORMS:
        name = name.removesuffix(form)
    return name


def all_measured() -> list[Measured]:
    return list(_all())


def _all() -> Iterator[Measured]:
    names = [path.stem for path in sorted(CAPTURES.glob("*.pcapng")) if path.stat().st_size < MOST_OCTETS]
    for name in names:
        if name != "twopan-br-own":  # its last block is cut off: said by an error, after what it holds
            yield Measured((name,))
    for name in ("line2", "star3", "mcast", "badauth"):
        yield Measured((name, f"{name}-br-own"))
        yield Measured((name,), keys=False)
        for gap in GAPS:
            yield Measured((name,), gap=gap)
    yield Measured(("contiki-rpl-lite-line4",), keys=False)
    yield Measured(("rigline2",), gap="every-third-left-out")


def read_figures() -> dict[str, Any]:
    """By `Measured.id`."""
    return dict(unpacked(FIGURES)) if FIGURES.exists() else {}


def write_figures(figures: dict[str, Any]) -> None:
    pack(FIGURES, figures)
