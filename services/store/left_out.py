"""Rows of Paymo's or Xero's that cannot be read: kept by name, so that people hear of them."""

from collections.abc import Collection, Mapping

from services.store.tables import Connection

_MOST = 200  # rows of one list that are kept by name
_SHOWN = 3


def replace(connection: Connection, name: str, rows: Mapping[str, str]) -> None:
    """Note what a whole list left out; `rows` are the sentences' parts by the rows' ids."""
    kept = dict(list(rows.items())[:_MOST])
    others = {key: value for key, value in (connection.left_out or {}).items() if key != name}
    connection.left_out = {**others, name: kept} if kept else others


def merge(
    connection: Connection, name: str, rows: Mapping[str, str], read: Collection[str]
) -> None:
    """Note what a part of a list left out; what was `read` is left out no longer."""
    before = (connection.left_out or {}).get(name, {})
    after = {key: text for key, text in before.items() if key not in read} | dict(rows)
    if after != before:
        replace(connection, name, after)


def said(connection: Connection) -> str:
    """Return a sentence that names what is left out, or ""."""
    found = [text for rows in (connection.left_out or {}).values() for text in rows.values()]
    if not found:
        return ""
    more = len(found) - _SHOWN
    listed = ", ".join([*found[:_SHOWN], *([f"{more} more"] if more > 0 else [])])
    return f"Left out because they can't be read: {listed}. Check them there."
