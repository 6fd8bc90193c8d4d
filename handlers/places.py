"""Where the answer to something that a person did belongs."""

from handlers.reading import note_of
from handlers.reply import view_of
from handlers.routing import SlackRequest
from services.connect.workspaces import WorkspaceService
from services.model.people import ReplyTarget


async def reply_target(workspaces: WorkspaceService, request: SlackRequest) -> ReplyTarget:
    """Return the open modal that this came from, and the channel behind it."""
    view = view_of(request.body)
    note = note_of(view)
    return ReplyTarget(
        workspace_id=await workspaces.id_of(request.person),
        user_id=request.person.user_id,
        channel_id=request.person.channel_id or note.channel_id,
        view_id=str(view.get("id", "")),
        view_hash=str(view.get("hash", "")),
    )
