"""The pages that people see in a browser."""

import html
import re
import sqlite3
from contextlib import closing
from html.parser import HTMLParser

import httpx
import pytest

from services.store.tables import Base
from services.store.types import Secret
from tests.bot.town import Town
from tests.bot.town import town as open_town


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", "Invoices go from Paymo to Xero"),
        ("/privacy", "What is kept, and for how long"),
        ("/support", "/paymo-xero help"),
    ],
)
async def test_whoever_follows_a_link_finds_a_page(town: Town, path: str, words: str) -> None:
    answer = await town.http.get(path)

    assert answer.status_code == 200
    assert words in answer.text


# Columns that hold something about a person, and the word that the page has for it.
PERSONAL = {
    "email": "e-mail",
    "tax_number": "tax number",
    "client_name": "client name",
    "contact_name": "contact name",
    "user_id": "slack id",
    "asked_by": "slack id",
    "set_by": "slack id",
    "requested_by": "slack id",
    "exporters": "exporters",
    "viewers": "viewers",
    "owner_id": "owner",
    "country": "country",
    "team_name": "names of the workspace",
    "snapshot": "copy",
    "sent": "lines",
}


async def test_the_privacy_page_names_every_table_and_what_it_holds_about_people(
    town: Town,
) -> None:
    page = (await town.http.get("/privacy")).text
    rows = [html.unescape(each) for each in re.findall(r"<tr><td>(.*?)</tr>", page)]
    told = {name: row.lower() for row in rows for name in re.findall(r"<code>(\w+)</code>", row)}

    assert told.keys() == Base.metadata.tables.keys()
    for table in Base.metadata.tables.values():
        for column in table.columns:
            word = PERSONAL.get(column.name)
            if word is not None:
                assert word in told[table.name], f"{table.name}.{column.name}"
            if isinstance(column.type, Secret):
                assert "encrypted" in told[table.name], f"{table.name}.{column.name}"


@pytest.mark.parametrize(
    ("days", "words"),
    [(30, "30 days after that"), (1, "1 day after that"), (0, "Right after that")],
)
async def test_the_privacy_page_says_how_long(sqlite_url: str, days: int, words: str) -> None:
    async with open_town(sqlite_url, retention_days=days) as town:
        assert words in (await town.http.get("/privacy")).text


async def test_pages_load_nothing_from_elsewhere_and_cannot_be_framed(town: Town) -> None:
    answer = await town.http.get("/")
    style = await town.http.get("/style.css")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "img-src data:;" in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    icon, *loaded = _Links.of(answer.text)
    assert (icon.split(",")[0], loaded) == ("data:image/svg+xml", ["/style.css"])
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")


@pytest.mark.parametrize("path", ["/nothing", "/xero/connect/?nonce=secret"])
async def test_a_page_that_is_not_there_says_so(town: Town, path: str) -> None:
    answer = await town.http.get(path, headers={"Host": "elsewhere.example"})

    assert answer.status_code == 404
    assert "Nothing is here" in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/paymo/connect?nonce=wrong"),
        ("GET", "/paymo/connect"),
        ("POST", "/paymo/connect?nonce=wrong"),
        ("GET", "/xero/connect?nonce=wrong"),
        ("GET", "/xero/callback?state=wrong&code=x"),
        ("GET", "/xero/callback"),
        ("POST", "/xero/organisation"),
    ],
)
async def test_a_link_that_is_not_good_says_where_to_get_a_fresh_one(
    town: Town, method: str, path: str
) -> None:
    answer = await town.http.request(method, path)

    assert answer.status_code == 410
    assert "/paymo-xero connect" in answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/paymo/connect?nonce=x", "/xero/organisation"])
@pytest.mark.parametrize(
    ("body", "status"), [(b"\xff\xfe=1", 400), (b"x" * 20_000, 413)], ids=["bytes", "large"]
)
async def test_a_form_that_is_malformed_or_too_large_is_refused(
    town: Town, path: str, body: bytes, status: int
) -> None:
    answer = await town.http.post(path, content=body)

    assert answer.status_code == status
    assert "Back to Slack" in answer.text


async def test_a_page_that_fails_says_what_to_do(town: Town, sqlite_url: str) -> None:
    """A bug, or a database that doesn't answer."""
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite+aiosqlite:///"))) as file:
        file.execute("ALTER TABLE one_time_links RENAME TO away")
    answer = await town.http.get("/paymo/connect?nonce=x")

    assert answer.status_code == 500
    assert "Open the link from Slack again" in answer.text
    assert "Back to Slack" in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/slack/events", "/webhooks/xero", "/xero/organisation"])
async def test_addresses_for_posting_cannot_be_looked_at(town: Town, path: str) -> None:
    answer = await town.http.get(path)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_program_for_one_workspace_offers_no_installation(town: Town) -> None:
    home: httpx.Response = await town.http.get("/")

    assert "/slack/install" not in home.text
    assert (await town.http.get("/slack/install")).status_code == 404


async def test_over_a_socket_slack_has_no_address_here(sqlite_url: str) -> None:
    settings = {"slack_app_token": "xapp-1-test", "slack_signing_secret": ""}
    async with open_town(sqlite_url, **settings) as town:
        assert (await town.http.post("/slack/events")).status_code == 404
        assert (await town.http.get("/healthz")).status_code == 200


async def test_help_in_slack_and_the_pages_name_who_helps(sqlite_url: str) -> None:
    async with open_town(sqlite_url, support_email="help@agency.example") as town:
        await town.slack.command("Anna", town.room, "help")
        (said,) = await town.slack.wait_for(lambda: town.slack.ephemerals("Anna"), 60)

        assert "Write to help@agency.example." in said.text + str(said.blocks)
        assert "mailto:help@agency.example" in (await town.http.get("/support")).text


async def test_where_no_address_for_help_is_set_the_pages_say_whom_to_ask(town: Town) -> None:
    pages = {path: (await town.http.get(path)).text for path in ("/", "/privacy", "/support", "/x")}

    assert [path for path, page in pages.items() if "mailto:" in page] == []
    assert "Ask whoever installed the app" in pages["/support"]
    assert 'Ask them: see <a href="/support">' in pages["/privacy"]


class _Links(HTMLParser):
    """Collects what a page makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note addresses of styles, scripts, images and frames."""
        loads = {"link": "href", "script": "src", "img": "src", "iframe": "src"}
        self.found += [value or "" for name, value in attrs if name == loads.get(tag)]

    @classmethod
    def of(cls, html: str) -> list[str]:
        """Return what this page loads."""
        parser = cls()
        parser.feed(html)
        return parser.found
