"""The display filter: Wireshark's language over Wireshark's names, and what of it an index can answer.

* `hints`: what an index can rule out
* `language`: an expression to a `Filter`
* `words`: its words, each with its place
"""

__all__ = ["hints", "language", "words"]
