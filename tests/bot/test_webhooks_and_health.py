"""Webhooks, and what whoever runs the program asks it."""

import asyncio
import base64
import hmac
import json
import sqlite3
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.model.export import ExportState
from services.model.jobs import Job
from services.store import schedules
from services.store.tables import Export
from tests.bot.program import WEBHOOK_KEY
from tests.bot.town import Town
from tests.bot.town import town as open_town
from tests.services import store_seeds


async def tell(town: Town, body: bytes, key: str = WEBHOOK_KEY) -> httpx.Response:
    signature = base64.b64encode(hmac.digest(key.encode(), body, "sha256")).decode()
    return await town.http.post(
        "/webhooks/xero", content=body, headers={"x-xero-signature": signature}
    )


async def connected(town: Town, tenant_id: str) -> int:
    """Add a connection that is due in a day."""
    now = datetime.now(UTC)
    values = {"tenant_id": tenant_id, "created_at": now, "sweep_due_at": now + timedelta(days=1)}
    made = await store_seeds.connected(town.program.core.database, "T9", **values)
    return made.id


async def exported(town: Town, connection_id: int, xero_id: str) -> None:
    """Add an invoice that was exported over this connection."""
    now = datetime.now(UTC)
    async with town.program.core.database.sessions.begin() as session:
        export = Export(
            connection_id=connection_id,
            paymo_company_id=1,
            tenant_id="tenant-1",
            paymo_invoice_id=1,
            state=ExportState.EXPORTED,
            requested_by="U1",
            requested_at=now,
            reply_to={},
            contact_id="c1",
            account_id="a1",
            xero_status="AUTHORISED",
            xero_invoice_id=xero_id,
        )
        session.add(export)


async def test_e63_a_signed_webhook_has_the_organisation_looked_at_soon(town: Town) -> None:
    connection_id = await connected(town, "tenant-1")
    await exported(town, connection_id, "invoice-1")
    event = {"tenantId": "tenant-1", "resourceId": "invoice-1", "eventCategory": "INVOICE"}

    answer = await tell(town, json.dumps({"events": [event]}).encode())

    assert (answer.status_code, answer.content) == (200, b"")
    async with asyncio.timeout(60):
        while True:
            async with town.program.core.database.sessions() as session:
                found = await schedules.find(session, connection_id, Job.SWEEP)
            soon = datetime.now(UTC) + timedelta(hours=1)
            if found is not None and found.due_at is not None and found.due_at < soon:
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "body",
    [
        b'{"events": []}',
        b'{"events": [{"tenantId": "t", "resourceId": 7}]}',
        b'{"events": [{"tenantId": "t", "resourceId": "i", "eventCategory": "NEW"}]}',
        b"{}",
        b'{"events": [{"tenantId": 7}, 1]}',
        b"",
        b"[",
        b"[]",
        b'{"events": 1}',
        b"\xff",
    ],
)
async def test_e63_a_signed_webhook_that_names_no_organisation_is_taken(
    town: Town, body: bytes
) -> None:
    assert (await tell(town, body)).status_code == 200


@pytest.mark.parametrize("key", ["another-key", ""])
async def test_e63_a_webhook_that_xero_did_not_sign_is_refused(town: Town, key: str) -> None:
    answer = await tell(town, b'{"events": []}', key)

    assert (answer.status_code, answer.content) == (401, b"")


async def test_a_signature_that_is_no_text_is_refused(town: Town) -> None:
    headers = [(b"x-xero-signature", b"\xe9")]

    assert (await town.http.post("/webhooks/xero", headers=headers)).status_code == 401


async def test_without_a_key_there_is_no_webhook(sqlite_url: str) -> None:
    async with open_town(sqlite_url, xero_webhook_key="") as town:
        assert (await tell(town, b"{}")).status_code == 404


@pytest.mark.parametrize("body", [b"{}", b"", b"[", b"\xff"])
async def test_e64_a_paymo_webhook_of_nobody_is_refused_and_never_gone(
    town: Town, body: bytes
) -> None:
    headers = [(b"x-paymo-signature", b"\xe9")]
    answer = await town.http.post("/webhooks/paymo/unknown", content=body, headers=headers)

    assert (answer.status_code, answer.content) == (401, b"")


async def test_a_paymo_webhook_that_does_not_fit_is_not_read(town: Town) -> None:
    answer = await town.http.post("/webhooks/paymo/unknown", content=b"x" * 1_000_001)

    assert (answer.status_code, answer.content) == (413, b"")


async def test_the_program_is_ready_when_everything_works(town: Town) -> None:
    assert (await town.http.get("/healthz")).status_code == 200
    async with asyncio.timeout(60):
        while (await town.http.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("name", ["missing.db", "nowhere/missing.db"], ids=["empty", "unreachable"])
async def test_a_program_without_its_tables_is_alive_and_not_ready(
    tmp_path: object, name: str
) -> None:
    async with open_town(f"sqlite+aiosqlite:///{tmp_path}/{name}") as town:
        ready = await town.http.get("/readyz")
        details = await town.http.get(f"{town.program.metrics_url}/readyz")

        assert (await town.http.get("/healthz")).status_code == 200
        assert (ready.status_code, ready.json()) == (503, {"status": "failing"})
        assert details.json()["checks"]["migrations"] == "failing"


async def test_a_program_whose_database_takes_no_writes_is_not_ready(
    town: Town, sqlite_url: str
) -> None:
    """A full or read-only disk answers every SELECT."""
    with sqlite3.connect(sqlite_url.removeprefix("sqlite+aiosqlite:///")) as file:
        file.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON alembic_version "
            "BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
        )
    file.close()
    async with asyncio.timeout(60):
        while True:
            checks = (await town.http.get(f"{town.program.metrics_url}/readyz")).json()["checks"]
            if checks["database"] == "failing":
                break
            await asyncio.sleep(0.05)

    assert checks["migrations"] == "ok"
    assert (await town.http.get("/readyz")).status_code == 503


async def test_strangers_read_neither_metrics_nor_details(town: Town) -> None:
    assert (await town.http.get("/metrics")).status_code == 404
    assert (await town.http.get("/readyz")).json().keys() == {"status"}


async def test_metrics_count_what_was_answered(town: Town) -> None:
    await town.slack.command(town.anna, town.room, "help")
    await tell(town, b"{}")

    text = (await town.http.get(f"{town.program.metrics_url}/metrics")).text

    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["slack_ack_seconds_count", "command"] == 1
    assert samples["webhooks_total", "200", "xero"] == 1
