"""The settings, and who asks for access."""

from dataclasses import dataclass
from typing import Any

from handlers import blocks, names, reply
from handlers.routing import GONE, Body, SlackRequest, chosen, field_of
from handlers.settings.text import ONE_MORE, SAVED
from handlers.settings.views import (
    TITLE,
    consent_button,
    one_more_view,
    saved_view,
    settings_view,
)
from services.connect.service import ConnectService
from services.errors import NotFound
from services.model.people import Role
from services.settings.service import AccessService, SettingsForm, SettingsService

_PEOPLE = (names.EXPORTERS, names.VIEWERS)
_SETTINGS = (
    names.CHANNEL_VIEWERS,
    names.XERO_STATUS,
    names.VOID_MEANS,
    names.CREDITS,
    names.AUTO_EXPORT,
    names.ATTACH_PDF,
    names.APPROVE_ABOVE,
    names.UNTAXED,
)
_STATES = (
    ("initial_option", "selected_option"),
    ("initial_value", "value"),
)
_ROLES = {each.word: each for each in (Role.VIEWER, Role.EXPORTER, Role.OWNER)}


@dataclass(frozen=True, slots=True)
class SettingsListeners:
    """One call of a service for each thing a person does."""

    service: SettingsService
    connect: ConnectService
    access: AccessService

    async def open(self, request: SlackRequest) -> None:
        """Open the settings."""
        form = await self.service.open(request.person)
        again = blocks.button(TITLE, names.SETTINGS, style="primary")
        await reply.open_view(request, settings_view(form), again=again)

    async def submit(self, request: SlackRequest) -> None:
        """Save them, and say so."""
        view = request.view
        form = SettingsForm(
            connection_id=request.note.connection_id,
            exporters=tuple(field_of(view, names.EXPORTERS).get("selected_users") or ()),
            viewers=tuple(field_of(view, names.VIEWERS).get("selected_users") or ()),
            channel_viewers=chosen(view, names.CHANNEL_VIEWERS) or "on",
            owner_id=str(field_of(view, names.OWNER).get("selected_user") or ""),
            xero_status=chosen(view, names.XERO_STATUS),
            void_means=chosen(view, names.VOID_MEANS),
            credits=chosen(view, names.CREDITS),
            auto_export=chosen(view, names.AUTO_EXPORT) or "off",
            attach_pdf=chosen(view, names.ATTACH_PDF) or "off",
            approve_above=str(field_of(view, names.APPROVE_ABOVE).get("value") or ""),
            untaxed=chosen(view, names.UNTAXED),
        )
        await self.service.save(request.person, form, _untouched(view), _drawn_people(view))
        link = ""
        if form.attach_pdf == "on":
            link = await self.connect.missing_consent(request.person, form.connection_id)
        if link:
            await reply.confirm(request, one_more_view(link), ONE_MORE, consent_button(link))
        else:
            await reply.confirm(request, saved_view(), SAVED)

    async def ask_access(self, request: SlackRequest) -> None:
        """Ask the owner for the role that the person lacked."""
        wanted = _ROLES.get(request.value)
        if wanted is None:
            raise NotFound(GONE)
        said = await self.access.ask(request.person, wanted)
        await reply.tell(request, f"📨 {blocks.render(said)}")

    async def allow_access(self, request: SlackRequest) -> None:
        """Give the chosen role."""
        request_id, role = request.id_in_value(), _chosen(request.body)
        await reply.decided(request, await self.access.allow(request.person, request_id, role))

    async def decline_access(self, request: SlackRequest) -> None:
        """Give nothing."""
        request_id = request.id_in_value()
        await reply.decided(request, await self.access.decline(request.person, request_id))


def _chosen(body: Body) -> Role | None:
    """Return the role that the owner chose beside the button, if there was a choice."""
    values: Body = (body.get("state") or {}).get("values") or {}
    for fields in values.values():
        option = (fields.get(names.ACCESS_ROLE) or {}).get("selected_option") or {}
        if role := _ROLES.get(str(option.get("value", ""))):
            return role
    return None


def _drawn_people(view: Body) -> dict[str, list[str]]:
    """Return whom each list of people named when it was drawn."""
    by_name = _elements(view)
    return {name: by_name.get(name, {}).get("initial_users") or [] for name in _PEOPLE}


def _elements(view: Body) -> dict[str, Body]:
    drawn = [each.get("element") or {} for each in view.get("blocks") or ()]
    return {str(each.get("action_id")): each for each in drawn}


def _untouched(view: Body) -> list[str]:
    """Return the settings whose fields are as they were drawn, or weren't drawn at all."""
    by_name = _elements(view)
    return [
        name
        for name in _SETTINGS
        if name not in by_name
        or all(
            _value(by_name[name].get(initial)) == _value(field_of(view, name).get(chosen_one))
            for initial, chosen_one in _STATES
        )
    ]


def _value(state: Any) -> Any:
    """Return what a field holds, to compare it."""
    return state.get("value") if isinstance(state, dict) else state or None
