"""What pytest loads by entry point, in every project of an environment: it looks whether a plan is asked for.

Only then come the plan's plugins, with their options and their imports. Other people's tests get nothing: no option
that could clash with theirs (``--profile``, ``--seed``), no fixture called ``run``, no module of ours on their path.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.rooms import PLAN, open_rooms

PLUGINS = ("reports.plugin", "fixtures.plugin")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Load the plan's plugins where a path on the command line is the plan's or lies in it."""
    named = early_config.known_args_namespace.file_or_dir or [early_config.invocation_params.dir]
    paths = [Path(str(name).split("::")[0]).resolve() for name in named]
    if any(path == PLAN or PLAN in path.parents for path in paths):
        load_plan_plugins(early_config.pluginmanager)


def load_plan_plugins(manager: pytest.PytestPluginManager) -> None:
    """Load them, each once, however often this is called."""
    open_rooms()
    for name in PLUGINS:
        manager.import_plugin(name)
