// The kernels for one instruction set: this file is compiled once for each, with its name as FRECHET_LEVEL.
#include "cholesky.hpp"
#include "expm.hpp"
#include "expm_blas.hpp"
#include "kronecker.hpp"
#include "level.hpp"
#include "lu.hpp"
#include "product.hpp"
#include "root.hpp"
#include "schur.hpp"
#include "sylvester.hpp"
#include "types.hpp"

namespace frechet {
namespace FRECHET_LEVEL {

template <class E>
constexpr Kernels<E> kernels = {
    sylvester_room<E>,
    sylvester<E>,
    schur_room<E>,
    schur<E>,
    root_room<E>,
    root<E>,
    product_room<E>,
    product<E>,
    sandwich_room<E>,
    sandwich<E>,
    lu_room<E>,
    lu_factor<E>,
    lu_solve<E>,
    inverse<E>,
    cholesky_room<E>,
    cholesky<E>,
    cholesky_derivative<E>,
    expm_room<E>,
    expm<E>,
    expm_frechet<E>,
    expm_plan_room<E>,
    expm_plan<E>,
    expm_kept<E>,
    expm_value<E>,
    expm_derivative_room<E>,
    expm_derivative<E>,
    kronecker_room<E>,
    kronecker<E>,
};

extern const Level level;
const Level level = {
    kernels<Entry<float, false>>,
    kernels<Entry<double, false>>,
    kernels<Entry<float, true>>,
    kernels<Entry<double, true>>,
};

}  // namespace FRECHET_LEVEL
}  // namespace frechet
