"""The table's lines where counters do not rise: decoded on all cores, their counters judged in capture order.

What is said of a frame's counter depends on all frames before it, so the bulk decoder's processes cannot say it. They
send with each line what `Counters` need of its frame, and the collecting process judges. Frames that the bulk decoder
does not read itself are left to that process whole: its full decoder has the same counters.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import attrs

from bench.air import columns
from bench.air.counters import Counters, digest, with_words
from bench.air.fast import BulkDecoder
from bench.air.fast_rows import Pending
from bench.air.fast_spans import Form, Span, places, read

Verified: TypeAlias = "tuple[bytes, bytes, int, bytes]"
"""A frame as `Counters.check_digest` takes it: sender, key, frame counter, digest."""

Line: TypeAlias = "tuple[int, float, str, str, int | None, str, str, bool, Verified | None]"
"""Number, seconds, `columns.ends`, kind, sequence number, mic, info, whether it is secured; what is to be judged."""


class Unjudged(NamedTuple):
    """Lines of one span, in order. ``named`` is that of `BulkDecoder`, ``stop`` where the span ends in the file."""

    lines: list[Line | Pending]
    named: bool
    packets: int
    stop: int


@attrs.define
class Judging:
    """One process's decoder, warm from span to span."""

    form: Form
    decoder: BulkDecoder
    start_ns: int

    def piece(self, span: Span) -> Unjudged:
        """Decode a span."""
        decoder, slow = self.decoder, self.decoder.slow
        lines: list[Line | Pending] = []
        decoder.begin()
        with open(self.form.path, "rb") as file:
            buffer = read(self.form, span, file)
        found = places(self.form, span, buffer)
        for (number, offset, time_ns, start, stop, original), row in zip(
            found, decoder.rows(buffer, found), strict=True
        ):
            if isinstance(row, Pending):
                lines.append(row)
            elif decoder.slow != slow:
                lines.append(Pending(number, offset, time_ns, self.form.link_type, buffer[start:stop], original))
            else:
                link, kind, seq, mic, level, info = *row[4:9], row[11]
                verified: Verified | None = None
                if mic == "ok":
                    sender, key, counter, psdu = decoder.verified(row, buffer[start:stop])
                    verified = (sender, key, counter, digest(psdu))
                seconds = (time_ns - self.start_ns) / 1e9
                lines.append((number, seconds, link.ends, kind, seq, mic, info, level > 0, verified))
            slow = decoder.slow
        return Unjudged(lines, decoder.named, span.packets, span.stop)


def text_of(line: Line, counters: Counters) -> str:
    """One line of the table, after its counter was judged."""
    number, seconds, ends, kind, seq, mic, info, _, verified = line
    if verified is not None:
        info = with_words(info, counters.check_digest(*verified))
    return columns.bulk_lines((number, seconds, ends, columns.middle(kind, seq, mic, info), info))
