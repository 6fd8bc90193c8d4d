"""Lists as files that a spreadsheet opens, sent to one person directly."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from handlers.slack_errors import slack_refusals
from services.errors import ServiceError

log = structlog.get_logger(__name__)

_MARK = "\ufeff"  # without it a spreadsheet takes the accents for something else
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[-+]?[0-9.,]+")


@dataclass(frozen=True, slots=True)
class CSVFile:
    """A list with a line of headings."""

    name: str  # of the file, such as "compared-2026-11.csv"
    title: str
    headings: Sequence[str]
    rows: Iterable[Sequence[object]]

    def content(self) -> str:
        """Write it; text that a spreadsheet would take for a formula stays text."""
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\r\n")
        writer.writerow(self.headings)
        writer.writerows([_cell(each) for each in row] for row in self.rows)
        return _MARK + written.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    is_formula = text.startswith(_FORMULA) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


async def share_csv(client: AsyncWebClient, user_id: str, file: CSVFile, text: str) -> bool:
    """Send a file to one person directly, below a line of text; say whether it arrived.

    A channel would show everything to everybody in it. Slack takes files by the conversation's own
    id only, which the answer to the line of text tells.
    """
    try:
        with slack_refusals():
            said = await client.chat_postMessage(channel=user_id, text=text)
            await client.files_upload_v2(
                channel=str(said["channel"]),
                filename=file.name,
                title=file.title,
                content=file.content(),
            )
    except ServiceError as refusal:
        log.warning("file_not_sent", reason=str(refusal))
        return False
    return True
