"""Commands about a rig before it is used.

* `doctor`: what is wrong with it
* `new_rig`: a rig file from what is plugged in
"""

__all__ = ["doctor", "new_rig"]
