"""The seal of a run: a signed manifest of everything in its folder, and where a folder differs from it.

* `compare`: what a folder holds against what its manifest says, each difference with its place
* `contents`: a folder as files, frames, rows and lines, each with its digest
* `held`: a run held against its last seal, before it is judged, added to or gone on with
* `keys`: the bench's signing key
* `manifest`: the manifest, written and read
* `sealing`: a folder is sealed, by a key where there is one, chained to the run before
* `stamp`: a time stamp of a manifest by an authority
"""

__all__ = ["compare", "contents", "held", "keys", "manifest", "sealing", "stamp"]
