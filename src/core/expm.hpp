// The exponential of stacks of small matrices, in blocks (stack.hpp), and its Fréchet derivative.
//
// The algorithm is that of frechet/linalg/_expm_factor.py, where it is explained: scaling and squaring around a
// polynomial, evaluated by a short program of products.  The programs come from there, as tables.  A block
// takes the shortest one that is exact enough for all its matrices, and each of them its own number of
// squarings.  The derivative runs through the value again beside it: that costs a third of its work and less
// time than writing and reading all that the value has computed.
#pragma once

#include "expm_scaling.hpp"
#include "product.hpp"
#include "stack.hpp"

namespace frechet::FRECHET_LEVEL {

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

// C = A B for matrices of one lane, real or complex; it is rarely needed.
template <int parts>
void multiply_one(double* C, const double* A, const double* B, Index n) {
    for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) {
            double re = 0, im = 0;
            for (Index k = 0; k < n; ++k) {
                const double *a = A + parts * (i * n + k), *b = B + parts * (k * n + j);
                re += a[0] * b[0];
                if constexpr (parts == 2) {
                    re -= a[1] * b[1];
                    im += a[0] * b[1] + a[1] * b[0];
                }
            }
            C[parts * (i * n + j)] = re;
            if constexpr (parts == 2) C[parts * (i * n + j) + 1] = im;
        }
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
    static std::size_t scratch_reals(Index n) { return E::parts * n * n + needless_halvings_room(n, E::parts); }

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
        program = program_for(programs, worst, single);
        double limit = program->limit[single];
        most = 0;
        V bound;
        for (int w = 0; w < lanes<R>; ++w) {
            halvings[w] = halvings_for(norm[w], limit);
            scale[w] = R(power_of_2(-halvings[w]));
            bound[w] = R(double(norm[w]) * power_of_2(-halvings[w]));
            most = larger(most, halvings[w]);
        }
        for (Index e = 0; e < entries; ++e) steps[0][e] = scale * steps[0][e];
        if (most > 0) save_halvings(bound, limit);
    }

    // Takes back halvings that the powers of A show to be needless.
    void save_halvings(V bound, double limit) {
        V* moduli = reinterpret_cast<V*>(rest);  // P, Q and rest are not in use yet
        for (Index e = 0; e < entries; ++e) moduli[e] = modulus<E>(steps[0][e]);
        auto extreme = powers_stay_small(moduli, bound, n, reinterpret_cast<V*>(P));
        if (!any(extreme)) return;
        auto multiply = [this](double* C, const double* A, const double* B) { multiply_one<E::parts>(C, A, B, n); };
        V back = V{} + R(1);
        most = 0;
        for (int w = 0; w < lanes<R>; ++w) {
            if (extreme[w] && halvings[w] > 0) {
                double* one = scratch;
                double* room = one + E::parts * entries;
                for (Index e = 0; e < entries; ++e)
                    for (int p = 0; p < E::parts; ++p)
                        one[E::parts * e + p] = reinterpret_cast<const R*>(&steps[0][e])[p * lanes<R> + w];
                int excess = needless_halvings<E::parts>(one, n, limit, program->order, room, multiply);
                excess = smaller(excess, halvings[w]);
                halvings[w] -= excess;
                back[w] = R(power_of_2(excess));
            }
            most = larger(most, halvings[w]);
        }
        scale = scale * back;
        for (Index e = 0; e < entries; ++e) steps[0][e] = back * steps[0][e];
    }

    static void combine(const Combination& c, Lane<E>* const* steps, Index entries, Lane<E>* out) {
        const R* reals[max_products + 1];
        for (int j = 0; j < c.count; ++j) reals[j] = reinterpret_cast<const R*>(steps[j]);
        frechet::FRECHET_LEVEL::combine<R>(c, reals, 0, entries * E::parts * lanes<R>, reinterpret_cast<R*>(out));
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
        finite &= all_finite(reinterpret_cast<const typename E::R*>(value), n * n * E::parts * lanes<typename E::R>);
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
