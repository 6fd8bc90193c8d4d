"""Tests of the Slack stand-in: triggers, the stack, hashes, and what modals refuse."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.slack import NotPossible
from tests.sandbox.slack_bench import (
    Bench,
    actions,
    answering,
    button,
    entry,
    modal,
    option,
    words,
)

TEXT = {"type": "plain_text_input"}
FANCY = {**option("a"), "description": {"type": "mrkdwn", "text": "*Bold*"}}
HOME = {"type": "home", "blocks": [actions(button("go"))]}


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench.open() as bench:
        yield bench


async def test_a_trigger_opens_one_view_and_no_second(bench: Bench) -> None:
    await bench.open_view(modal())
    again = bench.slack.views_open(trigger_id=bench.last["trigger_id"], view=modal())

    assert await bench.refusal(again) == "exchanged_trigger_id"


async def test_a_trigger_is_dead_after_three_seconds(bench: Bench) -> None:
    await bench.world.command(bench.anna, bench.room)
    bench.time.pass_by(3.1)
    late = bench.slack.views_open(trigger_id=bench.last["trigger_id"], view=modal())

    assert await bench.refusal(late) == "expired_trigger_id"
    assert bench.world.top_view(bench.anna) is None


async def test_a_refused_view_leaves_the_trigger_good(bench: Bench) -> None:
    await bench.world.command(bench.anna, bench.room)
    trigger_id = bench.last["trigger_id"]
    wrong = bench.slack.views_open(trigger_id=trigger_id, view=modal(title=words("x" * 25)))

    assert await bench.refusal(wrong) == "invalid_arguments"
    assert (await bench.slack.views_open(trigger_id=trigger_id, view=modal()))["ok"]


async def test_three_views_stand_on_one_another_and_no_fourth(bench: Bench) -> None:
    await bench.open_view(modal(actions(button("more"))))
    outcomes = []
    for _ in range(3):
        view = bench.world.top_view(bench.anna)
        assert view is not None
        await bench.world.press(bench.anna, view, "more")
        push = bench.slack.views_push(
            trigger_id=bench.last["trigger_id"], view=modal(actions(button("more")))
        )
        outcomes.append(await bench.refusal(push))

    assert outcomes == ["", "", "push_limit_reached"]
    assert len(bench.world.stack(bench.anna)) == 3


async def test_only_the_top_view_can_be_touched(bench: Bench) -> None:
    below = await bench.open_view(modal(actions(button("more"))))
    await bench.world.press(bench.anna, below, "more")
    await bench.slack.views_push(trigger_id=bench.last["trigger_id"], view=modal())

    with pytest.raises(NotPossible):
        await bench.world.press(bench.anna, below, "more")


async def test_an_update_with_an_old_hash_changes_nothing(bench: Bench) -> None:
    view = await bench.open_view(modal())
    old = view.hash
    await bench.slack.views_update(view_id=view.id, hash=old, view=modal(title=words("Second")))
    late = bench.slack.views_update(view_id=view.id, hash=old, view=modal(title=words("Third")))

    assert await bench.refusal(late) == "hash_conflict"
    assert view.title == "Second"


async def test_a_closed_view_is_not_found(bench: Bench) -> None:
    view = await bench.open_view(modal())
    await bench.world.close_view(bench.anna)
    update = bench.slack.views_update(view_id=view.id, view=modal())

    assert await bench.refusal(update) == "not_found"


async def test_what_was_typed_stays_only_where_both_ids_stay(bench: Bench) -> None:
    view = await bench.open_view(modal(entry("kept", TEXT), entry("lost", TEXT)))
    await bench.world.choose(bench.anna, view, "kept", "one")
    await bench.world.choose(bench.anna, view, "lost", "two")
    renamed = {**entry("lost", TEXT), "block_id": "lost-2"}
    await bench.slack.views_update(view_id=view.id, view=modal(entry("kept", TEXT), renamed))

    assert view.values["kept"]["kept"]["value"] == "one"
    assert view.values["lost-2"]["lost"]["value"] is None


@pytest.mark.parametrize(
    ("view", "complaint"),
    [
        (modal(title=words("x" * 25)), "less than 25 characters"),
        (modal(*[{"type": "divider"}] * 101), "no more than 100 items"),
        (modal(entry("a", TEXT), submit=None), "must define `submit`"),
        (modal({"type": "table", "rows": []}), "unsupported type: table"),
        (modal({"type": "section", "text": words("x" * 3001)}), "less than 3001 characters"),
        (modal(entry("a", TEXT), entry("a", TEXT)), "block_id a already exists"),
        (modal(actions(button("a"), button("a"))), "action_id already exists"),
        (modal(entry("a", {"type": "static_select", "options": []})), "no fewer than 1"),
        (modal(entry("a", {"type": "static_select"})), "options, option_groups"),
        (
            modal(entry("a", {"type": "checkboxes", "options": [FANCY]})),
            "options/0/description/type",
        ),
        (modal(colour="red"), "invalid additional property: colour"),
        (modal(private_metadata="x" * 3001), "less than 3001 characters"),
    ],
)
async def test_a_view_that_slack_would_refuse_is_refused(
    bench: Bench, view: dict[str, Any], complaint: str
) -> None:
    await bench.world.command(bench.anna, bench.room)
    call = bench.slack.api_call(
        "views.open", json={"trigger_id": bench.last["trigger_id"], "view": view}
    )

    assert await bench.refusal(call) == "invalid_arguments"
    assert complaint in bench.world.wire.entries[-1]["response"]


async def test_the_screen_holds_back_what_is_not_filled_in(bench: Bench) -> None:
    await bench.open_view(modal(entry("name", TEXT), entry("note", TEXT, optional=True)))
    before = len(bench.received)
    answer = await bench.world.submit(bench.anna)

    assert list(answer.errors) == ["name"]
    assert len(bench.received) == before


@pytest.mark.parametrize(
    ("reply", "titles"),
    [
        (None, []),
        ({"response_action": "clear"}, []),
        ({"response_action": "update", "view": modal(title=words("New"))}, ["New"]),
        ({"response_action": "push", "view": modal(title=words("New"))}, ["Test", "New"]),
    ],
)
async def test_the_answer_to_a_submission_moves_the_stack(
    bench: Bench, reply: dict[str, Any] | None, titles: list[str]
) -> None:
    await bench.open_view(modal())
    bench.reply = answering(reply)
    answer = await bench.world.submit(bench.anna)

    assert answer.ok
    assert [view.title for view in bench.world.stack(bench.anna)] == titles


async def test_errors_stand_beside_their_fields(bench: Bench) -> None:
    view = await bench.open_view(modal(entry("name", TEXT)))
    await bench.world.choose(bench.anna, view, "name", "x")
    bench.reply = answering({"response_action": "errors", "errors": {"name": "Too short."}})
    answer = await bench.world.submit(bench.anna)

    assert (answer.errors, answer.failure) == ({"name": "Too short."}, "")
    assert view.errors == {"name": "Too short."}


@pytest.mark.parametrize(
    "reply",
    [
        {"response_action": "errors", "errors": {"nowhere": "No."}},
        {"response_action": "errors", "errors": {}},
        {"response_action": "update", "view": modal(title=words("x" * 25))},
        {"response_action": "dance"},
        "not JSON",
    ],
)
async def test_an_answer_that_slack_cannot_use_is_a_failure(bench: Bench, reply: Any) -> None:
    view = await bench.open_view(modal())
    bench.reply = answering(reply)
    answer = await bench.world.submit(bench.anna)

    assert answer.failure
    assert bench.world.top_view(bench.anna) is view


async def test_the_cross_closes_the_whole_stack_and_says_so(bench: Bench) -> None:
    root = await bench.open_view(modal(actions(button("more")), notify_on_close=True))
    await bench.world.press(bench.anna, root, "more")
    await bench.slack.views_push(trigger_id=bench.last["trigger_id"], view=modal())
    await bench.world.close_view(bench.anna, everything=True)

    assert (bench.last["type"], bench.last["is_cleared"]) == ("view_closed", True)
    assert bench.last["view"]["id"] == root.id
    assert bench.world.stack(bench.anna) == []


async def test_a_submission_can_clear_the_whole_stack(bench: Bench) -> None:
    root = await bench.open_view(modal(actions(button("more"))))
    await bench.world.press(bench.anna, root, "more")
    await bench.slack.views_push(trigger_id=bench.last["trigger_id"], view=modal())
    bench.reply = answering({"response_action": "clear"})
    await bench.world.submit(bench.anna)

    assert bench.world.stack(bench.anna) == []


async def test_two_open_views_share_no_external_id(bench: Bench) -> None:
    await bench.open_view(modal(external_id="one"))
    await bench.world.command(bench.ben, bench.room)
    second = bench.slack.views_open(
        trigger_id=bench.last["trigger_id"], view=modal(external_id="one")
    )
    assert await bench.refusal(second) == "duplicate_external_id"

    await bench.slack.views_update(external_id="one", view=modal(title=words("Found")))
    view = bench.world.top_view(bench.anna)
    assert view is not None
    assert view.title == "Found"


async def test_a_menu_asks_the_app_and_only_what_it_offers_can_be_chosen(bench: Bench) -> None:
    menu = {"type": "external_select", "min_query_length": 0}
    view = await bench.open_view(modal(entry("contact", menu, dispatch_action=True)))
    group = {"label": words("Suggested"), "options": [option("c1", "Acme & Co")]}
    bench.reply = answering({"option_groups": [group]})
    (found,) = await bench.world.options(bench.anna, view, "contact", "acme")

    assert (bench.last["type"], bench.last["value"]) == ("block_suggestion", "acme")
    assert (found.label, found.texts, found.values) == ("Suggested", ["Acme & Co"], ["c1"])
    with pytest.raises(NotPossible):
        await bench.world.choose(bench.anna, view, "contact", "c2")

    await bench.world.choose(bench.anna, view, "contact", "c1")

    chosen = bench.last["actions"][0]["selected_option"]
    assert chosen == option("c1", "Acme &amp; Co")
    assert bench.last["view"]["state"]["values"]["contact"]["contact"]["selected_option"] == chosen


@pytest.mark.parametrize(
    "reply",
    [{}, {"options": [option("a", "x" * 76)]}, {"options": [option("a")] * 101}],
)
async def test_options_that_slack_would_not_show_are_a_failure(
    bench: Bench, reply: dict[str, Any]
) -> None:
    menu = {"type": "external_select", "min_query_length": 0}
    view = await bench.open_view(modal(entry("contact", menu)))
    bench.reply = answering(reply)

    assert await bench.world.options(bench.anna, view, "contact") == []
    assert bench.world.answers[-1].failure.startswith("invalid options")


@pytest.mark.parametrize(
    ("element", "value", "key", "kept"),
    [
        ({"type": "static_select", "options": [option("a")]}, "A", "selected_option", option("a")),
        (
            {"type": "checkboxes", "options": [option("a"), option("b")]},
            ["b"],
            "selected_options",
            [option("b")],
        ),
        ({"type": "conversations_select"}, "C0001", "selected_conversation", "C0001"),
        ({"type": "multi_users_select"}, ["U0001"], "selected_users", ["U0001"]),
        ({"type": "number_input", "is_decimal_allowed": True}, "1.50", "value", "1.50"),
    ],
)
async def test_each_kind_of_field_tells_what_was_chosen(
    bench: Bench, element: dict[str, Any], value: Any, key: str, kept: Any
) -> None:
    view = await bench.open_view(modal(entry("field", element)))
    answer = await bench.world.choose(bench.anna, view, "field", value)
    await bench.world.submit(bench.anna)

    assert answer.sent is None
    told = bench.last["view"]["state"]["values"]["field"]["field"]
    assert told == {"type": element["type"], key: kept}


async def test_the_home_tab_is_published_and_pressed(bench: Bench) -> None:
    await bench.world.open_home(bench.anna)
    assert bench.last["event"]["tab"] == "home"
    assert "view" not in bench.last["event"]

    await bench.slack.views_publish(user_id=bench.anna.id, view=HOME)
    home = bench.world.home(bench.anna)
    assert home is not None
    await bench.world.press(bench.anna, home, "go")
    await bench.slack.views_open(trigger_id=bench.last["trigger_id"], view=modal())

    assert bench.world.top_view(bench.anna) is not None
    assert bench.world.home(bench.ben) is None
