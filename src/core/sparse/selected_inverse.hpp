// Entries of the inverse of a sparse matrix M = L U, on a given pattern, without the others.
//
// By the equations of Takahashi, Fagan and Chin (1973), in blocks.  Let J be neighbouring columns of L and rows of
// U that end in the same places R below and to the right, and Z = M⁻¹.  From Z L = U⁻¹ and U Z = L⁻¹ follow
//
//     Z_RJ = −Z_RR Y,    Z_JR = −W Z_RR,    Z_JJ = U_JJ⁻¹ L_JJ⁻¹ − W Z_RJ,
//
// with Y = L_RJ L_JJ⁻¹ and W = U_JJ⁻¹ U_JR.  So Z on J ∪ R follows from Z_RR, which is a part of Z on the next such block, its parent in the
// elimination tree (Erisman & Tinney, 1975).  The work is like that of the factorization: products of dense matrices.
#pragma once

#include <algorithm>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../types.hpp"

namespace frechet {

// Compressed columns of a lower triangular matrix (or rows of an upper one), in any order.
template <class T>
struct Compressed {
    const std::int32_t* start;
    const std::int32_t* index;
    const T* value;
};

// The places of a sparse matrix that are filled when it is eliminated, in blocks of neighbouring columns.
class FilledPattern {
public:
    struct Block {
        std::int32_t first, width, rows;  // its columns, and how many places there are below them
        std::size_t at;                   // where those begin
        std::int32_t parent;              // the block of the first of them, or −1
    };

    // `places(j, visit)` calls visit(i) for all i beside j that the column (and row) j must hold.
    template <class Places>
    FilledPattern(std::int32_t n, Places&& places) : block_of_(n) {
        struct Column {
            std::size_t at;
            std::int32_t size;
        };
        std::vector<Column> columns(n);
        std::vector<std::int32_t> first_child(n, -1), sibling(n, -1), seen(n, -1), added;
        for (std::int32_t j = 0; j < n; ++j) {
            // The largest child holds most of the places; the neighbour, if it is as large.
            std::int32_t largest = -1;
            for (std::int32_t c = first_child[j]; c >= 0; c = sibling[c])
                if (largest < 0 || columns[c].size > columns[largest].size ||
                    (columns[c].size == columns[largest].size && c > largest))
                    largest = c;
            Column column{0, 0};
            if (largest >= 0) column = {columns[largest].at + 1, columns[largest].size - 1};
            for (std::int32_t k = 0; k < column.size; ++k) seen[index_[column.at + k]] = j;
            added.clear();
            auto visit = [&](std::int32_t i) {
                if (i > j && seen[i] != j) {
                    seen[i] = j;
                    added.push_back(i);
                }
            };
            for (std::int32_t c = first_child[j]; c >= 0; c = sibling[c])
                if (c != largest)
                    for (std::int32_t k = 0; k < columns[c].size; ++k) visit(index_[columns[c].at + k]);
            places(j, visit);
            if (!added.empty()) {  // else the column is the end of its child's
                std::sort(added.begin(), added.end());
                std::size_t at = index_.size();
                index_.resize(at + added.size() + std::size_t(column.size));
                std::merge(added.begin(), added.end(), index_.begin() + std::ptrdiff_t(column.at),
                           index_.begin() + std::ptrdiff_t(column.at) + column.size,
                           index_.begin() + std::ptrdiff_t(at));
                column = {at, column.size + std::int32_t(added.size())};
            }
            columns[j] = column;
            if (column.size > 0) {
                std::int32_t parent = index_[column.at];
                sibling[j] = first_child[parent];
                first_child[parent] = j;
            }
            bool joins = j > 0 && !blocks_.empty() && added.empty() && largest == j - 1;
            if (joins) {
                Block& block = blocks_.back();
                block.width += 1, block.rows = column.size, block.at = column.at;
            } else {
                blocks_.push_back({j, 1, column.size, column.at, -1});
            }
            block_of_[j] = std::int32_t(blocks_.size()) - 1;
        }
        for (Block& block : blocks_)
            if (block.rows > 0) block.parent = block_of_[index_[block.at]];
    }

    const std::vector<Block>& blocks() const { return blocks_; }
    const std::int32_t* rows(const Block& block) const { return index_.data() + block.at; }

private:
    std::vector<std::int32_t> index_, block_of_;
    std::vector<Block> blocks_;
};

// Products and triangular solutions with dense matrices by columns, T being double or complex<double>.
template <class T>
class Dense {
public:
    using Routine = Gemm<double>;
    explicit Dense(Routine gemm) : gemm_(gemm) {}

    // C := βC − op(A) B
    void subtract(bool transposed, int m, int n, int k, const T* A, int lda, const T* B, int ldb, double beta, T* C,
                  int ldc) const {
        if (m == 0 || n == 0) return;
        const T minus = -1, scale = beta;
        gemm_(transposed ? "T" : "N", "N", &m, &n, &k, parts(&minus), parts(A), &lda, parts(B), &ldb, parts(&scale),
              parts(C), &ldc);
    }

    // Y := Y S⁻¹ for a lower triangular S with a diagonal of ones, or not.
    void divide(int rows, int n, T* Y, int ldy, const T* S, int lds, bool unit) const {
        if (n > 24) {
            int h = n / 2;
            divide(rows, n - h, Y + std::ptrdiff_t(h) * ldy, ldy, S + h + std::ptrdiff_t(h) * lds, lds, unit);
            subtract(false, rows, h, n - h, Y + std::ptrdiff_t(h) * ldy, ldy, S + h, lds, 1, Y, ldy);
            divide(rows, h, Y, ldy, S, lds, unit);
            return;
        }
        for (int c = n - 1; c >= 0; --c) {
            T* y = Y + std::ptrdiff_t(c) * ldy;
            for (int d = c + 1; d < n; ++d) {
                const T s = S[d + std::ptrdiff_t(c) * lds];
                const T* other = Y + std::ptrdiff_t(d) * ldy;
                for (int i = 0; i < rows; ++i) y[i] -= times(s, other[i]);
            }
            if (unit) continue;
            const T inverse = T(1) / S[c + std::ptrdiff_t(c) * lds];
            for (int i = 0; i < rows; ++i) y[i] = times(inverse, y[i]);
        }
    }

private:
    static const double* parts(const T* x) { return reinterpret_cast<const double*>(x); }
    static double* parts(T* x) { return reinterpret_cast<double*>(x); }
    static double times(double a, double b) { return a * b; }
    // without the care for infinite parts that the standard's product takes
    static std::complex<double> times(std::complex<double> a, std::complex<double> b) {
        return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
    }
    Routine gemm_;
};

// out[k] = (L U)⁻¹[rows[k], columns[k]] for k < count; L has a diagonal of ones, U is given by rows.
template <class T>
void selected_inverse(std::int32_t n, Compressed<T> L, Compressed<T> U, const std::int32_t* rows,
                      const std::int32_t* columns, std::ptrdiff_t count, T* out, Gemm<double> gemm) {
    // what is asked for, sorted by the smaller of row and column
    std::vector<std::ptrdiff_t> asked_start(std::size_t(n) + 1, 0), asked(count);
    for (std::ptrdiff_t k = 0; k < count; ++k) ++asked_start[std::min(rows[k], columns[k]) + 1];
    for (std::int32_t j = 0; j < n; ++j) asked_start[j + 1] += asked_start[j];
    {
        std::vector<std::ptrdiff_t> next(asked_start.begin(), asked_start.end() - 1);
        for (std::ptrdiff_t k = 0; k < count; ++k) asked[next[std::min(rows[k], columns[k])]++] = k;
    }
    FilledPattern filled(n, [&](std::int32_t j, auto&& visit) {
        for (std::int32_t k = L.start[j]; k < L.start[j + 1]; ++k) visit(L.index[k]);
        for (std::int32_t k = U.start[j]; k < U.start[j + 1]; ++k) visit(U.index[k]);
        for (std::ptrdiff_t k = asked_start[j]; k < asked_start[j + 1]; ++k)
            visit(std::max(rows[asked[k]], columns[asked[k]]));
    });

    const auto& blocks = filled.blocks();
    std::vector<std::int32_t> children(blocks.size(), 0), place(n);
    for (const auto& block : blocks)
        if (block.parent >= 0) ++children[block.parent];
    std::vector<std::vector<T>> fronts(blocks.size());  // Z on J ∪ R, by columns, while children need it
    std::vector<T> Y, W, Lj, Uj, X;
    std::vector<std::int32_t> inside;
    const Dense<T> dense(gemm);

    for (std::ptrdiff_t b = std::ptrdiff_t(blocks.size()) - 1; b >= 0; --b) {
        const auto& block = blocks[b];
        const std::int32_t w = block.width, r = block.rows, f = w + r, end = block.first + w;
        const std::int32_t* R = filled.rows(block);
        for (std::int32_t i = 0; i < w; ++i) place[block.first + i] = i;
        for (std::int32_t i = 0; i < r; ++i) place[R[i]] = w + i;
        std::vector<T>& Z = fronts[b];
        Z.resize(std::size_t(f) * f);
        if (r > 0) {
            const auto& parent = blocks[block.parent];
            const std::int32_t* its = filled.rows(parent);
            const std::int32_t *from = its, *last = its + parent.rows, edge = parent.first + parent.width;
            inside.resize(r);
            for (std::int32_t i = 0; i < r; ++i) {
                if (R[i] < edge) {
                    inside[i] = R[i] - parent.first;
                } else {
                    from = std::lower_bound(from, last, R[i]);
                    inside[i] = parent.width + std::int32_t(from - its);
                }
            }
            const std::size_t pf = std::size_t(parent.width) + parent.rows;
            const T* P = fronts[block.parent].data();
            for (std::int32_t c = 0; c < r; ++c) {
                const T* column = P + inside[c] * pf;
                T* to = Z.data() + std::size_t(w + c) * f + w;
                for (std::int32_t i = 0; i < r; ++i) to[i] = column[inside[i]];
            }
        }
        // the blocks of L, and of Uᵀ
        auto read = [&](const Compressed<T>& from, std::vector<T>& triangle, std::vector<T>& below) {
            triangle.assign(std::size_t(w) * w, T(0));
            below.assign(std::size_t(r) * w, T(0));
            for (std::int32_t c = 0; c < w; ++c)
                for (std::int32_t k = from.start[block.first + c]; k < from.start[block.first + c + 1]; ++k) {
                    std::int32_t i = from.index[k];
                    if (i < block.first + c) continue;
                    if (i < end) triangle[std::size_t(c) * w + (i - block.first)] = from.value[k];
                    else below[std::size_t(c) * r + (place[i] - w)] = from.value[k];
                }
        };
        read(L, Lj, Y);
        read(U, Uj, W);
        // Z_JJ = U_JJ⁻¹ L_JJ⁻¹ − W Z_RJ
        X.assign(std::size_t(w) * w, T(0));
        for (std::int32_t i = 0; i < w; ++i) X[std::size_t(i) * w + i] = 1;
        dense.divide(w, w, X.data(), w, Lj.data(), w, true);
        for (std::int32_t c = 0; c < w; ++c)
            for (std::int32_t i = c + 1; i < w; ++i) std::swap(X[std::size_t(c) * w + i], X[std::size_t(i) * w + c]);
        dense.divide(w, w, X.data(), w, Uj.data(), w, false);
        for (std::int32_t c = 0; c < w; ++c)
            for (std::int32_t i = 0; i < w; ++i) Z[std::size_t(c) * f + i] = X[std::size_t(i) * w + c];
        if (r > 0) {
            dense.divide(r, w, Y.data(), r, Lj.data(), w, true);
            dense.divide(r, w, W.data(), r, Uj.data(), w, false);
            T* corner = Z.data() + std::size_t(w) * f + w;
            T* below = Z.data() + w;
            dense.subtract(false, r, w, r, corner, f, Y.data(), r, 0, below, f);
            dense.subtract(true, w, r, r, W.data(), r, corner, f, 0, Z.data() + std::size_t(w) * f, f);
            dense.subtract(true, w, w, r, W.data(), r, below, f, 1, Z.data(), f);
        }
        for (std::ptrdiff_t k = asked_start[block.first]; k < asked_start[end]; ++k) {
            std::ptrdiff_t a = asked[k];
            out[a] = Z[std::size_t(place[columns[a]]) * f + place[rows[a]]];
        }
        if (children[b] == 0) std::vector<T>().swap(Z);
        if (block.parent >= 0 && --children[block.parent] == 0) std::vector<T>().swap(fronts[block.parent]);
    }
}

}  // namespace frechet
