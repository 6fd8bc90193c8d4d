"""Descriptions: HTML in, plain text within Xero's limit out."""

import html
import re

from services.model import texts

LONGEST_DESCRIPTION = 4000
_HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"<br\b[^<>]*>|</(?:p|div|li|tr|h[1-6]|ul|ol|table)\s*>", re.IGNORECASE)
# Only tags that exist are taken out, so that "a < b" and "Vec<int>" stay as they were typed.
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|body|center|cite|code|del|div|dd|dl|dt|em|font|h[1-6]|head|hr"
    r"|html|i|img|ins|label|li|mark|ol|p|pre|s|script|section|small|span|strike|strong|style|sub"
    r"|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_SPACE_AT_END = re.compile(r"[ \t\u00a0]+$", re.MULTILINE)
_GAP = re.compile(r"\n{3,}")


def plain_text(text: str) -> str:
    """Return the text without HTML, with plain line ends and no blank edges."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _TAG.sub("", _BREAK.sub("\n", _HIDDEN.sub("", text)))
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text).replace("\u00a0", " ")
    text = _SPACE_AT_END.sub("", texts.clean(text))
    return _GAP.sub("\n\n", text).strip()


def line_text(title: str, description: str) -> str:
    """Join a Paymo item's title and its description, which often repeat each other."""
    title, description = plain_text(title), plain_text(description)
    if description.startswith(title):
        return description
    return f"{title}\n{description}".strip()


def within_limit(text: str, closing: str = "") -> str:
    """Cut the text so that it, and the closing words on a line of their own, fit in Xero."""
    room = LONGEST_DESCRIPTION - (len(closing) + 1 if closing else 0)
    if len(text) > room:
        text = text[: room - 1].rstrip() + "…"
    return f"{text}\n{closing}".strip()
