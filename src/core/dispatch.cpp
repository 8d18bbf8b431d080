#include "dispatch.hpp"

#include <cstring>

namespace frechet {

namespace {

// A set of kernels with its name, and whether the processor can run it.
struct Choice {
    const char* name;
    const Level* level;
    const PassLevel* pass_level;
    bool available;
};

}  // namespace

#if defined(__x86_64__)

namespace v2 {
extern const Level level;
extern const PassLevel pass_level;
}
namespace v3 {
extern const Level level;
extern const PassLevel pass_level;
}
namespace v4 {
extern const Level level;
extern const PassLevel pass_level;
}

namespace {

Choice choose(const char* name) {
    __builtin_cpu_init();
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl");
    const Choice choices[] = {
        {"v4", &frechet::v4::level, &frechet::v4::pass_level, v4},
        {"v3", &frechet::v3::level, &frechet::v3::pass_level, v3},
        {"v2", &frechet::v2::level, &frechet::v2::pass_level, true}};
    for (const Choice& choice : choices)
        if (choice.available && (name == nullptr || std::strcmp(name, choice.name) == 0)) return choice;
    return choices[2];
}

}  // namespace

#else

namespace baseline {
extern const Level level;
extern const PassLevel pass_level;
}

namespace {

Choice choose(const char*) { return {"baseline", &baseline::level, &baseline::pass_level, true}; }

}  // namespace

#endif

namespace {

const Level* chosen = nullptr;
const PassLevel* chosen_passes = nullptr;

}  // namespace

const char* choose_level(const char* name) {
    Choice choice = choose(name);
    chosen = choice.level;
    chosen_passes = choice.pass_level;
    return choice.name;
}

const Level& level() { return *chosen; }

const PassLevel& pass_level() { return *chosen_passes; }

}  // namespace frechet
