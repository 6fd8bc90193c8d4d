"""The `files.*` methods: ask for an address, send the bytes there, say where they belong."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sandbox.slack.api.call import Call, Method
from sandbox.slack.messages import Posts, listed
from sandbox.slack.model import Refused, SharedFile

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Files:
    """What an app sends as a file."""

    posts: Posts

    def methods(self) -> dict[str, Method]:
        """The methods by name."""
        return {
            "files.getUploadURLExternal": self.begin,
            "files.completeUploadExternal": self.finish,
        }

    def begin(self, call: Call) -> Json:
        """Give an address for a file of this name and length."""
        length = call.text("length")
        if not length.isdecimal() or not int(length):
            raise Refused("invalid_arguments", ["[ERROR] length must be above 0"])
        state = self.posts.state
        file = SharedFile(state.next_id("F"), call.text("filename"), int(length), call.team.id)
        state.files[file.id] = file
        return {"file_id": file.id, "upload_url": f"{state.url}/upload/v1/{file.id}"}

    async def take(self, request: web.Request) -> web.Response:
        """Take the bytes; an address is good once, for as many bytes as were announced."""
        file = self.posts.state.files.get(request.match_info["file"])
        if file is None or file.content:
            return web.Response(status=HTTPStatus.NOT_FOUND, text="not found")
        content = await request.read()
        if len(content) != file.length:
            return web.Response(status=HTTPStatus.BAD_REQUEST, text="length mismatch")
        file.content = content
        return web.Response(text=f"OK - {len(content)}")

    async def give(self, request: web.Request) -> web.Response:
        """Hand a file out to the page."""
        file = self.posts.state.files.get(request.match_info["file"])
        if file is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        headers = {"Content-Disposition": f'attachment; filename="{file.id}.csv"'}
        return web.Response(body=file.content, content_type="text/csv", headers=headers)

    def finish(self, call: Call) -> Json:
        """Share what was sent, as a message of its own, where the app may speak."""
        files = [self._sent(call, each) for each in listed(call.arguments, "files")]
        if not files:
            raise Refused("invalid_arguments", ["[ERROR] missing required field: files"])
        channel_id = str(call.arguments.get("channel_id") or "")
        if channel_id:
            self.posts.share(call.team, files, call.arguments)
        return {"files": [each.public() for each in files]}

    def _sent(self, call: Call, said: Json) -> SharedFile:
        file = self.posts.state.files.get(str(said.get("id", "")))
        if file is None or file.team_id != call.team.id:
            raise Refused("file_not_found")
        if not file.content:
            raise Refused("file_update_failed")
        file.title = str(said.get("title") or file.name)
        return file
