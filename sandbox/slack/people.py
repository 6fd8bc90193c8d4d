"""What people do: every act sends the app what Slack would, and shows what comes back."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.slack.choices import asks, listed, picked
from sandbox.slack.core import Place, SlackCore, Where, Who
from sandbox.slack.delivery import Answer
from sandbox.slack.fields import Field, find_field, refusals
from sandbox.slack.modals import Menu
from sandbox.slack.model import Channel, Message, NotPossible, Refused, ResponseUrl, User, View
from sandbox.slack.payloads import Payloads
from sandbox.slack.rules.surfaces import errors_problems, options_problems

Json = dict[str, Any]
COMMAND = "/paymo-xero"
_QUERY_LENGTH = 3


@dataclass(slots=True, kw_only=True)
class Acts(SlackCore):
    """The hands of the people in the house."""

    payloads: Payloads = field(init=False)

    def __post_init__(self) -> None:
        """Put the parts together."""
        SlackCore.__post_init__(self)
        self.payloads = Payloads(self.state, self.screens)

    async def command(
        self, user: Who, channel: Where, text: str = "", command: str = COMMAND
    ) -> Answer:
        """Type a slash command; what the app answers at once is said where it belongs."""
        person, room = self.user(user), self.channel(channel)
        self.team_of(person)
        if person.id not in room.members:
            raise NotPossible(f"{person.name} is not in {room.name}.")
        answer = await self.door.form(self.payloads.command(person, room, command, text))
        if not answer.failure and answer.text.strip():
            self._say_answer(person, room, answer, f"{command} {text}".strip())
        return answer

    def say(self, user: Who, channel: Where, text: str) -> Message:
        """Write an ordinary message, which the app is not told about."""
        person, room = self.user(user), self.channel(channel)
        message = Message(self.state.next_ts(), room.id, person.id, text)
        room.messages.append(message)
        self.state.changed()
        return message

    async def shortcut(self, user: Who, callback_id: str) -> Answer:
        """Use a global shortcut."""
        person = self.user(user)
        self.team_of(person)
        return await self.door.interaction(self.payloads.shortcut(person, callback_id))

    async def use_on(self, user: Who, message: Message | str, callback_id: str) -> Answer:
        """Use a shortcut on a message that everybody there sees."""
        person, place = self._reach(user, message)
        if not isinstance(place, Message) or place.visible_to:
            raise NotPossible("Shortcuts are used on messages that all can see.")
        return await self.door.interaction(
            self.payloads.message_shortcut(person, place, callback_id)
        )

    async def press(self, user: Who, where: Place, action_id: str, block_id: str = "") -> Answer:
        """Press a button in a modal, on a message or on the Home tab."""
        person, place = self._reach(user, where)
        button = find_field(_pressable(place), block_id, action_id)
        if button.element["type"] != "button":
            raise NotPossible(f"{action_id} is a {button.element['type']}, no button.")
        return await self.door.interaction(self.payloads.action(person, place, button, {}))

    async def options(
        self, user: Who, where: Place, action_id: str, typed: str = "", block_id: str = ""
    ) -> list[Menu]:
        """Open a menu that asks the app, type into it, and return what it then offers."""
        person, place = self._reach(user, where)
        menu = find_field(place.blocks, block_id, action_id)
        if not asks(menu):
            raise NotPossible(f"{action_id} is a {menu.element['type']}: its options stand in it.")
        return await self._load(person, place, menu, typed)

    async def choose(
        self, user: Who, where: Place, action_id: str, value: Any, block_id: str = ""
    ) -> Answer:
        """Fill in a field: an option's value or words, a list of them, an id, or text."""
        person, place = self._reach(user, where)
        chosen = find_field(place.blocks, block_id, action_id)
        options = await self._offered(person, place, chosen)
        answer = picked(chosen, value, options)
        spot = chosen.place
        if chosen.key:
            place.values.setdefault(spot[0], {})[spot[1]] = answer
        if isinstance(place, View):
            place.errors.pop(spot[0], None)
        self.state.changed()
        if not chosen.dispatches:
            return Answer()
        return await self.door.interaction(self.payloads.action(person, place, chosen, answer))

    async def submit(self, user: Who, view: View | str | None = None) -> Answer:
        """Press the button at the modal's foot, unless Slack's own screen holds the person back."""
        person, shown = self._on_top(user, view)
        if not shown.payload.get("submit"):
            raise NotPossible(f"{shown.title} has no button to submit it.")
        shown.errors = refusals(shown.blocks, shown.values)
        if shown.errors:
            self.state.changed()
            return Answer(errors=dict(shown.errors))
        answer = await self.door.interaction(self.payloads.submission(person, shown))
        if not answer.failure:
            self._after_submit(shown, answer)
        return answer

    async def close_view(
        self, user: Who, view: View | str | None = None, *, everything: bool = False
    ) -> Answer:
        """Press Cancel, or with `everything` the cross that closes the whole stack."""
        person, shown = self._on_top(user, view)
        everything = everything or bool(shown.payload.get("clear_on_close"))
        told = self.stack(person)[0] if everything else shown
        payload = self.payloads.closing(person, told, everything=everything)
        self.screens.close(shown, everything=everything)
        if not told.payload.get("notify_on_close"):
            return Answer()
        return await self.door.interaction(payload)

    def _say_answer(self, user: User, channel: Channel, answer: Answer, typed: str) -> None:
        arguments = answer.data or {"text": answer.text}
        public = arguments.get("response_type") == "in_channel"
        if public:
            self.say(user, channel, typed)
        place = ResponseUrl(user.id, user.team_id, channel.id, self.state.now())
        try:
            self.posts.answer(place, arguments)
        except Refused as refused:
            answer.failure = _words(refused)

    async def _offered(self, user: User, place: View | Message, menu: Field) -> list[Json]:
        if not asks(menu):
            return listed(menu)
        if menu.place not in place.offered:
            await self._load(user, place, menu, "")
        return place.offered.get(menu.place, [])

    async def _load(self, user: User, place: View | Message, menu: Field, typed: str) -> list[Menu]:
        if len(typed) < menu.element.get("min_query_length", _QUERY_LENGTH):
            return []
        answer = await self.door.interaction(self.payloads.suggestion(user, place, menu, typed))
        if not answer.failure and (problems := options_problems(answer.data)):
            answer.failure = f"invalid options: {'; '.join(problems)}"
        if answer.failure:
            return []
        groups = _groups(answer.data)
        place.offered[menu.place] = [each for group in groups for each in group.options]
        return groups

    def _after_submit(self, view: View, answer: Answer) -> None:
        action = answer.data.get("response_action", "")
        try:
            self._respond(view, action, answer)
        except Refused as refused:
            answer.failure = _words(refused)

    def _respond(self, view: View, action: str, answer: Answer) -> None:
        match action:
            case "" if not answer.text.strip():
                self.screens.close(view)
            case "clear":
                self.screens.close(view, everything=True)
            case "update":
                checked = self.screens.checked(answer.data.get("view"), "modal")
                self.screens.replace(view, checked)
            case "push":
                checked = self.screens.checked(answer.data.get("view"), "modal")
                self.screens.push_on(view, checked)
            case "errors":
                self._show_errors(view, answer)
            case _:
                raise Refused("invalid_response", [answer.text[:200]])

    def _show_errors(self, view: View, answer: Answer) -> None:
        errors = answer.data.get("errors")
        if problems := errors_problems(view.payload, errors):
            raise Refused("invalid_errors", problems)
        view.errors = dict(errors or {})
        answer.errors = dict(view.errors)
        self.state.changed()

    def _on_top(self, user: Who, view: View | str | None) -> tuple[User, View]:
        place = view or self.top_view(user)
        if place is None:
            raise NotPossible("No modal is open.")
        person, shown = self._reach(user, place)
        if not isinstance(shown, View) or shown.payload["type"] != "modal":
            raise NotPossible("This is no modal.")
        return person, shown

    def _reach(self, user: Who, where: Place) -> tuple[User, View | Message]:
        """The person and what they are about to touch, if they can see it."""
        person = self.user(user)
        key = _key(where)
        view = self.state.find_view(key)
        if view is not None:
            self.team_of(person)
            if not any(view is seen for seen in (self.top_view(person), self.home(person))):
                raise NotPossible(f"{person.name} does not see {view.title or 'this view'}.")
            return person, view
        message = self.state.find_message(key)
        if message is None or not self._sees(person, message):
            raise NotPossible(f"{person.name} does not see {key}.")
        if not self.state.installed_for(person, message.channel_id).installed:
            raise NotPossible("The app is not installed there any more.")
        return person, message

    def _sees(self, user: User, message: Message) -> bool:
        channel = self.state.channels[message.channel_id]
        return message.visible_to in {"", user.id} and user.id in channel.members


def _pressable(place: View | Message) -> list[dict[str, Any]]:
    """Return a view's blocks, or a message's with those of the cards under its links."""
    if isinstance(place, View):
        return place.blocks
    cards = [block for each in place.attachments for block in each.get("blocks") or []]
    return [*place.blocks, *cards]


def _key(where: Place) -> str:
    match where:
        case View():
            return where.id
        case Message():
            return where.ts
        case _:
            return where


def _groups(answer: Json) -> list[Menu]:
    if answer.get("option_groups") is not None:
        return [Menu(group["label"]["text"], group["options"]) for group in answer["option_groups"]]
    return [Menu("", answer["options"])]


def _words(refused: Refused) -> str:
    return ": ".join([refused.error, *refused.problems])
