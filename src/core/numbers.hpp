// Single real and complex numbers, for algorithms that take one matrix after the other.
#pragma once

#include "level.hpp"
#include "types.hpp"

namespace frechet::FRECHET_LEVEL {

template <class R>
struct Complex {
    R re, im = 0;

    friend Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
    friend Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
    friend Complex operator-(Complex a) { return {-a.re, -a.im}; }
    friend Complex operator*(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
    friend Complex operator*(R a, Complex b) { return {a * b.re, a * b.im}; }
    Complex& operator+=(Complex b) { return *this = *this + b; }
    Complex& operator-=(Complex b) { return *this = *this - b; }
};

template <class E, bool = E::is_complex>
struct NumberType {
    using type = typename E::R;
};
template <class E>
struct NumberType<E, true> {
    using type = Complex<typename E::R>;
};

// An entry of a matrix.
template <class E>
using Number = typename NumberType<E>::type;

template <class R>
constexpr R epsilon_of = sizeof(R) == 8 ? R(2.220446049250313e-16) : R(1.1920929e-7);
template <class R>
constexpr R least_of = sizeof(R) == 8 ? R(2.2250738585072014e-308) : R(1.17549435e-38);  // that is normal
template <class S>
inline void swap(S& a, S& b) {
    S t = a;
    a = b;
    b = t;
}

template <class R>
inline R real(R a) {
    return a;
}
template <class R>
inline R real(Complex<R> a) {
    return a.re;
}
template <class R>
inline R imaginary(R) {
    return 0;
}
template <class R>
inline R imaginary(Complex<R> a) {
    return a.im;
}

template <class R>
inline R conjugate_of(R a) {
    return a;
}
template <class R>
inline Complex<R> conjugate_of(Complex<R> a) {
    return {a.re, -a.im};
}

template <class R>
inline R square_of(R a) {
    return a * a;
}
template <class R>
inline R square_of(Complex<R> a) {
    return a.re * a.re + a.im * a.im;
}

template <class S>
inline bool is_zero(S a) {
    return real(a) == 0 && imaginary(a) == 0;
}

// |a|, or |re| + |im|.
template <class R>
inline R size_of_number(R a) {
    return absolute(a);
}
template <class R>
inline R size_of_number(Complex<R> a) {
    return absolute(a.re) + absolute(a.im);
}

template <class R>
inline R inverse_of(R a) {
    return 1 / a;
}
template <class R>
inline Complex<R> inverse_of(Complex<R> a) {
    R scale = 1 / size_of_number(a);  // first, so that no square overflows
    R re = a.re * scale, im = a.im * scale, factor = scale / (re * re + im * im);
    return {re * factor, -im * factor};
}

// √(x² + y²) without overflow of the squares.
template <class R>
inline R hypotenuse(R x, R y) {
    R a = larger(absolute(x), absolute(y)), b = smaller(absolute(x), absolute(y));
    if (a == 0) return 0;
    R q = b / a;
    return a * square_root(1 + q * q);
}

// The square root with a real part that is not negative.
template <class R>
inline Complex<R> root_of(Complex<R> a) {
    if (is_zero(a)) return a;
    R half = square_root(R(0.5) * (absolute(a.re) + hypotenuse(a.re, a.im)));
    if (a.re >= 0) return {half, R(0.5) * a.im / half};
    return {R(0.5) * absolute(a.im) / half, a.im < 0 ? -half : half};
}

// A power of two that makes numbers of a size that is extreme moderate, so that no square of the largest of them
// overflows or loses digits; 1 for other sizes.
template <class R>
inline R unit_for(R size) {
    constexpr R extreme = sizeof(R) == 8 ? R(1e120) : R(1e12);
    constexpr int most = sizeof(R) == 8 ? 1000 : 120;
    if ((size < extreme && size * extreme > 1) || !(size > 0)) return 1;
    int exponent = 0;
    (void)__builtin_frexp(double(size), &exponent);
    return R(__builtin_ldexp(1.0, -larger(-most, smaller(most, exponent))));
}

}  // namespace frechet::FRECHET_LEVEL
