"""Functions of scipy.special without a rule, each with its reason."""

from __future__ import annotations

import scipy.special as sp

from ...rule import constant, refuse

constant(sp.gammasgn)
refuse(
    "it solves for a shape parameter, and SciPy has no function for the derivative in that",
    sp.bdtrik, sp.bdtrin, sp.btdtria, sp.btdtrib, sp.chdtriv, sp.chndtridf, sp.chndtrinc, sp.fdtridfd,
    sp.gdtrib, sp.nbdtrik, sp.nbdtrin, sp.ncfdtridfd, sp.ncfdtridfn, sp.ncfdtrinc, sp.nctdtridf,
    sp.nctdtrinc, sp.pdtrik, sp.stdtridf,
)  # fmt: skip
refuse(
    "scipy.special has no density of this distribution; scipy.stats has (ncx2, ncf, nct, ksone, kstwobign): "
    "give the function a rule with fr.rule",
    sp.chndtr, sp.chndtrix, sp.ncfdtr, sp.ncfdtri, sp.nctdtr, sp.nctdtrit, sp.kolmogorov, sp.kolmogi,
    sp.smirnov, sp.smirnovi,
)  # fmt: skip
refuse(
    "spheroidal wave functions have no rule; their second result is the derivative of the first in x: "
    "give the function a rule with fr.rule",
    sp.obl_ang1, sp.obl_ang1_cv, sp.obl_cv, sp.obl_rad1, sp.obl_rad1_cv, sp.obl_rad2, sp.obl_rad2_cv,
    sp.pro_ang1, sp.pro_ang1_cv, sp.pro_cv, sp.pro_rad1, sp.pro_rad1_cv, sp.pro_rad2, sp.pro_rad2_cv,
)  # fmt: skip
