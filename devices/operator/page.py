"""The desk's page for phone or tablet: one task, one big button, in Japanese and English (HTTP, starlette).

On loopback it is open to whoever sits at the host. On any other address it wants the token of its URL, for whoever can
confirm a task can spoil a run. It loads nothing from elsewhere, so it works in a laboratory without a network.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bench.pages import BEAT_S, may_see
from devices.operator.desk import Desk

PAGE: Final = Path(__file__).with_name("page.html")
LARGEST_BODY: Final = 4_000_000


def page_app(desk: Desk, token: str | None = None) -> Starlette:
    """The page of a desk. With ``token`` every request must carry it; without, only the host itself is served."""

    def refused(request: Request) -> Response | None:
        return (
            None
            if may_see(request, token)
            else JSONResponse({"error": "the token in the address is wrong"}, status_code=403)
        )

    async def page(request: Request) -> Response:
        return refused(request) or HTMLResponse(PAGE.read_text(encoding="utf-8"))

    async def events(request: Request) -> Response:
        headers = {"Cache-Control": "no-store"}
        return refused(request) or StreamingResponse(_stream(desk), media_type="text/event-stream", headers=headers)

    def act(what: Callable[[dict[str, Any]], None]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            if (no := refused(request)) is not None:
                return no
            if request.headers.get("content-type") != "application/json":  # no form of another page
                return JSONResponse({"error": "expected JSON"}, status_code=415)
            try:
                if int(request.headers.get("content-length", "0")) > LARGEST_BODY:
                    return JSONResponse({"error": "too large"}, status_code=413)
                what(dict(json.loads(await request.body())))
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                return JSONResponse({"error": " ".join(str(error).split())[:200]}, status_code=409)
            return JSONResponse({})

        return answer

    def confirm(body: dict[str, Any]) -> None:
        photo = base64.b64decode(str(body.get("photo") or ""), validate=True)
        value = None if body.get("value") is None else str(body["value"])
        desk.confirm(int(body["task"]), value, str(body.get("name") or ""), photo, float(body.get("held_s") or 0))

    def undo(body: dict[str, Any]) -> None:
        desk.undo(int(body["task"]))

    def cannot(body: dict[str, Any]) -> None:
        desk.cannot(int(body["task"]), str(body.get("why") or ""))

    acts = {"confirm": confirm, "undo": undo, "cannot": cannot}
    posts = [Route(f"/{name}", act(what), methods=["POST"]) for name, what in acts.items()]
    return Starlette(routes=[Route("/", page), Route("/events", events), *posts])


async def _stream(desk: Desk) -> AsyncIterator[str]:
    """The desk's state at once and at each change, and a sign of life in between."""
    changed = asyncio.Event()
    end = desk.watch(changed.set)
    try:
        while True:
            changed.clear()
            yield f"data: {json.dumps(desk.state())}\n\n"
            try:
                await asyncio.wait_for(changed.wait(), BEAT_S)
            except TimeoutError:
                continue
    finally:
        end()
