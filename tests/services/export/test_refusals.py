"""What Xero's refusals mean, in the words that it and its users' reports have for them."""

from datetime import timedelta

import msgspec
import pytest

from services.errors import Rejected
from services.export.refusals import from_xero, is_taken, is_url_refused
from services.model.actions import Action, after_a_refusal
from services.model.export import ExportState, RefusalCode
from tests.databases import SQLITE_ALONE
from tests.services.batching import export_all
from tests.services.bridge import ANNA, Bridge, reply_to
from tests.services.fixtures import acme, bridge_of

pytestmark = SQLITE_ALONE

PLAIN = ("retry", "change", "cancel")
MEANINGS = {
    "contact": (
        (
            "The contact with the specified contact details has been archived. The contact must be "
            "un-archived before creating new invoices or credit notes."
        ),
        (
            "The specified contact details matched an archived contact. Archived contacts cannot "
            "currently be edited via the API."
        ),
        "The specified contact could not be found",
        "Contact ABC is not active.",
        "A Contact must be specified for this type of transaction",
    ),
    "account": (
        "Account code '200' is not a valid code for this document.",
        "Account must be valid.",
        "The account 200 has been archived.",
        "Account code must be specified on approved invoices",
        "The account type is invalid for this line.",
    ),
    "tax_rate": (
        "The TaxType code 'INPUT2' cannot be used with account code '200'",
        "The TaxType code 'X' does not exist or cannot be used for this type of transaction.",
        "The tax rate 20% (VAT on Income) has been archived.",
        "Tax type must be valid",
    ),
    "locked": (
        "The document date cannot be before the period lock date, currently set at 31 Oct 2026",
        "The document date cannot be before the end of year lock date, currently set at 31 Mar",
        "This transaction falls within a locked period.",
        "The books are closed for this financial year.",
    ),
    "currency": (
        "Organisation is not subscribed to currency EUR",
        "Currency code 'EUR' is not valid",
        "The currency EUR has not been added to your organisation.",
        "Multiple currencies are not available on your plan.",
    ),
    "plan_limit": (
        "You have reached the limit of invoices you can approve",
        "Your current pricing plan allows you to approve 20 invoices a month.",
        "The maximum number of invoices for your subscription plan has been exceeded.",
    ),
    "due": (
        "The Due Date must be specified",
        "DueDate cannot be before the invoice date",
        "Due date is required for approved invoices",
    ),
    "email": ("Email address must be valid.", "The e-mail of this contact is invalid"),
    "description": (
        "Description must be no longer than 4000 characters",
        "Description is required on line items of approved invoices",
        "Description field is mandatory. Please make sure it has been entered before approving.",
    ),
    "organisation": (
        "The organisation is not active.",
        "Your Xero subscription has expired",
        "The organization's trial has ended and is read-only.",
    ),
    "rejected": (
        "The discount rate '0.00' is invalid. Discount must not be greater than the line total.",
        "The quantity value '-1.0000' is invalid. Quantity must not be less than zero.",
        "The tax amount is invalid",
        "The invoice's contact has an account number that is in use already",
        "Something that nobody has heard of",
        "A validation exception occurred",
    ),
}
SPELLINGS = [(name, text) for name, texts in MEANINGS.items() for text in texts]


bridge = bridge_of(acme("INV-1", "INV-2"))


@pytest.mark.parametrize(("problem", "text"), SPELLINGS)
def test_a_refusal_is_known_by_the_words_that_carry_it(problem: str, text: str) -> None:
    refusal = Rejected(f"Xero refused: {text}", messages=(text,))
    for spelled in (text, text.upper(), text.replace(" ", "\u00a0 ")):
        found = from_xero(Rejected(f"Xero refused: {spelled}", messages=(spelled,)))
        assert found.codes == (problem,)
        assert spelled in str(found), "Xero's own words are always shown"
    assert not is_taken(refusal)
    assert not is_url_refused(refusal)


@pytest.mark.parametrize(
    "text",
    [
        "Invoice # must be unique.",
        "Invoice number INV-1 is already in use.",
        "An invoice with this InvoiceNumber already exists",
        "This document number has already been used",
        "An existing Invoice with this number already exists",
    ],
)
def test_a_number_that_is_taken_is_known_beside_other_refusals(text: str) -> None:
    assert is_taken(Rejected("no", messages=("Account must be valid.", text)))


@pytest.mark.parametrize(
    "text",
    [
        (
            "The contact name Acme is already assigned to another contact. The contact name must "
            "be unique across all active contacts."
        ),
        "Another contact has this contact number.",
    ],
)
def test_no_other_number_or_name_is_taken_for_the_invoices(text: str) -> None:
    assert not is_taken(Rejected("no", messages=(text,)))


def test_several_reasons_are_all_kept() -> None:
    texts = ("Account must be valid.", "Odd.", "The Due Date must be specified", "Odd.")
    assert from_xero(Rejected("no", messages=texts)).codes == ("account", "rejected", "due")


async def export(bridge: Bridge, number: str, *texts: str) -> None:
    """Export an invoice that Xero refuses with these words."""
    errors = [{"Message": text} for text in texts]
    body = msgspec.json.encode({"ErrorNumber": 10, "Elements": [{"ValidationErrors": errors}]})
    bridge.xero.faults.add(method="PUT", path="Invoices", status=400, body=body.decode())
    await bridge.export_it(number)


@pytest.mark.parametrize("text", [*MEANINGS["rejected"][:2], "", "Ünknown 🎉"])
async def test_what_is_not_recognised_shows_xeros_words_and_three_ways_on(
    bridge: Bridge, text: str
) -> None:
    await export(bridge, "INV-1", text)
    refused = bridge.screen.results[-1]
    assert refused.state is ExportState.FAILED
    assert refused.actions == PLAIN == after_a_refusal([RefusalCode.REJECTED])
    assert text in refused.reason
    form = await bridge.forms.reopen(ANNA, refused.export_id)
    assert form.invoice is not None
    assert "cancelled" in await bridge.requests.cancel(ANNA, refused.export_id)
    assert list(bridge.xero.invoices) == []


@pytest.mark.parametrize("is_batch", [False, True])
async def test_what_xero_cant_find_says_what_to_check_and_goes_once_it_is_right(
    bridge: Bridge, *, is_batch: bool
) -> None:
    page = {"status": 404, "headers": {"Content-Type": "text/html"}, "body": ""}
    bridge.xero.faults.add(method="PUT", path="Invoices", times=2 if is_batch else 1, **page)
    if is_batch:
        report = await export_all(bridge, "INV-1")
        (line,) = report.sent
        said = f"{line.reason} {line.cure}"
    else:
        said = (await bridge.export_it("INV-1")).reason
    assert said.startswith("Xero can't find something on the invoice, such as its contact")
    assert "Check its contact and account in Maple Books and try again" in said
    assert list(bridge.xero.invoices) == []
    (failed,) = await bridge.exports()
    await bridge.requests.act(ANNA, failed.id, reply_to(), Action.RETRY)
    await bridge.run()
    assert [each.number for each in bridge.xero.invoices.values()] == ["INV-1"]


@pytest.mark.parametrize(
    ("problem", "cure", "status"),
    [
        ("plan_limit", "as_draft", "DRAFT"),
        ("locked", "as_draft", "DRAFT"),
        ("locked", "today", "AUTHORISED"),
        ("due", "due_at_once", "AUTHORISED"),
    ],
)
@pytest.mark.parametrize("which", [0, 1])
async def test_the_same_cure_helps_however_xero_spells_it(
    bridge: Bridge, problem: str, cure: str, status: str, which: int
) -> None:
    await export(bridge, "INV-1", MEANINGS[problem][which])
    refused = bridge.screen.results[-1]
    assert cure in refused.actions
    await bridge.requests.act(ANNA, refused.export_id, reply_to(), Action(cure))
    await bridge.run()
    (made,) = bridge.xero.invoices.values()
    assert (made.number, made.status) == ("INV-1", status)


@pytest.mark.parametrize("is_batch", [False, True])
async def test_what_waited_for_an_archived_contact_goes_on_once_it_is_restored(
    bridge: Bridge, *, is_batch: bool
) -> None:
    """It was archived after the contacts were copied, so Xero's refusal is what tells of it."""
    acme = next(iter(bridge.xero.books.contacts.values()))
    if is_batch:
        form = await bridge.batches.open(ANNA, ["INV-1", "INV-2"])
        await bridge.batches.attach_view(ANNA, form.batch_id, "V1")
        await bridge.run()
        acme.status = "ARCHIVED"
        await bridge.batches.confirm(ANNA, form.batch_id)
        await bridge.run()
    else:
        form_1 = await bridge.form_for("INV-1")
        acme.status = "ARCHIVED"
        await bridge.requests.request(ANNA, form_1.draft_id, bridge.choice(form_1), reply_to())
        await bridge.run()
    assert {tuple(each.refusals) for each in await bridge.exports()} == {("contact",)}
    acme.status, acme.updated = "ACTIVE", bridge.clock() + timedelta(minutes=1)
    await bridge.wait(hours=2)
    assert {each.state for each in await bridge.exports()} == {ExportState.EXPORTED}
    assert len(bridge.xero.invoices) == (2 if is_batch else 1)
