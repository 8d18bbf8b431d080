// The equation T X + X L = F where T and L are the diagonal blocks of real quasi-triangular matrices.
//
// Two 2 × 2 blocks are T = t I + N and L = l I + M, N and M without trace: N² = −ω² I and
// M² = −ν² I for eigenvalues t ± iω, l ± iν.  The map X ↦ s X + N X + X M, s = t + l, is inverted by
// commuting maps: with J X = N X M, (N· + ·M)² = −ω² − ν² + 2J and J² = ω²ν², so with d∓ = s² + (ω ∓ ν)²
//
//     X = (s − N· − ·M) (α + 2J) F / (d₋ d₊),        α = (d₋ + d₊)/2.
//
// It is division by the four complex numbers s ± i(ω ± ν).  Where d₋ is far smaller than d₊, so that two of
// them nearly vanish, it has to be done on the subspaces of the two, or rounding errors of one would be
// multiplied by the reciprocals of the other: with the projections P± = (1 ± J/ων)/2,
//
//     X = (s − (ω−ν) N/ω) P₊F / d₋ + (s − (ω+ν) N/ω) P₋F / d₊,
//
// because X M = ∓(ν/ω) N X there.  This is not good in all cases: J/ων may be large, for blocks far from normal.
#pragma once

#include "level.hpp"

namespace frechet::FRECHET_LEVEL {

// A diagonal block of a quasi-triangular matrix: mean · I + N with trace N = 0.
template <class R>
struct Block {
    Index start;
    int size;  // 1 or 2
    R mean;
    R N[2][2];
    R omega;    // the eigenvalues are mean ± i ω,
    bool real;  // or real, as those of no block are that LAPACK makes
};

// What the division by a pair of blocks needs.
template <class R>
struct Pair {
    R s, near, far, kappa;  // near (F + κ J F) is what (s − N· − ·M) acts on; where far ≠ 0: 1/d₋, 1/d₊, 1/ων
};

// The diagonal blocks of an upper or lower quasi-triangular matrix, which two rows share where the entry that a
// triangular one does not have is not zero.
template <class R>
Index find_blocks(const R* M, Index ld, Index n, bool lower, Block<R>* blocks) {
    Index count = 0;
    for (Index i = 0; i < n; ++count) {
        Block<R>& b = blocks[count];
        const R* at = M + i * ld + i;
        bool pair = i + 1 < n && (lower ? at[1] : at[ld]) != 0;
        b = Block<R>{i, pair ? 2 : 1, at[0], {{0, 0}, {0, 0}}, 0, false};
        if (pair) {
            b.mean = R(0.5) * at[0] + R(0.5) * at[ld + 1];
            R half = R(0.5) * at[0] - R(0.5) * at[ld + 1];
            b.N[0][0] = half;
            b.N[0][1] = at[1];
            b.N[1][0] = at[ld];
            b.N[1][1] = -half;
            R square = half * half + at[1] * at[ld];
            b.real = square > 0;
            b.omega = square_root(b.real ? square : -square);
        }
        i += b.size;
    }
    return count;
}

// The divisors of a pair of blocks; those whose squares are below `least` are reported, and replaced.
template <class R>
inline Pair<R> pair_of(const Block<R>& a, const Block<R>& b, R least, bool& singular) {
    R s = a.mean + b.mean, omega = a.omega, nu = b.omega;
    R difference = omega - nu, sum = omega + nu;
    R smallest = s * s + difference * difference, largest = s * s + sum * sum;
    if (a.real || b.real) {
        // eigenvalues s ± ω ± ν if both are real, s ± ω ± iν if one is
        R p = absolute(s + omega), q = absolute(s - omega);
        if (a.real && b.real) {
            p = smaller(absolute(s + sum), absolute(s - sum));
            q = smaller(absolute(s + difference), absolute(s - difference));
            smallest = smaller(p, q) * smaller(p, q);
        } else {
            R re = a.real ? smaller(p, q) : smaller(absolute(s + nu), absolute(s - nu));
            R im = a.real ? nu : omega;
            smallest = re * re + im * im;
        }
    }
    if (smallest < least) {
        singular = true;
        smallest = least;
        largest = larger(largest, smallest);
        s = s == 0 ? square_root(smallest) : s;
    }
    Pair<R> pair;
    pair.s = s;
    R product = omega * nu, mean = R(0.5) * (smallest + largest);
    bool split = smallest < product;
    pair.near = (split ? R(1) : mean / largest) / smallest;
    pair.far = split ? 1 / largest : 0;
    pair.kappa = split ? 1 / product : 2 / mean;
    if (a.size == 1 && b.size == 1) pair.near = 1 / s;
    return pair;
}

// A pair of blocks of which one has real eigenvalues, which is rare, by elimination with partial pivoting: the
// four equations s x_ij + Σ_k N_ik x_kj + Σ_k x_ik M_kj = f_ij.  A 1 × 1 block leaves zeros in some of them.
template <class R>
void eliminate(const Block<R>& a, const Block<R>& b, R s, R (&x)[2][2]) {
    R K[4][5] = {};
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) {
            R* row = K[2 * i + j];
            row[2 * i + j] += s;
            for (int k = 0; k < 2; ++k) {
                row[2 * k + j] += a.N[i][k];
                row[2 * i + k] += b.N[k][j];
            }
            row[4] = x[i][j];
        }
    for (int k = 0; k < 4; ++k) {
        int pivot = k;
        for (int i = k + 1; i < 4; ++i)
            if (absolute(K[i][k]) > absolute(K[pivot][k])) pivot = i;
        for (int c = 0; c < 5; ++c) {
            R t = K[k][c];
            K[k][c] = K[pivot][c];
            K[pivot][c] = t;
        }
        for (int i = k + 1; i < 4; ++i) {
            R factor = K[i][k] / K[k][k];
            for (int c = k; c < 5; ++c) K[i][c] -= factor * K[k][c];
        }
    }
    for (int k = 3; k >= 0; --k) {
        R sum = K[k][4];
        for (int c = k + 1; c < 4; ++c) sum -= K[k][c] * x[c / 2][c % 2];
        x[k / 2][k % 2] = sum / K[k][k];
    }
}

template <class R>
using Square = R[2][2];

template <class R>
inline void times(const Square<R>& A, const Square<R>& B, Square<R>& C) {
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) C[i][j] = A[i][0] * B[0][j] + A[i][1] * B[1][j];
}

// x becomes (x + κ N x M)/2.
template <class R>
inline void project(const Block<R>& a, const Block<R>& b, R kappa, Square<R>& x) {
    Square<R> Nx, J;
    times(a.N, x, Nx);
    times(Nx, b.N, J);
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) x[i][j] = R(0.5) * (x[i][j] + kappa * J[i][j]);
}

// x becomes the solution for a pair of blocks, at least one of them 2 × 2; the other may leave zeros in x.
template <class R>
inline void divide(const Block<R>& a, const Block<R>& b, const Pair<R>& pair, Square<R>& x) {
    if (a.real || b.real) {
        eliminate(a, b, pair.s, x);
        return;
    }
    Square<R> Ng, gM;
    if (pair.far == 0) {
        times(a.N, x, Ng);
        times(Ng, b.N, gM);  // J x
        for (int i = 0; i < 2; ++i)
            for (int j = 0; j < 2; ++j) x[i][j] = pair.near * (x[i][j] + pair.kappa * gM[i][j]);
        times(a.N, x, Ng);
        times(x, b.N, gM);
        for (int i = 0; i < 2; ++i)
            for (int j = 0; j < 2; ++j) x[i][j] = pair.s * x[i][j] - Ng[i][j] - gM[i][j];
        return;
    }
    Square<R> plus, minus;
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) plus[i][j] = x[i][j];
    project(a, b, pair.kappa, plus);
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) minus[i][j] = x[i][j] - plus[i][j];
    R difference = (a.omega - b.omega) / a.omega, sum = (a.omega + b.omega) / a.omega;
    times(a.N, plus, Ng);
    times(a.N, minus, gM);
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) {
            plus[i][j] = pair.near * (pair.s * plus[i][j] - difference * Ng[i][j]);
            minus[i][j] = pair.far * (pair.s * minus[i][j] - sum * gM[i][j]);
        }
    project(a, b, pair.kappa, plus);  // again, without the rounding errors that d₋ has made large
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) x[i][j] = plus[i][j] + minus[i][j];
}

}  // namespace frechet::FRECHET_LEVEL
