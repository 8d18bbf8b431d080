// The exponential of small matrices in blocks (stack.hpp), and its Fréchet derivative.
//
// The algorithm is that of frechet/linalg/_expm_factor.py, where it is explained: scaling and squaring around a
// polynomial, evaluated by a short program of products.  The programs come from there, as tables.  A block
// takes the shortest one that is exact enough for all its matrices, and each of them its own number of
// squarings.  The derivative runs through the value again beside it: that costs a third of its work and less
// time than writing and reading all that the value has computed.
#pragma once

#include "product.hpp"
#include "stack.hpp"

namespace frechet::FRECHET_LEVEL {

template <class R>
inline R power(R x, int n) {
    R p = 1;
    for (; n > 0; --n) p *= x;
    return p;
}

// ‖A‖₁ for each matrix of a block.
template <class E>
Vector<typename E::R> norm_1(const Lane<E>* A, Index n) {
    using V = Vector<typename E::R>;
    V norm{};
    for (Index j = 0; j < n; ++j) {
        V sum{};
        for (Index i = 0; i < n; ++i) sum += modulus<E>(A[i * n + j]);
        norm = sum > norm ? sum : norm;
    }
    return norm;
}

// How often a matrix was halved in vain, because its powers stay far below those of its norm (Al-Mohy & Higham
// 2009a); `_needless_halvings` in _expm_factor.py says how that is found.  A is one matrix, already scaled, of
// complex numbers; the room holds four more and two rows.
inline int needless_halvings(const double* A, Index n, double limit, int order, double* room) {
    double* size = room;
    double* square = size + n * n;
    double* fourth = square + 2 * n * n;
    double* other = fourth + 2 * n * n;
    double* row = other + 2 * n * n;
    double* next = row + n;
    for (Index e = 0; e < n * n; ++e) size[e] = square_root(A[2 * e] * A[2 * e] + A[2 * e + 1] * A[2 * e + 1]);
    for (Index j = 0; j < n; ++j) row[j] = 1;
    double first = 0, most = 0;
    for (int k = 0; k <= order; ++k) {
        most = 0;
        for (Index j = 0; j < n; ++j) {
            next[j] = 0;
            for (Index i = 0; i < n; ++i) next[j] += row[i] * size[i * n + j];
            most = larger(most, next[j]);
        }
        for (Index j = 0; j < n; ++j) row[j] = next[j];
        if (k == 0) first = most;
    }
    auto multiply_complex = [n](const double* X, const double* Y, double* Z) {
        double norm = 0;
        for (Index j = 0; j < n; ++j) {
            double sum = 0;
            for (Index i = 0; i < n; ++i) {
                double re = 0, im = 0;
                for (Index k = 0; k < n; ++k) {
                    const double *x = X + 2 * (i * n + k), *y = Y + 2 * (k * n + j);
                    re += x[0] * y[0] - x[1] * y[1];
                    im += x[0] * y[1] + x[1] * y[0];
                }
                Z[2 * (i * n + j)] = re;
                Z[2 * (i * n + j) + 1] = im;
                sum += square_root(re * re + im * im);
            }
            norm = larger(norm, sum);
        }
        return norm;
    };
    constexpr double tiny = 2.2250738585072014e-308;
    double rounding = __builtin_pow(most / larger(first, tiny), 1.0 / order);
    multiply_complex(A, A, square);
    multiply_complex(square, square, fourth);
    double sixth = __builtin_pow(multiply_complex(square, fourth, other), 1.0 / 6);
    double eighth = __builtin_pow(multiply_complex(fourth, fourth, other), 1.0 / 8);
    double needed = smaller(larger(larger(larger(sixth, eighth), rounding), tiny), limit);
    return int(__builtin_floor(__builtin_log2(limit / needed)));
}

// One block of matrices, prepared: which program, how many squarings, and room for the steps.
template <class E>
struct Exponential {
    using R = typename E::R;
    using V = Vector<R>;
    Index n, entries;
    const Program* program;
    V scale;  // what each matrix is multiplied by, 2^−halvings
    int halvings[lanes<R>];
    int most;  // the largest of them
    Lane<E>* steps[max_products + 1];
    Lane<E>* P;
    Lane<E>* Q;
    Lane<E>* rest;
    double* scratch;

    static Index room_entries(Index n) { return (max_products + 4) * n * n; }
    static std::size_t scratch_reals(Index n) { return 11 * n * n + 2 * n + 8; }

    Exponential(Index n, void*& room) : n(n), entries(n * n) {
        for (auto& step : steps) step = take_lanes<E>(room, entries);
        P = take_lanes<E>(room, entries);
        Q = take_lanes<E>(room, entries);
        rest = take_lanes<E>(room, entries);
        scratch = static_cast<double*>(room);
        room = scratch + scratch_reals(n);
    }

    // Chooses the program and the halvings for the matrices in steps[0], and scales them.
    void prepare(const Programs& programs) {
        V norm = norm_1<E>(steps[0], n);
        constexpr bool single = sizeof(R) == 4;
        constexpr R huge = single ? R(3.4028235e38) : R(1.7976931348623157e308);
        R worst = 0;
        for (int w = 0; w < lanes<R>; ++w) {
            norm[w] = smaller(norm[w], huge);
            worst = larger(worst, norm[w]);
        }
        int available = programs.count[single];
        program = programs.program;
        while (program < programs.program + available - 1 && double(worst) > program->limit[single]) ++program;
        double limit = program->limit[single];
        most = 0;
        V bound = norm;
        for (int w = 0; w < lanes<R>; ++w) {
            halvings[w] = 0;
            scale[w] = 1;
            if (double(norm[w]) > limit) {
                int exponent;
                double fraction = __builtin_frexp(double(norm[w]) / limit, &exponent);
                halvings[w] = fraction == 0.5 ? exponent - 1 : exponent;
                scale[w] = R(__builtin_ldexp(1.0, -halvings[w]));
                bound[w] = R(__builtin_ldexp(double(norm[w]), -halvings[w]));
                most = larger(most, halvings[w]);
            }
        }
        for (Index e = 0; e < entries; ++e) steps[0][e] = scale * steps[0][e];
        if (most > 0) save_halvings(bound, limit);
    }

    // Takes back halvings that the fourth power of |A| shows to be needless.
    void save_halvings(V bound, double limit) {
        V* row = reinterpret_cast<V*>(P);  // P, Q and rest are not in use yet
        V* next = reinterpret_cast<V*>(Q);
        V* size = reinterpret_cast<V*>(rest);
        for (Index e = 0; e < entries; ++e) size[e] = modulus<E>(steps[0][e]);
        for (Index j = 0; j < n; ++j) row[j] = V{} + R(1);
        V largest{};
        for (int k = 0; k < 4; ++k) {
            largest = V{};
            for (Index j = 0; j < n; ++j) {
                next[j] = V{};
                for (Index i = 0; i < n; ++i) next[j] += row[i] * size[i * n + j];
                largest = next[j] > largest ? next[j] : largest;
            }
            for (Index j = 0; j < n; ++j) row[j] = next[j];
        }
        V eighth = bound / 8;
        auto extreme = largest < eighth * eighth * eighth * eighth;
        if (!any(extreme)) return;
        V back = V{} + R(1);
        most = 0;
        for (int w = 0; w < lanes<R>; ++w) {
            if (extreme[w] && halvings[w] > 0) {
                double* one = scratch;
                for (Index e = 0; e < entries; ++e) {
                    const R* from = reinterpret_cast<const R*>(&steps[0][e]) + w;
                    one[2 * e] = from[0];
                    one[2 * e + 1] = E::is_complex ? from[(E::parts - 1) * lanes<R>] : 0;
                }
                int excess = smaller(needless_halvings(one, n, limit, program->order, one + 2 * entries), halvings[w]);
                halvings[w] -= excess;
                back[w] = R(__builtin_ldexp(1.0, excess));
            }
            most = larger(most, halvings[w]);
        }
        scale = scale * back;
        for (Index e = 0; e < entries; ++e) steps[0][e] = back * steps[0][e];
    }

    // Σ_j c_j · step j.
    static void combine(const Combination& c, Lane<E>* const* steps, Index entries, Lane<E>* out) {
        V factor[max_products + 1];
        for (int j = 0; j < c.count; ++j) factor[j] = V{} + R(c.coefficient[j]);
        for (Index e = 0; e < entries; ++e) {
            Lane<E> sum = factor[0] * steps[0][e];
            for (int j = 1; j < c.count; ++j) sum += factor[j] * steps[j][e];
            out[e] = sum;
        }
    }

    static Lane<E>* operand(const Operand& o, Lane<E>* const* steps, Index entries, Lane<E>* out) {
        if (o.step >= 0) return steps[o.step];
        combine(o.combination, steps, entries, out);
        return out;
    }

    bool squared(int i, Mask<R>& mask) const {  // whether all matrices take part in squaring i
        bool all = true;
        for (int w = 0; w < lanes<R>; ++w) {
            mask[w] = halvings[w] > i ? -1 : 0;
            all &= halvings[w] > i;
        }
        return all;
    }

    // e^A for the block, in what is returned.
    Lane<E>* value() {
        int last = program->products;
        for (int k = 1; k <= last; ++k) {
            Lane<E>* p = operand(program->left[k - 1], steps, entries, P);
            Lane<E>* q = operand(program->right[k - 1], steps, entries, Q);
            if (k == last) combine(program->result, steps, entries, steps[last]);
            if (k == last) multiply<Into::add>(steps[k], p, q, n);
            else multiply<Into::set>(steps[k], p, q, n);
        }
        Lane<E>* X = steps[last];
        add_identity(X);
        Lane<E>* Y = P;
        for (int i = 0; i < most; ++i) {
            multiply<Into::set>(Y, X, X, n);
            Mask<R> mask;
            if (!squared(i, mask))
                for (Index e = 0; e < entries; ++e) Y[e] = select(mask, Y[e], X[e]);
            Lane<E>* t = X;
            X = Y;
            Y = t;
        }
        return X;
    }

    void add_identity(Lane<E>* X) const {
        for (Index i = 0; i < n; ++i) X[i * (n + 1)] += constant_lane<E>(R(1));
    }

    // L(A, V) for the block, given V in tangent.steps[0], in what is returned; dZ = dP Q + P dQ for each product.
    Lane<E>* derivative(Exponential& tangent) {
        int last = program->products;
        for (Index e = 0; e < entries; ++e) tangent.steps[0][e] = scale * tangent.steps[0][e];
        for (int k = 1; k <= last; ++k) {
            Lane<E>* p = operand(program->left[k - 1], steps, entries, P);
            Lane<E>* q = operand(program->right[k - 1], steps, entries, Q);
            Lane<E>* dp = operand(program->left[k - 1], tangent.steps, entries, tangent.P);
            Lane<E>* dq = operand(program->right[k - 1], tangent.steps, entries, tangent.Q);
            if (k == last) {
                combine(program->result, tangent.steps, entries, tangent.steps[last]);
                multiply<Into::add>(tangent.steps[last], dp, q, n);
            } else {
                multiply<Into::set>(tangent.steps[k], dp, q, n);
            }
            multiply<Into::add>(tangent.steps[k], p, dq, n);
            if (k == last && most == 0) break;  // the value itself is not asked for
            if (k == last) combine(program->result, steps, entries, steps[last]);
            if (k == last) multiply<Into::add>(steps[k], p, q, n);
            else multiply<Into::set>(steps[k], p, q, n);
        }
        Lane<E>*X = steps[last], *Y = P, *L = tangent.steps[last], *M = tangent.P;
        if (most > 0) add_identity(X);
        for (int i = 0; i < most; ++i) {
            Mask<R> mask;
            bool all = squared(i, mask);
            multiply<Into::set>(M, L, X, n);
            multiply<Into::add>(M, X, L, n);
            if (i + 1 < most) multiply<Into::set>(Y, X, X, n);
            if (!all)
                for (Index e = 0; e < entries; ++e) {
                    M[e] = select(mask, M[e], L[e]);
                    Y[e] = select(mask, Y[e], X[e]);
                }
            Lane<E>* t = X;
            X = Y;
            Y = t;
            t = L;
            L = M;
            M = t;
        }
        return L;
    }
};

// --- kernels -----------------------------------------------------------------------------------------------

template <class E>
std::size_t expm_room(Index n) {
    using X = Exponential<E>;
    return 2 * ((max_products + 4) * lane_bytes<E>(n * n) + X::scratch_reals(n) * sizeof(double)) +
           2 * lane_bytes<E>(n * n);
}

// Whether the entries of a block are all finite: zero times them is zero.
template <class E>
bool all_finite(const Lane<E>* X, Index entries) {
    using R = typename E::R;
    const auto* reals = reinterpret_cast<const Vector<R>*>(X);
    Vector<R> sum{};
    for (Index e = 0; e < entries * E::parts; ++e) sum += reals[e] * 0;
    return !any(sum != 0);
}

// X = e^A for each matrix of a stack; returns whether all results are finite.
template <class E>
bool expm(const typename E::R* A, typename E::R* X, Index count, Index n, const Programs& programs, void* room) {
    Exponential<E> exponential(n, room);
    BlocksOf<E> in(count, n * n);
    bool finite = true;
    for (Index block = 0; block < in.blocks(); ++block) {
        in.load(A, block, exponential.steps[0]);
        exponential.prepare(programs);
        Lane<E>* value = exponential.value();
        finite &= all_finite<E>(value, n * n);
        in.store(value, block, X);
    }
    return finite;
}

// L(A, V) for `copies` of a stack V of directions, or L(A, Vᴴ)ᴴ, the adjoint.
template <class E>
void expm_frechet(const typename E::R* A, const typename E::R* V, typename E::R* L, Index count, Index copies, Index n,
                  bool adjoint, const Programs& programs, void* room) {
    Exponential<E> exponential(n, room);
    Exponential<E> tangent(n, room);
    BlocksOf<E> in(count, n * n);
    for (Index block = 0; block < in.blocks(); ++block) {
        for (Index copy = 0; copy < copies; ++copy) {
            in.load(A, block, exponential.steps[0]);
            exponential.prepare(programs);
            in.load(V + copy * in.length(), block, tangent.steps[0]);
            if (adjoint) adjoint_in_place<E>(tangent.steps[0], n);
            Lane<E>* result = exponential.derivative(tangent);
            if (adjoint) adjoint_in_place<E>(result, n);
            in.store(result, block, L + copy * in.length());
        }
    }
}

}  // namespace frechet::FRECHET_LEVEL
