"""Small builders for Block Kit: plain dicts, within Slack's limits whatever the data."""

import html
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from handlers import names
from services import money
from services.model import wording
from services.model.people import Option, OptionGroup
from services.model.wording import Amount, Day, Member, Moment, Typed

Block = dict[str, Any]

LONGEST_TEXT = 3000
CONNECTION = "connection"  # begins the id of a block whose buttons act on one
LONGEST_OPTION = 75
LONGEST_ALERT = 200
MOST = 100  # blocks of a modal or of Home
MOST_OPTIONS = 100
_LONGEST_VALUE = 150
_LONGEST_BUTTON = 75
# Hebrew, Arabic and their like; a name of theirs would turn around the amount behind it.
_FROM_RIGHT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff]")
_ISOLATE, _ENDED = "\u2068", "\u2069"
_CUT_SHORT = re.compile(r"(&[a-z#0-9]*|<[^<>]*)\Z")
_BLANK = "–"


def escape(text: str) -> str:
    """Make outside text harmless in mrkdwn and in a message's `text`."""
    return html.escape(wording.clean(text), quote=False)


def render(sentence: str) -> str:
    """Write a service's sentence in mrkdwn: facts as Slack shows them, all else as plain text."""
    return "".join(_marked_up(each) for each in wording.parts(sentence))


def render_line(sentence: str) -> str:
    """Write it likewise, on one line."""
    return render(" ".join(sentence.split())) or _BLANK


def render_plain(sentence: str) -> str:
    """Write a service's sentence where nothing is marked up: beside a field, in a file, on a page.

    Whoever shows it escapes it.
    """
    return "".join(_plainly(each) for each in wording.parts(sentence))


def _marked_up(part: str | wording.Fact) -> str:
    if isinstance(part, Moment):
        return time_of(part.at)
    return _plainly(part) if isinstance(part, Member) else escape(_plainly(part))


def _plainly(part: str | wording.Fact) -> str:
    match part:
        case Member():
            return f"<@{part.user_id}>"
        case Typed():
            return f"{names.COMMAND} {part.command} {part.about}".rstrip()
        case Amount():
            return money.format_amount(part.value, part.currency, part.country)
        case Day():
            return day(part.on, part.country)
        case Moment():
            return f"{part.at:%H:%M} UTC on {part.at:%d %b}"
        case _:
            return part


def one_line(text: str) -> str:
    """Make outside text harmless, and keep it from breaking a list or turning it around."""
    return _isolated(escape(" ".join(text.split())) or _BLANK)


def _isolated(text: str) -> str:
    return f"{_ISOLATE}{text}{_ENDED}" if _FROM_RIGHT.search(text) else text


def amount(value: Decimal | str | None, currency: str, country: str) -> str:
    """Write an amount as people of the organisation's country do, or a dash where there is none."""
    if value is None or value == "":
        return _BLANK
    return escape(money.format_amount(Decimal(value), currency, country))


def day(on: date, country: str = "") -> str:
    """Write a day as people of the organisation's country do, this year's without the year."""
    return money.format_day(on, datetime.now(UTC).date(), country)


def moment(at: datetime) -> str:
    """Write a time in the reader's own zone, and for what cannot do that in UTC."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%d %b %Y %H:%M} UTC>"


def time_of(at: datetime) -> str:
    """Write a time likewise, as the end of a sentence has it: "at 9:30 AM on Nov 28"."""
    form = "{time} on {date_short}"
    return f"<!date^{int(at.timestamp())}^{form}|{_plainly(Moment(at))}>"


def shorten(text: str, longest: int) -> str:
    """Cut by characters, never through an entity or a link, nor what ends a name's direction."""
    if len(text) <= longest:
        return text
    end = f"…{_ENDED}" if text.startswith(_ISOLATE) else "…"
    return _CUT_SHORT.sub("", text[: longest - len(end)]).rstrip() + end


def plain(text: str, longest: int = LONGEST_TEXT) -> Block:
    """Return text that Slack does not parse.

    Brackets are escaped all the same: no reader of the payload may take them for a mention.
    """
    harmless = wording.clean(text).replace("<", "&lt;").replace(">", "&gt;").strip() or _BLANK
    ordered = " · ".join(_isolated(each) for each in harmless.split(" · "))
    return {"type": "plain_text", "text": shorten(ordered, longest), "emoji": True}


def mrkdwn(text: str, longest: int = LONGEST_TEXT) -> Block:
    """Return marked-up text; what came from outside was escaped before.

    Verbatim, so that Slack makes no links of addresses, and no mentions of names, that are in it.
    """
    said = shorten(text.strip() or _BLANK, longest)
    return {"type": "mrkdwn", "text": said, "verbatim": True}


def section(text: str, *, accessory: Block | None = None) -> Block:
    """Return a paragraph, with a button beside it if given."""
    return _filled(type="section", text=mrkdwn(text), accessory=accessory)


def alert(text: str, level: str) -> Block:
    """Return a verdict in a box of modals: `level` is "success", "warning" or "error"."""
    return {"type": "alert", "level": level, "text": mrkdwn(text, LONGEST_ALERT)}


def _filled(**values: object) -> Block:
    """Return a block without what is empty: Slack takes no empty text, style or list."""
    return {name: value for name, value in values.items() if value not in ("", None, [])}


def paragraphs(lines: Iterable[str]) -> list[Block]:
    """Return lines in as few paragraphs as Slack's limit allows."""
    found: list[str] = []
    for line in (shorten(each, LONGEST_TEXT) for each in lines):
        if found and len(found[-1]) + 1 + len(line) <= LONGEST_TEXT:
            found[-1] = f"{found[-1]}\n{line}"
        else:
            found.append(line)
    return [section(each) for each in found]


def columns(pairs: Sequence[tuple[str, str]]) -> Block:
    """Return up to ten facts with their names, two a row."""
    fields = [mrkdwn(f"*{name}*\n{value or _BLANK}", 2000) for name, value in pairs[:10]]
    return {"type": "section", "fields": fields}


def cells(pairs: Iterable[tuple[str, str]]) -> Block:
    """Return up to five rows of two cells each."""
    fields = [mrkdwn(text, 2000) for pair in pairs for text in pair]
    return {"type": "section", "fields": fields[:10]}


def context(*texts: str) -> Block:
    """Return small print; empty texts are left out."""
    said = [each for each in texts if each] or [_BLANK]
    return {"type": "context", "elements": [mrkdwn(each) for each in said[:10]]}


def small_print(*texts: str) -> list[Block]:
    """Return small print where there is any."""
    return [context(*texts)] if any(texts) else []


def divider() -> Block:
    """Return a line."""
    return {"type": "divider"}


def confirm(title: str, text: str, *, yes: str) -> Block:
    """Return a question that comes before a press counts."""
    return {
        "title": plain(title, 100),
        "text": plain(text, 300),
        "confirm": plain(yes, 30),
        "deny": plain("Cancel", 30),
        "style": "danger",
    }


def button(
    text: str, action_id: str, value: object = "", *, style: str = "", ask: Block | None = None
) -> Block:
    """Return a button; `style` is "primary" or "danger", `ask` is a question asked first."""
    return _filled(
        type="button",
        text=plain(text, _LONGEST_BUTTON),
        action_id=action_id,
        value=str(value),
        style=style,
        confirm=ask,
    )


def link_button(text: str, action_id: str, url: str, *, style: str = "") -> Block:
    """Return a button that opens a page; Slack tells us of the press all the same."""
    return button(text, action_id, style=style) | {"url": url}


def actions(buttons: Sequence[Block], *, about: int = 0, place: int = 0) -> list[Block]:
    """Return a row of buttons, or nothing where there is none.

    `about` is the connection that they act on; of several such rows each has a `place` of its own.
    """
    row: Block = {"type": "actions", "elements": list(buttons[:25])}
    return [named(row, about, place)] if buttons else []


def keeping(drawn: Sequence[Block], wanted: Callable[[Block], bool]) -> list[Block]:
    """Leave out the buttons that are not wanted, and rows in which none is left."""
    kept: list[Block] = []
    for block in drawn:
        if block["type"] != "actions":
            kept.append(block)
        elif left := [each for each in block["elements"] if wanted(each)]:
            kept.append({**block, "elements": left})
    return kept


def channel(channel_id: str) -> str:
    """Mention a channel, or the person of a direct one."""
    return f"<#{channel_id}>" if channel_id[:1] in {"C", "G"} else f"<@{channel_id}>"


def named(block: Block, about: int, place: int = 0) -> Block:
    """Write onto a block which connection its buttons act on, for `reading.connection_in`."""
    return block | {"block_id": f"{CONNECTION}-{about}-{place}"} if about else block


def static_select(
    name: str, options: Sequence[Option], chosen: str = "", *, placeholder: str = ""
) -> Block:
    """Return a menu with these rows; `chosen` is the value of the one that is preselected."""
    rows = [_row(each) for each in options[:MOST_OPTIONS]]
    initial = next((row for row in rows if row["value"] == chosen), None)
    return _element("static_select", name, placeholder, options=rows, initial_option=initial)


def checkboxes(name: str, options: Sequence[Option], chosen: Collection[str]) -> Block:
    """Return boxes to tick; `chosen` are the values of those that are ticked."""
    rows = [_row(each) for each in options[:10]]
    ticked = [row for row in rows if row["value"] in chosen]
    return _element("checkboxes", name, options=rows, initial_options=ticked)


def _element(kind: str, name: str, placeholder: str = "", **values: object) -> Block:
    shown = plain(placeholder, 150) if placeholder else ""
    return _filled(type=kind, action_id=name, placeholder=shown, **values)


class How(TypedDict, total=False):
    """How a field is asked; `tells` reports each change."""

    hint: str
    optional: bool
    tells: bool


def input_block(element: Block, label: str, **how: Unpack[How]) -> Block:
    """Return a field whose block carries its element's name."""
    hint = how.get("hint")
    return _filled(
        type="input",
        block_id=element["action_id"],
        label=plain(label, 2000),
        element=element,
        optional=how.get("optional", False),
        dispatch_action=how.get("tells", False),
        hint=plain(hint, 2000) if hint else "",
    )


def choice(
    name: str, label: str, options: Sequence[Option], chosen: str = "", **how: Unpack[How]
) -> Block:
    """Return the field of a menu with these rows."""
    return input_block(static_select(name, options, chosen), label, **how)


def search(
    name: str, label: str, placeholder: str, chosen: Option | None = None, **how: Unpack[How]
) -> Block:
    """Return the field of a menu whose rows we serve, from the first key on."""
    initial = _row(chosen) if chosen else None
    element = _element(
        "external_select", name, placeholder, min_query_length=0, initial_option=initial
    )
    return input_block(element, label, **how)


def channel_select(name: str, channel_id: str) -> Block:
    """Return a menu of the person's channels, without those shared with other companies."""
    wanted = {
        "include": ["public", "private"],
        "exclude_bot_users": True,
        "exclude_external_shared_channels": True,
    }
    return _element(
        "conversations_select",
        name,
        "Choose a channel",
        filter=wanted,
        initial_conversation=channel_id,
    )


def users_select(name: str, user_ids: Sequence[str]) -> Block:
    """Return a menu of people, several of whom can be chosen."""
    return _element("multi_users_select", name, "Choose people", initial_users=list(user_ids))


def user_select(name: str, user_id: str, *, ask: Block) -> Block:
    """Return a menu of people, one of whom is chosen; `ask` is a question asked after a choice."""
    return _element("users_select", name, "Choose a person", initial_user=user_id, confirm=ask)


def number_input(name: str, value: str) -> Block:
    """Return a field for an amount."""
    return _element(
        "number_input", name, is_decimal_allowed=True, min_value="0", initial_value=value
    )


def date_field(name: str, label: str, chosen: date | None, hint: str) -> Block:
    """Return a field for a day, which tells of each choice and may stay empty."""
    picker = _element("datepicker", name, "Choose a date", initial_date=chosen and str(chosen))
    return input_block(picker, label, hint=hint, optional=True, tells=True)


def home(blocks: Sequence[Block]) -> Block:
    """Return the Home tab, under the app's name."""
    head = {"type": "header", "text": plain("paymo-xero", 150)}
    return {"type": "home", "blocks": [head, *blocks[: MOST - 1]]}


def modal(
    callback_id: str, title: str, blocks: Sequence[Block], *, submit: str = "", metadata: str = ""
) -> Block:
    """Return a modal; without `submit` it can only be closed."""
    view: Block = {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain(title, 24),
        "close": plain("Cancel" if submit else "Close", 24),
        "private_metadata": metadata,
        "blocks": list(blocks[:MOST]),
    }
    return view | {"submit": plain(submit, 24)} if submit else view


def listed(options: Sequence[Option]) -> Block:
    """Return rows."""
    return {"options": [_row(each) for each in options[:MOST_OPTIONS]]}


def grouped(groups: Sequence[OptionGroup]) -> Block:
    """Return rows under headings; Slack wants no empty group, and at least one."""
    filled = [each for each in groups if each.options]
    if not filled:
        return {"options": []}
    return {
        "option_groups": [
            {"label": plain(each.label, LONGEST_OPTION), **listed(each.options)}
            for each in filled[:MOST_OPTIONS]
        ]
    }


def _row(option: Option) -> Block:
    return _filled(
        text=plain(option.text, LONGEST_OPTION),
        value=option.value[:_LONGEST_VALUE],
        description=plain(option.description, LONGEST_OPTION) if option.description else "",
    )
