"""People as a device: an operator who is asked, does it, and confirms (lab-practice.md 2).

Where a rig has no panel, no meter port and no switchable mains, a person presses the key, watches the lamp, reads and
turns the register, and cuts the breaker. They are asked by a *desk* (``kenshin operator``), a process of its own that
shows each task in Japanese and English on a terminal and on a page for phone or tablet, and outlives a bench that is
killed. Between desk and bench runs ``kenshin-operator/1``, LF lines on TCP:

    ID                      -> ID desk kenshin-operator/1
    CLEAR                   -> OK CLEAR                  what an earlier bench asked is forgotten
    ASK {task ...}          -> OK ASK <task>             `Task` as JSON
    CANCEL <task>           -> OK CANCEL <task>
    PHOTO <task> <offset>   -> PHOTO <task> <offset> <octets in base64; `-` for none>
    unasked                    ! DONE {task, held_s, value?, name?, photo?}   held_s: how long the desk held it back
                               ! UNDONE {task}, ! CANNOT {task, why}          photo: its octets, to be fetched

docs/guides/operator.md says how people work with it, and how their stamps are known.

* `task`: what people are asked, in their languages
* `driver`: labgrid's driver, and the abilities that it lends to terminals and meters
* `process`: the desk as a process: what is open and answered (`desk`), the page with one big button (`page`), and the
  same in a terminal (`prompt`)
* `impersonator`: desk and person in one, for the twin
"""

from devices.family import Family, Place

__all__ = ["FAMILY", "driver", "impersonator", "process", "task"]

FAMILY = Family("operator", driver="devices.operator.driver:OperatorDriver", place=Place.RIG)
