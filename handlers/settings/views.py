"""The settings as they are drawn, and the reply to whoever asks for access."""

from handlers import blocks, names
from handlers.blocks import Block
from handlers.routing import Body, Note
from handlers.settings.text import ONE_MORE, UNTAXED_HINT
from services.model.people import Option, Role
from services.settings.service import SettingsForm, too_early

_CHOICES = (
    Option(Role.VIEWER.word, "As viewer", "Sees invoices and payments"),
    Option(Role.EXPORTER.word, "As exporter", "Exports, undoes, matches, syncs"),
)

TITLE = "Settings"
_VOID = (
    Option("void", "Void in Paymo", "The same as in Xero, and it can be undone"),
    Option("delete", "Delete in Paymo", "Voiding and deleting mean the same"),
)
_CREDITS = (
    Option("record", "Record in Paymo", "As a payment that says what it is"),
    Option("notify", "Only notify channels", "The invoice stays open in Paymo"),
)
_AUTO = (
    Option("off", "Off", "Somebody exports every invoice"),
    Option("on", "On", "Three failures in a row turn it off"),
)
_PDF = (
    Option("off", "Off", "The invoice alone goes to Xero"),
    Option("on", "On", "Needs one more permission in Xero"),
)
_CHANNELS = (
    Option("on", "People in subscribed channels", "Only there; they read notifications anyway"),
    Option("off", "Nobody else", "Only the people named here"),
)
_SURE = blocks.confirm(
    "Hand over?",
    "When you save, this person becomes the owner. Only they can give it back.",
    yes="Hand Over",
)


def asked_buttons(facts: Body) -> list[Block]:
    """Return the owner's reply."""
    request_id = facts["request_id"]
    decline = blocks.button("Decline", names.DECLINE_ACCESS, request_id)
    if facts["role"] == Role.OWNER.word:
        sure = blocks.confirm(
            "Hand over?",
            "They will decide about settings, roles and connecting. You stay an exporter.",
            yes="Hand Over",
        )
        return [blocks.button("Allow", names.ALLOW_ACCESS, request_id, ask=sure), decline]
    return [
        blocks.static_select(names.ACCESS_ROLE, _CHOICES, facts["role"]),
        blocks.button("Allow", names.ALLOW_ACCESS, request_id, style="primary"),
        decline,
    ]


def one_more_view(link: str) -> Block:
    """Say what Xero has to allow, with the link to its consent."""
    button = blocks.link_button("Connect Xero", names.CONNECT_XERO, link, style="primary")
    said = ONE_MORE.format(organisation="the same organisation")
    return blocks.modal(names.SETTINGS, TITLE, [blocks.section(said), *blocks.actions([button])])


def _auto_export(form: SettingsForm) -> Block:
    """Draw the choice, or what is missing before there is one."""
    if form.auto_export == "off" and form.clean < form.needed:
        missing = too_early(form.clean, form.needed)
        said = blocks.section(f"*Export automatically*\n{missing}")
        return said | {"block_id": names.AUTO_EXPORT}
    return blocks.choice(
        names.AUTO_EXPORT,
        "Export automatically",
        _AUTO,
        form.auto_export,
        hint="Invoices sent in Paymo from now on, if every check is green and somebody chose the "
        "client's contact before. We ask in your channels about all others.",
    )


def _untaxed(form: SettingsForm) -> list[Block]:
    """Draw the choice among several rates of zero; there is none where Xero has but one."""
    if not form.untaxed_options:
        return []
    label, rows = "Tax rate of lines without tax", form.untaxed_options
    return [
        blocks.choice(names.UNTAXED, label, rows, form.untaxed, optional=True, hint=UNTAXED_HINT)
    ]


def _people(form: SettingsForm) -> list[Block]:
    """Draw who else may ask, and whom the connection belongs to."""
    return [
        blocks.input_block(
            blocks.users_select(names.VIEWERS, form.viewers),
            "Who may ask about invoices anywhere",
            hint="They can't export or change anything.",
            optional=True,
        ),
        blocks.choice(
            names.CHANNEL_VIEWERS, "Who else may see invoices", _CHANNELS, form.channel_viewers
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
            hint="They may also match clients and press the buttons under notifications.",
            optional=True,
        ),
        *_people(form),
        blocks.choice(
            names.XERO_STATUS, "Invoices arrive in Xero as", blocks.STATUSES, form.xero_status
        ),
        blocks.choice(
            names.VOID_MEANS, "When an invoice is voided in Xero", _VOID, form.void_means
        ),
        blocks.choice(
            names.CREDITS,
            "When a credit note or an overpayment settles an invoice in Xero",
            _CREDITS,
            form.credits,
        ),
        _auto_export(form),
        blocks.choice(
            names.ATTACH_PDF, "Attach Paymo’s PDF to the invoice in Xero", _PDF, form.attach_pdf
        ),
        blocks.input_block(
            blocks.number_input(names.APPROVE_ABOVE, form.approve_above),
            f"A second person approves exports above ({blocks.one_line(form.currency)})",
            hint="Empty: nobody has to. Another exporter than the one who asked presses Approve. "
            "Exports in other currencies always need it.",
            optional=True,
        ),
        *_untaxed(form),
        *blocks.actions([blocks.button("Disconnect…", names.DISCONNECT, style="danger")]),
    ]
    note = Note(connection_id=form.connection_id)
    return blocks.modal(names.SETTINGS, TITLE, drawn, submit="Save", metadata=note.dump())
