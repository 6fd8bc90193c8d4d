"""Looking back and looking into one invoice, as Slack shows it."""

import ast
import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import services
from handlers import names
from handlers.history.text import SENTENCES, history_text, sentence_of, why_text
from handlers.history.views import HEADINGS, history_blocks, history_file, why_blocks
from services.explain.findings import Finding
from services.explain.service import Explanation
from services.history.service import Done, History
from services.model.actions import Action
from services.model.export import Check, Colour
from services.model.notice import NoticeKind
from tests.handlers import samples
from tests.handlers.judging import buttons, judge_message, said

Json = dict[str, Any]
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
_TOLD = (
    NoticeKind.PAYMENT_RECEIVED,
    NoticeKind.PAYMENT_REMOVED,
    NoticeKind.INVOICE_DELETED,
    NoticeKind.INVOICE_VOIDED,
)


def done(what: str = "exported", **changes: Any) -> Done:
    return replace(Done(AT, "UANNA", what, "INV-7", 7, "x-7"), **changes)


def history(*audit: Done, **changes: Any) -> History:
    return replace(History("Maple Books", "", len(audit), audit), **changes)


def explanation(name: str, **changes: Any) -> Explanation:
    finding = Finding("Payment", name * 3, Colour.AMBER, (("seen", AT),), (("by", "UANNA"),))
    made = Explanation(
        number=name,
        client_name=name,
        export=finding,
        findings=(finding,) * 30,
        checks=(Check("tax", Colour.RED, name * 2),) * 20,
        unread="The lines are checked later.",
        export_id=9,
        actions=(Action.RETRY, Action.LINK_EXISTING, Action.WITHOUT_NUMBER),
        payments=((4, True), (5, False)),
        can_export=True,
        paused_connection=3,
        xero_url="https://go.xero.example/7",
        paymo_url="https://app.paymo.example/7",
    )
    return replace(made, **changes)


def shown(drawn: list[Json]) -> list[Json]:
    """Return blocks without their buttons' values, which Slack hands back and never shows."""
    return [
        each
        | {
            "elements": [
                {name: part for name, part in element.items() if name != "value"}
                for element in each["elements"]
            ]
        }
        if each["type"] == "actions"
        else each
        for each in drawn
    ]


def whats_in(tree: ast.AST) -> Iterator[str]:
    """Yield the names of deeds: given to `AuditNote` or `_note`, or kept in a `what` before."""
    for node in ast.walk(tree):
        found: list[ast.AST] = []
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            kept = [each.value for each in node.keywords if each.arg == "what"]
            given = [*node.args[:1], *kept] if called == "AuditNote" else []
            found = [each for part in given for each in ast.walk(part)]
            found = list(node.args) if called == "_note" else found
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "what":
            found = list(ast.walk(node.value))
        yield from (
            each.value
            for each in found
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        )


def test_every_deed_in_the_code_has_a_sentence() -> None:
    folder = Path(services.__path__[0])
    found = {
        what
        for file in folder.rglob("*.py")
        for what in whats_in(ast.parse(file.read_text(encoding="utf-8")))
    }
    sides = {"paymo_connected", "xero_connected"}  # made of a side's name

    assert len(found) > 10
    assert (found | sides | {kind.value for kind in _TOLD}) - set(SENTENCES) == set()


@pytest.mark.parametrize("name", samples.NAMES, ids=["plain", "hostile"])
@pytest.mark.parametrize("what", [*SENTENCES, "something_new"])
def test_slack_takes_every_sentence_and_nobody_is_called(name: str, what: str) -> None:
    values = {name: name, "total": name, "exporters": ["UANNA", name], "channel_id": "C1"}
    act = done(what, number=name, before={name: "x", "total": 1}, after=values)
    made = history(*[act] * 20, organisation=name, number=name, total=99)

    judge_message(history_text(made), shown(history_blocks(made)))
    assert "{" not in sentence_of(done(what), history())


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (
            done(after={"status": "DRAFT", "xero_invoice_id": "x-7", "xero_number": "INV-7"}),
            "<@UANNA> exported INV-7 as Draft",
        ),
        (
            done(after={"status": "AUTHORISED", "is_linked": True}),
            "<@UANNA> linked INV-7 to the invoice in Xero",
        ),
        (
            done(by="", after={"status": "AUTHORISED", "on_order_of": "UANNA"}),
            "paymo-xero exported INV-7 as Approved automatically (turned on by <@UANNA>)",
        ),
        (
            done(
                "payment_received",
                by="",
                after={"amount": "40.00", "state": "recorded", "xero_payment_id": "p-1"},
                currency="GBP",
                country="GB",
            ),
            "paymo-xero saw a payment of £40.00 on INV-7 in Xero, and recorded it in Paymo",
        ),
        (
            done("undone", before={"xero_invoice_id": "x-7"}, after={"how": "voided"}),
            "<@UANNA> undid the export of INV-7: voided in Xero",
        ),
        (
            done(
                "matched",
                before={"contact": "B"},
                after={"client": "A", "contact": "A & B", "account": "Sales"},
            ),
            "<@UANNA> matched A with the contact A &amp; B and the account Sales, no longer with B",
        ),
        (
            done("matched", after={"client": "Acme", "contact_id": "new"}),
            "<@UANNA> matched Acme with a new contact",
        ),
        (done("matched", after={"client_id": 7}), "<@UANNA> matched a client"),
        (done("batch_confirmed", after={"batch_id": 1}), "<@UANNA> started a batch export"),
        (
            done("organisation_confirmed", after={"tenant_id": "9065", "name": "Maple Books"}),
            "<@UANNA> confirmed Maple Books as the Xero organisation",
        ),
        (
            done("access_given", after={"people": ["UANNA"], "role": "exporter"}),
            "<@UANNA> made <@UANNA> an exporter",
        ),
        (
            done(
                "settings_changed",
                before={"void_means": "void", "credits": "record"},
                after={"void_means": "delete", "credits": "record"},
            ),
            "<@UANNA> changed the settings: after voiding in Xero void in Paymo → delete in Paymo",
        ),
    ],
)
def test_c33_a_sentence_says_who_did_what_and_what_changed(act: Done, words: str) -> None:
    assert sentence_of(act, history()) == words


def test_of_many_people_those_are_named_who_came_or_went() -> None:
    many = [f"U{nth:03}" for nth in range(60)]
    act = done(
        "settings_changed",
        before={"exporters": many, "viewers": ["UX"]},
        after={"exporters": [*many[:30], *many[31:], "UNEW"], "viewers": []},
    )

    said = "exporters added <@UNEW>, removed <@U030>, viewers removed <@UX>"
    assert sentence_of(act, history()) == f"<@UANNA> changed the settings: {said}"


def test_what_only_the_log_needs_is_not_read_aloud() -> None:
    snapshot = {f"field_{nth}": nth for nth in range(20)}
    act = done("invoice_deleted", by="", before=snapshot, after={"in_paymo": "deleted"})

    said = "paymo-xero saw it deleted in Xero, and deleted it in Paymo"
    assert sentence_of(act, history(number="INV-7")) == said


def test_the_time_is_the_readers_own_and_more_is_in_the_file() -> None:
    made = history(done(), number="INV-7", total=57)

    assert "the newest 1 of 57 entries" in history_text(made)
    assert f"<!date^{int(AT.timestamp())}^" in said(history_blocks(made))
    assert buttons(history_blocks(made))[names.HISTORY_CSV] == "INV-7"


def test_nothing_done_says_so() -> None:
    assert history_text(history()) == "Nothing has happened with Maple Books yet."
    assert history_blocks(history()) == []


def test_c34_the_file_has_every_act_with_time_in_utc() -> None:
    zone = timezone(timedelta(hours=13))
    first = done(at=AT.astimezone(zone), after={"total": "9.00", "client": "Zoë"})
    found = history(first, done("subscribed", number="=1+1", by=""), number="A/7")
    file = history_file(found, {"UANNA": "Anna Moss"})

    head, row, other = csv.reader(io.StringIO(file.content().removeprefix("\ufeff")))

    assert (file.name, tuple(head)) == ("history-A-7.csv", HEADINGS)
    when = "2026-03-02T09:30:00+00:00"
    assert row[:3] == [when, "UANNA", "Anna Moss"]
    assert row[3:8] == ["exported", "INV-7", "7", "x-7", "Maple Books"]
    assert row[8:] == ["", '{"client": "Zoë", "total": "9.00"}']
    assert other[1:5] == ["", "", "subscribed", "'=1+1"]


@pytest.mark.parametrize("name", samples.NAMES, ids=["plain", "hostile"])
def test_slack_takes_every_explanation_and_nobody_is_called(name: str) -> None:
    made = explanation(name)

    judge_message(why_text(made), shown(why_blocks(made)))


def test_the_cause_comes_first_and_what_is_fine_is_small_print() -> None:
    fine = Finding("In Paymo", "Sent.")
    cause = Finding("Connection", "Xero no longer accepts our connection.", Colour.RED)
    export = Finding("Export", "Not exported yet.", Colour.AMBER)
    checks = (
        Check("tax", Colour.GREEN, "The tax fits."),
        Check("number", Colour.AMBER, "The number is left out."),
        Check("due", Colour.RED, "No due date."),
    )
    made = explanation("INV-7", export=export, findings=(fine, cause), checks=checks, ids=("x-7",))

    drawn = [each for each in why_blocks(made) if each["type"] in {"section", "context"}]

    assert why_text(made).splitlines()[1] == "⚠️ *Fix:* No due date."
    [below] = [each["text"]["text"] for each in drawn if each["type"] == "section"]
    assert below.splitlines() == [
        "⛔ *Connection:* Xero no longer accepts our connection.",
        "⚠️ *Export:* Not exported yet.",
        "*Note:* The number is left out.",
    ]
    small = drawn[-1]["elements"]
    assert [each["text"] for each in small] == [
        "*In Paymo:* Sent.\n*Checks:* 1 passed.",
        "For support: x-7",
    ]


def test_a_dot_between_two_facts_comes_without_a_full_stop() -> None:
    """A name that ends with one keeps it."""
    rests_on = (("last sync", AT),), (("owner", "UANNA"),)
    seen = Finding("In Xero", "Not in Xero.", Colour.AMBER, *rests_on)
    pair = Finding("Connection", "Maple Studio with Maple Ltd..", Colour.AMBER, *rests_on)

    made = [explanation("INV-7", export=each, checks=()) for each in (seen, pair)]
    lines = [why_text(each).splitlines()[1] for each in made]

    rest = " · owner <@UANNA> · last sync "
    assert lines[0].startswith(f"⚠️ *In Xero:* Not in Xero{rest}<!date^")
    assert lines[1].startswith(f"⚠️ *Connection:* Maple Studio with Maple Ltd.{rest}<!date^")


def test_d12_an_explanation_offers_what_helps() -> None:
    found = buttons(why_blocks(explanation("INV-7")))

    wanted = {Action.RETRY: "9", names.EXPORT: "INV-7", Action.BRING_BACK: "4"}
    assert wanted.items() <= found.items()
    assert {names.BREAKER_APPLY, names.BREAKER_KEEP, names.HISTORY} <= set(found)
    pressed = ("accept_difference", "update_in_xero", "undo", "restore", "delete_in_paymo")
    exported = buttons(why_blocks(explanation("INV-7", more_actions=pressed, is_being_read=True)))
    assert {names.WHY: "INV-7", **dict.fromkeys(pressed, "9")}.items() <= exported.items()
    settled = explanation("INV-7", actions=(), payments=(), can_export=False, paused_connection=0)
    assert set(buttons(why_blocks(settled))) == {names.HISTORY, names.OPEN_XERO, names.OPEN_PAYMO}
