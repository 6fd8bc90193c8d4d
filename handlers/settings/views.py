"""The settings as they are drawn, and the reply to whoever asks for access."""

from handlers import blocks, names
from handlers.blocks import Block
from handlers.routing import Body, Note
from handlers.settings.text import (
    APPROVE_HINT,
    AUTO,
    AUTO_HINT,
    CHANNELS,
    CREDITS,
    EXPORTERS_HINT,
    HAND_OVER,
    HAND_OVER_ON_SAVE,
    ONE_MORE,
    OWNER_HINT,
    PDF,
    ROLES,
    SAVED,
    STATUSES,
    UNTAXED_HINT,
    VIEWERS_HINT,
    VOID,
    heading_text,
)
from services.model.people import Role
from services.settings.service import SettingsForm, too_early

TITLE = "Settings"
_SURE = blocks.confirm(
    "Hand over?",
    HAND_OVER_ON_SAVE,
    yes="Hand Over",
)


def asked_buttons(facts: Body) -> list[Block]:
    """Return the owner's reply."""
    request_id = facts["request_id"]
    decline = blocks.button("Decline", names.DECLINE_ACCESS, request_id)
    if facts["role"] == Role.OWNER.word:
        sure = blocks.confirm(
            "Hand over?",
            HAND_OVER,
            yes="Hand Over",
        )
        return [blocks.button("Allow", names.ALLOW_ACCESS, request_id, ask=sure), decline]
    return [
        blocks.static_select(names.ACCESS_ROLE, ROLES, facts["role"]),
        blocks.button("Allow", names.ALLOW_ACCESS, request_id, style="primary"),
        decline,
    ]


def saved_view() -> Block:
    """Say that they are saved."""
    return blocks.modal(names.REFUSAL, TITLE, [blocks.section(SAVED)])


def one_more_view(link: str) -> Block:
    """Say what Xero has to allow, with the link to its consent."""
    drawn = [blocks.section(ONE_MORE), *consent_button(link)]
    return blocks.modal(names.SETTINGS, TITLE, drawn)


def consent_button(link: str) -> list[Block]:
    """Draw the link to Xero's consent."""
    button = blocks.link_button("Connect Xero", names.CONNECT_XERO, link, style="primary")
    return blocks.actions([button])


def _auto_export(form: SettingsForm) -> Block:
    """Draw the choice, or what is missing before there is one."""
    if form.auto_export == "off" and form.clean < form.needed:
        missing = too_early(form.clean, form.needed)
        said = blocks.section(f"*Export automatically*\n{missing}")
        return said | {"block_id": names.AUTO_EXPORT}
    label = "Export automatically"
    return blocks.choice(names.AUTO_EXPORT, label, AUTO, form.auto_export, hint=AUTO_HINT)


def _untaxed(form: SettingsForm) -> list[Block]:
    """Draw the choice among several rates of zero; there is none where Xero has but one."""
    if not form.untaxed_options:
        return []
    label, rows = "Tax rate for lines without tax", form.untaxed_options
    return [
        blocks.choice(names.UNTAXED, label, rows, form.untaxed, optional=True, hint=UNTAXED_HINT)
    ]


def _people(form: SettingsForm) -> list[Block]:
    """Draw who else may ask, and whom the connection belongs to."""
    return [
        blocks.input_block(
            blocks.users_select(names.VIEWERS, form.viewers),
            "Who can see invoices, but not export",
            hint=VIEWERS_HINT,
            optional=True,
        ),
        blocks.choice(
            names.CHANNEL_VIEWERS, "Who else can see invoices", CHANNELS, form.channel_viewers
        ),
        blocks.input_block(
            blocks.user_select(names.OWNER, form.owner_id, ask=_SURE),
            "Owner",
            hint=OWNER_HINT,
        ),
    ]


def settings_view(form: SettingsForm) -> Block:
    """Draw the settings as they are."""
    drawn = [
        blocks.context(heading_text(form)),
        blocks.input_block(
            blocks.users_select(names.EXPORTERS, form.exporters),
            "Who can export, besides you",
            hint=EXPORTERS_HINT,
            optional=True,
        ),
        *_people(form),
        blocks.choice(names.XERO_STATUS, "Export invoices as", STATUSES, form.xero_status),
        blocks.choice(names.VOID_MEANS, "When an invoice is voided in Xero", VOID, form.void_means),
        blocks.choice(
            names.CREDITS,
            "When a credit note or an overpayment settles an invoice in Xero",
            CREDITS,
            form.credits,
        ),
        _auto_export(form),
        blocks.choice(
            names.ATTACH_PDF, "Attach Paymo’s PDF to the invoice in Xero", PDF, form.attach_pdf
        ),
        blocks.input_block(
            blocks.number_input(names.APPROVE_ABOVE, form.approve_above),
            f"Require a second person’s approval above ({blocks.one_line(form.currency)})",
            hint=APPROVE_HINT,
            optional=True,
        ),
        *_untaxed(form),
        *blocks.actions([blocks.button("Disconnect…", names.DISCONNECT, style="danger")]),
    ]
    note = Note(connection_id=form.connection_id)
    return blocks.modal(names.SETTINGS, TITLE, drawn, submit="Save", metadata=note.dump())
