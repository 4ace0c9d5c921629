"""Which documents and queries does this file or folder hold?"""
