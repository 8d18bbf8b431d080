// The part of frechet._core for nonuniform Fourier transforms: it checks arguments and lets other threads run.
#include "module.hpp"

#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

#include "../arrays.hpp"
#include "../dispatch.hpp"
#include "boxes.hpp"
#include "modes.hpp"
#include "pass.hpp"
#include "points.hpp"
#include "tiling.hpp"
#include "workspace.hpp"

namespace frechet {

namespace {

using Index = std::ptrdiff_t;

template <class R>
const Passes<R>& passes() {
    if constexpr (sizeof(R) == 4) return pass_level().f;
    else return pass_level().d;
}

int checked_threads(int threads) {
    if (threads < 1) throw nb::value_error("threads must be at least 1");
    return threads > 256 ? 256 : threads;
}

// --- workspaces --------------------------------------------------------------------------------------------

Workspaces& workspaces() {
    static Workspaces all;
    return all;
}

// A block on loan, given back when Python lets go of it; NumPy sees it through the buffer protocol.
class Workspace {
public:
    explicit Workspace(std::size_t bytes) : block_(workspaces().take(bytes)), bytes_(bytes) {
        if (block_.data == nullptr) throw std::bad_alloc();
    }
    ~Workspace() { workspaces().give_back(block_); }
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    void* data() const { return block_.data; }
    std::size_t bytes() const { return bytes_; }

private:
    Workspaces::Block block_;
    std::size_t bytes_;
};

// Sorted points, for transforms in single or double precision.
class SortedPoints {
public:
    SortedPoints(nb::sequence coordinates, nb::sequence periods, nb::sequence sizes, bool single, int threads) {
        const int d = int(nb::len(coordinates));
        if (d < 1 || d > max_dimension) throw nb::value_error("there must be 1, 2 or 3 coordinates");
        if (int(nb::len(periods)) != d || int(nb::len(sizes)) != d)
            throw nb::value_error("periods and sizes must be as many as the coordinates");
        double period[max_dimension];
        Index size[max_dimension];
        std::vector<std::unique_ptr<Array>> arrays;
        Coordinates x[max_dimension];
        for (int a = 0; a < d; ++a) {
            arrays.push_back(std::make_unique<Array>(coordinates[a], "Points: a coordinate"));
            const Array& array = *arrays.back();
            array.require(array.ndim() == 1, "have one axis");
            if (parts_of(array.type()) != 1) throw nb::type_error("Points: coordinates must be real");
            array.require(array.size() == arrays[0]->size(), "be as long as the first");
            x[a] = {array.data<void>(), array.stride(1) / Index(size_of(array.type())), array.type() == Type::f};
            period[a] = nb::cast<double>(periods[a]);
            size[a] = nb::cast<Index>(sizes[a]);
            if (!(period[a] > 0) || size[a] < 1) throw nb::value_error("periods and sizes must be positive");
        }
        if (arrays[0]->size() > Index(0xffffffffu)) throw nb::value_error("there are more than 4294967295 points");
        const Tiling tiling = tiling_of(d, size);  // std::invalid_argument is a ValueError
        threads = checked_threads(threads);
        for (int a = 1; a < d; ++a)
            if (x[a].single != x[0].single) throw nb::type_error("Points: coordinates must have the same dtype");
        Index count = arrays[0]->size();
        room_ = std::make_unique<Workspace>(single ? PointsMemory<float>::room(count, tiling)
                                                   : PointsMemory<double>::room(count, tiling));
        nb::gil_scoped_release others;
        auto sorted = [&](auto& points) {
            using P = typename std::decay_t<decltype(points)>::element_type;
            points = std::make_unique<P>(x, count, period, tiling, P::Memory::in(room_->data(), count, tiling),
                                         passes<typename P::Real>(), threads);
        };
        if (single) sorted(single_);
        else sorted(double_);
    }

    Index count() const { return single_ ? single_->count() : double_->count(); }
    Index not_finite() const { return single_ ? single_->not_finite() : double_->not_finite(); }
    std::size_t bytes() const { return single_ ? single_->bytes() : double_->bytes(); }

    void interpolate(nb::handle grid, nb::handle values, nb::handle kernel, int width, int order, int threads) const {
        pass(grid, values, kernel, width, order, threads, false);
    }
    void spread(nb::handle values, nb::handle grid, nb::handle kernel, int width, int order, int threads) const {
        pass(grid, values, kernel, width, order, threads, true);
    }

private:
    void pass(nb::handle g, nb::handle v, nb::handle k, int width, int order, int threads, bool spreads) const {
        if (single_) run(*single_, g, v, k, width, order, threads, spreads);
        else run(*double_, g, v, k, width, order, threads, spreads);
    }

    template <class R>
    static void run(const Points<R>& points, nb::handle g, nb::handle v, nb::handle k, int width, int order,
                    int threads, bool spreads) {
        Array grid(g, "grid", spreads), values(v, "values", !spreads), kernel(k, "kernel");
        const Tiling& tiling = points.tiling();
        const int d = tiling.dimension;
        threads = checked_threads(threads);
        if (points.not_finite() >= 0) throw nb::value_error("a point is not finite");
        if (order < 0 || order > max_order) throw nb::value_error("order must be 0, 1 or 2");
        if (width < 1 || width > max_width) throw nb::value_error("width must be from 1 to 16");
        const Type real = sizeof(R) == 4 ? Type::f : Type::d, complex = sizeof(R) == 4 ? Type::F : Type::D;
        if (kernel.type() != real || (grid.type() != real && grid.type() != complex))
            throw nb::type_error("kernel and grid must have the precision of the points");
        kernel.require(kernel.ndim() == 2 && kernel.length(1) == max_width && kernel.length(2) >= 1,
                       "have the shape (degree + 1, 16)");
        values.require_type(grid);
        for (const Array* array : {&grid, &values, &kernel}) array->require_contiguous();
        grid.require(grid.ndim() == d, "have an axis for each coordinate");
        for (int a = 0; a < d; ++a)
            grid.require(grid.length(d - a) == tiling.size[a], "have the size that the points were sorted for");
        values.require(
            values.ndim() == 2 && values.length(2) == points.count() && values.length(1) == components_of(d, order),
            "have the shape (points, components)");
        if (points.count() == 0) return;
        const int parts = parts_of(grid.type());
        nb::gil_scoped_release others;
        BoxPasses<R> boxes(points, {width, int(kernel.length(2)) - 1, kernel.data<const R>()}, parts, order,
                           values.data<R>());
        if (spreads) boxes.spread(passes<R>(), grid.data<R>(), threads);
        else boxes.interpolate(passes<R>(), grid.data<const R>(), threads);
    }

    std::unique_ptr<Workspace> room_;
    std::unique_ptr<Points<float>> single_;
    std::unique_ptr<Points<double>> double_;
};

void modes_and_grid(nb::handle m, nb::handle g, nb::sequence f, bool fft_order, bool halved, bool to_grid,
                    int threads) {
    Array modes(m, "modes", !to_grid), grid(g, "grid", to_grid);
    const int d = grid.ndim();
    threads = checked_threads(threads);
    grid.require(d >= 1 && d <= max_dimension, "have 1, 2 or 3 axes");
    modes.require(modes.ndim() == d, "have the axes of the grid");
    modes.require_type(grid);
    if (parts_of(grid.type()) != 2) throw nb::type_error("modes and grid must be complex");
    modes.require_contiguous();
    grid.require_contiguous();
    if (int(nb::len(f)) != d) throw nb::value_error("factors must be as many as the axes");
    std::vector<std::unique_ptr<Array>> factors;
    ModeAxis axes[max_dimension];
    for (int a = 0; a < d; ++a) {
        factors.push_back(std::make_unique<Array>(f[a], "factors"));
        const Array& array = *factors.back();
        if (array.type() != Type::d) throw nb::type_error("factors must be of float64");
        array.require_contiguous();
        array.require(array.ndim() == 1 && array.size() == modes.length(d - a), "be as many as the modes");
        modes.require(modes.length(d - a) <= grid.length(d - a), "be no more than the grid has points");
        axes[a] = {modes.length(d - a), grid.length(d - a), fft_order, halved && a == d - 1,
                   array.data<const double>()};
    }
    if (grid.size() == 0) return;
    if (modes.size() == 0) throw nb::value_error("modes must not be empty");
    nb::gil_scoped_release others;
    if (grid.type() == Type::F) move_modes(axes, d, modes.data<float>(), grid.data<float>(), to_grid, threads);
    else move_modes(axes, d, modes.data<double>(), grid.data<double>(), to_grid, threads);
}

int show_buffer(PyObject* self, Py_buffer* buffer, int flags) {
    if (!nb::inst_ready(nb::handle(self))) {
        buffer->obj = nullptr;
        PyErr_SetString(PyExc_BufferError, "a Workspace that has not been initialized has no memory");
        return -1;
    }
    auto* workspace = nb::inst_ptr<Workspace>(nb::handle(self));
    return PyBuffer_FillInfo(buffer, self, workspace->data(), Py_ssize_t(workspace->bytes()), 0, flags);
}

PyType_Slot workspace_slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(show_buffer)}, {0, nullptr}};

}  // namespace

void define_nufft(nb::module_& m) {
    using nb::arg;
    m.attr("max_width") = max_width;
    m.attr("max_order") = max_order;
    nb::list edges;
    for (int d = 1; d <= max_dimension; ++d) {
        nb::list along;
        for (int a = 0; a < d; ++a) along.append(1 << tile_edge_bits[d - 1][a]);
        edges.append(nb::tuple(along));
    }
    m.attr("tile_edges") = nb::tuple(edges);
    nb::class_<SortedPoints>(m, "Points", "Nonuniform points, sorted into the tiles of a periodic grid.")
        .def(nb::init<nb::sequence, nb::sequence, nb::sequence, bool, int>(), arg("coordinates"), arg("periods"),
             arg("sizes"), arg("single"), arg("threads") = 1)
        .def_prop_ro("count", &SortedPoints::count)
        .def_prop_ro("not_finite", &SortedPoints::not_finite, "The first point that is not finite, or −1.")
        .def_prop_ro("bytes", &SortedPoints::bytes)
        .def("interpolate", &SortedPoints::interpolate, arg("grid"), arg("values"), arg("kernel"), arg("width"),
             arg("order") = 0, arg("threads") = 1, "values = the grid at the points, with its derivatives.")
        .def("spread", &SortedPoints::spread, arg("values"), arg("grid"), arg("kernel"), arg("width"), arg("order") = 0,
             arg("threads") = 1, "grid += values at the points, with derivatives; the adjoint.");
    m.def("move_modes", &modes_and_grid, arg("modes"), arg("grid"), arg("factors"), arg("fft_order") = false,
          arg("halved") = false, arg("to_grid") = true, arg("threads") = 1,
          "Modes times factors into a grid, with zeros elsewhere; or back from it.");
    nb::class_<Workspace>(m, "Workspace", nb::type_slots(workspace_slots), "Memory that is reused after its release.")
        .def(nb::init<std::size_t>(), arg("bytes"));
    m.def("clear_workspaces", [] { workspaces().clear(); }, "Give the memory kept for reuse back to the system.");
    m.def("kept_in_workspaces", [] { return workspaces().kept(); }, "The bytes kept for reuse.");
}

}  // namespace frechet
