"""How is one segment scored? One algorithm a file, all with the same result.

``columns`` answers for byte segments, ``exhaustive`` for float segments, ``portable`` for both in plain numpy. Each
returns the k best documents of a segment with a positive score: numbers inside the segment (int64) and float32 scores,
by score descending, then number ascending. The score is the float64 sum of query weight x scale x impact in ascending
term id, rounded once to float32.
"""
