"""Which Xero contact and account a Paymo client goes to."""
