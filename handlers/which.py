"""Which connection is meant: asked where a workspace has several and a place is bound to none."""

import html
import json
from dataclasses import dataclass, replace

from handlers import blocks, names, reply, words
from handlers.blocks import Block, one_line
from handlers.reading import Body, pressed
from handlers.routing import Router, SlackRequest
from services.errors import NotFound, Pair, ServiceError, SeveralConnections, SeveralFit
from services.model.actions import Action

_MOST = 40  # a message has room for fifty blocks
_LONGEST = 2000  # of a button's value
_GONE = "This button does not belong to anything any more. Type the command again."
_TOO_LONG = (
    "This workspace has several connections, and this is too long to ask which one is meant. Type "
    "it in a channel that is subscribed to one of them."
)
_HINT = (
    "A channel that is subscribed to one of them is never asked. Nothing is remembered from here."
)


async def ask(request: SlackRequest, several: SeveralConnections) -> None:
    """Ask the person, with a button for each; what was asked for goes on from there."""
    wanted = _wanted(request.body)
    value = blocks.escape(json.dumps(wanted, ensure_ascii=False))
    if len(value) > _LONGEST:
        await reply.refuse(request, ServiceError(_TOO_LONG))
        return
    drawn = [_choice(each, value) for each in several.pairs[:_MOST]]
    left = len(several.pairs) - _MOST
    more = f"{left} more are reached from their own channels." if left > 0 else ""
    another = blocks.button("➕ Connect Another", names.CONNECT_ANOTHER)
    drawn += blocks.actions([another] if _is_connecting(wanted) else [])
    drawn.append(blocks.context(more, _HINT))
    await reply.tell(request, f"❓ {several}", drawn)


async def ask_invoice(request: SlackRequest, several: SeveralFit) -> None:
    """Ask the person which invoice is meant, with a button for each; the command goes on then."""
    text, about = str(request.body.get("text", "")), request.person.connection_id
    drawn: list[Block] = []
    for place, each in enumerate(several.found):
        wanted = ["command", words.naming(text, several.typed, each.number)]
        value = blocks.escape(json.dumps(wanted, ensure_ascii=False))
        if len(value) > _LONGEST:
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
    button = blocks.button("This One", names.WHICH, value)
    return blocks.named(blocks.section(said, accessory=button), pair.connection_id)


def _wanted(body: Body) -> list[str]:
    """Return what the person wants, in a form that a button can carry."""
    if "command" in body:
        return ["command", str(body.get("text", ""))]
    if body.get("type") == "shortcut":
        return ["action", names.EXPORT, ""]
    action = pressed(body)
    return ["action", str(action.get("action_id", "")), str(action.get("value", ""))]


def _is_connecting(wanted: list[str]) -> bool:
    kind, what, *_ = wanted
    if kind == "command":
        return words.parse(what).verb == names.CONNECT
    return what in {names.CONNECT, Action.RECONNECT}


@dataclass(frozen=True, slots=True)
class Which:
    """Goes on with what a person wanted, now that it is known for which connection."""

    router: Router

    async def go_on(self, request: SlackRequest) -> None:
        """Do what was asked for, with the connection of the button that was pressed."""
        body = _again(request.body)
        handler = self.router.find(body)
        if handler is None:
            raise NotFound(_GONE)
        await handler(replace(request, body=body))


def _again(body: Body) -> Body:
    """Return the body as if it had been asked just now, for this connection."""
    action = pressed(body)
    match _read(str(action.get("value", ""))):
        case ["command", str(text)]:
            return {**body, "command": names.COMMAND, "text": text}
        case ["action", str(name), str(value)] if name != names.WHICH:
            return {**body, "actions": [{**action, "action_id": name, "value": value}]}
        case _:
            raise NotFound(_GONE)


def _read(value: str) -> object:
    try:
        return json.loads(html.unescape(value))
    except ValueError:
        return None
