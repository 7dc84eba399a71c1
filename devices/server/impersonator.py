"""The connection server's HTTP interface over a ``ServerModel`` (stand-in: the real one is not public).

JSON in and out, all times integer nanoseconds. ``GET /v1/events`` is a server-sent event stream, resumable by
``Last-Event-ID`` or ``?after=N``; an id above the last one is refused (409), for the ids began anew and nothing can be
resumed. Who accepts JSON gets the events after N that there are, and asks again. The rest answers at once. Runs in
whatever loop the twin gives it.

`server_app` offers both, `polled_app` is a server without a stream; a topology names the one it wants.
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
from devices.server.stamping import TRUE_TIME, Stamping

MOST_EVENTS: Final = 1000
"""In one answer; who asks again gets the next ones."""
MOST_DIGITS: Final = 20
"""Digits of an event id that are read."""


def polled_app(model: ServerModel, stamping: Stamping = TRUE_TIME) -> Starlette:
    """A connection server that has no event stream."""
    return server_app(model, stamping, streams=False)


def server_app(model: ServerModel, stamping: Stamping = TRUE_TIME, streams: bool = True) -> Starlette:
    """The ASGI application of one connection server; ``stamping`` is the clock that it reads."""

    async def status(_request: Request) -> Response:
        return JSONResponse({**stamping.applied(model.status()), "last_event": model.last_id})

    async def events(request: Request) -> Response:
        after = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
        if not after.isascii() or not after.isdigit():
            return _refusal(422, "after: not an event id")
        if len(after) > MOST_DIGITS or int(after) > model.last_id:
            return _refusal(409, f"after: {after[:MOST_DIGITS]} is above the last event id {model.last_id}")
        if "application/json" in request.headers.get("accept", ""):
            told = [stamping.applied(event) for event in model.events_after(int(after))[:MOST_EVENTS]]
            return JSONResponse({"events": told, "last_event": model.last_id})
        if not streams:
            return _refusal(406, "no event stream; expected Accept: application/json")
        return StreamingResponse(_stream(model, int(after), stamping), media_type="text/event-stream")

    async def requests(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            return _refusal(422, "the body is not JSON")
        if not isinstance(body, dict):
            return _refusal(422, "the body is not a JSON object")
        try:
            answer = model.request(request.path_params["terminal"], body)
            return JSONResponse(stamping.applied(answer), status_code=202)
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


async def _stream(model: ServerModel, after: int, stamping: Stamping) -> AsyncIterator[str]:
    """Stored events after ``after``, then each new one, without gap or double."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[dict[str, Json]] = asyncio.Queue()
    # The model may live in another thread than this loop; a listener must not block it.
    unsubscribe = model.subscribe(lambda event: loop.call_soon_threadsafe(queue.put_nowait, event))  # type: ignore[arg-type]
    try:
        last = after
        for event in model.events_after(after):
            last = _id(event)
            yield _sse(stamping.applied(event))
        while True:
            event = await queue.get()
            if _id(event) > last:
                last = _id(event)
                yield _sse(stamping.applied(event))
    finally:
        unsubscribe()


def _id(event: Mapping[str, Json]) -> int:
    number = event["id"]
    assert isinstance(number, int)
    return number


def _sse(event: Mapping[str, Json]) -> str:
    data = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event['id']}\nevent: {event['kind']}\ndata: {data}\n\n"
