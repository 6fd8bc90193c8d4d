"""`python -m bot` is `paymo-xero`."""

from bot.cli import main

main()
