// Arrays as Python's buffer protocol shows them: NumPy's arrays, read-only and strided ones among them.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include "types.hpp"

namespace frechet {

namespace nb = nanobind;

enum class Type { f, d, F, D };

inline std::size_t size_of(Type type) { return type == Type::f ? 4 : type == Type::D ? 16 : 8; }
inline int parts_of(Type type) { return type == Type::f || type == Type::d ? 1 : 2; }

// An array that an argument holds, for as long as this object lives.
class Array {
public:
    Array(nb::handle source, const char* name, bool writable = false) : name_(name) {
        if (PyObject_GetBuffer(source.ptr(), &buffer_, writable ? PyBUF_RECORDS : PyBUF_RECORDS_RO) != 0)
            throw nb::python_error();
        std::string format = buffer_.format ? buffer_.format : "B";
        bool aligned = format[0] != '=';  // with which NumPy marks numbers that are not
        if (!aligned) format.erase(0, 1);
        if (format == "f") type_ = Type::f;
        else if (format == "d") type_ = Type::d;
        else if (format == "Zf") type_ = Type::F;
        else if (format == "Zd") type_ = Type::D;
        else {
            PyBuffer_Release(&buffer_);
            throw nb::type_error(
                (std::string(name) + " must have dtype float32, float64, complex64 or complex128").c_str());
        }
        const std::ptrdiff_t unit = std::ptrdiff_t(size_of(type_) / parts_of(type_));
        aligned &= reinterpret_cast<std::uintptr_t>(buffer_.buf) % std::uintptr_t(unit) == 0;
        for (int k = 0; k < buffer_.ndim; ++k) aligned &= buffer_.strides[k] % unit == 0;
        if (!aligned && buffer_.len > 0) {
            PyBuffer_Release(&buffer_);
            throw nb::value_error((std::string(name) + " must be aligned").c_str());
        }
    }
    ~Array() { PyBuffer_Release(&buffer_); }
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;

    Type type() const { return type_; }
    int ndim() const { return buffer_.ndim; }
    // The length of an axis, counted from the end: 1 is the last.
    std::ptrdiff_t length(int axis) const {
        require(axis <= buffer_.ndim, "be a matrix or a stack of them");
        return buffer_.shape[buffer_.ndim - axis];
    }
    // The distance of neighbours along an axis in bytes; axes are counted likewise.
    std::ptrdiff_t stride(int axis) const { return buffer_.strides[buffer_.ndim - axis]; }
    std::ptrdiff_t size() const { return buffer_.len / buffer_.itemsize; }
    const char* name() const { return name_; }

    template <class R>
    R* data() const {
        return static_cast<R*>(buffer_.buf);
    }

    // A matrix, or a stack of them along one axis, in any layout.
    template <class R>
    View<R> view() const {
        const std::ptrdiff_t* strides = buffer_.strides + buffer_.ndim;
        const std::ptrdiff_t unit = sizeof(R);
        bool stack = buffer_.ndim == 3;
        return {data<R>(),
                length(2),
                length(1),
                strides[-2] / unit,
                strides[-1] / unit,
                stack ? length(3) : 1,
                stack ? strides[-3] / unit : 0};
    }

    [[noreturn]] void refuse(const std::string& what) const {
        throw nb::value_error((std::string(name_) + " must " + what).c_str());
    }

    void require(bool fulfilled, const char* what) const {
        if (!fulfilled) refuse(what);
    }

    void require_matrix() const { require(ndim() >= 2, "be a matrix or a stack of them"); }

    void require_square() const {
        require_matrix();
        require(length(1) == length(2), "be square");
    }

    void require_type(const Array& other) const {
        if (type_ != other.type_)
            throw nb::type_error((std::string(name_) + " and " + other.name_ + " must have the same dtype").c_str());
    }

    void require_contiguous() const { require(PyBuffer_IsContiguous(&buffer_, 'C') != 0, "be C-contiguous"); }

private:
    Py_buffer buffer_{};
    const char* name_;
    Type type_{};
};

// 32-bit integers that lie one after the other: pivots, rows, columns.
class Integers {
public:
    Integers(nb::handle source, const char* name, bool writable = false) : name_(name) {
        if (PyObject_GetBuffer(source.ptr(), &buffer_, (writable ? PyBUF_CONTIG : PyBUF_CONTIG_RO) | PyBUF_FORMAT) != 0)
            throw nb::python_error();
        if (buffer_.itemsize != 4 || buffer_.format == nullptr || std::strcmp(buffer_.format, "i") != 0) {
            PyBuffer_Release(&buffer_);
            throw nb::type_error((std::string(name) + " must have dtype int32").c_str());
        }
    }
    ~Integers() { PyBuffer_Release(&buffer_); }
    Integers(const Integers&) = delete;
    Integers& operator=(const Integers&) = delete;

    std::ptrdiff_t size() const { return buffer_.len / 4; }
    std::int32_t* data() const { return static_cast<std::int32_t*>(buffer_.buf); }

    void require(bool fulfilled, const char* what) const {
        if (!fulfilled) throw nb::value_error((std::string(name_) + " must " + what).c_str());
    }
    // That all are at least 0 and less than a limit.
    void require_below(std::ptrdiff_t limit) const {
        bool fulfilled = true;
        for (std::ptrdiff_t k = 0; k < size(); ++k) fulfilled &= data()[k] >= 0 && data()[k] < limit;
        require(fulfilled, "hold the numbers of rows or columns");
    }

private:
    Py_buffer buffer_{};
    const char* name_;
};

// Calls action(Entry) for the type of an array's entries.
template <class Do>
auto for_type(Type type, Do&& action) {
    switch (type) {
        case Type::f:
            return action(Entry<float, false>{});
        case Type::d:
            return action(Entry<double, false>{});
        case Type::F:
            return action(Entry<float, true>{});
        default:
            return action(Entry<double, true>{});
    }
}

}  // namespace frechet
