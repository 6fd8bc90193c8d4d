"""Bringing the database to the newest version; runs in a process of its own."""

import sys

from bot import logs
from bot.settings import SettingsError, load_settings
from services.store import migrate


def main() -> None:
    """Migrate the database that the settings name."""
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(str(error))
    logs.configure(settings.log_level, settings.log_format)
    migrate.upgrade(settings.database_url.get_secret_value())


if __name__ == "__main__":
    main()
