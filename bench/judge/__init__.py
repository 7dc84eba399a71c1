"""From a measurement to a verdict: pure functions (design section 8).

* `decide`: limit, uncertainty and decision rule to a word
* `findings`: what to look at first, in one line
* `statistics`: what a number of trials supports
* `uncertainty`: budgets by the GUM
* `verdicts`: verdicts as canonical JSON
"""

__all__ = ["decide", "findings", "statistics", "uncertainty", "verdicts"]
