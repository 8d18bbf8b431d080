// Cholesky factorization of small Hermitian matrices in blocks (stack.hpp), with its derivative and adjoint.
//
// With Φ(M) the lower triangle of M, its diagonal halved, and A = L Lᴴ (Murray, arXiv:1602.07527):
//     dL = L Φ(L⁻¹ dA L⁻ᴴ);   the adjoint is  Ā = herm(L⁻ᴴ Φ(Lᴴ L̄) L⁻¹),   herm(M) = (M + Mᴴ)/2.
#pragma once

#include "product.hpp"
#include "stack.hpp"

namespace frechet::FRECHET_LEVEL {

template <class E>
inline Vector<typename E::R> real_part(Lane<E> a) {
    if constexpr (E::is_complex) return a.re;
    else return a;
}

// B becomes L⁻¹ B, or L⁻ᴴ B, for an n × n matrix B; `inverse` holds the reciprocals of the diagonal.
template <class E>
inline void solve_lower(const Lane<E>* L, const Vector<typename E::R>* inverse, Lane<E>* B, Index n, bool adjoint) {
    for (Index step = 0; step < n; ++step) {
        Index i = adjoint ? n - 1 - step : step;
        for (Index s = 0; s < step; ++s) {
            Index k = adjoint ? n - 1 - s : s;
            Lane<E> factor = adjoint ? conjugate(L[k * n + i]) : L[i * n + k];
            for (Index j = 0; j < n; ++j) B[i * n + j] -= factor * B[k * n + j];
        }
        for (Index j = 0; j < n; ++j) B[i * n + j] = inverse[i] * B[i * n + j];
    }
}

// Φ(M) in place.
template <class E>
inline void half_lower(Lane<E>* M, Index n) {
    for (Index i = 0; i < n; ++i) {
        M[i * n + i] = (Vector<typename E::R>{} + typename E::R(0.5)) * M[i * n + i];
        for (Index j = i + 1; j < n; ++j) M[i * n + j] = Lane<E>{};
    }
}

// --- kernels -----------------------------------------------------------------------------------------------

template <class E>
std::size_t cholesky_room(Index n) {
    return 3 * lane_bytes<E>(n * n) + lane_bytes<E>(n);
}

// L for each matrix of a stack, from its lower triangle; returns how many are not positive definite.
template <class E>
Index cholesky(const typename E::R* A, typename E::R* L, Index count, Index n, void* room) {
    using R = typename E::R;
    Lane<E>* a = take_lanes<E>(room, n * n);
    BlocksOf<E> in(count, n * n);
    Index bad = 0;
    for (Index block = 0; block < in.blocks(); ++block) {
        in.load(A, block, a);
        auto good = Vector<R>{} == Vector<R>{};
        for (Index j = 0; j < n; ++j) {
            for (Index k = 0; k < j; ++k) {
                Lane<E> factor = conjugate(a[j * n + k]);
                for (Index i = j; i < n; ++i) a[i * n + j] -= a[i * n + k] * factor;
            }
            Vector<R> diagonal = real_part<E>(a[j * n + j]);
            good &= diagonal > 0;
            Vector<R> root = root_of_lanes(diagonal), inverse = 1 / root;
            a[j * n + j] = real_lane<E>(root);
            for (Index i = j + 1; i < n; ++i) a[i * n + j] = inverse * a[i * n + j];
            for (Index i = 0; i < j; ++i) a[i * n + j] = Lane<E>{};
        }
        for (Index w = 0; w < in.valid(block); ++w) bad += good[w] == 0;
        in.store(a, block, L);
    }
    return bad;
}

// The derivative of L in Hermitian directions V, or its adjoint, for `copies` of the stack V.
template <class E>
void cholesky_derivative(const typename E::R* L, const typename E::R* V, typename E::R* W, Index count, Index copies,
                         Index n, bool adjoint, void* room) {
    using R = typename E::R;
    Lane<E>* l = take_lanes<E>(room, n * n);
    Lane<E>* v = take_lanes<E>(room, n * n);
    Lane<E>* t = take_lanes<E>(room, n * n);
    auto* inverse = reinterpret_cast<Vector<R>*>(take_lanes<E>(room, n));
    BlocksOf<E> in(count, n * n);
    for (Index block = 0; block < in.blocks(); ++block) {
        in.load(L, block, l);
        for (Index i = 0; i < n; ++i) inverse[i] = 1 / real_part<E>(l[i * n + i]);
        for (Index copy = 0; copy < copies; ++copy) {
            in.load(V + copy * in.length(), block, v);
            if (!adjoint) {
                solve_lower<E>(l, inverse, v, n, false);
                adjoint_in_place<E>(v, n);
                solve_lower<E>(l, inverse, v, n, false);  // L⁻¹ (L⁻¹ V)ᴴ, Hermitian as V is
                half_lower<E>(v, n);
                multiply<Into::set>(t, l, v, n);
            } else {
                conjugate_all<E>(l, n * n);
                multiply<Into::set>(square(t, n), square(l, n).transposed(), square(v, n), n, n, n);
                conjugate_all<E>(l, n * n);
                half_lower<E>(t, n);
                solve_lower<E>(l, inverse, t, n, true);
                adjoint_in_place<E>(t, n);  // (L⁻ᴴ Φ)ᴴ, then L⁻ᴴ (…)ᴴ is the adjoint of L⁻ᴴ Φ L⁻¹
                solve_lower<E>(l, inverse, t, n, true);
                Vector<R> half = Vector<R>{} + R(0.5);
                for (Index i = 0; i < n; ++i)
                    for (Index j = 0; j <= i; ++j) {
                        Lane<E> mean = half * (t[i * n + j] + conjugate(t[j * n + i]));
                        t[i * n + j] = mean;
                        t[j * n + i] = conjugate(mean);
                    }
            }
            in.store(t, block, W + copy * in.length());
        }
    }
}

}  // namespace frechet::FRECHET_LEVEL
