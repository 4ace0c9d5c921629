"""What is this text's vector?"""

from lsr.encoders.base import BlendedEncoder, Encoder
from lsr.encoders.registry import DEFAULT_MODEL, load_encoder

__all__ = ["DEFAULT_MODEL", "BlendedEncoder", "Encoder", "load_encoder"]
