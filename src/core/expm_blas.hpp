// The exponential of one matrix of any size, and its Fréchet derivative, with products by BLAS (blas.hpp).
//
// The algorithm is that of frechet/linalg/_expm_factor.py, where it is explained.  The value keeps the operands of
// every product and what is squared; a derivative takes two products for each of them.
#pragma once

#include "expm_scaling.hpp"

namespace frechet::FRECHET_LEVEL {

// C = A B or C += A B, for matrices stored by rows: their transposes are stored by columns, and Cᵀ = Bᵀ Aᵀ.
template <class R>
struct Multiply {
    Gemm<R> gemm;
    int n;

    void operator()(R* C, const R* A, const R* B, bool add = false) const {
        const R one[2] = {1, 0}, beta[2] = {R(add), 0};
        const char as_is = 'N';
        gemm(&as_is, &as_is, &n, &n, &n, one, B, &n, A, &n, beta, C, &n);
    }
};

// The reals of a matrix, with what fills up the last register.
template <class E>
constexpr Index padded(Index n) {
    constexpr Index width = lanes<typename E::R>;
    return (n * n * E::parts + width - 1) / width * width;
}

// --- scaling -----------------------------------------------------------------------------------------------

template <class E>
inline double modulus_of(const typename E::R* x) {
    double re = x[0];
    if constexpr (!E::is_complex) return absolute(re);
    else {
        double im = x[1], square = re * re + im * im;
        return square > 1e-290 && square < 1e290 ? square_root(square) : absolute(re) + absolute(im);  // ≤ √2 |x|
    }
}

template <class E>
inline void moduli_of_row(const typename E::R* row, Index stride, Index n, double* out) {
    if (stride == E::parts)
        for (Index j = 0; j < n; ++j) out[j] = modulus_of<E>(row + j * E::parts);
    else
        for (Index j = 0; j < n; ++j) out[j] = modulus_of<E>(row + j * stride);
}

// scale · A, stored by rows.
template <class E, class S>
void copy_scaled(View<const typename E::R> A, S scale, S* out) {
    for (Index i = 0; i < A.rows; ++i) {
        const typename E::R* row = A.data + i * A.row_stride;
        S* to = out + i * A.columns * E::parts;
        if (A.column_stride == E::parts)
            for (Index e = 0; e < A.columns * E::parts; ++e) to[e] = scale * row[e];
        else
            for (Index j = 0; j < A.columns; ++j)
                for (int p = 0; p < E::parts; ++p) to[j * E::parts + p] = scale * row[j * A.column_stride + p];
    }
}

template <class E>
std::size_t expm_plan_room(Index n) {
    return (n * n * (1 + E::parts) + 2 * n + needless_halvings_room(n, E::parts)) * sizeof(double);
}

// Which program, and how many halvings, a matrix takes; −1 of them if it has nan or inf.  `bound` is a bound of one
// of its norms, or inf.
template <class E>
Plan expm_plan(View<const typename E::R> A, double bound, const Programs& programs, Gemm<double> gemm, void* room) {
    constexpr bool single = sizeof(typename E::R) == 4;
    constexpr double most = 1.7976931348623157e308;
    Index n = A.rows;
    double* moduli = static_cast<double*>(room);
    double* rows = moduli + n * n;
    double* wide = rows + 2 * n;
    for (Index i = 0; i < n; ++i) moduli_of_row<E>(A.data + i * A.row_stride, A.column_stride, n, moduli + i * n);
    for (Index j = 0; j < n; ++j) rows[j] = 1;
    double norm = times_moduli(rows, moduli, n, rows + n);
    if (!all_finite(rows, n)) {  // rows are the sums of the columns, which may overflow
        copy_scaled<E>(A, 1.0, wide);
        if (!all_finite(wide, n * n * E::parts)) return {nullptr, -1};
    }
    norm = smaller(smaller(norm, bound), most);
    const Program* program = program_for(programs, norm, single);
    double limit = program->limit[single];
    int halvings = halvings_for(norm, limit);
    if (halvings > 0) {
        double scale = power_of_2(-halvings);
        for (Index e = 0; e < n * n; ++e) moduli[e] *= scale;
        if (powers_stay_small(moduli, norm * scale, n, rows)) {
            copy_scaled<E>(A, scale, wide);
            Multiply<double> multiply{gemm, int(n)};
            int excess = needless_halvings<E::parts>(wide, n, limit, program->order, wide + n * n * E::parts, multiply);
            halvings -= smaller(excess, halvings);
        }
    }
    return {program, halvings};
}

// --- value and derivative ----------------------------------------------------------------------------------

// The matrices that the value of one exponential keeps: its steps but the last, the operands of its products, and
// what is squared.
template <class R>
struct KeptMatrices {
    R* step[max_products];
    R* left[max_products];
    R* right[max_products];
    R* squared;  // one after the other

    KeptMatrices(const Plan& plan, Index size, void* memory) {
        R* next = static_cast<R*>(memory);
        auto take = [&] {
            R* taken = next;
            next += size;
            return taken;
        };
        auto operand = [&](const Operand& o) { return o.step >= 0 ? step[o.step] : take(); };
        for (int k = 0; k < plan.program->products; ++k) {
            step[k] = take();
            left[k] = operand(plan.program->left[k]);
            right[k] = operand(plan.program->right[k]);
        }
        squared = next;
    }
};

template <class E>
std::size_t expm_kept(const Plan& plan, Index n) {
    const Program& program = *plan.program;
    int count = program.products + plan.halvings;
    for (int k = 0; k < program.products; ++k) count += (program.left[k].step < 0) + (program.right[k].step < 0);
    return count * padded<E>(n) * sizeof(typename E::R);
}

// The operands of product k that are linear combinations of the steps, and with the last product the result, which
// lacks that product.  A stretch of the steps at a time stays in the nearest cache.
template <class R>
void combinations(const Program& program, int k, const R* const* steps, R* left, R* right, R* result, Index reals) {
    constexpr Index stretch = 4096 / sizeof(R);
    for (Index from = 0; from < reals; from += stretch) {
        Index count = smaller(stretch, reals - from);
        if (program.left[k].step < 0) combine(program.left[k].combination, steps, from, count, left);
        if (program.right[k].step < 0) combine(program.right[k].combination, steps, from, count, right);
        if (k + 1 == program.products) combine(program.result, steps, from, count, result);
    }
}

// X = e^A; returns whether all of it is finite.
template <class E>
bool expm_value(View<const typename E::R> A, const Plan& plan, Gemm<typename E::R> gemm, void* kept, typename E::R* X) {
    using R = typename E::R;
    const Program& program = *plan.program;
    Index n = A.rows, reals = n * n * E::parts, size = padded<E>(n);
    Multiply<R> multiply{gemm, int(n)};
    KeptMatrices<R> keep(plan, size, kept);
    copy_scaled<E>(A, R(power_of_2(-plan.halvings)), keep.step[0]);
    R* P = plan.halvings > 0 ? keep.squared : X;  // the polynomial
    for (int k = 0; k < program.products; ++k) {
        bool last = k + 1 == program.products;
        combinations<R>(program, k, keep.step, keep.left[k], keep.right[k], P, reals);
        multiply(last ? P : keep.step[k + 1], keep.left[k], keep.right[k], last);
    }
    for (Index i = 0; i < n; ++i) P[i * (n + 1) * E::parts] += 1;
    for (int i = 0; i < plan.halvings; ++i) {
        R* square = i + 1 < plan.halvings ? P + size : X;
        multiply(square, P, P);
        P = square;
    }
    return all_finite(X, reals);
}

template <class E>
std::size_t expm_derivative_room(const Plan& plan, Index n) {
    return (plan.program->products + 3) * padded<E>(n) * sizeof(typename E::R);
}

// L = L(A, V): dZ = dP Q + P dQ for every product Z = P Q.
template <class E>
void expm_derivative(View<const typename E::R> V, const Plan& plan, Gemm<typename E::R> gemm, const void* kept,
                     typename E::R* L, void* room) {
    using R = typename E::R;
    const Program& program = *plan.program;
    Index n = V.rows, reals = n * n * E::parts, size = padded<E>(n);
    Multiply<R> multiply{gemm, int(n)};
    KeptMatrices<R> keep(plan, size, const_cast<void*>(kept));
    R* step[max_products];
    for (int k = 0; k < program.products; ++k) step[k] = static_cast<R*>(room) + k * size;
    R* left_room = static_cast<R*>(room) + program.products * size;
    R* right_room = left_room + size;
    R* other = right_room + size;
    copy_scaled<E>(V, R(power_of_2(-plan.halvings)), step[0]);
    R* D = plan.halvings % 2 ? other : L;  // so that the last squaring ends in L
    for (int k = 0; k < program.products; ++k) {
        bool last = k + 1 == program.products;
        int of_left = program.left[k].step, of_right = program.right[k].step;
        R* left = of_left >= 0 ? step[of_left] : left_room;
        R* right = of_right >= 0 ? step[of_right] : right_room;
        R* product = last ? D : step[k + 1];
        combinations<R>(program, k, step, left, right, D, reals);
        multiply(product, left, keep.right[k], last);
        multiply(product, keep.left[k], right, true);
    }
    const R* X = keep.squared;
    for (int i = 0; i < plan.halvings; ++i, X += size) {  // d(X X) = dX X + X dX
        R* next = D == L ? other : L;
        multiply(next, D, X);
        multiply(next, X, D, true);
        D = next;
    }
}

}  // namespace frechet::FRECHET_LEVEL
