// Nonuniform points on a periodic grid, sorted into tiles of the grid.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "parallel.hpp"
#include "pass.hpp"

namespace frechet {

// Memory for sorted points, or points that lie there.
template <class R>
struct PointsMemory {
    R* positions;          // count × dimension
    std::uint32_t* index;  // count
    std::uint32_t* starts;  // of the columns, and the count: tiling.starts()

    // How many bytes a room for all of it takes, and the parts of it; the room is aligned.
    static std::size_t room(std::ptrdiff_t count, const Tiling& tiling) {
        return std::size_t(count) * (sizeof(R) * std::size_t(tiling.dimension) + sizeof(std::uint32_t)) +
               std::size_t(tiling.starts()) * sizeof(std::uint32_t);
    }
    static PointsMemory in(void* room, std::ptrdiff_t count, const Tiling& tiling) {
        auto* positions = static_cast<R*>(room);
        auto* index = reinterpret_cast<std::uint32_t*>(positions + count * tiling.dimension);
        return {positions, index, index + count};
    }
};

template <class R>
class Points {
public:
    using Real = R;
    using Memory = PointsMemory<R>;

    // Sorts points into the memory, which is theirs for as long as they are used.
    Points(const Coordinates* x, std::ptrdiff_t count, const double* period, const Tiling& tiling,
           const PointsMemory<R>& memory, const Passes<R>& passes, int threads)
        : Points(count, period, tiling, memory) {
        sort(x, passes, threads);
    }

    // Points that have been sorted.
    Points(std::ptrdiff_t count, const double* period, const Tiling& tiling, const PointsMemory<R>& memory)
        : tiling_(tiling), count_(count), memory_(memory) {
        for (int a = 0; a < tiling.dimension; ++a) period_[a] = period[a], frequency_[a] = 1 / period[a];
    }

    const Tiling& tiling() const { return tiling_; }
    std::ptrdiff_t count() const { return count_; }
    double period(int axis) const { return period_[axis]; }
    const R* positions(std::ptrdiff_t first) const { return memory_.positions + first * tiling_.dimension; }
    const std::uint32_t* index(std::ptrdiff_t first) const { return memory_.index + first; }
    // The points of tile t are those from start(t) to start(t + 1).
    std::ptrdiff_t start(std::ptrdiff_t tile) const { return memory_.starts[tile * tiling_.columns()]; }
    // The first point with a coordinate that is not finite, or −1; there is nothing else to be used then.
    std::ptrdiff_t not_finite() const { return not_finite_; }
    std::size_t bytes() const { return PointsMemory<R>::room(count_, tiling_); }

private:
    void sort(const Coordinates* x, const Passes<R>& passes, int threads) {
        const std::ptrdiff_t columns = tiling_.count() * tiling_.columns();
        const int d = tiling_.dimension;
        std::uint32_t* starts = memory_.starts;
        std::fill(starts, starts + columns + 1, 0u);
        if (count_ == 0) return;
        if (threads > 1 && count_ < 20000) threads = 1;
        // Each thread counts and places its own range of points; `next` is where it puts the next one of a column.
        std::vector<std::vector<std::uint32_t>> next(std::size_t(threads),
                                                     std::vector<std::uint32_t>(std::size_t(columns), 0));
        std::vector<std::ptrdiff_t> bad(std::size_t(threads), -1);
        // Calls visit(first point, how many, their columns, their positions) for blocks of a thread's range.
        auto each_block = [&](int part, auto&& visit) {
            std::int32_t columns_of[place_block];
            R positions[place_block * max_dimension];
            const std::ptrdiff_t last = count_ * (part + 1) / threads;
            for (std::ptrdiff_t j = count_ * part / threads; j < last; j += place_block) {
                std::ptrdiff_t count = std::min(place_block, last - j);
                std::ptrdiff_t wrong = passes.place(x, j, count, frequency_, tiling_, columns_of, positions);
                if (wrong >= 0) {
                    bad[std::size_t(part)] = j + wrong;
                    return;
                }
                visit(j, count, columns_of, positions);
            }
        };
        share(threads, threads, [&](int, std::ptrdiff_t part) {
            std::uint32_t* counts = next[std::size_t(part)].data();
            each_block(int(part), [&](std::ptrdiff_t, std::ptrdiff_t count, const std::int32_t* column, const R*) {
                for (std::ptrdiff_t i = 0; i < count; ++i) ++counts[column[i]];
            });
        });
        for (std::ptrdiff_t j : bad)
            if (j >= 0) {
                not_finite_ = j;
                return;
            }
        std::uint32_t total = 0;
        for (std::ptrdiff_t k = 0; k < columns; ++k) {
            starts[k] = total;
            for (auto& counts : next) {
                std::uint32_t mine = counts[std::size_t(k)];
                counts[std::size_t(k)] = total;
                total += mine;
            }
        }
        starts[columns] = total;
        share(threads, threads, [&](int, std::ptrdiff_t part) {
            std::uint32_t* places = next[std::size_t(part)].data();
            each_block(int(part),
                       [&](std::ptrdiff_t first, std::ptrdiff_t count, const std::int32_t* column, const R* position) {
                           for (std::ptrdiff_t i = 0; i < count; ++i) {
                               std::ptrdiff_t to = places[column[i]]++;
                               for (int a = 0; a < d; ++a) memory_.positions[to * d + a] = position[a * place_block + i];
                               memory_.index[to] = std::uint32_t(first + i);
                           }
                       });
        });
    }

    Tiling tiling_;
    double period_[max_dimension] = {}, frequency_[max_dimension] = {};
    std::ptrdiff_t count_;
    std::ptrdiff_t not_finite_ = -1;
    PointsMemory<R> memory_;
};

}  // namespace frechet
