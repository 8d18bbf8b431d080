// Square roots of upper triangular, or real upper quasi-triangular, matrices (Björck & Hammarling, Linear Algebra
// Appl. 52/53:127, 1983; Higham, ibid. 88/89:405, 1987).
//
// R² = T with known diagonal blocks: R_ii R_ij + R_ij R_jj = T_ij − Σ_(i<k<j) R_ik R_kj, a Sylvester equation of
// two blocks for each block of R.  It is filled row by row from below, so that what a new block takes from those
// to its right is a multiple of a row that is complete.
#pragma once

#include "level.hpp"
#include "numbers.hpp"
#include "sylvester_blocks.hpp"
#include "types.hpp"

namespace frechet::FRECHET_LEVEL {

// f/(a + b); a divisor that is zero beside a and b is reported, and replaced.
template <class S>
inline S over_sum(S f, S a, S b, bool& doubtful) {
    auto size = larger(size_of_number(a), size_of_number(b));
    using R = decltype(size);
    S sum = a + b;
    if (size_of_number(sum) <= epsilon_of<R> * size) {
        doubtful = true;
        sum = S{larger(epsilon_of<R> * size, least_of<R>)};
    }
    return f * inverse_of(sum);
}

// Y −= Σ x_k (row k of R) for the rows of R below: X is a block of `rows` × `width` at (r, c) of R.
template <class S>
inline void subtract_rows(S* R, Index n, Index r, Index rows, Index c, Index width) {
    for (Index i = r; i < r + rows; ++i)
        for (Index k = c; k < c + width; ++k) {
            S x = R[i * n + k];
            for (Index j = c + width; j < n; ++j) R[i * n + j] -= x * R[k * n + j];
        }
}

template <class R>
void fill_root(Complex<R>* X, Index n, Block<R>*, bool& doubtful) {
    for (Index i = n - 2; i >= 0; --i)
        for (Index j = i + 1; j < n; ++j) {
            X[i * n + j] = over_sum(X[i * n + j], X[i * n + i], X[j * n + j], doubtful);
            subtract_rows(X, n, i, 1, j, 1);
        }
}

template <class R>
void fill_root(R* X, Index n, Block<R>* blocks, bool& doubtful) {
    // Blocks of a matrix of moderate size, whose squares neither overflow nor underflow.
    R most = 0;
    for (Index i = 0; i < n; ++i) {
        most = larger(most, absolute(X[i * n + i]));
        if (i > 0) most = larger(most, absolute(X[i * n + i - 1]));
    }
    R unit = unit_for(most);
    Index count = find_blocks(X, n, n, false, blocks);
    for (Index i = 0; i < count; ++i) {
        Block<R>& b = blocks[i];
        b.mean *= unit;
        b.omega *= unit;
        for (auto& row : b.N)
            for (R& entry : row) entry *= unit;
    }
    for (Index i = count - 2; i >= 0; --i)
        for (Index j = i + 1; j < count; ++j) {
            const Block<R>&a = blocks[i], &b = blocks[j];
            R* at = X + a.start * n + b.start;
            if (a.size == 1 && b.size == 1) {
                *at = over_sum(*at, a.mean, b.mean, doubtful) * unit;
            } else {
                Square<R> x = {};
                R size = larger(absolute(a.mean) + a.omega, absolute(b.mean) + b.omega) * epsilon_of<R>;
                Pair<R> pair = pair_of(a, b, larger(size * size, least_of<R>), doubtful);
                for (int k = 0; k < a.size; ++k)
                    for (int l = 0; l < b.size; ++l) x[k][l] = unit * at[k * n + l];
                divide(a, b, pair, x);
                for (int k = 0; k < a.size; ++k)
                    for (int l = 0; l < b.size; ++l) at[k * n + l] = x[k][l];
            }
            subtract_rows(X, n, a.start, a.size, b.start, b.size);
        }
}

// --- kernels -----------------------------------------------------------------------------------------------

template <class E>
std::size_t root_room(Index n) {
    return std::size_t(n) * sizeof(Block<typename E::R>);
}

// X holds the diagonal blocks of R and, above them, T; the rest of R takes its place.  Returns in how many
// matrices of the stack a divisor was zero to working precision.
template <class E>
Index root(typename E::R* X, Index count, Index n, void* room) {
    using R = typename E::R;
    Index doubtful = 0;
    for (Index k = 0; k < count; ++k) {
        bool one = false;
        fill_root(reinterpret_cast<Number<E>*>(X + k * n * n * E::parts), n, static_cast<Block<R>*>(room), one);
        doubtful += one;
    }
    return doubtful;
}

}  // namespace frechet::FRECHET_LEVEL
