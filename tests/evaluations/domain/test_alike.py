from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.alike import BANDS, ROWS, Shelf, jaccard, likeness, pieces_of, sign

words = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"]), min_size=1)


def test_a_text_is_its_words_and_the_pairs_of_neighbours() -> None:
    assert pieces_of("Go on, go on!") == {b"Go", b"on", b"go", b"Go on", b"on go", b"go on"}
    assert jaccard(pieces_of("a b"), pieces_of("a c")) == 1 / 5
    assert jaccard(frozenset(), frozenset()) == 0


def test_without_words_there_is_no_signature_and_nothing_is_like_it() -> None:
    assert sign(pieces_of("…")) == ()
    assert likeness((), ()) == 0
    shelf = Shelf(0.0)
    shelf.add(())

    assert shelf.find(()) is None


@given(words, words)
def test_a_signature_estimates_the_share_of_pieces_in_common(one: list[str], other: list[str]) -> None:
    left, right = pieces_of(" ".join(one)), pieces_of(" ".join(other))

    assert len(sign(left)) == BANDS * ROWS
    assert likeness(sign(left), sign(left)) == 1
    # Five standard errors.
    assert abs(likeness(sign(left), sign(right)) - jaccard(left, right)) < 0.5


def test_what_is_nearly_the_same_is_found_and_what_is_not_is_not() -> None:
    shelf = Shelf(0.7)
    said = "Open the invoice page, choose the month, and press download; the file arrives by mail within ten minutes."
    number = shelf.add(sign(pieces_of(said)))
    shelf.add(sign(pieces_of("Your parcel is on its way and will be delivered to the neighbour on Friday morning.")))

    assert shelf.find(sign(pieces_of(said.replace("ten", "five")))) == number
    assert (
        shelf.find(sign(pieces_of("Open the door of the wardrobe, take out the blue box and bring it to us."))) is None
    )
