"""The only code that calls Xero and Paymo."""
