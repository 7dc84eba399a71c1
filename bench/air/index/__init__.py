"""The column index of a capture: a mapped file beside it that says which frames a query needs decoded.

* `columns`: what the columns are
* `index`: the index, opened or made
* `records`: frames picked out of the capture by it
* `selection`: frames by node, kind, time or filter
"""

__all__ = ["columns", "index", "records", "selection"]
