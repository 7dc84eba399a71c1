"""Judged at the utility's end: what its MDMS, which the bench plays, gets, asks for and is cut off from.

* `alarms`: alarms that the server has are passed on
* `control`: commands to a valve, and their success rate
* `cutoff`: a cut-off holds, and is undone
* `delivery`: what the server has is pushed or may be pulled
* `gaps`: hours missing at the server are filled in
* `reading`: a reading on request
* `site`: what a handy terminal reads on site
* `storage`: the server keeps seven days
* `transparent`: what a transparent terminal passes
"""

__all__ = ["alarms", "control", "cutoff", "delivery", "gaps", "reading", "site", "storage", "transparent"]
