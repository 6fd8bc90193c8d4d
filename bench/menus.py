"""The menus of a form, in which an organisation's contacts are searched."""

import asyncio
import difflib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rapidfuzz import fuzz, process
from slack_sdk.signature import SignatureVerifier

from bench.measuring import Benchmark
from bench.stage import MANY, NOW, Stage, name_of, open_stage
from handlers import blocks
from services.matching.service import MatchingService
from services.model.people import Person

ANNA = Person("", "T1", "U1", "C1")
AT_ONCE = 32


@asynccontextmanager
async def prepare(folder: Path) -> AsyncIterator[list[Benchmark]]:
    """Prepare `options` and `options_32`."""
    async with open_stage(folder) as stage:
        yield [_options(stage, 1), _options(stage, AT_ONCE)]


def _options(stage: Stage, at_once: int) -> Benchmark:
    """Signature, role, search, escaping and JSON of a typed contact menu; no HTTP."""
    service = MatchingService(stage.database, lambda: NOW)
    names = [name_of(at) for at in range(MANY)]
    verifier, body = SignatureVerifier("secret"), json.dumps({"type": "block_suggestion"})
    stamp = str(int(time.time()))
    signature = verifier.generate_signature(timestamp=stamp, body=body) or ""

    async def one() -> None:
        if not verifier.is_valid(body, stamp, signature):
            raise ValueError(signature)
        found = await service.contact_options(ANNA, "maple 12", client_id=0)
        json.dumps(blocks.grouped(found))

    async def ours() -> None:
        await asyncio.gather(*(one() for _ in range(at_once)))

    async def limit() -> None:
        for _ in range(at_once):
            process.extract("maple 12", names, scorer=fuzz.partial_ratio, limit=90)

    async def peer() -> None:
        difflib.get_close_matches("maple 12", names, n=90, cutoff=0.3)

    name = "options" if at_once == 1 else f"options_{at_once}"
    what = f"contact menu, {MANY:,} contacts, {at_once} in flight"
    if at_once > 1:
        return Benchmark(name, what, ours, limit, "rapidfuzz alone")
    return Benchmark(name, what, ours, limit, "rapidfuzz alone", peer, "difflib", reach=1.5)
