"""Which k documents score highest, and why?"""
