"""Measurands as they were first defined: what a run stored under these names was asked, so it is judged by them still.

Never edited, like the steps of `bench.evidence.upgrade`: a mended definition is a new edition under a new name
(``join.onsite.2`` beside ``join.onsite``), which the guideline file of new runs names.

* `alarm`: ``alarm.normal`` and ``alarm.outage``
* `join_onsite`: ``join.onsite``
* `roundtrip_server`: ``roundtrip.server``
* `storage_terminal`: ``storage.terminal``
* `values_hourly`: ``values.hourly``
"""

__all__ = ["alarm", "join_onsite", "roundtrip_server", "storage_terminal", "values_hourly"]
