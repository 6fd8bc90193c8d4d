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


class LinkIncomplete(LinkExpired):
    """An address without the code that every link of ours carries."""

    def __init__(self) -> None:
        """Say what is missing."""
        ServiceError.__init__(
            self,
            "This address is incomplete: the code of your link is missing. Type /paymo-xero "
            "connect in Slack and open the page from the button there.",
        )


class TriesSpent(LinkExpired):
    """Too many keys did not work on one link."""

    def __init__(self) -> None:
        """Say where to go on."""
        ServiceError.__init__(
            self,
            "Five keys didn't work, so this link is closed. No key was kept. The form in Slack has "
            "a new link, or type /paymo-xero connect.",
        )


class OtherBrowser(ServiceError):
    """A step was taken in another browser than the one before."""

    def __init__(self) -> None:
        """Say in which browser to go on."""
        super().__init__(
            "Nothing was connected, because this step belongs to another browser. Open the link "
            "from Slack and finish in the same browser, with cookies allowed."
        )


class NotConfirmed(ServiceError):
    """Nobody ticked that they are the person who asked."""

    def __init__(self) -> None:
        """Say what to tick."""
        super().__init__(
            "Tick the box to confirm that you asked for this page. If you didn't, close it."
        )


class ForeignForm(ServiceError):
    """A form that did not come from a page of ours."""

    def __init__(self) -> None:
        """Say how to get to our page."""
        super().__init__(
            "Nothing was connected, because this form was sent from another site. Type /paymo-xero "
            "connect in Slack and open the page from the button there."
        )


class ConsentRefused(ServiceError):
    """The person did not allow the access at Xero."""
