"""Whatever Slack answers in place of an answer is a passing trouble, for jobs and for handlers."""

import contextlib
import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from handlers import blocks, reply
from handlers.connect.listeners import SlackConnectScreen, SlackSyncScreen
from handlers.export.listeners import SlackExportScreen
from handlers.notices.listeners import SlackNoticeBoard
from handlers.routing import SlackRequest
from handlers.slack import CSVFile, share_csv
from services.errors import ServiceError, Throttled, Unavailable
from services.model.notice import NoticeKind
from services.model.people import ReplyTarget
from services.notices.delivery import Message
from services.sync.run import Swept
from tests.handlers import samples
from tests.handlers.desk import Desk
from tests.handlers.judging import said
from tests.sandbox.slack_bench import actions, button, entry, modal

FIELD = entry("contact", {"type": "plain_text_input"})
MANY = 50


def answered(body: str | bytes, kind: str = "application/json", **more: Any) -> dict[str, Any]:
    headers = {"Content-Type": kind, **more.pop("headers", {})}
    return {"status": 200, "body": body, "headers": headers, **more}


TROUBLES: dict[str, dict[str, Any]] = {
    "a page": answered("<html>Sorry</html>", "text/html"),
    "a page that says it is JSON": answered("<html>Sorry</html>"),
    "plain words": answered("ok", "text/plain"),
    "nothing": answered(""),
    "null": answered("null"),
    "a number": answered("7"),
    "words": answered('"ok"'),
    "a list": answered('[{"ok": true}]'),
    "half": answered('{"ok": tr'),
    "a yes without anything": answered('{"ok": true}'),
    "a yes of other types": answered('{"ok": true, "ts": 7, "channel": {}, "view": [], "file": 1}'),
    "a no without a reason": answered('{"ok": false}'),
    "a no of another type": answered('{"ok": false, "error": ["x"]}'),
    "bytes of another alphabet": answered(b'{"ok": true, "ts": "\xff\xfe"}'),
    "an unknown alphabet": answered(b'{"\xff"}', "application/json; charset=klingon"),
    "endless depth": answered("[" * 200_000),
    "compressed": answered(gzip.compress(b'{"ok": true}'), "application/gzip"),
    "not what its encoding says": answered("{}", headers={"Content-Encoding": "gzip"}),
    "broken": {"status": 500, "body": "<html>"},
    "overloaded": answered(json.dumps({"ok": False, "error": "fatal_error"}), status=503),
    "hung up": {"hang_up": "before"},
    "hung up afterwards": {"hang_up": "after"},
    "cut short": {"garbled": True},
}
BUSY = {"ok": False, "error": "ratelimited"}
WAITS = {
    "1.5": 1.5,
    "17": 17,
    " 3 ": 3,
    "0": 1,
    "-4": 1,
    "": 1,
    "soon": 1,
    "nan": 1,
    "sNaN": 1,
    "inf": 600,
    "1e400": 600,
    "86400": 600,
    "Wed, 21 Oct 2026 07:28:00 GMT": 30,
    "Wednesday, 21-Oct-26 07:27:00 GMT": 1,
    "Wed, 99 Oct 2026 07:28:00 GMT": 1,
    "Wed, 21 Oct 9999 07:28:00 GMT": 600,
    "1, 2": 1,
}
STATED = "Wed, 21 Oct 2026 07:27:30 GMT"
every_trouble = pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)


def notice(desk: Desk) -> Message:
    made = samples.message(NoticeKind.INVOICE_EXPORTED)
    return Message(1, desk.bench.room.id, made.kind, made.facts, made.metadata)


@every_trouble
async def test_a_notice_is_tried_again_later(desk: Desk, trouble: dict[str, Any]) -> None:
    board = SlackNoticeBoard(desk)
    card = await board.post(notice(desk))
    desk.bench.world.faults.add(path="^/api/", times=MANY, **trouble)

    with pytest.raises(Unavailable):
        await board.post(notice(desk))
    with contextlib.suppress(Unavailable):  # an empty yes is enough where nothing is asked back
        await board.redraw(notice(desk), card)


@every_trouble
async def test_a_job_that_only_shows_something_goes_on(desk: Desk, trouble: dict[str, Any]) -> None:
    form = await desk.bench.open_view(modal(FIELD))
    desk.bench.world.faults.add(path="^/api/", times=MANY, **trouble)

    for view_id in (form.id, ""):
        reply_to = ReplyTarget(1, desk.bench.anna.id, desk.bench.room.id, view_id)
        await SlackExportScreen(desk).show_form(reply_to, samples.export_form("INV-7"))
        await SlackExportScreen(desk).show_result(reply_to, samples.export_result("INV-7"))
        await SlackConnectScreen(desk).show_checklist(reply_to, samples.checklist("Acme"))
        await SlackSyncScreen(desk).show_swept(reply_to, Swept("Acme Ltd"))
    file = CSVFile("a.csv", "A", ("number",), [("INV-7",)])
    assert await share_csv(desk.slack, desk.bench.anna.id, file, "Here.")


@pytest.mark.parametrize("asked", WAITS)
async def test_slack_is_given_the_time_that_it_asks_for(desk: Desk, asked: str) -> None:
    for status in (200, 429):
        desk.bench.world.faults.add(
            path="chat.postMessage$",
            **answered(
                json.dumps(BUSY), headers={"Retry-After": asked, "Date": STATED}, status=status
            ),
        )
        with pytest.raises(Throttled) as refused:
            await SlackNoticeBoard(desk).post(notice(desk))
        assert refused.value.retry_after == timedelta(seconds=WAITS[asked])


@every_trouble
async def test_a_handler_that_slack_does_not_hear_is_no_bug(
    desk: Desk, trouble: dict[str, Any]
) -> None:
    async def handler(request: SlackRequest) -> None:
        await request.ack()
        view = blocks.modal("export", "Export", [blocks.section("Here it is.")])
        await reply.open_view(request, view, again=blocks.button("Export", "export"))
        await reply.redraw(request.client, form.id, view)
        await reply.tell(request, "Done.")

    form = await desk.bench.open_view(modal(FIELD, actions(button("match"))))
    desk.handler = handler
    desk.bench.world.faults.add(path="^/(api|response)/", times=MANY, **trouble)

    await desk.ended(desk.bench.world.press("Anna", form, "match"))
    await desk.ended(desk.bench.world.command("Anna", desk.bench.room))


async def test_an_answer_that_slack_does_not_take_at_its_own_address_comes_in_a_modal(
    desk: Desk,
) -> None:
    async def handler(request: SlackRequest) -> None:
        await reply.tell(request, "Done.")

    desk.handler = handler
    desk.bench.world.faults.add(path="^/response/", status=404, body="used_url")

    await desk.ended(desk.bench.world.command("Anna", desk.bench.room))

    shown = desk.bench.world.top_view("Anna")
    assert shown is not None
    assert "Done." in said(shown.payload)


async def test_a_refusal_that_slack_lets_nobody_be_told_is_one_line_in_the_log(desk: Desk) -> None:
    async def refuse(_: SlackRequest) -> None:
        raise ServiceError("Enough.")

    desk.handler = refuse
    world = desk.bench.world
    world.faults.add(path="^/response/", status=404, body="used_url")
    world.refuse("views.open", "invalid_arguments")
    for method in ("chat.postEphemeral", "chat.postMessage"):
        world.refuse(method, "user_disabled")

    with capture_logs() as logs:
        await desk.ended(world.command("Anna", desk.bench.room))

    assert [each["event"] for each in logs if each["log_level"] != "info"] == ["refusal_not_told"]
