// Which of the compiled sets of kernels is used.
#pragma once

#include "nufft/pass.hpp"
#include "types.hpp"

namespace frechet {

// Chooses the best level that the processor has, or the one named, if it has that, and returns its name.  Comes
// before everything else.
const char* choose_level(const char* name);

const Level& level();
const PassLevel& pass_level();

// What the module hands on to another one that is built with it, in a capsule of this name: the kernels that it
// has chosen, which are compiled once.
struct Chosen {
    std::size_t bytes;  // of the tables: a module that was built from other sources does not fit
    const Level* level;
    const PassLevel* pass_level;
};
constexpr std::size_t bytes_of_tables = sizeof(Level) + sizeof(PassLevel);
constexpr const char* chosen_capsule = "frechet._core.kernels";

template <class E>
const Kernels<E>& kernels() {
    if constexpr (E::is_complex && sizeof(typename E::R) == 8) return level().D;
    else if constexpr (E::is_complex) return level().F;
    else if constexpr (sizeof(typename E::R) == 8) return level().d;
    else return level().f;
}

}  // namespace frechet
