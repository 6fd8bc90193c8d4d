"""An organisation's contacts by what tells who they are, read once by this process and kept up."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rapidfuzz import fuzz, process

from services.matching.identifiers import domain_of, email_of, label_of, tax_numbers
from services.matching.readings import Reading, readings
from services.model import chunks
from services.store import contacts
from services.store.engine import Session, memory_of

_NEAR = 40
_FAR = 45
_SHORTLIST = 30
_SET = 5  # how much less it says that one name holds the other
_KEPT = 32  # organisations; an index of ten thousand contacts takes some megabytes
_AT_ONCE = 50  # contacts that are read before others have their turn


class Recognisable(Protocol):
    """A contact, as far as somebody can be recognised by it."""

    @property
    def contact_id(self) -> str:
        """Xero's own id."""

    @property
    def name(self) -> str:
        """The name as Xero has it."""

    @property
    def folded_name(self) -> str:
        """The name as it is searched for."""

    @property
    def email(self) -> str:
        """The address, or ""."""

    @property
    def tax_number(self) -> str:
        """The number as somebody typed it, or ""."""


@dataclass(frozen=True, slots=True)
class Party:
    """A client, as far as it can be recognised by."""

    name: str
    email: str = ""
    tax_number: str = ""


@dataclass(slots=True)
class Index:
    """Contacts by their words and initials, and by what proves them; it can be kept up."""

    contacts: dict[str, Recognisable] = field(default_factory=dict)
    # Names by their words in the order of the alphabet, and by their letters; "" was dropped.
    _ordered: list[str] = field(default_factory=list)
    _joined: list[str] = field(default_factory=list)
    _owners: list[str] = field(default_factory=list)  # of each reading
    _places: dict[str, list[int]] = field(default_factory=dict)
    _free: list[int] = field(default_factory=list)
    _by_mark: dict[str, set[str]] = field(default_factory=dict)
    _by_proof: dict[str, set[str]] = field(default_factory=dict)

    def put(self, contact: Recognisable) -> None:
        """Add a contact, or read it again."""
        self.drop(contact.contact_id)
        self.contacts[contact.contact_id] = contact
        for each in readings(contact.name):
            self._write(contact.contact_id, each)
        for mark in _marks(contact.name):
            self._by_mark.setdefault(mark, set()).add(contact.contact_id)
        for proof in _proofs(contact.email, contact.tax_number):
            self._by_proof.setdefault(proof, set()).add(contact.contact_id)

    def drop(self, contact_id: str) -> None:
        """Forget a contact."""
        contact = self.contacts.pop(contact_id, None)
        if contact is None:
            return
        for place in self._places.pop(contact_id):
            self._ordered[place] = self._joined[place] = ""
            self._free.append(place)
        for mark in _marks(contact.name):
            self._by_mark[mark].discard(contact_id)
        for proof in _proofs(contact.email, contact.tax_number):
            self._by_proof[proof].discard(contact_id)

    def shortlist(self, party: Party) -> Sequence[Recognisable]:
        """The contacts that are worth a closer look."""
        proven: set[str] = set()
        found: set[str] = set()
        for proof in _proofs(party.email, party.tax_number):
            proven |= self._few(self._by_proof, proof) | self._few(self._by_mark, proof)
        mine = readings(party.name)
        for each in mine:
            found |= self._near(_in_order(each), self._ordered)
            found |= self._near(each.joined, self._joined)
            proven |= self._few(self._by_proof, each.joined)
        for mark in _marks(party.name):
            found |= self._few(self._by_mark, mark)
        likely = sorted(found - proven, key=lambda each: (-self._glance(mine, each), each))
        return [self.contacts[each] for each in (*proven, *likely[:_SHORTLIST])]

    def _write(self, contact_id: str, reading: Reading) -> None:
        ordered, joined = _in_order(reading), reading.joined
        if self._free:
            place = self._free.pop()
            self._ordered[place], self._joined[place] = ordered, joined
            self._owners[place] = contact_id
        else:
            place = len(self._owners)
            self._ordered.append(ordered)
            self._joined.append(joined)
            self._owners.append(contact_id)
        self._places.setdefault(contact_id, []).append(place)

    def _near(self, wanted: str, names: Sequence[str]) -> set[str]:
        found = process.extract(wanted, names, scorer=fuzz.ratio, limit=_NEAR, score_cutoff=_FAR)
        return {self._owners[place] for _, _, place in found}

    def _glance(self, mine: Iterable[Reading], contact_id: str) -> int:
        """Roughly how alike the names are: cheap, to leave out what surely is another."""
        return max(
            max(
                int(fuzz.ratio(each.joined, self._joined[place])),
                int(fuzz.token_set_ratio(_in_order(each), self._ordered[place])) - _SET,
            )
            for each in mine
            for place in self._places[contact_id]
        )

    @staticmethod
    def _few(groups: dict[str, set[str]], key: str) -> set[str]:
        # What very many have says nothing.
        found = groups.get(key, set())
        return found if len(found) <= _NEAR else set()


def _marks(name: str) -> set[str]:
    marks: set[str] = set()
    for reading in readings(name):
        marks |= {text for each in reading.words for text in (each.plain, each.spelled)}
        marks |= {reading.joined, *reading.initials}
    return marks - {""}


def _proofs(email: str, tax_number: str) -> set[str]:
    domain = domain_of(email)
    named = {f"@{domain}", label_of(domain)} if domain else set[str]()
    return {email_of(email), *named, *(each.key for each in tax_numbers(tax_number))} - {""}


def _in_order(reading: Reading) -> str:
    return " ".join(sorted(each.plain for each in reading.words))


@dataclass(slots=True)
class _Directory:
    index: Index = field(default_factory=Index)
    mark: str | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


async def index_of(session: Session, connection_id: int) -> Index:
    """The contacts as they are now; only those that changed are read again."""
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


async def _catch_up(index: Index, known: Sequence[Recognisable]) -> None:
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
