"""A phone-sized browser to look at pages with: chromium over its debugging pipe, without any further library."""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 390, 844


class Phone:
    """One tab. ``close`` ends the browser."""

    def __init__(self, folder: Path) -> None:
        to_browser, ours = os.pipe()
        read_end, write_end = os.pipe()
        quiet = "--headless --no-sandbox --disable-gpu --no-first-run --remote-debugging-pipe"
        command = ["chromium", *quiet.split(), f"--user-data-dir={folder}", "about:blank"]
        fds = {3: to_browser, 4: write_end}

        def place() -> None:
            kept = {number: os.dup(fd) for number, fd in fds.items()}
            for number, fd in kept.items():
                os.dup2(fd, number)

        self._process = subprocess.Popen(
            command, preexec_fn=place, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(write_end)
        self._out, self._in = ours, read_end
        self._buffer = b""
        self._ids = itertools.count(1)
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=2, mobile=True)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the devtools protocol; its result."""
        number = next(self._ids)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" in self._buffer:
                line, self._buffer = self._buffer.split(b"\0", 1)
                said = json.loads(line)
                if said.get("id") == number:
                    assert "error" not in said, said
                    return dict(said["result"])
            data = os.read(self._in, 1 << 20)
            assert data, "the browser ended"
            self._buffer += data

    def go(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.until("location.href !== 'about:blank' && document.readyState === 'complete'")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives; a promise is awaited."""
        got = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in got, got
        return got["result"].get("value")

    def until(self, expression: str, within_s: float = 120.0) -> None:
        """Look until an expression is true."""
        end = time.monotonic() + within_s
        while not self.value(expression):
            assert time.monotonic() < end, f"never: {expression}"
            self.value("new Promise((done) => setTimeout(done, 50))")

    def picture(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)
