// Nonuniform points on a periodic grid, sorted into tiles of the grid.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "parallel.hpp"
#include "pass.hpp"

namespace frechet {

// Coordinates along one axis, as the caller holds them.
struct Coordinates {
    const void* data;
    std::ptrdiff_t stride;  // in entries
    bool single;            // float, else double
    double operator[](std::ptrdiff_t j) const {
        return single ? double(static_cast<const float*>(data)[j * stride])
                      : static_cast<const double*>(data)[j * stride];
    }
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
};

template <class R>
class Points {
public:
    Points(const Coordinates* x, std::ptrdiff_t count, const double* period, const Tiling& tiling, int threads)
        : tiling_(tiling), count_(count) {
        for (int a = 0; a < tiling.dimension; ++a) period_[a] = period[a], frequency_[a] = 1 / period[a];
        sort(x, threads);
    }

    const Tiling& tiling() const { return tiling_; }
    std::ptrdiff_t count() const { return count_; }
    double period(int axis) const { return period_[axis]; }
    const R* positions(std::ptrdiff_t first) const { return positions_.get() + first * tiling_.dimension; }
    const std::uint32_t* index(std::ptrdiff_t first) const { return index_.get() + first; }
    // The points of tile t are those from start(t) to start(t + 1).
    std::ptrdiff_t start(std::ptrdiff_t tile) const { return starts_[std::size_t(tile * tiling_.columns())]; }
    // The first point with a coordinate that is not finite, or −1; there is nothing else to be used then.
    std::ptrdiff_t not_finite() const { return not_finite_; }
    std::size_t bytes() const {
        return std::size_t(count_) * (sizeof(R) * std::size_t(tiling_.dimension) + 4) + starts_.size() * 4;
    }

private:
    // The column of a point and its position in its tile; false for coordinates that are not finite.
    bool place(const Coordinates* x, std::ptrdiff_t j, std::ptrdiff_t& column, R* position) const {
        std::ptrdiff_t tile = 0, within = 0;
        for (int a = 0; a < tiling_.dimension; ++a) {
            double turns = x[a][j] * frequency_[a];
            if (!(turns > -0x1p53 && turns < 0x1p53)) {
                if (!std::isfinite(x[a][j])) return false;
                turns = 0;  // beyond 2⁵³ periods nothing is left of the fraction
            }
            turns -= double(std::int64_t(turns));  // towards zero; std::floor would be a call
            if (turns < 0) turns += 1;
            double u = turns * double(tiling_.size[a]);
            std::ptrdiff_t cell = std::ptrdiff_t(u);
            if (cell >= tiling_.size[a]) cell = 0, u = 0;
            std::ptrdiff_t along = cell >> tiling_.edge_bits[a], local = cell - (along << tiling_.edge_bits[a]);
            tile = tile * tiling_.tiles[a] + along;
            within = (within << tiling_.column_bits[a]) + (local >> (tiling_.edge_bits[a] - tiling_.column_bits[a]));
            position[a] = R(u - double(cell - local));
        }
        column = tile * tiling_.columns() + within;
        return true;
    }

    void sort(const Coordinates* x, int threads) {
        const std::ptrdiff_t columns = tiling_.count() * tiling_.columns();
        const int d = tiling_.dimension;
        starts_.assign(std::size_t(columns + 1), 0);
        if (count_ == 0) return;
        positions_.reset(new R[std::size_t(count_ * d)]);
        index_.reset(new std::uint32_t[std::size_t(count_)]);
        if (threads > 1 && count_ < 20000) threads = 1;
        // Each thread counts and places its own range of points; `next` is where it puts the next one of a column.
        std::vector<std::vector<std::uint32_t>> next(std::size_t(threads),
                                                     std::vector<std::uint32_t>(std::size_t(columns), 0));
        std::vector<std::ptrdiff_t> bad(std::size_t(threads), -1);
        auto range = [&](int thread) { return count_ * thread / threads; };
        share(threads, threads, [&](int, std::ptrdiff_t part) {
            std::uint32_t* counts = next[std::size_t(part)].data();
            R position[max_dimension];
            for (std::ptrdiff_t j = range(int(part)); j < range(int(part) + 1); ++j) {
                std::ptrdiff_t column = 0;
                if (!place(x, j, column, position)) {
                    bad[std::size_t(part)] = j;
                    return;
                }
                ++counts[column];
            }
        });
        for (std::ptrdiff_t j : bad)
            if (j >= 0) {
                not_finite_ = j;
                return;
            }
        std::ptrdiff_t total = 0;
        for (std::ptrdiff_t k = 0; k < columns; ++k) {
            starts_[std::size_t(k)] = std::uint32_t(total);
            for (auto& counts : next) {
                std::uint32_t mine = counts[std::size_t(k)];
                counts[std::size_t(k)] = std::uint32_t(total);
                total += mine;
            }
        }
        starts_[std::size_t(columns)] = std::uint32_t(total);
        share(threads, threads, [&](int, std::ptrdiff_t part) {
            std::uint32_t* places = next[std::size_t(part)].data();
            R position[max_dimension];
            for (std::ptrdiff_t j = range(int(part)); j < range(int(part) + 1); ++j) {
                std::ptrdiff_t column = 0;
                place(x, j, column, position);
                std::ptrdiff_t to = places[column]++;
                for (int a = 0; a < d; ++a) positions_[std::size_t(to * d + a)] = position[a];
                index_[std::size_t(to)] = std::uint32_t(j);
            }
        });
    }

    Tiling tiling_;
    double period_[max_dimension] = {}, frequency_[max_dimension] = {};
    std::ptrdiff_t count_;
    std::ptrdiff_t not_finite_ = -1;
    std::unique_ptr<R[]> positions_;
    std::unique_ptr<std::uint32_t[]> index_;
    std::vector<std::uint32_t> starts_;  // of the columns
};

}  // namespace frechet
