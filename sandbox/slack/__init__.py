"""A stand-in for Slack: its Web API, its rules, its people, and the requests it sends to an app."""

from sandbox.slack.delivery import Answer
from sandbox.slack.modals import Menu
from sandbox.slack.model import Channel, Message, NotPossible, Team, User, View
from sandbox.slack.server import SlackWorld

__all__ = [
    "Answer",
    "Channel",
    "Menu",
    "Message",
    "NotPossible",
    "SlackWorld",
    "Team",
    "User",
    "View",
]
