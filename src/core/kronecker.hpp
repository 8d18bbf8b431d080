// Linear matrix equations Σ_t A_t X B_t = Q for small matrices in blocks (stack.hpp), and their adjoints.
//
// They are linear equations K x = q for the rows of X in one vector, K_(ik)(jl) = Σ_t (A_t)_ij (B_t)_lk.  For m n
// unknowns the LU factorization of K takes (m n)³/3 multiplications: up to some 36 unknowns that is less, in
// time, than Schur forms of the coefficients.  The adjoint equation has Kᴴ.  K is factorized anew for each
// call: that costs less time than writing and reading the factors, of 2 (m n)² numbers for each matrix.
#pragma once

#include "lu.hpp"
#include "product.hpp"
#include "stack.hpp"

namespace frechet::FRECHET_LEVEL {

// The coefficients of one term in a block, and the sums of moduli over rows of A and over columns of B.
template <class E>
struct LoadedTerm {
    Lane<E>* A;
    Lane<E>* B;
    Vector<typename E::R>* size_a;
    Vector<typename E::R>* size_b;
};

template <class E>
std::size_t kronecker_room(int terms, Index m, Index n) {
    Index N = m * n;
    return 2 * lane_bytes<E>(N * N) + 4 * lane_bytes<E>(N) +
           std::size_t(terms) * (lane_bytes<E>(m * m) + lane_bytes<E>(n * n) + lane_bytes<E>(m) + lane_bytes<E>(n));
}

template <class E>
void kronecker_matrix(const LoadedTerm<E>* terms, int count, Index m, Index n, Lane<E>* K) {
    Index N = m * n;
    for (Index i = 0; i < m; ++i)
        for (Index k = 0; k < n; ++k)
            for (Index j = 0; j < m; ++j)
                for (Index l = 0; l < n; ++l) {
                    Lane<E> sum = terms[0].A[i * m + j] * terms[0].B[l * n + k];
                    for (int t = 1; t < count; ++t) sum += terms[t].A[i * m + j] * terms[t].B[l * n + k];
                    K[(i * n + k) * N + j * n + l] = sum;
                }
}

// ‖ |K⁻¹| |K| ‖, Skeel's condition number of each matrix of a block, with |K| before cancellation; it does not
// depend on how the variables are scaled.
template <class E>
Vector<typename E::R> skeel_condition(const LoadedTerm<E>* terms, int count, Index m, Index n, const Lane<E>* LU,
                                      const Vector<typename E::R>* pivots, Lane<E>* inverse,
                                      Vector<typename E::R>* size) {
    using R = typename E::R;
    using V = Vector<R>;
    Index N = m * n;
    for (int t = 0; t < count; ++t) {
        for (Index i = 0; i < m; ++i) {
            terms[t].size_a[i] = V{};
            for (Index j = 0; j < m; ++j) terms[t].size_a[i] += modulus<E>(terms[t].A[i * m + j]);
        }
        for (Index k = 0; k < n; ++k) {
            terms[t].size_b[k] = V{};
            for (Index l = 0; l < n; ++l) terms[t].size_b[k] += modulus<E>(terms[t].B[l * n + k]);
        }
    }
    for (Index i = 0; i < m; ++i)
        for (Index k = 0; k < n; ++k) {
            V sum{};
            for (int t = 0; t < count; ++t) sum += terms[t].size_a[i] * terms[t].size_b[k];
            size[i * n + k] = sum;
        }
    for (Index e = 0; e < N * N; ++e) inverse[e] = constant_lane<E>(e % (N + 1) == 0 ? R(1) : R(0));
    substitute<E>(LU, pivots, inverse, N, N, false);
    V condition{};
    for (Index i = 0; i < N; ++i) {
        V sum{};
        for (Index j = 0; j < N; ++j) sum += modulus<E>(inverse[i * N + j]) * size[j];
        condition = condition > sum ? condition : sum;  // nan, where K is singular, stays
    }
    return condition;
}

// X for `copies` of a stack Q of right sides; where `judge` is set, first the largest condition number of the
// equations is found and returned, infinity if one is exactly singular.
template <class E>
double kronecker(const Term<typename E::R>* terms, int term_count, const typename E::R* Q, typename E::R* X,
                 Index count, Index copies, Index m, Index n, bool adjoint, bool judge, void* room) {
    using R = typename E::R;
    using V = Vector<R>;
    Index N = m * n;
    Lane<E>* K = take_lanes<E>(room, N * N);
    Lane<E>* inverse = take_lanes<E>(room, N * N);
    Lane<E>* q = take_lanes<E>(room, N);
    V* size = reinterpret_cast<V*>(take_lanes<E>(room, N));
    V* pivots = reinterpret_cast<V*>(take_lanes<E>(room, N));
    LoadedTerm<E> loaded[max_terms];
    for (int t = 0; t < term_count; ++t) {
        loaded[t].A = take_lanes<E>(room, m * m);
        loaded[t].B = take_lanes<E>(room, n * n);
        loaded[t].size_a = reinterpret_cast<V*>(take_lanes<E>(room, m));
        loaded[t].size_b = reinterpret_cast<V*>(take_lanes<E>(room, n));
    }
    BlocksOf<E> unknowns(count, N);
    constexpr double infinity = __builtin_inf();
    double worst = 0;
    for (Index block = 0; block < unknowns.blocks(); ++block) {
        for (int t = 0; t < term_count; ++t) {
            const Term<R>& term = terms[t];
            if (term.many_a || block == 0) BlocksOf<E>(term.many_a ? count : 1, m * m).load(term.A, block, loaded[t].A);
            if (term.many_b || block == 0) BlocksOf<E>(term.many_b ? count : 1, n * n).load(term.B, block, loaded[t].B);
        }
        kronecker_matrix<E>(loaded, term_count, m, n, K);
        auto singular = factorize<E>(K, N, pivots);
        if (judge) {
            V condition = skeel_condition<E>(loaded, term_count, m, n, K, pivots, inverse, size);
            for (Index w = 0; w < unknowns.valid(block); ++w) {
                double one = singular[w] ? infinity : double(condition[w]);
                worst = one <= worst ? worst : one == one ? one : infinity;
            }
        }
        for (Index copy = 0; copy < copies; ++copy) {
            unknowns.load(Q + copy * unknowns.length(), block, q);
            substitute<E>(K, pivots, q, N, 1, adjoint);
            unknowns.store(q, block, X + copy * unknowns.length());
        }
    }
    return worst;
}

}  // namespace frechet::FRECHET_LEVEL
