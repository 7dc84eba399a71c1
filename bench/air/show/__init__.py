"""`kenshin decode`: a capture's frames as lines, columns, jsonl, or one frame whole; from files or live.

* `command`: the command
* `table`: the plain table, without loading the rest
"""

__all__ = ["command", "table"]
