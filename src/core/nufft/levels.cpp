// The passes for one instruction set: this file is compiled once for each, with its name as FRECHET_LEVEL.
#include "passes.hpp"

namespace frechet {
namespace FRECHET_LEVEL {

extern const PassLevel pass_level;
const PassLevel pass_level = {all_passes<float>(), all_passes<double>()};

}  // namespace FRECHET_LEVEL
}  // namespace frechet
