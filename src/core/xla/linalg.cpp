// Exponentials and linear matrix equations, for XLA: stacks of matrices, no Python, and no lock.
//
// Matrices A are stacks (S, n, n); directions and right sides are stacks (D, S, n, n), D of them for each matrix.
#include "linalg.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "../blas.hpp"
#include "../dispatch.hpp"
#include "../programs.hpp"
#include "../room.hpp"
#include "../types.hpp"
#include "frame.hpp"

namespace nb = nanobind;

namespace frechet::xla {

namespace {

// Calls action(Entry) for the type of a buffer's entries.
template <class Do>
void for_type(const Buffer& buffer, Do&& action) {
    switch (buffer.type()) {
        case XLA_FFI_DataType_F32:
            return action(Entry<float, false>{});
        case XLA_FFI_DataType_F64:
            return action(Entry<double, false>{});
        case XLA_FFI_DataType_C64:
            return action(Entry<float, true>{});
        case XLA_FFI_DataType_C128:
            return action(Entry<double, true>{});
        default:
            throw std::invalid_argument("matrices must have dtype float32, float64, complex64 or complex128");
    }
}

// A stack (S, n, n) of square matrices, or (D, S, m, n) of right sides.
struct Matrices {
    Matrices(const Buffer& buffer, const Buffer& like, int axes) : buffer(buffer) {
        require(buffer.type() == like.type(), "all matrices must have the same dtype");
        require(buffer.ndim() == axes, axes == 3 ? "matrices must have the shape (S, n, n)"
                                                 : "right sides must have the shape (D, S, m, n)");
        rows = buffer.length(axes - 2), columns = buffer.length(axes - 1);
        count = buffer.length(axes - 3), copies = axes == 4 ? buffer.length(0) : 1;
        require(axes == 4 || rows == columns, "matrices must be square");
    }
    template <class R>
    R* data() const {
        return buffer.data<R>();
    }
    // One copy of the stack.
    template <class R>
    View<R> view(Index copy) const {
        const Index parts = buffer.complex() ? 2 : 1, one = rows * columns * parts;
        return {data<std::remove_const_t<R>>() + copy * count * one, rows, columns, columns * parts, parts, count, one};
    }
    void require_fits(const Matrices& other) const {
        require(count == other.count && copies == other.copies && rows == other.rows && columns == other.columns,
                "the result must have the shape of the right side");
    }

    Buffer buffer;
    Index rows, columns, count, copies;
};

// --- exponentials ------------------------------------------------------------------------------------------

constexpr Index widest_side_by_side = 16;  // rows of matrices that are computed side by side, in the lanes of registers

bool side_by_side(const Matrices& A) { return A.rows <= widest_side_by_side && (A.count > 1 || A.rows <= 4); }

const Programs* programs = nullptr;

struct OneExponential {
    Plan plan;
    Room kept;
};

// exp(A) of one matrix into X, and what its derivative needs.
template <class E>
OneExponential exponential(View<const typename E::R> A, typename E::R* X) {
    const auto& kernel = kernels<E>();
    Room room(kernel.expm_plan_room(A.rows));
    Plan plan = kernel.expm_plan(A, std::numeric_limits<double>::infinity(), *programs,
                                 gemm<Entry<double, E::is_complex>>(), room.get());
    require(plan.halvings >= 0, "expm: the matrix contains nan or inf");
    OneExponential one{plan, Room(kernel.expm_kept(plan, A.rows))};
    kernel.expm_value(A, plan, gemm<E>(), one.kept.get(), X);
    return one;
}

// Whether all of an array is finite.
template <class R>
bool finite(const R* data, Index count) {
    R sum = 0;
    for (Index k = 0; k < count; ++k) sum += data[k] - data[k];  // nan for nan and inf
    return sum == 0;
}

void expm(const Frame& frame) {
    const Matrices A(frame.argument(0), frame.argument(0), 3), X(frame.result(0), frame.argument(0), 3);
    X.require_fits(A);
    require(A.rows <= Index(1) << 30, "expm: A must have at most 2³⁰ rows");
    if (A.buffer.size() == 0) return;
    for_type(A.buffer, [&](auto entry) {
        using E = decltype(entry);
        using R = typename E::R;
        if (side_by_side(A)) {
            require(finite(A.data<R>(), A.buffer.size() * E::parts), "expm: the matrix contains nan or inf");
            Room room(kernels<E>().expm_room(A.rows));
            kernels<E>().expm(A.data<const R>(), X.data<R>(), A.count, A.rows, *programs, room.get());
            return;
        }
        View<const R> view = A.view<const R>(0);
        for (Index i = 0; i < A.count; ++i, view.data += view.count_stride)
            exponential<E>(view, X.data<R>() + i * view.count_stride);
    });
}

// The derivative of exp at A in directions V.
void expm_frechet(const Frame& frame) {
    const Buffer a = frame.argument(0);
    const Matrices A(a, a, 3), V(frame.argument(1), a, 4), L(frame.result(0), a, 4);
    L.require_fits(V);
    require(V.count == A.count && V.rows == A.rows && V.columns == A.rows, "directions must have the shape of A");
    if (V.buffer.size() == 0) return;
    for_type(a, [&](auto entry) {
        using E = decltype(entry);
        using R = typename E::R;
        const auto& kernel = kernels<E>();
        if (side_by_side(A)) {
            require(finite(A.data<R>(), a.size() * E::parts), "expm: the matrix contains nan or inf");
            Room room(kernel.expm_room(A.rows));
            kernel.expm_frechet(A.data<const R>(), V.data<const R>(), L.data<R>(), A.count, V.copies, A.rows, false,
                                *programs, room.get());
            return;
        }
        View<const R> view = A.view<const R>(0);
        const Index one = view.count_stride;
        Room value(std::size_t(one) * sizeof(R));
        for (Index i = 0; i < A.count; ++i, view.data += one) {
            OneExponential exp = exponential<E>(view, static_cast<R*>(value.get()));
            Room room(kernel.expm_derivative_room(exp.plan, A.rows));
            for (Index copy = 0; copy < V.copies; ++copy) {
                View<const R> direction = V.view<const R>(copy);
                direction.data += i * one;
                kernel.expm_derivative(direction, exp.plan, gemm<E>(), exp.kept.get(),
                                       L.data<R>() + (direction.data - V.data<const R>()), room.get());
            }
        }
    });
}

// --- linear matrix equations -------------------------------------------------------------------------------

// The equation has no solution to working precision where rounding makes an error of this size.
void judge(const Frame& frame, double error) {
    if (!(error < *frame.reals("limit", 1))) throw std::invalid_argument(frame.text("refusal"));
}

// Where a solution is judged, what is not finite is an error, too, as it is in frechet.linalg; derivatives are not.
template <class E>
void require_finite(const Frame& frame, const Matrices& A) {
    if (!finite(A.data<typename E::R>(), A.buffer.size() * E::parts))
        throw std::invalid_argument(frame.text("not_finite"));
}

template <class R>
constexpr double epsilon = double(std::numeric_limits<R>::epsilon());

// A X B + C X D = Q, or Aᴴ X Bᴴ + Cᴴ X Dᴴ = Q, of few unknowns.
void kronecker(const Frame& frame) {
    const Buffer a = frame.argument(0);
    const Matrices A(a, a, 3), B(frame.argument(1), a, 3), C(frame.argument(2), a, 3), D(frame.argument(3), a, 3),
        Q(frame.argument(4), a, 4), X(frame.result(0), a, 4);
    X.require_fits(Q);
    const Index m = A.rows, n = B.rows;
    for (const Matrices* left : {&A, &C})
        require(left->rows == Q.rows && (left->count == 1 || left->count == Q.count), "A and C must fit the right side");
    for (const Matrices* right : {&B, &D})
        require(right->rows == Q.columns && (right->count == 1 || right->count == Q.count),
                "B and D must fit the right side");
    require(m * n <= largest_system, "the equation has too many unknowns");
    if (Q.buffer.size() == 0) return;
    const bool judges = frame.integer("judge") != 0;
    for_type(a, [&](auto entry) {
        using E = decltype(entry);
        using R = typename E::R;
        if (judges)
            for (const Matrices* given : {&A, &B, &C, &D, &Q}) require_finite<E>(frame, *given);
        const bool many = Q.count > 1;
        const Term<R> terms[2] = {
            {A.data<const R>(), B.data<const R>(), many && A.count > 1, many && B.count > 1},
            {C.data<const R>(), D.data<const R>(), many && C.count > 1, many && D.count > 1}};
        Room room(kernels<E>().kronecker_room(2, m, n));
        double condition =
            kernels<E>().kronecker(terms, 2, Q.data<const R>(), X.data<R>(), Q.count, Q.copies, m, n,
                                   frame.integer("adjoint") != 0, judges, room.get());
        if (judges) judge(frame, condition * epsilon<R>);
    });
}

// A = Z T Zᴴ.
void schur(const Frame& frame) {
    const Buffer a = frame.argument(0);
    const Matrices A(a, a, 3), T(frame.result(0), a, 3), Z(frame.result(1), a, 3);
    T.require_fits(A);
    Z.require_fits(A);
    require(A.rows <= largest_matrix, "A has too many rows");
    if (a.size() == 0) return;
    for_type(a, [&](auto entry) {
        using E = decltype(entry);
        using R = typename E::R;
        if (!finite(A.data<R>(), a.size() * E::parts)) throw std::invalid_argument(frame.text("refusal"));
        Room room(kernels<E>().schur_room(A.rows));
        Index failed =
            kernels<E>().schur(A.data<const R>(), T.data<R>(), Z.data<R>(), A.count, A.rows, room.get());
        if (failed != 0) throw std::runtime_error("the Schur form of a matrix was not found");
    });
}

// The eigenvalues of an upper triangular or quasi-triangular matrix, and its Frobenius norm.
template <class E>
double eigenvalues(const typename E::R* T, Index n, std::complex<double>* values) {
    double squares = 0;
    for (Index k = 0; k < n * n * E::parts; ++k) squares += double(T[k]) * double(T[k]);
    auto at = [&](Index i, Index j) { return double(T[i * n + j]); };
    for (Index i = 0; i < n; ++i) {
        if constexpr (E::is_complex) {
            values[i] = {double(T[2 * (i * n + i)]), double(T[2 * (i * n + i) + 1])};
        } else if (i + 1 < n && at(i + 1, i) != 0) {
            const double mean = (at(i, i) + at(i + 1, i + 1)) / 2, half = (at(i, i) - at(i + 1, i + 1)) / 2;
            const auto root = std::sqrt(std::complex<double>(half * half + at(i, i + 1) * at(i + 1, i)));
            values[i] = mean + root, values[i + 1] = mean - root;
            ++i;
        } else {
            values[i] = at(i, i);
        }
    }
    return std::sqrt(squares);
}

// R Y + Y S = F, or Rᴴ Y + Y Sᴴ = F, for upper (quasi-)triangular R and S.
void triangular(const Frame& frame) {
    const Buffer r = frame.argument(0);
    const Matrices R_(r, r, 3), S(frame.argument(1), r, 3), F(frame.argument(2), r, 4), Y(frame.result(0), r, 4);
    Y.require_fits(F);
    const Index m = R_.rows, n = S.rows;
    require(F.rows == m && F.columns == n && R_.count == F.count && S.count == F.count,
            "the coefficients must fit the right side");
    if (F.buffer.size() == 0) return;
    const bool adjoint = frame.integer("adjoint") != 0;
    for_type(r, [&](auto entry) {
        using E = decltype(entry);
        using R = typename E::R;
        if (frame.integer("judge") != 0) {
            require_finite<E>(frame, F);
            std::vector<std::complex<double>> of_r(static_cast<std::size_t>(m)), of_s(static_cast<std::size_t>(n));
            double error = 0;
            for (Index k = 0; k < F.count; ++k) {
                const double norm = eigenvalues<E>(R_.data<R>() + k * m * m * E::parts, m, of_r.data()) +
                                    eigenvalues<E>(S.data<R>() + k * n * n * E::parts, n, of_s.data());
                double divisor = std::numeric_limits<double>::infinity();
                for (auto x : of_r)
                    for (auto y : of_s) divisor = std::min(divisor, std::abs(x + y));
                const double its = norm == 0 && divisor == 0 ? HUGE_VAL : norm * epsilon<R> / divisor;
                if (!(its <= error)) error = its;
            }
            judge(frame, error);
        }
        std::memcpy(Y.data<R>(), F.data<R>(), std::size_t(F.buffer.size() * E::parts) * sizeof(R));
        Room room(kernels<E>().sylvester_room(m, n));
        for (Index copy = 0; copy < Y.copies; ++copy)
            if (!kernels<E>().sylvester(R_.view<const R>(0), S.view<const R>(0), Y.view<R>(copy), adjoint, adjoint,
                                        false, room.get()))
                throw std::invalid_argument(frame.text("refusal"));
    });
}

// Python's lock is held, as for all that is loaded once.
void load_exponentials(nb::handle table) {
    static Programs loaded;
    Array numbers(table, "programs");
    loaded = read_programs(numbers);
    gemm<Entry<float, false>>();
    gemm<Entry<double, false>>();
    gemm<Entry<float, true>>();
    gemm<Entry<double, true>>();
    programs = &loaded;
}

template <void (*work)(const Frame&)>
void with_exponentials(const Frame& frame) {
    if (programs == nullptr) throw std::runtime_error("the exponentials have not been loaded");
    work(frame);
}

}  // namespace

void define_linalg(nb::module_& m, nb::dict targets) {
    m.attr("largest_matrix") = largest_matrix;
    m.attr("largest_system") = largest_system;
    m.def("load_exponentials", &load_exponentials, nb::arg("programs"), "What frechet_expm needs.");
    targets["frechet_expm"] = nb::capsule(reinterpret_cast<void*>(handler<with_exponentials<expm>>));
    targets["frechet_expm_frechet"] = nb::capsule(reinterpret_cast<void*>(handler<with_exponentials<expm_frechet>>));
    targets["frechet_kronecker"] = nb::capsule(reinterpret_cast<void*>(handler<kronecker>));
    targets["frechet_schur"] = nb::capsule(reinterpret_cast<void*>(handler<schur>));
    targets["frechet_triangular"] = nb::capsule(reinterpret_cast<void*>(handler<triangular>));
}

}  // namespace frechet::xla
