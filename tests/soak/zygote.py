"""Benches without the seconds of their start: everything is imported once, and each bench is a fork of that process.

A bench so started is ``kenshin`` as a user has it, but for what the order says (`tests.soak.stage`): its own session
of signals, its own standard streams, its own exit code.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

import attrs

from tests.places import ROOT

LOOK_S: Final = 0.02


@attrs.define
class Forked:
    """A bench that a zygote started."""

    pid: int
    _ended: threading.Event = attrs.field(factory=threading.Event)
    code: int | None = None

    def send_signal(self, number: int) -> None:
        """Nothing happens when it is gone, also where nobody has said so yet."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, seconds: float) -> int | None:
        """Its exit code (minus the signal that ended it), None where it lives on after so many seconds."""
        self._ended.wait(seconds)
        return self.code

    def end(self, code: int) -> None:
        self.code = code
        self._ended.set()


class Zygote:
    """The process that forks. Used from several threads."""

    def __init__(self, locks: Path, preload: Path | None = None) -> None:
        """``preload``: a library for every bench, and what it starts."""
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "LG_"))}
        more = {} if preload is None else {"LD_PRELOAD": str(preload)}
        self.preloaded = preload is not None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.zygote"],
            cwd=ROOT,
            env=env | more | {"KENSHIN_LOCKS": str(locks), "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._lock = threading.Lock()
        self._started = threading.Condition()
        self._fresh: list[int] = []
        self._benches: dict[int, Forked] = {}
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the zygote did not start"
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def start(self, *arguments: str | Path, log: Path, **stage: Any) -> Forked:
        """``kenshin ARGUMENTS``, what it says in ``log``; ``stage`` as `tests.soak.stage.set_up` takes it."""
        assert self._process.stdin is not None
        order = {"arguments": [str(argument) for argument in arguments], "log": str(log), "stage": stage}
        with self._lock, self._started:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            assert self._started.wait_for(lambda: self._fresh, 30), "the zygote does not fork"
            return self._benches[self._fresh.pop()]

    def close(self) -> None:
        """End it; benches that live on are killed."""
        for bench in self._benches.values():
            bench.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._listener.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._started:
                if "started" in said:
                    self._benches[said["started"]] = Forked(said["started"])
                    self._fresh.append(said["started"])
                    self._started.notify_all()
                else:
                    self._benches[said["ended"]].end(said["code"])


def main() -> None:
    """Import, say so, and fork for each line of stdin until it ends."""
    _import_all()
    print("ready", flush=True)
    said = b""
    while True:
        _reap()
        if not select.select([0], [], [], LOOK_S)[0]:
            continue
        data = os.read(0, 65536)
        if not data:
            return
        *lines, said = (said + data).split(b"\n")
        for line in lines:
            pid = os.fork()
            if pid == 0:
                _become(json.loads(line))
                return
            print(json.dumps({"started": pid}), flush=True)


def _import_all() -> None:
    """All that a bench imports before it drives."""
    import bench.cli.app
    import fixtures.plugin
    import reports.plots
    from fixtures.episodes.declared import episodes

    assert bench.cli.app is not None
    assert fixtures.plugin is not None
    assert reports.plots is not None
    episodes()


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        print(json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)}), flush=True)


def _become(order: dict[str, Any]) -> None:
    """In the fork: be that bench, to its end."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would be deaf to it
    os.setsid()
    out = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    os.close(nothing)
    from tests.soak.stage import set_up

    set_up(**order["stage"])
    sys.argv = ["kenshin", *order["arguments"]]
    from bench.cli.__main__ import main as kenshin

    kenshin()


if __name__ == "__main__":
    main()
