"""Looking at Xero now, and what people decide about payments and deletions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from handlers import blocks, reply
from handlers.reading import number_in, pressed
from handlers.reply import SlackClients, reply_target, say
from handlers.routing import SlackRequest
from handlers.slack_errors import nobody_has_to_look
from services.connect.service import WorkspaceService
from services.errors import NotFound
from services.model.people import Person, ReplyTarget, Said
from services.sync.run import Swept
from services.sync.service import Asked, SyncService

_Decision = Callable[[Person, int], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class SyncListeners:
    """One call of the sync service for each thing a person does."""

    service: SyncService
    workspaces: WorkspaceService

    async def request(self, request: SlackRequest) -> None:
        """Have Xero looked at now."""
        await request.ack()
        reply_to = await reply_target(self.workspaces, request)
        asked = await self.service.request(request.person, reply_to)
        await reply.tell(request, asked_text(asked))

    async def bring_back(self, request: SlackRequest) -> None:
        """Record a payment in Paymo after all."""
        await self._decide(request, self.service.bring_back)

    async def delete_in_paymo(self, request: SlackRequest) -> None:
        """Delete an invoice in Paymo too."""
        await self._decide(request, self.service.delete_in_paymo)

    async def void_in_paymo(self, request: SlackRequest) -> None:
        """Void an invoice in Paymo instead."""
        await self._decide(request, self.service.void_in_paymo)

    async def apply_breaker(self, request: SlackRequest) -> None:
        """Follow everything that the breaker holds."""
        await self._decide(request, self.service.apply_breaker)

    async def keep_breaker(self, request: SlackRequest) -> None:
        """Keep everything that the breaker holds."""
        await self._decide(request, self.service.keep_breaker)

    async def _decide(self, request: SlackRequest, decision: _Decision) -> None:
        await request.ack()
        row_id = number_in(pressed(request.body).get("value", ""))
        if row_id is None:
            raise NotFound("This button does not belong to anything any more.")
        said = blocks.render(await decision(request.person, row_id))
        await reply.tell(request, f"✅ {said}")
        await reply.settle(request, said)


@dataclass(frozen=True, slots=True)
class SlackSyncScreen:
    """Whispers to the person who asked."""

    clients: SlackClients

    async def show_swept(self, reply_to: ReplyTarget, swept: Swept) -> None:
        """Say what a look at Xero found."""
        text = swept_text(swept)
        said = blocks.paragraphs(text.split("\n"))
        with nobody_has_to_look():
            client = await self.clients.client(reply_to.workspace_id)
            await reply.ephemeral(client, reply_to.channel_id, reply_to.user_id, text, said)

    async def say(self, reply_to: ReplyTarget, said: Said) -> None:
        """Say it in the open view, or to the person alone when it was closed."""
        await say(self.clients, reply_to, said)


def asked_text(asked: Asked) -> str:
    """Say what comes of asking for a sync."""
    name = blocks.one_line(asked.organisation)
    if asked.is_fresh:
        return f"✅ {name} was synced a moment ago."
    if asked.held_until is not None:
        when = blocks.moment(asked.held_until)
        return f"⏳ {name} limits how often it can be asked. The next sync is at {when}."
    return f"⏳ Still looking at {name}." if asked.is_under_way else f"⏳ Looking at {name} now."


def swept_text(swept: Swept) -> str:
    """Say what was found, or that there was nothing."""
    organisation = blocks.one_line(swept.organisation)
    counts = [
        (swept.payments, "recorded in Paymo", "payment"),
        (swept.removals, "removed from Paymo", "payment"),
        (swept.deletions, "followed in Paymo", "deletion"),
        (swept.held, "waiting for a decision", "deletion"),
    ]
    found = [
        f"{count} {noun}{'' if count == 1 else 's'} {what}" for count, what, noun in counts if count
    ]
    said = f"✅ {organisation} was looked at: {', '.join(found) or 'nothing new'}."
    if swept.problem:
        said = f"⚠️ {organisation}: {blocks.render(swept.problem)}\n{said if found else ''}"
    return said.strip()
