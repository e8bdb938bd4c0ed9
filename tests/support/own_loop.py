"""Runs asynchronous code from a test, whichever tests ran before it in this process."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def run_async(function: Callable[P, Awaitable[T]], *arguments: P.args, **named: P.kwargs) -> T:
    """What `await function(...)` gives, in a thread of its own: a browser leaves a running loop in the main one."""

    async def awaited() -> T:
        return await function(*arguments, **named)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, awaited()).result()
