"""Channels that other companies read: nobody subscribes one without having read that."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from sandbox.slack import Channel, Message
from services.store.tables import Subscription
from tests.walk import PATIENCE, Walk, text_in


async def told(walk: Walk, channel: Channel) -> str:
    """Wait until the channel says that it is subscribed, and return what it said."""

    def says() -> list[Message]:
        return [each for each in walk.town.slack.messages(channel) if "subscribed" in each.text]

    found = await walk.town.slack.wait_for(says, 60)
    return found[-1].text


async def asked(walk: Walk, channel: Channel, words: str = "subscribe") -> str:
    """Type it there, and return the question that only Anna reads."""
    await walk.town.slack.command("Anna", channel, words)
    return text_in((await walk.ephemeral("another company")).blocks)


async def connected(walk: Walk) -> None:
    await walk.connect(subscribe=False)


@pytest.mark.parametrize(
    "how", [{"ext_shared": True}, {"invited": True}, {"ext_shared": True, "private": True}]
)
async def test_a_shared_channel_is_subscribed_after_a_question(
    walk: Walk, how: dict[str, Any]
) -> None:
    await connected(walk)
    channel = walk.town.slack.add_channel("with-acme", **how)

    assert "shared with another company" in await asked(walk, channel, "subscribe payments")
    assert walk.town.slack.messages(channel) == []  # nobody there heard of anything yet
    question = await walk.ephemeral("shared with another company")
    for _ in range(2):
        await walk.town.slack.press("Anna", question, "subscribe_here")
    assert "to payments." in await told(walk, channel)
    await walk.ephemeral("This channel gets payments")
    assert len(walk.town.slack.messages(channel)) == 1


@pytest.mark.parametrize("how", [{}, {"org_shared": True}, {"private": True}])
async def test_a_channel_of_this_company_alone_is_subscribed_at_once(
    walk: Walk, how: dict[str, Any]
) -> None:
    await connected(walk)
    channel = walk.town.slack.add_channel("finance", **how)
    await walk.town.slack.command("Anna", channel, "subscribe")

    assert "exports, payments, deletions and failures" in await told(walk, channel)


@pytest.mark.parametrize("missing", ["channels:read", "groups:read"])
async def test_without_the_scope_every_typed_subscribe_asks(walk: Walk, missing: str) -> None:
    await connected(walk)
    walk.town.slack.team.scopes.discard(missing)
    is_private = missing == "groups:read"
    channel = walk.town.slack.add_channel("finance", private=is_private)

    assert "its people will see" in await asked(walk, channel)
    await walk.town.slack.press(
        "Anna", await walk.ephemeral("its people will see"), "subscribe_here"
    )
    await told(walk, channel)


@pytest.mark.parametrize("error", ["fatal_error", "ratelimited", "channel_not_found"])
async def test_what_slack_does_not_say_is_asked(walk: Walk, error: str) -> None:
    await connected(walk)
    walk.town.slack.refuse("conversations.info", error)

    assert "its people will see" in await asked(walk, walk.town.room)


async def test_whoever_may_not_is_refused_before_anything_is_asked(walk: Walk) -> None:
    await connected(walk)
    channel = walk.town.slack.add_channel("with-acme", ext_shared=True)
    await walk.town.slack.command("Ben", channel, "subscribe")
    await walk.ephemeral("You need the exporter role", "Ben")
    await asked(walk, channel)
    question = await walk.ephemeral("shared with another company")
    question.visible_to = walk.town.slack.user("Ben").id  # a button that came into other hands
    await walk.town.slack.press("Ben", question, "subscribe_here")

    assert walk.town.slack.messages(channel) == []


async def test_forms_take_no_channel_that_is_shared(walk: Walk) -> None:
    await connected(walk)
    slack = walk.town.slack
    shared = slack.add_channel("with-acme", ext_shared=True)
    for words, callback_id in (("connect", "connect"), ("subscribe", "subscribe")):
        await slack.command("Anna", slack.direct("Anna"), words)
        view = await walk.modal(callback_id)
        view.values.setdefault("channel", {})["channel"] = {
            "type": "conversations_select",
            "selected_conversation": shared.id,
        }
        answer = await slack.submit("Anna", view.id)
        assert "shared with another company" in answer.errors["channel"]
        await walk.close()

    assert slack.messages(shared) == []


async def test_forms_go_on_with_a_shared_channel_that_somebody_confirmed(walk: Walk) -> None:
    await connected(walk)
    slack = walk.town.slack
    shared = slack.add_channel("with-acme", ext_shared=True)
    await asked(walk, shared)
    await slack.press("Anna", await walk.ephemeral("shared with another company"), "subscribe_here")
    await told(walk, shared)
    change = await walk.ephemeral("If this channel is private")

    await slack.command("Anna", shared, "connect")
    answer = await slack.submit("Anna", (await walk.modal("connect")).id)
    assert (answer.errors, answer.failure) == ({}, "")
    await walk.close()
    await slack.press("Anna", change, "subscribe")
    view = await walk.modal("subscribe")
    await slack.choose("Anna", view.id, "minimum", "500")
    answer = await slack.submit("Anna", view.id)
    assert (answer.errors, answer.failure) == ({}, "")
    assert "500" in slack.messages(shared)[-1].text


async def test_typed_words_are_added_to_what_the_channel_has(walk: Walk) -> None:
    await connected(walk)
    await walk.form("INV-1")  # once it is drawn, Paymo's clients were read
    await walk.close()
    room = walk.town.room
    await walk.type("subscribe digest")
    await told(walk, room)
    await walk.type("subscribe payments")
    await walk.town.slack.wait_for(
        lambda: "payments and the digest" in walk.town.slack.messages(room)[-1].text, 20
    )
    await walk.type("subscribe digest payments")
    await walk.ephemeral("This channel gets payments and the digest")
    await walk.type("subscribe client: acme limited min:£500.00")
    await walk.town.slack.wait_for(
        lambda: ", from 500." in walk.town.slack.messages(room)[-1].text, 20
    )
    await walk.type("subscribe list")
    await walk.ephemeral("payments and the digest, for ACME Limited only, from 500 · set up by <@")
    await walk.type("subscribe")
    assert "ACME Limited" in str((await walk.modal("subscribe")).payload)

    assert len(walk.town.slack.messages(room)) == 3


async def test_words_behind_the_command_never_mean_another_channel_than_was_typed(
    walk: Walk,
) -> None:
    await connected(walk)
    room = walk.town.room
    await walk.type("subscribe Payments, and failures & digest")
    assert "to payments, failures and the digest." in await told(walk, room)

    for typed in ("unsubscribe #second", "unsubscribe <#C2|second>", "unsubscribe payments"):
        await walk.type(typed)
        await walk.ephemeral("Nothing changed. To stop all notifications in a channel")
    await walk.type("subscribe digest weekly")
    await walk.ephemeral("To choose when the digest comes, type /paymo-xero subscribe digest, then")
    await walk.type("subscribe #second")
    await walk.ephemeral("To subscribe #second, type /paymo-xero subscribe there.")
    await walk.type("subscribe List")
    await walk.ephemeral("payments, failures and the digest · set up by <@")
    await walk.type("client")
    await walk.ephemeral("Type the client's name too, such as `/paymo-xero client Acme`.")


@pytest.mark.parametrize(("typed", "read"), [("956.250", "956.25."), ("1,000", "1,000.")])
async def test_a_typed_minimum_is_read_as_the_organisations_currency_is_written(
    walk: Walk, typed: str, read: str
) -> None:
    walk.books.currency = "KWD"
    await connected(walk)

    await walk.type(f"subscribe min:{typed}")

    assert f", from {read}" in await told(walk, walk.town.room)


async def test_a_channel_that_died_is_listed_as_paused_and_resumed_by_one_press(walk: Walk) -> None:
    await walk.connect()
    slack, room = walk.town.slack, walk.town.room
    direct = slack.direct("Anna")
    room.archived = True
    await walk.export("INV-1")
    said = await slack.wait_for(
        lambda: [each for each in slack.messages(direct) if "are paused" in each.text], 60
    )
    await slack.press("Anna", said[-1], "resume_channel")
    await walk.ephemeral("Its notifications stay paused.")
    room.archived = False
    await walk.type("subscribe list")
    await walk.ephemeral("*Notifications*")
    listed = slack.ephemerals("Anna")[-1]
    assert "is paused: The channel is archived.\nexports, " in text_in(listed.blocks)
    before = len(slack.messages(room))
    await walk.press(said[-1], "resume_channel")
    await slack.wait_for(lambda: len(slack.messages(room)) > before, 20)
    await walk.ephemeral("gets notifications again")

    assert "subscribed this channel to exports" in slack.messages(room)[-1].text
    await slack.wait_for(
        lambda: not any("resume_channel" in str(each.blocks) for each in slack.messages(direct)), 20
    )
    after = len(slack.messages(room))
    await slack.press("Anna", listed, "resume_channel")  # it was listed before the other press
    told_of = await walk.ephemeral("already gets notifications")
    assert "turned them on · <!date^" in told_of.text
    assert len(slack.messages(room)) == after


async def paused(walk: Walk) -> Message:
    """Let the channel die; return the message that says that it is paused."""
    slack = walk.town.slack
    await walk.connect()
    walk.town.room.archived = True
    await walk.export("INV-1")
    told = await slack.wait_for(
        lambda: [
            each for each in slack.messages(slack.direct("Anna")) if "are paused" in each.text
        ],
        PATIENCE,
    )
    return told[-1]


async def test_subscribing_a_paused_channel_tries_it_first(walk: Walk) -> None:
    told = await paused(walk)
    slack, room = walk.town.slack, walk.town.room
    before = len(slack.messages(room))
    await walk.type("subscribe")
    view = await walk.modal("subscribe")
    refused = await slack.submit("Anna", view.id)
    assert "archived. Its notifications stay paused." in str(refused.errors)
    await walk.type("subscribe list")
    await walk.ephemeral("is paused: The channel is archived.")
    room.archived = False
    assert (await slack.submit("Anna", view.id)).ok
    await walk.modal_saying("is subscribed")
    await slack.wait_for(lambda: len(slack.messages(room)) > before, PATIENCE)

    introduced = [each for each in slack.messages(room)[before:] if "subscribed" in each.text]
    assert len(introduced) == 1
    assert "> resumed them" in await walk.without("resume_channel", told)


@pytest.mark.parametrize(
    ("typed", "what"),
    [("subscribe list", "resumed them"), ("unsubscribe", "unsubscribed the channel")],
)
async def test_a_pause_that_ended_elsewhere_offers_nothing_any_more(
    walk: Walk, typed: str, what: str
) -> None:
    told = await paused(walk)
    walk.town.room.archived = False
    await walk.add_exporter("Ben")
    await walk.town.slack.command("Ben", "invoices", typed)
    if what == "resumed them":
        listed = await walk.ephemeral("*Notifications*", "Ben")
        await walk.town.slack.press("Ben", listed, "resume_channel")

    said = await walk.without("resume_channel", told)
    assert f"<@{walk.town.slack.user('Ben').id}> {what} · <!date^" in said


async def test_of_two_people_who_resume_a_channel_in_the_same_second_one_introduces_it(
    walk: Walk,
) -> None:
    told = await paused(walk)
    slack, room = walk.town.slack, walk.town.room
    await walk.add_exporter("Ben")
    await slack.command("Ben", "invoices", "subscribe list")
    listed = await walk.ephemeral("*Notifications*", "Ben")
    room.archived = False
    before = len(slack.messages(room))
    await asyncio.gather(
        slack.press("Anna", told, "resume_channel"), slack.press("Ben", listed, "resume_channel")
    )
    await slack.wait_for(
        lambda: (
            any("gets notifications" in each.text for each in slack.ephemerals("Anna"))
            or any("gets notifications" in each.text for each in slack.ephemerals("Ben"))
        )
    )

    introduced = [each for each in slack.messages(room)[before:] if "subscribed" in each.text]
    assert len(introduced) == 1


async def test_the_list_of_channels_turns_its_pages_in_place_for_exporters_alone(
    walk: Walk,
) -> None:
    await walk.connect()
    slack, sessions = walk.town.slack, walk.town.program.core.database.sessions
    async with sessions.begin() as session:
        (mine,) = await session.scalars(select(Subscription))
        for place in range(29):
            row = {"channel_id": f"C9{place:03}", "topics": mine.topics, "set_by": mine.set_by}
            session.add(Subscription(connection_id=mine.connection_id, set_at=mine.set_at, **row))
    await walk.type("subscribe list")
    listed = await walk.ephemeral("1–12 of 30 channels")
    before = len(slack.ephemerals("Anna"))
    for said in ("13–24 of 30 channels", "25–30 of 30 channels"):
        await slack.press("Anna", listed, "next_channels")
        assert (await walk.ephemeral(said)).ts == listed.ts
    assert "C9028" in text_in(listed.blocks)
    assert len(slack.ephemerals("Anna")) == before
    await slack.press("Anna", listed, "previous_channels")
    await walk.ephemeral("13–24 of 30 channels")
