// frechet._xla: functions that XLA calls.  Built where the headers of XLA's foreign functions are found; the kernels
// are those of frechet._core.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "../dispatch.hpp"
#include "callback.hpp"
#include "linalg.hpp"
#include "nufft.hpp"

namespace nb = nanobind;

namespace frechet {

namespace {

const Chosen* chosen = nullptr;

void take_kernels() {
    nb::object capsule = nb::module_::import_("frechet._core").attr("kernels");
    auto* all = static_cast<const Chosen*>(PyCapsule_GetPointer(capsule.ptr(), chosen_capsule));
    if (all == nullptr) throw nb::python_error();
    if (all->bytes != bytes_of_tables)
        throw nb::import_error("frechet._xla and frechet._core are of different builds; install frechet anew");
    chosen = all;
}

}  // namespace

const Level& level() { return *chosen->level; }
const PassLevel& pass_level() { return *chosen->pass_level; }

}  // namespace frechet

NB_MODULE(_xla, m) {
    frechet::take_kernels();
    nb::set_leak_warnings(false);
    nb::dict targets;
    frechet::xla::define_callback(m, targets);
    frechet::xla::define_linalg(m, targets);
    frechet::xla::define_nufft(m, targets);
    m.attr("targets") = targets;
}
