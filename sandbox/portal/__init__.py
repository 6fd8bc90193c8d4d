"""The demo's one address: three panes, and the way from connecting to a paid invoice."""

from sandbox.portal.world import Portal

__all__ = ["Portal"]
