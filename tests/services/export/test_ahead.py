"""The contact is looked at while the form is filled in, so that a press costs two calls."""

from dataclasses import dataclass, field

import pytest

from sandbox.xero.model import Contact
from services.errors import NotAccepted
from services.export.forms import ExportForm
from services.matching.service import MatchChoice
from services.model.actions import Action
from services.model.export import ExportState, RefusalCode
from services.model.jobs import Job
from services.store import matches
from tests.services.bridge import ANNA, Bridge, Deaf, reply_to
from tests.services.fixtures import acme, bridge_of
from tests.services.notebook import Notebook

PUT = ("PUT", "/Invoices$")


bridge = bridge_of(acme("INV-1"))


def contact(bridge: Bridge) -> Contact:
    """Return the client's contact in Xero."""
    return next(each for each in bridge.xero.books.contacts.values() if each.name == "Acme Ltd")


async def filled(bridge: Bridge, number: str = "INV-1") -> ExportForm:
    """Open a form, have everything read that it waits for, and forget what was asked."""
    form = await bridge.form_for(number)
    bridge.paymo.requests.clear()
    bridge.xero.requests.clear()
    return form


async def press(bridge: Bridge, form: ExportForm) -> None:
    """Press, and do all that follows."""
    await bridge.requests.request(ANNA, form.draft_id, bridge.choice(form), reply_to())
    await bridge.run()


def asked(bridge: Bridge) -> list[str]:
    """Return what both systems were asked, in the order of each."""
    calls = [*bridge.paymo.calls("", "/api/"), *bridge.xero.calls("", "api.xro")]
    return [f"{each.method} {each.path.split('/')[-2]}" for each in calls]


@dataclass(slots=True)
class Listening(Deaf):
    """A work engine that notes how much the person had been shown at each nudge."""

    screen: Notebook
    heard: dict[Job, int] = field(default_factory=dict)

    async def nudge(self, job: Job, key: int) -> None:
        """Note it."""
        assert key
        self.heard[job] = len(self.screen.results)


async def test_from_the_press_to_success_there_are_two_calls(bridge: Bridge) -> None:
    """Paymo is asked whether the invoice is the same, and Xero takes it; all else comes after."""
    bridge.clock.turn(minutes=9)  # so the lists that the form reads are not the newest
    form = await filled(bridge)
    bridge.clock.turn(seconds=30)
    bridge.work = heard = Listening(bridge.screen)
    await press(bridge, form)

    assert asked(bridge) == ["GET invoices", "PUT 2.0"]
    assert [each.state for each in bridge.screen.results] == [ExportState.EXPORTED]
    assert {job: heard.heard[job] for job in (Job.NOTICES, Job.ANNOTATE)} == {
        Job.NOTICES: 1,
        Job.ANNOTATE: 1,
    }


async def match_of(bridge: Bridge) -> str:
    """Return the contact that is remembered for the client, "" where none is."""
    connection = await bridge.connection()
    async with bridge.database.sessions() as session:
        client_id = bridge.paymo.company.numbered("INV-1").client_id
        return await matches.contact_of(session, connection, client_id)


@pytest.mark.parametrize("has_chosen", [False, True])
async def test_a_choice_is_remembered_once_paymo_answers_unless_somebody_chose_since(
    bridge: Bridge, *, has_chosen: bool
) -> None:
    """What need not come before the claim is done by the job, however late."""
    form = await filled(bridge)
    chosen, other = contact(bridge), bridge.xero.books.add_contact("Acme Group")
    bridge.paymo.faults.add(path="/invoices", method="GET", status=503, times=9)
    await press(bridge, form)
    connection = await bridge.connection()
    bridge.clock.turn(seconds=5)
    if has_chosen:
        await bridge.mirror.refresh_contacts(connection)
        client_id = bridge.paymo.company.numbered("INV-1").client_id
        await bridge.matching.save(ANNA, MatchChoice(client_id, other.contact_id))
    bridge.paymo.faults.clear()
    await bridge.wait(minutes=5)

    assert [each.state for each in await bridge.exports()] == [ExportState.EXPORTED]
    assert await match_of(bridge) == (other if has_chosen else chosen).contact_id


async def test_a_form_that_was_open_for_long_has_the_contact_asked_about_again(
    bridge: Bridge,
) -> None:
    form = await filled(bridge)
    bridge.clock.turn(minutes=11)
    await press(bridge, form)
    assert "GET Contacts" in asked(bridge)
    assert bridge.screen.results[-1].state is ExportState.EXPORTED


async def test_where_calls_are_short_nothing_is_asked_ahead(bridge: Bridge) -> None:
    xero = await bridge.connection()
    bridge.xeros.client(xero.tenant_id, xero.grant_id).allowance.day_left = 10
    before = len(bridge.xero.calls("GET", "/Contacts/"))
    form = await bridge.form_for("INV-1")
    assert len(bridge.xero.calls("GET", "/Contacts/")) == before
    await press(bridge, form)
    assert len(bridge.xero.calls("GET", "/Contacts/")) == before + 1


async def test_a_contact_archived_before_the_press_is_refused_by_the_form(bridge: Bridge) -> None:
    """The look at it notices what the copy does not know yet."""
    bridge.xero.books.archive_contact(contact(bridge).contact_id)
    form = await filled(bridge)
    with pytest.raises(NotAccepted):
        await press(bridge, form)
    assert not bridge.xero.invoices


async def test_a_contact_archived_after_the_form_is_refused_by_xero(bridge: Bridge) -> None:
    """With the cures of any contact, and once it is restored the next press goes."""
    form = await filled(bridge)
    bridge.xero.books.archive_contact(contact(bridge).contact_id)
    await press(bridge, form)
    [export] = await bridge.exports()
    assert (export.state, export.refusals) == (ExportState.FAILED, [RefusalCode.CONTACT])
    assert not bridge.xero.invoices
    bridge.xero.books.restore_contact(contact(bridge).contact_id)
    await bridge.requests.act(ANNA, export.id, reply_to(), Action.RETRY)
    await bridge.run()
    assert [each.state for each in await bridge.exports()] == [ExportState.EXPORTED]
    assert len(bridge.xero.invoices) == 1


async def test_a_contact_renamed_after_the_form_has_the_invoice_under_its_new_name(
    bridge: Bridge,
) -> None:
    form = await filled(bridge)
    bridge.xero.books.rename_contact(contact(bridge).contact_id, "Acme Group")
    await press(bridge, form)
    assert bridge.screen.results[-1].state is ExportState.EXPORTED
    [export] = await bridge.exports()
    assert export.contact_name == "Acme Group"


async def test_a_contact_merged_after_the_form_is_followed(bridge: Bridge) -> None:
    """Xero refuses the old one; then everything is checked anew, for the one that took it over."""
    form = await filled(bridge)
    other = bridge.xero.books.add_contact("Acme Group")
    bridge.xero.books.merge_contact(contact(bridge).contact_id, into=other.contact_id)
    await press(bridge, form)

    [export] = await bridge.exports()
    [made] = bridge.xero.invoices.values()
    assert (export.state, made.contact_id) == (ExportState.EXPORTED, other.contact_id)
    assert len({each.headers["Idempotency-Key"] for each in bridge.xero.calls(*PUT)}) == 2
    assert "merged" in bridge.screen.results[-1].reason


async def test_an_invoice_changed_after_the_form_is_not_sent(bridge: Bridge) -> None:
    """Of the two calls one is for this."""
    form = await filled(bridge)
    bridge.clock.turn(seconds=5)
    invoice = bridge.paymo.company.numbered("INV-1")
    invoice.items[0].item, invoice.updated = "Flight", bridge.clock()
    await press(bridge, form)
    [export] = await bridge.exports()
    assert export.refusals == [RefusalCode.CHANGED]
    assert "Its total is the same." in export.reason
    assert asked(bridge) == ["GET invoices"]


@pytest.mark.parametrize("status", ["sent", "viewed"])
async def test_an_invoice_sent_or_opened_after_the_form_goes(bridge: Bridge, status: str) -> None:
    """Both touch it in Paymo, and neither changes anything that Xero gets."""
    invoice = bridge.paymo.company.numbered("INV-1")
    invoice.status = {"sent": "draft", "viewed": "sent"}[status]
    form = await filled(bridge)
    bridge.clock.turn(seconds=5)
    invoice.status, invoice.updated = status, bridge.clock()
    await press(bridge, form)
    [made] = bridge.xero.invoices.values()
    assert made.status == "AUTHORISED"
