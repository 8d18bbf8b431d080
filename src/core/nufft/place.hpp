// Where points lie: in which column of which tile, and where in the tile.
//
// Everything is computed in floating-point numbers without branches, so that the compiler makes vectors of it.
#pragma once

#include "../level.hpp"
#include "pass.hpp"

namespace frechet::FRECHET_LEVEL {

// The nearest integer of |x| < 2⁵¹: that is what adding 1.5 · 2⁵² leaves.
inline double nearest(double x) {
    constexpr double magic = 6755399441055744.0;
    return (x + magic) - magic;
}

// ⌊x⌋ for multiples of 2⁻¹¹.
inline double floor_of_part(double x) { return nearest(x - (0.5 - 0x1p-12)); }

template <class X>
inline void turns_of(const Coordinates& x, Index first, Index count, double frequency, double* turns) {
    const X* from = static_cast<const X*>(x.data) + first * x.stride;
    if (x.stride == 1)
        for (Index i = 0; i < count; ++i) turns[i] = double(from[i]) * frequency;
    else
        for (Index i = 0; i < count; ++i) turns[i] = double(from[i * x.stride]) * frequency;
}

// Turns so large that nothing is left of their fraction become zero; the first that is not finite, or −1.
inline Index fold_large(double* turns, Index count) {
    Index wrong = -1;
    for (Index i = 0; i < count; ++i) {
        if (!__builtin_isfinite(turns[i]) && wrong < 0) wrong = i;
        if (!(absolute(turns[i]) <= 1e15)) turns[i] = 0;
    }
    return wrong;
}

template <class R>
Index place_points(const Coordinates* x, Index first, Index count, const double* frequency, const Tiling& tiling,
                   std::int32_t* columns, R* positions) {
    double turns[place_block], tile[place_block], within[place_block];
    for (Index i = 0; i < count; ++i) tile[i] = within[i] = 0;
    Index wrong = -1;
    for (int a = 0; a < tiling.dimension; ++a) {
        if (x[a].single) turns_of<float>(x[a], first, count, frequency[a], turns);
        else turns_of<double>(x[a], first, count, frequency[a], turns);
        int large = 0;
        for (Index i = 0; i < count; ++i) large |= !(absolute(turns[i]) <= 1e15);
        if (large) {
            Index found = fold_large(turns, count);
            if (found >= 0 && (wrong < 0 || found < wrong)) wrong = found;
        }
        const double size = double(tiling.size[a]), tiles = double(tiling.tiles[a]);
        const double edge = double(Index(1) << tiling.edge_bits[a]), per_edge = 1 / edge;
        const double in_row = double(Index(1) << tiling.column_bits[a]), per_column = in_row / edge;
        R* position = positions + a * place_block;
        for (Index i = 0; i < count; ++i) {
            // u lies in [0, size]; a point on the border of two cells or tiles may count for either
            double u = (turns[i] - nearest(turns[i] - 0.5)) * size;
            u = u < 0 ? 0 : u;  // by rounding of large turns
            u = u > size ? size : u;
            double cell = nearest(u - 0.5);
            cell = cell < 0 ? 0 : cell;
            cell = cell > size - 1 ? size - 1 : cell;
            double along = floor_of_part(cell * per_edge);
            double origin = along * edge;
            tile[i] = tile[i] * tiles + along;
            within[i] = within[i] * in_row + floor_of_part((cell - origin) * per_column);
            position[i] = R(u - origin);
        }
    }
    const double in_tile = double(tiling.columns());
    for (Index i = 0; i < count; ++i) columns[i] = std::int32_t(tile[i] * in_tile + within[i]);
    return wrong;
}

}  // namespace frechet::FRECHET_LEVEL
