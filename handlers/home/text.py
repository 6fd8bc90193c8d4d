"""How connections are, and what can be typed."""

from collections.abc import Sequence

from handlers import blocks
from handlers.blocks import one_line
from handlers.connect.text import about
from handlers.settings.text import WHAT_IT_IS
from handlers.words import Words
from services.connect.checklists import Overview
from services.explain.worklist import Line
from services.model.connection import ConnectionState
from services.model.people import Role
from services.model.wording import counted

_STATES = {
    ConnectionState.PENDING: "⚠️ *Half connected*",
    ConnectionState.ACTIVE: "✅ *Connected*",
    ConnectionState.BROKEN: "⛔ *Connection broken*",
    ConnectionState.ENDING: "⏳ *Disconnecting*",
    ConnectionState.ENDED: "*Disconnected*",
}
NOT_CONNECTED = "Paymo and Xero aren't connected yet. Connecting takes a minute."
# What can be typed, who may, and what comes of it. `connect` is the owner's where something is
# connected, and anybody's before; `connect another` is anybody's, with a key and a consent of their
# own. `history` is a viewer's of one invoice, and of everything an exporter's.
HELP_LINES = (
    (Role.EXPORTER, "export INV-1", "export an invoice"),
    (Role.EXPORTER, "export all", "export everything that's ready"),
    (Role.VIEWER, "show INV-1", "see an invoice in Paymo and Xero"),
    (Role.VIEWER, "why INV-1", "see what an invoice is waiting for"),
    (Role.VIEWER, "history INV-1", "see who did what"),
    (Role.VIEWER, "overdue", "see open invoices by age"),
    (Role.VIEWER, "client Acme", "see one client's open and paid invoices"),
    (Role.VIEWER, "status", "see how the connection is doing"),
    (Role.EXPORTER, "sync", "get payments and deletions from Xero now"),
    (Role.EXPORTER, "subscribe", "choose this channel's notifications"),
    (Role.EXPORTER, "undo INV-1", "undo an export"),
    (Role.EXPORTER, "restore INV-1", "restore an invoice deleted in Paymo"),
    (Role.EXPORTER, "match", "match clients with contacts and accounts"),
    (Role.EXPORTER, "reconcile november", "compare Paymo with Xero for a month"),
    (Role.EXPORTER, "unsubscribe", "stop notifications here"),
    (Role.OWNER, "settings", "choose who can export, and how"),
    (Role.OWNER, "connect", "connect or reconnect Paymo and Xero"),
    (Role.OWNER, "connect another", "add another company"),
    (Role.OWNER, "disconnect", "disconnect Paymo and Xero"),
)
ENDED = "Disconnected: {}. Exported invoices stay in Xero. To continue, connect again."
OVERDUE = "Overdue"
READY = "Ready to export"
UNREADY = "Not ready yet"
CALM = "Nothing needs your attention."
ASK_FOR_ACCESS = "Request access to see or export invoices here."
OTHERS = "*Other connections*"
SEVERAL = 2
_MOST_CHANNELS = 10
# The rest is named below these without a word.
_DAILY = {
    Role.VIEWER: ("show INV-1", "why INV-1", "history INV-1", "status"),
    Role.EXPORTER: ("export INV-1", "export all", "show INV-1", "sync", "subscribe"),
    Role.OWNER: ("export INV-1", "export all", "show INV-1", "sync", "subscribe", "settings"),
}


def overview_text(found: Sequence[Overview]) -> str:
    """Say in a line for each connection how it is."""
    return "\n".join(state_of(each) for each in found) or f"{WHAT_IT_IS}\n{NOT_CONNECTED}"


def state_of(overview: Overview) -> str:
    """Say how one connection is."""
    broken = f" ({overview.broken_side})" if overview.broken_side else ""
    company = one_line(overview.company or "no Paymo company yet")
    organisation = (
        about(overview.organisation) if overview.organisation else "no Xero organisation yet"
    )
    return f"{_STATES[overview.state]}{broken}: {company} → {organisation}"


def status_text(found: Sequence[Overview]) -> str:
    """Say how the connection is doing; of several only how many there are."""
    if len(found) < SEVERAL:
        return "\n".join(line for each in found for line in status_lines(each)) or NOT_CONNECTED
    return f"*{len(found)} connections*"


def status_lines(overview: Overview) -> list[str]:
    """Say how one connection is doing, in five lines, and what else matters now."""
    channels = " ".join(blocks.channel(each) for each in overview.channels[:_MOST_CHANNELS])
    more = len(overview.channels) - _MOST_CHANNELS
    if more > 0:
        channels += f" and {more} more: `/paymo-xero subscribe list`"
    synced = f"Last sync {blocks.moment(overview.swept_at)}" if overview.swept_at else "No sync yet"
    due = overview.sweep_due_at
    said = [
        state_of(overview),
        work_text(overview),
        f"*Sync:* {synced}{f' · next {blocks.moment(due)}' if due else ''}",
        f"*Notifications:* {channels or _no_channel(overview)}",
        f"*Owner:* <@{overview.owner_id}>",
    ]
    return said + problems(overview)


def _no_channel(overview: Overview) -> str:
    """Say how to subscribe one only to whoever may."""
    way = ". Type `/paymo-xero subscribe` in one." if overview.role >= Role.EXPORTER else ""
    return f"no channel yet{way}"


def work_text(overview: Overview) -> str:
    """Count the invoices."""
    on_the_way = f" · {overview.waiting} on the way" if overview.waiting else ""
    return f"*Invoices:* {overview.exported} in Xero{on_the_way}{_open_text(overview)}"


def _open_text(overview: Overview) -> str:
    counts = [(overview.failed, "failed"), (overview.asking, "waiting for a decision")]
    return "".join(f" · {count} {what}" for count, what in counts if count)


def short_line(overview: Overview) -> str:
    """Say in a line how one of many connections is, and what is open there."""
    return f"• {state_of(overview)}{_open_text(overview)}"


def broken_text(overview: Overview) -> str:
    """Say what a broken connection waits for: only its owner can connect it again."""
    who = "you reconnect" if overview.role is Role.OWNER else f"<@{overview.owner_id}> reconnects"
    return f"Exports and payments will resume when {who}."


def problems(overview: Overview) -> list[str]:
    """Say what blocks the connection, if anything does."""
    said = []
    if overview.sweep_problem:
        said.append(f"⚠️ {blocks.render(overview.sweep_problem)}")
    if overview.is_paused:
        who = "Decide" if overview.role >= Role.EXPORTER else "An exporter decides"
        said.append(
            f"⚠️ Deletions are paused: many came at once. {who} whether Paymo should follow."
        )
    return said + [f"⚠️ {blocks.render(each)}" for each in overview.warnings]


def more_text(count: int) -> str:
    """Say how many connections are not drawn, and how to reach them; "" where all are."""
    more = f"{counted(count, 'more connection')}."
    return f"{more} Type the command in a channel subscribed to one of them." if count > 0 else ""


def wants_access_text(user_id: str) -> str:
    """Say who asks for a role."""
    return f"<@{user_id}> asks for access."


def needs_line(line: Line) -> str:
    """Say which invoice needs somebody, and why."""
    return f"{invoice_line(line)}\n{blocks.render_line(line.text)}"


def invoice_line(line: Line) -> str:
    """Name an invoice."""
    said = [f"*{one_line(line.number)}*", one_line(line.client), blocks.render_line(line.amount)]
    return " · ".join(each for each in said if each)


def noted_line(line: Line) -> str:
    """Name an invoice, and how late it is, if at all."""
    said = invoice_line(line)
    return f"{said} · {blocks.render_line(line.text)}" if line.text else said


def listed_text(title: str, lines: Sequence[Line], count: int) -> str:
    """List the first few invoices of a kind below how many there are."""
    shown = [title_text(title, count), *(f"• {noted_line(each)}" for each in lines)]
    return "\n".join(filter(None, [*shown, left_text(count - len(lines))]))


def title_text(title: str, count: int) -> str:
    """Say how many there are of a kind."""
    return f"*{title}* · {count}"


def left_text(left: int) -> str:
    """Say how many are not listed; "" where all are."""
    return f"{left} more" if left > 0 else ""


def see_all_text(*, can_export: bool) -> str:
    """Say how to see what is not listed."""
    ways = ("export all", "overdue", "status") if can_export else ("overdue", "status")
    return f"See all: {' · '.join(f'`/paymo-xero {each}`' for each in ways)}"


def unread_text(unjudged: int) -> str:
    """Say what the lists can't know: they are made without reading any invoice."""
    said = "Lines and tax are checked again at export."
    verb = "isn't" if unjudged == 1 else "aren't"
    return f"{said} {counted(unjudged, 'newer invoice')} {verb} listed." if unjudged else said


def whom_to_write(support_email: str) -> str:
    """Name who helps, where whoever runs the app says so."""
    return f" Need help? Write to {one_line(support_email)}." if support_email else ""


def unknown_text(words: Words) -> str:
    """Say that a word is not known, with the nearest one."""
    said = f"There's no command “{one_line(words.typed)}”."
    return f"{said} Did you mean `/paymo-xero {words.nearest}`?" if words.nearest else said


def help_lines(role: Role) -> list[str]:
    """Say what this person can type: what they need daily in full, the rest by name."""
    mine = [(typed, meaning) for needed, typed, meaning in HELP_LINES if needed <= role]
    daily = _DAILY[role]
    lines = [f"`/paymo-xero {typed}` {meaning}" for typed, meaning in mine if typed in daily]
    more = " · ".join(f"`{typed}`" for typed, _ in mine if typed not in daily)
    return [*lines, f"Also: {more}"] if more else lines
