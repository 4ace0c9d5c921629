"""How do vectors lie on disk, and are they sound?"""
