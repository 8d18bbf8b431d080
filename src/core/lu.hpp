// LU factorization with partial pivoting of small matrices in blocks (stack.hpp), inverses and solutions.
//
// As LAPACK's getrf: P A = L U in one matrix, and in pivots[k] the row that row k was exchanged with.  The
// matrices of a block choose their pivots on their own, so rows are exchanged under masks.
#pragma once

#include "product.hpp"
#include "stack.hpp"

namespace frechet::FRECHET_LEVEL {

// Exchanges row k of an n × columns matrix with the row that pivot names, k or one of those below.
template <class E>
inline void exchange_rows(Lane<E>* A, Index columns, Index k, Index n, Vector<typename E::R> pivot) {
    using R = typename E::R;
    for (Index i = k + 1; i < n; ++i) {
        auto here = pivot == Vector<R>{} + R(i);
        if (!any(here)) continue;
        Lane<E>* upper = A + k * columns;
        Lane<E>* lower = A + i * columns;
        for (Index j = 0; j < columns; ++j) {
            Lane<E> up = upper[j], low = lower[j];
            upper[j] = select(here, low, up);
            lower[j] = select(here, up, low);
        }
    }
}

// Factorizes in place; returns a mask that marks exactly singular matrices.
template <class E>
inline auto factorize(Lane<E>* A, Index n, Vector<typename E::R>* pivots) {
    using R = typename E::R;
    auto singular = Vector<R>{} != Vector<R>{};
    for (Index k = 0; k < n; ++k) {
        Vector<R> best = size_of_lane<E>(A[k * n + k]), pivot = Vector<R>{} + R(k);
        for (Index i = k + 1; i < n; ++i) {
            Vector<R> size = size_of_lane<E>(A[i * n + k]);
            auto larger = size > best;
            best = larger ? size : best;
            pivot = larger ? Vector<R>{} + R(i) : pivot;
        }
        pivots[k] = pivot;
        singular |= best == 0;
        exchange_rows<E>(A, n, k, n, pivot);
        Lane<E> inverse = reciprocal<E>(A[k * n + k]);
        for (Index i = k + 1; i < n; ++i) A[i * n + k] = A[i * n + k] * inverse;
        if (k + 1 < n) {
            Matrix<Lane<E>> rest{A + (k + 1) * n + k + 1, n, 1}, column{A + (k + 1) * n + k, n, 1},
                row{A + k * n + k + 1, n, 1};
            multiply<Into::subtract>(rest, column, row, n - k - 1, 1, n - k - 1);
        }
    }
    return singular;
}

// B becomes A⁻¹ B, or A⁻ᴴ B, for an n × columns matrix B.
template <class E>
inline void substitute(const Lane<E>* LU, const Vector<typename E::R>* pivots, Lane<E>* B, Index n, Index columns,
                       bool adjoint) {
    auto row = [&](Index i) { return B + i * columns; };
    auto subtract = [&](Index i, Lane<E> factor, Index k) {
        for (Index j = 0; j < columns; ++j) row(i)[j] -= factor * row(k)[j];
    };
    auto scale = [&](Index i, Lane<E> factor) {
        for (Index j = 0; j < columns; ++j) row(i)[j] = factor * row(i)[j];
    };
    if (!adjoint) {
        for (Index k = 0; k < n; ++k) exchange_rows<E>(B, columns, k, n, pivots[k]);
        for (Index i = 0; i < n; ++i)
            for (Index k = 0; k < i; ++k) subtract(i, LU[i * n + k], k);
        for (Index i = n - 1; i >= 0; --i) {
            for (Index k = i + 1; k < n; ++k) subtract(i, LU[i * n + k], k);
            scale(i, reciprocal<E>(LU[i * n + i]));
        }
    } else {  // Aᴴ = Uᴴ Lᴴ P
        for (Index i = 0; i < n; ++i) {
            for (Index k = 0; k < i; ++k) subtract(i, conjugate(LU[k * n + i]), k);
            scale(i, conjugate(reciprocal<E>(LU[i * n + i])));
        }
        for (Index i = n - 1; i >= 0; --i)
            for (Index k = i + 1; k < n; ++k) subtract(i, conjugate(LU[k * n + i]), k);
        for (Index k = n - 1; k >= 0; --k) exchange_rows<E>(B, columns, k, n, pivots[k]);
    }
}

// --- kernels -----------------------------------------------------------------------------------------------

template <class E>
std::size_t lu_room(Index n, Index columns) {
    return lane_bytes<E>(n * n) + lane_bytes<E>(n * columns) + lane_bytes<E>(n);
}

// P A = L U for each matrix of a stack; returns how many are exactly singular.
template <class E>
Index lu_factor(const typename E::R* A, typename E::R* LU, std::int32_t* pivots, Index count, Index n, void* room) {
    using R = typename E::R;
    Lane<E>* a = take_lanes<E>(room, n * n);
    auto* p = reinterpret_cast<Vector<R>*>(take_lanes<E>(room, n));
    BlocksOf<E> in(count, n * n);
    Index singular = 0;
    for (Index block = 0; block < in.blocks(); ++block) {
        in.load(A, block, a);
        auto mask = factorize<E>(a, n, p);
        in.store(a, block, LU);
        for (Index w = 0; w < in.valid(block); ++w) {
            singular += mask[w] != 0;
            for (Index k = 0; k < n; ++k) pivots[(block * lanes<R> + w) * n + k] = std::int32_t(p[k][w]);
        }
    }
    return singular;
}

// X = A⁻¹ B or A⁻ᴴ B for `copies` of a stack of n × columns matrices.
template <class E>
void lu_solve(const typename E::R* LU, const std::int32_t* pivots, const typename E::R* B, typename E::R* X,
              Index count, Index copies, Index n, Index columns, bool adjoint, void* room) {
    using R = typename E::R;
    Lane<E>* a = take_lanes<E>(room, n * n);
    Lane<E>* b = take_lanes<E>(room, n * columns);
    auto* p = reinterpret_cast<Vector<R>*>(take_lanes<E>(room, n));
    BlocksOf<E> in(count, n * n), right(count, n * columns);
    for (Index block = 0; block < in.blocks(); ++block) {
        in.load(LU, block, a);
        for (Index w = 0; w < lanes<R>; ++w) {
            Index matrix = block * lanes<R> + smaller(w, in.valid(block) - 1);
            for (Index k = 0; k < n; ++k) p[k][w] = R(pivots[matrix * n + k]);
        }
        for (Index copy = 0; copy < copies; ++copy) {
            right.load(B + copy * right.length(), block, b);
            substitute<E>(a, p, b, n, columns, adjoint);
            right.store(b, block, X + copy * right.length());
        }
    }
}

// A⁻¹ for each matrix of a stack; returns how many are exactly singular.
template <class E>
Index inverse(const typename E::R* A, typename E::R* Y, Index count, Index n, void* room) {
    using R = typename E::R;
    Lane<E>* a = take_lanes<E>(room, n * n);
    Lane<E>* y = take_lanes<E>(room, n * n);
    auto* p = reinterpret_cast<Vector<R>*>(take_lanes<E>(room, n));
    BlocksOf<E> in(count, n * n);
    Index singular = 0;
    for (Index block = 0; block < in.blocks(); ++block) {
        in.load(A, block, a);
        auto mask = factorize<E>(a, n, p);
        for (Index w = 0; w < in.valid(block); ++w) singular += mask[w] != 0;
        for (Index e = 0; e < n * n; ++e) y[e] = constant_lane<E>(e % (n + 1) == 0 ? R(1) : R(0));
        substitute<E>(a, p, y, n, n, false);
        in.store(y, block, Y);
    }
    return singular;
}

}  // namespace frechet::FRECHET_LEVEL
