"""The sentences about a channel's subscription, and where it is managed."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from handlers.blocks import (
    LONGEST_OPTION,
    channel,
    escape,
    moment,
    one_line,
    render,
    shorten,
)
from handlers.names import BOT
from handlers.slack import Sharing
from services import money
from services.model.notice import Every, Topic
from services.model.wording import counted, listed
from services.notices.service import Listening

NOTHING = "No channel gets notifications. Type `/paymo-xero subscribe` in one to get them there."
ANYWAY = "Subscribe This Channel"
ASK = {
    Sharing.YES: "⚠️ This channel is shared with another company, or will be. Its people would "
    "see invoice numbers, clients and amounts here. Subscribe it anyway?",
    Sharing.UNKNOWN: "⚠️ We can't tell whether this channel is shared with another company. If it "
    "is, its people will see invoice numbers, clients and amounts. Subscribe it?",
}

MINIMUM_MEANS = "In the invoice's own currency. Failures and deletions are always sent."
ALONE = (
    "Nothing changed. To stop all notifications in a channel, type just `/paymo-xero unsubscribe` "
    "there. To change its topics, type `/paymo-xero subscribe` there."
)
NO_CHANNEL = "This isn't a channel. Type `/paymo-xero unsubscribe` in the channel itself."
STILL_PAUSED = "Its notifications stay paused."
NO_AMOUNT = "Type an amount, such as 500."
_MANAGE = "Manage notifications"
INVITE = f"If this channel is private, type `/invite {BOT}` so that the app can post."


def manage_text(team_id: str, app_id: str) -> str:
    """Lead to the app's Home, where notifications are chosen, or say what to type."""
    if not team_id or not app_id:
        return f"{_MANAGE}: `/paymo-xero subscribe`"
    query = urlencode({"team": team_id, "id": app_id, "tab": "home"})
    return f"<slack://app?{escape(query)}|{_MANAGE}>"


def intro_text(listening: Listening) -> str:
    """Say in a channel who subscribed it, to what, and how to change that."""
    comes = _rhythm(listening)
    return (
        f"<@{listening.set_by}> subscribed this channel to {told(listening)}. This is about "
        f"{one_line(listening.company)} in Paymo and {one_line(listening.organisation)} in Xero. "
        f"{f'The digest comes {comes}. ' if comes else ''}"
        "Type `/paymo-xero unsubscribe` to stop notifications here."
    )


def told(listening: Listening) -> str:
    """Describe a subscription, as "payments and deletions, for Acme only, from 500"."""
    client = shorten(one_line(listening.client_name), LONGEST_OPTION)
    only = f", for {client} only" if listening.client_name else ""
    least = ""
    if listening.minimum:
        least = f", from {money.format_number(listening.minimum, listening.country)}"
    topics = ["the digest" if each is Topic.DIGEST else each.value for each in listening.topics]
    return f"{listed(topics)}{only}{least}"


def _rhythm(listening: Listening) -> str:
    """Say when the digest comes, as "weekly at 07:00 (Pacific/Auckland)"; "" where none does."""
    if Topic.DIGEST not in listening.topics:
        return ""
    return f"{listening.rhythm.every} at {listening.rhythm.hour:02}:00 ({listening.zone})"


def has_text(listening: Listening) -> str:
    """Say what the channel gets now."""
    comes = _rhythm(listening)
    said = f"✅ This channel gets {told(listening)}."
    return f"{said} The digest comes {comes}." if comes else said


def subscribed_text(channel_id: str) -> str:
    """Say that a channel is subscribed."""
    return f"✅ {channel(channel_id)} is subscribed."


def resumed_text(channel_id: str) -> str:
    """Say that a channel that was paused gets notifications again."""
    return f"{channel(channel_id)} gets notifications again."


def is_on_text(listening: Listening) -> str:
    """Say that a channel isn't paused any more, and since whom and when."""
    when = f" · {moment(listening.set_at)}" if listening.set_at else ""
    return (
        f"{channel(listening.channel_id)} already gets notifications: "
        f"<@{listening.set_by}> turned them on{when}."
    )


def ended_text(channel_id: str, *, is_removed: bool) -> str:
    """Say that a channel gets nothing any more, or never did."""
    said = "isn’t subscribed any more." if is_removed else "wasn’t subscribed."
    return f"{channel(channel_id)} {said}"


def paused_text(listening: Listening) -> str:
    """Say that a channel is paused, why, and what it gets otherwise."""
    why = render(listening.paused_because)
    return f"⚠️ {channel(listening.channel_id)} is paused: {why}\n{_set_up(listening)}"


def resume_hint(because: str) -> str:
    """Say in the form why its channel is paused, and what resumes it."""
    return f"⚠️ *Paused:* {render(because)} Press *Subscribe* to resume."


def pausing_text(facts: Mapping[str, Any]) -> str:
    """Say to whoever gets a channel's notifications meanwhile that it is paused from now on."""
    gone = facts.get("instead_of")
    why = f": Slack doesn't deliver our messages to <@{gone}>, who subscribed it" if gone else ""
    return (
        f"⚠️ Notifications for {channel(facts['channel_id'])} are paused: "
        f"{render(facts['reason'])} Until you resume them, they come to you here{why}."
    )


def no_amount_text(typed: str) -> str:
    """Say that what was typed behind `min:` is no amount."""
    return f"“{typed}” isn’t an amount. Type it like this: min:500."


def no_topic_text(typed: str, known: Sequence[str], nearest: Sequence[str]) -> str:
    """Say that a word is no topic, which one is near, and what there is."""
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    if typed.startswith(("#", "<#")):
        return f"To subscribe {typed}, type /paymo-xero subscribe there."
    if typed.casefold().strip(",") in set(Every):
        return (
            "To choose when the digest comes, type /paymo-xero subscribe digest, then "
            "/paymo-xero subscribe alone, which opens the form."
        )
    return (
        f"“{typed}” isn't a topic.{hint} You can type {', '.join(known)}, client:NAME and min:500."
    )


def list_text(shown: Sequence[Listening], first: int, count: int) -> str:
    """Say which channel gets what, and who set it up; those that are paused are drawn below.

    These are some of `count`, from the one with the number `first` on.
    """
    lines = [_line(each) for each in shown if not each.paused_because]
    some = f" · {first}–{first + len(shown) - 1} of {counted(count, 'channel')}"
    title = f"*Notifications*{some if len(shown) < count else ''}"
    return "\n".join([title, *lines]) if shown else NOTHING


def _line(each: Listening) -> str:
    return f"• {channel(each.channel_id)}: {_set_up(each)}"


def _set_up(each: Listening) -> str:
    """Say what a channel gets, who set that up, and when its digest comes."""
    comes = _rhythm(each)
    said = f"{told(each)} · set up by <@{each.set_by}>"
    return f"{said} · digest {comes}" if comes else said
