"""The settings: who may change them, what they may be, and who changed what."""

from dataclasses import replace
from typing import Any

import pytest

from services.errors import NotAccepted, NotAllowed, NotConnected
from services.model.connection import ConnectionState
from services.model.people import Person
from services.model.wording import Member
from services.settings.service import SettingsService
from services.store import connections
from services.store.engine import Database
from services.store.tables import AuditEntry
from tests.databases import SQLITE_ALONE
from tests.services.bridge import Deaf
from tests.services.store_seeds import NOW, connected, rows_of

pytestmark = SQLITE_ALONE

OWNER, OTHER, STRANGER = (Person("", "T1", user) for user in ("U1", "U2", "U3"))


def service_on(database: Database) -> SettingsService:
    """Return the service with a clock that stands."""
    return SettingsService(database, Deaf(), lambda: NOW)


async def test_what_is_saved_is_shown_again_and_kept_with_who_changed_it(
    database: Database,
) -> None:
    connection = await connected(database, organisation_name="Maple Books")
    service = service_on(database)
    shown = await service.open(OWNER)
    wanted = replace(
        shown,
        exporters=("U2", "U1", "U2"),
        xero_status="DRAFT",
        void_means="delete",
        credits="notify",
    )
    await service.save(OWNER, wanted)
    (act,) = await rows_of(database, AuditEntry)

    assert (shown.xero_status, shown.void_means, shown.credits) == ("AUTHORISED", "void", "record")
    assert shown.organisation == "Maple Books"
    assert await service.open(OWNER) == replace(wanted, exporters=("U2",))
    assert (act.connection_id, act.user_id, act.at) == (connection.id, "U1", NOW)
    assert (act.before["void_means"], act.after["void_means"]) == ("void", "delete")
    assert act.after["exporters"] == ["U2"]


async def test_chosen_exporters_may_export_but_change_no_settings(database: Database) -> None:
    await connected(database)
    service = service_on(database)
    form = replace(await service.open(OWNER), exporters=("U2",))
    await service.save(OWNER, form)
    async with database.sessions() as session:
        ready = await connections.get_for_exporter(session, OTHER)
    assert ready.exporters == ["U2"]
    for person in (OTHER, STRANGER):
        with pytest.raises(NotAllowed, match=str(Member("U1"))):
            await service.open(person)
        with pytest.raises(NotAllowed, match=str(Member("U1"))):
            await service.save(person, replace(form, exporters=("U3",)))

    assert (await service.open(OWNER)).exporters == ("U2",)


@pytest.mark.parametrize("field", ["xero_status", "void_means", "credits"])
async def test_a_value_that_the_form_does_not_offer_is_refused_at_its_field(
    database: Database, field: str
) -> None:
    await connected(database)
    service = service_on(database)
    form = await service.open(OWNER)
    changed: dict[str, Any] = {field: "other"}
    with pytest.raises(NotAccepted) as refusal:
        await service.save(OWNER, replace(form, **changed))

    assert list(refusal.value.fields) == [field]
    assert await service.open(OWNER) == form


async def test_settings_of_another_workspace_are_out_of_reach(database: Database) -> None:
    await connected(database)
    service = service_on(database)
    form = await service.open(OWNER)
    foreigner = replace(OWNER, team_id="T2")
    with pytest.raises(NotConnected):
        await service.save(foreigner, replace(form, void_means="delete"))
    with pytest.raises(NotConnected):
        await service.open(foreigner)

    assert (await service.open(OWNER)).void_means == "void"


async def test_a_broken_connection_can_still_be_set(database: Database) -> None:
    await connected(database, state=ConnectionState.BROKEN, broken_side="Xero")
    service = service_on(database)
    form = replace(await service.open(OWNER), credits="notify")
    await service.save(OWNER, form)

    assert await service.open(OWNER) == form


async def test_a_form_that_outlived_its_connection_changes_nothing(database: Database) -> None:
    connection = await connected(database)
    service = service_on(database)
    form = await service.open(OWNER)
    async with database.sessions.begin() as session:
        (await connections.get(session, connection.id)).state = ConnectionState.ENDED

    with pytest.raises(NotConnected, match="has been ended"):
        await service.save(OWNER, replace(form, exporters=("U2",), owner_id="U3"))

    async with database.sessions() as session:
        kept = await connections.get(session, connection.id)
        assert (kept.exporters, kept.owner_id) == ([], "U1")
    assert await rows_of(database, AuditEntry) == []


async def test_saving_what_is_saved_already_is_no_change(database: Database) -> None:
    await connected(database)
    service = service_on(database)
    await service.save(OWNER, await service.open(OWNER))

    assert await rows_of(database, AuditEntry) == []
