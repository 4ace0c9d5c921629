"""Search engines for sparse vectors, side by side: ``python -m benchmarks.engines`` (README.md says how)."""
