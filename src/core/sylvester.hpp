// The equation op(T) X ± X op(S) = F for upper triangular, or real upper quasi-triangular, T and S.
//
// All variants are brought to one, T X + X L = F with upper triangular T and lower triangular L, when the
// matrices are copied into planes of reals: reversing the order of rows and columns takes Tᴴ to an upper
// triangular matrix again, and S to a lower one.  An unknown depends on those below it and to the right:
//
//     t_ii x_ij + x_ij l_jj = f_ij − Σ_(k>i) t_ik x_kj − Σ_(k>j) x_ik l_kj.
//
// X is computed in tiles of 8 × 8 from the lower right.  The sums over other tiles, nearly all of the work,
// are products with one tile in registers; within a tile, unknowns follow one by one.  LAPACK's trsyl does the
// second for the whole matrix, with a system of four equations solved by elimination where two complex pairs
// meet.  Here these have a closed form (sylvester_blocks.hpp).
#pragma once

#include "level.hpp"
#include "numbers.hpp"
#include "sylvester_blocks.hpp"
#include "types.hpp"

namespace frechet::FRECHET_LEVEL {

constexpr int tile = 8;

// The equation in planes: part 0 holds real parts, part 1 imaginary ones.
template <class E>
struct Triangular {
    using R = typename E::R;
    static constexpr int parts = E::parts;
    Index m, n;
    Index ldt, ldx;  // the length of a row of T, and of one of X and L
    R* T[2];
    R* L[2];
    R* X[2];
    R* inside;  // for each tile of columns the rows of L within it, zeros on its block diagonal and above
    Block<R>* left;
    Block<R>* right;
    Index left_count, right_count;
    Pair<R>* pairs;  // of the blocks of a tile of rows with all blocks of columns; for complex numbers there are
    R* reciprocals;  // reciprocals instead
    R scale;         // T and L are divided by it
    R smallest;      // the square of the smallest divisor that counts as nonzero
    bool singular;
};

inline Index padded(Index n) { return (n + 2 * tile - 1) / tile * tile + tile; }

template <class E>
std::size_t sylvester_room(Index m, Index n) {
    using R = typename E::R;
    std::size_t reals = std::size_t(E::parts) *
                        (padded(m) * padded(m) + padded(n) * padded(n) + padded(m) * padded(n) + padded(n) * tile);
    return 64 * 10 + reals * sizeof(R) + std::size_t(m + n) * sizeof(Block<R>) +
           std::size_t(tile) * std::size_t(n) * sizeof(Pair<R>);
}

// Σ_k a[r][k] b[k][c] is taken from a tile of 8 × 8, in planes.
template <class E, class R = typename E::R>
inline void subtract_product(R (*sum)[tile][tile], R* const* a, Index lda, R* const* b, Index ldb, Index a0, Index b0,
                             Index count) {
    constexpr int width = smaller(lanes<R>, tile);
    constexpr int rows = E::is_complex && registers < 32 ? 4 : 8;
    using V = typename VectorOf<R, width>::type;
    for (int r0 = 0; r0 < tile; r0 += rows)
        for (int c = 0; c < tile; c += width) {
            V acc[E::parts][rows];
            for (int p = 0; p < E::parts; ++p)
                for (int r = 0; r < rows; ++r) acc[p][r] = load<V>(&sum[p][r0 + r][c]);
            const R* a_re = a[0] + a0 + r0 * lda;
            const R* b_re = b[0] + b0 + c;
            if constexpr (E::is_complex) {
                const R* a_im = a[1] + a0 + r0 * lda;
                const R* b_im = b[1] + b0 + c;
                for (Index k = 0; k < count; ++k) {
                    V re = load<V>(b_re + k * ldb), im = load<V>(b_im + k * ldb);
                    for (int r = 0; r < rows; ++r) {
                        R x = a_re[r * lda + k], y = a_im[r * lda + k];
                        acc[0][r] -= x * re;
                        acc[0][r] += y * im;
                        acc[1][r] -= x * im;
                        acc[1][r] -= y * re;
                    }
                }
            } else {
                for (Index k = 0; k < count; ++k) {
                    V row = load<V>(b_re + k * ldb);
                    for (int r = 0; r < rows; ++r) acc[0][r] -= a_re[r * lda + k] * row;
                }
            }
            for (int p = 0; p < E::parts; ++p)
                for (int r = 0; r < rows; ++r) store<V>(&sum[p][r0 + r][c], acc[p][r]);
        }
}

// --- a tile ------------------------------------------------------------------------------------------------

// The divisors of block i of the rows with all blocks of columns, for row `row` of the table.
template <class R>
void find_divisors(Triangular<Entry<R, false>>& eq, Index i, Index row) {
    Pair<R>* pairs = eq.pairs + row * eq.right_count;
    for (Index j = 0; j < eq.right_count; ++j) pairs[j] = pair_of(eq.left[i], eq.right[j], eq.smallest, eq.singular);
}

// y −= a x for rows of a tile.
template <class R>
inline void subtract_multiple(R* __restrict y, R a, const R* __restrict x) {
    constexpr int width = smaller(lanes<R>, tile);
    using V = typename VectorOf<R, width>::type;
    for (int c = 0; c < tile; c += width) store<V>(y + c, load<V>(y + c) - a * load<V>(x + c));
}

// The unknowns of a tile of real numbers, one pair of blocks after the other; f holds the right side and then
// the solution.  `inside` are the rows of L that belong to its columns.
template <class R>
void solve_tile(const Triangular<Entry<R, false>>& eq, Index i0, Index i1, Index j0, Index j1, const R* inside,
                R (&f)[1][tile][tile]) {
    Index r0 = eq.left[i0].start, c0 = eq.right[j0].start;
    for (Index i = i1 - 1; i >= i0; --i) {
        const Block<R>& a = eq.left[i];
        Index r = a.start - r0;
        const Pair<R>* pairs = eq.pairs + (i - i0) * eq.right_count;
        for (Index j = j1 - 1; j >= j0; --j) {
            const Block<R>& b = eq.right[j];
            Index c = b.start - c0;
            Square<R> x = {};
            for (int k = 0; k < a.size; ++k)
                for (int l = 0; l < b.size; ++l) x[k][l] = f[0][r + k][c + l];
            if (a.size == 1 && b.size == 1) x[0][0] *= pairs[j].near;
            else divide(a, b, pairs[j], x);
            for (int k = 0; k < a.size; ++k)
                for (int l = 0; l < b.size; ++l) {
                    subtract_multiple(f[0][r + k], x[k][l], inside + (c + l) * tile);
                    f[0][r + k][c + l] = x[k][l];
                }
        }
        for (Index k = r; k < r + a.size; ++k)
            for (Index above = 0; above < r; ++above)
                subtract_multiple(f[0][above], eq.T[0][(r0 + above) * eq.ldt + r0 + k], f[0][k]);
    }
}

// The same for complex numbers: all blocks are 1 × 1.
template <class R>
void solve_tile(const Triangular<Entry<R, true>>& eq, Index i0, Index i1, Index j0, Index j1, const R* inside,
                R (&f)[2][tile][tile]) {
    const R* inside_im = inside + padded(eq.n) * tile;
    for (Index r = i1 - i0 - 1; r >= 0; --r) {
        for (Index c = j1 - j0 - 1; c >= 0; --c) {
            const R* q = eq.reciprocals + 2 * (r * eq.n + j0 + c);
            R re = f[0][r][c] * q[0] - f[1][r][c] * q[1];
            R im = f[0][r][c] * q[1] + f[1][r][c] * q[0];
            subtract_multiple(f[0][r], re, inside + c * tile);
            subtract_multiple(f[0][r], -im, inside_im + c * tile);
            subtract_multiple(f[1][r], re, inside_im + c * tile);
            subtract_multiple(f[1][r], im, inside + c * tile);
            f[0][r][c] = re;
            f[1][r][c] = im;
        }
        for (Index above = 0; above < r; ++above) {
            R re = eq.T[0][(i0 + above) * eq.ldt + i0 + r], im = eq.T[1][(i0 + above) * eq.ldt + i0 + r];
            subtract_multiple(f[0][above], re, f[0][r]);
            subtract_multiple(f[0][above], -im, f[1][r]);
            subtract_multiple(f[1][above], re, f[1][r]);
            subtract_multiple(f[1][above], im, f[0][r]);
        }
    }
}

// The divisors of row i, as reciprocals of t_ii + l_jj in pairs (re, im).
template <class R>
void find_divisors(Triangular<Entry<R, true>>& eq, Index i, Index row) {
    R* out = eq.reciprocals + 2 * row * eq.n;
    R a = eq.T[0][i * eq.ldt + i], b = eq.T[1][i * eq.ldt + i];
    for (Index j = 0; j < eq.n; ++j) {
        R re = a + eq.L[0][j * eq.ldx + j], im = b + eq.L[1][j * eq.ldx + j];
        R size = re * re + im * im;
        if (size < eq.smallest) {
            eq.singular = true;
            size = eq.smallest;
            re = re == 0 ? square_root(size) : re;
        }
        out[2 * j] = re / size;
        out[2 * j + 1] = -im / size;
    }
}

// --- the whole ---------------------------------------------------------------------------------------------

// The first block of the tile that ends before block `end`: as many blocks as fit into 8 rows.
template <class R>
Index tile_start(const Block<R>* blocks, Index end) {
    Index last = blocks[end - 1].start + blocks[end - 1].size, i = end;
    while (i > 0 && last - blocks[i - 1].start <= tile) --i;
    return i;
}

template <class E, class R = typename E::R>
void solve_triangular(Triangular<E>& eq) {
    for (Index i1 = eq.left_count; i1 > 0;) {
        Index i0 = tile_start(eq.left, i1);
        Index r0 = eq.left[i0].start, r1 = eq.left[i1 - 1].start + eq.left[i1 - 1].size;
        for (Index i = i0; i < i1; ++i) find_divisors(eq, i, i - i0);
        for (Index j1 = eq.right_count; j1 > 0;) {
            Index j0 = tile_start(eq.right, j1);
            Index c0 = eq.right[j0].start, c1 = eq.right[j1 - 1].start + eq.right[j1 - 1].size;
            alignas(64) R f[E::parts][tile][tile];
            for (int p = 0; p < E::parts; ++p)
                for (Index r = 0; r < tile; ++r)
                    for (Index c = 0; c < tile; ++c) f[p][r][c] = eq.X[p][(r0 + r) * eq.ldx + c0 + c];
            subtract_product<E>(f, eq.T, eq.ldt, eq.X, eq.ldx, r0 * eq.ldt + r1, r1 * eq.ldx + c0, eq.m - r1);
            subtract_product<E>(f, eq.X, eq.ldx, eq.L, eq.ldx, r0 * eq.ldx + c1, c1 * eq.ldx + c0, eq.n - c1);
            solve_tile<R>(eq, i0, i1, j0, j1, eq.inside + c0 * tile, f);
            for (int p = 0; p < E::parts; ++p)
                for (Index r = r0; r < r1; ++r)
                    for (Index c = c0; c < c1; ++c) eq.X[p][r * eq.ldx + c] = f[p][r - r0][c - c0];
            j1 = j0;
        }
        i1 = i0;
    }
}

// The rows of L within each tile of columns, without the diagonal blocks.
template <class E, class R = typename E::R>
void gather_inside(Triangular<E>& eq) {
    for (Index j1 = eq.right_count; j1 > 0;) {
        Index j0 = tile_start(eq.right, j1), c0 = eq.right[j0].start;
        for (Index j = j0; j < j1; ++j)
            for (Index c = eq.right[j].start; c < eq.right[j].start + eq.right[j].size; ++c)
                for (int p = 0; p < E::parts; ++p)
                    for (Index k = 0; k < tile; ++k)
                        eq.inside[p * padded(eq.n) * tile + c * tile + k] =
                            c0 + k < eq.right[j].start ? eq.L[p][c * eq.ldx + c0 + k] : 0;
        j1 = j0;
    }
}

template <class E, class R = typename E::R>
R magnitude(View<const R> A) {
    R most = 0;
    for (Index i = 0; i < A.rows; ++i)
        for (Index j = 0; j < A.columns; ++j)
            for (int p = 0; p < E::parts; ++p)
                most = larger(most, absolute(A.data[i * A.row_stride + j * A.column_stride + p]));
    return most;
}

// A power of two near 1/size: divided by the size of its coefficients, the equation has divisors whose squares
// do not overflow, and rounds as before.
template <class R>
R reciprocal_magnitude(R size) {
    constexpr R huge = sizeof(R) == 8 ? R(1e300) : R(1e36);
    R unit = 1;
    if (!(size > 1 / huge && size < huge)) return unit;
    while (unit * size > 2) unit *= R(0.5);
    while (unit * size < 1) unit *= 2;
    return unit;
}

// --- copies between layouts --------------------------------------------------------------------------------

template <class R>
View<const R> constant(View<R> A) {
    return {A.data, A.rows, A.columns, A.row_stride, A.column_stride, A.count, A.count_stride};
}

template <class R>
View<R> transposed(View<R> A) {
    return {A.data, A.columns, A.rows, A.column_stride, A.row_stride, A.count, A.count_stride};
}

template <class R>
View<R> rows_reversed(View<R> A) {
    A.data += (A.rows - 1) * A.row_stride;
    A.row_stride = -A.row_stride;
    return A;
}

template <class R>
View<R> reversed(View<R> A) {
    return transposed(rows_reversed(transposed(rows_reversed(A))));
}

// A part of a matrix, times a factor, as a plane of rows of length ld, with zeros behind the matrix.
template <class R>
void copy_in(R* to, Index ld, View<const R> A, int part, R factor) {
    for (Index i = 0; i < A.rows; ++i) {
        const R* from = A.data + i * A.row_stride + part;
        R* row = to + i * ld;
        if (A.column_stride == 1)
            for (Index j = 0; j < A.columns; ++j) row[j] = factor * from[j];
        else
            for (Index j = 0; j < A.columns; ++j) row[j] = factor * from[j * A.column_stride];
        for (Index j = A.columns; j < ld; ++j) row[j] = 0;
    }
    for (Index k = A.rows * ld; k < padded(A.rows) * ld; ++k) to[k] = 0;
}

template <class R>
void copy_out(const R* from, Index ld, View<R> A, int part) {
    for (Index i = 0; i < A.rows; ++i) {
        R* to = A.data + i * A.row_stride + part;
        for (Index j = 0; j < A.columns; ++j) to[j * A.column_stride] = from[i * ld + j];
    }
}

// Copies T and S into the equation, as T, or Tᴴ in reversed order, and L = Sᴴ, or S in reversed order.
template <class E, class R = typename E::R>
void prepare(Triangular<E>& eq, View<const R> T, View<const R> S, bool adjoint_t, bool adjoint_s, bool minus) {
    eq.scale = reciprocal_magnitude(larger(magnitude<E>(T), magnitude<E>(S)));
    View<const R> left = adjoint_t ? reversed(transposed(T)) : T;
    View<const R> right = adjoint_s ? transposed(S) : reversed(S);
    R sign = minus ? -eq.scale : eq.scale;
    for (int p = 0; p < E::parts; ++p) {
        copy_in(eq.T[p], eq.ldt, left, p, p && adjoint_t ? -eq.scale : eq.scale);
        copy_in(eq.L[p], eq.ldx, right, p, p && adjoint_s ? -sign : sign);
    }
    if constexpr (E::is_complex) {
        for (Index i = 0; i < eq.m; ++i) eq.left[i] = Block<R>{i, 1, 0, {{0, 0}, {0, 0}}, 0, false};
        for (Index j = 0; j < eq.n; ++j) eq.right[j] = Block<R>{j, 1, 0, {{0, 0}, {0, 0}}, 0, false};
        eq.left_count = eq.m;
        eq.right_count = eq.n;
    } else {
        eq.left_count = find_blocks(eq.T[0], eq.ldt, eq.m, false, eq.left);
        eq.right_count = find_blocks(eq.L[0], eq.ldx, eq.n, true, eq.right);
    }
    gather_inside(eq);
}

// Matrix number k of a stack, or the only one there is.
template <class R>
View<R> matrix_of(View<R> A, Index k) {
    if (A.count > 1) A.data += k * A.count_stride;
    A.count = 1;
    return A;
}

// T and S are matrices, or stacks of `count` of them; F is that stack of right sides, once or several times.
template <class E, class R = typename E::R>
bool sylvester(View<const R> T, View<const R> S, View<R> F, bool adjoint_t, bool adjoint_s, bool minus, void* room) {
    Triangular<E> eq;
    eq.m = T.rows;
    eq.n = S.rows;
    eq.ldt = padded(eq.m);
    eq.ldx = padded(eq.n);
    eq.singular = false;
    char* next = static_cast<char*>(room);
    auto take = [&](std::size_t bytes) {
        char* here = next + (64 - reinterpret_cast<std::uintptr_t>(next) % 64) % 64;
        next = here + bytes;
        return here;
    };
    for (int p = 0; p < E::parts; ++p) {
        eq.T[p] = reinterpret_cast<R*>(take(eq.ldt * padded(eq.m) * sizeof(R)));
        eq.L[p] = reinterpret_cast<R*>(take(eq.ldx * padded(eq.n) * sizeof(R)));
        eq.X[p] = reinterpret_cast<R*>(take(eq.ldx * padded(eq.m) * sizeof(R)));
    }
    eq.inside = reinterpret_cast<R*>(take(E::parts * padded(eq.n) * tile * sizeof(R)));
    eq.left = reinterpret_cast<Block<R>*>(take(eq.m * sizeof(Block<R>)));
    eq.right = reinterpret_cast<Block<R>*>(take(eq.n * sizeof(Block<R>)));
    char* table = take(tile * eq.n * sizeof(Pair<R>));
    eq.pairs = reinterpret_cast<Pair<R>*>(table);
    eq.reciprocals = reinterpret_cast<R*>(table);

    eq.smallest = epsilon_of<R> * epsilon_of<R>;  // divisors below ε max(|T|, |S|) are zero to LAPACK's trsyl, too
    Index count = larger(T.count, S.count);
    for (Index k = 0; k < count; ++k) {
        prepare<E>(eq, matrix_of(T, k), matrix_of(S, k), adjoint_t, adjoint_s, minus);
        for (Index at = k; at < F.count; at += count) {
            View<R> one = matrix_of(F, at);
            if (adjoint_t) one = rows_reversed(one);
            if (!adjoint_s) one = transposed(rows_reversed(transposed(one)));
            for (int p = 0; p < E::parts; ++p) copy_in<R>(eq.X[p], eq.ldx, constant(one), p, eq.scale);
            solve_triangular(eq);
            for (int p = 0; p < E::parts; ++p) copy_out(eq.X[p], eq.ldx, one, p);
        }
    }
    return !eq.singular;
}

}  // namespace frechet::FRECHET_LEVEL
