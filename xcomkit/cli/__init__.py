"""The commands of the command line, one module each: ``add`` teaches it, ``act`` does it."""
