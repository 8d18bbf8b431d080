// What a translation unit of kernels is compiled for.
//
// The kernels are written once, in headers, and compiled several times: levels.cpp for each level of the
// x86-64 instruction set (v2: SSE 4.2, v3: AVX2 and FMA, v4: AVX-512), or once for the baseline of another
// machine.  FRECHET_LEVEL is the namespace that keeps the copies apart; module.cpp chooses one at run time.
//
// Nothing here may use templates of the standard library: the linker keeps one copy of each, and that copy
// may be the one compiled for instructions that the machine does not have.
#pragma once

#ifndef FRECHET_LEVEL
#error "FRECHET_LEVEL is the namespace of the instruction set that this file is compiled for"
#endif

#include <cstddef>
#include <cstdint>

namespace frechet::FRECHET_LEVEL {

using Index = std::ptrdiff_t;

#if defined(__AVX512F__)
constexpr int register_bytes = 64;
constexpr int registers = 32;
#elif defined(__AVX__)
constexpr int register_bytes = 32;
constexpr int registers = 16;
#else  // SSE, NEON
constexpr int register_bytes = 16;
constexpr int registers = 16;
#endif

// The number of elements of a real type in a register.
template <class R>
constexpr int lanes = register_bytes / int(sizeof(R));

template <class R, int count>
struct VectorOf {
    typedef R type __attribute__((vector_size(count * sizeof(R))));
    typedef R unaligned __attribute__((vector_size(count * sizeof(R)), aligned(alignof(R)), may_alias));
};

// A register full of numbers of a real type; the operators of the language act on all of them.
template <class R>
using Vector = typename VectorOf<R, lanes<R>>::type;

template <class V, class R>
inline V load(const R* p) {
    return *reinterpret_cast<const typename VectorOf<R, sizeof(V) / sizeof(R)>::unaligned*>(p);
}

template <class V, class R>
inline void store(R* p, V v) {
    *reinterpret_cast<typename VectorOf<R, sizeof(V) / sizeof(R)>::unaligned*>(p) = v;
}

template <class S>
constexpr S larger(S a, S b) {
    return a < b ? b : a;
}

template <class S>
constexpr S smaller(S a, S b) {
    return b < a ? b : a;
}

inline float square_root(float x) { return __builtin_sqrtf(x); }
inline double square_root(double x) { return __builtin_sqrt(x); }
inline float absolute(float x) { return __builtin_fabsf(x); }
inline double absolute(double x) { return __builtin_fabs(x); }

}  // namespace frechet::FRECHET_LEVEL
