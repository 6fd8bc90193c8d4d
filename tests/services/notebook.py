"""A screen for tests of the services."""

from collections.abc import Awaitable
from dataclasses import dataclass, field

from services.batch.table import BatchForm
from services.errors import Unavailable
from services.export.forms import ExportForm
from services.export.recording import ExportResult
from services.model.people import ReplyTarget, Said
from services.reconcile.report import Report
from services.sync.run import Swept


@dataclass(slots=True)
class Notebook:
    """A screen that keeps what was drawn on it."""

    forms: list[ExportForm] = field(default_factory=list)
    results: list[ExportResult] = field(default_factory=list)
    swept: list[Swept] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    shown_in: list[str] = field(default_factory=list)
    files: list[tuple[str, Report]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    sayings: list[Said] = field(default_factory=list)
    batches: list[BatchForm] = field(default_factory=list)
    ended: list[BatchForm] = field(default_factory=list)
    meanwhile: list[Awaitable[object]] = field(default_factory=list)  # before it is drawn

    async def show_form(self, _: ReplyTarget, form: ExportForm, drawn: str = "") -> str:
        """Keep a form, whatever has come since."""
        while self.meanwhile:
            await self.meanwhile.pop()
        self.forms.append(form)
        return "drawn"

    async def show_result(self, _: ReplyTarget, result: ExportResult) -> None:
        """Keep a result."""
        self.results.append(result)

    async def say(self, _: ReplyTarget, said: Said) -> None:
        """Keep what was said."""
        self.sayings.append(said)

    async def show_swept(self, _: ReplyTarget, swept: Swept) -> None:
        """Keep a report."""
        self.swept.append(swept)

    async def show_report(self, reply_to: ReplyTarget, report: Report) -> None:
        """Keep a comparison, and in which modal it was."""
        self.reports.append(report)
        self.shown_in.append(reply_to.view_id)

    async def send_file(self, reply_to: ReplyTarget, report: Report) -> None:
        """Keep who got which file."""
        self.files.append((reply_to.user_id, report))

    async def show_wait(self, _: ReplyTarget, reason: str) -> None:
        """Keep why a comparison waits."""
        self.said.append(reason)

    async def show_refusal(self, _: ReplyTarget, reason: str) -> None:
        """Keep why there is no comparison."""
        self.said.append(reason)

    async def show_batch(self, _: ReplyTarget, form: BatchForm) -> None:
        """Keep a batch as it stands."""
        while self.meanwhile:
            await self.meanwhile.pop()
        self.batches.append(form)

    async def show_ended(self, _: ReplyTarget, form: BatchForm) -> None:
        """Keep the report of a batch."""
        self.ended.append(form)


class Called(dict[str, str]):
    """What Slack calls people."""

    async def name_of(self, workspace_id: int, user_id: str) -> str:
        """Return a name, or raise as Slack's door does where it does not say."""
        if user_id not in self:
            raise Unavailable("missing_scope")
        return self[user_id]
