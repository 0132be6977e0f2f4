"""Rules with stable ids over what a configuration of agents, of any kind, makes of them."""
