import numpy as np
import oracle
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from toy import segment_of as made_segment
from toy import space, write_index

from lsr.errors import UsageError
from lsr.index.index import Index
from lsr.search import engine as engine_module
from lsr.search.engine import Engine
from lsr.search.kernels import portable
from lsr.vectors import TERM_LIMIT, SparseVectors

WINDOW = 16384
KERNELS = ("portable", "compiled")
BASES = (0, 10, TERM_LIMIT - 8)
TERMS = (0, 1, 2, 9, 10, 11, 500, TERM_LIMIT - 8, TERM_LIMIT - 1)


def spaces(scales):
    ends = (*BASES[1:], TERM_LIMIT)
    return [
        space(f"s{i}", base=base, capacity=end - base, scale=scale)
        for i, (base, end, scale) in enumerate(zip(BASES, ends, scales, strict=True))
    ]


def scale_of(term, scales):
    return scales[sum(term >= base for base in BASES) - 1]


def segment_of(documents, dtype, first=0, density=0.06, order=None):
    rows = [(list(row), [float(value) for value in row.values()]) for row in documents]
    return made_segment(SparseVectors.from_rows(rows), np.dtype(dtype).name, first, density, order)


def hits(result, q=0):
    n = int(result.counts[q])
    assert np.all(result.documents[q, n:] == -1)
    assert np.all(result.scores[q, n:] == 0)
    return list(zip(result.documents[q, :n].tolist(), result.scores[q, :n].tolist(), strict=True))


def query_vectors(queries):
    return SparseVectors.from_rows([(list(query), list(query.values())) for query in queries])


@st.composite
def cases(draw):
    dtype = draw(st.sampled_from([np.uint8, np.float32]))
    if dtype is np.uint8:
        bits = st.integers(2**15, 2**16 - 1)
        scales = draw(st.tuples(*[st.builds(lambda m, e: m * 2.0**e, bits, st.integers(-40, -8))] * 3))
        # Few levels make many ties; 255 is the largest.
        values = st.sampled_from([1, 2, 3, 254, 255])
    else:
        scales = (1.0, 1.0, 1.0)
        values = st.floats(2.0**-20, 100, width=32)
    documents = draw(st.lists(st.dictionaries(st.sampled_from(TERMS), values, max_size=6), min_size=1, max_size=40))
    weights = st.one_of(st.floats(2.0**-20, 100, width=32), st.sampled_from([1.0, 2.0, 0.5]))
    terms = st.sampled_from([*TERMS, 7, TERM_LIMIT - 3])
    queries = draw(st.lists(st.dictionaries(terms, weights, max_size=6), min_size=1, max_size=6))
    k = draw(st.sampled_from([1, 2, 3, 10, 1000]))
    cut = draw(st.integers(0, len(documents)))
    return documents, dtype, scales, queries, k, cut


@pytest.mark.parametrize("kernel", KERNELS)
@given(cases(), st.sampled_from([0.0, 0.06, 0.3, 1.0]), st.randoms(use_true_random=False))
def test_containers_and_positions_do_not_show(kernel, case, density, random):
    """Columns only, lists only, or both; documents in their order, or in any other."""
    documents, dtype, scales, queries, k, _ = case
    scaled = [{term: value * scale_of(term, scales) for term, value in row.items()} for row in documents]
    order = np.array(random.sample(range(len(documents)), len(documents)), np.uint32)
    vectors = query_vectors(queries)
    for chosen in (None, order):
        found = Engine([segment_of(documents, dtype, 0, density, chosen)], spaces(scales), kernel).search(vectors, k)
        assert [hits(found, q) for q in range(len(queries))] == [oracle.top(scaled, query, k) for query in queries]


@pytest.mark.parametrize("kernel", KERNELS)
@given(cases())
@example(([{}], np.uint8, (1.0, 1.0, 1.0), [{0: 1.0}], 1, 0))
@example(([{0: 1}], np.uint8, (1.0, 1.0, 1.0), [{}, {7: 1.0}], 5, 1))
def test_equals_the_oracle_whole_and_in_two_segments(kernel, case):
    documents, dtype, scales, queries, k, cut = case
    scaled = [{term: value * scale_of(term, scales) for term, value in row.items()} for row in documents]
    expected = [oracle.top(scaled, query, k) for query in queries]
    vectors = query_vectors(queries)
    whole = [segment_of(documents, dtype)]
    halves = [segment_of(documents[:cut], dtype), segment_of(documents[cut:], dtype, first=cut)]
    for segments in (whole, halves):
        found = Engine(segments, spaces(scales), kernel).search(vectors, k)
        assert found.documents.shape == (len(queries), min(k, len(documents)))
        assert [hits(found, q) for q in range(len(queries))] == expected


@pytest.mark.parametrize("kernel", KERNELS)
def test_sixty_terms_at_the_highest_level_are_exact(kernel):
    random = np.random.default_rng(0)
    scales = (40009 * 2.0**-22, 65535 * 2.0**-24, 1.0)
    documents = [dict.fromkeys(range(60), 255), dict.fromkeys(range(60), 254), dict.fromkeys(range(30), 255)]
    query = {term: float(weight) for term, weight in enumerate(random.uniform(1e-6, 100, 60).astype(np.float32))}
    scaled = [{term: value * scale_of(term, scales) for term, value in row.items()} for row in documents]
    found = Engine([segment_of(documents, np.uint8)], spaces(scales), kernel).search(query_vectors([query]), 3)
    assert hits(found) == oracle.top(scaled, query, 3)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW + 1])
def test_window_borders(kernel, size):
    documents = [{0: i % 250 + 1} for i in range(size)]
    for edge in (0, WINDOW - 2, WINDOW - 1, WINDOW, size - 1):
        if edge < size:
            documents[edge] = {0: 255, 1: 255}
    query = {0: 1.0, 1: 0.5}
    made = Engine([segment_of(documents, np.uint8)], spaces((1.0, 1.0, 1.0)), kernel)
    for k in (1, 7, 300, size):
        assert hits(made.search(query_vectors([query]), k)) == oracle.top(documents, query, k)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("order", ["rising", "falling", "equal", "shuffled"])
def test_many_more_candidates_than_the_buffer_holds(kernel, order):
    weights = np.arange(1, 3001, dtype=np.float32)
    if order == "falling":
        weights = weights[::-1]
    elif order == "equal":
        weights = np.ones_like(weights)
    elif order == "shuffled":
        weights = np.random.default_rng(1).permutation(weights)
    documents = [{0: float(weight)} for weight in weights]
    made = Engine([segment_of(documents, np.float32)], spaces((1.0, 1.0, 1.0)), kernel)
    for k in (1, 2, 3, 64, 65, 2999):
        assert hits(made.search(query_vectors([{0: 0.1}]), k)) == oracle.top(documents, {0: float(np.float32(0.1))}, k)


@pytest.mark.parametrize("kernel", KERNELS)
def test_scores_that_round_to_zero_are_no_hits(kernel):
    tiny = 2.0**-100
    made = Engine([segment_of([{0: tiny}, {0: 1.0}], np.float32)], spaces((1.0, 1.0, 1.0)), kernel)
    assert hits(made.search(query_vectors([{0: tiny}]), 2)) == [(1, tiny)]


@pytest.fixture(scope="module")
def larger():
    random = np.random.default_rng(2)
    documents = [
        {int(t): int(random.integers(1, 256)) for t in random.choice(40, random.integers(0, 12), replace=False)}
        for _ in range(500)
    ]
    queries = [
        {int(t): float(np.float32(random.uniform(0.1, 3))) for t in random.choice(45, 6, replace=False)}
        for _ in range(37)
    ]
    return documents, queries


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_batch_equals_its_queries_and_threads_change_nothing(kernel, larger):
    documents, queries = larger
    made = Engine([segment_of(documents, np.uint8)], spaces((1.0, 0.5, 1.0)), kernel)
    vectors = query_vectors(queries)
    alone = [hits(made.search(vectors.slice(q, q + 1), 20)) for q in range(len(queries))]
    for threads in (1, 8, 100):
        batch = made.search(vectors, 20, threads)
        assert [hits(batch, q) for q in range(len(queries))] == alone


def test_auto_moves_to_the_compiled_kernel_after_a_few_queries(larger, monkeypatch):
    documents, queries = larger
    monkeypatch.setattr(engine_module, "sys", type("Sys", (), {"modules": {}}))
    used = []
    real = portable.search
    monkeypatch.setattr(portable, "search", lambda *a: used.append(1) or real(*a))
    made = Engine([segment_of(documents, np.uint8)], spaces((1.0, 1.0, 1.0)))
    vectors = query_vectors([queries[i % len(queries)] for i in range(40)])
    results = [hits(made.search(vectors.slice(q, q + 1), 5)) for q in range(40)]
    assert len(used) == engine_module.PATIENCE
    assert results == [oracle.top([dict(d) for d in documents], queries[i % len(queries)], 5) for i in range(40)]


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_index_on_disk_with_two_segments_answers_like_one_with_one(kernel, larger, tmp_path):
    documents, queries = larger
    one = [segment_of(documents, np.uint8)]
    two = [segment_of(documents[:123], np.uint8), segment_of(documents[123:], np.uint8)]
    vectors = query_vectors(queries)
    answers = []
    for name, segments in (("one", one), ("two", two)):
        path = write_index(tmp_path / name, segments, spaces((1.0, 0.5, 1.0)))
        with Index.open(path, preload=name == "two") as index:
            assert [s.first for s in index.segments] == [0, 123][: len(segments)]
            found = Engine(index.segments, index.manifest.spaces, kernel).search(vectors, 20)
            answers.append([hits(found, q) for q in range(len(queries))])
    scaled = [{t: v * scale_of(t, (1.0, 0.5, 1.0)) for t, v in row.items()} for row in documents]
    assert answers[0] == answers[1] == [oracle.top(scaled, query, 20) for query in queries]


def test_no_queries_give_no_rows():
    made = Engine([segment_of([{0: 1}], np.uint8)], spaces((1.0, 1.0, 1.0)))
    assert made.search(SparseVectors.from_rows([]), 3).documents.shape == (0, 1)
    assert len(made.search(SparseVectors.from_rows([]), 3)) == 0


@pytest.mark.parametrize("k", [0, -1, 2**31 + 1, 1.0, True, "3", None])
def test_k_must_make_sense(k):
    made = Engine([segment_of([{0: 1}], np.uint8)], spaces((1.0, 1.0, 1.0)))
    with pytest.raises(UsageError, match="k is"):
        made.search(query_vectors([{0: 1.0}]), k)


@pytest.mark.parametrize("threads", [0, -3, True, 1.5, "2"])
def test_threads_must_make_sense(threads):
    made = Engine([segment_of([{0: 1}], np.uint8)], spaces((1.0, 1.0, 1.0)))
    with pytest.raises(UsageError, match="threads is"):
        made.search(query_vectors([{0: 1.0}]), 1, threads)


def test_an_unknown_kernel_is_refused():
    with pytest.raises(UsageError, match="portable"):
        Engine([], [], "fast")
