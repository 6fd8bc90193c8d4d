"""Through the whole program: from the command to a connection, and the answers on the way."""

import asyncio
import re

from bot.commands import sync_once
from services.model.connection import ConnectionState
from services.store.tables import Connection
from tests.bot.town import PAYMO_KEY, Town, press, until
from tests.bot.town import town as open_town


async def links(town: Town) -> dict[str, str]:
    """The addresses behind the buttons of the view that is opening, by action."""
    async with asyncio.timeout(60):
        while (view := town.slack.top_view(town.anna)) is None:
            await asyncio.sleep(0.02)
    return dict(re.findall(r"'action_id': '(\w+)'.*?'url': '([^']+)'", str(view.blocks)))


async def connection(town: Town) -> Connection:
    async with town.program.core.database.sessions() as session:
        return await session.get_one(Connection, 1)


async def test_a_person_connects_paymo_and_one_of_two_organisations(database_url: str) -> None:
    async with open_town(database_url) as town:
        town.paymo.add_company("Studio", key=PAYMO_KEY)
        names = ["Kiwi Books", "Aussie Books"]
        tenants = [town.xero.add_organisation(name).tenant_id for name in names]
        town.xero.consent.auto, town.xero.consent.tenants = True, tenants

        await town.slack.command(town.anna, town.room, "connect")
        form = await links(town)
        asked = await town.http.get(form["connect_paymo"])
        wrong = await press(town.http, form["connect_paymo"], api_key="wrong")
        right = await press(town.http, form["connect_paymo"], api_key=PAYMO_KEY)
        chooser = await press(town.http, form["connect_xero"])
        done = await town.http.post("/xero/organisation", data={"tenant_id": tenants[1]})

        assert 'name="api_key"' in asked.text
        assert (wrong.status_code, "accept this key" in wrong.text) == (400, True)
        assert (right.status_code, "Studio" in right.text) == (200, True)
        assert [name in chooser.text for name in names] == [True, True]
        assert (done.status_code, names[1] in done.text) == (200, True)
        made = await connection(town)
        assert (made.state, made.tenant_id) == (ConnectionState.ACTIVE, tenants[1])
        await until(lambda: _is_swept(town))
        assert town.slack.failures == []
        assert town.slack.refused == []


async def test_a_look_from_the_command_line_is_told_by_organisation(sqlite_url: str) -> None:
    async with open_town(sqlite_url) as town:
        town.paymo.add_company("Studio", key=PAYMO_KEY)
        town.xero.add_organisation("Kiwi Books")
        town.xero.consent.auto = True
        await town.slack.command(town.anna, town.room, "connect")
        form = await links(town)
        await press(town.http, form["connect_paymo"], api_key=PAYMO_KEY)
        await press(town.http, form["connect_xero"])
        settings, team = town.program.core.settings, town.slack.team.id

        counts: list[int] = []
        looked: list[tuple[str, str]] = []

        def tell(organisation: str, problem: str) -> None:
            looked.append((organisation, problem))

        went = await sync_once(settings, team, counts.append, tell)
        elsewhere = await sync_once(settings, "T9999", counts.append, tell)

        assert (went, elsewhere, counts) == (True, True, [1, 0])
        assert looked == [("Kiwi Books", "")]


async def _is_swept(town: Town) -> bool:
    return (await connection(town)).swept_at is not None
