"""A utility's MDMS (ガス・水道のMDMS), which the bench plays: it holds one end of the link to the connection server.

The specification between the servers (共同検針サーバ間インタフェース仕様書) is not public, so ``standin-mdms/1`` is
a stand-in of the bench's own, JSON over HTTP, times in integer nanoseconds:

    GET  /v1/push?after=N          server-sent events: readings, alarms, answers, failures; taken up after message N
    GET  /v1/meters                {now_ns, utility, meters: {METER: TERMINAL}}     the utility's own
    GET  /v1/readings/METER?from_ns=..&to_ns=..    {meter, stored_at, values: [{mark_ns, index, arrived_ns}]}
    POST /v1/requests {op, meter, ..}              202 {request, accepted_ns}; answered by push
    refused                        403 cut off, 404, 409, 422: {error}

The bench opens and shuts the link as it likes, on any rig: it is one end of it. A licence holder of the real
specification puts another driver with the same methods in the place of this one.

* `driver`: labgrid's resource and driver
* `impersonator`: the connection server's side, for the twin
"""

from devices.family import Family, Place

__all__ = ["FAMILY", "driver", "impersonator"]

FAMILY = Family("mdms", driver="devices.mdms.driver:MdmsDriver", place=Place.NAMED, shared=True)
