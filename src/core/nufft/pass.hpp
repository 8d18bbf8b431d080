// What one pass over nonuniform points needs: the spreading kernel, the points of a box, the box itself.
//
// Grid coordinates u run from 0 to the size of the grid.  The kernel φ has a support of `width` grid points; a
// point at u touches those from ⌈u − width/2⌉ on.  Axes are those of the grid, the last one contiguous.
#pragma once

#include <cstddef>
#include <cstdint>

namespace frechet {

constexpr int max_dimension = 3;
constexpr int max_width = 16;  // grid points that a kernel touches along an axis
constexpr int max_order = 2;   // derivatives of the kernel that one pass takes along with its values

// The kernel as polynomials: panel j of φ(⌈u − width/2⌉ + j − u) is Σ_p coefficients[p][j] s^(degree − p), where
// s = 2(⌈u − width/2⌉ − u + width/2) − 1 lies in [−1, 1).  Each row has max_width entries, zeros behind the width.
template <class R>
struct SpreadingKernel {
    int width, degree;
    const R* coefficients;
};

// Derivatives of the pass: the components of a point are the value, the d first derivatives, and the
// d(d + 1)/2 second ones (00, 01, .., 11, ..), as far as `order` goes.
constexpr int components_of(int dimension, int order) {
    int d = dimension;
    return order == 0 ? 1 : order == 1 ? 1 + d : 1 + d + d * (d + 1) / 2;
}

template <class R>
struct Pass {
    SpreadingKernel<R> kernel;
    R scale[max_dimension];                // of a first derivative along an axis: the derivative of s by the coordinate
    std::ptrdiff_t count;                  // points
    const R* positions;                    // count × dimension, u relative to the tile
    const std::uint32_t* index;            // which point of the caller's each one is
    R* values;                             // components of the caller's points, one after the other
    R* box;                                // the grid points that are touched, entry (0, 0, 0) first
    std::ptrdiff_t origin[max_dimension];  // of the box, counted from the first window of the tile
    std::ptrdiff_t stride[max_dimension];  // of the box, in reals
};

// Coordinates along one axis, as the caller holds them.
struct Coordinates {
    const void* data;
    std::ptrdiff_t stride;  // in entries
    bool single;            // float, else double
};

// A grid in tiles; positions are counted in grid points from the origin of the tile they lie in.
//
// Within a tile, points are sorted into `columns` along the leading axes, so that those that follow each other touch
// what is in the nearest cache.
struct Tiling {
    int dimension;
    std::ptrdiff_t size[max_dimension];   // of the grid
    int edge_bits[max_dimension];         // the edge of a tile is a power of 2
    int column_bits[max_dimension];       // and so is the number of columns along an axis
    std::ptrdiff_t tiles[max_dimension];  // along each axis

    std::ptrdiff_t edge(int axis) const { return std::ptrdiff_t(1) << edge_bits[axis]; }
    std::ptrdiff_t columns() const {
        int bits = 0;
        for (int a = 0; a < dimension; ++a) bits += column_bits[a];
        return std::ptrdiff_t(1) << bits;
    }

    std::ptrdiff_t count() const {
        std::ptrdiff_t product = 1;
        for (int a = 0; a < dimension; ++a) product *= tiles[a];
        return product;
    }

    // Where each column begins among the sorted points, and where the last one ends.
    std::ptrdiff_t starts() const { return count() * columns() + 1; }
};

constexpr std::ptrdiff_t place_block = 256;  // points that are placed together

// The passes compiled for one instruction set; `spread` adds to the box, `interpolate` reads it.
template <class R>
struct Passes {
    void (*spread[2][max_dimension][max_order + 1])(const Pass<R>&);       // [complex][dimension − 1][order]
    void (*interpolate[2][max_dimension][max_order + 1])(const Pass<R>&);  // likewise
    // The columns of `count` points from `first` on, and their positions in their tiles (axis by axis, place_block
    // apart); gives the first point that is not finite, or −1.
    std::ptrdiff_t (*place)(const Coordinates* x, std::ptrdiff_t first, std::ptrdiff_t count, const double* frequency,
                            const Tiling& tiling, std::int32_t* columns, R* positions);
    void (*add)(R* to, const R* from, std::ptrdiff_t count);  // to += from
};

struct PassLevel {
    Passes<float> f;
    Passes<double> d;
};

}  // namespace frechet
