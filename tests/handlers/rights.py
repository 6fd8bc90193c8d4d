"""People of every kind in one town, and what each can reach of what was drawn for somebody else."""

import asyncio
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from handlers import names
from sandbox.slack import Channel, Message, User, View
from services.model.actions import Action
from services.model.jobs import Job
from services.model.people import Role
from services.store import schedules, workspaces
from services.store.tables import Batch, Connection, Export, Payment, Workspace
from tests.walk import Walk, text_in

# Who comes, what they may do, and where they are. Dan is a guest of another channel; Eve belongs
# to another company, whose people read along.
ROLES = {
    "Anna": Role.OWNER,
    "Ben": Role.EXPORTER,
    "Vera": Role.VIEWER,
    "Carl": Role.VIEWER,
    "Dan": Role.NOBODY,
    "Eve": Role.NOBODY,
}
PLACES = {"Vera": "lobby", "Dan": "lobby"}
REFUSALS = (
    "You don't have access here",
    "You need the exporter role",
    "Only the owner,",
    "This belongs to another company",
)
_LONG = timedelta(seconds=20)
_UNTOLD = {
    "notices",
    "cards",
    "one_time_links",
    "people",
    "xero_grants",
    "xero_contacts",
    "paymo_clients",
}
_SETTINGS = (
    "state",
    "owner_id",
    "exporters",
    "viewers",
    "channel_viewers",
    "void_means",
)
_WAITED_FOR = ("job", "reply_to")
_STANDING = (
    "id",
    "state",
    "invoice_state",
    "wish",
    "decision",
    "attempt",
    "due_at",
    "accepted_difference",
)
Json = dict[str, Any]


@dataclass(slots=True)
class Crowd:
    """The walk with everybody in it, and the numbers that buttons carry."""

    walk: Walk
    ids: Json

    @classmethod
    async def gather(cls, walk: Walk) -> "Crowd":
        """Connect, let Ben export and Vera ask, and make one of everything."""
        slack = walk.town.slack
        for each in ("Vera", "Carl", "Dan"):
            slack.add_user(each)
        slack.add_channel("lobby")
        room, dan = walk.town.room, slack.user("Dan")
        room.members.discard(dan.id)
        await walk.connect()
        room.ext_shared = True
        other = slack.add_team("Oak", team_id="T9", installed=False)
        room.members.add(slack.add_user("Eve", team=other).id)
        await walk.export("INV-1")
        walk.pay("INV-1", "40.00")
        crowd = cls(walk, {})
        await crowd._name_people()
        crowd.ids = await crowd._number()
        return crowd

    async def _name_people(self) -> None:
        slack = self.walk.town.slack
        async with self.walk.town.program.core.database.sessions.begin() as session:
            connection = (await session.scalars(select(Connection))).one()
            connection.exporters = [slack.user("Ben").id]
            connection.viewers = [slack.user("Vera").id]
            # So that the payment is found.
            await schedules.want(session, [connection.id], [Job.SWEEP], connection.created_at)
        await self.walk.notice("payment_received")

    async def _number(self) -> Json:
        for number in ("INV-2", "INV-3"):
            self.walk.company.set_status(self.walk.in_paymo(number).id, "sent")
        await self.walk.type("export all")
        await self.walk.modal_saying("Ready")
        await self.walk.close()
        async with self.walk.town.program.core.database.sessions() as session:
            connection = (await session.scalars(select(Connection))).one()
            export = (await session.scalars(select(Export))).one()
            batch = (await session.scalars(select(Batch))).one()
            payment = (await session.scalars(select(Payment))).one()
        return {
            "connection": connection.id,
            "export": export.id,
            "batch": batch.id,
            "payment": payment.id,
            "client": export.client_id,
        }

    def value_of(self, action_id: str) -> str:
        """Return what this button would carry."""
        carried = {
            names.EXPORT: "INV-2",
            names.WHY: "INV-1",
            names.HISTORY: "INV-1",
            names.HISTORY_CSV: "INV-1",
            names.RECONCILE: "",
            names.EXPORT_ALL: "",  # a table's own is refused in other words
            names.SUBSCRIBE_HERE: "payments",
            Action.BRING_BACK: self.ids["payment"],
            names.FIX_FAILED: self.ids["batch"],
            names.BREAKER_APPLY: self.ids["connection"],
            names.BREAKER_KEEP: self.ids["connection"],
            names.FIND_FORMER: self.ids["connection"],
            names.LINK_FORMER: self.ids["connection"],
            names.MATCH_CLIENT: self.ids["client"],
        }
        return str(carried.get(action_id, self.ids["export"]))

    def reply_target(self, who: str) -> Channel:
        """Return the channel that this person is in."""
        return self.walk.town.slack.channel(PLACES.get(who, "invoices"))

    def planted(self, who: str, action_id: str, value: str = "") -> Message:
        """Put an old message with this button where this person can press it."""
        slack = self.walk.town.slack
        button = {
            "type": "button",
            "action_id": action_id,
            "text": {"type": "plain_text", "text": "Press"},
            "value": value or self.value_of(action_id),
        }
        row = {
            "type": "actions",
            "block_id": f"connection-{self.ids['connection']}-0",
            "elements": [button],
        }
        reply_to = self.reply_target(who)
        message = Message(slack.state.next_ts(), reply_to.id, slack.team.bot_user_id, "old", [row])
        reply_to.messages.append(message)
        return message

    def lent(self, who: str, view: View) -> View:
        """Put a copy of somebody's open view on this person's screen, as if it were theirs."""
        slack = self.walk.town.slack
        person: User = slack.user(who)
        key = slack.state.next_id("V")
        copied = View(
            id=key,
            team_id=person.team_id,
            user_id=person.id,
            payload=deepcopy(view.payload),
            hash=view.hash,
            root_id=key,
            values=deepcopy(view.values),
        )
        slack.state.stacks[person.id] = [copied]
        return copied

    async def kept(self) -> Json:
        """Return what is kept that people can change, and what both ledgers hold."""
        await self.settled()
        async with self.walk.town.program.core.database.sessions() as session:
            workspace = (await session.scalars(select(Workspace))).one()
            found: Json = await workspaces.export_rows(session, workspace)
        tables = {name: rows for name, rows in found.items() if name not in _UNTOLD}
        settings = [_some(row, _SETTINGS) for row in tables.pop("connections")]
        exports = [_some(row, _STANDING) for row in tables.pop("exports")]
        waited_for = [_some(row, _WAITED_FOR) for row in tables.pop("schedules")]
        invoices = [(each.number, each.status) for each in self.walk.books.invoices.values()]
        in_paymo = [(each.number, each.status) for each in self.walk.company.invoices.values()]
        return {
            **tables,
            "settings": settings,
            "exports": exports,
            "waited_for": sorted(waited_for, key=str),
            "xero": invoices,
            "paymo": in_paymo,
        }

    async def settled(self) -> None:
        """Wait until the program has answered everything that people did."""
        running = self.walk.town.program.core.tasks.running
        while running:
            await asyncio.wait(set(running), timeout=_LONG.total_seconds())

    def read_by(self, who: str) -> list[str]:
        """Return what only this person was told, in messages and on their screen."""
        slack = self.walk.town.slack
        told = [text_in(each.blocks) + each.text for each in slack.ephemerals(who)]
        view = slack.top_view(who)
        return [*told, *([text_in(view.payload)] if view else [])]

    def forget(self, who: str) -> None:
        """Clear this person's screen, for the next thing that they do."""
        slack = self.walk.town.slack
        slack.state.stacks.pop(slack.user(who).id, None)
        slack.state.ephemerals.clear()

    def is_refused(self, who: str) -> bool:
        """Say whether this person was told that they may not."""
        return any(each in said for said in self.read_by(who) for each in REFUSALS)


def _some(row: Json, names_of: tuple[str, ...]) -> Json:
    return {name: row[name] for name in names_of}
