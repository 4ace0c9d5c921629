"""How good, how sure, how fast?"""
