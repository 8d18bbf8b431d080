// What the exponentials of small stacks (expm.hpp) and of single matrices (expm_blas.hpp) share: the choice of
// the program and of the scaling, and linear combinations.  frechet/linalg/_expm_factor.py explains the
// algorithm.
#pragma once

#include "level.hpp"
#include "types.hpp"

namespace frechet::FRECHET_LEVEL {

// --- scaling -----------------------------------------------------------------------------------------------

// The program with the fewest products that is exact enough for a norm; for too large a norm the last one.
inline const Program* program_for(const Programs& programs, double norm, bool single) {
    const Program* program = programs.program;
    const Program* last = program + programs.count[single] - 1;
    while (program < last && norm > program->limit[single]) ++program;
    return program;
}

// The smallest s ≥ 0 with 2^−s norm ≤ limit.
inline int halvings_for(double norm, double limit) {
    if (!(norm > limit)) return 0;
    int exponent;
    double fraction = __builtin_frexp(norm / limit, &exponent);
    return fraction == 0.5 ? exponent - 1 : exponent;
}

inline double power_of_2(int exponent) { return __builtin_ldexp(1.0, exponent); }

// Multiplies a row vector by |A|, which is there as the moduli of A; returns the largest entry.  From a vector of
// ones, k of these give ‖ |A|^k ‖₁.  V is a number, or a register of them.
template <class V>
inline V times_moduli(V* row, const V* moduli, Index n, V* next) {
    for (Index j = 0; j < n; ++j) next[j] = V{};
    for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) next[j] += row[i] * moduli[i * n + j];
    V largest{};
    for (Index j = 0; j < n; ++j) {
        row[j] = next[j];
        largest = next[j] > largest ? next[j] : largest;
    }
    return largest;
}

// Whether the powers of A stay so far below those of the bound of its norm that fewer halvings may do: the
// fourth power of |A| tells.  The room holds two rows.
template <class V>
inline auto powers_stay_small(const V* moduli, V bound, Index n, V* room) {
    V *row = room, *next = room + n, largest{};
    for (Index j = 0; j < n; ++j) row[j] = V{} + 1;
    for (int k = 0; k < 4; ++k) largest = times_moduli(row, moduli, n, next);
    V eighth = bound / 8;
    return largest < eighth * eighth * eighth * eighth;
}

// How often a matrix was halved in vain, because its powers stay far below those of its norm.
//
// Squaring such a matrix as often as its norm asks for loses digits (Al-Mohy & Higham 2009a).  For truncation
// α = max(‖A⁶‖^(1/6), ‖A⁸‖^(1/8)) will do: every even number from 12 on is a sum of sixes and eights, so ‖A^k‖ ≤
// α^k for even k and ≤ ‖A‖ α^(k−1) for odd k, and one factor ‖A‖ is what a relative backward error may have.
// For rounding, which grows with the powers of |A|, the same limit is put on (‖ |A|^k ‖ / ‖A‖)^(1/(k−1)), k =
// order + 1.
//
// A is one matrix, already scaled, of real or complex doubles; multiply(C, A, B) is the product of such ones.
constexpr Index needless_halvings_room(Index n, int parts) { return (1 + 3 * parts) * n * n + 2 * n; }

template <int parts, class Multiply>
int needless_halvings(const double* A, Index n, double limit, int order, double* room, Multiply multiply) {
    double* moduli = room;
    double* square = moduli + n * n;
    double* fourth = square + parts * n * n;
    double* other = fourth + parts * n * n;
    double* row = other + parts * n * n;
    double* next = row + n;
    auto set_moduli = [=](const double* X) {
        for (Index e = 0; e < n * n; ++e) {
            if constexpr (parts == 1) moduli[e] = absolute(X[e]);
            else moduli[e] = square_root(X[2 * e] * X[2 * e] + X[2 * e + 1] * X[2 * e + 1]);
        }
        for (Index j = 0; j < n; ++j) row[j] = 1;
    };
    auto norm_1 = [=](const double* X) {
        set_moduli(X);
        return times_moduli(row, moduli, n, next);
    };
    constexpr double tiny = 2.2250738585072014e-308;
    double first = norm_1(A), most = first;
    for (int k = 0; k < order; ++k) most = times_moduli(row, moduli, n, next);
    double rounding = __builtin_pow(most / larger(first, tiny), 1.0 / order);
    multiply(square, A, A);
    multiply(fourth, square, square);
    multiply(other, square, fourth);
    double sixth = __builtin_pow(norm_1(other), 1.0 / 6);
    multiply(other, fourth, fourth);
    double eighth = __builtin_pow(norm_1(other), 1.0 / 8);
    double needed = smaller(larger(larger(larger(sixth, eighth), rounding), tiny), limit);
    return int(__builtin_floor(__builtin_log2(limit / needed)));
}

// --- reals, whichever numbers of whichever matrices they belong to ------------------------------------------

// Σ_j c_j · step j, for `count` reals from one on.
template <class R>
inline void combine(const Combination& c, const R* const* steps, Index from, Index count, R* out) {
    using V = Vector<R>;
    V factor[max_products + 1];
    for (int j = 0; j < c.count; ++j) factor[j] = V{} + R(c.coefficient[j]);
    Index e = from, end = from + count;
    for (; e + lanes<R> <= end; e += lanes<R>) {
        V sum = factor[0] * load<V>(steps[0] + e);
        for (int j = 1; j < c.count; ++j) sum += factor[j] * load<V>(steps[j] + e);
        store(out + e, sum);
    }
    for (; e < end; ++e) {
        R sum = R(c.coefficient[0]) * steps[0][e];
        for (int j = 1; j < c.count; ++j) sum += R(c.coefficient[j]) * steps[j][e];
        out[e] = sum;
    }
}

// Whether they are all finite: zero times them is zero.
template <class R>
inline bool all_finite(const R* x, Index count) {
    Vector<R> sums{};
    Index e = 0;
    for (; e + lanes<R> <= count; e += lanes<R>) sums += load<Vector<R>>(x + e) * 0;
    R sum = 0;
    for (; e < count; ++e) sum += x[e] * 0;
    for (int w = 0; w < lanes<R>; ++w) sum += sums[w];
    return sum == 0;
}

}  // namespace frechet::FRECHET_LEVEL
