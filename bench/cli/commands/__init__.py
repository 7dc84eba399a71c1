"""The commands and their options, by what they are about; each is made known to `root.app` when its module is loaded.

Imports are made inside the commands, so that each starts with what it needs: ``kenshin decode`` without labgrid, pytest
or matplotlib.

* `root`: what they all hang on
* `air`: bare captures
* `rigs`: rigs, virtual and real, and what serves them
* `plans`: a plan driven, looked at beforehand, judged again
* `runs`: a stored run, and the key that signs it
* `faults`: what the plan would catch
"""

__all__ = ["air", "faults", "plans", "rigs", "root", "runs"]
