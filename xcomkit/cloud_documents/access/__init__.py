"""What each cloud calls trust and rights: audiences, roles, limits, names. No SDK, no settings."""
