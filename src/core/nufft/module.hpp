// What the module's entry point needs of the nonuniform transforms.
#pragma once

#include <nanobind/nanobind.h>

namespace frechet {

void define_nufft(nanobind::module_& m);

}  // namespace frechet
