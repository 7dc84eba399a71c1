"""labgrid's remote side: places of a coordinator, and resources that other machines export (docs/guides/labgrid.md).

* `cures`: what labgrid itself lacks, mended in its running classes
* `exporter`: ``kenshin exporter``, which knows the bench's resource classes
* `session`: a line to the coordinator: a place found, acquired, watched and released
"""

__all__ = ["cures", "exporter", "session"]
