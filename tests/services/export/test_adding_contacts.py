"""Adding a client to Xero: what Xero refuses of it, and who has its name or number already."""

from typing import Any

import pytest

from sandbox.xero.model import Contact
from services.clients.xero import is_email
from services.errors import NotAccepted
from services.export.recording import ExportResult
from services.model.actions import Action
from services.model.export import ExportState
from services.store import mirror
from services.store.tables import InvoiceHeader
from tests.databases import BOTH_DATABASES, SQLITE_ALONE
from tests.services.beside import held
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import bridge_of

pytestmark = SQLITE_ALONE


bridge = bridge_of(Bridge.open)


async def client(bridge: Bridge, name: str, email: str = "") -> int:
    """Add a client with one invoice, INV-1, and have the lists copied."""
    company = bridge.paymo.company
    made = company.add_client(name, email=email)
    company.add_invoice("INV-1", made, [("Work", "", 1, "100")], tax=15)
    await bridge.wait(hours=2)
    return made.id


async def export(bridge: Bridge, late: str = "", **fields: Any) -> ExportResult:
    """Export with a new contact, and return what came of it."""
    await press(bridge, late, **fields)
    return bridge.screen.results[-1]


async def press(bridge: Bridge, late: str = "", **fields: Any) -> None:
    """Press Export with a new contact; `late` gets into Xero after all lists were copied."""
    form = await bridge.form_for("INV-1")
    choice = bridge.choice(form, contact_id="new", account_id=account(bridge))
    if late:
        add(bridge, late, **fields)
    await bridge.requests.request(ANNA, form.draft_id, choice, reply_to())
    await bridge.run()


def account(bridge: Bridge) -> str:
    accounts = bridge.xero.books.accounts.values()
    return next(each.account_id for each in accounts if each.code == "200")


def add(bridge: Bridge, name: str, status: str = "ACTIVE", **fields: Any) -> Contact:
    made = bridge.xero.books.add_contact(name)
    made.fields |= fields
    made.status = status
    return made


def contacts(bridge: Bridge) -> list[Contact]:
    return list(bridge.xero.books.contacts.values())


@pytest.mark.parametrize(
    "email",
    [
        "o\ufb03ce@\ufb01nch.example",
        "b\u00fcro@finch.example",
        "office@m\u00fcller.example",
        "pay@finch.example, ben@finch.example",
        "pay@finch.example;ben@finch.example",
        "pay @finch.example",
        "Pay <pay@finch.example>",
        "pay@finch",
        ".pay@finch.example",
        f"{'p' * 65}@finch.example",
        f"pay@{'finch.' * 50}example",
        "odd!mail@finch.example",  # which only Xero's refusal tells
    ],
)
async def test_an_odd_email_stays_behind_and_that_is_said(bridge: Bridge, email: str) -> None:
    await client(bridge, "Finch Ltd", email)
    form = await bridge.form_for("INV-1")
    choice = bridge.choice(form, contact_id="new")
    form = await bridge.forms.choose(form.draft_id, ANNA, choice)
    told_before = any(email in each.text for each in form.checks)
    done = await export(bridge)

    assert done.state is ExportState.EXPORTED, done.reason
    assert f"without {email}" in done.reason
    assert told_before is not is_email(email)
    [made] = contacts(bridge)
    assert (made.name, made.fields.get("EmailAddress")) == ("Finch Ltd", None)


@pytest.mark.parametrize(
    "email", ["pay@finch.example", "o'neil+x@a-b.example.org", "\u200bp@f.io "]
)
async def test_a_good_email_goes_along(bridge: Bridge, email: str) -> None:
    await client(bridge, "Finch Ltd", email)
    done = await export(bridge)

    assert (done.state, done.reason) == (ExportState.EXPORTED, "")
    assert contacts(bridge)[0].fields["EmailAddress"] == email.strip("\u200b ")


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_client_that_was_added_before_is_found_by_its_number(
    bridge: Bridge, *, is_known: bool
) -> None:
    """Somebody renamed the contact since; it is offered, and a press exports to it."""
    client_id = await client(bridge, "Finch Ltd")
    number = f"paymo:{client_id}"
    if is_known:
        add(bridge, "Renamed & Co", ContactNumber=number)
        await bridge.wait(hours=2)
        form = await bridge.form_for("INV-1")
        choice = bridge.choice(form, contact_id="new", account_id=account(bridge))
        seen = await bridge.forms.choose(form.draft_id, ANNA, choice)
        assert "use_contact" in seen.actions
        with pytest.raises(NotAccepted, match="already in Xero as Renamed & Co"):
            await bridge.requests.request(ANNA, form.draft_id, choice, reply_to())
        form = await bridge.forms.act(form.draft_id, ANNA, Action("use_contact"))
        await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
        await bridge.run()
    else:
        refused = await export(bridge, "Renamed & Co", ContactNumber=number)
        assert "already in Xero as Renamed & Co" in refused.reason
        assert "use_contact" in refused.actions
        await bridge.requests.act(ANNA, refused.export_id, reply_to(), Action("use_contact"))
        await bridge.run()

    [made] = bridge.xero.invoices.values()
    assert [each.contact_id for each in contacts(bridge)] == [made.contact_id]


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("R+D (UK), Ltd", "R+D (UK), Ltd"),
        ("r+d  (uk), ltd", "R+D (UK), LTD"),
        ('Say "Hi" & Co', 'Say "Hi" & Co'),
        ("A\\B Ltd", "A\\B Ltd"),
        ("O'Neill/Sons", "O'Neill/Sons"),
        ("Party \U0001f389  Co", "Party Co"),
        ("  Acme\u00a0Ltd ", "ACME Ltd"),
        (f"{'Long Name ' * 30}", ("Long Name " * 30)[:255].strip()),
    ],
)
async def test_whoever_has_the_name_is_offered_though_a_search_does_not_find_it(
    bridge: Bridge, name: str, there: str
) -> None:
    await client(bridge, name)
    refused = await export(bridge, there)
    assert f"already has a contact called {there}" in refused.reason
    assert "use_contact" in refused.actions
    await bridge.requests.act(ANNA, refused.export_id, reply_to(), Action("use_contact"))
    await bridge.run()

    [made] = bridge.xero.invoices.values()
    assert [each.contact_id for each in contacts(bridge)] == [made.contact_id]


@pytest.mark.parametrize("name", ["Finch Ltd", "R+D (UK), Ltd"])
async def test_a_contact_whose_answer_got_lost_is_not_added_twice(
    bridge: Bridge, name: str
) -> None:
    await client(bridge, name)
    bridge.xero.faults.add(method="PUT", path="Contacts", hang_up="after")
    await press(bridge)
    for _ in range(4):
        await bridge.wait(minutes=10)

    [exported] = await bridge.exports()
    assert exported.state is ExportState.EXPORTED, exported.reason
    assert [each.contact_id for each in contacts(bridge)] == [exported.contact_id]


@pytest.mark.parametrize("is_number", [True, False])
async def test_what_an_archived_contact_holds_goes_on_when_it_is_restored(
    bridge: Bridge, *, is_number: bool
) -> None:
    client_id = await client(bridge, "Finch Ltd")
    name = "Renamed" if is_number else "Finch Ltd"
    refused = await export(bridge, name, status="ARCHIVED", ContactNumber=f"paymo:{client_id}")
    assert "archived" in refused.reason
    contacts(bridge)[0].status = "ACTIVE"
    await bridge.wait(hours=2)

    [exported] = await bridge.exports()
    assert exported.state is ExportState.EXPORTED, exported.reason
    assert len(contacts(bridge)) == 1


async def test_a_name_that_is_too_long_or_odd_is_added_as_xero_takes_it(bridge: Bridge) -> None:
    await client(bridge, f"\U0001f389 {'Long <Name> ' * 40}")
    done = await export(bridge)

    assert done.state is ExportState.EXPORTED, done.reason
    [made] = contacts(bridge)
    assert made.name == ("Long Name " * 40)[:255].strip()


@BOTH_DATABASES
@pytest.mark.parametrize(
    ("system", "path"), [("xero", "/Contacts$"), ("paymo", "/clients$"), ("paymo", "/invoices$")]
)
async def test_what_comes_while_a_whole_list_is_read_is_not_gone(
    bridge: Bridge, other: Bridge, system: str, path: str
) -> None:
    """A list that was read before and arrives after says nothing about it."""
    bridge.clock.turn(hours=24)
    whole = getattr(bridge, system).faults.hold("GET", path, is_done=True)
    async with held(whole, other.copy()) as copying:
        oak = bridge.paymo.company.add_client("Oak Trading")
        invoice = bridge.paymo.company.add_invoice("INV-1", oak, [("Work", "", 1, "100")], tax=15)
        await press(bridge)
        await copying.let_go()

    offered = await bridge.matching.contact_options(ANNA, "Oak", client_id=None)
    assert "Oak Trading" in [each.text for group in offered for each in group.options]
    assert [each.text for each in await bridge.matching.client_options(ANNA, "Oak")] == [oak.name]
    async with bridge.database.sessions() as session:
        assert invoice.id in await mirror.list_ids(session, bridge.connection_id, InvoiceHeader)
