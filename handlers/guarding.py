"""What every handler shares: outsiders stay outside, and a refusal becomes one clear sentence."""

from dataclasses import replace

import structlog

from handlers import blocks, reply, which
from handlers.reading import cleaned, connection_in, has_field, is_outsider
from handlers.routing import Handler, SlackRequest
from handlers.slack_errors import passing_troubles
from services.errors import (
    NotAccepted,
    NotAllowed,
    ServiceError,
    SeveralConnections,
    SeveralFit,
    Unavailable,
)

log = structlog.get_logger(__name__)

_OUTSIDER = (
    "This belongs to another company's workspace. People of that company can do it; ask them."
)
_SUBMISSION = "view_submission"
_MENU = "block_suggestion"


def guarded(handler: Handler) -> Handler:
    """Return the handler with its refusals told to the person."""

    async def run(request: SlackRequest) -> None:
        request = replace(request, body=cleaned(request.body))
        try:
            if is_outsider(request.body):
                raise NotAllowed(_OUTSIDER)
            with passing_troubles():
                await handler(_with_connection(request))
        except ServiceError as refusal:
            await _tell(request, refusal)

    return run


def _with_connection(request: SlackRequest) -> SlackRequest:
    """Return the request with the connection that its button or its view is about, if any."""
    connection_id = connection_in(request.body)
    if not connection_id:
        return request
    return replace(request, person=replace(request.person, connection_id=connection_id))


async def _tell(request: SlackRequest, refusal: ServiceError) -> None:
    try:
        with passing_troubles():
            await _refuse(request, refusal)
    except Unavailable as trouble:
        log.warning("refusal_not_told", refusal=refusal, trouble=trouble)


async def _refuse(request: SlackRequest, refusal: ServiceError) -> None:
    kind = request.body.get("type")
    if kind == _MENU:
        # A menu has no place for a sentence; the form around it says what is wrong.
        await request.ack({"options": []})
    elif kind == _SUBMISSION:
        await request.ack(_answer(request, refusal))
    else:
        await request.ack()
        if isinstance(refusal, SeveralConnections):
            await which.ask(request, refusal)
        elif isinstance(refusal, SeveralFit) and "command" in request.body:
            await which.ask_invoice(_with_connection(request), refusal)
        else:
            await reply.refuse(_with_connection(request), refusal)


def _answer(request: SlackRequest, refusal: ServiceError) -> dict[str, object]:
    """Return the errors beside the fields, or the refusal in place of the form."""
    view = request.body.get("view") or {}
    if isinstance(refusal, NotAccepted) and all(has_field(view, each) for each in refusal.fields):
        said = {name: blocks.render_plain(text) for name, text in refusal.fields.items()}
        return {"response_action": "errors", "errors": said}
    return {"response_action": "push", "view": reply.refusal_view(refusal)}
