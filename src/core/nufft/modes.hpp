// Fourier modes and the fine grid: each mode is multiplied by a factor for each axis (the deconvolution) and
// put where its frequency stands in a discrete Fourier transform of the grid's size, or taken from there.
#pragma once

#include <algorithm>
#include <cstddef>

#include "parallel.hpp"
#include "pass.hpp"

namespace frechet {

// An axis: n modes with frequencies −⌊n/2⌋ .. ⌈n/2⌉ − 1, in this order or (fft_order) from 0 on and then the
// negative ones, among `size` of the grid.  A halved axis has the frequencies from 0 to n − 1 alone.
struct ModeAxis {
    std::ptrdiff_t n, size;
    bool fft_order, halved;
    const double* factors;  // one for each mode, in the order of the frequencies from the lowest on

    // The frequencies below 0.
    std::ptrdiff_t negative() const { return halved ? 0 : n / 2; }
    // Where the k-th mode, counted from the lowest frequency, stands among the modes and in the grid.
    std::ptrdiff_t place(std::ptrdiff_t k) const {
        if (!fft_order || halved) return k;
        return k < negative() ? k + n - negative() : k - negative();
    }
    std::ptrdiff_t in_grid(std::ptrdiff_t k) const { return k < negative() ? size + k - negative() : k - negative(); }
};

// to_grid: the grid is filled, with zeros where there is no mode; else the modes are filled.
template <class R>
void move_modes(const ModeAxis* axes, int dimension, R* modes, R* grid, bool to_grid, int threads) {
    ModeAxis all[max_dimension];  // axes of length one in front
    static constexpr double one = 1;
    for (int a = 0; a < max_dimension; ++a) {
        int axis = a - (max_dimension - dimension);
        all[a] = axis < 0 ? ModeAxis{1, 1, false, true, &one} : axes[axis];
    }
    const ModeAxis &z = all[0], &y = all[1], &x = all[2];
    // Rows of the grid, or rows of the modes: both are 2n or so reals long.
    std::ptrdiff_t rows = to_grid ? z.size * y.size : z.n * y.n;
    auto frequency = [](const ModeAxis& axis, std::ptrdiff_t place) {  // or −1
        std::ptrdiff_t k = place + axis.negative();
        if (k < axis.n) return k;
        k -= axis.size;
        return k >= 0 ? k : std::ptrdiff_t(-1);
    };
    if (rows * x.size < 1 << 16) threads = 1;
    const std::ptrdiff_t chunk = std::max<std::ptrdiff_t>(1, (1 << 14) / x.size);
    auto one_row = [&](std::ptrdiff_t row) {
        std::ptrdiff_t kz = row / (to_grid ? y.size : y.n), ky = row % (to_grid ? y.size : y.n), grid_row = row;
        if (to_grid) {
            kz = frequency(z, kz), ky = frequency(y, ky);
            if (kz < 0 || ky < 0) {
                std::fill(grid + 2 * row * x.size, grid + 2 * (row + 1) * x.size, R(0));
                return;
            }
        } else {
            grid_row = z.in_grid(kz) * y.size + y.in_grid(ky);
        }
        const double outer = z.factors[kz] * y.factors[ky];
        R* mode_row = modes + 2 * (z.place(kz) * y.n + y.place(ky)) * x.n;
        R* to = grid + 2 * grid_row * x.size;
        auto run = [&](std::ptrdiff_t first, std::ptrdiff_t last) {
            R* m = mode_row + 2 * (first < last ? x.place(first) : 0);
            R* g = to + 2 * (first < last ? x.in_grid(first) : 0);
            for (std::ptrdiff_t k = first; k < last; ++k, m += 2, g += 2) {
                const R factor = R(outer * x.factors[k]);
                if (to_grid) g[0] = factor * m[0], g[1] = factor * m[1];
                else m[0] = factor * g[0], m[1] = factor * g[1];
            }
        };
        run(0, x.negative());
        run(x.negative(), x.n);
        if (to_grid) std::fill(to + 2 * (x.n - x.negative()), to + 2 * (x.size - x.negative()), R(0));
    };
    share(threads, (rows + chunk - 1) / chunk, [&](int, std::ptrdiff_t part) {
        for (std::ptrdiff_t row = part * chunk; row < std::min(rows, (part + 1) * chunk); ++row) one_row(row);
    });
}

}  // namespace frechet
