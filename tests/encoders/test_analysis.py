import threading
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.encoders import analysis
from lsr.encoders.analysis import Analyzer, languages, stop_words
from lsr.errors import UsageError

LUCENE_ENGLISH = (
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with"
)
WITHOUT_STOP_WORDS = "armenian basque esperanto estonian irish lithuanian nepali none serbian sesotho tamil yiddish"


def test_english_stems_in_order_with_repetitions():
    text = "The running runners were RUNNING, and it is not a run: 42 runs!"
    assert Analyzer().stems(text) == ["run", "runner", "were", "run", "run", "42", "run"]


def test_single_characters_and_punctuation_are_no_words():
    assert Analyzer("none").stems("a b c, x-ray e.g. C3PO under_score !?") == ["ray", "c3po", "under_score"]


def test_english_stop_words_are_lucenes():
    assert stop_words("english") == set(LUCENE_ENGLISH.split())
    assert len(stop_words("english")) == 33
    assert Analyzer().stems(LUCENE_ENGLISH.title()) == []


def test_offsets_point_at_the_words_as_written():
    text = "Hello, İstanbul — the CAFÉS of Straße"
    tokens = Analyzer().tokens(text)
    assert [text[token.start : token.end] for token in tokens] == ["Hello", "İstanbul", "CAFÉS", "Straße"]
    assert [token.stem for token in tokens] == Analyzer().stems(text)
    assert tokens[0] == ("hello", 0, 5)


@given(st.text(), st.sampled_from(languages()))
def test_tokens_and_stems_agree_on_any_text(text, language):
    analyzer = Analyzer(language)
    tokens = analyzer.tokens(text)
    assert [token.stem for token in tokens] == analyzer.stems(text)
    assert all(0 <= token.start < token.end <= len(text) for token in tokens)
    assert all(before.end <= after.start for before, after in pairwise(tokens))
    assert all(token.stem for token in tokens)


@pytest.mark.parametrize("word", ["café", "ÉCOLE", "naïve", "Ångström"])
def test_both_unicode_forms_of_an_accented_word_have_one_stem(word):
    analyzer = Analyzer("french")
    decomposed = unicodedata.normalize("NFD", word)
    assert decomposed != word
    assert analyzer.stems(decomposed) == analyzer.stems(word) != []
    assert analyzer.tokens(decomposed)[0].end == len(decomposed)


def test_an_accented_letter_alone_is_no_word_in_either_form():
    assert Analyzer("none").stems("à e\u0301") == []


@pytest.mark.parametrize(
    ("language", "text"),
    [("hindi", "हिन्दी में किताबें"), ("tamil", "தமிழ் மொழி"), ("arabic", "الْكِتَابُ"), ("nepali", "नेपाली भाषा")],
)
def test_combining_signs_do_not_cut_words_into_letters(language, text):
    tokens = Analyzer("none").tokens(text)
    assert [text[token.start : token.end] for token in tokens] == text.split()
    assert Analyzer(language).stems(text)


def test_a_maqaf_separates_words():
    assert Analyzer("none").stems("בית־ספר") == ["בית", "ספר"]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("german", "Die Häuser und der Garten", ["haus", "gart"]),
        ("french", "les chevaux dans la prairie", ["cheval", "prair"]),
        ("russian", "красивые и не книги", ["красив", "книг"]),
        ("none", "The running dogs", ["the", "running", "dogs"]),
        ("porter", "the generously given", ["gener", "given"]),
        ("dutch_porter", "de en katten", ["kat"]),
    ],
)
def test_languages_have_their_stemmer_and_stop_words(language, text, expected):
    assert Analyzer(language).stems(text) == expected


def test_every_language_loads_and_the_ones_without_stop_words_are_those_documented():
    assert {"english", "german", "greek", "none"} <= set(languages())
    assert all(Analyzer(language).language == language for language in languages())
    assert [language for language in languages() if not stop_words(language)] == WITHOUT_STOP_WORDS.split()


@pytest.mark.parametrize(("name", "hint"), [("englsh", "'english'"), ("zzzzzz", "russian")])
def test_an_unknown_language_is_refused_with_a_suggestion(name, hint):
    with pytest.raises(UsageError) as caught:
        Analyzer(name)
    assert name in caught.value.message
    assert hint in caught.value.hint


def test_identity_tells_languages_apart_and_is_stable():
    assert Analyzer("english").identity == Analyzer("english").identity
    identities = [str(Analyzer(language).identity) for language in languages()]
    assert len(set(identities)) == len(identities)


def test_a_full_cache_changes_no_stem(monkeypatch):
    text = " ".join(f"running{i} houses{i % 3}" for i in range(50))
    expected = Analyzer().stems(text)
    monkeypatch.setattr(analysis, "_CACHE_LIMIT", 4)
    small = Analyzer()
    assert small.stems(text) == expected
    assert len(small._stems) <= 4


def test_threads_share_one_analyzer():
    texts = [" ".join(f"nationalities{i % 97}x{j} relational conditional" for j in range(200)) for i in range(8)]
    expected = [Analyzer().stems(text) for text in texts]
    shared, found = Analyzer(), [None] * len(texts)

    def work(i):
        found[i] = shared.stems(texts[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected
