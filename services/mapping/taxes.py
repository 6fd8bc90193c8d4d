"""Which of Xero's tax types an invoice's taxed lines get, and why.

The tax comes from the account. If it doesn't equal Paymo's, a person chooses one of Xero's rates
that do, or the owner exports this one invoice with the tax that differs.
"""

from collections.abc import Iterable
from decimal import Decimal

from services import money
from services.mapping.case import Case, LedgerSettings
from services.model.export import Check, Colour, KnownAccount, KnownRate
from services.model.wording import some_of

UNTAXED_CHOICE = "untaxed_choice"  # the check that is red until somebody has chosen


def account_fits(case: Case) -> bool:
    """Say whether the account's own tax equals the invoice's."""
    carried = case.ledger.rate_of(case.account) if case.account is not None else None
    return carried is not None and money.rates_agree(case.invoice.rate, carried)


def is_overridden(case: Case) -> bool:
    """Say whether the invoice goes out with the tax of an account whose rate is another one."""
    account = case.account
    return (
        case.choice.override_tax
        and account is not None
        and case.ledger.rate_of(account) is not None
        and not account_fits(case)
    )


def choices(case: Case) -> tuple[KnownRate, ...]:
    """The rates to choose from: none where the account decides, or is still to be chosen."""
    account = case.account
    if account is None or not account.is_usable or account_fits(case) or is_overridden(case):
        return ()
    return rates_of(case.ledger, case.invoice.rate)


def rates_of(ledger: LedgerSettings, wanted: Decimal) -> tuple[KnownRate, ...]:
    """The rates for sales that come to this many per cent."""
    return tuple(
        rate
        for rate in ledger.tax_rates.values()
        if rate.is_usable and money.rates_agree(rate.effective_rate, wanted)
    )


def chosen(case: Case) -> tuple[KnownRate | None, str]:
    """The rate that a person chose, now or for an earlier invoice, and which of these."""
    found = {rate.tax_type: rate for rate in choices(case)}
    if case.choice.tax_type in found:
        used = case.ledger.choice_for(case.invoice.rate) == case.choice.tax_type
        return found[case.choice.tax_type], "used before" if used else "chosen here"
    before = case.ledger.choice_for(case.invoice.rate)
    return (found[before], "used before") if before in found else (None, "")


def tax_type_of(case: Case) -> str:
    """The tax type of the taxed lines; "" while nothing decides it."""
    if case.account is None:
        return ""
    if account_fits(case) or is_overridden(case):
        return case.account.tax_type
    rate, _ = chosen(case)
    return rate.tax_type if rate is not None else ""


def has_untaxed(case: Case) -> bool:
    """Say whether lines go out without tax, beside others or where the account has one."""
    if not case.invoice.rate and not is_overridden(case):
        return False
    return any(not each.apply_tax for each in case.invoice.items)


def untaxed_choices(case: Case) -> tuple[KnownRate, ...]:
    """The rates to choose from for lines without tax; none where that is settled."""
    zeros, chosen_here = case.ledger.zero_rates(), case.choice.untaxed_type
    if len(zeros) <= 1 or not has_untaxed(case):
        return ()
    return zeros if chosen_here or case.ledger.zero_rate() is None else ()


def untaxed_rate(case: Case) -> KnownRate | None:
    """The rate of lines without tax, as chosen in this form or before."""
    return case.ledger.zero_rate(case.choice.untaxed_type)


def untaxed_type_of(case: Case) -> str:
    """The tax type of lines without tax: the invoice's own where that is 0% anyway."""
    zero = untaxed_rate(case)
    return zero.tax_type if zero is not None and has_untaxed(case) else tax_type_of(case)


def check_tax(case: Case) -> Iterable[Check]:
    """Compare both sides' rates, and find a rate of zero where lines need one."""
    account = case.account
    if account is None or not account.is_usable:
        return
    yield _compared(case, account)
    if has_untaxed(case):
        yield _untaxed(case)


def _compared(case: Case, account: KnownAccount) -> Check:
    wanted = case.invoice.rate
    if account_fits(case):
        name = case.ledger.tax_rates[account.tax_type].name
        return Check("tax", Colour.GREEN, f"{case.ledger.written(wanted)} on both sides ({name}).")
    if is_overridden(case):
        text = (
            f"{_differs(case, account)} This one invoice goes out with the account's tax and "
            "Paymo's amounts."
        )
        return Check("tax", Colour.AMBER, text)
    rate, why = chosen(case)
    if rate is not None:
        return Check(
            "tax",
            Colour.GREEN,
            f"{case.ledger.written(wanted)} on both sides ({rate.name}, {why}).",
        )
    there, cure = _ways_on(case, wanted)
    name = "tax" if case.ledger.rate_of(account) is not None else "tax_rate"
    return Check(name, Colour.RED, f"{_differs(case, account)} {there}", cure)


def _differs(case: Case, account: KnownAccount) -> str:
    carried = case.ledger.rate_of(account)
    known = case.ledger.tax_rates.get(account.tax_type)
    if carried is not None:
        states = f"{account.title} has {case.ledger.written(carried)} tax in Xero"
    elif known is not None:
        states = f"{account.title} has {known.name}, which can't be used for sales"
    else:
        states = f"{account.title} has no usable tax rate in Xero"
    return f"{states}, and the invoice has {case.ledger.written(case.invoice.rate)} in Paymo."


def _ways_on(case: Case, wanted: Decimal) -> tuple[str, str]:
    """Say what Xero has with this rate, and in a second sentence what to do."""
    ledger, written = case.ledger, case.ledger.written(wanted)
    if fitting := [each.title for each in ledger.accounts_with(wanted)]:
        verb = "has" if len(fitting) == 1 else "have"
        there = f"{some_of(fitting)} {verb} {written}."
        return there, f"Choose an account with {written}, or a tax rate for the invoice."
    if rates := [rate.name for rate in rates_of(ledger, wanted)]:
        does = f"rate {rates[0]} does" if len(rates) == 1 else f"rates {some_of(rates)} do"
        there = f"No account has {written}, but the tax {does}."
        return there, "Choose a tax rate for the invoice."
    there = f"{ledger.organisation} has no rate of {written}."
    return there, f"Add a tax rate of {written} in Xero, then check again."


def _untaxed(case: Case) -> Check:
    ledger, zero, zeros = case.ledger, untaxed_rate(case), case.ledger.zero_rates()
    if not zeros:
        return Check(
            "untaxed",
            Colour.RED,
            f"Some lines have no tax, and {ledger.organisation} has no 0% rate for sales.",
            "Add a 0% tax rate in Xero, then check again.",
        )
    if zero is None:
        return Check(
            UNTAXED_CHOICE,
            Colour.RED,
            f"Some lines have no tax, and {ledger.organisation} has several 0% rates: "
            f"{some_of([each.name for each in zeros])}.",
            "Choose one for these lines. We'll ask only once.",
        )
    text = f"Lines without tax get {zero.name}."
    if len(zeros) > 1 and not untaxed_choices(case):
        text += " You chose it before, and can change it in the settings."
    return Check("untaxed", Colour.GREEN, text)
