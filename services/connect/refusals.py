"""What can go wrong on the way through our one-time pages."""

from services.errors import ServiceError


class LinkExpired(ServiceError):
    """A one-time link that was used, is too old, or was never handed out."""

    def __init__(self) -> None:
        """Say where a fresh one is to be had."""
        super().__init__(
            "This link was used already or is older than ten minutes. Go back to Slack and start "
            "again with /paymo-xero connect."
        )


class ConsentRefused(ServiceError):
    """The person did not allow the access at Xero."""
