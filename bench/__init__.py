"""How fast it is: figures beside a limit and a peer, outside the tests."""
