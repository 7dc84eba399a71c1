"""Figures that the air alone tells: joins, hops, round trips, the mesh over time.

* `counters`: frame counters that fell back
* `hops`: who is whose parent, and how deep
* `join`: the phases of a join
* `mesh_report`: the mesh's part of `kenshin measure`
* `report`: all of `kenshin measure`
* `roundtrip`: round trips of echoes
"""

__all__ = ["counters", "hops", "join", "mesh_report", "report", "roundtrip"]
