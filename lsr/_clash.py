"""Another distribution also installs a package called ``lsr``; notice when both share one folder."""

from __future__ import annotations

import os
import warnings

from lsr.errors import DISTRIBUTION

_NAMESAKE_MODULES = ("models", "datasets", "losses", "trainer", "configs")


def warn_about_namesake(folder: str | None = None) -> None:
    """Warn if this package's folder also holds modules of the research package that imports as ``lsr``.

    Args:
        folder: The folder of the package; this one's if not given.
    """
    here = folder or os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 (pathlib costs start-up time)
    strangers = [
        name
        for name in _NAMESAKE_MODULES
        if os.path.exists(os.path.join(here, name, "__init__.py")) or os.path.exists(os.path.join(here, f"{name}.py"))  # noqa: PTH110, PTH118
    ]
    if strangers:
        warnings.warn(
            f"another package named 'lsr' is installed in the same folder ({here} holds {', '.join(strangers)}); "
            f"the two overwrite each other's files. Keep them in separate environments, then reinstall {DISTRIBUTION}.",
            UserWarning,
            stacklevel=3,
        )
