"""The fields of a frame under Wireshark's names: a module a storey, one table a record, one list of all.

Tree, filter, columns and the tests against tshark stand on these tables. How to add one: `docs/guides/field.md`.

* `base`: what a field and a table are
* `rows`: one frame as lines, filters and columns see it
* `tables`: all fields of a frame
* `tree`: one frame for people
"""

__all__ = ["base", "rows", "tables", "tree"]
