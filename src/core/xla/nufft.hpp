// Passes over nonuniform points that XLA calls.
#pragma once

#include <nanobind/nanobind.h>

namespace frechet::xla {

void define_nufft(nanobind::module_& m, nanobind::dict targets);

}  // namespace frechet::xla
