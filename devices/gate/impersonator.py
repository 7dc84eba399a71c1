"""The operator's side of the gate, over a ``GateModel`` (stand-in: see the package)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.ports import GateModel, RequestRefused


def gate_app(model: GateModel) -> Starlette:
    """The ASGI application of the gate."""

    async def cut_offs(request: Request) -> Response:
        act = model.cut_off if request.method == "POST" else model.reconnect
        return await _answer(request, lambda body: act(body))

    async def readings(request: Request) -> Response:
        return await _answer(request, lambda body: model.remove(request.path_params["meter"], *_span(body)))

    return Starlette(
        routes=[
            Route("/v1/cut-offs", cut_offs, methods=["POST", "DELETE"]),
            Route("/v1/readings/{meter}", readings, methods=["DELETE"]),
        ]
    )


def _span(body: Mapping[str, Any]) -> tuple[int, int]:
    from_ns, to_ns = body.get("from_ns"), body.get("to_ns")
    if not isinstance(from_ns, int) or not isinstance(to_ns, int) or not 0 <= from_ns <= to_ns < 1 << 63:
        raise RequestRefused(422, "expected integers from_ns <= to_ns")
    return from_ns, to_ns


async def _answer(request: Request, act: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Response:
    try:
        body = json.loads(await request.body())
        if not isinstance(body, dict):
            raise RequestRefused(422, "the body is not a JSON object")
        return JSONResponse(act(body))
    except (ValueError, RecursionError):
        return JSONResponse({"error": "the body is not JSON"}, status_code=422)
    except RequestRefused as refused:
        return JSONResponse({"error": refused.reason}, status_code=refused.status)
