// frechet._core: kernels for small matrices.  This file checks arguments, chooses the instruction set and
// lets other Python threads run; the mathematics is in the headers.
#include <nanobind/nanobind.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "arrays.hpp"
#include "blas.hpp"
#include "dispatch.hpp"
#include "nufft/module.hpp"
#include "programs.hpp"
#include "room.hpp"
#include "sparse/module.hpp"
#include "types.hpp"

namespace frechet {
namespace {

using Index = std::ptrdiff_t;

// Calls action(kernels, real) for the type of an array, without holding Python's lock.
template <class Do>
auto run(const Array& array, Do&& action) {
    return for_type(array.type(), [&](auto entry) {
        using E = decltype(entry);
        nb::gil_scoped_release others;
        return action(kernels<E>(), typename E::R{});
    });
}

// --- checks of arguments -----------------------------------------------------------------------------------

// The rows of a stack of square matrices that lie one after the other.
Index rows_of_square(const Array& A) {
    A.require_square();
    A.require_contiguous();
    A.require(A.length(1) <= largest_matrix, "have fewer rows");
    return A.length(1);
}

Index matrices(const Array& A) {
    Index entries = A.length(1) * A.length(2);
    return entries ? A.size() / entries : 0;
}

// How often a stack of matrices is there in another one with further axes in front.
Index copies_of(const Array& stack, const Array& directions) {
    Index count = matrices(stack), all = matrices(directions);
    directions.require(count ? all % count == 0 : all == 0, "be a stack like the first argument, or several of them");
    return count ? all / count : 0;
}

// A stack of the same kind as the first, several times perhaps, and room for a result.
Index require_directions(const Array& A, const Array& V, const Array& out) {
    for (const Array* X : {&V, &out}) {
        X->require_matrix();
        X->require_type(A);
        X->require_contiguous();
    }
    V.require(V.length(2) == A.length(1), "have as many rows as the first argument");
    out.require(out.size() == V.size() && out.length(1) == V.length(1) && out.length(2) == V.length(2),
                "have the shape of the right side");
    return copies_of(A, V);
}

void require_same(const Array& A, const Array& out) {
    out.require_matrix();
    out.require_type(A);
    out.require_contiguous();
    out.require(out.size() == A.size() && out.length(1) == A.length(1) && out.length(2) == A.length(2),
                "have the shape of the first argument");
}

// --- the functions -----------------------------------------------------------------------------------------

bool sylvester(nb::handle t, nb::handle s, nb::handle f, bool adjoint_t, bool adjoint_s, bool minus) {
    Array T(t, "sylvester: T"), S(s, "sylvester: S"), F(f, "sylvester: F", true);
    for (const Array* A : {&T, &S}) {
        A->require_square();
        A->require(A->ndim() <= 3, "be a matrix or a stack of them along one axis");
        A->require_type(F);
    }
    F.require(F.ndim() == 2 || F.ndim() == 3, "be a matrix or a stack of them along one axis");
    F.require(F.length(2) == T.length(1) && F.length(1) == S.length(1), "have as many rows as T and columns as S");
    if (F.size() == 0) return true;
    Index count = matrices(T) > matrices(S) ? matrices(T) : matrices(S);
    for (const Array* A : {&T, &S})
        A->require(matrices(*A) == 1 || matrices(*A) == count, "be there once, or as often as the other");
    F.require(matrices(F) % count == 0, "be a stack like T and S, or several of them");
    return run(F, [&](const auto& kernels, auto real) {
        using R = decltype(real);
        Room room(kernels.sylvester_room(T.length(1), S.length(1)));
        return kernels.sylvester(T.view<const R>(), S.view<const R>(), F.view<R>(), adjoint_t, adjoint_s, minus,
                                 room.get());
    });
}

Index schur(nb::handle a, nb::handle t, nb::handle z) {
    Array A(a, "schur: A"), T(t, "schur: T", true), Z(z, "schur: Z", true);
    Index n = rows_of_square(A);
    require_same(A, T);
    require_same(A, Z);
    if (A.size() == 0) return 0;
    return run(A, [&](const auto& kernels, auto real) {
        using R = decltype(real);
        Room room(kernels.schur_room(n));
        return kernels.schur(A.data<const R>(), T.data<R>(), Z.data<R>(), matrices(A), n, room.get());
    });
}

Index root(nb::handle x) {
    Array X(x, "root: X", true);
    Index n = rows_of_square(X);
    if (X.size() == 0) return 0;
    return run(X, [&](const auto& kernels, auto real) {
        using R = decltype(real);
        Room room(kernels.root_room(n));
        return kernels.root(X.data<R>(), matrices(X), n, room.get());
    });
}

void product(nb::handle a, nb::handle b, nb::handle c, bool adjoint_a, bool adjoint_b, bool minus) {
    Array A(a, "product: A"), B(b, "product: B"), C(c, "product: C", true);
    for (const Array* X : {&A, &B, &C}) {
        X->require_matrix();
        X->require_contiguous();
        X->require_type(A);
        X->require(X->length(1) <= largest_matrix && X->length(2) <= largest_matrix, "have fewer rows and columns");
    }
    Index m = A.length(adjoint_a ? 1 : 2), inner = A.length(adjoint_a ? 2 : 1), n = B.length(adjoint_b ? 2 : 1);
    B.require(B.length(adjoint_b ? 1 : 2) == inner, "have as many rows as A has columns");
    C.require(C.length(2) == m && C.length(1) == n, "have the rows of A and the columns of B");
    if (C.size() == 0) return;
    C.require(inner > 0, "be empty where A has no columns");
    Index in_a = matrices(A), in_b = matrices(B), all = matrices(C);
    Index count = in_a < in_b ? in_a : in_b;
    C.require(count > 0 && all % count == 0 && all == (in_a < in_b ? in_b : in_a),
              "be a stack like the larger one of A and B");
    run(C, [&](const auto& kernels, auto real) {
        using R = decltype(real);
        Room room(kernels.product_room(m, inner, n));
        kernels.product(A.data<const R>(), B.data<const R>(), C.data<R>(), count, all / count, in_a > count,
                        in_b > count, m, inner, n, adjoint_a, adjoint_b, minus, room.get());
    });
}

void sandwich(nb::handle y, nb::handle v, nb::handle w, bool adjoint) {
    Array Y(y, "sandwich: Y"), V(v, "sandwich: V"), W(w, "sandwich: W", true);
    Index n = rows_of_square(Y), copies = require_directions(Y, V, W);
    V.require(V.length(1) == n, "be square");
    if (W.size() == 0) return;
    run(W, [&](const auto& kernels, auto real) {
        using R = decltype(real);
        Room room(kernels.sandwich_room(n));
        kernels.sandwich(Y.data<const R>(), V.data<const R>(), W.data<R>(), matrices(Y), copies, n, adjoint,
                         room.get());
    });
}

Index lu_factor(nb::handle a, nb::handle lu, nb::handle p) {
    Array A(a, "lu_factor: A"), LU(lu, "lu_factor: LU", true);
    Integers pivots(p, "pivots", true);
    Index n = rows_of_square(A);
    require_same(A, LU);
    pivots.require(pivots.size() == matrices(A) * n, "be as many as the rows of all matrices");
    if (A.size() == 0) return 0;
    return run(A, [&](const auto& kernels, auto real) {
        using R = decltype(real);
        Room room(kernels.lu_room(n, n));
        return kernels.lu_factor(A.data<const R>(), LU.data<R>(), pivots.data(), matrices(A), n, room.get());
    });
}

void lu_solve(nb::handle lu, nb::handle p, nb::handle b, nb::handle x, bool adjoint) {
    Array LU(lu, "lu_solve: LU"), B(b, "lu_solve: B"), X(x, "lu_solve: X", true);
    Integers pivots(p, "pivots");
    Index n = rows_of_square(LU);
    pivots.require(pivots.size() == matrices(LU) * n, "be as many as the rows of all matrices");
    B.require_matrix();
    B.require(B.length(2) == n, "have as many rows as LU");
    // right sides of any width: they are counted by their rows
    for (const Array* Y : {&B, &X}) {
        Y->require_type(LU);
        Y->require_contiguous();
        Y->require(Y->length(1) <= largest_matrix, "have fewer columns");
    }
    require_same(B, X);
    Index copies = copies_of(LU, B);
    if (X.size() == 0) return;
    run(X, [&](const auto& kernels, auto real) {
        using R = decltype(real);
        Room room(kernels.lu_room(n, B.length(1)));
        kernels.lu_solve(LU.data<const R>(), pivots.data(), B.data<const R>(), X.data<R>(), matrices(LU), copies, n,
                         B.length(1), adjoint, room.get());
    });
}

Index inverse(nb::handle a, nb::handle y) {
    Array A(a, "inverse: A"), Y(y, "inverse: Y", true);
    Index n = rows_of_square(A);
    require_same(A, Y);
    if (A.size() == 0) return 0;
    return run(A, [&](const auto& kernels, auto real) {
        using R = decltype(real);
        Room room(kernels.lu_room(n, n));
        return kernels.inverse(A.data<const R>(), Y.data<R>(), matrices(A), n, room.get());
    });
}

Index cholesky(nb::handle a, nb::handle l) {
    Array A(a, "cholesky: A"), L(l, "cholesky: L", true);
    Index n = rows_of_square(A);
    require_same(A, L);
    if (A.size() == 0) return 0;
    return run(A, [&](const auto& kernels, auto real) {
        using R = decltype(real);
        Room room(kernels.cholesky_room(n));
        return kernels.cholesky(A.data<const R>(), L.data<R>(), matrices(A), n, room.get());
    });
}

void cholesky_derivative(nb::handle l, nb::handle v, nb::handle w, bool adjoint) {
    Array L(l, "cholesky_derivative: L"), V(v, "cholesky_derivative: V"), W(w, "cholesky_derivative: W", true);
    Index n = rows_of_square(L), copies = require_directions(L, V, W);
    V.require(V.length(1) == n, "be square");
    if (W.size() == 0) return;
    run(W, [&](const auto& kernels, auto real) {
        using R = decltype(real);
        Room room(kernels.cholesky_room(n));
        kernels.cholesky_derivative(L.data<const R>(), V.data<const R>(), W.data<R>(), matrices(L), copies, n, adjoint,
                                    room.get());
    });
}

bool expm(nb::handle a, nb::handle x, nb::handle table) {
    Array A(a, "expm: A"), X(x, "expm: X", true), numbers(table, "expm: programs");
    Index n = rows_of_square(A);
    require_same(A, X);
    Programs programs = read_programs(numbers);
    if (A.size() == 0) return true;
    return run(A, [&](const auto& kernels, auto real) {
        using R = decltype(real);
        Room room(kernels.expm_room(n));
        return kernels.expm(A.data<const R>(), X.data<R>(), matrices(A), n, programs, room.get());
    });
}

void expm_frechet(nb::handle a, nb::handle v, nb::handle l, nb::handle table, bool adjoint) {
    Array A(a, "expm_frechet: A"), V(v, "expm_frechet: V"), L(l, "expm_frechet: L", true),
        numbers(table, "expm_frechet: programs");
    Index n = rows_of_square(A), copies = require_directions(A, V, L);
    V.require(V.length(1) == n, "be square");
    Programs programs = read_programs(numbers);
    if (L.size() == 0) return;
    run(L, [&](const auto& kernels, auto real) {
        using R = decltype(real);
        Room room(kernels.expm_room(n));
        kernels.expm_frechet(A.data<const R>(), V.data<const R>(), L.data<R>(), matrices(A), copies, n, adjoint,
                             programs, room.get());
    });
}

// The exponentials of a matrix, or of a stack along one axis, of any size, with what their derivatives need.
class Exponential {
public:
    Exponential(nb::handle a, nb::handle x, nb::handle norms, nb::handle table) {
        Array A(a, "Exponential: A"), X(x, "Exponential: X", true), bounds(norms, "Exponential: bounds"),
            numbers(table, "Exponential: programs");
        A.require(A.ndim() == 2 || A.ndim() == 3, "be a matrix or a stack of them along one axis");
        A.require_square();
        require_same(A, X);
        Index n = A.length(1), count = A.ndim() == 3 ? A.length(3) : 1;
        A.require(n > 0 && n <= 1 << 30, "have at least one row and at most 2³⁰");
        bounds.require(bounds.type() == Type::d && bounds.size() == count, "be a float64 for each matrix");
        bounds.require_contiguous();
        type_ = A.type(), n_ = n;
        programs_ = read_programs(numbers);
        for_type(type_, [&](auto entry) {
            using E = decltype(entry);
            using R = typename E::R;
            auto multiply = gemm<E>();
            auto wide = gemm<Entry<double, E::is_complex>>();
            nb::gil_scoped_release others;
            const auto& kernel = kernels<E>();
            Room room(kernel.expm_plan_room(n));
            View<const R> view = A.view<const R>();
            for (Index i = 0; i < count; ++i, view.data += view.count_stride) {
                Plan plan = kernel.expm_plan(view, bounds.data<const double>()[i], programs_, wide, room.get());
                if (plan.halvings < 0) throw nb::value_error("expm: the matrix contains nan or inf");
                matrices_.push_back({plan, Room(kernel.expm_kept(plan, n))});
                finite_ &= kernel.expm_value(view, plan, multiply, matrices_.back().kept.get(),
                                             X.data<R>() + i * n * n * E::parts);
            }
        });
    }
    Exponential(const Exponential&) = delete;
    Exponential& operator=(const Exponential&) = delete;

    bool finite() const { return finite_; }

    void frechet(nb::handle v, nb::handle l) const {
        Array V(v, "frechet: V"), L(l, "frechet: L", true);
        V.require(V.ndim() == 2 || V.ndim() == 3, "be a matrix or a stack of them along one axis");
        V.require(V.type() == type_, "have the dtype of A");
        V.require(V.length(1) == n_ && V.length(2) == n_, "have the rows and columns of A");
        require_same(V, L);
        Index all = V.ndim() == 3 ? V.length(3) : 1, count = Index(matrices_.size());
        V.require(count > 0 ? all % count == 0 : all == 0, "be a stack like A, or several of them");
        for_type(type_, [&](auto entry) {
            using E = decltype(entry);
            using R = typename E::R;
            auto multiply = gemm<E>();
            nb::gil_scoped_release others;
            const auto& kernel = kernels<E>();
            std::size_t bytes = 0;
            for (const Kept& matrix : matrices_) {
                std::size_t its = kernel.expm_derivative_room(matrix.plan, n_);
                bytes = bytes < its ? its : bytes;
            }
            Room room(bytes);
            View<const R> view = V.view<const R>();
            for (Index i = 0; i < all; ++i, view.data += view.count_stride) {
                const Kept& matrix = matrices_[i % count];
                kernel.expm_derivative(view, matrix.plan, multiply, matrix.kept.get(),
                                       L.data<R>() + i * n_ * n_ * E::parts, room.get());
            }
        });
    }

private:
    struct Kept {
        Plan plan;
        Room kept;
    };
    Type type_{};
    Index n_ = 0;
    Programs programs_;  // that the plans refer to
    std::vector<Kept> matrices_;
    bool finite_ = true;
};

double kronecker(nb::sequence pairs, nb::handle q, nb::handle x, bool adjoint, bool judge) {
    Array Q(q, "kronecker: Q"), X(x, "kronecker: X", true);
    Q.require_matrix();
    Q.require_contiguous();
    require_same(Q, X);
    Index m = Q.length(2), n = Q.length(1);
    Q.require(m * n <= largest_system, "have fewer entries");
    std::vector<std::unique_ptr<Array>> coefficients;
    Index count = 1;
    for (nb::handle pair : pairs) {
        if (nb::len(pair) != 2 || coefficients.size() == 2 * max_terms)
            throw nb::value_error("kronecker: terms must be one to four pairs of coefficients");
        for (int side = 0; side < 2; ++side) {
            coefficients.push_back(std::make_unique<Array>(pair[side], "kronecker: a coefficient"));
            const Array& A = *coefficients.back();
            A.require_type(Q);
            A.require(rows_of_square(A) == (side == 0 ? m : n), "have the size of the right side");
            if (matrices(A) != 1) {
                A.require(count == 1 || matrices(A) == count, "be there once, or as often as the others");
                count = matrices(A);
            }
        }
    }
    if (coefficients.empty()) throw nb::value_error("kronecker: terms must be one to four pairs of coefficients");
    Index all = matrices(Q);
    if (Q.size() == 0 && !(judge && count > 0 && m * n > 0)) return 0;
    Q.require(count > 0 && all % count == 0, "be a stack like the coefficients, or several of them");
    return run(X, [&](const auto& kernels, auto real) {
        using R = decltype(real);
        Term<R> terms[max_terms];
        int term_count = int(coefficients.size() / 2);
        for (int t = 0; t < term_count; ++t) {
            const Array &A = *coefficients[2 * t], &B = *coefficients[2 * t + 1];
            terms[t] = {A.data<const R>(), B.data<const R>(), matrices(A) > 1, matrices(B) > 1};
        }
        Room room(kernels.kronecker_room(term_count, m, n));
        return kernels.kronecker(terms, term_count, Q.data<const R>(), X.data<R>(), count, all / count, m, n, adjoint,
                                 judge, room.get());
    });
}

}  // namespace
}  // namespace frechet

NB_MODULE(_core, m) {
    using namespace frechet;
    using nb::arg;
    m.attr("level") = choose_level(std::getenv("FRECHET_LEVEL"));
    static const Chosen chosen{bytes_of_tables, &level(), &pass_level()};
    m.attr("kernels") = nb::steal(PyCapsule_New(const_cast<Chosen*>(&chosen), chosen_capsule, nullptr));
    m.attr("largest_matrix") = largest_matrix;
    m.attr("largest_system") = largest_system;
    m.def("sylvester", &sylvester, arg("T"), arg("S"), arg("F"), arg("adjoint_t") = false, arg("adjoint_s") = false,
          arg("minus") = false,
          "Solve op(T) X + X op(S) = F (minus: −) in place of F; False if a divisor is zero to working precision.");
    m.def("schur", &schur, arg("A"), arg("T"), arg("Z"),
          "A = Z T Zᴴ, T upper (quasi-)triangular; the number of matrices for which it is not found.");
    m.def("root", &root, arg("X"),
          "The root R of T in place of X, which has R's diagonal blocks and above them T; the number of doubtful ones.");
    m.def("product", &product, arg("A"), arg("B"), arg("C"), arg("adjoint_a") = false, arg("adjoint_b") = false,
          arg("minus") = false, "C = op(A) op(B) (minus: −).");
    m.def("sandwich", &sandwich, arg("Y"), arg("V"), arg("W"), arg("adjoint") = false, "W = −op(Y) V op(Y).");
    m.def("lu_factor", &lu_factor, arg("A"), arg("LU"), arg("pivots"), "P A = L U; the number of singular matrices.");
    m.def("lu_solve", &lu_solve, arg("LU"), arg("pivots"), arg("B"), arg("X"), arg("adjoint") = false,
          "X = A⁻¹ B or A⁻ᴴ B.");
    m.def("inverse", &inverse, arg("A"), arg("Y"), "Y = A⁻¹; the number of singular matrices.");
    m.def("cholesky", &cholesky, arg("A"), arg("L"),
          "A = L Lᴴ from A's lower triangle; the number of matrices not positive definite.");
    m.def("cholesky_derivative", &cholesky_derivative, arg("L"), arg("V"), arg("W"), arg("adjoint") = false,
          "The tangent of L in Hermitian directions V, or its adjoint.");
    m.def("expm", &expm, arg("A"), arg("X"), arg("programs"), "X = exp(A); whether all of it is finite.");
    m.def("expm_frechet", &expm_frechet, arg("A"), arg("V"), arg("L"), arg("programs"), arg("adjoint") = false,
          "The derivative of exp at A in directions V, or its adjoint.");
    // What a program still holds when it ends is no mistake of it.
    nb::set_leak_warnings(false);
    nb::class_<Exponential>(m, "Exponential", "exp(A) into X, and what its derivatives need.")
        .def(nb::init<nb::handle, nb::handle, nb::handle, nb::handle>(), arg("A"), arg("X"), arg("bounds"),
             arg("programs"))
        .def_prop_ro("finite", &Exponential::finite, "Whether all of exp(A) is finite.")
        .def("frechet", &Exponential::frechet, arg("V"), arg("L"), "The derivative of exp at A in directions V.");
    m.def("kronecker", &kronecker, arg("terms"), arg("Q"), arg("X"), arg("adjoint") = false, arg("judge") = false,
          "Solve Σ A X B = Q over the pairs (A, B) in terms, or the adjoint equation; with judge, the largest "
          "condition number.");
    define_sparse(m);
    define_nufft(m);
}
