"""A press that has something done about an export: which one, and how the person is answered."""

from collections.abc import Awaitable, Callable

from handlers import blocks
from handlers import reply as answers
from handlers.export.results import working_view
from handlers.places import reply_target
from handlers.reading import number_in, pressed
from handlers.routing import SlackRequest
from services.connect.workspaces import WorkspaceService
from services.errors import NotFound
from services.model.people import Person, ReplyTarget

AuditEntry = Callable[[Person, int, ReplyTarget], Awaitable[str]]
_GONE = "This button does not belong to an export any more."


def export_id_of(request: SlackRequest) -> int:
    """Return the export that a button is about. Raises `NotFound`."""
    found = number_in(str(pressed(request.body).get("value", "")))
    if found is None:
        raise NotFound(_GONE)
    return found


async def begin(request: SlackRequest, workspaces: WorkspaceService, act: AuditEntry) -> str:
    """Have it begun, say so in the open view, or to the person alone, and return the sentence."""
    await request.ack()
    export_id = export_id_of(request)
    reply_to = await reply_target(workspaces, request)
    said = blocks.render(await act(request.person, export_id, reply_to))
    if reply_to.view_id:
        drawn = working_view(said, reply_to.channel_id)
        await answers.redraw(request.client, reply_to.view_id, drawn, view_hash=reply_to.view_hash)
    else:
        await answers.tell(request, f"⏳ {said}")
    return said
