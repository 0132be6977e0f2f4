"""Reads files of every kind into one configuration: which kind it is, then its variables."""
