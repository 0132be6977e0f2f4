"""What the stand-ins of all clouds share: server, door for tests, enforcement, life."""
