// Products of matrices in blocks (stack.hpp): tiles of the result stay in registers.
#pragma once

#include "stack.hpp"

namespace frechet::FRECHET_LEVEL {

// A matrix of a block, or its transpose.
template <class L>
struct Matrix {
    L* data;
    Index row_stride, column_stride;

    L& operator()(Index i, Index j) const { return data[i * row_stride + j * column_stride]; }
    Matrix transposed() const { return {data, column_stride, row_stride}; }
};

template <class L>
inline Matrix<L> square(L* data, Index n) {
    return {data, n, 1};
}

enum class Into { set, add, subtract };

template <Into into, int rows, int columns, class L>
inline void product_tile(Matrix<L> C, Matrix<L> A, Matrix<L> B, Index i0, Index j0, Index inner) {
    L sum[rows][columns];
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) {
            if constexpr (into == Into::set) sum[i][j] = L{};
            else sum[i][j] = C(i0 + i, j0 + j);
        }
    for (Index k = 0; k < inner; ++k) {
        L b[columns];
        for (int j = 0; j < columns; ++j) b[j] = B(k, j0 + j);
        for (int i = 0; i < rows; ++i) {
            L a = A(i0 + i, k);
            for (int j = 0; j < columns; ++j) {
                if constexpr (into == Into::subtract) sum[i][j] -= a * b[j];
                else sum[i][j] += a * b[j];
            }
        }
    }
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) C(i0 + i, j0 + j) = sum[i][j];
}

template <Into into, int rows, class L>
inline void product_rows(Matrix<L> C, Matrix<L> A, Matrix<L> B, Index i0, Index inner, Index n) {
    Index j = 0;
    for (; j + 4 <= n; j += 4) product_tile<into, rows, 4>(C, A, B, i0, j, inner);
    if (n - j == 3) product_tile<into, rows, 3>(C, A, B, i0, j, inner);
    if (n - j == 2) product_tile<into, rows, 2>(C, A, B, i0, j, inner);
    if (n - j == 1) product_tile<into, rows, 1>(C, A, B, i0, j, inner);
}

// C = A B, C += A B or C −= A B for an m × inner and an inner × n matrix; C is not A or B.
template <Into into, class L>
void multiply(Matrix<L> C, Matrix<L> A, Matrix<L> B, Index m, Index inner, Index n) {
    constexpr int rows = sizeof(L) * 4 * 4 <= register_bytes * (registers - 8) ? 4 : 2;
    Index i = 0;
    for (; i + rows <= m; i += rows) product_rows<into, rows>(C, A, B, i, inner, n);
    if (rows == 4 && m - i >= 2) {
        product_rows<into, 2>(C, A, B, i, inner, n);
        i += 2;
    }
    if (m - i == 1) product_rows<into, 1>(C, A, B, i, inner, n);
}

template <Into into, class L>
inline void multiply(L* C, L* A, L* B, Index n) {
    multiply<into>(square(C, n), square(A, n), square(B, n), n, n, n);
}

// --- kernels -----------------------------------------------------------------------------------------------

template <class E>
inline void conjugate_all(Lane<E>* X, Index entries) {
    if constexpr (E::is_complex)
        for (Index e = 0; e < entries; ++e) X[e] = conjugate(X[e]);
}

// Mᴴ in place.
template <class E>
inline void adjoint_in_place(Lane<E>* M, Index n) {
    for (Index i = 0; i < n; ++i)
        for (Index j = 0; j <= i; ++j) {
            Lane<E> lower = M[i * n + j];
            M[i * n + j] = conjugate(M[j * n + i]);
            M[j * n + i] = conjugate(lower);
        }
}

template <class E>
std::size_t product_room(Index m, Index inner, Index n) {
    return lane_bytes<E>(m * inner) + lane_bytes<E>(inner * n) + lane_bytes<E>(m * n);
}

// C = ±op(A) op(B) for stacks of `count` matrices; op(A) is m × inner.  Each of the stacks may be there `copies`
// times (directions), or once for all of them.
template <class E>
void product(const typename E::R* A, const typename E::R* B, typename E::R* C, Index count, Index copies, bool many_a,
             bool many_b, Index m, Index inner, Index n, bool adjoint_a, bool adjoint_b, bool minus, void* room) {
    Lane<E>* a = take_lanes<E>(room, m * inner);
    Lane<E>* b = take_lanes<E>(room, inner * n);
    Lane<E>* c = take_lanes<E>(room, m * n);
    BlocksOf<E> in_a(count, m * inner), in_b(count, inner * n), out(count, m * n);
    Matrix<Lane<E>> left = adjoint_a ? Matrix<Lane<E>>{a, 1, m} : Matrix<Lane<E>>{a, inner, 1};
    Matrix<Lane<E>> right = adjoint_b ? Matrix<Lane<E>>{b, 1, inner} : Matrix<Lane<E>>{b, n, 1};
    for (Index block = 0; block < out.blocks(); ++block)
        for (Index copy = 0; copy < copies; ++copy) {
            if (copy == 0 || many_a) {
                in_a.load(A + (many_a ? copy * in_a.length() : 0), block, a);
                if (adjoint_a) conjugate_all<E>(a, m * inner);
            }
            if (copy == 0 || many_b) {
                in_b.load(B + (many_b ? copy * in_b.length() : 0), block, b);
                if (adjoint_b) conjugate_all<E>(b, inner * n);
            }
            multiply<Into::set>(Matrix<Lane<E>>{c, n, 1}, left, right, m, inner, n);
            if (minus)
                for (Index e = 0; e < m * n; ++e) c[e] = -c[e];
            out.store(c, block, C + copy * out.length());
        }
}

template <class E>
std::size_t sandwich_room(Index n) {
    return 4 * lane_bytes<E>(n * n);
}

// W = −op(Y) V op(Y), the derivative of Y = A⁻¹ in the direction V and its adjoint, for `copies` of the stack V.
template <class E>
void sandwich(const typename E::R* Y, const typename E::R* V, typename E::R* W, Index count, Index copies, Index n,
              bool adjoint, void* room) {
    Lane<E>* y = take_lanes<E>(room, n * n);
    Lane<E>* v = take_lanes<E>(room, n * n);
    Lane<E>* t = take_lanes<E>(room, n * n);
    BlocksOf<E> in(count, n * n);
    Matrix<Lane<E>> op = adjoint ? square(y, n).transposed() : square(y, n);
    for (Index block = 0; block < in.blocks(); ++block) {
        in.load(Y, block, y);
        if (adjoint) conjugate_all<E>(y, n * n);
        for (Index copy = 0; copy < copies; ++copy) {
            in.load(V + copy * in.length(), block, v);
            multiply<Into::set>(square(t, n), op, square(v, n), n, n, n);
            for (Index e = 0; e < n * n; ++e) v[e] = Lane<E>{};
            multiply<Into::subtract>(square(v, n), square(t, n), op, n, n, n);
            in.store(v, block, W + copy * in.length());
        }
    }
}

}  // namespace frechet::FRECHET_LEVEL
