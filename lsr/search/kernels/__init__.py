"""How is one segment scored? One algorithm a file, all with the same result.

A kernel gets the posting lists of a query's terms in ascending term id, with one float64 factor a list, and returns the
k best documents of the segment with a positive score: numbers inside the segment (int64) and float32 scores, by score
descending, then number ascending. The score is the float64 sum of factor x impact in term order, rounded once to
float32.
"""
