"""Asking for access, and the owner's answer."""

from dataclasses import dataclass

from handlers import blocks, names, reply
from handlers.blocks import Block
from handlers.reading import Body, number_in, pressed
from handlers.routing import SlackRequest
from services.errors import NotFound
from services.model.people import Role
from services.settings.access import AccessService

_GONE = "This button is too old. Type the command again."
_ROLES = {each.word: each for each in (Role.VIEWER, Role.EXPORTER, Role.OWNER)}
_CHOICES = (
    blocks.option(Role.VIEWER.word, "As viewer", "Sees how invoices stand"),
    blocks.option(Role.EXPORTER.word, "As exporter", "Exports, undoes, matches, syncs"),
)


@dataclass(frozen=True, slots=True)
class AccessListeners:
    """One call of the access service for each thing a person does."""

    service: AccessService

    async def ask(self, request: SlackRequest) -> None:
        """Ask the owner for the role that the person lacked."""
        await request.ack()
        wanted = _ROLES.get(str(pressed(request.body).get("value", "")))
        if wanted is None:
            raise NotFound(_GONE)
        said = await self.service.ask(request.person, wanted)
        await reply.tell(request, f"📨 {blocks.render(said)}")

    async def allow(self, request: SlackRequest) -> None:
        """Give the chosen role."""
        await request.ack()
        said = await self.service.allow(request.person, _id_in(request.body), _chosen(request.body))
        await self._settle(request, said)

    async def decline(self, request: SlackRequest) -> None:
        """Give nothing."""
        await request.ack()
        said = await self.service.decline(request.person, _id_in(request.body))
        await self._settle(request, said)

    async def choose(self, request: SlackRequest) -> None:
        """Acknowledge the choice of a role; the press on Allow counts."""
        await request.ack()

    async def _settle(self, request: SlackRequest, said: str) -> None:
        rendered = blocks.render(said)
        await reply.tell(request, f"✅ {rendered}")
        await reply.settle(request, rendered)


def _id_in(body: Body) -> int:
    found = number_in(str(pressed(body).get("value", "")))
    if found is None:
        raise NotFound(_GONE)
    return found


def _chosen(body: Body) -> Role | None:
    """Return the role that the owner chose beside the button, if there was a choice."""
    values: Body = (body.get("state") or {}).get("values") or {}
    for fields in values.values():
        option = (fields.get(names.ACCESS_ROLE) or {}).get("selected_option") or {}
        if role := _ROLES.get(str(option.get("value", ""))):
            return role
    return None


def asked_buttons(facts: Body) -> list[Block]:
    """Return the owner's reply."""
    request_id = facts["request_id"]
    decline = blocks.button("Decline", names.DECLINE_ACCESS, request_id)
    if facts["role"] == Role.OWNER.word:
        sure = blocks.confirm(
            "Hand over?",
            "They decide about settings, roles and connecting from then on. You stay an exporter.",
            yes="Hand Over",
        )
        return [blocks.button("Allow", names.ALLOW_ACCESS, request_id, ask=sure), decline]
    return [
        blocks.static_select(names.ACCESS_ROLE, _CHOICES, facts["role"]),
        blocks.button("Allow", names.ALLOW_ACCESS, request_id, style="primary"),
        decline,
    ]
