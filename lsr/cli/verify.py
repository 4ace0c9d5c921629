"""``lsr verify``: is every byte of an index as it was written?"""

from __future__ import annotations

import time

from lsr.cli import options
from lsr.cli.exits import ANSWER_IS_NO, DONE, report
from lsr.cli.info import stored_bytes
from lsr.cli.output import answer, answer_json, counted, size_text
from lsr.errors import CorruptIndex


def verify(directory: options.IndexFolder, as_json: options.AsJson = False) -> int:
    """Read every byte of an index and check it.

    Examples:
      lsr verify my.idx
      lsr verify my.idx --json

    The exit code is 0 if the index is sound, and 1 if it is damaged.
    """
    from lsr.index.index import Index

    started = time.perf_counter()
    try:
        opened = Index.open(directory, verify=True)
    except CorruptIndex as error:
        report(error, as_json=as_json)
        if as_json:
            answer_json({"index": str(directory), "sound": False, "message": error.message, "path": error.where})
        return ANSWER_IS_NO
    with opened:
        manifest = opened.manifest
    read = stored_bytes(manifest)
    if as_json:
        answer_json({"index": str(directory), "sound": True, "documents": manifest.documents, "bytes": read})
    else:
        answer(
            f"sound: {counted(manifest.documents, 'document')}; {size_text(read)} compared with their checksums and "
            f"rules in {time.perf_counter() - started:.1f} s"
        )
    return DONE
