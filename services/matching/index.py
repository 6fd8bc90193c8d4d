"""An index of an organisation's contacts, loaded once per process and kept up to date.

It holds names, and what proves an identity: tax numbers and e-mail addresses, in any spelling.
Searching for what people type is cheap. Recognising a client compares names word by word, which
takes longer, so names are prepared for that a few at a time.
"""

import asyncio
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, islice
from typing import Any

from rapidfuzz import fuzz, process

from services.matching.readings import Reading, readings, without_signs
from services.store import contacts
from services.store.contacts import Known
from services.store.engine import Session, memory_of
from services.store.mirror import folded_name
from services.store.tables import Connection, Contact

_NEAR = 40
_FAR = 45
_SHORTLIST = 30
_SET = 5  # how much less it says that one name holds the other
_KEPT = 50_000  # contacts in all, at about 3 kB each; the latest ones stay
_AT_ONCE = 50  # contacts that are read before others have their turn
_FEWEST_LETTERS = 4  # of a word that may have typos
_LIKE = 75
_FEWEST_DIGITS = 5
_LABEL = re.compile(
    r"\b(?:vat|tva|iva|btw|mwst|ust|gst|abn|acn|nif|cif|nip|tin|ein|cnpj|cpf|rfc|siret|siren|cvr|kvk"
    r"|uid|ustid\w*|uidnr|tax|steuer\w*|id|idnr|no|nr|number|num|reg\w*|mva|oib|dph|dic|ico|pan"
    r"|partita|p|company)\b[.:#-]*",
    re.IGNORECASE,
)
_APART = re.compile(r"[,;\n|]+|\s-\s|:\s")
_NUMBER = re.compile(r"(che|[a-z]{2})?([0-9a-z]+?)(?:mwst|tva|iva|vat|mva)?")
_FRENCH_VAT, _SIREN = 11, 9
_EVERYBODYS = frozenset(
    "gmail.com googlemail.com outlook.com hotmail.com hotmail.co.uk live.com msn.com "
    "yahoo.com yahoo.co.uk ymail.com icloud.com me.com mac.com aol.com gmx.de gmx.net gmx.at "
    "gmx.ch web.de freenet.de proton.me protonmail.com pm.me mail.ru yandex.ru qq.com 163.com "
    "126.com orange.fr free.fr wanadoo.fr laposte.net sfr.fr t-online.de btinternet.com "
    "sky.com xtra.co.nz bigpond.com comcast.net verizon.net att.net libero.it virgilio.it "
    "tiscali.it wp.pl o2.pl seznam.cz centrum.cz bluewin.ch telenet.be skynet.be ziggo.nl "
    "kpnmail.nl naver.com hanmail.net zoho.com fastmail.com mail.com hey.com outlook.de "
    "outlook.fr hotmail.fr hotmail.it hotmail.es yahoo.fr yahoo.de yahoo.it yahoo.es "
    "yahoo.com.br uol.com.br terra.com.br rediffmail.com abv.bg ukr.net".split()
)


Recognisable = Known | Contact  # as far as somebody can be recognised by it


@dataclass(frozen=True, slots=True)
class TaxNumber:
    """A tax number as it is compared: its country, where it says one, and the rest."""

    country: str
    core: str

    @property
    def key(self) -> str:
        """What is equal wherever the number may be the same."""
        is_french = self.country == "fr" and len(self.core) == _FRENCH_VAT
        return self.core[-_SIREN:] if is_french else self.core.lstrip("0")

    def equals(self, other: "TaxNumber") -> bool:
        """Say whether both are one number; two countries have two."""
        is_one_country = not (self.country and other.country) or self.country == other.country
        return self.key == other.key and is_one_country

    def contradicts(self, other: "TaxNumber") -> bool:
        """Say whether two numbers of one kind differ."""
        is_one_kind = self.country == other.country and len(self.core) == len(other.core)
        return is_one_kind and not self.equals(other)


@dataclass(frozen=True, slots=True)
class Party:
    """A client, as far as it can be recognised by."""

    name: str
    email: str = ""
    tax_number: str = ""


@dataclass(frozen=True, slots=True)
class NameList:
    """Contacts in the order of their names, to search while somebody types."""

    contacts: Sequence[Recognisable]
    lines: Sequence[str]  # the name, a tab, the e-mail address, a tab, the tax number
    text: str  # all lines
    starts: Sequence[int]  # of the lines in the text

    @classmethod
    def of(cls, known: Iterable[Recognisable]) -> "NameList":
        """Put them in order."""
        pairs = sorted(((_line(each), each) for each in known), key=lambda pair: pair[0])
        lines = [line for line, _ in pairs]
        starts = [0, *accumulate(len(line) + 1 for line in lines)]
        return cls([each for _, each in pairs], lines, "\n".join(lines), starts)

    def search(self, typed: str, most: int) -> Sequence[Recognisable]:
        """Those that begin with the text, contain it, or contain each word; else the likeliest.

        All but the likeliest are in the order of their names.
        """
        wanted = _typed(typed)
        if not wanted:
            return self.contacts[:most]
        ways = (self._beginning, self._holding, self._with_words)
        found: dict[int, None] = {}  # each once
        for place in chain.from_iterable(way(wanted) for way in ways):
            found[place] = None
            if len(found) == most:
                break
        return [self.contacts[place] for place in found or self._like(wanted, most)]

    def hold(self, name: str) -> bool:
        """Say whether one has this name."""
        return next(self._beginning(f"{_typed(name)}\t"), None) is not None

    def _beginning(self, wanted: str) -> Iterator[int]:
        for place in range(bisect_left(self.lines, wanted), len(self.lines)):
            if not self.lines[place].startswith(wanted):
                return
            yield place

    def _holding(self, wanted: str) -> Iterator[int]:
        find = self.text.find
        at = find(wanted)
        while at >= 0:
            place = bisect_right(self.starts, at) - 1
            yield place
            at = find(wanted, self.starts[place + 1])

    def _with_words(self, wanted: str) -> Sequence[int]:
        first, *others = sorted(wanted.split(), key=len, reverse=True)
        if not others:
            return ()
        found = [place for place, line in enumerate(self.lines) if first in line]
        for word in others:
            found = [place for place in found if word in self.lines[place]]
        return found

    def _like(self, wanted: str, most: int) -> Sequence[int]:
        if len(wanted) < _FEWEST_LETTERS:
            return ()
        names = [line.partition("\t")[0] for line in self.lines]
        found = process.extract(
            wanted, names, scorer=fuzz.partial_ratio, limit=most, score_cutoff=_LIKE
        )
        return [place for _, _, place in found]


def _line(contact: Recognisable) -> str:
    shown = (contact.folded_name, contact.email.casefold(), contact.tax_number.casefold())
    return "\t".join(" ".join(each.split()) for each in shown)


def _typed(text: str) -> str:
    return " ".join(folded_name(text).split())


@dataclass(slots=True)
class Index:
    """Contacts by their words and initials, and by what proves them; it can be kept up."""

    contacts: dict[str, Recognisable] = field(default_factory=dict)
    unread: dict[str, Recognisable] = field(default_factory=dict)  # except what is searched
    _names: NameList | None = None
    # Names by their sorted words, and by their letters; "" was dropped.
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
        self.contacts[contact.contact_id] = self.unread[contact.contact_id] = contact

    @property
    def names(self) -> NameList:
        """All of them in the order of their names."""
        if self._names is None:
            self._names = NameList.of(self.contacts.values())
        return self._names

    def learn(self, most: int | None = None) -> None:
        """Read names to recognise clients by: all that are left, or this many."""
        for contact_id in list(islice(self.unread, most)):
            self._learn(self.unread.pop(contact_id))

    def _learn(self, contact: Recognisable) -> None:
        for each in readings(contact.name):
            self._write(contact.contact_id, each)
        for mark in _marks(contact.name):
            self._by_mark.setdefault(mark, set()).add(contact.contact_id)
        for proof in _proofs(contact.email, contact.tax_number):
            self._by_proof.setdefault(proof, set()).add(contact.contact_id)

    def drop(self, contact_id: str) -> None:
        """Forget a contact."""
        contact = self.contacts.pop(contact_id, None)
        self._names = None
        if contact is None or self.unread.pop(contact_id, None) is not None:
            return
        for place in self._places.pop(contact_id):
            self._ordered[place] = self._joined[place] = ""
            self._free.append(place)
        for mark in _marks(contact.name):
            self._by_mark[mark].discard(contact_id)
        for proof in _proofs(contact.email, contact.tax_number):
            self._by_proof[proof].discard(contact_id)

    def shortlist(self, party: Party) -> Sequence[Recognisable]:
        """The contacts that are worth comparing in full."""
        self.learn()
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


def tax_numbers(text: str) -> tuple[TaxNumber, ...]:
    """The tax numbers in what somebody typed; what stands for none is none."""
    bare = _LABEL.sub(" ", text.replace("_", " "))
    parts = [without_signs(part).casefold() for part in _APART.split(bare)]
    return tuple(_read(part) for part in parts if _is_number(part))


def email_of(text: str) -> str:
    """An address as it is compared."""
    return text.strip().casefold()


def domain_of(text: str) -> str:
    """An address's domain, or "" where everybody can have an address."""
    domain = email_of(text).rpartition("@")[2] if "@" in text else ""
    return "" if domain in _EVERYBODYS else domain


def label_of(domain: str) -> str:
    """What a domain is called, without its endings and hyphens."""
    parts = domain.split(".")
    if len(parts) > 2 and len(parts[-2]) <= 3:  # noqa: PLR2004 -- "acme.co.uk"
        parts.pop()
    return without_signs(parts[-2]) if len(parts) > 1 else ""


def _is_number(text: str) -> bool:
    digits = [each for each in text if each.isdigit()]
    return len(digits) >= _FEWEST_DIGITS and len(set(digits)) > 1


def _read(text: str) -> TaxNumber:
    found = _NUMBER.fullmatch(text)
    if found is None or not _is_number(found[2]):
        return TaxNumber("", text)
    return TaxNumber(found[1] or "", found[2])


@dataclass(slots=True)
class _Directory:
    index: Index = field(default_factory=Index)
    mark: str | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


async def names_of(session: Session, connection: Connection) -> NameList:
    """The contacts to search, as they were when the connection was read."""
    directory = directory_in(memory_of(session), connection.id)
    await _catch_up(session, connection.id, directory, connection.contacts_mark)
    return directory.index.names


async def index_of(session: Session, connection_id: int) -> Index:
    """The contacts as they are now, with all names; reads only what changed."""
    directory = directory_in(memory_of(session), connection_id)
    mark = await contacts.find_mark(session, connection_id)
    await _catch_up(session, connection_id, directory, mark)
    while directory.index.unread:
        directory.index.learn(_AT_ONCE)  # so that nobody waits for all
        await asyncio.sleep(0)
    return directory.index


def directory_in(
    memory: dict[tuple[str, int], Any], connection_id: int, most: int = _KEPT
) -> _Directory:
    """What we remember of a connection; older ones make room for it."""
    key = ("contacts", connection_id)
    found: _Directory = memory.pop(key, None) or _Directory()
    left = most - len(found.index.contacts)
    for each in reversed([each for each in memory if each[0] == key[0]]):
        left -= len(memory[each].index.contacts)
        if left < 0:
            del memory[each]
    memory[key] = found  # the one that was asked for last stands at the end
    return found


async def _catch_up(session: Session, connection_id: int, directory: _Directory, mark: str) -> None:
    """Bring the contacts up to date; if many ask at once, one reads them."""
    async with directory.turn:
        if mark == directory.mark:
            return
        index, known = directory.index, set[str]()
        async for some in contacts.read_known(session, connection_id):
            known |= {each.contact_id for each in some}
            for each in some:
                if index.contacts.get(each.contact_id) != each:
                    index.put(each)
        for contact_id in index.contacts.keys() - known:
            index.drop(contact_id)
        directory.mark = mark
