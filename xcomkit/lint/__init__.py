"""Rules with stable ids over what a values file will make of the agents' environment."""
