"""The instrument: what is recorded, measured and judged, and the virtual rig to try it on.

Imports go down one order (`pyproject.toml`); `cli` is the composition root, which nobody imports.

* `air`: what is on the air: captures in, frames out
* `cli`: the commands
* `drive`: rig time, and who may move it
* `evidence`: what was written while driving, read back
* `judge`: limits, decision rules, verdicts
* `plan`: the files that people write for a plan
* `twin`: the virtual rig, a process of its own
* `errors`: wrong input, and a bench that failed
* `formats`: the version of everything that is written for later
* `identity`: which code this is
* `kinds`: the vocabulary of observations
* `pages`: who may see a page of the bench
* `ports`: what an impersonator may know of the twin
* `records`: observation, measurement, verdict: what every room speaks
* `rooms`: where the rooms beside this one stand
* `sockets`: signs of life on TCP
* `streams`: standard streams that end no run, and names of files as a person can read them
* `unforeseen`: what nobody foresaw, as one line and a file
* `yamlfile`: people's YAML, with file and line in each error
"""

__all__ = [
    "air",
    "cli",
    "drive",
    "errors",
    "evidence",
    "formats",
    "identity",
    "judge",
    "kinds",
    "pages",
    "plan",
    "ports",
    "records",
    "rooms",
    "sockets",
    "streams",
    "twin",
    "unforeseen",
    "yamlfile",
]
