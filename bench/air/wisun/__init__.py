"""Wi-SUN FAN 1.1 on the MAC: its information elements, schedules, channels, and builders of whole frames.

Layouts follow the open stacks (domain.md 5.2).

* `channels`: where a node listens: plans, channel functions
* `element`: what every element is
* `ffn`: elements of full-function nodes
* `frames`: elements read and written, frames built
* `lfn_frames`: whole frames of LFNs, and of their parents for them
* `schedule`: channel plan, function, exclusions
"""

__all__ = ["channels", "element", "ffn", "frames", "lfn_frames", "schedule"]
