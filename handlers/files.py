"""Lists as files that a spreadsheet opens, sent to one person directly."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from handlers.blocks import section
from handlers.slack_errors import slack_refusals, text_in
from services.errors import ServiceError
from services.model import wording

log = structlog.get_logger(__name__)

_MARK = "\ufeff"  # without it a spreadsheet takes the accents for something else
_NUMBER = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)*")
# Some spreadsheets split cells at semicolons, whatever the quotes say, skip blanks before a
# formula, and read full-width signs as plain ones.
_FORMULA = re.compile(
    r"(^|;)(?=[\s\ufeff\u200b-\u200f\"']*[=+\-@\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b\u2212])"
)
_BREAKS = re.compile(r"[\t-\r\x1c-\x1e\x85\u2028\u2029]+")


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
    text = "" if value is None else wording.clean(_BREAKS.sub(" ", str(value)))
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub(r"\1'", text)


async def share_csv(client: AsyncWebClient, user_id: str, file: CSVFile, text: str) -> bool:
    """Send a file to one person directly, below a line of text; say whether it arrived.

    A channel would show everything to everybody in it. Slack takes files by the conversation's own
    id only, which the answer to the line of text tells.
    """
    try:
        with slack_refusals():
            said = await client.chat_postMessage(channel=user_id, text=text, blocks=[section(text)])
            await client.files_upload_v2(
                channel=text_in(said, "channel"),
                filename=file.name,
                title=file.title,
                content=file.content(),
            )
    # The last two: the client walks on through an answer that lacks what it needs.
    except (ServiceError, ValueError, TypeError) as refusal:
        log.warning("file_not_sent", refusal=refusal)
        return False
    return True
