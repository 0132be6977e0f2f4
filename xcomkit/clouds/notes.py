"""What a plan says in words where a change takes something away that was there."""


def replaces_key(key: str) -> str:
    """Return the note where a customer's key is replaced; only a parameter can ask for that."""
    return f"encryption is set, so it replaces the customer's key {key}"


def expires_sooner(present: list[int], wanted: list[int]) -> str:
    """Return the note where objects expire after fewer days than so far, or ``""``."""
    if not present or not wanted or min(wanted) >= max(present):
        return ""
    return f"objects expire after {min(wanted)} days, so far after {max(present)}"
