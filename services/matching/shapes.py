"""The match form: one client at a time, with suggestions and their reasons."""

from dataclasses import dataclass

from services.model.people import Option


@dataclass(frozen=True, slots=True)
class MatchForm:
    """The match form as it is to be drawn now; `client` is None when every client is matched."""

    connection_id: int
    organisation: str
    client: Option | None
    contact: Option | None  # remembered, or suggested
    contact_reason: str
    account: Option | None
    unmatched: int
    total: int


@dataclass(frozen=True, slots=True)
class MatchChoice:
    """The fields of the match form."""

    client_id: int
    contact_id: str
    account_id: str = ""
