"""One module for each engine. An engine's index is built once, and may be asked with several settings."""
