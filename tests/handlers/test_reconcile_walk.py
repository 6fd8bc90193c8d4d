"""A comparison asked for in Slack, in the running program between stand-ins."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from sandbox.slack.model import SharedFile
from services.lifecycle.task import TaskRequest, ask
from services.model.jobs import Job
from services.reconcile.service import subject_of
from services.store.tables import Connection
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
    await walk.ephemeral("all 1 agree at ")
    walk.company.set_status(walk.in_paymo("INV-2").id, "sent")

    await walk.type("reconcile this")
    told = await walk.ephemeral("1 of 1 agree; 1 is only in Paymo.")
    await walk.town.slack.press("Anna", told, "export")
    form = await walk.modal_saying("INV-2")

    assert form.callback_id == "export"


async def test_a_wrong_month_and_the_digests_topic_are_understood(walk: Walk) -> None:
    await walk.type("reconcile smarch")
    await walk.ephemeral("“smarch” is not a month. Type 2026-11, november, last, all, or nothing")
    await walk.type("subscribe digest")

    told = await walk.town.slack.wait_for(
        lambda: [
            each
            for each in walk.town.slack.messages("invoices")
            if "payments, deletions, failures and digest" in text_in(each.blocks)
        ]
    )

    assert len(told) == 1


def files_of(walk: Walk) -> list[SharedFile]:
    """Return the files that the app sent to Anna directly."""
    slack = walk.town.slack
    return [each for message in slack.messages(slack.direct("Anna")) for each in message.files]


async def test_the_months_digest_is_told_with_ids_alone_and_leads_to_the_comparison(
    walk: Walk,
) -> None:
    await walk.export("INV-1")
    await walk.type("subscribe digest")
    month = f"{datetime.now(UTC):%Y-%m}"
    core = walk.town.program.core
    async with core.database.sessions.begin() as session:
        (connection,) = await session.scalars(select(Connection))
        job = TaskRequest(
            Job.RECONCILE, subject_of(month, ""), datetime.now(UTC), data={"month": month}
        )
        await ask(session, connection, job)

    told = await walk.notice("digest")
    (file,) = await walk.town.slack.wait_for(lambda: files_of(walk))
    assert file.name == f"paymo-xero-{month}.csv"
    await walk.town.slack.press("Anna", told, "reconcile")
    await walk.ephemeral("all 1 agree at ")

    assert "All 1 agree." in told.text
    assert told.metadata is not None
    assert set(told.metadata["event_payload"]) == {"connection_id", "tenant_id"}
