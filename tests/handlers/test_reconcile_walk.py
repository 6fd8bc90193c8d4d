"""A comparison asked for in Slack, in the running program between stand-ins."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select

from sandbox.slack.model import Message, SharedFile
from services.model.notice import Every, NoticeKind, Rhythm
from services.reconcile.service import ask_digest
from services.store import connections, notices
from services.store.notices import Notification
from services.store.reconciling import Period
from services.store.tables import (
    AuditEntry,
    Card,
    Connection,
    Export,
    Notice,
    Payment,
    Subscription,
    Task,
)
from tests.days import day
from tests.walk import Walk, text_in


@pytest.fixture
async def walk(walk: Walk) -> AsyncIterator[Walk]:
    """Maple is connected and heard in #invoices; at the end Slack refused nothing."""
    await walk.connect()
    yield walk
    assert walk.refused() == []


async def test_what_is_missing_is_one_press_from_its_form(walk: Walk) -> None:
    await walk.export("INV-1")
    await walk.type("reconcile")
    agreed = text_in((await walk.modal_saying("the only invoice agrees at ")).payload)
    assert "You'll get the details as a file." in agreed
    assert "⏳" not in agreed
    await walk.close()
    walk.company.set_status(walk.in_paymo("INV-2").id, "sent")

    await walk.type("reconcile this")
    told = await walk.ephemeral("1 of 1 agrees; 1 is only in Paymo.")
    summed = text_in((await walk.modal_saying("Close this to see each invoice.")).payload)
    assert "1 of 1 agrees; 1 is only in Paymo." in summed
    assert "⏳" not in summed + " ".join(
        text_in(each.blocks) for each in walk.town.slack.ephemerals("Anna")
    )
    await walk.close()
    await walk.town.slack.press("Anna", told, "export")
    form = await walk.modal_saying("INV-2")

    assert form.callback_id == "export"


async def test_a_wrong_month_and_the_digests_topic_are_understood(walk: Walk) -> None:
    await walk.type("reconcile smarch")
    await walk.modal_saying("“smarch” isn't a month. Type 2026-11, november, last or all")
    await walk.close()
    await walk.type("subscribe digest")

    told = await subscribed(walk)
    assert "payments, deletions, failures and the digest" in text_in(told.blocks)
    assert "The digest comes monthly at 07:00 (" in text_in(told.blocks)


async def subscribed(walk: Walk) -> Message:
    """Return what a channel reads when it gets the digest."""
    found = await walk.town.slack.wait_for(
        lambda: [
            each
            for each in walk.town.slack.messages("invoices")
            if "failures and the digest" in text_in(each.blocks)
        ]
    )
    assert len(found) == 1
    return found[0]


async def test_the_form_sets_when_the_digest_comes(walk: Walk) -> None:
    await walk.type("subscribe digest")
    await subscribed(walk)
    await walk.type("subscribe")
    view, slack = await walk.modal("subscribe"), walk.town.slack
    assert "Organisation’s (" in str(view.payload)
    await slack.choose("Anna", view.id, "digest_every", "Weekly, on Monday")
    await slack.choose("Anna", view.id, "digest_hour", "16:00")
    await slack.options("Anna", view.id, "digest_zone", "new york")
    await slack.choose("Anna", view.id, "digest_zone", "America/New_York")
    answer = await slack.submit("Anna", view.id)

    assert (answer.errors, answer.failure) == ({}, "")
    said = slack.messages("invoices")[-1].text
    assert "The digest comes weekly at 16:00 (America/New_York)." in said
    async with walk.town.program.core.database.sessions() as session:
        heard = (await session.scalars(select(Subscription))).one()
    assert heard.rhythm == Rhythm(Every.WEEKLY, 16, "America/New_York")
    assert heard.digest_from is not None
    assert heard.digest_from.weekday() == 0


async def test_the_clock_has_a_digest_posted_once(walk: Walk) -> None:
    await walk.type("subscribe digest")
    await subscribed(walk)
    core, yesterday = walk.town.program.core, datetime.now(UTC).date() - timedelta(days=1)
    async with core.database.sessions.begin() as session:
        heard = (await session.scalars(select(Subscription))).one()
        heard.digest_every, heard.digest_hour, heard.digest_zone = Every.DAILY, 0, "UTC"
        heard.digest_from = yesterday
    for _ in range(2):
        await core.clock.keeping.tidy()
    told = await walk.notice("digest")
    await core.clock.keeping.tidy()

    assert f"*Digest: {day(yesterday.isoformat())}" in told.text
    assert "*Differences:* nothing to compare in" in told.text
    assert {each["type"] for each in told.blocks} == {"section", "context", "actions"}
    posted = [each.metadata or {} for each in walk.town.slack.messages("invoices")]
    assert [each.get("event_type") for each in posted].count("digest") == 1
    assert files_of(walk) == []  # a month's alone is sent to the owner


def files_of(walk: Walk) -> list[SharedFile]:
    """Return the files that the app sent to Anna directly."""
    slack = walk.town.slack
    return [each for message in slack.messages(slack.direct("Anna")) for each in message.files]


async def test_the_months_digest_is_told_with_ids_alone_and_leads_to_the_comparison(
    walk: Walk,
) -> None:
    await walk.export("INV-1")
    await walk.type("subscribe digest")
    await subscribed(walk)
    today = datetime.now(UTC).date()
    # As if this month were over, and today its last day.
    core = walk.town.program.core
    async with core.database.sessions.begin() as session:
        connection = (await session.scalars(select(Connection))).one()
        heard = (await session.scalars(select(Subscription))).one()
        first = heard.digest_from or today
        assert first == today.replace(day=1)
        period = Period(heard.id, first, today + timedelta(days=1))
        await ask_digest(session, connection, period, datetime.now(UTC))

    told = await walk.notice("digest")
    (file,) = await walk.town.slack.wait_for(lambda: files_of(walk))
    assert file.name == f"paymo-xero-{today:%Y-%m}.csv"
    await walk.town.slack.press("Anna", told, "reconcile")
    await walk.modal_saying("the only invoice agrees at ")

    assert "*Differences:* the one " in told.text
    assert "*Overdue:* nothing" in told.text
    assert {"data_visualization", "data_table"} <= {each["type"] for each in told.blocks}
    await walk.close()
    await walk.disconnect()
    assert "> disconnected it · " in await walk.without("reconcile", told)
    assert told.metadata is not None
    assert set(told.metadata["event_payload"]) == {"connection_id", "tenant_id"}


async def test_a_digest_keeps_its_button_until_a_newer_one_of_its_month_or_the_end(
    walk: Walk,
) -> None:
    await walk.type("subscribe digest")
    await subscribed(walk)
    core, today = walk.town.program.core, datetime.now(UTC).date()
    last = today.replace(day=1) - timedelta(days=1)
    told = []
    for nth, after in enumerate([last, last + timedelta(days=1), last + timedelta(days=2)], 1):
        async with core.database.sessions.begin() as session:
            connection = (await session.scalars(select(Connection))).one()
            heard = (await session.scalars(select(Subscription))).one()
            period = Period(heard.id, after - timedelta(days=1), after)
            await ask_digest(session, connection, period, datetime.now(UTC))
        told.append(await walk.notice("digest", nth))

    assert "The app posted a newer digest · " in await walk.without("reconcile", told[0])
    of_last_month, of_this_month = walk.town.slack.messages("invoices")[-2:]
    assert "'action_id': 'reconcile'" in str(of_last_month.blocks)
    assert "'action_id': 'reconcile'" in str(of_this_month.blocks)
    await walk.disconnect()
    for each in told[1:]:
        assert "> disconnected it · " in await walk.without("reconcile", each)


async def lose_exports(walk: Walk) -> None:
    """Have the database know nothing of any export, and tell the owner so."""
    core = walk.town.program.core
    async with core.database.sessions.begin() as session:
        for table in (Card, Notice, AuditEntry, Payment, Task, Export):
            await session.execute(delete(table))
        connection = (await session.scalars(select(Connection))).one()
        facts = connections.common_facts(connection) | {"problem": "Unknown: 1.", "former": True}
        also = (connection.owner_id,)
        told = Notification(NoticeKind.HEALTH, "former", facts, also=also)
        await notices.enqueue(session, connection, told, datetime.now(UTC))


async def test_the_owner_links_former_exports_after_seeing_them(walk: Walk) -> None:
    await walk.export("INV-1")
    await lose_exports(walk)
    told = await walk.notice("health", channel=walk.town.slack.direct("Anna").id)
    await walk.town.slack.press("Anna", told, "find_former")
    shown = await walk.modal_saying("1 former export: INV-1.")
    assert "⏳" not in text_in(shown.payload)
    core = walk.town.program.core
    async with core.database.sessions() as session:
        assert (await session.scalars(select(Export))).all() == []
    await walk.town.slack.press("Anna", shown, "link_former")
    await walk.modal_saying("Linked 1 of 1.")
    assert "> linked the former exports" in await walk.without("find_former", told)

    async with core.database.sessions() as session:
        row = (await session.scalars(select(Export))).one()
    assert row.xero_invoice_id == walk.in_xero("INV-1").invoice_id


async def test_what_was_found_after_the_form_was_closed_is_asked_until_it_is_linked(
    walk: Walk,
) -> None:
    await walk.export("INV-1")
    await lose_exports(walk)
    direct, slack = walk.town.slack.direct("Anna"), walk.town.slack
    told = await walk.notice("health", channel=direct.id)
    slack.refuse("views.update", "not_found", times=99)
    await slack.press("Anna", told, "find_former")
    asked = await slack.wait_for(
        lambda: [each for each in slack.messages(direct) if "1 former export: INV-1." in each.text],
        60,
    )
    slack.faults.clear()
    await slack.press("Anna", asked[-1], "link_former")
    await walk.modal_saying("Linked 1 of 1.")

    for each, action_id in ((asked[-1], "link_former"), (told, "find_former")):
        assert "> linked the former exports" in await walk.without(action_id, each)


async def test_where_there_is_nothing_to_link_the_owner_is_not_asked_any_more(walk: Walk) -> None:
    await lose_exports(walk)
    told = await walk.notice("health", channel=walk.town.slack.direct("Anna").id)
    await walk.town.slack.press("Anna", told, "find_former")
    await walk.modal_saying("No former exports to link.")

    assert "> found no former exports to link" in await walk.without("find_former", told)
