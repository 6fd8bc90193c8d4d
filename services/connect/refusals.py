"""What can go wrong on the way through our one-time pages."""

from services.errors import ServiceError
from services.model.wording import Command, Typed


class LinkExpired(ServiceError):
    """A one-time link that was used, is too old, or was never handed out."""

    def __init__(self) -> None:
        """Say where a fresh one is to be had."""
        super().__init__(
            "This link was used already, was replaced by a newer one, or is older than ten "
            f"minutes. Go back to Slack and start again with {Typed(Command.CONNECT)}."
        )


class LinkIncomplete(LinkExpired):
    """An address without the code that every link of ours carries."""

    def __init__(self) -> None:
        """Say what is missing."""
        ServiceError.__init__(
            self,
            "This address is incomplete: the code of your link is missing. Type "
            f"{Typed(Command.CONNECT)} in Slack and open the page from the button there.",
        )


class TriesSpent(LinkExpired):
    """Too many keys did not work on one link."""

    def __init__(self) -> None:
        """Say where to go on."""
        ServiceError.__init__(
            self,
            "Five keys didn't work, so this link is closed. No key was kept. The form in Slack has "
            f"a new link, or type {Typed(Command.CONNECT)}.",
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
            "Nothing was connected, because this form was sent from another site. Type "
            f"{Typed(Command.CONNECT)} in Slack and open the page from the button there."
        )


class ConsentRefused(ServiceError):
    """The person did not allow the access at Xero."""


_AGAIN = f"To try again, go back to Slack and type {Typed(Command.CONNECT)}."
_LONGEST_ERROR = 100  # characters; it comes from an address that anybody can write
_CANCELLED = frozenset({"", "access_denied"})
TWO_APPS = (
    "An organisation takes two uncertified apps at most: if it has two, disconnect one in Xero at "
    "Settings → Connected apps."
)
_SCOPES = frozenset({"invalid_scope", "unauthorized_client"})


def why_not_allowed(error: str) -> str:
    """Say what to do about the error with which Xero's consent page sent somebody back."""
    if error in _CANCELLED:
        return f"Access was not allowed at Xero, so nothing was connected. {_AGAIN}"
    if error in _SCOPES:
        return (
            "Xero doesn't give this app what it asks for, so nothing was connected. A Xero app "
            "made since March 2026 has granular scopes only. Whoever runs paymo-xero finds the "
            f"ones it needs in its operations page. {_AGAIN}"
        )
    return (
        f"Xero answered with an error ({error[:_LONGEST_ERROR]}), so nothing was connected. "
        f"{TWO_APPS} {_AGAIN}"
    )
