"""What channels read: every kind of notice, its words, its buttons and its metadata."""

import re
from dataclasses import replace
from typing import Any

import pytest

from handlers import blocks
from handlers.buttons import breaker_buttons, button, held_in
from handlers.notices.subscribed import intro_text
from handlers.notices.text import text_of
from handlers.notices.views import list_of, metadata_of, notice_blocks
from handlers.settings.views import asked_buttons
from services.model.actions import Action
from services.model.notice import NoticeKind
from services.model.people import Role
from tests.days import day
from tests.handlers import samples
from tests.handlers.judging import buttons, judge_message, judge_words

EXPORTED, FAILED = NoticeKind.INVOICE_EXPORTED, NoticeKind.EXPORT_FAILED
RECEIVED, REMOVED = NoticeKind.PAYMENT_RECEIVED, NoticeKind.PAYMENT_REMOVED
ACME = "Acme Ltd (Acme Ltd), $1,062.50"
DELETED, VOIDED = NoticeKind.INVOICE_DELETED, NoticeKind.INVOICE_VOIDED


@pytest.mark.parametrize("name", samples.NAMES, ids=["plain", "hostile"])
@pytest.mark.parametrize("kind", NoticeKind)
def test_slack_takes_the_notice_and_nobody_is_called(kind: NoticeKind, name: str) -> None:
    message = samples.message(kind, name)

    judge_message(text_of(message), notice_blocks(message), metadata_of(message))


@pytest.mark.parametrize("name", samples.NAMES, ids=["plain", "hostile"])
def test_the_introduction_is_attributed_and_safe(name: str) -> None:
    text = intro_text(samples.listening(name))

    judge_words(text)
    assert text.startswith("<@UANNA> subscribed this channel to exports, payments")
    assert "/paymo-xero unsubscribe" in text


@pytest.mark.parametrize("name", samples.NAMES, ids=["plain", "hostile"])
def test_every_channel_is_on_one_page_of_the_list_with_what_it_gets_and_by_whom(name: str) -> None:
    """Of 300, every third of them paused; the pages lead to one another."""
    found = [
        samples.listening(
            name, channel_id=f"C1{place:03}", paused_because="" if place % 3 else name
        )
        for place in range(300)
    ]
    seen: list[str] = []
    page = 0
    for _ in range(25):
        text, drawn = list_of(found, page, 7)
        shown = [*blocks.paragraphs(text.split("\n")), *drawn]
        judge_message(text, shown)
        seen += re.findall(r"<#(C\d+)>", str(shown))
        assert str(shown).count("from 500 · set up by <@UANNA>") == 12
        page = int(buttons(drawn).get("next_channels", 0))

    assert sorted(seen) == [each.channel_id for each in found]
    assert (page, buttons(drawn)["previous_channels"]) == (0, "23")
    assert "289–300 of 300 channels" in text
    assert buttons(list_of(found[:12], 0, 7)[1]).keys() == {"resume_channel"}


@pytest.mark.parametrize("kind", NoticeKind)
def test_metadata_names_the_kind_and_holds_ids_only(kind: NoticeKind) -> None:
    found = metadata_of(samples.message(kind, "Acme Ltd"))

    assert found["event_type"] == kind.value
    assert found["event_payload"] == {
        "paymo_invoice_id": 41,
        "xero_invoice_id": "0f3a1d52",
        "tenant_id": "t-1",
    }


def test_an_export_is_told_with_its_number_its_id_and_who_did_it() -> None:
    message = samples.message(
        EXPORTED, "Acme Ltd", number="INV-7", state="open", xero_invoice_id="0f3a1d52"
    )
    text, (_, small_print, _) = text_of(message), notice_blocks(message)
    said = small_print["elements"][0]["text"]

    assert text == f"✅ *Approved* · INV-7 · Acme Ltd · $1,062.50 · due {day('2026-03-05')}"
    assert said.startswith("Exported to Acme Ltd by <@UANNA> · <!date^")
    assert said.endswith("ID in Xero: 0f3a1d52 · Manage notifications: `/paymo-xero subscribe`")
    assert "Number in Xero" not in said


def test_a_card_leads_to_where_notifications_are_chosen() -> None:
    message = replace(samples.message(EXPORTED, "Acme Ltd"), app=("T1", "A1"))
    (_, small_print, _) = notice_blocks(message)

    link = "<slack://app?team=T1&amp;id=A1&amp;tab=home|Manage notifications>"
    assert small_print["elements"][0]["text"].endswith(link)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"overdue_by": 1}, "*overdue by 1 day*"),
        ({"overdue_by": 5, "state": "part_paid"}, "*overdue by 5 days*"),
        ({"overdue_by": 99}, "*overdue by more than 60 days*"),
        ({"overdue_by": 5, "state": "paid"}, ""),
        ({"overdue_by": 5, "state": "draft"}, ""),
        ({"overdue_by": 0}, ""),
        ({"overdue_by": 5, "due_on": ""}, ""),
    ],
)
def test_the_card_says_how_late_an_open_invoice_is(changes: dict[str, Any], words: str) -> None:
    text = text_of(samples.message(EXPORTED, **changes))

    assert words in text
    assert ("overdue" in text) is bool(words)


def test_a_number_that_was_left_out_is_told_with_xeros_own() -> None:
    message = samples.message(EXPORTED, number="9" * 23, xero_number="0042", number_left_out=True)

    assert "Number in Xero: 0042 · " in str(notice_blocks(message))


@pytest.mark.parametrize(
    ("state", "sign", "words"),
    [
        ("open", "✅", "*Approved*"),
        ("draft", "✅", "*Draft*"),
        ("part_paid", "💰", "*Part paid* · Acme Ltd · Acme Ltd · $1,062.50, $662.50 left"),
        ("paid", "💰", "*Paid*"),
        ("deleted", "🗑️", "*Deleted*"),
        ("voided", "🗑️", "*Voided*"),
        ("different", "⚠️", "$1,062.50 in Paymo, $1,062.51 in Xero"),
        ("undone", "🗑️", "*Undone*"),
    ],
)
def test_the_card_shows_how_the_invoice_is_now(state: str, sign: str, words: str) -> None:
    text = text_of(samples.message(EXPORTED, state=state))

    assert text.startswith(sign)
    assert words in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "*$400.00 received* for Acme Ltd (Acme Ltd), dated "),
        ({}, "$662.50 of $1,062.50 left."),
        ({"is_paid": True}, "Paid in full."),
        ({"changed_from": "300.00"}, "*Changed in Xero from $300.00 to $400.00*"),
        ({"changed_from": "400.00"}, "*The payment of $400.00 changed in Xero* for Acme Ltd"),
        ({"changed_from": "400.00", "dated_before": "2026-03-01"}, " instead of "),
        ({"short_by": "0.01"}, "Paymo recorded $0.01 less"),
        ({"over_by": "0.01"}, "$0.01 more, the difference that somebody accepted"),
        ({"gone": True}, "*Paymo didn't record it,* because"),
        ({"asked": "Paymo takes less."}, "*Paymo didn't record it.* Paymo takes less."),
    ],
)
def test_a_payment_is_told_as_it_was_recorded(changes: dict[str, Any], words: str) -> None:
    text = text_of(samples.message(RECEIVED, **changes))

    assert words in text


@pytest.mark.parametrize("kind", ["credit_note", "overpayment", "prepayment"])
def test_e34_a_credit_is_named_and_never_called_a_payment(kind: str) -> None:
    text = text_of(samples.message(RECEIVED, kind=kind, label="Credit note CN-7"))

    assert "Credit note CN-7" in text
    assert "payment" not in text.casefold()


@pytest.mark.parametrize(
    ("kind", "changes", "shown"),
    [
        (EXPORTED, {"state": "open"}, {"undo": "5", "open_xero": "", "open_paymo": ""}),
        (EXPORTED, {"state": "draft"}, {"undo": "5", "open_xero": "", "open_paymo": ""}),
        (EXPORTED, {"state": "paid"}, {"open_xero": "", "open_paymo": ""}),
        (EXPORTED, {"state": "open", "is_linked": True}, {"open_xero": "", "open_paymo": ""}),
        (
            EXPORTED,
            {"state": "different"},
            {"accept_difference": "5", "undo": "5", "open_xero": "", "open_paymo": ""},
        ),
        (FAILED, {"cures": ["retry"], "xero_url": ""}, {"retry": "5", "open_paymo": ""}),
        (
            REMOVED,
            {"in_paymo": "", "by_person_in_paymo": True},
            {"bring_back": "8", "open_xero": "", "open_paymo": ""},
        ),
        (DELETED, {"in_paymo": "deleted"}, {"restore": "5", "open_xero": ""}),
        (DELETED, {"in_paymo": "gone_in_paymo"}, {"open_xero": ""}),
        (
            DELETED,
            {"in_paymo": "asked"},
            {"void_in_paymo": "5", "delete_in_paymo": "5", "open_xero": "", "open_paymo": ""},
        ),
        (
            VOIDED,
            {"in_paymo": "void"},
            {"delete_in_paymo": "5", "open_xero": "", "open_paymo": ""},
        ),
        (
            NoticeKind.CONNECTION_BROKEN,
            {"xero_url": "", "paymo_url": ""},
            {"reconnect": "", "disconnect": ""},
        ),
        (
            NoticeKind.SYNC_PAUSED,
            {"xero_url": "", "paymo_url": ""},
            {"breaker_apply": "7", "breaker_keep": "7"},
        ),
    ],
)
def test_a_notice_brings_the_buttons_that_help(
    kind: NoticeKind, changes: dict[str, Any], shown: dict[str, str]
) -> None:
    assert buttons(notice_blocks(samples.message(kind, **changes))) == shown


@pytest.mark.parametrize(
    ("kind", "in_paymo", "words"),
    [
        (
            DELETED,
            "deleted",
            f"*Deleted in Paymo:* {ACME}. It was deleted in Xero.",
        ),
        (
            DELETED,
            "gone_in_paymo",
            f"*Deleted in Paymo:* {ACME}. It is still in Xero.",
        ),
        (DELETED, "asked", "until somebody decides"),
        (
            VOIDED,
            "void",
            f"*Voided in Paymo:* {ACME}. It was voided in Xero.",
        ),
        (
            VOIDED,
            "deleted",
            f"*Deleted in Paymo:* {ACME}. It was voided in Xero.",
        ),
    ],
)
def test_the_end_of_an_invoice_says_what_happened_on_both_sides(
    kind: NoticeKind, in_paymo: str, words: str
) -> None:
    assert words in text_of(samples.message(kind, in_paymo=in_paymo))


def test_the_buttons_about_many_deletions_name_as_many_invoices_as_slack_takes() -> None:
    [follow, keep] = breaker_buttons(7, range(100_000, 100_400))
    connection_id, held = held_in(follow["value"])
    assert follow["value"] == keep["value"]
    assert (connection_id, held) == (7, list(range(100_000, 100_285)))
    assert "Deletes or voids 285 invoices in Paymo" in follow["confirm"]["text"]["text"]
    assert held_in("7") == (7, None)


def test_what_cannot_be_undone_asks_first() -> None:
    paused = notice_blocks(samples.message(NoticeKind.SYNC_PAUSED))
    asked = notice_blocks(samples.message(DELETED, in_paymo="asked"))

    pressed = {
        each["action_id"]: "confirm" in each
        for block in [*paused, *asked]
        if block["type"] == "actions"
        for each in block["elements"]
    }
    assert pressed["breaker_apply"]
    assert pressed["delete_in_paymo"]
    for act in (Action.UNDO, Action.DELETE_IN_PAYMO, Action.UPDATE_IN_XERO, Action.OVERRIDE_TAX):
        assert "confirm" in button(act, 5), act
    assert "confirm" in asked_buttons({"request_id": 12, "role": Role.OWNER.word})[0]


def test_what_is_settled_says_who_did_it_and_when_and_offers_nothing() -> None:
    settled = {"by": "UANNA", "what": "restored it", "at": samples.NOW.isoformat()}
    message = samples.message(DELETED, in_paymo="deleted", done=settled)

    assert "\n<@UANNA> restored it · <!date^" in text_of(message)
    assert set(buttons(notice_blocks(message))) == {"open_xero"}
