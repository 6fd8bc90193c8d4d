"""How notices are drawn, with the buttons that help, and the form that subscribes a channel."""

from collections.abc import Callable, Sequence
from typing import Any

from handlers import blocks, names
from handlers.blocks import Block, one_line
from handlers.buttons import breaker_buttons, button, buttons, open_links
from handlers.notices.subscribed import (
    MINIMUM_MEANS,
    list_text,
    manage_text,
    paused_text,
    resume_hint,
)
from handlers.notices.text import Facts, card_lines, settled_text, text_of
from handlers.reconcile.text import is_fine
from handlers.reconcile.views import digest_blocks, link_button
from handlers.routing import Note
from handlers.settings.views import asked_buttons
from services.model.actions import Action
from services.model.notice import USUAL_TOPICS, Every, Layout, NoticeKind, Rhythm
from services.model.people import Option
from services.notices.delivery import Message
from services.notices.service import About, Listening

TITLE = "Notifications"
_ON_PAGE = 12  # channels; Slack likes no more than 4,000 characters of one text
_TOPICS = (
    Option("exports", "Exports", "An invoice arrived in Xero"),
    Option("payments", "Payments", "Received, changed or removed"),
    Option("deletions", "Deletions", "An invoice was deleted or voided"),
    Option("failures", "Failures", "Something needs your attention"),
    Option("digest", "Digest", "Received, exported, overdue, failed, differences"),
)


_LAYOUTS = (
    Option(
        Layout.BROADCAST, "In a thread, important ones in the channel too", "Paid in full, failed…"
    ),
    Option(Layout.THREAD, "In the invoice’s thread only"),
    Option(Layout.FLAT, "Each as a message in the channel"),
)
_EVERY = (
    Option(Every.DAILY, "Daily"),
    Option(Every.WEEKLY, "Weekly, on Monday"),
    Option(Every.MONTHLY, "Monthly, on the 1st"),
)
_HOURS = tuple(Option(str(hour), f"{hour:02}:00") for hour in range(24))
OWN_ZONE = "organisation"


def subscribe_view(found: Listening | None, channel_id: str, about: About | None = None) -> Block:
    """Draw the modal with the channel's subscription, or the usual one."""
    topics = found.topics if found else USUAL_TOPICS
    client = None
    if found is not None and found.client_id is not None:
        client = Option(str(found.client_id), one_line(found.client_name))
    minimum = f"{found.minimum:f}" if found is not None and found.minimum is not None else ""
    drawn = [
        blocks.input_block(blocks.channel_select(names.CHANNEL, channel_id), "Channel"),
        blocks.input_block(
            blocks.checkboxes(names.EVENTS, _TOPICS, [each.value for each in topics]),
            "Notify the channel about",
        ),
        blocks.search(names.CLIENT, "Only for this client", "Any client", client, optional=True),
        blocks.input_block(
            blocks.number_input(names.MINIMUM, minimum),
            "Minimum amount",
            hint=MINIMUM_MEANS,
            optional=True,
        ),
    ]
    layout = found.layout if found else Layout.BROADCAST
    drawn.append(blocks.choice(names.LAYOUT, "Updates to an invoice", _LAYOUTS, layout))
    drawn += _rhythm(found, about)
    if found is not None and found.paused_because:
        drawn.insert(0, blocks.section(resume_hint(found.paused_because)))
    if about is not None and not about.is_only:
        company, organisation = one_line(about.pair.company), one_line(about.pair.organisation)
        drawn.insert(0, blocks.context(f"About *{company}* in Paymo and *{organisation}* in Xero"))
    connection_id = about.pair.connection_id if about else 0
    note = Note(connection_id=connection_id, channel_id=channel_id)
    return blocks.modal(names.SUBSCRIBE, TITLE, drawn, submit="Subscribe", metadata=note.dump())


def _rhythm(found: Listening | None, about: About | None) -> list[Block]:
    """Ask when the digest comes; its zone is the organisation's unless another is chosen."""
    rhythm = found.rhythm if found else Rhythm()
    own = own_zone(about.zone if about else "")
    zone = Option(rhythm.zone, rhythm.zone) if rhythm.zone else own
    return [
        blocks.choice(names.DIGEST_EVERY, "Digest schedule", _EVERY, rhythm.every),
        blocks.choice(names.DIGEST_HOUR, "Digest time", _HOURS, str(rhythm.hour)),
        blocks.search(names.DIGEST_ZONE, "Digest time zone", "Type a city, such as London", zone),
    ]


def own_zone(zone: str) -> Option:
    """Return the choice of the organisation's own time zone, whatever it is later."""
    return Option(OWN_ZONE, f"Organisation’s ({zone})" if zone else "Organisation’s")


def resume_button(channel_id: str, style: str = "") -> Block:
    """Return the button that resumes a paused channel's notifications."""
    return blocks.button("Resume Notifications", names.RESUME_CHANNEL, channel_id, style=style)


def list_of(found: Sequence[Listening], page: int, about: int) -> tuple[str, list[Block]]:
    """Say a page of the channels; the paused ones come last, each with why and the way on."""
    ordered = sorted(found, key=lambda each: bool(each.paused_because))
    last = max(len(ordered) - 1, 0) // _ON_PAGE
    page = min(page, last)
    shown = ordered[page * _ON_PAGE :][:_ON_PAGE]
    paused = [
        blocks.section(paused_text(each), accessory=resume_button(each.channel_id))
        for each in shown
        if each.paused_because
    ]
    drawn = [blocks.named(each, about, place) for place, each in enumerate(paused, 1)]
    ways = [blocks.button("Previous Page", names.PREVIOUS_CHANNELS, page - 1)] if page else []
    ways += [blocks.button("Next Page", names.NEXT_CHANNELS, page + 1)] if page < last else []
    text = list_text(shown, page * _ON_PAGE + 1, len(ordered))
    return text, [*drawn, *blocks.actions(ways, about=about)]


def drift_buttons(facts: Facts) -> list[Block]:
    """Return the button that updates Xero to match Paymo, where that is safe."""
    is_safe = facts.get("side") == "Paymo" and not (facts.get("advice") or facts.get("by"))
    if not is_safe or not facts.get("differences"):
        return []
    return [button(Action.UPDATE_IN_XERO, facts["export_id"])]


def metadata_of(message: Message) -> Block:
    """Return what other programs read: the kind, and ids only."""
    return {"event_type": message.kind.value, "event_payload": message.metadata}


def drawn(message: Message, *, plainly: bool = False) -> dict[str, Any]:
    """Return all that Slack is handed of a notice; `plainly` without pictures and tables."""
    return {
        "text": text_of(message),
        "blocks": notice_blocks(message, plainly=plainly),
        "metadata": metadata_of(message),
    }


def notice_blocks(message: Message, *, plainly: bool = False) -> list[Block]:
    """Draw a notice: its text, then what can be done about it."""
    if message.kind is NoticeKind.DIGEST and not plainly:
        said = settled_text(message.facts.get("done")).strip()
        drawn = [*digest_blocks(message.facts), *blocks.small_print(said)]
    else:
        drawn = blocks.paragraphs(text_of(message).split("\n"))
    about = message.facts.get("connection_id", 0)
    ways_on = [] if message.facts.get("done") else _ways_on(message)
    acts = [*ways_on, *_links(message)]
    if message.kind is NoticeKind.INVOICE_EXPORTED:
        acts = [*_links(message), *ways_on]  # what changes something comes last
    return [*drawn, *blocks.small_print(_small_print(message)), *blocks.actions(acts, about=about)]


def _small_print(message: Message) -> str:
    """Say who exported an invoice, and in a channel how to get other notifications."""
    is_card = message.kind is NoticeKind.INVOICE_EXPORTED
    said = card_lines(message.facts) if is_card else []
    if message.channel_id[:1] in {"C", "G"} and not message.thread_ts:
        said.append(manage_text(*message.app))
    return " · ".join(said)


def _ways_on(message: Message) -> list[Block]:
    facts = message.facts
    drawn = _WAYS_ON.get(message.kind)
    if drawn is not None:
        return drawn(facts)
    if facts.get("in_paymo") == "deleted":
        return [button(Action.RESTORE, facts["export_id"])]
    if facts.get("in_paymo") == "asked":
        return [button(Action.VOID_IN_PAYMO, facts["export_id"]), _delete_too(facts)]
    if facts.get("in_paymo") == "void":
        return [_delete_too(facts)]
    is_asked = facts.get("asked") and not facts.get("gone")  # without an invoice, none can decide
    if facts.get("by_person_in_paymo") or is_asked:
        is_deleted = bool(facts.get("by_person_in_paymo"))
        action = Action.BRING_BACK if is_deleted else Action.RECORD_PAYMENT
        return [button(action, facts["payment_id"])]
    return []


def _delete_too(facts: Facts) -> Block:
    return button(Action.DELETE_IN_PAYMO, facts["export_id"], style="danger")


def _compare_again(facts: Facts) -> list[Block]:
    word = "Compare Again" if is_fine(facts) else "Show Differences"
    return [blocks.button(word, names.RECONCILE, facts["month"])]


def _find_former(facts: Facts) -> list[Block]:
    """Return the button that finds exports of a lost database, or links what was found."""
    if facts.get("is_found"):
        return [link_button(facts["connection_id"])]
    find = ("Link Former Exports", names.FIND_FORMER, facts["connection_id"])
    return [blocks.button(*find, style="primary")] if facts.get("former") else []


def _approval_buttons(facts: Facts) -> list[Block]:
    """Return the second person's buttons, where there is somebody, and for nobody else."""
    if not facts.get("may_answer", True):
        return []
    cancel = button(Action.CANCEL, facts["export_id"])
    approve = button(Action.APPROVE, facts["approval"], style="primary")
    return [approve, cancel] if facts["is_open"] else [cancel]


def _after_a_break(_: Facts) -> list[Block]:
    return [
        button(Action.RECONNECT, style="primary"),
        blocks.button("Disconnect Here Too", names.DISCONNECT),
    ]


def card_of(facts: dict[str, Any]) -> tuple[str, list[Block]]:
    """Return an invoice's card outside its channel: the text, and the links below it."""
    message = Message(0, "", NoticeKind.INVOICE_EXPORTED, facts, {})
    lines = blocks.paragraphs(text_of(message).split("\n"))
    return text_of(message), notice_blocks(message)[len(lines) :]


def shared_card(facts: dict[str, Any]) -> list[Block]:
    """Return an invoice's card under a link that somebody shared: to read, not to press."""
    message = Message(0, "", NoticeKind.INVOICE_EXPORTED, facts, {})
    return blocks.keeping(notice_blocks(message), lambda each: each["action_id"] in names.LINKS)


def card_buttons(facts: dict[str, Any]) -> list[Block]:
    """Return what can be done about an exported invoice, by how it stands."""
    state = facts.get("state", "open")
    if facts.get("is_over"):
        return []
    drawn = [button(Action.ACCEPT_DIFFERENCE, facts["export_id"])] if state == "different" else []
    is_untouched = state in {"different", "draft", "open"} and not facts.get("is_linked")
    return [*drawn, button(Action.UNDO, facts["export_id"])] if is_untouched else drawn


def _links(message: Message) -> list[Block]:
    facts = message.facts
    is_gone = facts.get("in_paymo") in {"deleted", "gone_in_paymo"} or facts.get("gone")
    paymo = "" if is_gone else facts.get("paymo_url")
    return open_links(xero=facts.get("xero_url"), paymo=paymo, rival=facts.get("rival_url"))


_WAYS_ON: dict[NoticeKind, Callable[[Facts], list[Block]]] = {
    NoticeKind.INVOICE_EXPORTED: card_buttons,
    NoticeKind.EXPORT_FAILED: lambda facts: buttons(facts.get("cures", ()), facts["export_id"]),
    NoticeKind.CONNECTION_BROKEN: _after_a_break,
    NoticeKind.SYNC_PAUSED: lambda facts: breaker_buttons(
        facts["connection_id"], facts.get("export_ids", ())
    ),
    NoticeKind.INVOICE_DRIFTED: drift_buttons,
    NoticeKind.DIGEST: _compare_again,
    NoticeKind.HEALTH: _find_former,
    NoticeKind.CHANNEL_PAUSED: lambda facts: [resume_button(facts["channel_id"], "primary")],
    NoticeKind.EXPORT_ASKED: lambda facts: [
        button(Action.EXPORT, blocks.escape(facts["number"]), style="primary")
    ],
    NoticeKind.WELCOME: lambda _: [blocks.button("Connect", names.CONNECT, style="primary")],
    NoticeKind.APPROVAL_ASKED: _approval_buttons,
    NoticeKind.ACCESS_ASKED: asked_buttons,
    NoticeKind.AUTO_EXPORT_PAUSED: lambda _: [blocks.button("Settings…", names.SETTINGS)],
}
