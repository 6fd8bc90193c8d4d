"""The settings form."""

from dataclasses import dataclass

from services.model import Option


@dataclass(frozen=True, slots=True)
class SettingsForm:
    """The settings of one connection, as shown and as saved."""

    connection_id: int
    exporters: tuple[str, ...]
    viewers: tuple[str, ...]
    channel_viewers: str  # "on" or "off"
    xero_status: str  # "AUTHORISED" or "DRAFT"
    void_means: str  # "void" or "delete"
    credits: str  # "record" or "notify"
    auto_export: str = "off"  # or "on"
    attach_pdf: str = "off"  # or "on"
    clean: int = 0  # exports by hand without a difference
    needed: int = 0  # how many of them automatic export wants
    owner_id: str = ""  # as saved, whom it is handed over to
    organisation: str = ""
    untaxed: str = ""  # the tax type of lines without tax; "" while nobody has chosen
    untaxed_options: tuple[Option, ...] = ()  # empty where there is nothing to choose
