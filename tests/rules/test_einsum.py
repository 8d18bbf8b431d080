"""np.einsum in every form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.rules import einsum as chapter
from frechet.testing import check_rule

rng = np.random.default_rng(0)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def of(subscripts, **kwargs):
    def einsum(*operands):
        if "ii" in subscripts and np.shape(operands[0])[0] == 0:
            # np.einsum("ii->i", np.ones((0, 3))) reads numbers that are not there; under differentiation
            # it is an error: see test_wrong_subscripts.
            raise ValueError("labels of different lengths")
        return np.einsum(subscripts, *operands, **kwargs)

    return einsum


EQUATIONS = [
    ("ij,jk->ik", (real(2, 3), cplx(3, 4))),
    ("ij,jk", (real(2, 3), real(3, 4))),  # implicit result
    ("ba", (real(2, 3),)),  # implicit: sorted, a transpose
    ("ii", (real(3, 3),)),
    ("ii->i", (cplx(3, 3),)),
    ("iij->j", (real(3, 3, 2),)),
    ("iiji->ij", (real(2, 2, 3, 2),)),
    ("ii,i->", (real(3, 3), real(3))),
    ("...ij,...jk", (real(5, 2, 3), real(3, 4))),
    ("...ij,...jk->...ik", (real(5, 1, 2, 3), cplx(2, 3, 4))),
    ("i...->...", (real(2, 3),)),
    ("...i->...", (real(2, 3),)),
    ("ij,ij->ij", (real(1, 3), real(2, 3))),  # an axis of length one broadcasts
    ("ij,ij->", (real(1, 3), cplx(2, 3))),
    ("i,ij->ij", (real(1), real(3, 2))),
    ("ij->", (real(2, 3),)),
    ("ij,kl->", (real(2, 3), real(2, 2))),  # labels of one operand alone
    ("i,j,k->ijk", (real(2), real(3), real(2))),
    ("ij,j,jk->k", (real(2, 3), real(3), real(3, 4))),
    (",i->i", (2.0, real(3))),
    ("ij,jk->ik", (real(0, 3), real(3, 4))),
    ("ij,jk->ik", (real(2, 0), real(0, 4))),
    (" i j , j k -> i k ", (real(2, 3), real(3, 4))),
    ("ij,jk,kl,li->", (real(2, 3), real(3, 2), cplx(2, 2), real(2, 2))),
]
a, b, c = real(2, 3), real(3, 4), cplx(4, 2)

CASES = [
    *(
        (of(subscripts, optimize=optimize), operands)
        for subscripts, operands in EQUATIONS
        for optimize in (False, True)
    ),
    (of("ij,jk,kl->il", optimize="optimal"), (a, b, c)),
    (of("ij,jk,kl->il", optimize=("greedy", 1000)), (a, b, c)),
    (of("ij,jk,kl->il", optimize=["einsum_path", (1, 2), (0, 1)]), (a, b, c)),
    (of("ij,jk,kl->il", optimize=["einsum_path", (0, 1, 2)]), (a, b, c)),
    (of("ij,jk->ik", optimize=["einsum_path", (0, 1)]), (a, b)),
    (of("ij,jk->ik", dtype=complex), (a, b)),
    (of("ij,jk->ik", dtype=np.float32, casting="same_kind"), (a.astype(np.float32), b.astype(np.float32))),
    (lambda x, y: np.einsum(x, [0, 1], y, [1, 2]), (a, b)),
    (lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]), (a, b)),
    (lambda x, y: np.einsum(x, [Ellipsis, 1], y, [1, 2], [2, Ellipsis]), (real(5, 2, 3), b)),
    (lambda x, y: np.einsum(x, [0, 30], y, [30, 51]), (a, b)),
    (lambda x: np.einsum("ij,jk,kl->il", x, x, x, optimize=True), (real(3, 3),)),
]


@pytest.mark.parametrize(("function", "operands"), CASES)
def test_rule(function, operands):
    check_rule(function, *operands)


@st.composite
def equations(draw):
    """Random subscripts with repeated and broadcast labels, an explicit result, and shapes that fit."""
    sizes = {label: draw(st.integers(1, 3)) for label in "abcd"}
    terms = draw(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=3))
    present = sorted(set("".join(terms)))
    result = "".join(
        draw(st.permutations(draw(st.lists(st.sampled_from(present), unique=True)) if present else []))
    )
    shapes = []
    for term in terms:
        narrow = {c for c in term if draw(st.integers(0, 4)) == 0}  # of length one here, longer elsewhere
        shapes.append(tuple(1 if c in narrow else sizes[c] for c in term))
    return f"{','.join(terms)}->{result}", shapes


@settings(max_examples=60)
@given(equations(), st.sampled_from([False, True]))
def test_any_equation(equation, optimize):
    subscripts, shapes = equation
    operands = [np.asarray(real(*s)) for s in shapes]
    tangents = [np.asarray(real(*s)) for s in shapes]
    f = of(subscripts, optimize=optimize)
    expected = f(*operands)
    value, pushed = fr.jvp(f, operands, tangents)
    np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-12)
    # An einsum is linear in each operand: the derivative replaces one operand at a time by its tangent.
    by_hand = sum(f(*operands[:k], v, *operands[k + 1 :]) for k, v in enumerate(tangents))
    np.testing.assert_allclose(pushed, by_hand, rtol=1e-12, atol=1e-12)
    w = np.asarray(real(*np.shape(expected)))
    _, pullback = fr.vjp(f, *operands)
    gradients = pullback(w if w.shape else w[()])
    assert [np.shape(g) for g in gradients] == shapes
    # Entries are sums of at most 81 products of numbers of order one, so rounding is below 1e-13.
    left, right = np.vdot(pushed, w), sum(np.vdot(v, g) for v, g in zip(tangents, gradients, strict=True))
    assert left == pytest.approx(right, rel=1e-11, abs=1e-11)


def test_the_path_is_followed_in_steps_that_value_and_gradient_share(monkeypatch):
    evaluated = []
    plain = chapter.einsum_rule.function
    monkeypatch.setattr(
        chapter.einsum_rule, "function", lambda e, *rest: evaluated.append(e.subscripts) or plain(e, *rest)
    )
    chain = [real(3, 3) for _ in range(5)]
    fr.value_and_grad(of("ab,bc,cd,de,ea->", optimize=True), argnums=(0, 1, 2, 3, 4))(*chain)
    assert len(evaluated) == 4
    assert all(e.count(",") == 1 for e in evaluated)


def test_a_large_contraction_is_done_by_matrix_products():
    x, y = real(70, 60), real(60, 50)  # 210,000 products
    w = real(70, 50)
    _, pullback = fr.vjp(of("ij,jk->ik"), x, y)
    gx, gy = pullback(w)
    np.testing.assert_allclose(gx, w @ y.T, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(gy, x.T @ w, rtol=1e-10, atol=1e-10)


def test_einsum_path_is_constant():
    path, text = fr.jvp(lambda x: (x, np.einsum_path("ij,jk,kl", x, x, x)), (real(3, 3),), (real(3, 3),))[0][
        1
    ]
    assert path[0] == "einsum_path"
    assert "Complete contraction" in text


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda x: np.einsum("ij,jk", x), "names 2 operands"),
        (lambda x: np.einsum("i", x), "do not fit"),
        (lambda x: np.einsum("ijk", x), "do not fit"),
        (lambda x: np.einsum("ii->i", x[:0]), "several lengths"),
        (lambda x: np.einsum("...ii", x), "several lengths"),
        (lambda x: np.einsum(x, [0, 99]), "sublist"),
        (lambda x: np.einsum(x, [0, 0.5]), "sublist"),
        (lambda x: np.einsum("ij,jk", x, x), r"broadcast|remapped"),
    ],
)
def test_wrong_subscripts(call, reason):
    with pytest.raises(ValueError, match=reason):
        fr.jvp(call, (real(2, 3),), (real(2, 3),))
