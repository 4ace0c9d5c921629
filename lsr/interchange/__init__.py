"""How do vectors travel to and from other engines?

Four formats carry the vectors of an index: CIFF (``ciff_writer``, ``ciff_reader``), the JSON Lines of Anserini and of
Seismic (``json_lines``), and rows in an ``.npz`` file (``npz``). ``exporting`` writes them from an index and
``importing`` builds an index from them; both choose the format by name, suffix or content (``formats``).
"""

from lsr.interchange.exporting import Exported, export_index
from lsr.interchange.importing import import_index

__all__ = ["Exported", "export_index", "import_index"]
