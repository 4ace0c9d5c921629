"""How do vectors lie on disk, and are they sound?"""

from lsr.index.index import Index

__all__ = ["Index"]
