// Passes over all points, box by box: the part of the grid that the points of a tile touch is copied to a buffer
// that fits into the caches and needs no thought of the period; after spreading it is added to the grid.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include "parallel.hpp"
#include "pass.hpp"
#include "points.hpp"

namespace frechet {

constexpr std::ptrdiff_t largest_item = 1 << 14;  // points: clustered ones are shared out among the threads
constexpr std::ptrdiff_t row_padding = 16;        // reals that a pass may touch behind a row
constexpr double least_shared = 5e5;  // grid points touched by a pass: less takes no longer than starting a thread

// Some of a tile's points, which one thread works on at a time.
struct Item {
    std::ptrdiff_t tile, first, last;
};

// The smallest part of the grid that holds the windows of an item's points.
template <class R>
struct Box {
    Pass<R> pass;
    std::ptrdiff_t start[max_dimension];   // in the grid, before it is wrapped around
    std::ptrdiff_t length[max_dimension];  // in grid points
    std::ptrdiff_t reals;                  // of the whole buffer
};

template <class R>
class BoxPasses {
public:
    BoxPasses(const Points<R>& points, const SpreadingKernel<R>& kernel, int parts, int order, R* values)
        : points_(points), tiling_(points.tiling()), parts_(parts), order_(order) {
        pass_.kernel = kernel;
        pass_.values = values;
        for (int a = 0; a < tiling_.dimension; ++a)
            pass_.scale[a] = R(-2.0 * double(tiling_.size[a]) / points.period(a));
        for (std::ptrdiff_t t = 0; t < tiling_.count(); ++t) {
            std::ptrdiff_t first = points.start(t), count = points.start(t + 1) - first;
            std::ptrdiff_t pieces = (count + largest_item - 1) / largest_item;
            for (std::ptrdiff_t k = 0; k < pieces; ++k)
                items_.push_back({t, first + count * k / pieces, first + count * (k + 1) / pieces});
        }
    }

    // values = the grid interpolated at the points, with derivatives up to `order`.
    void interpolate(const Passes<R>& passes, const R* grid, int threads) {
        auto run = passes.interpolate[parts_ - 1][tiling_.dimension - 1][order_];
        over_boxes(threads, [&](Box<R>& box) {
            each_row(box, [&](R* row, std::ptrdiff_t at, std::ptrdiff_t reals, std::ptrdiff_t) {
                std::copy(grid + at, grid + at + reals, row);
            });
            run(box.pass);
        });
    }

    // grid += the values, and derivatives up to `order`, spread from the points.
    void spread(const Passes<R>& passes, R* grid, int threads) {
        auto run = passes.spread[parts_ - 1][tiling_.dimension - 1][order_];
        std::vector<SpinLock> locks(std::size_t(tiling_.tiles[0]));  // of the layers of tiles along axis 0
        over_boxes(threads, [&](Box<R>& box) {
            std::fill(box.pass.box, box.pass.box + box.reals, R(0));
            run(box.pass);
            std::unique_lock<SpinLock> layer;
            each_row(box, [&](const R* row, std::ptrdiff_t at, std::ptrdiff_t reals, std::ptrdiff_t along) {
                SpinLock& lock = locks[std::size_t(along >> tiling_.edge_bits[0])];
                if (threads > 1 && layer.mutex() != &lock) {
                    if (layer.owns_lock()) layer.unlock();
                    layer = std::unique_lock<SpinLock>(lock);
                }
                passes.add(grid + at, row, reals);
            });
        });
    }

private:
    template <class Work>
    void over_boxes(int threads, Work&& work) {
        double touched = double(points_.count()) * (1 + order_);
        for (int a = 0; a < tiling_.dimension; ++a) touched *= pass_.kernel.width;
        if (touched < least_shared) threads = 1;
        std::ptrdiff_t reals = parts_;
        for (int a = 0; a < tiling_.dimension; ++a)
            reals *= tiling_.edge(a) + pass_.kernel.width + (a + 1 == tiling_.dimension ? row_padding : 0);
        reals += 2 * row_padding;
        std::vector<std::unique_ptr<R[]>> buffers(std::size_t(std::max(threads, 1)));
        share(threads, std::ptrdiff_t(items_.size()), [&](int thread, std::ptrdiff_t item) {
            auto& buffer = buffers[std::size_t(thread)];
            if (!buffer) buffer.reset(new R[std::size_t(reals)]());
            Box<R> box = box_of(items_[std::size_t(item)], buffer.get());
            work(box);
        });
    }

    Box<R> box_of(const Item& item, R* buffer) const {
        Box<R> box{pass_, {}, {}, 0};
        Pass<R>& pass = box.pass;
        const int d = tiling_.dimension, width = pass.kernel.width;
        pass.count = item.last - item.first;
        pass.positions = points_.positions(item.first);
        pass.index = points_.index(item.first);
        pass.box = buffer;
        std::ptrdiff_t cells = 1;
        for (int a = 0; a < d; ++a) cells *= tiling_.edge(a) + width;
        bool fills = pass.count > cells / 4;  // then the box of the whole tile will do
        std::ptrdiff_t tile = item.tile, stride = parts_;
        for (int a = d - 1; a >= 0; --a) {
            std::ptrdiff_t low = 0, high = tiling_.edge(a);
            if (!fills) {
                R least = pass.positions[a], most = least, half = R(width) / 2;
                for (std::ptrdiff_t j = 1; j < pass.count; ++j) {
                    least = std::min(least, pass.positions[j * d + a]);
                    most = std::max(most, pass.positions[j * d + a]);
                }
                low = std::ptrdiff_t(std::ceil(least - half)) + width / 2;
                high = std::ptrdiff_t(std::ceil(most - half)) + width / 2;
            }
            pass.origin[a] = low;
            pass.stride[a] = stride;
            box.length[a] = high - low + width;
            box.start[a] = tile % tiling_.tiles[a] * tiling_.edge(a) - width / 2 + low;
            tile /= tiling_.tiles[a];
            stride *= box.length[a];
            if (a == d - 1) stride = (stride / 8 + 1) * 8;
        }
        box.reals = stride + row_padding;
        return box;
    }

    // Calls visit(row of the box, its place in the grid, reals, its place along axis 0) for all rows, in as many
    // pieces as the period cuts them into.
    template <class Visit>
    void each_row(const Box<R>& box, Visit&& visit) const {
        const int d = tiling_.dimension;
        std::ptrdiff_t counter[max_dimension] = {};
        const std::ptrdiff_t last = d - 1, size = tiling_.size[last];
        for (;;) {
            std::ptrdiff_t to = 0, at = 0;
            for (int a = 0; a < last; ++a) {
                to += counter[a] * box.pass.stride[a];
                at = at * tiling_.size[a] + wrapped(box.start[a] + counter[a], tiling_.size[a]);
            }
            std::ptrdiff_t along = wrapped(box.start[0] + counter[0], tiling_.size[0]);
            for (std::ptrdiff_t done = 0; done < box.length[last];) {
                std::ptrdiff_t place = wrapped(box.start[last] + done, size);
                std::ptrdiff_t piece = std::min(box.length[last] - done, size - place);
                if (d == 1) {  // the layers of tiles are cut along this axis
                    along = place;
                    piece = std::min(piece, ((place >> tiling_.edge_bits[0]) + 1) * tiling_.edge(0) - place);
                }
                visit(box.pass.box + to + done * parts_, (at * size + place) * parts_, piece * parts_, along);
                done += piece;
            }
            int a = int(last) - 1;
            while (a >= 0 && ++counter[a] == box.length[a]) counter[a--] = 0;
            if (a < 0) return;
        }
    }

    static std::ptrdiff_t wrapped(std::ptrdiff_t place, std::ptrdiff_t size) {
        place %= size;
        return place < 0 ? place + size : place;
    }

    const Points<R>& points_;
    Tiling tiling_;
    int parts_, order_;
    Pass<R> pass_{};
    std::vector<Item> items_;
};

}  // namespace frechet
