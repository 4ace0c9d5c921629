"""What is this text's vector?"""

from lsr.encoders.base import BlendedEncoder, Encoder
from lsr.encoders.registry import load_encoder

__all__ = ["BlendedEncoder", "Encoder", "load_encoder"]
