// Colours for the columns of a sparse matrix, so that the columns of one colour can be found together from one
// product with the matrix.  Both algorithms are greedy: columns come one after the other, each takes the least
// colour that no column before it forbids.  Curtis, Powell & Reid, J. Inst. Math. Appl. 13:117, 1974;
// Gebremedhin, Manne & Pothen, SIAM Review 47:629, 2005, algorithms 3.1 and 4.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace frechet {

// Rows or columns of a pattern: what row i has is index[start[i]] to index[start[i + 1]].
struct Neighbors {
    const std::int32_t* start;
    const std::int32_t* index;

    template <class Visit>
    void of(std::int32_t i, Visit&& visit) const {
        for (std::int32_t k = start[i]; k < start[i + 1]; ++k) visit(index[k]);
    }
};

class Colors {
public:
    Colors(std::int32_t count, std::int32_t* color) : color_(color), forbidden_(std::size_t(count) + 1, -1) {
        for (std::int32_t j = 0; j < count; ++j) color[j] = -1;
    }

    bool has(std::int32_t j) const { return color_[j] >= 0; }
    bool same(std::int32_t j, std::int32_t k) const { return color_[j] == color_[k]; }
    // The colour of j, if it has one, is not for the column that is coloured next, v.
    void forbid(std::int32_t j, std::int32_t v) {
        if (has(j)) forbidden_[std::size_t(color_[j])] = v;
    }
    void give(std::int32_t v) {
        std::int32_t c = 0;
        while (forbidden_[std::size_t(c)] == v) ++c;
        color_[v] = c;
        if (c >= used_) used_ = c + 1;
    }
    std::int32_t used() const { return used_; }

private:
    std::int32_t* color_;
    std::vector<std::int32_t> forbidden_;  // for each colour the last column that it was forbidden for
    std::int32_t used_ = 0;
};

// No two columns with an entry in the same row have the same colour.  Gives the number of colours.
inline std::int32_t color_columns(const Neighbors& rows, const Neighbors& columns, std::int32_t count,
                                  std::int32_t* color) {
    Colors colors(count, color);
    for (std::int32_t v = 0; v < count; ++v) {
        columns.of(v, [&](std::int32_t i) { rows.of(i, [&](std::int32_t j) { colors.forbid(j, v); }); });
        colors.give(v);
    }
    return colors.used();
}

// For a symmetric pattern: neighbours have different colours, and every path of four columns has at least three.
// Then each entry (i, j) is alone in row i among those of the colour of j, or in row j among those of i's.
inline std::int32_t color_star(const Neighbors& neighbors, std::int32_t count, std::int32_t* color) {
    Colors colors(count, color);
    for (std::int32_t v = 0; v < count; ++v) {
        neighbors.of(v, [&](std::int32_t w) {
            if (w == v) return;
            colors.forbid(w, v);
            neighbors.of(w, [&](std::int32_t x) {
                if (x == v || x == w || !colors.has(x)) return;
                if (!colors.has(w)) {  // v, w, x: w may get any colour, so v and x must differ
                    colors.forbid(x, v);
                    return;
                }
                bool two = false;  // whether a path v, w, x, y would have the two colours of w and x
                neighbors.of(x, [&](std::int32_t y) { two |= y != w && y != x && colors.same(y, w); });
                if (two) colors.forbid(x, v);
            });
        });
        colors.give(v);
    }
    return colors.used();
}

}  // namespace frechet
