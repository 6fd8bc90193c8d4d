"""The settings form."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SettingsForm:
    """The settings of one connection, as shown and as saved."""

    connection_id: int
    exporters: tuple[str, ...]
    xero_status: str  # "AUTHORISED" or "DRAFT"
    void_means: str  # "void" or "delete"
    credits: str  # "record" or "notify"
    owner_id: str = ""
    organisation: str = ""
