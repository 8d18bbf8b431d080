// Python functions that XLA calls.
#pragma once

#include <nanobind/nanobind.h>

namespace frechet::xla {

void define_callback(nanobind::module_& m, nanobind::dict targets);

}  // namespace frechet::xla
