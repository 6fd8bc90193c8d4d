"""Currencies: Paymo's codes, their decimals, and how an amount is written."""

from decimal import Decimal

from services.money.figures import NotExportable
from services.money.shares import decimals_in


def _codes(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_PAYMO_CODES = {"CFP": "XPF", "RMB": "CNY", "TBH": "THB", "U$S": "USD", "US$": "USD"}
_RETIRED = {
    "ANG": "XCG",
    "BGN": "EUR",
    "EEK": "EUR",
    "HRK": "EUR",
    "LTL": "EUR",
    "LVL": "EUR",
    "SKK": "EUR",
    "VEF": "VES",
}
_NO_DECIMALS = _codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF")
_THREE_DECIMALS = _codes("BHD IQD JOD KWD LYD OMR TND")
_TWO_DECIMALS = _codes(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
    "CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
    "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL "
    "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN "
    "PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
    "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_KNOWN = _NO_DECIMALS | _TWO_DECIMALS | _THREE_DECIMALS


def currency_code(paymo_code: str) -> str:
    """The ISO code for one of Paymo's, or refuse it by name."""
    code = paymo_code.strip().upper()
    code = _PAYMO_CODES.get(code, code)
    if code in _RETIRED:
        raise NotExportable(
            f"The currency {code} is no longer in use ({_RETIRED[code]} took its place), and Xero "
            "does not take it. Change the invoice's currency in Paymo."
        )
    if code not in _KNOWN:
        raise NotExportable(
            f"{paymo_code!r} is not a currency known here. Change the invoice's currency in Paymo."
        )
    return code


def decimals_of(currency: str) -> int:
    """How many decimals a currency has, two if it is unknown."""
    currency = _PAYMO_CODES.get(currency, currency)
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def format_amount(amount: Decimal, currency: str) -> str:
    """Write an amount as "1,234.50 GBP", and never hide a decimal that it has."""
    decimals = max(decimals_of(currency), decimals_in(amount))
    return f"{amount or Decimal(0):,.{decimals}f} {currency}"
