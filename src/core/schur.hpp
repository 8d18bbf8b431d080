// Schur forms A = Z T Zᴴ of the matrices of a stack, one after the other.
//
// T is upper triangular, or for real A real and upper quasi-triangular, with blocks [a b; c a], b c < 0, for
// complex pairs of eigenvalues.  As LAPACK's gees does it for matrices of this size: rows and columns are permuted
// where that isolates eigenvalues, Householder reflections make the rest a Hessenberg matrix H, and implicitly
// shifted QR steps make its subdiagonal vanish (Golub & Van Loan, Matrix Computations, sections 7.4 and 7.5).
// Every transformation is of rows, for Z is kept as W = Zᴴ, and of columns of H: T = W A Wᴴ.
#pragma once

#include "level.hpp"
#include "numbers.hpp"
#include "types.hpp"

namespace frechet::FRECHET_LEVEL {

template <class E>
struct Schur {
    using R = typename E::R;
    using S = Number<E>;
    static constexpr R epsilon = epsilon_of<R>;
    static constexpr Index patience = 15;
    Index n;
    S* H;
    S* W;
    S* v;      // a reflection
    S* sums;   // and its products with all columns
    Index first, last;  // the rows that are not isolated
    R norm;

    S& h(Index i, Index j) const { return H[i * n + j]; }

    // --- transformations -----------------------------------------------------------------------------------

    void exchange(Index i, Index j) {
        if (i == j) return;
        for (Index k = 0; k < n; ++k) swap(h(i, k), h(j, k));
        for (Index k = 0; k < n; ++k) swap(W[i * n + k], W[j * n + k]);
        for (Index k = 0; k < n; ++k) swap(h(k, i), h(k, j));
    }

    // v becomes the vector of the reflection I − τ v vᴴ, v_0 = 1, whose adjoint takes v to a real multiple β of
    // the first unit vector; returns τ.
    S reflection(Index size, S& beta) const {
        R squares = 0;
        for (Index i = 1; i < size; ++i) squares += square_of(v[i]);
        S alpha = v[0];
        if (squares == 0 && imaginary(alpha) == 0) {
            beta = alpha;
            return S{};
        }
        R length = square_root(squares + square_of(alpha));
        R b = real(alpha) > 0 ? -length : length;
        S inverse = inverse_of(alpha - S{b});
        for (Index i = 1; i < size; ++i) v[i] = v[i] * inverse;
        v[0] = S{1};
        beta = S{b};
        return (1 / b) * (S{b} - alpha);
    }

    // Rows M[i], …, from column `from` on, times (I − τ v vᴴ)ᴴ from the left.
    template <Index known = 0>
    void reflect_rows(S* M, Index i, Index size, S tau, Index from) const {
        if (known) size = known;
        S t = conjugate_of(tau);
        S* rows = M + i * n;
        if constexpr (known > 0) {
            S c[known], d[known];
            for (Index r = 0; r < known; ++r) {
                c[r] = conjugate_of(v[r]);
                d[r] = t * v[r];
            }
            for (Index k = from; k < n; ++k) {
                S sum = rows[k];
                for (Index r = 1; r < known; ++r) sum += c[r] * rows[r * n + k];
                for (Index r = 0; r < known; ++r) rows[r * n + k] -= d[r] * sum;
            }
        } else {
            for (Index k = from; k < n; ++k) sums[k] = rows[k];
            for (Index r = 1; r < size; ++r)
                for (Index k = from; k < n; ++k) sums[k] += conjugate_of(v[r]) * rows[r * n + k];
            for (Index r = 0; r < size; ++r) {
                S factor = t * v[r];
                for (Index k = from; k < n; ++k) rows[r * n + k] -= factor * sums[k];
            }
        }
    }

    // Columns j, … of H, down to row `to`, times I − τ v vᴴ from the right.
    template <Index known = 0>
    void reflect_columns(Index j, Index size, S tau, Index to) const {
        if (known) size = known;
        for (Index i = 0; i <= to; ++i) {
            S* row = H + i * n + j;
            S sum{};
            for (Index r = 0; r < size; ++r) sum += row[r] * v[r];
            sum = sum * tau;
            for (Index r = 0; r < size; ++r) row[r] -= sum * conjugate_of(v[r]);
        }
    }

    // Rows i and i + 1 of M, from column `from` on, times [c s; −s̄ c] from the left.
    void rotate_rows(S* M, Index i, R c, S s, Index from) const {
        S* upper = M + i * n;
        S* lower = upper + n;
        for (Index k = from; k < n; ++k) {
            S u = upper[k], l = lower[k];
            upper[k] = c * u + s * l;
            lower[k] = c * l - conjugate_of(s) * u;
        }
    }

    // Columns j and j + 1 of H, down to row `to`, times the adjoint of that from the right.
    void rotate_columns(Index j, R c, S s, Index to) const {
        for (Index i = 0; i <= to; ++i) {
            S *left = H + i * n + j, *right = left + 1, l = *left, r = *right;
            *left = c * l + conjugate_of(s) * r;
            *right = c * r - s * l;
        }
    }

    // --- Hessenberg form -----------------------------------------------------------------------------------

    // Puts rows that are zero off the diagonal last and such columns first, as long as there are any.
    void isolate() {
        first = 0;
        last = n - 1;
        for (Index i = last; i >= 0; --i) {
            bool zero = true;
            for (Index k = 0; k <= last; ++k) zero &= k == i || is_zero(h(i, k));
            if (!zero) continue;
            exchange(i, last);
            i = last--;
        }
        for (Index j = first; j <= last; ++j) {
            bool zero = true;
            for (Index k = first; k <= last; ++k) zero &= k == j || is_zero(h(k, j));
            if (!zero) continue;
            exchange(j, first);
            j = first++;
        }
    }

    void to_hessenberg() {
        for (Index k = first; k + 1 < last; ++k) {
            Index size = last - k;
            R most = 0;
            for (Index i = 1; i < size; ++i) most = larger(most, size_of_number(h(k + 1 + i, k)));
            if (most == 0 && imaginary(h(k + 1, k)) == 0) continue;
            R unit = unit_for(larger(most, size_of_number(h(k + 1, k))));
            for (Index i = 0; i < size; ++i) v[i] = unit * h(k + 1 + i, k);
            S beta, tau = reflection(size, beta);
            reflect_rows(H, k + 1, size, tau, k + 1);
            reflect_rows(W, k + 1, size, tau, 0);
            reflect_columns(k + 1, size, tau, last);
            h(k + 1, k) = (1 / unit) * beta;
            for (Index i = k + 2; i <= last; ++i) h(i, k) = S{};
        }
    }

    // --- QR steps ------------------------------------------------------------------------------------------

    // The first row of the block that ends in row `end` and has no negligible subdiagonal entry: by the criterion
    // of Ahues & Tisseur, LAPACK Working Note 122 (1997), which is good for graded matrices, or after `patience`
    // steps, for entries that will not fall below it, if it is negligible beside the norm.
    Index start_of_block(Index end, Index step) const {
        constexpr R least = least_of<R> / epsilon;
        for (Index k = end; k > first; --k) {
            R below = size_of_number(h(k, k - 1)), above = size_of_number(h(k - 1, k));
            if (below <= (step < patience ? least : epsilon * norm)) return k;
            R p = size_of_number(h(k - 1, k - 1)), q = size_of_number(h(k, k)), sum = p + q;
            if (sum == 0) {
                if (k - 2 >= first) sum += size_of_number(h(k - 1, k - 2));
                if (k + 1 <= last) sum += size_of_number(h(k + 1, k));
            }
            if (!(below <= epsilon * sum)) continue;
            R difference = size_of_number(h(k - 1, k - 1) - h(k, k));
            R ab = larger(below, above), ba = smaller(below, above);
            R aa = larger(q, difference), bb = smaller(q, difference), s = aa + ab;
            if (ba * (ab / s) <= larger(least, epsilon * (bb * (aa / s)))) return k;
        }
        return first;
    }

    // Makes the rows first … last triangular; false if the iteration does not converge.
    bool iterate() {
        const Index limit = 30 * larger<Index>(10, n);
        for (Index end = last; end >= first;) {
            constexpr Index final_size = E::is_complex ? 1 : 2;
            Index start;
            for (Index step = 0;; ++step) {
                start = start_of_block(end, step);
                if (start > first) h(start, start - 1) = S{};
                if (end - start < final_size) break;
                if (step == limit) return false;
                qr_step(start, end, step);
            }
            if constexpr (!E::is_complex)
                if (start < end) split(start);
            end = start - 1;
        }
        return true;
    }

    void qr_step(Index start, Index end, Index step) {
        if constexpr (E::is_complex) single_step(start, end, step);
        else double_step(start, end, step);
    }

    // Every tenth step without progress takes other shifts, lest it go round in circles.
    static bool is_exceptional(Index step) { return step > 0 && step % 10 == 0; }

    // Two real or conjugate shifts at once, in real arithmetic (Francis).
    void double_step(Index start, Index end, Index step) {
        R p, q, r, t;  // the block [p q; r t] whose eigenvalues are the shifts
        if (is_exceptional(step)) {
            bool top = step % 20 == 10;
            Index k = top ? start : end;
            R s = top ? absolute(h(start + 1, start)) + absolute(h(start + 2, start + 1))
                      : absolute(h(end, end - 1)) + absolute(h(end - 1, end - 2));
            p = t = R(0.75) * s + h(k, k);
            q = R(-0.4375) * s;
            r = s;
        } else {
            p = h(end - 1, end - 1);
            q = h(end - 1, end);
            r = h(end, end - 1);
            t = h(end, end);
        }
        // Eigenvalues mean ± √d: conjugate ones, or twice the real one that is closer to t.
        R half = R(0.5) * (p - t), mean = R(0.5) * (p + t), d = half * half + q * r;
        R im = 0;
        if (d < 0) {
            im = square_root(-d);
        } else {
            R root = square_root(d);
            mean += half > 0 ? -root : root;
        }
        // The first column of (H − s₁)(H − s₂), from the lowest row above which it makes no difference.
        Index m = end - 2;
        for (;; --m) {
            R a = h(m, m), below = h(m + 1, m), x = a - mean;
            R s = absolute(x) + im + absolute(below);
            R b = below / s;
            v[0] = b * h(m, m + 1) + x * (x / s) + im * (im / s);
            v[1] = b * (a + h(m + 1, m + 1) - 2 * mean);
            v[2] = b * h(m + 2, m + 1);
            s = absolute(v[0]) + absolute(v[1]) + absolute(v[2]);
            if (s > 0)
                for (int i = 0; i < 3; ++i) v[i] /= s;
            if (m == start) break;
            R around = absolute(h(m - 1, m - 1)) + absolute(a) + absolute(h(m + 1, m + 1));
            if (absolute(h(m, m - 1)) * (absolute(v[1]) + absolute(v[2])) <= epsilon * absolute(v[0]) * around) break;
        }
        for (Index k = m; k < end; ++k) {
            bool three = k + 2 <= end;
            R unit = 1;
            if (k > m) {
                v[0] = h(k, k - 1);
                v[1] = h(k + 1, k - 1);
                v[2] = three ? h(k + 2, k - 1) : 0;
                unit = unit_for(absolute(v[0]) + absolute(v[1]) + absolute(v[2]));
                for (int i = 0; i < 3; ++i) v[i] *= unit;
            }
            R beta, tau = reflection(three ? 3 : 2, beta);
            if (k > m) {
                h(k, k - 1) = beta / unit;
                h(k + 1, k - 1) = 0;
                if (three) h(k + 2, k - 1) = 0;
            } else if (m > start) {
                h(k, k - 1) *= 1 - tau;  // where the entries below are negligible
            }
            if (three) {
                reflect_rows<3>(H, k, 3, tau, k);
                reflect_rows<3>(W, k, 3, tau, 0);
                reflect_columns<3>(k, 3, tau, smaller(k + 3, end));
            } else {
                reflect_rows<2>(H, k, 2, tau, k);
                reflect_rows<2>(W, k, 2, tau, 0);
                reflect_columns<2>(k, 2, tau, end);
            }
        }
    }

    // One shift: the eigenvalue of the last 2 × 2 block that is closer to its last entry (Wilkinson).
    void single_step(Index start, Index end, Index step) {
        S shift;
        if (is_exceptional(step)) {
            bool top = step % 20 == 10;
            Index k = top ? start + 1 : end;
            shift = h(top ? start : end, top ? start : end) + S{R(0.75) * size_of_number(h(k, k - 1))};
        } else {
            S t = h(end, end), half = R(0.5) * (h(end - 1, end - 1) - t);
            S product = h(end - 1, end) * h(end, end - 1);
            S root = root_of(half * half + product);
            S sum = real(half) * real(root) + imaginary(half) * imaginary(root) < 0 ? half - root : half + root;
            shift = is_zero(sum) ? t : t - product * inverse_of(sum);
        }
        S x = h(start, start) - shift, y = h(start + 1, start);
        for (Index k = start; k < end; ++k) {
            if (k > start) {
                x = h(k, k - 1);
                y = h(k + 1, k - 1);
            }
            R c;
            S s, r;
            rotation(x, y, c, s, r);
            if (k > start) {
                h(k, k - 1) = r;
                h(k + 1, k - 1) = S{};
            }
            rotate_rows(H, k, c, s, k);
            rotate_rows(W, k, c, s, 0);
            rotate_columns(k, c, s, smaller(k + 2, end));
        }
    }

    // [c s; −s̄ c] (x, y) = (r, 0) with real c.
    static void rotation(S x, S y, R& c, S& s, S& r) {
        R unit = unit_for(larger(size_of_number(x), size_of_number(y)));
        S a = unit * x, b = unit * y;
        R square_a = square_of(a), norm = square_root(square_a + square_of(b));
        if (is_zero(y)) {
            c = 1;
            s = S{};
            r = x;
        } else if (square_a < least_of<R> / epsilon) {  // x is nothing beside y
            c = 0;
            s = (1 / norm) * conjugate_of(b);
            r = S{norm / unit};
        } else {
            R size = square_root(square_a);
            S phase = (1 / size) * a;
            c = size / norm;
            s = (1 / norm) * (phase * conjugate_of(b));
            r = (norm / unit) * phase;
        }
    }

    // The real block in rows k and k + 1 becomes triangular, if its eigenvalues are real, or else [a b; c a].
    void split(Index k) {
        R &a = h(k, k), &b = h(k, k + 1), &c = h(k + 1, k), &d = h(k + 1, k + 1);
        if (c == 0) return;
        R cosine = 1, sine = 0;  // rows (u, l) become (cosine u + sine l, cosine l − sine u)
        R p = R(0.5) * (a - d);
        R most = larger(absolute(b), absolute(c)), least = smaller(absolute(b), absolute(c));
        bool opposite = (b < 0) != (c < 0);
        R scale = larger(absolute(p), most);
        // (p² + b c)/scale, which is to be positive beyond doubt if the eigenvalues are taken for real.
        R z = p / scale * p + (opposite ? -(most / scale * least) : most / scale * least);
        if (b == 0) {
            cosine = 0;
            sine = 1;
            swap(a, d);
            b = -c;
            c = 0;
        } else if (z >= 4 * epsilon * scale) {
            // With λ the eigenvalue farther from d, (λ − d, c) is its vector.
            R root = square_root(scale) * square_root(z);
            R t = p + (p < 0 ? -root : root);
            R norm = hypotenuse(c, t);
            cosine = t / norm;
            sine = c / norm;
            R product = opposite ? -(most / t * least) : most / t * least;  // b c / t
            a = d + t;
            d -= product;
            b -= c;
            c = 0;
        } else if (p != 0 || !opposite) {
            // Equal entries on the diagonal: tan 2θ = −(a − d)/(b + c).
            R sigma = b + c, norm = hypotenuse(sigma, 2 * p);
            cosine = square_root(R(0.5) * (1 + absolute(sigma) / norm));
            sine = (sigma < 0 ? p : -p) / (norm * cosine);
            R aa = a * cosine + b * sine, bb = b * cosine - a * sine;
            R cc = c * cosine + d * sine, dd = d * cosine - c * sine;
            a = aa * cosine + cc * sine;
            b = bb * cosine + dd * sine;
            c = cc * cosine - aa * sine;
            d = dd * cosine - bb * sine;
            R mean = R(0.5) * (a + d);
            a = d = mean;
            if (c != 0 && (b == 0 || (b < 0) == (c < 0))) {  // real eigenvalues after all: mean ± √(b c)
                R cosine2 = 0, sine2 = 1;
                if (b == 0) {
                    b = -c;
                } else {
                    R rb = square_root(absolute(b)), rc = square_root(absolute(c));
                    R root = c < 0 ? -rb * rc : rb * rc, t = 1 / square_root(absolute(b + c));
                    a = mean + root;
                    d = mean - root;
                    b -= c;
                    cosine2 = rb * t;
                    sine2 = rc * t;
                }
                c = 0;
                R first_cosine = cosine;
                cosine = cosine * cosine2 - sine * sine2;
                sine = first_cosine * sine2 + sine * cosine2;
            }
        }
        rotate_rows(H, k, cosine, sine, k + 2);
        if (k > 0) rotate_columns(k, cosine, sine, k - 1);
        rotate_rows(W, k, cosine, sine, 0);
    }

    // --- one matrix ----------------------------------------------------------------------------------------

    bool form(const R* A, R* T, R* Z) {
        const S* from = reinterpret_cast<const S*>(A);
        R most = 0, probe = 0, squares = 0;
        for (Index e = 0; e < n * n; ++e) {
            most = larger(most, size_of_number(from[e]));
            probe += 0 * size_of_number(from[e]);
        }
        if (probe != 0) return false;  // nan or infinity
        R unit = unit_for(most);
        for (Index e = 0; e < n * n; ++e) {
            H[e] = unit * from[e];
            W[e] = S{};
            squares += square_of(H[e]);
        }
        norm = square_root(squares);
        for (Index i = 0; i < n; ++i) W[i * n + i] = S{1};
        isolate();
        to_hessenberg();
        bool converged = iterate();
        S* to_t = reinterpret_cast<S*>(T);
        S* to_z = reinterpret_cast<S*>(Z);
        for (Index i = 0; i < n; ++i)
            for (Index j = 0; j < n; ++j) {
                to_t[i * n + j] = j + 1 < i || (E::is_complex && j < i) ? S{} : (1 / unit) * h(i, j);
                to_z[i * n + j] = conjugate_of(W[j * n + i]);
            }
        return converged;
    }
};

// --- kernels -----------------------------------------------------------------------------------------------

template <class E>
std::size_t schur_room(Index n) {
    return 64 + std::size_t(2 * n * n + 2 * n + 4) * sizeof(Number<E>);
}

// T and Z for each matrix of a stack; returns how many have not been found.
template <class E>
Index schur(const typename E::R* A, typename E::R* T, typename E::R* Z, Index count, Index n, void* room) {
    auto* numbers = static_cast<Number<E>*>(room);
    Schur<E> one{n, numbers, numbers + n * n, numbers + 2 * n * n, numbers + 2 * n * n + n + 4, 0, 0, 0};
    Index failed = 0, size = n * n * E::parts;
    for (Index k = 0; k < count; ++k) failed += !one.form(A + k * size, T + k * size, Z + k * size);
    return failed;
}

}  // namespace frechet::FRECHET_LEVEL
