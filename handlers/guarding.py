"""What every handler shares: outsiders stay outside, and a refusal becomes one clear sentence."""

from handlers import answers
from handlers.reading import has_field, is_outsider
from handlers.routing import Handler, SlackRequest
from services.errors import NotAccepted, NotAllowed, ServiceError

_OUTSIDER = (
    "This belongs to another company's workspace. People of that company can do it; ask them."
)
_SUBMISSION = "view_submission"
_MENU = "block_suggestion"


def guarded(handler: Handler) -> Handler:
    """Return the handler with its refusals told to the person."""

    async def run(request: SlackRequest) -> None:
        try:
            if is_outsider(request.body):
                raise NotAllowed(_OUTSIDER)
            await handler(request)
        except ServiceError as refusal:
            await _refuse(request, refusal)

    return run


async def _refuse(request: SlackRequest, refusal: ServiceError) -> None:
    kind = request.body.get("type")
    if kind == _MENU:
        # A menu has no place for a sentence; the form around it says what is wrong.
        await request.ack({"options": []})
    elif kind == _SUBMISSION:
        await request.ack(_answer(request, refusal))
    else:
        await request.ack()
        await answers.refuse(request, refusal)


def _answer(request: SlackRequest, refusal: ServiceError) -> dict[str, object]:
    """Return the errors beside the fields, or the refusal in place of the form."""
    view = request.body.get("view") or {}
    if isinstance(refusal, NotAccepted) and all(has_field(view, each) for each in refusal.fields):
        return {"response_action": "errors", "errors": refusal.fields}
    return {"response_action": "push", "view": answers.refusal_view(refusal)}
