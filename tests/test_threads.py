"""A batch in parts: all of it, once, and BLAS has its threads again."""

from threading import Thread, get_ident

import pytest

from portanet.backends._numpy import blas as _blas
from portanet.backends._numpy import threads as _threads


@pytest.fixture
def blas(monkeypatch):
    """A BLAS that counts its threads."""
    numbers = [3]
    fake = _blas.Blas("fake", {}, 64, lambda: numbers[-1], numbers.append)
    monkeypatch.setattr(_threads, "numpy_blas", lambda: fake)
    return numbers


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 64])
def test_all_is_done_once(n, blas):
    parts = []
    _threads.in_parts(n, parts.append)
    assert sorted(i for part in parts for i in range(n)[part]) == list(range(n))
    assert len(parts) == max(1, min(n, 3))
    assert blas == [3, 1, 3]


def test_few_parts_where_more_do_not_pay(blas):
    for most, expected in ((0, 1), (1, 1), (2, 2)):
        parts = []
        _threads.in_parts(7, parts.append, most)
        assert len(parts) == expected


def test_parts_run_in_threads_of_their_own(blas):
    names = []
    _threads.in_parts(3, lambda part: names.append(get_ident()))
    assert get_ident() in names
    assert len(set(names)) > 1


def test_an_error_is_raised_and_blas_has_its_threads_again(blas):
    def fails(part):
        raise ValueError(f"part {part.start}")

    with pytest.raises(ValueError, match="part 0"):
        _threads.in_parts(3, fails)
    assert blas == [3, 1, 3]


def test_who_comes_second_works_alone(blas):
    inside = []

    def work(part):
        if part.start == 0:
            other = Thread(target=_threads.in_parts, args=(4, inside.append))
            other.start()
            other.join()

    _threads.in_parts(3, work)
    assert inside == [slice(0, 4)]
    assert blas == [3, 1, 3]


@pytest.mark.parametrize("missing", ["threads", "set_threads", "all"])
def test_a_blas_that_cannot_say_its_threads_is_left_alone(missing, monkeypatch):
    known = {"threads": lambda: 2, "set_threads": lambda n: None} | {missing: None}
    fake = (
        None
        if missing == "all"
        else _blas.Blas("fake", {}, 64, known["threads"], known["set_threads"])
    )
    monkeypatch.setattr(_threads, "numpy_blas", lambda: fake)
    parts = []
    _threads.in_parts(5, parts.append)
    assert parts == [slice(0, 5)]
