"""How a person is answered, wherever they asked, and what becomes of refusals."""

from dataclasses import replace
from typing import Any

import pytest

from handlers import blocks, reply
from handlers.guarding import guarded
from handlers.routing import Handler, SlackRequest, connection_in, is_outsider, number_in
from services.errors import NotAccepted, NotAllowed, NotConnected, NotMatched, ServiceError
from services.model.people import ReplyTarget
from tests.handlers.desk import Desk
from tests.handlers.judging import buttons, said
from tests.sandbox.slack_bench import actions, button, entry, modal

FIELD = entry("contact", {"type": "plain_text_input"})
OTHER = entry("account", {"type": "plain_text_input"}, optional=True)
MENU = entry("contact", {"type": "external_select", "min_query_length": 0})
VIEW = blocks.modal("export", "Export", [blocks.section("Here it is.")])
AGAIN = blocks.button("Export", "export")


async def unasked(answer: dict[str, Any] | None = None) -> bool:
    """Nobody waits for an answer."""
    return answer is None


def refusing(refusal: ServiceError) -> Handler:
    """Return a handler that always refuses."""

    async def handler(_: SlackRequest) -> None:
        raise refusal

    return handler


@pytest.mark.parametrize(
    ("refusal", "cure"),
    [
        (NotConnected("Xero said no.", system="Xero"), {"reconnect"}),
        (NotMatched("Xero said no."), {"match"}),
        (NotAllowed("Xero said no."), set()),
    ],
)
async def test_a_refused_command_is_one_sentence_with_the_button_that_helps(
    desk: Desk, refusal: ServiceError, cure: set[str]
) -> None:
    desk.handler = refusing(refusal)

    await desk.ended(desk.bench.world.command("Anna", desk.bench.room))

    [told] = desk.bench.world.ephemerals("Anna")
    assert told.text == "⛔ Xero said no."
    assert set(buttons(told.blocks)) == cure


async def test_a_refused_press_in_a_modal_leaves_the_modal_below(desk: Desk) -> None:
    form = await desk.bench.open_view(modal(FIELD, actions(button("recheck"))))
    desk.handler = refusing(ServiceError("Not now."))

    await desk.ended(desk.bench.world.press("Anna", form, "recheck"))

    below, top = desk.bench.world.stack("Anna")
    assert below.id == form.id
    assert "Not now." in said(top.payload)


async def test_a_refused_shortcut_and_a_refused_press_on_the_home_tab_open_a_modal(
    desk: Desk,
) -> None:
    world = desk.bench.world
    desk.handler = refusing(ServiceError("Not now."))

    await desk.ended(world.shortcut("Anna", "export_invoices"))
    first = world.top_view("Anna")
    await world.close_view("Anna")
    home = blocks.home(blocks.actions([blocks.button("Sync", "sync")]))
    await desk.bench.slack.views_publish(user_id=desk.bench.anna.id, view=home)
    shown = world.home("Anna")
    assert shown is not None
    await desk.ended(world.press("Anna", shown, "sync"))

    second = world.top_view("Anna")
    assert first is not None
    assert second is not None
    assert "Not now." in said(first.payload)
    assert "Not now." in said(second.payload)
    assert desk.read_by_anna == []


async def test_fields_that_cannot_stand_say_so_all_at_once_each_beside_its_field(
    desk: Desk,
) -> None:
    wrong = {"contact": "This contact is archived.", "account": "Choose the account."}
    await desk.bench.open_view(modal(FIELD, OTHER))
    desk.handler = refusing(NotAccepted(wrong))

    assert await _submitted(desk) == wrong


@pytest.mark.parametrize(
    "refusal",
    [NotAccepted({"account": "Choose the account."}), ServiceError("Choose the account.")],
    ids=["a field that is not shown", "no field"],
)
async def test_any_other_refused_submission_is_told_on_top_of_the_form(
    desk: Desk, refusal: ServiceError
) -> None:
    form = await desk.bench.open_view(modal(FIELD))
    desk.handler = refusing(refusal)

    await _submitted(desk)

    below, top = desk.bench.world.stack("Anna")
    assert below.id == form.id
    assert "Choose the account." in said(top.payload)


async def test_a_refused_menu_is_empty(desk: Desk) -> None:
    form = await desk.bench.open_view(modal(MENU))
    desk.handler = refusing(ServiceError("Not now."))

    offered = await desk.bench.world.options("Anna", form, "contact")

    assert [row for group in offered for row in group.options] == []
    assert desk.bench.world.failures == []


@pytest.mark.parametrize(
    "body",
    [
        {"type": "view_closed", "view": {"callback_id": "export"}},
        {"type": "event_callback", "event": {"type": "link_shared"}},
    ],
)
async def test_a_refusal_that_nobody_asked_for_is_told_nobody(
    desk: Desk, body: dict[str, Any]
) -> None:
    await guarded(refusing(ServiceError("Not now.")))(desk.request(body, unasked))

    assert desk.read_by_anna == []


def acted(kind: str, **more: Any) -> dict[str, Any]:
    """Return what Slack sends when Zoe of another company (T9) acts on an app of T1's."""
    zoe = {"id": "U9", "name": "zoe", "team_id": "T9"}
    return {"type": kind, "user": zoe, "team": {"id": "T1", "domain": "ours"}} | more


def of(team_id: str) -> dict[str, Any]:
    return {"user": {"id": "U1", "team_id": team_id}}


SHARED = {"is_ext_shared_channel": True, "authorizations": [{"team_id": "T1"}], "team": None}
ORG = {"id": "E1", "name": "Our organisation"}
IN_ORG = {"id": "T1", "enterprise_id": "E1"}
WHOLE_ORG = {"team": None, "enterprise": ORG, "is_enterprise_install": True}


@pytest.mark.parametrize(
    "body",
    [
        acted("block_actions"),
        acted("block_suggestion"),
        acted("shortcut"),
        acted("view_submission"),
        acted("view_submission", team={"id": "T9"}, view={"app_installed_team_id": "T1"}),
        acted(
            "view_submission",
            user={"id": "U9"},
            team={"id": "T9"},
            view={"app_installed_team_id": "T1"},
        ),
        acted("view_closed", team={"id": "T9"}, view={"app_installed_team_id": "T1"}),
        acted("block_actions", team={"id": "T9"}, view={"app_installed_team_id": "T1"}),
        acted("block_actions", team=IN_ORG, enterprise=ORG),
        acted("view_submission", team=IN_ORG, enterprise=ORG),
        acted(
            "view_submission",
            team={"id": "T9", "enterprise_id": "E9"},
            enterprise={"id": "E9"},
            view={"app_installed_team_id": "T1"},
        ),
        acted("view_submission", team=IN_ORG, enterprise=ORG, view={"app_installed_team_id": "E1"}),
        acted("event_callback", **SHARED, event={"user": "U9", "user_team": "T9"}),
        acted("event_callback", **SHARED, event={"user": "U9", "team": "E9"}),
    ],
)
def test_an_act_of_another_company_is_told_from_ours(body: dict[str, Any]) -> None:
    if body["type"] == "event_callback":
        del body["user"]

    assert is_outsider(body)


@pytest.mark.parametrize(
    "body",
    [
        {"command": "/paymo-xero", "team_id": "T1", "user_id": "U1"},
        acted("block_actions", **of("T1")),
        acted("view_submission", **of("T1"), view={"app_installed_team_id": "T1"}),
        acted("view_submission", user={"id": "U1"}, view={"app_installed_team_id": "T1"}),
        acted("view_submission", **of("T1"), team=IN_ORG, enterprise=ORG),
        acted("block_actions", **of("E1"), team=IN_ORG, enterprise=ORG),
        acted("block_actions", **of("T5"), **WHOLE_ORG),
        acted("view_submission", **of("T5"), **WHOLE_ORG, view={"app_installed_team_id": "E1"}),
        acted(
            "view_submission",
            **of("T1"),
            team=IN_ORG,
            enterprise=ORG,
            view={"app_installed_team_id": "E1"},
        ),
        {"type": "event_callback", "authorizations": [{"team_id": "T1"}], "event": {"user": "U1"}},
        {"type": "event_callback", **SHARED, "event": {"user": "U1", "user_team": "T1"}},
        {
            "type": "event_callback",
            **SHARED,
            "authorizations": [
                {"enterprise_id": "E1", "team_id": "T1", "is_enterprise_install": True}
            ],
            "event": {"user": "U1", "user_team": "E1"},
        },
    ],
)
def test_an_act_of_our_own_people_is_nobody_elses(body: dict[str, Any]) -> None:
    assert not is_outsider(body)


@pytest.mark.parametrize("figures", ["9" * 19, "9" * 5000, "", "-1", "1.5", "\u0661"])
def test_what_no_database_takes_is_no_id(figures: str) -> None:
    body = {"actions": [{"block_id": f"connection-{figures}-0"}]}

    assert (number_in(figures), connection_in(body)) == (None, 0)


async def test_nobody_of_another_company_is_greeted(desk: Desk) -> None:
    async def greet(request: SlackRequest) -> SlackRequest:
        raise AssertionError(request)

    outside = desk.request(acted("block_actions"), unasked)
    await guarded(refusing(ServiceError("Not now.")), greet)(outside)

    assert "another company" in str(desk.read_by_anna)


async def test_a_form_that_another_company_sends_is_refused_where_the_app_is_installed(
    desk: Desk,
) -> None:
    done: list[str] = []

    async def handler(_: SlackRequest) -> None:
        done.append("exported")

    world = desk.bench.world
    await desk.bench.open_view(modal(FIELD))
    shown = world.top_view("Anna")
    assert shown is not None
    body = world.payloads.submission(desk.bench.anna, shown)
    outside = {**body, "team": {"id": "T9"}, "user": {**body["user"], "team_id": "T9"}}
    desk.handler = handler

    answer = await desk.ended(world.door.interaction(outside))

    assert done == []
    assert "another company" in said(answer.data["view"])


async def test_people_of_another_company_are_refused_before_anything_happens(desk: Desk) -> None:
    done: list[str] = []

    async def handler(_: SlackRequest) -> None:
        done.append("exported")

    world = desk.bench.world
    await desk.bench.slack.chat_postMessage(
        channel=desk.bench.room.id, text="Failed.", blocks=[actions(button("retry"))]
    )
    desk.handler = handler
    [message] = world.messages(desk.bench.room)
    await desk.ended(world.press("Anna", message, "retry"))
    body = desk.bench.last
    outside = {**body, "user": {**body["user"], "team_id": "T9999"}}
    await desk.ended(world.door.interaction(outside))

    assert done == ["exported"]
    assert "another company" in desk.read_by_anna[-1]


@pytest.mark.parametrize("trouble", ["stale", "busy", "broken", "cut"])
async def test_a_form_that_slack_does_not_open_just_now_comes_as_a_button(
    desk: Desk, trouble: str
) -> None:
    world = desk.bench.world
    if trouble == "busy":
        world.rate_limit("views.open")
    elif trouble != "stale":
        # The client knocks twice where nobody took the first call.
        fault: Any = {"broken": {"status": 500}, "cut": {"hang_up": "before"}}[trouble]
        world.faults.add(path="^/api/views.open$", times=2, **fault)

    async def handler(request: SlackRequest) -> None:
        desk.bench.time.pass_by(4 if trouble == "stale" else 0)
        assert await reply.open_view(request, VIEW, again=AGAIN) == ""

    desk.handler = handler
    await desk.ended(desk.bench.world.command("Anna", desk.bench.room))

    [told] = desk.bench.world.ephemerals("Anna")
    assert desk.bench.world.top_view("Anna") is None
    assert set(buttons(told.blocks)) == {"export"}


async def test_a_form_opened_from_a_modal_goes_on_top_of_it(desk: Desk) -> None:
    async def handler(request: SlackRequest) -> None:
        await reply.open_view(request, VIEW, again=AGAIN)

    form = await desk.bench.open_view(modal(FIELD, actions(button("match"))))
    desk.handler = handler
    await desk.ended(desk.bench.world.press("Anna", form, "match"))

    assert [each.callback_id for each in desk.bench.world.stack("Anna")] == ["test", "export"]


async def test_a_form_for_which_three_modals_leave_no_room_comes_as_a_button(desk: Desk) -> None:
    async def handler(request: SlackRequest) -> None:
        await reply.open_view(request, VIEW, again=AGAIN)

    form = await desk.bench.open_view(modal(FIELD, actions(button("match"))))
    desk.bench.world.refuse("views.push", "push_limit_reached", times=2)
    desk.handler = handler
    await desk.ended(desk.bench.world.press("Anna", form, "match"))

    told = desk.bench.world.messages(desk.bench.world.direct("Anna"))
    [offer] = [*desk.bench.world.ephemerals("Anna"), *told]
    assert set(buttons(offer.blocks)) == {"export"}


async def test_a_result_is_drawn_into_the_modal_or_told_when_that_is_closed(desk: Desk) -> None:
    form = await desk.bench.open_view(modal(FIELD))
    reply_to = ReplyTarget(1, desk.bench.anna.id, desk.bench.room.id, form.id)

    await reply.Screen(desk).show(reply_to, VIEW, "It is done.")
    drawn = desk.bench.world.top_view("Anna")
    await desk.bench.world.close_view("Anna", form)
    await reply.Screen(desk).show(reply_to, VIEW, "It is done.")

    assert drawn is not None
    assert "Here it is." in said(drawn.payload)
    assert desk.read_by_anna == ["It is done."]


async def test_what_the_app_may_not_whisper_in_a_channel_is_written_directly(desk: Desk) -> None:
    private = desk.bench.world.add_channel("board", private=True, bot_member=False)

    await reply.ephemeral(
        desk.bench.slack, private.id, desk.bench.anna.id, "Hello.", [blocks.section("Hello.")]
    )

    assert desk.bench.world.ephemerals("Anna") == []
    assert desk.read_by_anna == ["Hello."]


async def test_e66_drawing_a_modal_again_forgives_that_it_was_closed_or_drawn_since(
    desk: Desk,
) -> None:
    form = await desk.bench.open_view(modal(FIELD))

    await reply.redraw(desk.bench.slack, form.id, VIEW, view_hash="hash.old")
    kept = desk.bench.world.top_view("Anna")
    await desk.bench.world.close_view("Anna", form)
    await reply.redraw(desk.bench.slack, form.id, VIEW)

    assert kept is not None
    assert kept.callback_id == "test"


async def test_a_channel_is_told_what_it_will_hear_or_the_person_why_not(desk: Desk) -> None:
    world, room = desk.bench.world, desk.bench.room
    request = desk.request({}, unasked)
    request = replace(request, client=desk.bench.slack)

    assert await reply.introduce(request, room.id, "You will hear of payments.") == []
    world.refuse("chat.postMessage", "not_in_channel")
    [problem] = await reply.introduce(request, room.id, "You will hear of payments.")

    assert [each.text for each in world.messages(room)] == ["You will hear of payments."]
    assert "/invite @paymo-xero" in problem


async def _submitted(desk: Desk) -> dict[str, str]:
    shown = desk.bench.world.top_view("Anna")
    assert shown is not None
    await desk.bench.world.choose("Anna", shown, "contact", "x")
    answer = await desk.ended(desk.bench.world.submit("Anna", shown))
    assert not answer.failure
    return answer.errors
