"""Everything that is drawn, once with plain data and once with the worst that anybody types."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from handlers.blocks import Block
from handlers.home.views import home_view
from services.connect.checklists import Checklist, Farewell, Overview
from services.explain.worklist import AccessAsked, Line, WorkList
from services.export.forms import ExportForm
from services.export.recording import ExportResult
from services.matching.service import MatchForm
from services.model.actions import Action
from services.model.connection import ConnectionState, Organisation
from services.model.export import Check, Colour, ExportState
from services.model.invoice import InvoiceLine, InvoicePicture
from services.model.notice import NoticeKind, Topic
from services.model.people import Option, Role
from services.model.wording import Amount
from services.notices.delivery import Message
from services.notices.service import Listening
from services.settings.service import SettingsForm

PLAIN = "Acme Ltd"
_WORST = '\x00\u202e\u200b<!channel> & *bold* <@U0VICTIM> `x` <https://evil.example|click>\n"»'
HOSTILE = (_WORST * 9)[:255]
NAMES = (PLAIN, HOSTILE)
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def organisation(name: str) -> Organisation:
    return Organisation("t-1", name, "NZ", "NZD", is_demo=True)


def checklist(name: str, **changes: Any) -> Checklist:
    links = "https://app.example/connect?nonce=" + "n" * 43
    fresh = Checklist(
        connection_id=7,
        state=ConnectionState.PENDING,
        company="",
        organisation=None,
        broken_side="",
        paymo_link=links,
        xero_link=links,
        channels=(),
    )
    done: dict[str, Any] = {"company": name, "organisation": organisation(name)}
    return replace(fresh, **(done | changes) if changes else {})


def overview(name: str, **changes: Any) -> Overview:
    made = Overview(
        connection_id=7,
        state=ConnectionState.ACTIVE,
        broken_side="",
        owner_id="UOWNER",
        role=Role.OWNER,
        company=name,
        organisation=organisation(name),
        exported=12,
        failed=1,
        waiting=2,
        asking=3,
        swept_at=NOW,
        sweep_due_at=None,
        sweep_problem=name,
        is_paused=True,
        channels=("C1", "D1"),
    )
    return replace(made, **changes)


def worklist(name: str) -> WorkList:
    """Return a list that is as long as one can be."""
    amount = str(Amount(Decimal("1062.50"), "NZD", "NZ"))
    line = Line(name, name, amount, name * 20, 5, Action.CHANGE)
    asked = AccessAsked(12, "UANNA", "exporter")
    lines = (line,) * 5
    return WorkList(lines, 5000, (asked,) * 5, lines, 5000, lines, 5000, 5000, lines, 5000, lines)


def home_of_several(count: int, name: str) -> Block:
    """Return a Home tab with as much as there can be of each connection."""
    found = [overview(name, connection_id=nth) for nth in range(1, count + 1)]
    return home_view(found, [worklist(name)] * count, "", "https://app.example")


def farewell(name: str) -> Farewell:
    return Farewell(7, name, name, exported=12, others=())


def picture(name: str, lines: int = 3) -> InvoicePicture:
    line = InvoiceLine(name, Decimal("3.33"), Decimal("85.505"), Decimal("284.73"), Decimal("17.8"))
    return InvoicePicture(
        currency="NZD",
        country="NZ",
        issued_on=date(2026, 3, 1),
        due_on=None,
        lines=(line,) * lines,
        sub_total=Decimal("1000.00"),
        tax_total=Decimal("62.50"),
        total=Decimal("1062.50"),
    )


def export_form(name: str, *, lines: int = 3, **changes: Any) -> ExportForm:
    option = Option("41", name, name)
    checks = [Check("tax", Colour.RED, name * 2), Check("total", Colour.GREEN, name)]
    made = ExportForm(
        draft_id=9,
        organisation=name,
        company=name,
        is_demo=True,
        is_reading=False,
        problem="",
        invoice=option,
        contact=Option("new", f"Add “{name}” to Xero", name),
        contact_reason="same name",
        account=option,
        account_reason="used before",
        tax_options=tuple(Option(f"TAX{nth}", name, name) for nth in range(130)),
        tax=Option("TAX3", name),
        xero_status="DRAFT",
        picture=picture(name, lines),
        checks=tuple(checks * 20),
    )
    return replace(made, **changes)


def export_result(name: str, **changes: Any) -> ExportResult:
    made = ExportResult(
        export_id=5,
        state=ExportState.EXPORTED,
        organisation=name,
        number=name,
        xero_number="INV-0042",
        is_number_left_out=False,
        client_name=name,
        total=Decimal("1062.50"),
        currency="NZD",
        country="NZ",
        xero_total=Decimal("1062.51"),
        xero_status="AUTHORISED",
        xero_invoice_id="0f3a1d52-0000-4000-8000-000000000042",
        xero_url="https://go.xero.example/app/!abc12/invoicing/view/42",
        paymo_url="https://app.paymo.example/#accounting/invoices/41",
        reason="",
        actions=(),
    )
    return replace(made, **changes)


def match_form(name: str, **changes: Any) -> MatchForm:
    option = Option("41", name, name)
    made = MatchForm(
        connection_id=7,
        organisation=name,
        client=option,
        contact=option,
        contact_reason="same e-mail",
        account=option,
        unmatched=2,
        total=5,
    )
    return replace(made, **changes)


def settings_form(name: str, **changes: Any) -> SettingsForm:
    people = tuple(f"U{nth:09}" for nth in range(60))
    made = SettingsForm(
        connection_id=7,
        exporters=people,
        viewers=people,
        channel_viewers="on",
        xero_status="DRAFT",
        void_means="delete",
        credits="notify",
        auto_export="on",
        owner_id="UOWNER",
        organisation=name,
    )
    return replace(made, **changes)


def listening(name: str, **changes: Any) -> Listening:
    made = Listening(
        channel_id="C1",
        organisation=name,
        company=name,
        topics=tuple(Topic),
        client_id=3,
        client_name=name,
        minimum=Decimal("500.00"),
        set_by="UANNA",
        paused_because=name,
    )
    return replace(made, **changes)


_PLAIN = {
    "failed": 2,
    "sums": {"NZD": "1380.00", "USD": "20.00"},
    "exported_at": NOW.isoformat(),
    "due_on": "2026-03-05",
    "overdue_by": 0,
    "side": "Xero",
    "owner": "UOWNER",
    "payments": 12,
    "removals": 1,
    "deletions": 0,
    "request_id": 12,
    "role": "exporter",
    "given": "exporter",
    "is_handover": False,
    "former": "UANNA",
    "by_way": "given",
    "channel_id": "C1",
}


def facts(name: str) -> dict[str, Any]:
    """Return facts that are enough for every kind of notice."""
    return {
        "connection_id": 7,
        "organisation": name,
        "company": name,
        "export_id": 5,
        "number": name,
        "client": name,
        "total": "1062.50",
        "currency": "NZD",
        "country": "NZ",
        "xero_url": "https://go.xero.example/app/!abc12/invoicing/view/42",
        "paymo_url": "https://app.paymo.example/#accounting/invoices/41",
        "xero_number": name,
        "xero_total": "1062.51",
        "by": "UANNA",
        "reason": name,
        "cures": ["link_existing", "without_number", "retry"],
        "payment_id": 8,
        "amount": "400.00",
        "paid_on": "2026-03-02",
        "kind": "payment",
        "label": name,
        "paid": "400.00",
        "left": "662.50",
        "in_paymo": "asked",
        "hand_typed": "20.00",
        "count": 12,
        "numbers": [name] * 10,
        "how": "voided",
        **approval_facts(name),
        "lost": name,
        "since": NOW.isoformat(),
        "problem": name,
        "differences": [["total", name, name], ["date", "2026-03-01", "2026-03-02"]],
        "advice": "",
        **digest_facts(name),
        **_PLAIN,
    }


def approval_facts(name: str) -> dict[str, Any]:
    """Return what a second person is shown."""
    return {
        "contact": name,
        "account": name,
        "lines": [[name, "120.00"]] * 5,
        "more_lines": 3,
        "changed_by": "UANNA",
        "approved_by": "UOWNER",
        "approved_at": NOW.isoformat(),
        "is_new_contact": True,
        "is_open": True,
        "approval": "5:" + "a" * 32,
        "xero_status": "DRAFT",
        "dated": "2026-03-01",
        "due": "2026-03-15",
        "links_to": "",
        "without_number": True,
        "override_tax": True,
        "tax": "138.59",
    }


def digest_facts(name: str) -> dict[str, Any]:
    one = {
        "number": name,
        "client": name,
        "amount": "115.00",
        "currency": "NZD",
        "due_on": "2026-03-01",
    }
    group = {"count": 12, "sums": {"NZD": "1380.00", "USD": "20.00"}, "first": [one] * 10}
    kinds = ("received", "exported", "overdue", "failures", "not_exported", "locked")
    mondays = [date(2026, 1, 5) + timedelta(weeks=nth) for nth in range(8)]
    return {
        "month": "2026-02",
        "every": "monthly",
        "first": "2026-02-01",
        "last": "2026-02-28",
        "at": NOW.isoformat(),
        "compared": 143,
        "agreeing": 141,
        "decided": 2,
        "only_xero": 1,
        "unread": 1,
        "lock_on": "2026-02-28",
        "minimum": "",
        "ages": {"NZD": ["3200.00", "980.50", "410.00", "0"], "USD": ["0", "20.00", "0", "0"]},
        "weeks": [{"monday": f"{each}", "sums": {"NZD": "920.00"}} for each in mondays],
        **dict.fromkeys(kinds, group),
    }


def message(tells: NoticeKind, name: str = PLAIN, **changes: Any) -> Message:
    ids = {"paymo_invoice_id": 41, "xero_invoice_id": "0f3a1d52", "tenant_id": "t-1"}
    return Message(1, "C1", tells, facts(name) | changes, ids)
