// Spreading onto a box and interpolation from it, with derivatives of the kernel, in one pass over the points.
//
// With kernels φ along the axes z, y, x (the last one contiguous), interpolation is
//
//     v = Σ_q φ_z(q) Σ_r φ_y(r) Σ_i φ_x(i) g(q, r, i).
//
// A derivative replaces φ by φ′ along its axis.  The rows g(q, r, ·) are loaded once: every row is contracted
// with φ_y, φ_y′, φ_y″ into A, B, C; these over the planes with φ_z, φ_z′, φ_z″; and the sums, which are rows
// again, with φ_x and its derivatives at last.  Value and gradient take two multiplications for each load in place
// of one.  Spreading is the transpose: the components of a point are combined to rows, these to planes' rows,
// and one row, with a single load and store, is added to the box.
#pragma once

#include "../stack.hpp"
#include "pass.hpp"
#include "place.hpp"

namespace frechet::FRECHET_LEVEL {

// `count` vectors of `width` reals: a row of the box under a point's window, or factors for it.
template <class R, int width, int count>
struct Row {
    using V = typename VectorOf<R, width>::type;
    V part[count];
};

// The panels of the kernel at s, and of half its second derivative after the first two.
template <int order, class R, int width, int count>
inline void evaluate(const SpreadingKernel<R>& kernel, R s, Row<R, width, count> (&panels)[order + 1]) {
    using V = typename VectorOf<R, width>::type;
    for (int v = 0; v < count; ++v) {
        const R* coefficient = kernel.coefficients + v * width;
        V value = load<V>(coefficient), first{}, half_second{};
        for (int p = 1; p <= kernel.degree; ++p) {
            coefficient += max_width;
            if constexpr (order >= 2) half_second = half_second * s + first;
            if constexpr (order >= 1) first = first * s + value;
            value = value * s + load<V>(coefficient);
        }
        panels[0].part[v] = value;
        if constexpr (order >= 1) panels[1].part[v] = first;
        if constexpr (order >= 2) panels[2].part[v] = 2 * half_second;
    }
}

// Each entry of a vector twice: the factor of a real and an imaginary part.  `upper`: from its upper half.
template <bool upper, class V, int... lane>
inline V doubled(V a, Lanes<lane...>) {
    return __builtin_shufflevector(a, a, ((upper ? int(sizeof...(lane)) / 2 : 0) + lane / 2)...);
}

// Panels as factors of the entries of a row.
template <int parts, class R, int width, int count, int panels_count>
inline Row<R, width, count> as_row(const Row<R, width, panels_count>& panels) {
    Row<R, width, count> row;
    for (int v = 0; v < count; ++v) {
        if constexpr (parts == 1) row.part[v] = panels.part[v];
        else
            row.part[v] = v % 2 ? doubled<true>(panels.part[v / 2], typename LanesUpTo<width>::type{})
                                : doubled<false>(panels.part[v / 2], typename LanesUpTo<width>::type{});
    }
    return row;
}

// Factors of an axis that is not contiguous, one after the other; there are at most as many as a row has entries.
template <class R, int order, int lanes_of_panels>
struct Factors {
    alignas(64) R at[order + 1][lanes_of_panels];
};

// Keeps a row that has been loaded in its register: the compiler would load it again for each of its uses.
template <class V>
inline void keep(V& v) {
#if defined(__x86_64__)
    if constexpr (sizeof(V) >= 16) __asm__("" : "+v"(v));
#endif
}

// The values of points that follow each other lie anywhere in memory: those of so many points later are fetched.
constexpr std::ptrdiff_t ahead = 16;

// Where the windows of a point begin, and the kernel's factors along each axis.
template <class R, int parts, int width, int count, int dimension, int order>
struct Window {
    static constexpr int panel_count = parts == 1 ? count : (count + 1) / 2;
    Factors<R, order, panel_count * width> outer[dimension > 1 ? dimension - 1 : 1];
    Row<R, width, count> inner[order + 1];
    std::ptrdiff_t offset;

    inline void set(const Pass<R>& pass, const R* position) {
        const R half = R(pass.kernel.width) / 2;
        const std::ptrdiff_t shift = pass.kernel.width / 2;  // the first window of a tile begins at −⌊width/2⌋
        offset = 0;
        Row<R, width, panel_count> panels[order + 1];
        for (int a = 0; a < dimension; ++a) {
            R start = __builtin_ceil(position[a] - half);
            R s = 2 * (start - position[a] + half) - 1;
            offset += (std::ptrdiff_t(start) + shift - pass.origin[a]) * pass.stride[a];
            evaluate<order>(pass.kernel, s, panels);
            if (a + 1 < dimension) {
                for (int n = 0; n <= order; ++n)
                    for (int v = 0; v < panel_count; ++v) store(outer[a].at[n] + v * width, panels[n].part[v]);
            } else {
                for (int n = 0; n <= order; ++n) inner[n] = as_row<parts, R, width, count>(panels[n]);
            }
        }
    }
};

// The orders of a derivative along the axes, the last one last.
template <int z_, int y_, int x_>
struct Orders {
    static constexpr int z = z_, y = y_, x = x_;
};

// The place of a derivative, by its orders along the axes (the last axis last), among the components.
template <int dimension>
constexpr int component(int z, int y, int x) {
    if (dimension == 1) return x;
    if (dimension == 2) {
        if (y + x == 0) return 0;
        if (y + x == 1) return y ? 1 : 2;
        return y == 2 ? 3 : y == 1 ? 4 : 5;
    }
    if (z + y + x == 0) return 0;
    if (z + y + x == 1) return z ? 1 : y ? 2 : 3;
    if (z == 2) return 4;
    if (z == 1) return y ? 5 : 6;
    return y == 2 ? 7 : y == 1 ? 8 : 9;
}

// Calls visit(z, y, x) for all derivatives up to an order, as constants of the compiler.
template <int dimension, int order, int z = 0, int y = 0, int x = 0, class Visit>
inline void each_derivative(Visit&& visit) {
    visit(Orders<z, y, x>{});
    if constexpr (x + y + z < order) each_derivative<dimension, order, z, y, x + 1>(visit);
    else if constexpr (dimension > 1 && y + z < order) each_derivative<dimension, order, z, y + 1, 0>(visit);
    else if constexpr (dimension > 2 && z < order) each_derivative<dimension, order, z + 1, 0, 0>(visit);
}

// The factors that turn derivatives by s into those by the coordinates.
template <int dimension, int order, class R>
inline void set_scales(const Pass<R>& pass, R (&scales)[components_of(dimension, order)]) {
    each_derivative<dimension, order>([&](auto at) {
        R scale = 1;
        for (int n = 0; n < at.x; ++n) scale *= pass.scale[dimension - 1];
        if constexpr (dimension > 1)
            for (int n = 0; n < at.y; ++n) scale *= pass.scale[dimension - 2];
        if constexpr (dimension > 2)
            for (int n = 0; n < at.z; ++n) scale *= pass.scale[0];
        scales[component<dimension>(at.z, at.y, at.x)] = scale;
    });
}

template <class V, int... lane>
inline auto halves_added(V v, Lanes<lane...>) {
    constexpr int half = int(sizeof...(lane));
    return __builtin_shufflevector(v, v, lane...) + __builtin_shufflevector(v, v, (lane + half)...);
}

// The upper half of a vector added to the lower one, until real and imaginary part are left.
template <int parts, class R, int width, class V>
inline void sum_lanes(V v, R* to, R scale) {
    if constexpr (width > parts && width > 2) {
        sum_lanes<parts, R, width / 2>(halves_added(v, typename LanesUpTo<width / 2>::type{}), to, scale);
    } else if constexpr (parts == 1) {
        to[0] = scale * (v[0] + v[1]);
    } else {
        to[0] = scale * v[0];
        to[1] = scale * v[1];
    }
}

// The rows of a plane contracted with the factors of their axis and with those of the derivatives.
template <class R, int width, int count, int order, int most>
inline void contract(const R* row, std::ptrdiff_t stride, int rows, const Factors<R, order, most>& factors,
                     Row<R, width, count> (&plane)[order + 1]) {
    using V = typename Row<R, width, count>::V;
    Row<R, width, count> sums[order + 1] = {};
    for (int r = 0; r < rows; ++r, row += stride)
        for (int v = 0; v < count; ++v) {
            V entries = load<V>(row + v * width);
            keep(entries);
            for (int n = 0; n <= order; ++n) sums[n].part[v] += factors.at[n][r] * entries;
        }
    for (int n = 0; n <= order; ++n) plane[n] = sums[n];
}

// The same, with all registers to itself: inlined where they do not suffice, the compiler keeps the sums in memory.
template <class R, int width, int count, int order, int most>
__attribute__((noinline)) void contract_apart(const R* row, std::ptrdiff_t stride, int rows,
                                              const Factors<R, order, most>& factors,
                                              Row<R, width, count> (&plane)[order + 1]) {
    contract<R, width, count, order, most>(row, stride, rows, factors, plane);
}

template <class R, int parts, int width, int count, int dimension, int order>
void interpolate_points(const Pass<R>& pass) {
    using WindowType = Window<R, parts, width, count, dimension, order>;
    using RowType = Row<R, width, count>;
    constexpr int components = components_of(dimension, order);
    constexpr bool apart = dimension == 3 && order == 1 && count > 2;  // measured
    const int planes = dimension > 2 ? pass.kernel.width : 1, rows = dimension > 1 ? pass.kernel.width : 1;
    const std::ptrdiff_t plane_stride = dimension > 2 ? pass.stride[0] : 0;
    const std::ptrdiff_t row_stride = dimension > 1 ? pass.stride[dimension - 2] : 0;
    WindowType window{};
    R scales[components];
    set_scales<dimension, order>(pass, scales);
    for (std::ptrdiff_t j = 0; j < pass.count; ++j) {
        if (j + ahead < pass.count)
            __builtin_prefetch(pass.values + std::ptrdiff_t(pass.index[j + ahead]) * (components * parts), 1);
        window.set(pass, pass.positions + j * dimension);
        const R* box = pass.box + window.offset;
        // sums[z][y]: contracted with the z-th and y-th derivative along these axes
        RowType sums[order + 1][order + 1] = {};
        for (int q = 0; q < planes; ++q) {
            RowType plane[order + 1];
            const R* row = box + q * plane_stride;
            if constexpr (dimension == 1)
                for (int v = 0; v < count; ++v) plane[0].part[v] = load<typename RowType::V>(row + v * width);
            else if constexpr (apart)
                contract_apart<R, width, count, order>(row, row_stride, rows, window.outer[dimension - 2], plane);
            else contract<R, width, count, order>(row, row_stride, rows, window.outer[dimension - 2], plane);
            for (int y = 0; y <= (dimension > 1 ? order : 0); ++y)
                for (int v = 0; v < count; ++v) {
                    if constexpr (dimension > 2)
                        for (int z = 0; z + y <= order; ++z)
                            sums[z][y].part[v] += window.outer[0].at[z][q] * plane[y].part[v];
                    else sums[0][y].part[v] = plane[y].part[v];
                }
        }
        R* to = pass.values + std::ptrdiff_t(pass.index[j]) * (components * parts);
        each_derivative<dimension, order>([&](auto at) {
            auto total = sums[at.z][at.y].part[0] * window.inner[at.x].part[0];
            for (int v = 1; v < count; ++v) total += sums[at.z][at.y].part[v] * window.inner[at.x].part[v];
            constexpr int k = component<dimension>(at.z, at.y, at.x);
            sum_lanes<parts, R, width>(total, to + k * parts, scales[k]);
        });
    }
}

// A number, or the real and the imaginary part of one, in all lanes.
template <int parts, class R, int width, int... lane>
inline auto repeated(const R* from, R scale, Lanes<lane...>) {
    if constexpr (parts == 1) {
        return typename VectorOf<R, width>::type{} + scale * from[0];
    } else {
        using V = typename VectorOf<R, width>::type;
        return __builtin_shufflevector(V{} + scale * from[0], V{} + scale * from[1],
                                       (lane % 2 ? lane + width : lane)...);
    }
}
template <int parts, class R, int width>
inline auto repeated(const R* from, R scale) {
    return repeated<parts, R, width>(from, scale, typename LanesUpTo<width>::type{});
}

template <class R, int parts, int width, int count, int dimension, int order>
void spread_points(const Pass<R>& pass) {
    using WindowType = Window<R, parts, width, count, dimension, order>;
    using RowType = Row<R, width, count>;
    using V = typename RowType::V;
    constexpr int components = components_of(dimension, order);
    const int planes = dimension > 2 ? pass.kernel.width : 1, rows = dimension > 1 ? pass.kernel.width : 1;
    const std::ptrdiff_t plane_stride = dimension > 2 ? pass.stride[0] : 0;
    const std::ptrdiff_t row_stride = dimension > 1 ? pass.stride[dimension - 2] : 0;
    WindowType window{};
    R scales[components];
    set_scales<dimension, order>(pass, scales);
    for (std::ptrdiff_t j = 0; j < pass.count; ++j) {
        if (j + ahead < pass.count)
            __builtin_prefetch(pass.values + std::ptrdiff_t(pass.index[j + ahead]) * (components * parts));
        window.set(pass, pass.positions + j * dimension);
        R* box = pass.box + window.offset;
        const R* from = pass.values + std::ptrdiff_t(pass.index[j]) * (components * parts);
        // sums[z][y]: the rows that the z-th and y-th derivative along these axes multiply
        RowType sums[order + 1][order + 1] = {};
        each_derivative<dimension, order>([&](auto at) {
            constexpr int k = component<dimension>(at.z, at.y, at.x);
            V value = repeated<parts, R, width>(from + k * parts, scales[k]);
            for (int v = 0; v < count; ++v) sums[at.z][at.y].part[v] += value * window.inner[at.x].part[v];
        });
        for (int q = 0; q < planes; ++q) {
            RowType plane[order + 1];
            for (int y = 0; y <= (dimension > 1 ? order : 0); ++y)
                for (int v = 0; v < count; ++v) {
                    if constexpr (dimension > 2) {
                        plane[y].part[v] = window.outer[0].at[0][q] * sums[0][y].part[v];
                        for (int z = 1; z + y <= order; ++z)
                            plane[y].part[v] += window.outer[0].at[z][q] * sums[z][y].part[v];
                    } else {
                        plane[y].part[v] = sums[0][y].part[v];
                    }
                }
            R* row = box + q * plane_stride;
            for (int r = 0; r < rows; ++r, row += row_stride) {
                for (int v = 0; v < count; ++v) {
                    V entries = load<V>(row + v * width);
                    if constexpr (dimension > 1)
                        for (int y = 0; y <= order; ++y)
                            entries += window.outer[dimension - 2].at[y][r] * plane[y].part[v];
                    else entries += plane[0].part[v];
                    store(row + v * width, entries);
                }
            }
        }
    }
}

// --- which of the compiled passes fits ---------------------------------------------------------------------

// Calls the pass whose rows have just enough vectors for the reals of a row under the window.
template <class R, int parts, int dimension, int order, bool spreads>
struct Chooser {
    // Stores across the border of two cache lines are slow: short rows are spread in vectors of half a line, which
    // cross it less often.
    static constexpr bool halves = spreads && register_bytes == 64;
    static constexpr int full = lanes<R>, half = full / 2, quarter = full / 4;

    template <int width, int count>
    static void run(const Pass<R>& pass) {
        if constexpr (spreads) spread_points<R, parts, width, count, dimension, order>(pass);
        else interpolate_points<R, parts, width, count, dimension, order>(pass);
    }

    template <int width, int count, int most>
    static void choose(const Pass<R>& pass, int reals) {
        if constexpr (count < most)
            if (reals > count * width) return choose<width, count + 1, most>(pass, reals);
        run<width, count>(pass);
    }

    static void call(const Pass<R>& pass) {
        const int reals = parts * pass.kernel.width;
        if constexpr (halves) {
            if (reals <= quarter && quarter * sizeof(R) >= 16) return run<quarter, 1>(pass);
            if (reals <= 4 * half) return choose<half, 1, 4>(pass, reals);
        } else if constexpr (half * sizeof(R) >= 16) {
            if (reals <= half) return run<half, 1>(pass);
        }
        constexpr int most = larger(1, parts * max_width / full);
        choose<full, 1, most>(pass, reals);
    }
};

template <class R>
void add_reals(R* to, const R* from, std::ptrdiff_t count) {
    for (std::ptrdiff_t k = 0; k < count; ++k) to[k] += from[k];
}

template <class R, bool spreads, int parts, int dimension>
constexpr void fill(void (*(&row)[max_order + 1])(const Pass<R>&)) {
    row[0] = Chooser<R, parts, dimension, 0, spreads>::call;
    row[1] = Chooser<R, parts, dimension, 1, spreads>::call;
    row[2] = Chooser<R, parts, dimension, 2, spreads>::call;
}

template <class R>
constexpr Passes<R> all_passes() {
    Passes<R> passes{};
    fill<R, true, 1, 1>(passes.spread[0][0]);
    fill<R, true, 1, 2>(passes.spread[0][1]);
    fill<R, true, 1, 3>(passes.spread[0][2]);
    fill<R, true, 2, 1>(passes.spread[1][0]);
    fill<R, true, 2, 2>(passes.spread[1][1]);
    fill<R, true, 2, 3>(passes.spread[1][2]);
    fill<R, false, 1, 1>(passes.interpolate[0][0]);
    fill<R, false, 1, 2>(passes.interpolate[0][1]);
    fill<R, false, 1, 3>(passes.interpolate[0][2]);
    fill<R, false, 2, 1>(passes.interpolate[1][0]);
    fill<R, false, 2, 2>(passes.interpolate[1][1]);
    fill<R, false, 2, 3>(passes.interpolate[1][2]);
    passes.place = place_points<R>;
    passes.add = add_reals<R>;
    return passes;
}

}  // namespace frechet::FRECHET_LEVEL
