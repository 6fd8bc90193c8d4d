"""Who acts and where, what they may do, and what they may see."""

from dataclasses import dataclass, field
from enum import IntEnum


class Role(IntEnum):
    """What a person may do with a connection; each role may do what those before it may."""

    NOBODY = 0
    VIEWER = 1  # ask how an invoice stands
    EXPORTER = 2  # export, match, decide, subscribe channels
    OWNER = 3  # settings, connecting, disconnecting

    @property
    def word(self) -> str:
        """Return the role as people read it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, and where: ids as Slack gives them."""

    enterprise_id: str  # empty outside Enterprise Grid
    team_id: str
    user_id: str
    channel_id: str = ""  # empty where there is none, as in Home and global shortcuts
    connection_id: int = 0  # the one that was chosen; 0 where the place decides
    # Labels that Slack sent with this act, for pages; they say who somebody is and prove nothing.
    name: str = field(default="", compare=False)
    workspace: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ReplyTarget:
    """Where an answer to a person belongs: the open view if there is one, else the channel."""

    workspace_id: int
    user_id: str
    channel_id: str = ""
    view_id: str = ""
    view_hash: str = ""
    batch_id: int = 0  # of the table that the view is open on top of


@dataclass(frozen=True, slots=True)
class Said:
    """What one person is told of something they asked for, and where to look."""

    text: str
    is_well: bool = True
    xero_url: str = ""
    paymo_url: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One row of a menu: what is sent, what is read, and a second line."""

    value: str
    text: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """Options under a heading."""

    label: str
    options: tuple[Option, ...]
