"""The terminal under test and its meters, as a laboratory would see them.

* `faceplate`: key, lamp, maintenance console
* `meter`: a meter on a wire of its terminal
* `network`: the line between a mesh and what uses it
* `standin`: the stand-in payload
* `terminal`: the application: reads, stores, uploads, answers
"""

__all__ = ["faceplate", "meter", "network", "standin", "terminal"]
