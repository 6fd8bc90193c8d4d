"""The settings, and who asks for access."""

from dataclasses import dataclass

from handlers import blocks, names, reply
from handlers.routing import Body, SlackRequest, chosen, field_of, note_of, number_in, pressed
from handlers.settings.text import GONE
from handlers.settings.views import TITLE, one_more_view, settings_view
from services.connect.service import ConnectService
from services.errors import NotFound
from services.model.people import Role
from services.settings.access import AccessService
from services.settings.service import SettingsForm, SettingsService

_ROLES = {each.word: each for each in (Role.VIEWER, Role.EXPORTER, Role.OWNER)}


@dataclass(frozen=True, slots=True)
class SettingsListeners:
    """One call of the settings or connect service for each thing a person does."""

    service: SettingsService
    connect: ConnectService

    async def open(self, request: SlackRequest) -> None:
        """Open the settings."""
        await request.ack()
        form = await self.service.open(request.person)
        again = blocks.button(TITLE, names.SETTINGS, style="primary")
        await reply.open_view(request, settings_view(form), again=again)

    async def submit(self, request: SlackRequest) -> None:
        """Save them and close."""
        view = request.body["view"]
        form = SettingsForm(
            connection_id=note_of(view).connection_id,
            exporters=tuple(field_of(view, names.EXPORTERS).get("selected_users") or ()),
            viewers=tuple(field_of(view, names.VIEWERS).get("selected_users") or ()),
            channel_viewers=chosen(view, names.CHANNEL_VIEWERS) or "on",
            owner_id=str(field_of(view, names.OWNER).get("selected_user") or ""),
            xero_status=chosen(view, names.XERO_STATUS),
            void_means=chosen(view, names.VOID_MEANS),
            credits=chosen(view, names.CREDITS),
            auto_export=chosen(view, names.AUTO_EXPORT) or "off",
            attach_pdf=chosen(view, names.ATTACH_PDF) or "off",
            untaxed=chosen(view, names.UNTAXED),
        )
        await self.service.save(request.person, form)
        link = ""
        if form.attach_pdf == "on":
            link = await self.connect.missing_consent(request.person, form.connection_id)
        update = {"response_action": "update", "view": one_more_view(link)}
        await request.ack(update if link else None)


@dataclass(frozen=True, slots=True)
class AccessListeners:
    """One call of the access service for each thing a person does."""

    service: AccessService

    async def ask(self, request: SlackRequest) -> None:
        """Ask the owner for the role that the person lacked."""
        await request.ack()
        wanted = _ROLES.get(str(pressed(request.body).get("value", "")))
        if wanted is None:
            raise NotFound(GONE)
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
        raise NotFound(GONE)
    return found


def _chosen(body: Body) -> Role | None:
    """Return the role that the owner chose beside the button, if there was a choice."""
    values: Body = (body.get("state") or {}).get("values") or {}
    for fields in values.values():
        option = (fields.get(names.ACCESS_ROLE) or {}).get("selected_option") or {}
        if role := _ROLES.get(str(option.get("value", ""))):
            return role
    return None
