"""How does a person ask? One module for each verb of the command line, and the few that they share.

Only ``typer`` and the standard library are imported at module level, so that ``lsr --help`` stays quick; each verb
loads what it needs when it runs.
"""
