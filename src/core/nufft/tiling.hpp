// The tiles that points are sorted into, for a grid.
#pragma once

#include <cstddef>
#include <stdexcept>

#include "pass.hpp"

namespace frechet {

// Tiles whose boxes, with the widest kernel, fit into the second cache, and their columns; by dimension and axis.
constexpr int tile_edge_bits[max_dimension][max_dimension] = {{10}, {4, 6}, {4, 4, 4}};
constexpr int column_bits[max_dimension][max_dimension] = {{0}, {0, 0}, {2, 2, 0}};

inline Tiling tiling_of(int dimension, const std::ptrdiff_t* size) {
    Tiling tiling{};
    tiling.dimension = dimension;
    double columns = 1;
    for (int a = 0; a < dimension; ++a) {
        tiling.size[a] = size[a];
        tiling.edge_bits[a] = tile_edge_bits[dimension - 1][a];
        tiling.column_bits[a] = column_bits[dimension - 1][a];
        tiling.tiles[a] = (size[a] - 1) / tiling.edge(a) + 1;
        columns *= double(tiling.tiles[a] << tiling.column_bits[a]);
    }
    if (columns > double(0x7fffffff)) throw std::invalid_argument("the grid has more than 2147483647 tiles");
    return tiling;
}

}  // namespace frechet
