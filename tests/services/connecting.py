"""The connect service between stand-ins of Xero and Paymo, and people with browsers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx

from sandbox.paymo import PaymoWorld
from sandbox.serving import Served
from sandbox.xero import Organisation, XeroWorld
from services.clients.http import open_http
from services.clients.paymo import PaymoClients
from services.clients.tokens import Tokens
from services.clients.xero import XeroClients
from services.connect.checklists import Checklist, Checklists
from services.connect.consents import Consents, StoreVault
from services.connect.ending import EndingStep
from services.connect.links import PageLinks
from services.connect.pages import Consent, PaymoPage, Return, XeroPages
from services.connect.service import ConnectService
from services.jobs.runner import Runner
from services.model.jobs import Job
from services.model.people import Person, ReplyTarget
from services.store.engine import Database
from services.store.tables import Connection, Schedule
from tests.services.bridge import ANNA, no_sleep
from tests.services.prepared import KEY, Clock, oauth_of
from tests.services.store_seeds import Row, rows_of, schedule_of

# The cookies of two browsers.
HERE, ELSEWHERE = "here" * 10, "there" * 8
PLACE = ReplyTarget(workspace_id=1, user_id="U1", channel_id="C1", view_id="V9")


@dataclass(slots=True)
class Screen:
    """A screen that keeps what was drawn on it."""

    checklists: list[tuple[ReplyTarget, Checklist]] = field(default_factory=list)
    farewells: list[tuple[ReplyTarget, tuple[str, ...]]] = field(default_factory=list)

    async def show_checklist(self, reply_to: ReplyTarget, checklist: Checklist) -> None:
        """Keep a checklist."""
        self.checklists.append((reply_to, checklist))

    async def show_farewell(self, reply_to: ReplyTarget, sentences: tuple[str, ...]) -> None:
        """Keep a farewell."""
        self.farewells.append((reply_to, sentences))


@dataclass(slots=True)
class Nudges:
    """A work engine that only remembers what it was asked to look at."""

    made: list[tuple[Job, int]] = field(default_factory=list)

    async def nudge(self, job: Job, key: int) -> None:
        """Remember it."""
        self.made.append((job, key))


@dataclass(slots=True)
class Connecting:
    """Everything that a test of connecting needs."""

    database: Database
    clock: Clock
    xero: XeroWorld
    paymo: PaymoWorld
    service: ConnectService
    links: PageLinks
    paymo_page: PaymoPage
    ending: EndingStep
    xero_page: XeroPages
    tokens: Tokens
    screen: Screen
    work: Nudges
    browser: httpx.AsyncClient
    served: Sequence[Served]

    @classmethod
    async def open(cls, database: Database) -> "Connecting":
        """Serve two organisations and two companies."""
        clock, screen, work = Clock(), Screen(), Nudges()
        xero, paymo = XeroWorld(now=clock), PaymoWorld(now=clock)
        xero.add_organisation("Maple Books", country="NZ", currency="NZD", is_demo=True)
        xero.add_organisation("Oak Books", country="GB", currency="GBP")
        paymo.add_company("Maple Studio", key=KEY)
        paymo.add_company("Oak Studio", key="oak-key")
        served = [await Served.start(xero.app()), await Served.start(paymo.app())]
        at_xero, at_paymo = (each.url for each in served)
        oauth = oauth_of(xero, at_xero, clock)
        tokens = Tokens(StoreVault(database, clock), oauth, clock)
        paymos = PaymoClients(open_http(f"{at_paymo}/api", user_agent="test"), sleep=no_sleep)
        xeros = XeroClients(open_http(at_xero, user_agent="test"), tokens, sleep=no_sleep)
        consents = Consents(database, xeros, oauth, tokens.vault)
        checklists = Checklists("http://bot.example", clock)
        links = PageLinks(database, work, screen, checklists, clock)
        return cls(
            database=database,
            clock=clock,
            xero=xero,
            paymo=paymo,
            service=ConnectService(database, work, screen, checklists, clock),
            links=links,
            paymo_page=PaymoPage(database, paymos, links, clock),
            xero_page=XeroPages(database, xeros, oauth, consents, links, clock),
            ending=EndingStep(database, paymos, consents, screen, clock),
            tokens=tokens,
            screen=screen,
            work=work,
            browser=httpx.AsyncClient(),
            served=served,
        )

    async def close(self) -> None:
        """Let go of the sockets."""
        for http in (self.browser, self.paymo_page.paymo.http, self.xero_page.xero.http):
            await http.aclose()
        for each in self.served:
            await each.stop()

    @property
    def maple(self) -> Organisation:
        """The organisation that tests connect."""
        return self.xero.books

    @property
    def oak(self) -> Organisation:
        """The other one."""
        return list(self.xero.organisations.values())[1]

    async def give_key(self, nonce: str, key: str = KEY) -> str:
        """Submit a key on our page."""
        return await self.paymo_page.submit_key(nonce, key, HERE)

    async def press(
        self,
        nonce: str,
        *tenants: Organisation,
        answer: str = "allow",
        user: str = "person-one",
    ) -> Consent:
        """Follow the link to Xero, press a button there, and come back."""
        address = await self.xero_page.start_consent(nonce, HERE)
        return await self.come_back(address, *tenants, answer=answer, user=user)

    async def come_back(
        self,
        address: str,
        *tenants: Organisation,
        answer: str = "allow",
        user: str = "person-one",
        cookie: str = HERE,
    ) -> Consent:
        """Press a button on Xero's page, as one of Xero's users, and come back."""
        chosen = [("tenant", each.tenant_id) for each in tenants]
        asked = httpx.URL(address).copy_merge_params([("auto", answer), ("user", user), *chosen])
        returned = await self.browser.get(asked)
        query = parse_qs(urlsplit(returned.headers["Location"]).query)
        back = Return(query["state"][0], query.get("code", [""])[0], query.get("error", [""])[0])
        return await self.xero_page.finish_consent(back, cookie)

    async def connect(self, person: Person = ANNA) -> Connection:
        """Connect both sides as one person."""
        checklist = await self.service.open(person)
        await self.service.attach_view(person, checklist.connection_id, "V1")
        if checklist.paymo_link:
            await self.give_key(nonce_of(checklist.paymo_link))
        if checklist.xero_link:
            await self.press(nonce_of(checklist.xero_link), self.maple)
        _, last = self.screen.checklists[-1]
        return await self.connection(last.connection_id)

    async def connection(self, connection_id: int) -> Connection:
        """Return a connection as it is now."""
        async with self.database.sessions() as session:
            return await session.get_one(Connection, connection_id)

    async def end(self, connection: Connection) -> None:
        """End a connection on both sides if that is due."""
        runner = Runner(self.database, self.work, self.clock)
        await runner.run(self.ending, connection.id)

    async def schedule(self, connection: Connection, job: Job) -> Schedule:
        """Return one of a connection's jobs as it stands now."""
        return await schedule_of(self.database, connection.id, job)

    async def change(self, connection: Connection, **values: object) -> None:
        """Change a connection's row."""
        async with self.database.sessions.begin() as session:
            row = await session.get_one(Connection, connection.id)
            for name, value in values.items():
                setattr(row, name, value)

    async def rows(self, table: type[Row]) -> list[Row]:
        """Return every row of a table, in order."""
        return await rows_of(self.database, table)


def nonce_of(link: str) -> str:
    """Return the secret part of a one-time link."""
    return parse_qs(urlsplit(link).query)["nonce"][0]
