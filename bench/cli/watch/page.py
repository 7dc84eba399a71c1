"""The page of ``kenshin watch RUN --page``: how a run is going, for a browser or a phone (HTTP, starlette).

It only shows. It reads the run folder anew every second, so it outlives the bench that drives, and who had the page
open sees a run that is gone on with. On loopback it is open to whoever sits at the host, on any other address it wants
the token of its URL. It loads nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, TextIO

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bench.cli.watch.view import Watched
from bench.errors import BenchError, KenshinError
from bench.pages import BEAT_S, address, may_see, token_for, url_of

PAGE: Final = Path(__file__).with_name("page.html")
LOOK_S: Final = 1.0
DEFAULT: Final = "127.0.0.1:8071"


def serve_page(run: Path, page: str | None, token: str | None, out: TextIO) -> int:
    """Serve the page of a run until Ctrl-C. ``InputError`` for an address or a run that is none, ``BenchError`` for an
    address that is taken."""
    import uvicorn

    host, port = address(page or DEFAULT, "--page")
    token = token_for(host, token)
    app = page_app(Watched.open(run), token)
    print(f"page: {url_of(host, port, token)}", file=out, flush=True)
    config = uvicorn.Config(app, host=host, port=port, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(uvicorn.Server(config).serve())
    except SystemExit:  # how uvicorn says that its address is taken
        raise BenchError(f"{host}:{port}: the page's address cannot be used") from None
    return 0


def page_app(watched: Watched, token: str | None = None, look_s: float = LOOK_S) -> Starlette:
    """The page of a run. With ``token`` every request must carry it; without, only the host itself is served."""

    def refused(request: Request) -> Response | None:
        return None if may_see(request, token) else JSONResponse({"error": "the token in the address is wrong"}, 403)

    async def page(request: Request) -> Response:
        return refused(request) or HTMLResponse(PAGE.read_text(encoding="utf-8"))

    async def state(request: Request) -> Response:
        return refused(request) or JSONResponse(_state(watched), headers={"Cache-Control": "no-store"})

    async def events(request: Request) -> Response:
        headers = {"Cache-Control": "no-store"}
        stream = _stream(watched, look_s)
        return refused(request) or StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    return Starlette(routes=[Route("/", page), Route("/state", state), Route("/events", events)])


async def _stream(watched: Watched, look_s: float) -> AsyncIterator[str]:
    """The state at once and at each change, and a sign of life in between."""
    said, quiet_s = "", 0.0
    while True:
        state = json.dumps(await asyncio.to_thread(_state, watched), ensure_ascii=False)
        if state != said or quiet_s >= BEAT_S:
            yield f"data: {state}\n\n"
            said, quiet_s = state, 0.0
        await asyncio.sleep(look_s)
        quiet_s += look_s


def _state(watched: Watched) -> dict[str, Any]:
    """The view, or why there is none: a folder may be moved under an open page."""
    try:
        return watched.look().plain()
    except KenshinError as error:
        return {"error": str(error)}
