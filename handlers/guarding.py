"""What every handler shares: outsiders stay outside, refusals are told, doubts are asked about."""

import html
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Concatenate, ParamSpec

import structlog

from handlers import blocks, names, reply, words
from handlers.blocks import Block, one_line
from handlers.buttons import carried, wanted
from handlers.routing import (
    GONE,
    Body,
    Handler,
    Router,
    SlackRequest,
    cleaned,
    connection_in,
    is_outsider,
    pressed,
)
from handlers.slack import passing_troubles, slack_refusals
from services.errors import (
    NotAccepted,
    NotAllowed,
    NotFound,
    Pair,
    ServiceError,
    SeveralConnections,
    SeveralFit,
)
from services.model.actions import Action

log = structlog.get_logger(__name__)

_OUTSIDER = "This belongs to another company's workspace. Ask somebody there."
_SUBMISSION = "view_submission"
_MENU = "block_suggestion"
_LINK = "link_shared"
_CLOSING = "view_closed"
_ANSWERED = frozenset({_MENU, _SUBMISSION})  # by their handlers; a command by what is said first


Greet = Callable[[SlackRequest], Awaitable[SlackRequest]]


def guarded(handler: Handler, greet: Greet | None = None) -> Handler:
    """Return the handler, with presses and events acknowledged and refusals told.

    Who acts for the first time is greeted, whatever the answer is and whoever gives it.
    """

    async def run(request: SlackRequest) -> None:
        request = replace(request, body=cleaned(request.body))
        if "command" not in request.body and request.body.get("type") not in _ANSWERED:
            await request.ack()
        try:
            if is_outsider(request.body):
                raise NotAllowed(_OUTSIDER)
            request = await greet(request) if greet else request
            with passing_troubles():
                await handler(_with_connection(request))
        except ServiceError as refusal:
            await _tell(request, refusal)
        await reply.end_with_intro(request)

    return run


def _with_connection(request: SlackRequest) -> SlackRequest:
    """Return the request with the connection that its button or its view is about, if any."""
    connection_id = connection_in(request.body)
    if not connection_id:
        return request
    return replace(request, person=replace(request.person, connection_id=connection_id))


async def _tell(request: SlackRequest, refusal: ServiceError) -> None:
    try:
        with slack_refusals():
            await _refuse(request, refusal)
    except ServiceError as trouble:
        log.warning("refusal_not_told", refusal=refusal, trouble=trouble)


async def _refuse(request: SlackRequest, refusal: ServiceError) -> None:
    kind = request.body.get("type")
    if kind == _CLOSING or (request.body.get("event") or {}).get("type") == _LINK:
        return  # nobody asked
    if kind == _MENU:
        # A menu has no place for a sentence; the form around it says what is wrong.
        await request.ack({"options": []})
    elif kind == _SUBMISSION:
        if not await request.ack(_answer(request, refusal)):
            await reply.refuse(request, refusal)  # too late: the form is closed
    elif isinstance(refusal, SeveralConnections):
        await _ask_connection(request, refusal)
    elif isinstance(refusal, SeveralFit) and "command" in request.body:
        await _ask_invoice(_with_connection(request), refusal)
    else:
        await reply.refuse(_with_connection(request), refusal)


def _answer(request: SlackRequest, refusal: ServiceError) -> dict[str, object]:
    """Return the errors beside the fields, or the refusal in place of the form."""
    shown = {each.get("block_id") for each in request.view.get("blocks", ())}
    if isinstance(refusal, NotAccepted) and refusal.fields.keys() <= shown:
        said = {name: blocks.render_plain(text) for name, text in refusal.fields.items()}
        return {"response_action": "errors", "errors": said}
    return {"response_action": "push", "view": reply.refusal_view(refusal)}


P = ParamSpec("P")


def patient(
    handler: Callable[Concatenate[SlackRequest, P], Awaitable[None]],
) -> Callable[Concatenate[SlackRequest, P], Awaitable[None]]:
    """Return the handler of what takes a while: all that it says is drawn into one modal.

    There its outcome takes the place of what was said first. Where Slack opens no modal, both are
    told as everything else is.
    """

    async def run(request: SlackRequest, /, *args: P.args, **kwargs: P.kwargs) -> None:
        waiting = replace(request, waiting=await reply.wait(request))
        try:
            await handler(waiting, *args, **kwargs)
        except ServiceError as refusal:
            await _tell(waiting, refusal)
        else:
            if waiting.waiting:
                await reply.forget_question(request)

    return run


_MOST = 40  # a message has room for fifty blocks
_TOO_LONG = (
    "This is too long for us to ask which connection you mean. Type it in a channel subscribed to "
    "one of them."
)
_HINT = "To skip this question, type in a channel subscribed to one of them."


async def _ask_connection(request: SlackRequest, several: SeveralConnections) -> None:
    """Ask the person, with a button for each; what was asked for goes on from there."""
    asked = wanted(request.body)
    value = carried(asked)
    if not value:
        await reply.refuse(request, ServiceError(_TOO_LONG))
        return
    drawn = [_choice(each, value) for each in several.pairs[:_MOST]]
    left = len(several.pairs) - _MOST
    more = f"{left} more: type it in a channel subscribed to them." if left > 0 else ""
    another = blocks.button("➕ Connect Another", names.CONNECT_ANOTHER)
    drawn += blocks.actions([another] if _is_connecting(asked) else [])
    drawn.append(blocks.context(more, _HINT))
    await reply.tell(request, f"❓ {several}", drawn)


async def _ask_invoice(request: SlackRequest, several: SeveralFit) -> None:
    """Ask the person which invoice is meant, with a button for each; the command goes on then."""
    text, about = str(request.body.get("text", "")), request.person.connection_id
    drawn: list[Block] = []
    for place, each in enumerate(several.found):
        value = carried(["command", words.naming(text, several.typed, each.number)])
        if not value:
            await reply.refuse(request, several)
            return
        button = blocks.button(f"Choose {each.number}", names.WHICH, value)
        said = f"*{one_line(each.number)}* · {one_line(each.about)}"
        drawn.append(blocks.named(blocks.section(said, accessory=button), about, place))
    await reply.tell(request, f"❓ {blocks.render(str(several))}", drawn)


def _choice(pair: Pair, value: str) -> Block:
    demo = " · 🟨 demo company" if pair.is_demo else ""
    said = (
        f"*{one_line(pair.company)}* in Paymo → *{one_line(pair.organisation)}* in Xero{demo}\n"
        f"Connected by <@{pair.owner_id}>"
    )
    button = blocks.button("Choose This One", names.WHICH, value)
    return blocks.named(blocks.section(said, accessory=button), pair.connection_id)


def _is_connecting(asked: list[str]) -> bool:
    kind, what, *_ = asked
    if kind == "command":
        return words.parse(what).verb == names.CONNECT
    return what in {names.CONNECT, Action.RECONNECT}


async def go_on(router: Router, request: SlackRequest) -> None:
    """Do what was asked for, with the connection or the invoice of the button that was pressed."""
    body = _again(request.body)
    handler = router.find(body)
    if handler is None:
        raise NotFound(GONE)
    await handler(replace(request, body=body))


def _again(body: Body) -> Body:
    """Return the body as if it had been asked just now, for this connection."""
    action = pressed(body)
    try:
        asked = json.loads(html.unescape(str(action.get("value", ""))))
    except ValueError:
        asked = None
    match asked:
        case ["command", str(text)]:
            return {**body, "command": names.COMMAND, "text": text}
        case ["message", str(text)]:
            shortcut = {"type": "message_action", "callback_id": names.MESSAGE_SHORTCUT}
            return {**body, **shortcut, "message": {"text": text}}
        case ["action", str(name), str(value)] if name != names.WHICH:
            return {**body, "actions": [{**action, "action_id": name, "value": value}]}
        case _:
            raise NotFound(GONE)
