"""The contacts of each organisation, read once by this process and then kept up."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.matching.index import Index, Known
from services.model.chunks import chunks
from services.store import contacts
from services.store.engine import Session, memory_of

_KEPT = 32  # organisations; an index of ten thousand contacts takes some megabytes
_AT_ONCE = 50  # contacts that are read before others have their turn


@dataclass(slots=True)
class _Directory:
    index: Index = field(default_factory=Index)
    mark: str | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


async def index_of(session: Session, connection_id: int) -> Index:
    """Return the contacts as they are now; only those that changed are read again."""
    directory = _directory(session, connection_id)
    async with directory.turn:
        mark = await contacts.find_mark(session, connection_id)
        if mark != directory.mark:
            await _catch_up(directory.index, await contacts.list_known(session, connection_id))
            directory.mark = mark
    return directory.index


def _directory(session: Session, connection_id: int) -> _Directory:
    memory = memory_of(session)
    key = ("contacts", connection_id)
    found: _Directory = memory.pop(key, None) or _Directory()
    memory[key] = found  # the one that was asked for last stands at the end
    directories = [each for each in memory if each[0] == "contacts"]
    for each in directories[:-_KEPT]:
        del memory[each]
    return found


async def _catch_up(index: Index, known: Sequence[Known]) -> None:
    """Bring the index up to date, a few contacts at a time, so that nobody waits for all."""
    current = {each.contact_id: each for each in known}
    gone = [each for each in index.contacts if each not in current]
    changed = [each for each in known if index.contacts.get(each.contact_id) != each]
    for some in chunks(gone, _AT_ONCE):
        for contact_id in some:
            index.drop(contact_id)
        await asyncio.sleep(0)
    for few in chunks(changed, _AT_ONCE):
        for each in few:
            index.put(each)
        await asyncio.sleep(0)
