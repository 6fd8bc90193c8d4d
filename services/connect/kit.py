"""What connecting works with: the ports and clients, handed in once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.clients.paymo import PaymoClients
from services.connect.checklists import Checklists, ConnectScreen
from services.connect.consents import Consents
from services.jobs.work import Work
from services.store.engine import Database


@dataclass(frozen=True, slots=True)
class Kit:
    """The ports and clients that connecting works with."""

    database: Database
    paymo: PaymoClients
    consents: Consents
    checklists: Checklists
    work: Work
    screen: ConnectScreen
    now: Callable[[], datetime]
