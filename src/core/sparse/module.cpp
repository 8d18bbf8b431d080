// The kernels for sparse matrices: checks of arguments, and their entry into the module.
#include "module.hpp"

#include "../arrays.hpp"
#include "../blas.hpp"
#include "../types.hpp"
#include "coloring.hpp"
#include "selected_inverse.hpp"

namespace frechet {
namespace {

using Index = std::ptrdiff_t;

// A triangular factor in compressed form, n columns or rows of it.
template <class T>
Compressed<T> compressed(const Array& value, const Integers& index, const Integers& start, Index n) {
    value.require(value.ndim() == 1 && value.size() == index.size(), "be a vector as long as its indices");
    value.require_contiguous();
    start.require(start.size() == n + 1 && start.data()[0] == 0 && start.data()[n] == index.size(),
                  "begin with 0 and end with the number of values");
    for (Index j = 0; j < n; ++j) start.require(start.data()[j] <= start.data()[j + 1], "not decrease");
    index.require_below(n);
    return {start.data(), index.data(), value.data<const T>()};
}

void selected(nb::handle l, nb::handle l_index, nb::handle l_start, nb::handle u, nb::handle u_index, nb::handle u_start,
              nb::handle i, nb::handle j, nb::handle z) {
    Array L(l, "selected_inverse: L"), U(u, "selected_inverse: U"), Z(z, "selected_inverse: Z", true);
    Integers L_index(l_index, "selected_inverse: L_indices"), L_start(l_start, "selected_inverse: L_indptr"),
        U_index(u_index, "selected_inverse: U_indices"), U_start(u_start, "selected_inverse: U_indptr"),
        rows(i, "selected_inverse: rows"), columns(j, "selected_inverse: columns");
    U.require_type(L);
    Z.require_type(L);
    Z.require_contiguous();
    L.require(L.type() == Type::d || L.type() == Type::D, "have dtype float64 or complex128");
    const Index n = L_start.size() - 1, count = rows.size();
    L_start.require(n >= 0, "begin with 0");
    Z.require(Z.ndim() == 1 && Z.size() == count && columns.size() == count, "be as long as rows and columns");
    rows.require_below(n);
    columns.require_below(n);
    auto run_for = [&](auto number, Gemm<double> gemm) {
        using T = decltype(number);
        auto lower = compressed<T>(L, L_index, L_start, n), upper = compressed<T>(U, U_index, U_start, n);
        nb::gil_scoped_release others;
        selected_inverse<T>(std::int32_t(n), lower, upper, rows.data(), columns.data(), count, Z.data<T>(), gemm);
    };
    if (L.type() == Type::d) run_for(double(), gemm<Entry<double, false>>());
    else run_for(std::complex<double>(), gemm<Entry<double, true>>());
}

// The rows or the columns of a pattern, checked.
Neighbors neighbors(const Integers& start, const Integers& index, Index others) {
    start.require(start.size() >= 1 && start.data()[0] == 0 && start.data()[start.size() - 1] == index.size(),
                  "begin with 0 and end with the number of indices");
    for (Index i = 0; i + 1 < start.size(); ++i) start.require(start.data()[i] <= start.data()[i + 1], "not decrease");
    index.require_below(others);
    return {start.data(), index.data()};
}

int columns_colored(nb::handle row_start, nb::handle row_index, nb::handle column_start, nb::handle column_index,
                    nb::handle c) {
    Integers rows(row_start, "color_columns: row_indptr"), in_row(row_index, "color_columns: row_indices"),
        columns(column_start, "color_columns: column_indptr"), in_column(column_index, "color_columns: column_indices");
    Integers colors(c, "color_columns: colors", true);
    const Index m = rows.size() - 1, n = columns.size() - 1;
    Neighbors along = neighbors(rows, in_row, n), down = neighbors(columns, in_column, m);
    colors.require(colors.size() == n, "be as many as the columns");
    nb::gil_scoped_release others;
    return color_columns(along, down, std::int32_t(n), colors.data());
}

int star_colored(nb::handle start, nb::handle index, nb::handle c) {
    Integers rows(start, "color_star: indptr"), in_row(index, "color_star: indices");
    Integers colors(c, "color_star: colors", true);
    const Index n = rows.size() - 1;
    Neighbors all = neighbors(rows, in_row, n);
    colors.require(colors.size() == n, "be as many as the columns");
    nb::gil_scoped_release others;
    return color_star(all, std::int32_t(n), colors.data());
}

}  // namespace

void define_sparse(nb::module_& m) {
    using nb::arg;
    m.def("selected_inverse", &selected, arg("L"), arg("L_indices"), arg("L_indptr"), arg("U"), arg("U_indices"),
          arg("U_indptr"), arg("rows"), arg("columns"), arg("Z"),
          "Z[k] = (L U)⁻¹[rows[k], columns[k]]; L (unit lower) by columns, U by rows.");
    m.def("color_columns", &columns_colored, arg("row_indptr"), arg("row_indices"), arg("column_indptr"),
          arg("column_indices"), arg("colors"), "Colours in which no row has two columns alike; how many they are.");
    m.def("color_star", &star_colored, arg("indptr"), arg("indices"), arg("colors"),
          "A star colouring of a symmetric pattern; how many colours it has.");
}

}  // namespace frechet
