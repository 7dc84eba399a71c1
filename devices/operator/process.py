"""``kenshin operator``: the desk as a process: the bench's port, the page, and the prompt on its terminal."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import uvicorn

from bench.errors import BenchError, InputError
from bench.pages import LOOPBACK, address, token_for, url_of
from devices.operator.desk import Desk, serve_bench
from devices.operator.page import page_app
from devices.operator.prompt import Prompt


def run_desk(bench: str, page: str, token: str | None, hold_s: float, name: str) -> None:
    """Serve until Ctrl-C. ``InputError`` for an address that is none, ``BenchError`` for one that is taken."""
    at, shown = address(bench, "--bench"), address(page, "--page")
    if at[0] not in LOOPBACK:
        # What confirms tasks is not guarded on this wire: whoever reaches it is the bench.
        raise InputError(f"--bench {bench}: expected an address of this host (127.0.0.1:PORT)")
    token = token_for(shown[0], token)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(at, shown, token, hold_s, name))


async def _serve(at: tuple[str, int], shown: tuple[str, int], token: str | None, hold_s: float, name: str) -> None:
    desk = Desk(hold_s)
    try:
        port = await serve_bench(desk, *at)
    except OSError as error:
        raise BenchError(f"{at[0]}:{at[1]}: {error.strerror or error}") from None
    config = uvicorn.Config(page_app(desk, token), host=shown[0], port=shown[1], log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    url = url_of(*shown, token)
    print(f"bench: {at[0]}:{port.sockets[0].getsockname()[1]}\npage:  {url}", flush=True)
    prompt = Prompt(desk, lambda text: print(text, flush=True), name)
    loop = asyncio.get_running_loop()
    if sys.stdin is not None and not sys.stdin.closed:
        with contextlib.suppress(OSError, ValueError):  # no terminal: the page is enough
            loop.add_reader(sys.stdin.fileno(), lambda: _typed(loop, prompt))
    try:
        await server.serve()
    except SystemExit:  # how uvicorn says that its address is taken
        raise BenchError(f"{shown[0]}:{shown[1]}: the page's address cannot be used") from None
    finally:
        port.close()


def _typed(loop: asyncio.AbstractEventLoop, prompt: Prompt) -> None:
    line = sys.stdin.readline()
    if line:
        prompt.line(line)
    else:
        loop.remove_reader(sys.stdin.fileno())
