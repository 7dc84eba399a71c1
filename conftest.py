"""The plan's plugins, for who runs pytest in a checkout that is not installed: ``pytest testplans --drive``.

Installed (``make setup``, a wheel), pytest finds them by entry point (`bench.cli.pytest_plugin`), and this adds
nothing.
"""

from bench.cli.pytest_plugin import PLUGINS

pytest_plugins = list(PLUGINS)
