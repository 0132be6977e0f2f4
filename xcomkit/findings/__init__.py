"""What was found: rules, checks, plans, evidence on disk, and reports of it."""
