"""The only door to the networks of Xero and Paymo."""
