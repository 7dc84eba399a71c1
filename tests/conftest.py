"""What holds for every test of the bench."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import once
from tests.failed import Failed
from tests.skips import NoSilentSkips

# What a script starts in the background has its Ctrl-C ignored, and hands that on; here it is sent, and must be heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A watchdog that outlives a test that was killed must not keep the next test, nor a bench of this machine, from a port.
os.environ.setdefault("KENSHIN_LOCKS", tempfile.mkdtemp(prefix="kenshin-locks-"))
# No test signs with the key of whoever runs it; those that need one make one.
os.environ["KENSHIN_KEY"] = ""

# No example fails for being slow: machines are shared, and nothing here asserts a time. In CI the same examples each
# time: what a commit is refused for is what the commit did. By hand and by night they are drawn anew, and find more.
settings.register_profile("bench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("bench"), derandomize=True)
settings.register_profile("elsewhere", settings.get_profile("ci"), max_examples=25)  # a further Python, after the first
settings.load_profile("elsewhere" if "KENSHIN_ELSEWHERE" in os.environ else "ci" if os.environ.get("CI") else "bench")


def pytest_configure(config: pytest.Config) -> None:
    """In CI no test skips without a reason that is on the list, and what failed is kept to be run again alone.

    The workers of xdist leave both to their master.
    """
    config.pluginmanager.register(once, "once")
    if hasattr(config, "workerinput"):
        return
    if os.environ.get("CI"):
        config.pluginmanager.register(NoSilentSkips(), "no-silent-skips")
    if path := os.environ.get("KENSHIN_FAILED"):
        config.pluginmanager.register(Failed(Path(path)), "failed")
