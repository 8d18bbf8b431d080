// Linear algebra of small matrices that XLA calls.
#pragma once

#include <nanobind/nanobind.h>

namespace frechet::xla {

void define_linalg(nanobind::module_& m, nanobind::dict targets);

}  // namespace frechet::xla
