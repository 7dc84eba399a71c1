"""What a wire adds to a line is taken away, wherever the line was cut on its way."""

from __future__ import annotations

import pytest

from devices.wires.noise import clean, strip_noise

NOISY = [
    (b"\x00\xff\x1b[32mID standin-panel/1\x1b[0m\r\n", b"ID standin-panel/1\r\n"),
    (b"\x1b]0;a window\x07LAMP on\n", b"LAMP on\n"),
    (b"\x1b]0;a window\x1b\\LAMP on\n", b"LAMP on\n"),
    (b"\x1b7\x1b[1;31mOK\x1b8\n", b"OK\n"),
    (b"\x1b(BINDEX 7\n", b"INDEX 7\n"),
]


@pytest.mark.parametrize(("sent", "meant"), NOISY)
def test_an_escape_sequence_that_comes_in_parts_is_none_of_the_line(sent: bytes, meant: bytes) -> None:
    assert clean(sent.rstrip()) == meant.decode().rstrip()
    for size in range(1, len(sent) + 1):
        got, rest = b"", b""
        for at in range(0, len(sent), size):
            text, rest = strip_noise(rest + sent[at : at + size])
            got += text
        assert got + rest == meant, f"in parts of {size}"
