"""The settings modal."""

from dataclasses import dataclass

from handlers import blocks, names, reply
from handlers.blocks import Block
from handlers.reading import Note, chosen, field, note_of
from handlers.routing import SlackRequest
from services.connect.service import ConnectService
from services.settings.service import SettingsForm, SettingsService, too_early

TITLE = "Settings"
_VOID = (
    blocks.option("void", "Void in Paymo", "The same in both ledgers, and it can be undone"),
    blocks.option("delete", "Delete in Paymo", "Voiding then means the same as deleting"),
)
_CREDITS = (
    blocks.option("record", "Record in Paymo", "As a payment that says what it is"),
    blocks.option("notify", "Only tell the channels", "Paymo keeps showing it as open"),
)

_AUTO = (
    blocks.option("off", "Off", "Somebody presses Export for every invoice"),
    blocks.option("on", "On", "On your order; three failures in a row stop it"),
)
_PDF = (
    blocks.option("off", "Off", "The invoice alone goes to Xero"),
    blocks.option("on", "On", "Xero is asked to allow attachments, too"),
)
_UNTAXED_HINT = "Xero has several rates of 0%. Lines that have no tax in Paymo get this one."
_CHANNELS = (
    blocks.option("on", "Subscribed channels, there", "They get notifications of invoices anyway"),
    blocks.option("off", "Nobody else", "Only the people named here"),
)
_SURE = blocks.confirm(
    "Hand over?",
    "When you save, this person becomes the owner. Only they can give it back.",
    yes="Hand Over",
)
_ONE_MORE = (
    "✅ The settings are saved. For the PDF, Xero has to allow the app to attach files: press "
    "*Connect Xero*, and allow it for {organisation}. Until then invoices go without it."
)


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
            exporters=tuple(field(view, names.EXPORTERS).get("selected_users") or ()),
            viewers=tuple(field(view, names.VIEWERS).get("selected_users") or ()),
            channel_viewers=chosen(view, names.CHANNEL_VIEWERS) or "on",
            owner_id=str(field(view, names.OWNER).get("selected_user") or ""),
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


def one_more_view(link: str) -> Block:
    """Say what Xero has to allow, with the link to its consent."""
    button = blocks.link_button("Connect Xero", names.CONNECT_XERO, link, style="primary")
    said = _ONE_MORE.format(organisation="the same organisation")
    return blocks.modal(names.SETTINGS, TITLE, [blocks.section(said), *blocks.actions([button])])


def _auto_export(form: SettingsForm) -> Block:
    """Draw the choice, or what is missing before there is one."""
    if form.auto_export == "off" and form.clean < form.needed:
        missing = too_early(form.clean, form.needed)
        said = blocks.section(f"*Export by itself what is sent in Paymo*\n{missing}")
        return said | {"block_id": names.AUTO_EXPORT}
    return blocks.input_block(
        blocks.static_select(names.AUTO_EXPORT, _AUTO, form.auto_export),
        "Export by itself what is sent in Paymo",
        hint="Only invoices that are sent from now on, whose client was exported before and whose "
        "checks are all green. Channels are asked about all others.",
    )


def _untaxed(form: SettingsForm) -> list[Block]:
    """Draw the choice among several rates of zero; there is none where Xero has but one."""
    if not form.untaxed_options:
        return []
    rows = [blocks.row_of(each) for each in form.untaxed_options]
    element = blocks.static_select(names.UNTAXED, rows, form.untaxed)
    return [
        blocks.input_block(
            element, "Tax rate of lines without tax", optional=True, hint=_UNTAXED_HINT
        )
    ]


def _people(form: SettingsForm) -> list[Block]:
    """Draw who else may ask, and whom the connection belongs to."""
    return [
        blocks.input_block(
            blocks.users_select(names.VIEWERS, form.viewers),
            "Who may ask how invoices stand, anywhere",
            hint="They can't export or change anything.",
            optional=True,
        ),
        blocks.input_block(
            blocks.static_select(names.CHANNEL_VIEWERS, _CHANNELS, form.channel_viewers),
            "Who else may ask",
        ),
        blocks.input_block(
            blocks.user_select(names.OWNER, form.owner_id, ask=_SURE),
            "Owner",
            hint="Choose somebody else to hand over. You stay an exporter.",
        ),
    ]


def settings_view(form: SettingsForm) -> Block:
    """Draw the settings as they are."""
    drawn = [
        blocks.context(
            f"Settings of {blocks.one_line(form.organisation)}. Only the owner, "
            f"<@{form.owner_id}>, can change them."
        ),
        blocks.input_block(
            blocks.users_select(names.EXPORTERS, form.exporters),
            "Who may export besides you",
            hint="They may also match clients and press the buttons under notices.",
            optional=True,
        ),
        *_people(form),
        blocks.input_block(
            blocks.static_select(names.XERO_STATUS, blocks.STATUSES, form.xero_status),
            "Invoices arrive in Xero as",
        ),
        blocks.input_block(
            blocks.static_select(names.VOID_MEANS, _VOID, form.void_means),
            "When an invoice is voided in Xero",
        ),
        blocks.input_block(
            blocks.static_select(names.CREDITS, _CREDITS, form.credits),
            "When a credit note or an overpayment settles an invoice in Xero",
        ),
        _auto_export(form),
        blocks.input_block(
            blocks.static_select(names.ATTACH_PDF, _PDF, form.attach_pdf),
            "Attach Paymo’s PDF to the invoice in Xero",
        ),
        *_untaxed(form),
    ]
    note = Note(connection_id=form.connection_id)
    return blocks.modal(names.SETTINGS, TITLE, drawn, submit="Save", metadata=note.dump())
