"""How the workspace's connections are, as the panel, the Home tab and `status` draw it."""

from collections.abc import Sequence
from dataclasses import replace

from handlers import blocks, names, reply
from handlers.blocks import Block, one_line
from handlers.buttons import (
    breaker_buttons,
    button,
    check_button,
    fix_button,
    match_button,
    quiet,
)
from handlers.home.text import (
    CALM,
    ENDED,
    NOT_CONNECTED,
    OTHERS,
    OVERDUE,
    READY,
    SEVERAL,
    UNREADY,
    broken_text,
    help_lines,
    left_text,
    listed_text,
    more_text,
    needs_line,
    problems,
    see_all_text,
    short_line,
    state_of,
    status_lines,
    title_text,
    unread_text,
    wants_access_text,
    whom_to_write,
)
from handlers.settings.text import WHAT_IT_IS
from handlers.settings.views import asked_buttons
from services.connect.checklists import Overview
from services.errors import NotAllowed
from services.explain.worklist import Line, WorkList
from services.model.actions import Action
from services.model.connection import ConnectionState
from services.model.people import Role

_MOST = 10
# Slack takes 100 blocks: four are the tab's own, and of a connection's, so many are no lists' rows.
# A row of each list comes to four: one that needs you, one that asks for access, one not ready.
_MOST_WORKED = 5
_ROOM, _UNCUT, _A_LINE = 96, 14, 4
# Of more connections the most urgent are drawn so; lines of others take no more than the rest.
MOST_URGENT = 10
_ROOM_FOR_URGENT, _MOST_LINES = 80, 40
_HELP = blocks.button("Help", names.HELP)
_AT_ONCE = frozenset({Action.CHANGE, Action.RETRY, Action.LOOK_AGAIN, Action.APPROVE})


def button_blocks(found: Sequence[Overview]) -> list[Block]:
    """Draw a button for each thing to do next."""
    if not found:
        return blocks.actions([_connect("Connect")])
    if len(found) == 1:
        row = _buttons(found[0]) or [_HELP]  # nobody's first answer is a dead end
        return blocks.actions(row, about=found[0].connection_id)
    drawn: list[Block] = []
    for place, each in enumerate(found[:_MOST]):
        drawn += [blocks.context(_names(each)), *_one_of_many(each, place)]
    return [*drawn, *_more(found)]


def status_blocks(found: Sequence[Overview]) -> list[Block]:
    """Draw each connection with its buttons; of a single one the text says how it is doing."""
    if len(found) < SEVERAL:
        return button_blocks(found)
    drawn: list[Block] = []
    for place, each in enumerate(found[:_MOST]):
        drawn += [*blocks.paragraphs(status_lines(each)), *_one_of_many(each, place)]
    return [*drawn, *_more(found)]


def home_view(found: Sequence[Overview], work: Sequence[WorkList], ended: str, site: str) -> Block:
    """Draw the Home tab: what to do about each connection; of many about the first of these."""
    drawn: list[Block] = []
    if not found:
        said = ENDED.format(blocks.one_line(ended)) if ended else f"{WHAT_IT_IS}\n{NOT_CONNECTED}"
        drawn += [blocks.section(said), *blocks.actions([_connect("Connect"), _HELP])]
    elif len(found) < SEVERAL:
        drawn += _work(found[0], work[0])
    elif len(found) <= _MOST_WORKED:
        for overview, each in zip(found, work, strict=True):
            drawn += [blocks.divider(), *_work_of_many(overview, each, len(found))]
        drawn += blocks.actions([_HELP])
    else:
        drawn += _work_of_urgent(found, work)
    return blocks.home([*drawn, *_site(site)])


def by_urgency(found: Sequence[Overview]) -> Sequence[Overview]:
    """Put first what doesn't work, then what waits for somebody, where Home can't show all."""
    return sorted(found, key=_urgency) if len(found) > _MOST_WORKED else found


def _urgency(overview: Overview) -> tuple[int, int]:
    is_working = overview.state is ConnectionState.ACTIVE
    stops = [not is_working, overview.is_paused or overview.sweep_problem != ""]
    grade = stops.index(True) if any(stops) else len(stops)
    return grade, -(overview.asking + overview.failed)


def hidden_view(refusal: NotAllowed, site: str) -> Block:
    """Draw the Home tab of somebody without a role."""
    drawn = [blocks.section(WHAT_IT_IS)]
    said, *ways_on = reply.refusal_blocks(refusal)
    row = [*(each for way in ways_on for each in way["elements"]), _HELP]
    drawn += [said, *blocks.actions(row, about=refusal.connection_id)]
    return blocks.home([*drawn, *_site(site)])


def _site(site: str) -> list[Block]:
    """Link to what the operator says."""
    return [blocks.context(f"<{site}/privacy|Privacy> · <{site}/support|Support>")]


def _work_of_urgent(found: Sequence[Overview], work: Sequence[WorkList]) -> list[Block]:
    """Draw as many as there is room for, and a line for each of the others."""
    can_export = any(each.role >= Role.EXPORTER for each in found)
    export = blocks.button("Export Invoice", names.EXPORT, style="primary")
    row = [export, _HELP] if can_export else [_HELP]  # it asks which connection is meant
    parts: list[list[Block]] = []
    for overview, each in zip(found[:MOST_URGENT], work, strict=False):
        part = [blocks.divider(), *_work_of_many(overview, each, _MOST_WORKED)]
        if sum(map(len, parts)) + len(part) > _ROOM_FOR_URGENT:
            break
        parts.append(part)
    others = found[len(parts) :]
    drawn = [*blocks.actions(row), *(block for part in parts for block in part)]
    if others:
        lines = map(short_line, others[:_MOST_LINES])
        drawn += [blocks.divider(), *blocks.paragraphs([OTHERS, *lines])]
    return [*drawn, *blocks.small_print(more_text(len(others) - _MOST_LINES))]


def _work_of_many(overview: Overview, work: WorkList, count: int) -> list[Block]:
    """Draw as much as leaves the others as much, and say how to see the rest."""
    most = (_ROOM // count - _UNCUT) // _A_LINE
    asked = work.asked[:most]
    cut = replace(
        work,
        needs=work.needs[:most],
        needs_count=work.needs_count + len(work.asked) - len(asked),
        asked=asked,
        unready=work.unready[:most],
        paid=(),
    )
    can_export = overview.role >= Role.EXPORTER
    listed = [
        (cut.unready_count, cut.unready),
        (cut.ready_count, cut.ready),
        (cut.overdue_count, cut.overdue),
    ]
    if can_export:
        listed.append((cut.needs_count, cut.needs))
    is_cut = any(count > len(lines) for count, lines in listed)
    drawn = _work(overview, cut, is_alone=False)
    return [*drawn, *blocks.small_print(see_all_text(can_export=can_export) if is_cut else "")]


def _work(overview: Overview, work: WorkList, *, is_alone: bool = True) -> list[Block]:
    about = overview.connection_id
    synced = f"Last sync {blocks.moment(overview.swept_at)}" if overview.swept_at else ""
    drawn = [blocks.section(state_of(overview)), *blocks.small_print(synced)]
    if overview.state is ConnectionState.BROKEN:
        drawn.append(blocks.section(broken_text(overview)))
    row = [*_buttons(overview), _HELP] if is_alone else quiet(_buttons(overview))
    drawn += blocks.actions(row, about=about)
    drawn += blocks.paragraphs(problems(overview))
    if overview.state is not ConnectionState.ACTIVE:
        return drawn
    can_export = overview.role >= Role.EXPORTER
    drawn += _needs(overview, work) if can_export else []
    drawn += _not_exported(about, work, can_export=can_export)
    if work.overdue:
        drawn.append(blocks.section(listed_text(OVERDUE, work.overdue, work.overdue_count)))
    if work.paid:
        drawn.append(blocks.section(listed_text("Recently paid", work.paid, len(work.paid))))
    return drawn


def _not_exported(about: int, work: WorkList, *, can_export: bool) -> list[Block]:
    """List what may go out, and what needs something first; the table of all has both."""
    drawn = []
    if work.ready:
        listed = listed_text(READY, work.ready, work.ready_count)
        way = blocks.button("Export All…", names.EXPORT_ALL) if can_export else None
        drawn.append(blocks.named(blocks.section(listed, accessory=way), about, 90))
    if work.unready:
        title = title_text(UNREADY, work.unready_count)
        way = blocks.button("Fix All…", names.EXPORT_ALL) if can_export else None
        drawn.append(blocks.named(blocks.section(title, accessory=way), about, 91))
    for place, line in enumerate(work.unready, 92):
        way = _fix(line) if can_export else None
        drawn.append(blocks.named(blocks.section(needs_line(line), accessory=way), about, place))
    drawn += blocks.small_print(left_text(work.unready_count - len(work.unready)))
    return [*drawn, blocks.context(unread_text(work.unjudged))] if drawn else []


def _fix(line: Line) -> Block:
    """Draw what helps: one answer about the client for all its invoices, or the form of one."""
    if line.missing:
        return match_button(line.missing, line.client_id)
    if line.action in _AT_ONCE:
        return button(line.action, line.export_id)
    return fix_button(line.number, names.EXPORT, line.number)


def _needs(overview: Overview, work: WorkList) -> list[Block]:
    """Draw each thing that waits for this person, with its button."""
    about, count = overview.connection_id, work.needs_count + len(work.asked)
    if not count:
        is_calm = not overview.is_paused and not work.unready
        return [blocks.section(CALM)] if is_calm else []
    drawn = [blocks.section(f"*Needs you* · {count}")]
    for place, line in enumerate(work.needs, 1):
        fix = blocks.button("See Why", names.WHY, line.number)
        if line.action in _AT_ONCE:
            fix = button(line.action, line.value or line.export_id)
        drawn.append(blocks.named(blocks.section(needs_line(line), accessory=fix), about, place))
    for place, each in enumerate(work.asked, 50):
        facts = {"request_id": each.request_id, "role": each.role}
        drawn.append(blocks.section(wants_access_text(each.user_id)))
        drawn += blocks.actions(quiet(asked_buttons(facts)), about=about, place=place)
    return [*drawn, *blocks.small_print(left_text(work.needs_count - len(work.needs)))]


def _one_of_many(overview: Overview, place: int) -> list[Block]:
    return blocks.actions(quiet(_buttons(overview)), about=overview.connection_id, place=place)


def _more(found: Sequence[Overview]) -> list[Block]:
    """Say what is not drawn; Slack takes only so much in one message."""
    return blocks.small_print(more_text(len(found) - _MOST))


def _names(overview: Overview) -> str:
    known = overview.organisation
    return f"*{one_line(overview.company)}* → *{one_line(known.name if known else '')}*"


def _buttons(overview: Overview) -> list[Block]:
    can_export = overview.role >= Role.EXPORTER
    if overview.state is ConnectionState.ENDING or not can_export:
        return []
    if overview.state is not ConnectionState.ACTIVE:
        if overview.role is not Role.OWNER:
            return []
        return [_connect("Reconnect" if overview.broken_side else "Continue Connecting")]
    buttons = [
        blocks.button("Export Invoice", names.EXPORT, style="primary"),
        blocks.button("Match Clients", names.MATCH),
        blocks.button("Sync Now", names.SYNC),
        blocks.button("Notifications", names.SUBSCRIBE),
    ]
    if not overview.exported:
        buttons.insert(1, check_button())
    if overview.role is Role.OWNER:
        buttons.append(blocks.button("Settings", names.SETTINGS))
    if overview.is_paused:
        buttons += breaker_buttons(overview.connection_id, overview.held)
    return buttons


def _connect(word: str) -> Block:
    return blocks.button(word, names.CONNECT, style="primary")


def help_blocks(role: Role, support_email: str = "") -> list[Block]:
    """List what this person can type, and whom to write to."""
    about = f"{WHAT_IT_IS}{whom_to_write(support_email)}"
    return [*blocks.paragraphs(help_lines(role)), blocks.context(about)]
