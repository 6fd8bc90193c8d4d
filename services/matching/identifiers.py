"""What proves who somebody is: tax numbers and e-mail addresses, however they are written."""

import re
from dataclasses import dataclass

from services.matching.spelling import without_signs

_FEWEST_DIGITS = 5
_LABEL = re.compile(
    r"\b(?:vat|tva|iva|btw|mwst|ust|gst|abn|acn|nif|cif|nip|tin|ein|cnpj|cpf|rfc|siret|siren|cvr|kvk"
    r"|uid|ustid\w*|uidnr|tax|steuer\w*|id|idnr|no|nr|number|num|reg\w*|mva|oib|dph|dic|ico|pan"
    r"|partita|p|company)\b[.:#-]*",
    re.IGNORECASE,
)
_APART = re.compile(r"[,;\n|]+|\s-\s|:\s")
_NUMBER = re.compile(r"(che|[a-z]{2})?([0-9a-z]+?)(?:mwst|tva|iva|vat|mva)?")
_FRENCH_VAT, _SIREN = 11, 9
_EVERYBODYS = frozenset(
    "gmail.com googlemail.com outlook.com hotmail.com hotmail.co.uk live.com msn.com "
    "yahoo.com yahoo.co.uk ymail.com icloud.com me.com mac.com aol.com gmx.de gmx.net gmx.at "
    "gmx.ch web.de freenet.de proton.me protonmail.com pm.me mail.ru yandex.ru qq.com 163.com "
    "126.com orange.fr free.fr wanadoo.fr laposte.net sfr.fr t-online.de btinternet.com "
    "sky.com xtra.co.nz bigpond.com comcast.net verizon.net att.net libero.it virgilio.it "
    "tiscali.it wp.pl o2.pl seznam.cz centrum.cz bluewin.ch telenet.be skynet.be ziggo.nl "
    "kpnmail.nl naver.com hanmail.net zoho.com fastmail.com mail.com hey.com outlook.de "
    "outlook.fr hotmail.fr hotmail.it hotmail.es yahoo.fr yahoo.de yahoo.it yahoo.es "
    "yahoo.com.br uol.com.br terra.com.br rediffmail.com abv.bg ukr.net".split()
)


@dataclass(frozen=True, slots=True)
class TaxNumber:
    """A tax number as it is compared: its country, where it says one, and the rest."""

    country: str
    core: str

    @property
    def key(self) -> str:
        """What is equal wherever the number may be the same."""
        is_french = self.country == "fr" and len(self.core) == _FRENCH_VAT
        return self.core[-_SIREN:] if is_french else self.core.lstrip("0")

    def equals(self, other: "TaxNumber") -> bool:
        """Say whether both are one number; two countries have two."""
        is_one_country = not (self.country and other.country) or self.country == other.country
        return self.key == other.key and is_one_country

    def contradicts(self, other: "TaxNumber") -> bool:
        """Say whether two numbers of one kind differ."""
        is_one_kind = self.country == other.country and len(self.core) == len(other.core)
        return is_one_kind and not self.equals(other)


def tax_numbers(text: str) -> tuple[TaxNumber, ...]:
    """The tax numbers in what somebody typed; what stands for none is none."""
    bare = _LABEL.sub(" ", text.replace("_", " "))
    parts = [without_signs(part).casefold() for part in _APART.split(bare)]
    return tuple(_read(part) for part in parts if _is_number(part))


def email_of(text: str) -> str:
    """An address as it is compared."""
    return text.strip().casefold()


def domain_of(text: str) -> str:
    """An address's domain, or "" where everybody can have an address."""
    domain = email_of(text).rpartition("@")[2] if "@" in text else ""
    return "" if domain in _EVERYBODYS else domain


def label_of(domain: str) -> str:
    """What a domain is called, without its endings and hyphens."""
    parts = domain.split(".")
    if len(parts) > 2 and len(parts[-2]) <= 3:  # noqa: PLR2004 -- "acme.co.uk"
        parts.pop()
    return without_signs(parts[-2]) if len(parts) > 1 else ""


def _is_number(text: str) -> bool:
    digits = [each for each in text if each.isdigit()]
    return len(digits) >= _FEWEST_DIGITS and len(set(digits)) > 1


def _read(text: str) -> TaxNumber:
    found = _NUMBER.fullmatch(text)
    if found is None or not _is_number(found[2]):
        return TaxNumber("", text)
    return TaxNumber(found[1] or "", found[2])
