"""Keys of the mesh: how a node gets them (EAPOL), what it keeps of them, and how they are exchanged for new ones.

* `supplicant`: the joining side, from the key request to the group keys;
* `authenticator`: the border router's side, a session a supplicant;
* `flash`: what a node keeps without power: group and pairwise keys, PAN, frame counters;
* `rotation`: the border router's calendar of GTKs.

EAP-TLS content is a stand-in (``tls_standin``).
"""

from __future__ import annotations

__all__ = ["authenticator", "flash", "rotation", "supplicant"]
