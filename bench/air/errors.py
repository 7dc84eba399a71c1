"""The one exception of the frame decoders: octets that do not follow their format.

A capture may hold anything, so a decoder answers damage with this exception and nothing else; whoever walks a capture
catches it once a frame, says so in that frame's record and goes on.
"""


class Malformed(ValueError):
    """Octets that end too early, or hold a value that their format does not allow; the message names the field."""
