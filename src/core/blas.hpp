// BLAS as SciPy hands it on to compiled modules: each routine in a capsule whose name is its signature in C.
// Nothing is linked; SciPy is imported when a routine is first asked for.
#pragma once

#include <nanobind/nanobind.h>

#include <cstring>
#include <string>

#include "types.hpp"

namespace frechet {

namespace nb = nanobind;

// A routine of BLAS; its signature must begin as is said, which also tells that its integers are C's.
inline void* blas_routine(const char* name, const char* signature) {
    nb::object all = nb::module_::import_("scipy.linalg.cython_blas").attr("__pyx_capi__");
    nb::object capsule = all[name];
    const char* its_own = PyCapsule_GetName(capsule.ptr());
    if (its_own == nullptr || std::strncmp(its_own, signature, std::strlen(signature)) != 0)
        throw nb::import_error((std::string("scipy.linalg.cython_blas: ") + name + " has a signature that is not " +
                                "known here: " + (its_own ? its_own : ""))
                                   .c_str());
    void* routine = PyCapsule_GetPointer(capsule.ptr(), its_own);
    if (routine == nullptr) throw nb::python_error();
    return routine;
}

// gemm for the type of entries.  The caller holds Python's lock.
template <class E>
Gemm<typename E::R> gemm() {
    static Gemm<typename E::R> routine = nullptr;
    if (routine == nullptr) {
        constexpr bool single = sizeof(typename E::R) == 4;
        const char* name = E::is_complex ? (single ? "cgemm" : "zgemm") : (single ? "sgemm" : "dgemm");
        routine =
            reinterpret_cast<Gemm<typename E::R>>(blas_routine(name, "void (char *, char *, int *, int *, int *, "));
    }
    return routine;
}

}  // namespace frechet
