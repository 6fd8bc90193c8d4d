"""What Slack's SDK keeps: installations, bots and OAuth states, with its column names.

The SDK's own tables keep tokens readable, in narrow columns, and times without a zone.
"""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from services.store.tables.base import Base
from services.store.types import Secret, UtcDateTime


class _Installed:
    """The columns that the SDK keeps of installations and bots alike."""

    id: Mapped[int] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(String(32))
    app_id: Mapped[str] = mapped_column(String(32))
    enterprise_id: Mapped[str | None] = mapped_column(String(32))
    enterprise_name: Mapped[str | None] = mapped_column(String(255))
    team_id: Mapped[str | None] = mapped_column(String(32))  # None: for the whole organisation
    team_name: Mapped[str | None] = mapped_column(String(255))
    bot_token: Mapped[str | None] = mapped_column(Secret)
    bot_id: Mapped[str | None] = mapped_column(String(32))
    bot_user_id: Mapped[str | None] = mapped_column(String(32))
    bot_scopes: Mapped[str | None] = mapped_column(String(1000))
    bot_refresh_token: Mapped[str | None] = mapped_column(Secret)
    bot_token_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_enterprise_install: Mapped[bool] = mapped_column(default=False)
    installed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SlackInstallation(_Installed, Base):
    """One person's installation into a workspace, or into a whole organisation."""

    __tablename__ = "slack_installations"
    __table_args__ = (Index(None, "client_id", "enterprise_id", "team_id"),)

    enterprise_url: Mapped[str | None] = mapped_column(String(255))
    user_id: Mapped[str] = mapped_column(String(32))
    user_token: Mapped[str | None] = mapped_column(Secret)
    user_scopes: Mapped[str | None] = mapped_column(String(1000))
    user_refresh_token: Mapped[str | None] = mapped_column(Secret)
    user_token_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    incoming_webhook_url: Mapped[str | None] = mapped_column(Secret)
    incoming_webhook_channel: Mapped[str | None] = mapped_column(String(255))
    incoming_webhook_channel_id: Mapped[str | None] = mapped_column(String(32))
    incoming_webhook_configuration_url: Mapped[str | None] = mapped_column(String(500))
    token_type: Mapped[str | None] = mapped_column(String(32))


class SlackBot(_Installed, Base):
    """The bot of a workspace, or of a whole organisation."""

    __tablename__ = "slack_bots"
    __table_args__ = (Index(None, "client_id", "enterprise_id", "team_id"),)


class SlackState(Base):
    """An OAuth state that was used, so that it does not work again."""

    __tablename__ = "slack_oauth_states"

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(200), unique=True)  # its SHA-256, in hex
    expire_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
