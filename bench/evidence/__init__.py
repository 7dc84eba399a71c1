"""Evidence: written as it happens, never rewritten, read back for judging (design section 9).

* `added`: what came after the run
* `clocks`: when something happened, as limits, by what is known of the clocks
* `collection`: an operator's log of what was collected
* `evidence`: a run folder read back, and its episodes
* `folder`: the names inside a run folder
* `limits`: one clock against another
* `seal`: a signed manifest of a run, and what differs from it
* `sniffer_clock`: a sniffer's clock by when its frames came in
* `status`: how a run is going
* `timeline`: observations, appended and cited
* `upgrade`: what a stored run was asked, as the newest format has it
* `watch_log`: what the watchdogs wrote
* `worlds`: where a new simulated world began
"""

__all__ = [
    "added",
    "clocks",
    "collection",
    "evidence",
    "folder",
    "limits",
    "seal",
    "sniffer_clock",
    "status",
    "timeline",
    "upgrade",
    "watch_log",
    "worlds",
]
