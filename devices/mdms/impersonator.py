"""The connection server's end of an MDMS link, over an ``MdmsModel`` (stand-in: see the package).

A message that waited for the link is stamped when it is sent, not when it came up: a link that was shut for a week
delivers a week's messages now. Everything but the stream is answered at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bench.ports import MdmsModel, RequestRefused

MOST_DIGITS: Final = 20
"""Digits of a number that are read."""


def mdms_app(model: MdmsModel) -> Starlette:
    """The ASGI application of one utility's link."""

    async def push(request: Request) -> Response:
        after = _whole(request.query_params.get("after", "0"))
        if after is None:
            return _no(422, "after: not a message's number")
        if after > model.last_id:
            return _no(409, f"after: {after} is above the last message {model.last_id}")
        stream = _stream(model, after, model.last_id, model.now_ns())
        return StreamingResponse(stream, media_type="text/event-stream")

    async def meters(_request: Request) -> Response:
        return JSONResponse(model.meters())

    async def readings(request: Request) -> Response:
        span = [_whole(request.query_params.get(key, "")) for key in ("from_ns", "to_ns")]
        if span[0] is None or span[1] is None:
            return _no(422, "expected from_ns and to_ns")
        from_ns, to_ns = span[0], span[1]
        return _answer(lambda: model.readings(request.path_params["meter"], from_ns, to_ns))

    async def requests(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except (ValueError, RecursionError):
            return _no(422, "the body is not JSON")
        if not isinstance(body, dict):
            return _no(422, "the body is not a JSON object")
        return _answer(lambda: model.request(body), 202)

    return Starlette(
        routes=[
            Route("/v1/push", push),
            Route("/v1/meters", meters),
            Route("/v1/readings/{meter}", readings),
            Route("/v1/requests", requests, methods=["POST"]),
        ]
    )


def _answer(of: Callable[[], dict[str, Any]], status: int = 200) -> Response:
    try:
        return JSONResponse(of(), status_code=status)
    except RequestRefused as refused:
        return _no(refused.status, refused.reason)


def _no(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status_code=status)


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None


async def _stream(model: MdmsModel, after: int, waited: int, now_ns: int) -> AsyncIterator[str]:
    """What waited (up to message ``waited``, which is sent at ``now_ns``), then each new one, without gap or double."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    unsubscribe = model.subscribe(lambda message: loop.call_soon_threadsafe(queue.put_nowait, message))  # type: ignore[arg-type]
    try:
        last = after
        for message in model.messages_after(after):
            last = int(message["id"])
            yield _event({**message, "t_ns": now_ns} if last <= waited else message)
        while True:
            message = await queue.get()
            if int(message["id"]) > last:
                last = int(message["id"])
                yield _event(message)
    finally:
        unsubscribe()


def _event(message: Mapping[str, Any]) -> str:
    data = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    return f"id: {message['id']}\nevent: {message['kind']}\ndata: {data}\n\n"
