"""Every modal and the Home tab, with plain names and with hostile ones of full length."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from handlers import blocks, names
from handlers.batch.views import batch_view
from handlers.blocks import grouped, listed
from handlers.connect.text import connected_text, swept_text
from handlers.connect.views import connect_view, ending_view, farewell_view
from handlers.export.text import result_text
from handlers.export.views import export_view, result_view
from handlers.home.text import overview_text, unknown_text
from handlers.home.views import help_blocks, hidden_view, home_view, status_blocks
from handlers.matching.views import match_view
from handlers.notices.views import subscribe_view
from handlers.reply import refusal_view, working_view
from handlers.routing import note_of
from handlers.settings.views import settings_view
from handlers.words import parse
from services.errors import NotAllowed, NotConnected
from services.model.connection import ConnectionState
from services.model.export import BatchState, ExportState
from services.model.people import Option, OptionGroup, Role
from services.sync.run import Swept
from tests.handlers import samples
from tests.handlers.judging import (
    buttons,
    fields,
    judge_message,
    judge_options,
    judge_view,
    judge_words,
    said,
)
from tests.handlers.test_batches import form, lines

Draw = Callable[[str], dict[str, Any]]
LONG_METADATA = 3000

VIEWS: dict[str, Draw] = {
    "connect, fresh": lambda name: connect_view(samples.checklist(name), "C1"),
    "connect, done": lambda name: connect_view(
        samples.checklist(
            name, state=ConnectionState.ACTIVE, paymo_link="", xero_link="", channels=("C1",)
        )
    ),
    "connect, broken": lambda name: connect_view(samples.checklist(name, broken_side="Xero")),
    "disconnect": lambda name: farewell_view(samples.farewell(name), "C1"),
    "disconnected": lambda name: ending_view((name, name)),
    "export": lambda name: export_view(samples.export_form(name), "C1"),
    "export, long": lambda name: export_view(samples.export_form(name, lines=500)),
    "export, unfolded": lambda name: export_view(
        samples.export_form(name, lines=500), is_unfolded=True
    ),
    "export, pressed": lambda name: export_view(samples.export_form(name), refused=name),
    "export, dates asked": lambda name: export_view(
        samples.export_form(name, days={"issue_on": samples.NOW.date(), "due_on": None})
    ),
    "export, exported": lambda name: export_view(
        samples.export_form(name, card=samples.facts(name))
    ),
    "export, reading": lambda name: export_view(samples.export_form(name, is_reading=True)),
    "export, empty": lambda name: export_view(
        samples.export_form(
            name, invoice=None, contact=None, account=None, tax_options=(), picture=None, checks=()
        )
    ),
    "export, unreadable": lambda name: export_view(samples.export_form(name, problem=name * 4)),
    "export, working": lambda name: working_view(blocks.escape(name), "C1"),
    "match": lambda name: match_view(samples.match_form(name)),
    "match, bare": lambda name: match_view(samples.match_form(name), is_bare=True),
    "match, finished": lambda name: match_view(samples.match_form(name, client=None), said="Done."),
    "match, nobody yet": lambda name: match_view(samples.match_form(name, client=None, total=0)),
    "subscribe": lambda name: subscribe_view(samples.listening(name), "C1"),
    "subscribe, first": lambda _: subscribe_view(None, ""),
    "settings": lambda name: settings_view(samples.settings_form(name)),
    "settings, too early": lambda name: settings_view(
        samples.settings_form(name, auto_export="off", clean=2, needed=3)
    ),
    "refusal": lambda name: refusal_view(NotConnected(name, system="Xero")),
    "home": lambda name: home_view(
        [samples.overview(name)], [samples.worklist(name)], "", "https://app.example"
    ),
    **{f"home, {count}": partial(samples.home_of_several, count) for count in (2, 5, 6, 60)},
    "home, new": lambda _: home_view([], [], "", "https://app.example"),
    "home, ended": lambda name: home_view([], [], name, "https://app.example"),
    "home, no role": lambda name: hidden_view(NotAllowed(name), "https://app.example"),
}
STATES = list(ExportState)


@pytest.mark.parametrize("name", samples.NAMES, ids=["plain", "hostile"])
@pytest.mark.parametrize("view", VIEWS)
def test_slack_takes_the_view_and_nobody_is_called(view: str, name: str) -> None:
    judge_view(VIEWS[view](name))


@pytest.mark.parametrize("name", samples.NAMES, ids=["plain", "hostile"])
@pytest.mark.parametrize("state", STATES)
def test_slack_takes_every_outcome_of_an_export(state: ExportState, name: str) -> None:
    result = samples.export_result(
        name, state=state, reason=name, actions=("link_existing", "without_number", "retry")
    )

    judge_view(result_view(result, "C1"))
    judge_message(result_text(result), result_view(result)["blocks"])


@pytest.mark.parametrize("name", samples.NAMES, ids=["plain", "hostile"])
def test_menus_stay_within_their_limits(name: str) -> None:
    rows = tuple(Option(f"{nth}" + "9" * 200, name, name) for nth in range(300))
    groups = tuple(OptionGroup(name, rows) for _ in range(5))

    judge_options(listed(rows))
    judge_options(grouped([*groups, OptionGroup("Nothing", ())]))
    assert grouped([]) == {"options": []}


@pytest.mark.parametrize("name", samples.NAMES, ids=["plain", "hostile"])
def test_messages_to_one_person_are_safe(name: str) -> None:
    overview = samples.overview(name, sweep_problem="")

    judge_message(overview_text([overview]), status_blocks([overview]))
    judge_message(unknown_text(parse(f'"{name}"')), help_blocks(Role.OWNER))
    judge_words(connected_text(samples.checklist(name, state=ConnectionState.ACTIVE)))
    judge_words(swept_text(Swept(name, payments=2, held=4)))


def test_how_far_connecting_has_come_is_said_as_it_is() -> None:
    begun = samples.checklist("x")
    half = samples.checklist("x", paymo_link="")

    assert connected_text(begun).startswith("Nothing is connected yet.")
    assert "to connect Xero" in connected_text(half)


def test_the_forms_carry_the_names_that_others_rely_on() -> None:
    assert list(fields(VIEWS["connect, fresh"]("x"))) == ["channel"]
    assert list(fields(VIEWS["export"]("x"))) == [
        "invoice",
        "contact",
        "account",
        "tax",
        "xero_status",
    ]
    assert list(fields(VIEWS["match"]("x"))) == ["client", "contact", "account"]
    assert list(fields(VIEWS["subscribe"]("x"))) == [
        "channel",
        "events",
        "client",
        "minimum",
        "layout",
        "digest_every",
        "digest_hour",
        "digest_zone",
    ]
    assert list(fields(VIEWS["settings"]("x"))) == [
        "exporters",
        "viewers",
        "channel_viewers",
        "owner",
        "xero_status",
        "void_means",
        "credits",
        "auto_export",
        "attach_pdf",
        "approve_above",
    ]


def test_a_note_holds_ids_only_and_is_read_again() -> None:
    view = VIEWS["export"](samples.HOSTILE)

    note = note_of(view)

    assert (note.draft_id, note.channel_id) == (9, "C1")
    assert len(view["private_metadata"]) < LONG_METADATA
    assert note_of({"private_metadata": '{"draft_id": 1, "other": 2}'}).draft_id == 0
    assert note_of({"private_metadata": "nonsense"}).draft_id == 0
    assert note_of({"private_metadata": f'{{"draft_id": {2**31}}}'}).draft_id == 0


def test_the_checklist_says_which_data_is_used_before_anything_is_allowed() -> None:
    view = VIEWS["connect, fresh"]("x")

    text = said(view)
    assert "We read" in text
    assert "We write" in text
    assert "Sign in to Xero first" in text
    assert {"connect_paymo", "connect_xero"} <= set(buttons(view["blocks"]))


def test_the_connected_organisation_is_named_with_country_currency_and_demo() -> None:
    text = said(VIEWS["connect, done"]("Acme Ltd"))

    assert "Acme Ltd · New Zealand · NZD · 🟨 demo company" in text


def test_a_form_that_reads_an_invoice_shows_no_field_that_depends_on_it() -> None:
    assert list(fields(VIEWS["export, reading"]("x"))) == ["invoice"]


def test_a_wrong_tax_comes_with_the_two_ways_to_put_it_right() -> None:
    view = VIEWS["export"]("x")

    text = said(view)
    assert "Accounting → Advanced → Tax rates → New tax rate" in text
    assert "Accounting → Advanced → Chart of accounts" in text
    assert "your responsibility" in text
    assert buttons(view["blocks"])["recheck"] == "9"


def test_a_success_names_number_id_total_and_both_places() -> None:
    view = result_view(samples.export_result("INV-7", organisation="Acme Ltd"))

    text = said(view)
    assert "Invoice INV-7 was exported to Acme Ltd" in text
    assert "0f3a1d52-0000-4000-8000-000000000042" in text
    assert "1,062.50" in text
    assert list(buttons(view["blocks"])) == ["open_xero", "open_paymo", "undo"]


def test_a_difference_is_never_called_a_success() -> None:
    result = samples.export_result("INV-7", state=ExportState.DIFFERENT)
    text = result_text(result)

    assert {"accept_difference", "undo"} <= set(buttons(result_view(result)["blocks"]))
    assert text.startswith("⚠️")
    assert "Paymo has" in text
    assert "1,062.51" in text


@pytest.mark.parametrize(("length", "told"), [(22, False), (23, True)])
def test_a_number_that_is_left_out_is_said_with_xeros_own(length: int, *, told: bool) -> None:
    result = samples.export_result("9" * length, is_number_left_out=told)

    assert ("over 22 characters" in result_text(result)) is told
    assert ("INV-0042" in result_text(result)) is told


def test_each_cure_is_a_button_that_knows_its_export() -> None:
    failed = samples.export_result(
        "x", state=ExportState.FAILED, actions=("link_existing", "reconnect", "unheard_of")
    )

    found = buttons(result_view(failed)["blocks"])

    assert found["link_existing"] == found["reconnect"] == "5"
    assert "unheard_of" not in found


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"is_paused": False}, {"export", "match", "sync", "subscribe", "settings"}),
        (
            {"role": Role.EXPORTER},
            {"export", "match", "sync", "subscribe", "breaker_apply", "breaker_keep"},
        ),
        ({"role": Role.VIEWER}, {"help"}),
        (
            {"state": ConnectionState.BROKEN, "broken_side": "Xero", "role": Role.EXPORTER},
            {"help"},  # it says who reconnects it
        ),
        ({"state": ConnectionState.BROKEN, "broken_side": "Xero"}, {"connect"}),
        ({"state": ConnectionState.ENDING}, {"help"}),
    ],
)
def test_the_panel_offers_only_what_this_person_can_do(
    changes: dict[str, Any], shown: set[str]
) -> None:
    drawn = status_blocks([samples.overview("x", **changes)])

    assert set(buttons(drawn)) == shown


def test_without_a_connection_there_is_one_way_on() -> None:
    assert set(buttons(status_blocks([]))) == {names.CONNECT}


def test_the_goodbye_names_both_sides_in_order_and_what_stays() -> None:
    text = said(farewell_view(samples.farewell("Acme Ltd")))

    assert text.index("First Xero") < text.index("Then Paymo") < text.index("What stays")
    assert "nothing is exported twice" in text


def test_a_report_of_a_batch_that_names_not_all_says_how_many_more() -> None:
    sent = (
        *lines("INV-1", 42, ExportState.AWAITING),
        *lines("INV-2", 305, ExportState.EXPORTED),
    )
    shown = said(batch_view(form("Acme", BatchState.DONE, groups=(), sent=sent)))

    assert (shown.count("INV-1 · INV-1"), shown.count("INV-2 · INV-2")) == (30, 300)
    assert "… and 12 more" in shown
    assert "… and 5 more" in shown
