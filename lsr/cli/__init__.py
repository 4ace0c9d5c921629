"""How does a person ask from a terminal?"""
