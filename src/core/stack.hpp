// Small matrices of a stack side by side: one in each lane of the registers.
//
// A block holds as many matrices as a register has lanes.  Its entry e is a register (two for complex numbers)
// with entry e of each of the matrices, so that any algorithm for one matrix, written for such entries, works
// on all of them at once, without a thought for shapes that do not fill a register.  Where the matrices need
// different things (pivots, numbers of squarings), a mask selects.
#pragma once

#include "level.hpp"
#include "types.hpp"

namespace frechet::FRECHET_LEVEL {

// --- numbers, one in each lane -----------------------------------------------------------------------------

template <class R>
struct ComplexVector {
    Vector<R> re, im;

    friend ComplexVector operator+(ComplexVector a, ComplexVector b) { return {a.re + b.re, a.im + b.im}; }
    friend ComplexVector operator-(ComplexVector a, ComplexVector b) { return {a.re - b.re, a.im - b.im}; }
    friend ComplexVector operator-(ComplexVector a) { return {-a.re, -a.im}; }
    friend ComplexVector operator*(ComplexVector a, ComplexVector b) {
        return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
    }
    friend ComplexVector operator*(Vector<R> a, ComplexVector b) { return {a * b.re, a * b.im}; }
    ComplexVector& operator+=(ComplexVector b) { return *this = *this + b; }
    ComplexVector& operator-=(ComplexVector b) { return *this = *this - b; }
};

template <class E, bool = E::is_complex>
struct LaneType {
    using type = Vector<typename E::R>;
};
template <class E>
struct LaneType<E, true> {
    using type = ComplexVector<typename E::R>;
};

// An entry of a block.
template <class E>
using Lane = typename LaneType<E>::type;

template <class V>
inline V conjugate(V a) {
    return a;
}
template <class R>
inline ComplexVector<R> conjugate(ComplexVector<R> a) {
    return {a.re, -a.im};
}

template <class V>
inline V magnitude_of(V a) {
    return a < 0 ? -a : a;
}

// What comparisons of registers give: all bits of a lane, or none.
template <class R>
using Mask = decltype(Vector<R>{} == Vector<R>{});

template <class V>
inline V root_of_lanes(V a) {
    V root{};
    for (int w = 0; w < int(sizeof(V) / sizeof(a[0])); ++w) root[w] = square_root(a[w]);
    return root;
}

// |a|, or for complex numbers |re| + |im|, which is as good for choosing pivots.
template <class E>
inline Vector<typename E::R> size_of_lane(Lane<E> a) {
    if constexpr (E::is_complex) return magnitude_of(a.re) + magnitude_of(a.im);
    else return magnitude_of(a);
}

template <class E>
inline Lane<E> reciprocal(Lane<E> a) {
    if constexpr (E::is_complex) {
        // divided by the larger part first, so that no square overflows (Smith's method without branches)
        auto scale = 1 / size_of_lane<E>(a);
        auto re = a.re * scale, im = a.im * scale;
        auto factor = scale / (re * re + im * im);
        return {re * factor, -im * factor};
    } else {
        return 1 / a;
    }
}

template <class V, class M>
inline V select(M mask, V a, V b) {
    return mask ? a : b;
}
template <class R, class M>
inline ComplexVector<R> select(M mask, ComplexVector<R> a, ComplexVector<R> b) {
    return {mask ? a.re : b.re, mask ? a.im : b.im};
}

template <class E>
inline Lane<E> real_lane(Vector<typename E::R> a) {
    if constexpr (E::is_complex) return {a, a - a};
    else return a;
}

template <class E>
inline Lane<E> constant_lane(typename E::R a) {
    return real_lane<E>(Vector<typename E::R>{} + a);
}

// |a|, without overflow or underflow of the square.
template <class E>
inline Vector<typename E::R> modulus(Lane<E> a) {
    if constexpr (E::is_complex) {
        using R = typename E::R;
        constexpr R least = sizeof(R) == 8 ? R(1e-290) : R(1e-30), most = sizeof(R) == 8 ? R(1e290) : R(1e30);
        auto square = a.re * a.re + a.im * a.im;
        auto root = root_of_lanes(square);
        return ((square > least) & (square < most)) ? root : size_of_lane<E>(a);  // else at most √2 |a|
    } else {
        return magnitude_of(a);
    }
}

template <class M>
inline bool any(M mask) {
    bool found = false;
    for (int w = 0; w < int(sizeof(M) / sizeof(mask[0])); ++w) found |= mask[w] != 0;
    return found;
}

// --- blocks from and to memory -----------------------------------------------------------------------------

template <int... lane>
struct Lanes {};
template <int count, int... lane>
struct LanesUpTo : LanesUpTo<count - 1, count - 1, lane...> {};
template <int... lane>
struct LanesUpTo<0, lane...> {
    using type = Lanes<lane...>;
};

// Exchanges the blocks off the diagonal of the 2h × 2h matrices that make up the rows i and i + h.
template <int h, class V, int... lane>
inline void exchange(V& a, V& b, Lanes<lane...>) {
    constexpr int count = sizeof...(lane);
    V first = __builtin_shufflevector(a, b, ((lane & h) ? count + lane - h : lane)...);
    b = __builtin_shufflevector(a, b, ((lane & h) ? count + lane : lane + h)...);
    a = first;
}

// The transpose of a square of registers, by halves, quarters, ...
template <int h, class V, int count>
inline void transpose(V (&rows)[count]) {
    if constexpr (h < count) {
        for (int i = 0; i < count; ++i)
            if (!(i & h)) exchange<h>(rows[i], rows[i + h], typename LanesUpTo<count>::type{});
        transpose<2 * h>(rows);
    }
}

// The matrices of a stack, each of `size` reals, in blocks; the last block is filled up with its last matrix.
template <class R>
struct Blocks {
    static constexpr int width = lanes<R>;
    Index count, size;

    Index blocks() const { return (count + width - 1) / width; }
    Index valid(Index block) const { return smaller<Index>(width, count - block * width); }

    void load(const R* stack, Index block, Vector<R>* to) const {
        const R* from[width];
        Index last = valid(block) - 1;
        for (Index w = 0; w < width; ++w) from[w] = stack + (block * width + smaller(w, last)) * size;
        if (size < width) {
            for (Index e = 0; e < size; ++e)
                for (int w = 0; w < width; ++w) to[e][w] = from[w][e];
            return;
        }
        for (Index e = 0; e < size; e += width) {
            Index at = smaller(e, size - width);  // the last square overlaps the one before it
            Vector<R> rows[width];
            for (int w = 0; w < width; ++w) rows[w] = frechet::FRECHET_LEVEL::load<Vector<R>>(from[w] + at);
            transpose<1>(rows);
            for (int w = 0; w < width; ++w) to[at + w] = rows[w];
        }
    }

    void store(const Vector<R>* from, Index block, R* stack) const {
        Index filled = valid(block);
        R* to = stack + block * width * size;
        if (size < width) {
            for (Index w = 0; w < filled; ++w)
                for (Index e = 0; e < size; ++e) to[w * size + e] = from[e][w];
            return;
        }
        for (Index e = 0; e < size; e += width) {
            Index at = smaller(e, size - width);
            Vector<R> rows[width];
            for (int w = 0; w < width; ++w) rows[w] = from[at + w];
            transpose<1>(rows);
            for (int w = 0; w < width; ++w)
                if (w < filled) frechet::FRECHET_LEVEL::store<Vector<R>>(to + w * size + at, rows[w]);
        }
    }
};

// The same for entries of type E, which are one or two reals each.
template <class E>
struct BlocksOf {
    using R = typename E::R;
    Blocks<R> reals;

    BlocksOf(Index count, Index entries) : reals{count, entries * E::parts} {}
    Index blocks() const { return reals.blocks(); }
    Index valid(Index block) const { return reals.valid(block); }
    // The reals of one copy of the stack, of which there are several for several directions.
    Index length() const { return reals.count * reals.size; }
    void load(const R* stack, Index block, Lane<E>* to) const {
        reals.load(stack, block, reinterpret_cast<Vector<R>*>(to));
    }
    void store(const Lane<E>* from, Index block, R* stack) const {
        reals.store(reinterpret_cast<const Vector<R>*>(from), block, stack);
    }
};

// The bytes of a number of entries of a block, and how a kernel takes them from its room.
template <class E>
constexpr std::size_t lane_bytes(Index entries) {
    return std::size_t(entries) * sizeof(Lane<E>) + register_bytes;
}

template <class E>
inline Lane<E>* take_lanes(void*& room, Index entries) {
    auto address = (reinterpret_cast<std::uintptr_t>(room) + register_bytes - 1) / register_bytes * register_bytes;
    room = reinterpret_cast<void*>(address + std::size_t(entries) * sizeof(Lane<E>));
    return reinterpret_cast<Lane<E>*>(address);
}

}  // namespace frechet::FRECHET_LEVEL
