"""The agents' values.yaml: read, generate, merge, and what each component will see of it."""
