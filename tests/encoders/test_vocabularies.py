"""Vocabularies that threads share, and those of one part of a blend."""

import threading

from lsr.encoders.blended_vocabulary import PartVocabulary
from lsr.vectors import TokenTable


def test_a_table_that_threads_share_numbers_its_tokens_once():
    class Slow(list):
        """Lets every other thread come as far as it can whenever it is read."""

        read = 0

        def __iter__(self):
            Slow.read += 1
            reading.set()
            come.wait(0.2)
            return super().__iter__()

    reading, come = threading.Event(), threading.Event()
    table = TokenTable()
    table.tokens = Slow(["a", "b"])
    first = threading.Thread(target=table.find, args=("a",))
    first.start()
    reading.wait()
    second = threading.Thread(target=lambda: (table.add("c"), come.set()))
    second.start()
    first.join()
    second.join()
    assert Slow.read == 1
    assert (table.find("a"), table.find("c"), table.token(2)) == (0, 2, "c")


class Whole(TokenTable):
    documents = 9

    def lookup(self, token):
        term = self.find(token)
        return None if term is None else (term, 3)


def test_a_part_of_a_blend_answers_to_its_own_names_only():
    part = PartVocabulary(Whole(["a:x", "b:x", "b:y:z"]), "b")
    assert (part.documents, len(part)) == (9, 3)
    assert [part.find(token) for token in ("x", "y:z", "b:x", "q")] == [1, 2, None, None]
    assert [part.token(term) for term in range(4)] == [None, "x", "y:z", None]
    assert (part.lookup("x"), part.lookup("q")) == ((1, 3), None)
