"""scipy.special: every ufunc is classified, and every rule is checked."""

from __future__ import annotations

import functools

import mpmath
import numpy as np
import pytest
import scipy.special as sp

import frechet as fr
from frechet.rule import load_chapters, table
from frechet.rules.ufunc_methods import METHODS
from frechet.testing import check_rule

UFUNCS = {name: f for name, f in vars(sp).items() if isinstance(f, np.ufunc)}
X = np.array([0.3, 1.2, 2.7])
UNIT = np.array([0.15, 0.5, 0.8])
Z = np.array([0.4 + 0.3j, 1.5 - 0.7j])


def name(value):
    return getattr(getattr(value, "func", value), "__name__", None)


def fixed(f, *parameters):
    """f with its first arguments held constant."""
    return functools.partial(f, *parameters)


def test_every_ufunc_is_classified():
    load_chapters(sp.erf)
    missing = [name for name, f in UFUNCS.items() if f not in table]
    missing += [f"{name}.{m}" for name, f in UFUNCS.items() for m in METHODS if (f, m) not in table]
    assert missing == []


def test_refusals_give_a_reason():
    with pytest.raises(fr.errors.NotDifferentiableError, match=r"scipy\.stats"):
        fr.grad(sp.kolmogorov)(0.7)
    with pytest.raises(
        fr.errors.NotDifferentiableError, match=r"jv has no derivative .* argument number 0: .*order"
    ):
        fr.grad(lambda v: sp.jv(v, 1.0))(0.5)


REAL = [
    *((f, X) for f in (
        sp.cbrt, sp.exp2, sp.exp10, sp.expm1, sp.log1p, sp.cosm1, sp.sindg, sp.cosdg, sp.exprel, sp.expit,
        sp.log_expit,
        sp.entr, sp.erf, sp.erfc, sp.erfcx, sp.erfi, sp.dawsn, sp.ndtr, sp.log_ndtr, sp.fresnel,
        sp.modfresnelp,
        sp.modfresnelm, sp.psi, sp.gamma, sp.gammaln, sp.loggamma, sp.rgamma, sp.j0, sp.j1, sp.y0, sp.y1,
        sp.i0, sp.i1,
        sp.k0, sp.k1, sp.i0e, sp.i1e, sp.k0e, sp.k1e, sp.airy, sp.airye, sp.itairy, sp.ber, sp.bei, sp.ker,
        sp.kei,
        sp.berp, sp.beip, sp.kerp, sp.keip, sp.kelvin, sp.itstruve0, sp.itmodstruve0, sp.it2struve0,
        sp.itj0y0,
        sp.iti0k0, sp.it2j0y0, sp.it2i0k0, sp.expi, sp.exp1, sp.sici, sp.shichi, sp.spence, sp.wrightomega,
        sp.lambertw,
    )),
    *((f, -X) for f in (
        sp.cbrt, sp.exprel, sp.expit, sp.erfcx, sp.log_ndtr, sp.ndtr, sp.gamma, sp.psi, sp.rgamma,
        sp.gammaln, sp.i0e,
        sp.i1e, sp.j1, sp.ellipk, sp.ellipe, sp.ndtri_exp, sp.expi, sp.wrightomega, sp.ber,
    )),
    *((f, UNIT) for f in (
        sp.logit, sp.erfinv, sp.ndtri, sp.ellipk, sp.ellipe, sp.ellipkm1, sp.tandg, sp.cotdg, sp.erfcinv,
    )),
]  # fmt: skip


COMPLEX = [
    sp.expm1, sp.log1p, sp.erf, sp.erfc, sp.erfcx, sp.erfi, sp.wofz, sp.dawsn, sp.ndtr, sp.fresnel, sp.airy,
    sp.expi,
    sp.exp1, sp.sici, sp.shichi, sp.spence, sp.wrightomega, sp.lambertw, fixed(sp.jv, 1.5), fixed(sp.yv, 0.5),
    fixed(sp.iv, 1.5), fixed(sp.kv, 0.5), fixed(sp.hankel1, 1.5), fixed(sp.hankel2, 1.5),
    fixed(sp.hankel1e, 1.5),
    fixed(sp.hankel2e, 1.5), fixed(sp.ive, 1.5), fixed(sp.jve, 1.5), fixed(sp.yve, 0.5), fixed(sp.kve, 0.5),
    fixed(sp.hyp0f1, 1.5), fixed(sp.hyp1f1, 0.5, 1.5), fixed(sp.hyp2f1, 0.5, 1.0, 2.5),
]  # fmt: skip


@pytest.mark.parametrize("f", [sp.gamma, sp.loggamma, sp.rgamma], ids=name)
def test_complex_gamma(f):
    check_rule(f, Z, orders=1)  # SciPy has no trigamma function of complex arguments
    with pytest.raises(fr.errors.NotDifferentiableError, match="trigamma"):
        fr.jvp(lambda z: fr.jvp(f, (z,), (1 + 0j,))[1], (1 + 1j,), (1 + 0j,))


Y = np.array([0.6, 0.9, 1.7])
PAIRS = [
    (sp.xlogy, X, Y), (sp.xlog1py, X, Y), (sp.rel_entr, X, Y), (sp.kl_div, X, Y), (sp.huber, Y, X),
    (sp.huber, Y, -X),
    (sp.pseudo_huber, X, Y - 1), (sp.boxcox, X, Y), (sp.boxcox1p, X, -Y), (sp.inv_boxcox, X, Y),
    (sp.inv_boxcox1p, X, Y),
    (sp.boxcox, X, 0.0), (sp.inv_boxcox, X, 0.0), (sp.boxcox1p, X, 0.0), (sp.inv_boxcox1p, X, 0.0),
    (sp.powm1, X, Y), (sp.beta, X, Y), (sp.betaln, X, Y), (sp.binom, X + 3, Y), (sp.poch, X, Y),
    (sp.owens_t, X, Y),
    (sp.agm, X, Y), (sp.agm, X, X), (sp.ellipkinc, UNIT, Y - 1), (sp.ellipeinc, UNIT, Y - 1),
    (sp.ellipkinc, X + 2, UNIT), (sp.ellipeinc, -X - 2, UNIT), (sp.ellipj, X, UNIT), (sp.elliprc, X, Y),
    (sp.elliprf, X, Y, UNIT), (sp.elliprd, X, Y, UNIT), (sp.nrdtrimn, UNIT + 0.1, Y, X),
    (sp.nrdtrisd, X, UNIT + 0.1, X + Y),
    (sp.voigt_profile, X, Y, UNIT), (sp.radian, X, Y, UNIT), (sp.voigt_profile, 0.3, 1.1, 0.2),
]  # fmt: skip


BESSEL = [
    sp.jv, sp.yv, sp.iv, sp.kv, sp.ive, sp.kve, sp.jve, sp.yve, sp.hankel1, sp.hankel2, sp.hankel1e,
    sp.hankel2e,
    sp.struve, sp.modstruve, sp.pbdv, sp.pbvv, sp.pbwa,
]  # fmt: skip


FIXED = [
    (sp.yn, (2,), X), (sp.kn, (2,), X), (sp.yn, (0,), X), (sp.kn, (0,), X), (sp.jv, (0,), X),
    (sp.ive, (0,), -X),
    (sp.jv, (1,), np.zeros(2)), (sp.iv, (1,), np.zeros(2)),
    (sp.gammainc, (1.7,), X), (sp.gammaincc, (1.7,), X), (sp.gammaincinv, (1.7,), UNIT),
    (sp.gammainccinv, (1.7,), UNIT),
    (sp.betainc, (1.7, 0.6), UNIT), (sp.betaincc, (1.7, 2.6), UNIT), (sp.betaincinv, (1.7, 2.6), UNIT),
    (sp.betainccinv, (1.7, 2.6), UNIT), (sp.hyp0f1, (1.5,), X), (sp.hyp1f1, (0.4, 1.3), X),
    (sp.hyperu, (0.4, 1.3), X),
    (sp.hyp2f1, (0.4, 1.3, 2.2), UNIT), (sp.wright_bessel, (0.5, 1.5), X),
    (sp.log_wright_bessel, (0.5, 1.5), X),
    (sp.zeta, (2.5,), X), (sp.zeta, (3.0,), X), (sp.expn, (3,), X), (sp.expn, (1,), X), (sp.expn, (0,), X),
    (sp.gdtr, (0.8, 1.3), X), (sp.gdtrc, (0.8, 1.3), X), (sp.gdtrix, (0.8, 1.3), UNIT), (sp.chdtr, (3.5,), X),
    (sp.chdtrc, (3.5,), X), (sp.chdtri, (3.5,), UNIT), (sp.pdtr, (2,), X), (sp.pdtrc, (2,), X),
    (sp.pdtri, (2,), UNIT),
    (sp.bdtr, (2, 5), UNIT), (sp.bdtrc, (2, 5), UNIT), (sp.bdtri, (2, 5), UNIT), (sp.nbdtr, (2, 5), UNIT),
    (sp.nbdtrc, (2, 5), UNIT), (sp.nbdtri, (2, 5), UNIT), (sp.fdtr, (3.0, 5.0), X), (sp.fdtrc, (3.0, 5.0), X),
    (sp.fdtri, (3.0, 5.0), UNIT), (sp.stdtr, (3.5,), X), (sp.stdtrit, (3.5,), UNIT + 0.1),
    (sp.mathieu_cem, (2, 0.7), 10 * X), (sp.mathieu_sem, (2, 0.7), 10 * X),
    (sp.mathieu_modcem1, (2, 0.7), UNIT),
    (sp.mathieu_modcem2, (2, 0.7), UNIT), (sp.mathieu_modsem1, (2, 0.7), UNIT),
    (sp.mathieu_modsem2, (2, 0.7), UNIT),
    (sp.lpmv, (1, 3), UNIT), (sp.lpmv, (0, 0), UNIT),
    *((f, (n,), UNIT) for n in (0, 1, 4) for f in (
        sp.eval_legendre, sp.eval_chebyt, sp.eval_chebyu, sp.eval_chebyc, sp.eval_chebys, sp.eval_hermite,
        sp.eval_hermitenorm, sp.eval_laguerre, sp.eval_sh_legendre, sp.eval_sh_chebyt, sp.eval_sh_chebyu,
    )),
    *((f, (2.5,), UNIT) for f in (sp.eval_legendre, sp.eval_chebyt, sp.eval_laguerre)),
    *((f, (n, 0.7), UNIT) for n in (0, 1, 4) for f in (sp.eval_genlaguerre, sp.eval_gegenbauer)),
    *((sp.eval_jacobi, (n, 0.7, 1.2), UNIT) for n in (0, 1, 4)),
    *((sp.eval_sh_jacobi, (n, 2.7, 1.2), UNIT) for n in (0, 1, 4)),
]  # fmt: skip


CASES = [
    *((f, (x,)) for f, x in REAL),
    *((f, (Z,)) for f in COMPLEX),
    *((f, tuple(args)) for f, *args in PAIRS),
    *((fixed(f, order), (X,)) for f in BESSEL for order in (0.5, 1.0, 2.3)),
    *((fixed(f, *parameters), (x,)) for f, parameters, x in FIXED),
    (sp.xlogy, (X[:, None], Y)), (lambda m: sp.ellipj(0.7, m), (UNIT,)), (sp.ellipj, (0.4, UNIT[:, None])),
    (fixed(sp.jv, np.array([[0.5], [2.0]])), (X,)),
    (lambda a, x: sp.gdtr(a, 1.3, x), (X, Y)), (lambda a, p: sp.gdtrix(a, 1.3, p), (X, UNIT)),
    (lambda p, x: sp.gdtria(p, 1.3, x), (UNIT, X)), (lambda a: sp.besselpoly(a, 1.0, 2.0), (X,)),
    (lambda x: sp.tklmbda(x, 0.5), (UNIT,)),
    (lambda z: sp.lambertw(z, -1), (np.array([-0.2 + 0.1j, -0.3 - 0.2j]),)),
    (sp.xlogy.outer, (X, Y)), (sp.xlogy.reduce, (X,)),
]  # fmt: skip


@pytest.mark.parametrize(("function", "args"), CASES, ids=name)
def test_rule(function, args):
    check_rule(function, *args)


# SciPy's wording of its value as a function of one variable, and mpmath's, for the derivative to 1e-11 of
# its size (SciPy's special functions themselves keep about twelve digits).
PRECISE = [
    (sp.log_ndtr, lambda x: mpmath.log(mpmath.ncdf(x)), -30.0),
    (sp.log_ndtr, lambda x: mpmath.log(mpmath.ncdf(x)), 3.0),
    (sp.expit, lambda x: 1 / (1 + mpmath.exp(-x)), 40.0),
    (sp.expit, lambda x: 1 / (1 + mpmath.exp(-x)), -40.0),
    (sp.log_expit, lambda x: -mpmath.log(1 + mpmath.exp(-x)), 30.0), (sp.ellipk, mpmath.ellipk, 1e-9),
    (sp.ellipk, mpmath.ellipk, 0.999), (sp.ellipe, mpmath.ellipe, 0.0),
    (sp.ellipkm1, lambda p: mpmath.ellipk(1 - p), 1e-9),
    (sp.spence, lambda x: mpmath.polylog(2, 1 - x), 1.0 + 1e-9),
    (sp.spence, lambda x: mpmath.polylog(2, 1 - x), 0.01),
    (sp.gamma, mpmath.gamma, -2.3), (sp.rgamma, mpmath.rgamma, -3.0), (sp.rgamma, mpmath.rgamma, 0.0),
    (sp.exprel, lambda x: mpmath.expm1(x) / x, 1e-8), (np.sinc, mpmath.sincpi, 1e-7),
    (lambda v: sp.boxcox(3.0, v), lambda v: (mpmath.mpf(3) ** v - 1) / v, 1e-9),
    (lambda v: sp.inv_boxcox(0.7, v), lambda v: (1 + v * mpmath.mpf("0.7")) ** (1 / v), 1e-6),
    (lambda x: sp.gammainc(50.0, x), lambda x: mpmath.gammainc(50, 0, x, regularized=True), 20.0),
    (lambda x: sp.jv(2.5, x), lambda x: mpmath.besselj(2.5, x), 30.0),
    (sp.j1, lambda x: mpmath.besselj(1, x), 1e-9),
]  # fmt: skip


@pytest.mark.parametrize(("f", "reference", "x"), PRECISE)
def test_against_mpmath(f, reference, x):
    with mpmath.workdps(40):
        expected = float(mpmath.diff(reference, mpmath.mpf(x)))
    assert fr.grad(f)(x) == pytest.approx(expected, rel=1e-11)
    assert fr.jvp(f, (x,), (1.0,))[1] == pytest.approx(expected, rel=1e-11)


VALUES = [
    (lambda x: sp.xlogy(x, 0.5), 0.0, np.log(0.5)), (lambda y: sp.xlogy(0.0, y), 0.0, 0.0),
    (lambda y: sp.rel_entr(0.0, y), 0.0, 0.0), (sp.i0e, 0.0, 0.0), (sp.j1, 0.0, 0.5), (sp.i1, 0.0, 0.5),
    (lambda r: sp.huber(1.0, r), 1.0, 1.0), (lambda d: sp.huber(d, 1.0), 1.0, 0.0),
    (lambda r: sp.pseudo_huber(0.0, r), 0.0, 0.0), (lambda k: sp.pdtr(k, 1.0), 2.0, 0.0),
    (lambda x: np.real(sp.lambertw(x)), 0.0, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("f", "x", "expected"), VALUES)
def test_special_points(f, x, expected):
    with np.errstate(all="ignore"):  # some values next to these are infinite
        assert fr.grad(f)(x) == pytest.approx(expected, abs=1e-15)


def test_float32_stays_float32():
    x = np.array([0.3, 0.9], np.float32)
    for f in (sp.erf, sp.gammaln, sp.expit, fixed(sp.jv, np.float32(1.5))):
        assert fr.grad(lambda x, f=f: np.sum(f(x)))(x).dtype == np.float32


def test_methods():
    assert fr.grad(lambda x: np.sum(sp.round(x)))(X).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="only supported for binary"):  # NumPy's own error
        fr.grad(sp.erf.reduce)(X)
