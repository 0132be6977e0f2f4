"""What the documents of a cloud mean, read once for the steps and for ``xcomkit lint``. No SDK."""
