"""What is this text's vector?"""
