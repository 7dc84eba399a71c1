"""The connection server's HTTP interface over a ``ServerModel`` (stand-in: the real one is not public).

JSON in and out, all times integer nanoseconds. ``GET /v1/events`` is a server-sent event stream, resumable by
``Last-Event-ID`` or ``?after=N``; an id above the last one is refused (409), for the ids began anew and nothing can be
resumed. The rest answers at once. Runs in whatever loop the twin gives it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bench.ports import RequestRefused, ServerModel
from bench.records import Json

MOST_DIGITS: Final = 20
"""Digits of an event id that are read."""


def server_app(model: ServerModel) -> Starlette:
    """The ASGI application of one connection server."""

    async def status(_request: Request) -> Response:
        return JSONResponse(model.status())

    async def events(request: Request) -> Response:
        after = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
        if not after.isascii() or not after.isdigit():
            return _refusal(422, "after: not an event id")
        if len(after) > MOST_DIGITS or int(after) > model.last_id:
            return _refusal(409, f"after: {after[:MOST_DIGITS]} is above the last event id {model.last_id}")
        return StreamingResponse(_stream(model, int(after)), media_type="text/event-stream")

    async def requests(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            return _refusal(422, "the body is not JSON")
        if not isinstance(body, dict):
            return _refusal(422, "the body is not a JSON object")
        try:
            return JSONResponse(model.request(request.path_params["terminal"], body), status_code=202)
        except RequestRefused as refused:
            return _refusal(refused.status, refused.reason)

    async def deregister(request: Request) -> Response:
        try:
            model.deregister(request.path_params["terminal"])
        except RequestRefused as refused:
            return _refusal(refused.status, refused.reason)
        return JSONResponse({})

    return Starlette(
        routes=[
            Route("/v1/status", status),
            Route("/v1/events", events),
            Route("/v1/terminals/{terminal}/requests", requests, methods=["POST"]),
            Route("/v1/terminals/{terminal}/registration", deregister, methods=["DELETE"]),
        ]
    )


def _refusal(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status_code=status)


async def _stream(model: ServerModel, after: int) -> AsyncIterator[str]:
    """Stored events after ``after``, then each new one, without gap or double."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[dict[str, Json]] = asyncio.Queue()
    # The model may live in another thread than this loop; a listener must not block it.
    unsubscribe = model.subscribe(lambda event: loop.call_soon_threadsafe(queue.put_nowait, event))  # type: ignore[arg-type]
    try:
        last = after
        for event in model.events_after(after):
            last = _id(event)
            yield _sse(event)
        while True:
            event = await queue.get()
            if _id(event) > last:
                last = _id(event)
                yield _sse(event)
    finally:
        unsubscribe()


def _id(event: Mapping[str, Json]) -> int:
    number = event["id"]
    assert isinstance(number, int)
    return number


def _sse(event: Mapping[str, Json]) -> str:
    data = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event['id']}\nevent: {event['kind']}\ndata: {data}\n\n"
