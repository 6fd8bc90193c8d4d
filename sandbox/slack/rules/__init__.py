"""What Slack refuses in views, messages and menus, and in which words."""
