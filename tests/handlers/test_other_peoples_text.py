"""Names that look like Slack's own markup: nobody is called, nothing becomes a link."""

import html
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from handlers import blocks, reply
from handlers.guarding import guarded
from handlers.routing import SlackRequest
from services.errors import (
    Fitting,
    NotAccepted,
    NotConnected,
    Pair,
    ServiceError,
    SeveralConnections,
    SeveralFit,
)
from services.model import wording
from services.model.wording import Amount, Command, Day, Member, Moment, Typed
from tests.days import day
from tests.handlers.desk import Desk
from tests.handlers.judging import marked_up, strings
from tests.sandbox.slack_bench import entry, modal
from tests.walk import LINES, Walk, walking

VICTIM = "<@U024BE7LH>"
NAME = f"{VICTIM} <!here> https://evil.example pay@evil.example"


def test_a_sentence_names_the_person_that_a_service_marks_and_nobody_else() -> None:
    said = blocks.render(f"{Member('U1')} exports {NAME} & co")

    assert said == (
        "<@U1> exports &lt;@U024BE7LH&gt; &lt;!here&gt; https://evil.example pay@evil.example "
        "&amp; co"
    )


@pytest.mark.parametrize(
    "name", [VICTIM, "<!channel>", "/paymo-xero connect", "<#C1|x>", "\x02@U1\x03"]
)
def test_a_name_stays_plain_text_in_whatever_sentence_it_stands(name: str) -> None:
    """Text from outside is cleaned where it comes in; a name in what is typed is cleaned there."""
    known = wording.clean(name)
    said = f"{known} is locked. Ask {Member('U1')}, or run {Typed(Command.WHY, name)}."

    assert blocks.render(said) == (
        f"{html.escape(known, quote=False)} is locked. Ask <@U1>, or run /paymo-xero why "
        f"{html.escape(known, quote=False)}."
    )
    assert blocks.render_plain(said) == (
        f"{known} is locked. Ask <@U1>, or run /paymo-xero why {known}."
    )


def test_a_sentence_is_read_back_as_it_was_put_together() -> None:
    facts = [
        Member("U1"),
        Typed(Command.RECONCILE),
        Amount(Decimal("-1234.500"), "GBP"),
        Day(date(2026, 11, 5)),
        Moment(datetime(2026, 11, 5, 9, 30, tzinfo=UTC)),
        Typed(Command.SHOW, "INV 7"),
    ]
    said = "A " + "b".join(str(each) for each in facts)
    read = list(wording.parts(f"{said}."))

    assert read[1::2] == facts
    assert read[::2] == ["A ", *"bbbbb", "."]
    assert blocks.render_plain(said) == (
        "A <@U1>b/paymo-xero reconcileb-£1,234.50b"
        f"{day('2026-11-05')}b09:30 UTC on 05 Novb/paymo-xero show INV 7"
    )
    assert list(wording.parts(said[:-2]))[-1] == "b/show INV "


def test_where_nobody_is_mentioned_the_marks_are_gone() -> None:
    marked = str(Member("U1"))

    assert blocks.escape(marked) == blocks.one_line(marked) == "@U1"
    assert blocks.plain(marked)["text"] == "@U1"


@pytest.mark.parametrize("name", [VICTIM, "<!channel>", "/paymo-xero connect"])
def test_a_refusal_shows_a_name_as_plain_text(name: str) -> None:
    refusal = NotConnected(f"{name} is gone.", system="Xero")

    [said, buttons] = reply.refusal_blocks(refusal)
    assert said["text"]["text"] == f"⛔ {html.escape(name, quote=False)} is gone."
    assert [each["action_id"] for each in buttons["elements"]] == ["reconnect"]


async def test_an_error_beside_a_field_shows_no_marks(desk: Desk) -> None:
    async def refuse(_: SlackRequest) -> None:
        raise NotAccepted({"contact": f"{Member('U1')} does it."})

    desk.handler = guarded(refuse)
    view = await desk.bench.open_view(modal(entry("contact", {"type": "plain_text_input"})))
    await desk.bench.world.choose("Anna", view.id, "contact", "x")
    answer = await desk.ended(desk.bench.world.submit("Anna", view))

    assert answer.errors == {"contact": "<@U1> does it."}


@pytest.mark.parametrize(
    "question",
    [
        SeveralConnections(
            (
                Pair(1, company=VICTIM, organisation="A", is_demo=False, owner_id="U1"),
                Pair(2, company="B", organisation=VICTIM, is_demo=True, owner_id="U1"),
            )
        ),
        SeveralFit("7", (Fitting("A-7", VICTIM), Fitting(f"{VICTIM}-7", "B"))),
    ],
    ids=["connections", "invoices"],
)
async def test_a_question_shows_names_as_plain_text(desk: Desk, question: ServiceError) -> None:
    async def ask(_: SlackRequest) -> None:
        raise question

    desk.handler = guarded(ask)
    await desk.ended(desk.bench.world.command("Anna", desk.bench.room, "show 7"))

    [told] = desk.bench.world.ephemerals("Anna")
    drawn = [each["text"]["text"] for each in told.blocks if each["type"] == "section"]
    assert sum(html.escape(VICTIM, quote=False) in each for each in drawn) == 2
    assert not any(VICTIM in each for each in drawn)


async def test_what_slack_sends_is_read_without_what_nobody_sees(desk: Desk) -> None:
    read: list[str] = []

    async def keep(request: SlackRequest) -> None:
        read.append(request.body["text"])
        raise ServiceError("Enough.")

    desk.handler = guarded(keep)
    await desk.ended(
        desk.bench.world.command("Anna", desk.bench.room, "show \u202eINV\x00-\u200b7")
    )

    assert read == ["show INV-7"]


@pytest.fixture
async def walk(sqlite_url: str) -> AsyncIterator[Walk]:
    """The whole program with a client whose name is markup, and a contact called the same."""
    async with walking(sqlite_url) as made:
        client = made.company.add_client(NAME)
        made.books.add_contact(NAME)
        for number in (f"{VICTIM}-1", "EVIL-2", "EVIL-3"):
            made.company.add_invoice(number, client, LINES, tax=15, status="sent")
        yield made


async def test_on_the_whole_way_no_name_calls_anybody_or_becomes_a_link(walk: Walk) -> None:
    await walk.connect()
    await walk.export("EVIL-2")
    walk.pay("EVIL-2", "100.00")
    await walk.type("sync")
    await walk.notice("payment_received")
    for number in ("EVIL-3", f"{VICTIM}-1"):
        await walk.type(f"export {number}")
        await walk.modal_saying("passed")
        await walk.close()
    for word in ("export all", "match", "status", "overdue", "why EVIL-2", "history EVIL-2"):
        await walk.type(word)
    await walk.town.slack.open_home("Anna")
    await walk.close()

    sent = [each for each in walk.town.slack.wire.entries if each["direction"] == "from_app"]
    texts = [each["request"] for each in sent] + [each["response"] for each in sent]
    assert any("U024BE7LH&gt;" in each for each in texts)
    assert not any(VICTIM in each for each in [each["request"] for each in sent])
    for place in walk.town.slack.messages("invoices"):
        assert all(each["verbatim"] for each in marked_up(place.blocks)), place.text
        assert all(VICTIM not in each for each in strings(place.blocks))
    assert json.dumps(walk.refused()) == "[]"


CAFE = "\u0645\u0642\u0647\u0649 \u0627\u0644\u0645\u0646\u0627\u0631\u0629"  # Arabic
TOWER = "\u05de\u05d2\u05d3\u05dc \u05d1\u05e2\u05f4\u05de"  # Hebrew


@pytest.mark.parametrize("name", [CAFE, TOWER, f"Cafe {CAFE}"])
def test_a_name_from_right_to_left_doesnt_turn_around_the_amount_behind_it(name: str) -> None:
    """Slack would draw "18.40\u00a3 ,20.40\u00a3" before the name."""
    alone = f"\u2068{name}\u2069"

    assert f"INV-7 \u00b7 {blocks.one_line(name)} \u00b7 9" == f"INV-7 \u00b7 {alone} \u00b7 9"
    assert blocks.plain(f"INV-7 \u00b7 {name} \u00b7 9")["text"] == f"INV-7 \u00b7 {alone} \u00b7 9"
    assert blocks.shorten(blocks.one_line(name), 6) == f"\u2068{name[:3]}\u2026\u2069"
    assert blocks.one_line("Acme") == "Acme"


def test_a_moment_is_in_the_zone_of_whoever_reads_it() -> None:
    at = datetime(2026, 11, 5, 9, 30, tzinfo=UTC)

    assert blocks.render(f"We'll go on at {Moment(at)}.") == (
        f"We'll go on at <!date^{int(at.timestamp())}^{{time}} on {{date_short}}|"
        "09:30 UTC on 05 Nov>."
    )
