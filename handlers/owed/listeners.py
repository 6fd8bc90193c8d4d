"""Answering what clients owe: everything by age, or one client's invoices."""

from dataclasses import dataclass

from handlers import reply
from handlers.owed.text import client_text, overdue_text
from handlers.routing import SlackRequest
from services.explain.owed import OwedService


@dataclass(frozen=True, slots=True)
class OwedListeners:
    """One call of the service for each question; whoever asked reads the answer alone."""

    service: OwedService

    async def overdue(self, request: SlackRequest) -> None:
        """Tell every open invoice by age."""
        await reply.tell(request, overdue_text(await self.service.overdue(request.person)))

    async def client(self, request: SlackRequest, name: str) -> None:
        """Tell what one client owes, and has paid."""
        await reply.tell(request, client_text(await self.service.of_client(request.person, name)))
