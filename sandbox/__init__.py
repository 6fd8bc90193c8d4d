"""Stand-ins for Slack, Xero and Paymo on real sockets: what the demo runs and the tests talk to."""
