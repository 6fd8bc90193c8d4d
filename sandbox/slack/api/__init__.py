"""The Web API: its methods, and the door in front of them."""
