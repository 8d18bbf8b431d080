// What the module and the kernels tell each other: the types of numbers, views of matrices, the table of
// kernels of one instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace frechet {

// The type of an array's entries; R is that of its real and imaginary parts, which lie side by side.
template <class R_, bool is_complex_>
struct Entry {
    using R = R_;
    static constexpr bool is_complex = is_complex_;
    static constexpr int parts = is_complex ? 2 : 1;
};

// A matrix, or a stack of them, in any layout; strides count reals.
template <class R>
struct View {
    R* data;
    std::ptrdiff_t rows, columns;
    std::ptrdiff_t row_stride, column_stride;
    std::ptrdiff_t count = 1, count_stride = 0;
};

// A term A X B of a linear matrix equation; each coefficient is there for every matrix of a stack, or once.
template <class R>
struct Term {
    const R* A;
    const R* B;
    bool many_a, many_b;
};

constexpr int max_terms = 4;

// --- programs for polynomials of a matrix ------------------------------------------------------------------
//
// Step 0 is the matrix, each further step the product of two operands: earlier steps or linear combinations of
// them.  The polynomial is I + the last step + a combination of the others.

constexpr int max_products = 6;
constexpr int max_programs = 6;

struct Combination {
    int count;
    double coefficient[max_products + 1];
};

struct Operand {
    int step;  // or −1 for the combination
    Combination combination;
};

struct Program {
    int order;
    double limit[2];  // the largest norm, for double and for single precision
    int products;
    Operand left[max_products], right[max_products];
    Combination result;
};

struct Programs {
    int count[2];  // how many of them are worth while in double and in single precision
    Program program[max_programs];
};

// How one exponential is computed: its program, and how many times its matrix is halved first.
struct Plan {
    const Program* program;
    int halvings;
};

// --- BLAS --------------------------------------------------------------------------------------------------

// gemm for a type whose parts are R, as Fortran calls it; complex numbers are two of them.
template <class R>
using Gemm = void (*)(const char* transpose_a, const char* transpose_b, const int* m, const int* n, const int* k,
                      const R* alpha, const R* A, const int* lda, const R* B, const int* ldb, const R* beta, R* C,
                      const int* ldc);

// The kernels for one type of entries, compiled for one instruction set.  Room is memory that the module
// gives them.
template <class E>
struct Kernels {
    using R = typename E::R;
    using Index = std::ptrdiff_t;
    // sylvester.hpp
    std::size_t (*sylvester_room)(Index m, Index n);
    bool (*sylvester)(View<const R> T, View<const R> S, View<R> F, bool adjoint_t, bool adjoint_s, bool minus,
                      void* room);
    // schur.hpp
    std::size_t (*schur_room)(Index n);
    Index (*schur)(const R* A, R* T, R* Z, Index count, Index n, void* room);
    // root.hpp
    std::size_t (*root_room)(Index n);
    Index (*root)(R* X, Index count, Index n, void* room);
    // product.hpp; `count` matrices in a stack, of which arguments are there once or `copies` times
    std::size_t (*product_room)(Index m, Index inner, Index n);
    void (*product)(const R* A, const R* B, R* C, Index count, Index copies, bool many_a, bool many_b, Index m,
                    Index inner, Index n, bool adjoint_a, bool adjoint_b, bool minus, void* room);
    std::size_t (*sandwich_room)(Index n);
    void (*sandwich)(const R* Y, const R* V, R* W, Index count, Index copies, Index n, bool adjoint, void* room);
    // lu.hpp
    std::size_t (*lu_room)(Index n, Index columns);
    Index (*lu_factor)(const R* A, R* LU, std::int32_t* pivots, Index count, Index n, void* room);
    void (*lu_solve)(const R* LU, const std::int32_t* pivots, const R* B, R* X, Index count, Index copies, Index n,
                     Index columns, bool adjoint, void* room);
    Index (*inverse)(const R* A, R* Y, Index count, Index n, void* room);
    // cholesky.hpp
    std::size_t (*cholesky_room)(Index n);
    Index (*cholesky)(const R* A, R* L, Index count, Index n, void* room);
    void (*cholesky_derivative)(const R* L, const R* V, R* W, Index count, Index copies, Index n, bool adjoint,
                                void* room);
    // expm.hpp
    std::size_t (*expm_room)(Index n);
    bool (*expm)(const R* A, R* X, Index count, Index n, const Programs& programs, void* room);
    void (*expm_frechet)(const R* A, const R* V, R* L, Index count, Index copies, Index n, bool adjoint,
                         const Programs& programs, void* room);
    // expm_blas.hpp
    std::size_t (*expm_plan_room)(Index n);
    Plan (*expm_plan)(View<const R> A, double bound, const Programs& programs, Gemm<double> gemm, void* room);
    std::size_t (*expm_kept)(const Plan& plan, Index n);
    bool (*expm_value)(View<const R> A, const Plan& plan, Gemm<R> gemm, void* kept, R* X);
    std::size_t (*expm_derivative_room)(const Plan& plan, Index n);
    void (*expm_derivative)(View<const R> V, const Plan& plan, Gemm<R> gemm, const void* kept, R* L, void* room);
    // kronecker.hpp
    std::size_t (*kronecker_room)(int terms, Index m, Index n);
    double (*kronecker)(const Term<R>* terms, int term_count, const R* Q, R* X, Index count, Index copies, Index m,
                        Index n, bool adjoint, bool judge, void* room);
};

struct Level {
    Kernels<Entry<float, false>> f;
    Kernels<Entry<double, false>> d;
    Kernels<Entry<float, true>> F;
    Kernels<Entry<double, true>> D;
};

}  // namespace frechet
