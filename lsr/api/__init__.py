"""How does a program ask over HTTP?"""
