"""The operator's gate at the connection server: cuts off and reconnects (遮断・再接続), and makes a gap on purpose.

Guideline chapter 6 asks the operator for a mechanism that cuts off a specific communication and reconnects it, and
leaves its form to the parties. ``standin-gate/1`` is a stand-in, JSON over HTTP, each answered at once:

    POST   /v1/cut-offs {utility?, terminal?, message?}    cut off what fits it all
    DELETE /v1/cut-offs {the same}                         reconnect it
    DELETE /v1/readings/METER {from_ns, to_ns}             {removed: count}: hours for automatic gap filling
    refused                                                404, 409, 422: {error}

``message`` is ``upload``, ``alarm``, ``read``, ``history`` or ``control``. In a laboratory these are what the
operator's staff does; whoever does it, the bench records when.

* `driver`: labgrid's resource and driver
* `impersonator`: the operator's side, for the twin
"""

from devices.family import Family, Place

__all__ = ["FAMILY", "driver", "impersonator"]

FAMILY = Family("gate", driver="devices.gate.driver:GateDriver", place=Place.RIG, shared=True)
