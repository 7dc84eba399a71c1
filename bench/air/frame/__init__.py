"""The decoded frame: all storeys put together, and what was damaged told beside.

* `bugs`: frames in which the decoder itself failed
* `decoder`: `Frame`, and the decoder that makes it
* `describe`: a packet in one line
* `kinds`: the words of `Frame.kind` and `Frame.mic`
* `partly`: frames that cannot be read whole
* `settle`: keys that a capture hands out itself
* `summary`: a frame in a few words
"""

__all__ = ["bugs", "decoder", "describe", "kinds", "partly", "settle", "summary"]
