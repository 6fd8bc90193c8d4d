"""The demo's one address: three panes, and the way from connecting to a paid invoice."""

from sandbox.portal.server import Portal

__all__ = ["Portal"]
