// Tests of the nonuniform transforms' C++ code that need no Python: `tests/core/sanitize.sh` compiles them with the
// sanitizers of the compiler and runs them.
//
// Every pass is compared with a loop over the grid in double precision, with arrays that are exactly as long as they
// have to be, so that a read or a write next to them is seen.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#ifndef FRECHET_LEVEL
#define FRECHET_LEVEL tested
#endif
#include "../../src/core/nufft/passes.hpp"

#include "../../src/core/nufft/boxes.hpp"
#include "../../src/core/nufft/modes.hpp"
#include "../../src/core/nufft/workspace.hpp"

using namespace frechet;

namespace {

int failures = 0;

void require(bool fulfilled, const char* what, int line) {
    if (fulfilled) return;
    std::printf("line %d: %s\n", line, what);
    if (++failures > 20) std::exit(1);
}
#define REQUIRE(condition) require(condition, #condition, __LINE__)

using Index = std::ptrdiff_t;

Tiling tiling_of(const std::vector<Index>& sizes, const std::vector<int>& edge_bits,
                 const std::vector<int>& column_bits) {
    Tiling tiling{};
    tiling.dimension = int(sizes.size());
    for (int a = 0; a < tiling.dimension; ++a) {
        tiling.size[a] = sizes[std::size_t(a)];
        tiling.edge_bits[a] = edge_bits[std::size_t(a)];
        tiling.column_bits[a] = column_bits[std::size_t(a)];
        tiling.tiles[a] = (tiling.size[a] + tiling.edge(a) - 1) / tiling.edge(a);
    }
    return tiling;
}

// Points in all places that matter: anywhere, on grid points and tiles' edges, at the period, far away, all in one.
std::vector<double> coordinates(std::mt19937_64& random, Index count, Index size, double period, int kind) {
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<double> x(static_cast<std::size_t>(count));
    for (double& value : x) {
        double u = uniform(random);
        if (kind == 0) value = 3 * period * u;
        if (kind == 1) value = std::floor(u * double(size)) * (period / double(size));
        if (kind == 2) value = 0.3 * period + 1e-3 * u * period / double(size);
        if (kind == 3) value = std::nextafter(period * std::floor(3 * u), u > 0 ? 1e9 : -1e9);
    }
    if (kind == 0 && count > 4) x[0] = 0, x[1] = period, x[2] = -period, x[3] = 1e300, x[4] = -5e-324;
    return x;
}

template <class R>
Passes<R> only_place() {
    Passes<R> passes{};
    passes.place = FRECHET_LEVEL::place_points<R>;
    return passes;
}

// Points, and the memory that they are sorted in: not a byte more than they ask for.
template <class R>
struct Sorted {
    Sorted(const Coordinates* x, Index count, const double* period, const Tiling& tiling, int threads)
        : room(new char[PointsMemory<R>::room(count, tiling)]),
          points(x, count, period, tiling, PointsMemory<R>::in(room.get(), count, tiling), only_place<R>(), threads) {}

    std::unique_ptr<char[]> room;
    Points<R> points;
};

// The factor of a point and a grid point along an axis, which is the kernel's derivative of order n, and a bound of
// the terms that it is summed from, to which rounding is relative.
struct Factor {
    double value, bound;
};

template <class R>
Factor factor(const SpreadingKernel<R>& kernel, int panel, double s, double scale, int n) {
    Factor sum{0, 0};
    for (int p = n; p <= kernel.degree; ++p) {
        double c = double(kernel.coefficients[(kernel.degree - p) * max_width + panel]) * std::pow(scale, n);
        for (int k = 0; k < n; ++k) c *= p - k;
        sum.value += c * std::pow(s, p - n);
        sum.bound += std::abs(c);
    }
    return sum;
}

template <class R, int parts, int d, int order>
struct PassTest {
    static constexpr int components = components_of(d, order);

    void run(const std::vector<Index>& sizes, const std::vector<int>& edge_bits, const std::vector<int>& column_bits,
             int width, Index count, int kind, int threads) {
        std::mt19937_64 random(std::uint64_t(width * 1000 + kind * 100 + count));
        std::uniform_real_distribution<double> uniform(-1, 1);
        Tiling tiling = tiling_of(sizes, edge_bits, column_bits);
        double period[max_dimension] = {2.0, 3.0, 0.7};
        std::vector<std::vector<double>> x;
        Coordinates given[max_dimension];
        for (int a = 0; a < d; ++a) {
            x.push_back(coordinates(random, count, sizes[std::size_t(a)], period[a], kind));
            given[a] = {x.back().data(), 1, false};
        }
        const Sorted<R> sorted(given, count, period, tiling, threads);
        const Points<R>& points = sorted.points;
        REQUIRE(points.not_finite() == -1 && points.count() == count);

        const int degree = 4;
        std::vector<R> table(std::size_t((degree + 1) * max_width));
        for (int p = 0; p <= degree; ++p)
            for (int j = 0; j < width; ++j) table[std::size_t(p * max_width + j)] = R(uniform(random));
        SpreadingKernel<R> kernel{width, degree, table.data()};
        Passes<R> passes{};
        passes.interpolate[parts - 1][d - 1][order] = FRECHET_LEVEL::Chooser<R, parts, d, order, false>::call;
        passes.spread[parts - 1][d - 1][order] = FRECHET_LEVEL::Chooser<R, parts, d, order, true>::call;
        passes.add = FRECHET_LEVEL::add_reals<R>;

        Index total = parts;
        for (Index n : sizes) total *= n;
        std::vector<R> grid(static_cast<std::size_t>(total)), spread(static_cast<std::size_t>(total), R(1));
        std::vector<R> values(std::size_t(count * components * parts)), strengths(values.size());
        for (R& g : grid) g = R(uniform(random));
        for (R& c : strengths) c = R(uniform(random));
        BoxPasses<R>(points, kernel, parts, order, values.data()).interpolate(passes, grid.data(), threads);
        BoxPasses<R>(points, kernel, parts, order, strengths.data()).spread(passes, spread.data(), threads);

        std::vector<double> expected(std::size_t(total), 1.0), size_of_terms(std::size_t(total), 1.0);
        double scales[max_dimension];
        for (int a = 0; a < d; ++a) scales[a] = -2.0 * double(sizes[std::size_t(a)]) / period[a];
        const double rounding = 8 * double(std::numeric_limits<R>::epsilon());
        for (Index tile = 0; tile < tiling.count(); ++tile) {
            for (Index j = points.start(tile); j < points.start(tile + 1); ++j)
                one_point(points, tile, j, kernel, scales, grid, values, strengths, expected, size_of_terms, rounding);
        }
        for (std::size_t k = 0; k < expected.size(); ++k)
            REQUIRE(std::abs(double(spread[k]) - expected[k]) <= rounding * size_of_terms[k]);
    }

    // Compares the interpolated components of a sorted point, and adds what it spreads to `expected`.
    void one_point(const Points<R>& points, Index tile, Index j, const SpreadingKernel<R>& kernel,
                   const double* scales, const std::vector<R>& grid, const std::vector<R>& values,
                   const std::vector<R>& strengths, std::vector<double>& expected, std::vector<double>& terms,
                   double rounding) {
        const Tiling& tiling = points.tiling();
        const int width = kernel.width;
        Index corner[max_dimension] = {}, first[max_dimension] = {}, t = tile;
        for (int a = d - 1; a >= 0; --a) corner[a] = t % tiling.tiles[a] * tiling.edge(a), t /= tiling.tiles[a];
        std::vector<Factor> factors[max_dimension];
        for (int a = 0; a < d; ++a) {
            R position = points.positions(j)[a], start = std::ceil(position - R(width) / 2);
            R s = 2 * (start - position + R(width) / 2) - 1;
            first[a] = corner[a] + Index(start);
            for (int n = 0; n <= order; ++n)
                for (int q = 0; q < width; ++q) factors[a].push_back(factor(kernel, q, double(s), scales[a], n));
        }
        const Index point = points.index(j)[0];
        Index cells = 1;
        for (int a = 0; a < d; ++a) cells *= width;
        int k = 0;
        for (int level = 0; level <= order; ++level)
            for (int z = (d == 3 ? level : 0); z >= 0; --z)
                for (int y = d > 1 ? level - z : 0; y >= 0; --y) {
                    const int x = level - z - y;
                    const int orders[3] = {z, y, x};
                    double sums[2] = {0, 0}, sizes[2] = {0, 0};
                    for (Index cell = 0; cell < cells; ++cell) {
                        Index rest = cell, at[max_dimension] = {}, place = 0;
                        for (int a = d - 1; a >= 0; --a) at[a] = rest % width, rest /= width;
                        double f = 1, bound = 1;
                        for (int a = 0; a < d; ++a) {
                            const Factor& along = factors[a][std::size_t(orders[3 - d + a] * width + at[a])];
                            f *= along.value, bound *= along.bound;
                            Index wrapped = (first[a] + at[a]) % tiling.size[a];
                            place = place * tiling.size[a] + (wrapped < 0 ? wrapped + tiling.size[a] : wrapped);
                        }
                        for (int part = 0; part < parts; ++part) {
                            std::size_t entry = std::size_t(place * parts + part);
                            double c = double(strengths[std::size_t((point * components + k) * parts + part)]);
                            sums[part] += f * double(grid[entry]);
                            sizes[part] += bound;
                            expected[entry] += f * c;
                            terms[entry] += bound;
                        }
                    }
                    for (int part = 0; part < parts; ++part)
                        REQUIRE(std::abs(double(values[std::size_t((point * components + k) * parts + part)]) -
                                         sums[part]) <= rounding * sizes[part]);
                    ++k;
                }
        REQUIRE(k == components);
    }

    static void all(const std::vector<int>& widths, const std::vector<int>& threads) {
        for (int width : widths)
            for (int count_of_threads : threads)
                for (int kind = 0; kind < 4; ++kind) {
                    PassTest test;
                    const Index count = 40 + 7 * kind;
                    if (d == 1) {
                        test.run({67}, {4}, {0}, width, count, kind, count_of_threads);
                        test.run({3}, {10}, {0}, width, count, kind, count_of_threads);
                    } else if (d == 2) {
                        test.run({19, 37}, {3, 4}, {1, 0}, width, count, kind, count_of_threads);
                        test.run({5, 2}, {4, 6}, {0, 0}, width, count, kind, count_of_threads);
                    } else {
                        test.run({9, 11, 18}, {2, 3, 3}, {1, 2, 0}, width, count, kind, count_of_threads);
                        test.run({2, 1, 4}, {4, 4, 4}, {2, 2, 0}, width, count, kind, count_of_threads);
                    }
                }
    }
};

template <class R, int parts>
void test_passes(const std::vector<int>& widths, const std::vector<int>& threads) {
    PassTest<R, parts, 1, 2>::all(widths, threads);
    PassTest<R, parts, 2, 0>::all(widths, threads);
    PassTest<R, parts, 2, 2>::all(widths, threads);
    PassTest<R, parts, 3, 1>::all(widths, threads);
    PassTest<R, parts, 3, 2>::all(widths, threads);
}

// So many points that all threads sort, in tiles so full that they are shared out.
void test_many_points(int threads) {
    const Index count = 60000;
    for (int kind : {0, 2}) PassTest<double, 2, 1, 0>().run({67}, {4}, {0}, 3, count, kind, threads);
}

void test_points_that_are_not_finite() {
    for (Index count : {Index(5), Index(50000)})
        for (double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
            std::vector<double> x(static_cast<std::size_t>(count), 0.5);
            x[std::size_t(count - 2)] = bad;
            x[std::size_t(count - 1)] = bad;
            double period = 1;
            Coordinates given{x.data(), 1, false};
            const Sorted<double> sorted(&given, count, &period, tiling_of({20}, {3}, {0}), 4);
            REQUIRE(sorted.points.not_finite() == count - 2);
        }
    double period = 1;
    Coordinates none{nullptr, 1, true};
    const Sorted<float> sorted(&none, 0, &period, tiling_of({20}, {3}, {0}), 4);
    REQUIRE(sorted.points.count() == 0 && sorted.points.not_finite() == -1 && sorted.points.start(3) == 0);
}

template <class R>
void test_modes(int threads) {
    struct Case {
        std::vector<Index> modes, grid;
        bool fft_order, halved;
    };
    const std::vector<Case> cases = {{{1}, {1}, false, false},        {{4}, {4}, true, false},
                                     {{5}, {12}, false, false},       {{3}, {4}, false, true},
                                     {{4, 7}, {9, 8}, true, false},   {{5, 3}, {6, 3}, false, true},
                                     {{2, 3, 4}, {4, 3, 9}, true, false}, {{1, 6, 2}, {1, 8, 5}, true, true},
                                     {{300, 200}, {320, 256}, false, false}};
    for (const Case& c : cases) {
        const int d = int(c.modes.size());
        ModeAxis axes[max_dimension];
        std::vector<std::vector<double>> factors;
        for (Index n : c.modes) {
            factors.emplace_back();
            for (Index k = 0; k < n; ++k) factors.back().push_back(1 + double(k));
        }
        Index total = 2, all = 2;
        for (int a = 0; a < d; ++a) {
            axes[a] = {c.modes[std::size_t(a)], c.grid[std::size_t(a)], c.fft_order, c.halved && a == d - 1,
                       factors[std::size_t(a)].data()};
            total *= axes[a].n, all *= axes[a].size;
        }
        std::vector<R> modes(static_cast<std::size_t>(total)), grid(static_cast<std::size_t>(all), R(7)), back(modes.size(), R(5));
        for (std::size_t k = 0; k < modes.size(); ++k) modes[k] = R(1 + k % 1000);
        move_modes(axes, d, modes.data(), grid.data(), true, threads);
        move_modes(axes, d, back.data(), grid.data(), false, threads);
        double sum_of_grid = 0, expected = 0;
        for (R g : grid) sum_of_grid += double(g);
        for (Index k = 0; k < total; ++k) {
            Index rest = k / 2;
            double f = 1;
            for (int a = d - 1; a >= 0; --a) {
                Index place = rest % axes[a].n;
                rest /= axes[a].n;
                if (axes[a].fft_order && !axes[a].halved)
                    place = (place + axes[a].negative()) % axes[a].n;
                f *= factors[std::size_t(a)][std::size_t(place)];
            }
            expected += f * double(modes[std::size_t(k)]);
            REQUIRE(std::abs(double(back[std::size_t(k)]) - f * f * double(modes[std::size_t(k)])) <=
                    1e-5 * f * f * 1000);
        }
        REQUIRE(std::abs(sum_of_grid - expected) <= 1e-5 * std::abs(expected));
    }
}

void test_workspaces() {
    Workspaces all;
    Workspaces::Block first = all.take(100), large = all.take((std::size_t(1) << 21) + 1), none = all.take(0);
    REQUIRE(first.data != nullptr && first.bytes >= 100 && large.bytes == std::size_t(1) << 22 && none.bytes > 0);
    for (const Workspaces::Block& block : {first, large, none})
        for (std::size_t k = 0; k < block.bytes; k += 512) static_cast<char*>(block.data)[k] = 1;
    void* place = large.data;
    all.give_back(first);
    all.give_back(large);
    all.give_back(none);
    REQUIRE(all.kept() == first.bytes + large.bytes + none.bytes);
    Workspaces::Block again = all.take(std::size_t(1) << 21);
    REQUIRE(again.data == place);
    all.give_back(again);
    REQUIRE(all.take(std::numeric_limits<std::size_t>::max()).data == nullptr);
    all.clear();
    REQUIRE(all.kept() == 0);
}

void test_sharing() {
    for (int threads : {1, 2, 7})
        for (Index count : {Index(0), Index(1), Index(1000)}) {
            std::vector<int> seen(static_cast<std::size_t>(count), 0);
            share(threads, count, [&](int, Index item) { ++seen[std::size_t(item)]; });
            for (int times : seen) REQUIRE(times == 1);
        }
    bool thrown = false;
    try {
        share(4, 100, [](int, Index item) {
            if (item % 10 == 3) throw std::runtime_error("an item");
        });
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    REQUIRE(thrown);
    SpinLock lock;
    Index sum = 0;
    share(4, 5000, [&](int, Index item) {
        lock.lock();
        sum += item;
        lock.unlock();
    });
    REQUIRE(sum == Index(5000) * 4999 / 2);
}

}  // namespace

int main() {
    const std::vector<int> widths = {1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16}, few = {4, 7};
#ifdef THREADS_ALONE
    (void)widths;
#else
    test_passes<float, 2>(widths, {1});
    test_passes<double, 1>(widths, {1});
    PassTest<float, 1, 3, 1>::all(widths, {1});
    PassTest<double, 2, 1, 1>::all(widths, {1});
    PassTest<double, 2, 3, 1>::all(widths, {1});
#endif
    PassTest<double, 2, 1, 0>::all(few, {4});
    PassTest<double, 2, 2, 1>::all(few, {4});
    PassTest<double, 1, 3, 0>::all(few, {4});
    test_many_points(4);
    test_points_that_are_not_finite();
    test_modes<double>(1);
    test_modes<float>(4);
    test_workspaces();
    test_sharing();
    if (failures == 0) std::printf("all right\n");
    return failures != 0;
}
