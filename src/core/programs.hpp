// Programs for polynomials of a matrix, as Python hands them over: see types.hpp for what they are.
#pragma once

#include "arrays.hpp"
#include "types.hpp"

namespace frechet {

// The table of programs for polynomials, as numbers: how many of them are for double and for single precision;
// then for each program its order, two limits and number of products, the operands of each product and the
// result.  An operand that is a step is 0 and its number; a combination is the count of its coefficients and
// these.
inline Programs read_programs(const Array& table) {
    table.require(table.type() == Type::d && table.ndim() == 1, "be a vector of float64");
    table.require_contiguous();
    const double* next = table.data<const double>();
    const double* end = next + table.size();
    auto number = [&] {
        table.require(next < end, "not end early");
        return *next++;
    };
    auto integer = [&](int least, int most) {
        double x = number();
        table.require(x >= least && x <= most, "have counts in range");
        return int(x);
    };
    auto combination = [&](int count) {
        Combination c{count, {}};
        for (int j = 0; j < count; ++j) c.coefficient[j] = number();
        return c;
    };
    auto operand = [&](int steps) {
        int count = integer(0, steps);
        if (count == 0) return Operand{integer(0, steps - 1), {}};
        return Operand{-1, combination(count)};
    };
    Programs programs{};
    for (int& count : programs.count) count = integer(1, max_programs);
    int all = programs.count[0] > programs.count[1] ? programs.count[0] : programs.count[1];
    for (int i = 0; i < all; ++i) {
        Program& program = programs.program[i];
        program.order = integer(1, 100);
        for (double& limit : program.limit) limit = number();
        table.require(program.limit[0] > 0 && program.limit[1] > 0, "have positive limits");
        program.products = integer(1, max_products);
        for (int k = 0; k < program.products; ++k) {
            program.left[k] = operand(k + 1);
            program.right[k] = operand(k + 1);
        }
        program.result = combination(integer(1, program.products));
    }
    return programs;
}

}  // namespace frechet
