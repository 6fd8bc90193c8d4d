"""Asking for access from Slack: the refusal's button, the owner's answer, and who is told."""

import pytest

from sandbox.slack import Message
from tests.walk import Walk, text_in


async def direct(walk: Walk, who: str, words: str) -> Message:
    """Wait for a direct message of the app's to this person."""
    slack = walk.town.slack

    def told() -> Message | None:
        found = slack.messages(slack.direct(who))
        return next((each for each in found if words in each.text), None)

    return await slack.wait_for(told, 60)


@pytest.mark.parametrize(
    ("typed", "chosen", "given"),
    [
        ("export INV-1", "", "an exporter"),
        ("export INV-1", "viewer", "a viewer"),
        ("settings", "", "an exporter"),
    ],
)
async def test_the_owner_chooses_and_whoever_asked_is_told(
    walk: Walk, typed: str, chosen: str, given: str
) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.type(typed, "Ben")
    refusal = await walk.ephemeral("⛔", "Ben")
    for _ in range(2):
        await slack.press("Ben", refusal, "request_access")
    await walk.ephemeral("You've asked", "Ben")
    asked = await direct(walk, "Anna", "asks for access")
    assert len(slack.messages(slack.direct("Anna"))) == 1
    assert f"<@{slack.user('Ben').id}>" in asked.text
    if chosen:
        await slack.choose("Anna", asked, "access_role", chosen)
    for _ in range(2):
        await slack.press("Anna", asked, "allow_access")
    await walk.ephemeral("Nothing changed")
    assert f"You are now {given}" in (await direct(walk, "Ben", "You are now")).text

    await slack.wait_for(lambda: "allow_access" not in str(asked.blocks), 60)
    slack.state.ephemerals.clear()
    await walk.type("export INV-1", "Ben")
    if given == "an exporter":
        await walk.modal("export", "Ben")
    else:
        await walk.ephemeral("You need the exporter role", "Ben")


async def test_whoever_is_declined_is_told_and_nobody_else_can_answer(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await slack.command("Ben", slack.direct("Ben"), "status")
    refusal = await slack.wait_for(lambda: slack.ephemerals("Ben"), 60)
    assert "Maple" not in text_in(refusal[0].blocks)
    await slack.press("Ben", refusal[0], "request_access")
    asked = await direct(walk, "Anna", "asks for access")
    slack.channel(asked.channel_id).members.add(slack.user("Ben").id)  # it came into other hands
    await slack.press("Ben", asked, "allow_access")
    await walk.ephemeral("Only the owner", "Ben")
    await slack.press("Anna", asked, "decline_access")

    assert "declined your request" in (await direct(walk, "Ben", "declined")).text
    await slack.wait_for(lambda: "allow_access" not in str(asked.blocks), 60)
    told = len(slack.messages(slack.direct("Anna")))
    await slack.press("Ben", refusal[0], "request_access")
    await walk.ephemeral("You can ask again tomorrow", "Ben")
    assert len(slack.messages(slack.direct("Anna"))) == told


async def test_handing_over_in_the_settings_moves_what_only_the_owner_may(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.type("settings")
    view = await walk.modal("settings")
    await slack.choose("Anna", view.id, "owner", slack.user("Ben").id)
    await walk.submit(view)
    assert "handed it over" in (await direct(walk, "Ben", "is now the owner")).text
    await direct(walk, "Anna", "is now the owner")

    await walk.type("settings")
    await walk.ephemeral("Only the owner")
    await walk.type("settings", "Ben")
    await walk.modal("settings", "Ben")
    await walk.type("history")
    await walk.ephemeral("made <@")


async def test_settings_that_were_open_meanwhile_take_no_role_away_again(walk: Walk) -> None:
    slack = walk.town.slack
    await walk.connect()
    await walk.type("export INV-1", "Ben")
    await slack.press("Ben", await walk.ephemeral("⛔", "Ben"), "request_access")
    asked = await direct(walk, "Anna", "asks for access")
    await walk.type("settings")
    view = await walk.modal("settings")
    await slack.press("Anna", asked, "allow_access")
    await direct(walk, "Ben", "You are now an exporter")

    await slack.choose("Anna", view.id, "credits", "notify")
    await slack.choose("Anna", view.id, "exporters", [slack.add_user("Carl").id])
    answer = await slack.submit("Anna", view.id)

    assert answer.ok, (answer.failure, answer.errors)
    await walk.type("settings")
    kept = str((await walk.modal("settings")).payload)
    both = [slack.user(each).id for each in ("Ben", "Carl")]
    assert f"'initial_users': {both}" in kept
    assert (
        "'value': 'notify'" in kept.partition("'action_id': 'credits'")[2].partition("initial")[2]
    )


@pytest.mark.parametrize(
    ("typed", "helps"), [("export INV-1", "Ask them yourself"), ("settings", "within seven days")]
)
async def test_whoever_asks_an_owner_who_left_hears_that_slack_cannot_reach_them(
    walk: Walk, typed: str, helps: str
) -> None:
    slack = walk.town.slack
    await walk.connect()
    if typed == "settings":
        await walk.type("settings")
        view = await walk.modal("settings")
        await slack.choose("Anna", view.id, "exporters", [slack.user("Ben").id])
        await walk.submit(view)
    await walk.type(typed, "Ben")
    slack.refuse("chat.postMessage", "user_disabled")
    await slack.press("Ben", await walk.ephemeral("⛔", "Ben"), "request_access")

    said = (await direct(walk, "Ben", "Slack can't deliver your request")).text
    assert (f"<@{slack.user('Anna').id}>" in said, helps in said) == (True, True)
