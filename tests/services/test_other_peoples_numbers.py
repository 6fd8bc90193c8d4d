"""Numbers that are not theirs: every method of every service, with another workspace's ids.

What a new method takes is given to it by the name of its parameter. A parameter that is not known
here, or a method that does not say who asks, fails by name until somebody has thought about it.
"""

import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import pytest
from sqlalchemy import select, update

from handlers.register import Services
from services.connect.checklists import Checklists
from services.connect.service import ConnectService, WorkspaceService
from services.errors import ServiceError
from services.explain.service import ExplainService
from services.history.service import HistoryService, OwedService
from services.mapping.case import ExportChoice
from services.matching.service import MatchChoice
from services.model.connection import ConnectionState
from services.model.export import Marks
from services.model.invoice import PaymentState
from services.model.notice import Topic
from services.model.people import Person, ReplyTarget, Role
from services.notices.service import NoticeService
from services.settings.service import AccessService, SettingsService
from services.store import connections, mirror, workspaces
from services.store.engine import Database
from services.store.tables import (
    AccessRequest,
    Client,
    Connection,
    Contact,
    Draft,
    InvoiceHeader,
    OneTimeLink,
    Payment,
    Workspace,
)
from tests.databases import SQLITE_ALONE
from tests.handlers import samples
from tests.services.bridge import ANNA, Bridge, Deaf
from tests.services.connecting import Screen
from tests.services.store_seeds import connected

pytestmark = SQLITE_ALONE

# The same Slack id in another workspace, where it owns a connection that works.
EVE = Person("", "T2", ANNA.user_id, ANNA.channel_id)
OAK = "Oak Books"
PLAIN: dict[str, Any] = {
    "channel_id": "C1",
    "view_id": "V9",
    "number": "inv-1",  # as no answer may write it
    "numbers": ("inv-1", "inv-2"),
    "typed": "inv-1",
    "text": "Have you sent inv-1?",
    "query": "",
    "pressed": "as_draft",
    "tax_type": "ZERORATEDOUTPUT",
    "role": Role.EXPORTER,
    "topics": (Topic.DIGEST,),
    "reply_to": ReplyTarget(2, EVE.user_id, "C1", "V9"),
    "person": EVE,
    "name": "acme",
    "seen": "what was shown",
    "is_due": True,
    "day": date(2026, 12, 1),
    "marks": Marks(0, (1,), (1,)),
    "is_all": True,
    "is_agreed": True,
    "page": 1,
    "invoice_id": 1,
}
# Methods that no person calls, and what stands in for the person.
NOBODY_ASKS = {
    "workspaces.installed": "Slack's own answer",
    "workspaces.uninstalled": "Slack's own event",
    "workspaces.is_installed": "a question about a workspace as a whole",
    "people.name_of": "the ids of a history that was read for somebody of that workspace",
}


def methods() -> list[str]:
    """Return every public method of every service as "service.method"."""
    hints = get_type_hints(Services)
    return [
        f"{name}.{method}"
        for name in Services.__dataclass_fields__
        for method, _ in inspect.getmembers(hints[name], inspect.isfunction)
        if not method.startswith("_")
    ]


def function(name: str) -> Callable[..., Any]:
    service, _, method = name.partition(".")
    found: Callable[..., Any] = getattr(get_type_hints(Services)[service], method)
    return found


def parameters(name: str) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(function(name)).parameters)
    found.pop("self")
    for each in [each for each in found.values() if each.kind is each.VAR_KEYWORD]:
        del found[each.name]
        (options,) = get_args(each.annotation)
        ids = [option for option in get_type_hints(options) if option.endswith("id")]
        found |= {option: inspect.Parameter(option, each.KEYWORD_ONLY) for option in ids}
    return found


ASKED = [each for each in methods() if "person" in parameters(each)]


@dataclass(slots=True)
class Stand:
    """Maple's data in T1, and somebody in T2."""

    services: Services
    database: Database
    given: dict[str, Any]
    theirs: tuple[str, ...]  # what no answer may hold

    async def kept(self) -> Any:
        """Return every row of T1, secrets left out."""
        async with self.database.sessions() as session:
            workspace = await session.scalar(select(Workspace).where(Workspace.team_id == "T1"))
            assert workspace is not None
            return await workspaces.export_rows(session, workspace)

    async def reconnect(self) -> None:
        """Have T2's connection work again, whatever was done to it."""
        async with self.database.sessions.begin() as session:
            own = update(Connection).where(Connection.organisation_name == OAK)
            await session.execute(own.values(state=ConnectionState.ACTIVE))


@pytest.fixture
async def stand(database: Database) -> AsyncIterator[Stand]:
    """Fill T1 with one of everything that has an id."""
    bridge = await Bridge.with_acme(database, "INV-1", "INV-2")
    await bridge.export_it("INV-1")
    await bridge.change(exporters=["U2"])
    exported = next(iter(bridge.xero.books.invoices.values()))
    bridge.xero.books.pay(exported.invoice_id, exported.total, date=bridge.clock().date())
    await bridge.look()
    form = await bridge.form_for("INV-2")
    batch = await bridge.batches.open(ANNA)
    await bridge.batches.attach_view(ANNA, batch.batch_id, "V1")
    await bridge.run()
    services = services_of(bridge)
    await services.access.ask(replace(ANNA, user_id="U3"), Role.EXPORTER)
    await _connect_oak(bridge)
    given = await _given(bridge, services, form.draft_id, batch.batch_id)
    yield Stand(services, database, given, ("Maple", "Acme", "INV-1", exported.invoice_id))
    await bridge.close()


async def _connect_oak(bridge: Bridge) -> None:
    """Connect T2's company with the same organisation; its only client has the id of Acme."""
    same = bridge.xero.books.tenant_id
    values = {"tenant_id": same, "organisation_name": OAK, "paymo_company_id": 99}
    oak = await connected(bridge.database, "T2", **values)
    client_id = next(iter(bridge.paymo.company.clients))
    client = {"client_id": client_id, "name": "Birch", "email": "", "is_active": True}
    contact = {"contact_id": "birch", "name": "Birch", "email": "", "is_active": True}
    header = {"invoice_id": 7, "number": "B-1", "client_id": client_id, "status": "sent"}
    header |= {"currency": "NZD", "issued_on": date(2026, 11, 1), "total": Decimal(1)}
    header |= {"updated_on": bridge.clock()}
    async with bridge.database.sessions.begin() as session:
        await mirror.put(session, oak.id, Client, [client])
        await mirror.put(session, oak.id, Contact, [contact])
        await mirror.put(session, oak.id, InvoiceHeader, [header])


async def _given(
    bridge: Bridge, services: Services, draft_id: int, batch_id: int
) -> dict[str, Any]:
    """Return what each parameter is given, by its name: Maple's own numbers."""
    export = (await bridge.exports())[0]
    async with bridge.database.sessions.begin() as session:
        await session.execute(update(Payment).values(state=PaymentState.ASKED))  # to be decided
        payment_id = (await session.scalars(select(Payment.id))).first()
        request_id = (await session.scalars(select(AccessRequest.id))).one()
        invoice_id = (await session.scalars(select(Draft.invoice_id))).first()
        link = OneTimeLink(
            digest="d",
            purpose="xero",
            connection_id=bridge.connection_id,
            user_id=ANNA.user_id,
            expires_at=bridge.clock(),
        )
        session.add(link)
    contact_id = next(iter(bridge.xero.books.contacts))
    settings = await services.settings.open(ANNA)
    checklist = samples.checklist("x", connection_id=bridge.connection_id)
    return {
        "connection_id": bridge.connection_id,
        "export_id": export.id,
        "urls": (services.export_forms.links.paymo(export.paymo_invoice_id),),
        "payment_id": payment_id,
        "request_id": request_id,
        "draft_id": draft_id,
        "batch_id": batch_id,
        "undone_ids": (invoice_id,),
        "client_id": export.client_id,
        "drawn": replace(checklist, paymo_link="", xero_link=""),
        "form": replace(settings, void_means="delete", connection_id=bridge.connection_id),
        "choice": {
            ExportChoice: ExportChoice(invoice_id, contact_id, "account"),
            MatchChoice: MatchChoice(export.client_id or 0, contact_id, "account"),
        },
    }


def services_of(bridge: Bridge) -> Services:
    """Return every service over the bridge's database; a new one is to be added here."""
    database, links, work, now = bridge.database, bridge.links, Deaf(), bridge.clock
    return Services(
        connect=ConnectService(
            database=database,
            work=work,
            screen=Screen(),
            checklists=Checklists("http://bot.example", now),
            now=now,
        ),
        workspaces=WorkspaceService(database, now),
        people=bridge.names,
        matching=bridge.matching,
        export_forms=bridge.forms,
        export_requests=bridge.requests,
        batches=bridge.batches,
        sync=bridge.sync,
        notices=NoticeService(database, work, now),
        settings=SettingsService(database, work, now),
        reconcile=bridge.reconcile,
        undo=bridge.undo,
        update=bridge.update,
        restore=bridge.restore,
        history=HistoryService(database),
        explain=ExplainService(database, links, work, now),
        owed=OwedService(database, now),
        access=AccessService(database, work, now),
    )


def argument(stand: Stand, name: str, parameter: inspect.Parameter) -> Any:
    """Return what this parameter is given; what is not known here fails by name."""
    value = (PLAIN | stand.given).get(parameter.name)
    if isinstance(value, dict):
        value = value[parameter.annotation]
    is_id = parameter.name.endswith(("id", "ids"))
    if value is None and (is_id or parameter.default is inspect.Parameter.empty):
        pytest.fail(f"{name}: say here what another workspace would pass as {parameter.name}")
    return parameter.default if value is None else value


@pytest.mark.thorough
async def test_another_workspaces_numbers_open_and_change_nothing(stand: Stand) -> None:
    wrong: dict[str, object] = {}
    for name in ASKED:
        await stand.reconnect()
        before = await stand.kept()
        answer = await asked(stand, name)
        names_none = not parameters(name).keys() & stand.given.keys()
        if told := [each for each in stand.theirs if each in repr(answer)]:
            wrong[name] = told
        elif await stand.kept() != before:
            wrong[name] = "changed what is kept"
        elif names_none and answer == connections.CONNECT_FIRST:
            wrong[name] = "was asked by somebody without a connection"

    assert wrong == {}


async def asked(stand: Stand, name: str) -> Any:
    """Return what a method of a service answers to somebody of another workspace."""
    service, _, method = name.partition(".")
    given = {key: argument(stand, name, each) for key, each in parameters(name).items()}
    try:
        return await getattr(getattr(stand.services, service), method)(**given)
    except ServiceError as refusal:
        return str(refusal)


def test_every_other_method_is_known_by_name() -> None:
    """A job is started by our own queue; what else takes no person says what it goes by."""
    others = {each for each in methods() if each not in ASKED and ".run_" not in each}

    assert others == set(NOBODY_ASKS)
    assert all("person" not in parameters(each) for each in NOBODY_ASKS)


async def test_the_walk_meets_rows_that_would_answer_their_owner(stand: Stand) -> None:
    """With their own person the same numbers work, so a refusal above is one of the workspace."""
    forms = stand.services.export_forms
    async with stand.database.sessions() as session:
        assert (await session.scalars(select(Connection))).all()[0].owner_id == EVE.user_id
    assert await forms.contact_options(ANNA, stand.given["draft_id"], "") != ()
    assert (await stand.services.batches.form(ANNA, stand.given["batch_id"])).batch_id
    assert await forms.card(ANNA, "INV-1") is not None
    before = await stand.kept()
    await stand.services.notices.unsubscribe(ANNA, "C1")
    assert await stand.kept() != before
