"""The measurands that are judged, a file each, by start event, stop event, unit and conditions (lab-practice.md 1).

How to add one: `docs/guides/measurand.md`.

* `collection_rate`: what was collected, by an operator's log
* `common`: what several of them share, and why a step was not driven
* `registry`: every measurand by its name in the guideline file
* `setup`: what a measurand may know beside the evidence
* `storage_terminal`: storage in the terminal, and the hours that it asks
* `upload_daily`: the daily upload, and the days that it asks
"""

__all__ = ["collection_rate", "common", "registry", "setup", "storage_terminal", "upload_daily"]
