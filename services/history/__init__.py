"""Who did what, when: for people in Slack, and as rows for the accountant."""
