"""How a run becomes something to read: HTML, terminal, JUnit and plots, in Japanese and English.

* `figures`: figures, stamps and durations as a reader wants them
* `gather`: a run as one record
* `model`: that record
* `plugin`: `report.html` and JUnit
* `terminal`: progress and the summary table
"""

__all__ = ["figures", "gather", "model", "plugin", "terminal"]
