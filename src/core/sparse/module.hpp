// What the module's entry point needs of the kernels for sparse matrices.
#pragma once

#include <nanobind/nanobind.h>

namespace frechet {

void define_sparse(nanobind::module_& m);

}  // namespace frechet
