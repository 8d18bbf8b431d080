// The passes of nonuniform Fourier transforms over the points, for XLA: no Python, and no lock.
//
// frechet_sort sorts points once; its results are arrays of XLA's, so that all passes over the same points, those of
// derivatives among them, share them.  frechet_interpolate takes stacks of grids to values at the points and
// frechet_spread does the transpose, with derivatives of the kernel up to an order as components of each point.
#include "nufft.hpp"

#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "../dispatch.hpp"
#include "../nufft/boxes.hpp"
#include "../nufft/points.hpp"
#include "../nufft/tiling.hpp"
#include "frame.hpp"

namespace nb = nanobind;

namespace frechet::xla {

namespace {

template <class R>
const Passes<R>& passes() {
    if constexpr (sizeof(R) == 4) return pass_level().f;
    else return pass_level().d;
}

// The attribute; 0 stands for as many as the process may use cores.
int threads_of(const Frame& frame) {
    std::int64_t threads = frame.integer("threads");
    if (threads == 0) {
#ifdef __linux__
        cpu_set_t set;
        if (sched_getaffinity(0, sizeof(set), &set) == 0) threads = CPU_COUNT(&set);
#endif
        if (threads == 0) threads = std::thread::hardware_concurrency();
    }
    return int(std::clamp<std::int64_t>(threads, 1, 256));
}

// Where points have been sorted, and for what grid.
struct Sorted {
    Sorted(const Frame& frame, const Buffer& positions, const Buffer& index, const Buffer& starts)
        : count(positions.length(0)), positions(positions), index(index), starts(starts) {
        const int d = int(positions.length(1));
        require(d >= 1 && d <= max_dimension, "points must have 1, 2 or 3 coordinates");
        const std::int64_t* sizes = frame.integers("sizes", d);
        period = frame.reals("periods", d);
        Index size[max_dimension];
        for (int a = 0; a < d; ++a) {
            require(period[a] > 0 && sizes[a] > 0, "periods and sizes must be positive");
            size[a] = Index(sizes[a]);
        }
        tiling = tiling_of(d, size);
        require(index.type() == XLA_FFI_DataType_U32 && starts.type() == XLA_FFI_DataType_U32,
                "index and starts must have dtype uint32");
        require(index.size() == count && starts.size() == tiling.starts(), "index or starts has a wrong length");
        require(count <= Index(0xffffffffu), "there are more than 4294967295 points");
    }

    template <class R>
    PointsMemory<R> memory() const {
        return {positions.data<R>(), index.data<std::uint32_t>(), starts.data<std::uint32_t>()};
    }

    Index count;
    Tiling tiling;
    const double* period;
    Buffer positions, index, starts;
};

template <class R>
void sort(const Frame& frame, const Buffer& x, const Sorted& to) {
    Coordinates coordinates[max_dimension];
    const bool single = x.type() == XLA_FFI_DataType_F32;
    const int d = to.tiling.dimension;
    for (int a = 0; a < d; ++a) {
        const void* first = single ? static_cast<const void*>(x.data<float>() + a) : x.data<double>() + a;
        coordinates[a] = {first, d, single};
    }
    Points<R> points(coordinates, to.count, to.period, to.tiling, to.memory<R>(), passes<R>(), threads_of(frame));
    if (points.not_finite() >= 0)
        throw std::invalid_argument("point " + std::to_string(points.not_finite()) + " is not finite");
}

void sort(const Frame& frame) {
    const Buffer x = frame.argument(0);
    const Sorted to(frame, frame.result(0), frame.result(1), frame.result(2));
    require(x.ndim() == 2 && x.inexact() && !x.complex(), "points must be real, of shape (M, d)");
    require(x.length(0) == to.count && x.length(1) == to.tiling.dimension, "results must fit the points");
    if (to.positions.single()) sort<float>(frame, x, to);
    else sort<double>(frame, x, to);
}

template <class R>
void pass(const Frame& frame, const Sorted& sorted, const Buffer& grids, const Buffer& values, bool spreads) {
    const int d = sorted.tiling.dimension;
    const auto width = frame.integer("width"), order = frame.integer("order");
    require(width >= 1 && width <= max_width, "width must be from 1 to 16");
    require(order >= 0 && order <= max_order, "order must be 0, 1 or 2");
    Index entries = 0;
    const double* given = frame.reals("kernel", max_width, &entries);
    require(entries % max_width == 0, "kernel must have 16 entries for each power");
    const std::vector<R> kernel(given, given + entries);
    const int components = components_of(d, int(order)), parts = grids.complex() ? 2 : 1;
    require(grids.ndim() == d + 1 && grids.type() == values.type() && grids.single() == sorted.positions.single(),
            "grids and values must have the precision of the points, and grids an axis for each coordinate");
    for (int a = 0; a < d; ++a)
        require(grids.length(a + 1) == sorted.tiling.size[a], "grids must have the size that points were sorted for");
    require(values.ndim() == 3 && values.length(0) == grids.length(0) && values.length(1) == sorted.count &&
                values.length(2) == components,
            "values must have the shape (grids, points, components)");
    const Index grid_reals = grids.size(1, d + 1) * parts, value_reals = sorted.count * components * parts;
    const Points<R> points(sorted.count, sorted.period, sorted.tiling, sorted.memory<R>());
    const int threads = threads_of(frame);
    for (Index k = 0; k < grids.length(0); ++k) {
        R* grid = grids.data<R>() + k * grid_reals;
        if (spreads) std::fill(grid, grid + grid_reals, R(0));
        if (sorted.count == 0) continue;
        BoxPasses<R> boxes(points, {int(width), int(entries / max_width) - 1, kernel.data()}, parts, int(order),
                           values.data<R>() + k * value_reals);
        if (spreads) boxes.spread(passes<R>(), grid, threads);
        else boxes.interpolate(passes<R>(), grid, threads);
    }
}

template <bool spreads>
void pass(const Frame& frame) {
    const Sorted sorted(frame, frame.argument(0), frame.argument(1), frame.argument(2));
    const Buffer from = frame.argument(3), to = frame.result(0);
    const Buffer& grids = spreads ? to : from;
    const Buffer& values = spreads ? from : to;
    require(grids.inexact(), "grids must have dtype float32, float64, complex64 or complex128");
    if (grids.single()) pass<float>(frame, sorted, grids, values, spreads);
    else pass<double>(frame, sorted, grids, values, spreads);
}

Index column_starts(nb::sequence sizes) {
    const std::size_t d = nb::len(sizes);
    require(d >= 1 && d <= std::size_t(max_dimension), "there must be 1, 2 or 3 sizes");
    Index size[max_dimension];
    for (std::size_t a = 0; a < d; ++a) {
        size[a] = nb::cast<Index>(sizes[a]);
        require(size[a] > 0, "sizes must be positive");
    }
    return tiling_of(int(d), size).starts();
}

}  // namespace

void define_nufft(nb::module_& m, nb::dict targets) {
    m.def("column_starts", &column_starts, nb::arg("sizes"), "The length of what frechet_sort gives for a grid.");
    targets["frechet_sort"] = nb::capsule(reinterpret_cast<void*>(handler<sort>));
    targets["frechet_interpolate"] = nb::capsule(reinterpret_cast<void*>(handler<pass<false>>));
    targets["frechet_spread"] = nb::capsule(reinterpret_cast<void*>(handler<pass<true>>));
}

}  // namespace frechet::xla
