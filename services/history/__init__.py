"""Who did what and when: for people in Slack, and as rows for the accountant."""
