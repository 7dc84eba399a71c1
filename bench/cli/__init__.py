"""The command line, a module a command: the composition root, imported by nobody (contract: design section 10).

* `__main__`: ``kenshin``, ``python -m bench.cli``
* `pytest_plugin`: what pytest loads by entry point
"""

__all__ = ["__main__", "pytest_plugin"]
