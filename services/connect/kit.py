"""What connecting works with: the ports and clients, handed in once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.clients.paymo import PaymoClients
from services.clients.tokens import Tokens, XeroOAuth
from services.clients.xero import XeroClients
from services.connect.shapes import ConnectScreen
from services.jobs.work import Work
from services.model.links import Links
from services.store.engine import Database


@dataclass(frozen=True, slots=True)
class Kit:
    """The ports and clients that connecting works with."""

    database: Database
    paymo: PaymoClients
    xero: XeroClients
    oauth: XeroOAuth
    tokens: Tokens
    work: Work
    screen: ConnectScreen
    links: Links
    public_url: str
    now: Callable[[], datetime]
