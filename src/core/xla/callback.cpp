// frechet_call: XLA calls a Python function with NumPy arrays.
//
// XLA's buffers live no longer than the call.  So the function gets copies of its arguments, in bytes objects that
// belong to the arrays (read-only, as JAX's arrays are): it may keep them.  A function that is registered as one that
// borrows gets arrays on XLA's memory; when it has returned, nothing may refer to them, which is checked by their
// counts of references.  What it returns is copied into XLA's results.
#include "callback.hpp"

#include <nanobind/stl/string.h>

#include <cstring>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "frame.hpp"

namespace nb = nanobind;

namespace frechet::xla {

namespace {

// A dtype that NumPy has, with the codes of the buffer protocol for it.
struct Dtype {
    XLA_FFI_DataType type;
    const char* name;
    Index bytes;
    const char* codes;  // one character each, or Z and one
};

constexpr Dtype dtypes[] = {
    {XLA_FFI_DataType_PRED, "bool", 1, "?"},          {XLA_FFI_DataType_S8, "int8", 1, "b"},
    {XLA_FFI_DataType_S16, "int16", 2, "h"},          {XLA_FFI_DataType_S32, "int32", 4, "il"},
    {XLA_FFI_DataType_S64, "int64", 8, "lq"},         {XLA_FFI_DataType_U8, "uint8", 1, "B"},
    {XLA_FFI_DataType_U16, "uint16", 2, "H"},         {XLA_FFI_DataType_U32, "uint32", 4, "IL"},
    {XLA_FFI_DataType_U64, "uint64", 8, "LQ"},        {XLA_FFI_DataType_F16, "float16", 2, "e"},
    {XLA_FFI_DataType_F32, "float32", 4, "f"},        {XLA_FFI_DataType_F64, "float64", 8, "d"},
    {XLA_FFI_DataType_C64, "complex64", 8, "Zf"},     {XLA_FFI_DataType_C128, "complex128", 16, "Zd"},
};
constexpr std::size_t dtype_count = sizeof(dtypes) / sizeof(dtypes[0]);

std::size_t dtype_of(const Buffer& buffer) {
    for (std::size_t k = 0; k < dtype_count; ++k)
        if (dtypes[k].type == buffer.type()) return k;
    throw std::invalid_argument("frechet_call: an array has a dtype that NumPy does not have (type " +
                                std::to_string(int(buffer.type())) + " of XLA)");
}

bool fits(const Dtype& dtype, const Py_buffer& view) {
    const char* format = view.format == nullptr ? "B" : view.format;
    if (view.itemsize != dtype.bytes) return false;
    if (dtype.codes[0] == 'Z') return std::strcmp(format, dtype.codes) == 0;
    return std::strlen(format) == 1 && std::strchr(dtype.codes, format[0]) != nullptr;
}

struct Function {
    nb::object function;
    bool borrows;
};

// All that is kept between calls; Python's lock is held wherever it is used.
struct Everything {
    nb::object ndarray, asarray;
    nb::object dtype[dtype_count];
    std::unordered_map<std::int64_t, Function> functions;
    std::mt19937_64 random{std::random_device{}()};
    std::vector<std::pair<std::string, nb::object>> errors;  // the last ones
};
constexpr std::size_t most_errors = 4;

Everything& everything() {
    static Everything* all = new Everything;  // the interpreter may end before this would be destroyed
    return *all;
}

std::string text_of(nb::handle object) {
    nb::object text = nb::steal(PyObject_Str(object.ptr()));
    if (!text.is_valid()) throw nb::python_error();
    // UTF-8 has no half of a pair of surrogates, which Python's texts may have
    nb::object bytes = nb::steal(PyUnicode_AsEncodedString(text.ptr(), "utf-8", "backslashreplace"));
    if (!bytes.is_valid()) throw nb::python_error();
    return std::string(PyBytes_AsString(bytes.ptr()), std::size_t(PyBytes_Size(bytes.ptr())));
}

nb::object shape_of(const Buffer& buffer) {
    nb::object shape = nb::steal(PyTuple_New(buffer.ndim()));
    if (!shape.is_valid()) throw nb::python_error();
    for (int axis = 0; axis < buffer.ndim(); ++axis) {
        PyObject* n = PyLong_FromSsize_t(buffer.length(axis));
        if (n == nullptr || PyTuple_SetItem(shape.ptr(), axis, n) != 0) throw nb::python_error();
    }
    return shape;
}

// The argument as an array; of one that is lent, `memory` is what it refers to.
nb::object array_of(const Buffer& buffer, bool lent, PyObject** memory) {
    Everything& all = everything();
    const std::size_t k = dtype_of(buffer);
    const Index bytes = buffer.size() * dtypes[k].bytes;
    char* data = bytes == 0 ? nullptr : buffer.data<char>();
    lent = lent && bytes > 0;
    nb::object source = nb::steal(lent ? PyMemoryView_FromMemory(data, bytes, PyBUF_READ)
                                       : PyBytes_FromStringAndSize(data, bytes));
    if (!source.is_valid()) throw nb::python_error();
    if (lent) *memory = source.ptr();
    return all.ndarray(shape_of(buffer), all.dtype[k], source);
}

class BufferView {
public:
    bool take(nb::handle value, int flags) {
        held_ = PyObject_GetBuffer(value.ptr(), &view, flags) == 0;
        if (!held_) PyErr_Clear();
        return held_;
    }
    ~BufferView() {
        if (held_) PyBuffer_Release(&view);
    }
    Py_buffer view{};

private:
    bool held_ = false;
};

// Copies a value into a buffer; false if it is not, as it stands, an array of this shape and dtype in the order of C.
bool copy(nb::handle value, const Buffer& buffer, const Dtype& dtype) {
    BufferView source;
    if (!source.take(value, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS)) return false;
    const Py_buffer& view = source.view;
    if (view.ndim != buffer.ndim() || !fits(dtype, view)) return false;
    for (int axis = 0; axis < view.ndim; ++axis)
        if (view.shape[axis] != buffer.length(axis)) return false;
    if (view.len > 0) std::memcpy(buffer.data<char>(), view.buf, std::size_t(view.len));
    return true;
}

void store(nb::handle value, const Buffer& buffer, Index which) {
    Everything& all = everything();
    const std::size_t k = dtype_of(buffer);
    if (copy(value, buffer, dtypes[k])) return;
    nb::object array = all.asarray(value, nb::arg("order") = "C");
    if (copy(array, buffer, dtypes[k])) return;
    throw std::invalid_argument("result " + std::to_string(which) + " must be " + dtypes[k].name + " of shape " +
                                text_of(shape_of(buffer)) + ", got " + text_of(nb::object(array.attr("dtype"))) +
                                " of shape " + text_of(nb::object(array.attr("shape"))));
}

// The arrays of a call; those that were lent may not be referred to when it ends.
class Arguments {
public:
    Arguments(const Frame& frame, bool lent) : memory_(std::size_t(frame.arguments()), nullptr) {
        arrays_.reserve(memory_.size());
        for (Index i = 0; i < frame.arguments(); ++i)
            arrays_.push_back(array_of(frame.argument(i), lent, &memory_[std::size_t(i)]));
    }

    nb::object pass_to(nb::handle function) const {
        std::vector<PyObject*> arguments{nullptr};
        for (const nb::object& array : arrays_) arguments.push_back(array.ptr());
        PyObject* value = PyObject_Vectorcall(function.ptr(), arguments.data() + 1,
                                              arrays_.size() | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
        if (value == nullptr) throw nb::python_error();
        return nb::steal(value);
    }

    void require_given_back() const {
        if (!kept()) return;
        PyGC_Collect();  // what only refers to itself
        if (kept())
            throw std::runtime_error(
                "a function that borrows its arguments has kept a reference to one, or to a view of it; it must copy "
                "what it keeps");
    }

private:
    bool kept() const {
        for (std::size_t i = 0; i < arrays_.size(); ++i)
            if (memory_[i] != nullptr && (Py_REFCNT(arrays_[i].ptr()) != 1 || Py_REFCNT(memory_[i]) != 1)) return true;
        return false;
    }

    std::vector<nb::object> arrays_;
    std::vector<PyObject*> memory_;
};

// The type and the message of an exception.
std::string text_of_error(const nb::python_error& error) {
    std::string name = nb::cast<std::string>(error.type().attr("__name__"));
    try {
        std::string message = text_of(error.value());
        return message.empty() ? name : name + ": " + message;
    } catch (nb::python_error&) {  // its __str__ fails
        return name;
    }
}

void call(const Frame& frame) {
    const std::int64_t number = frame.integer("function");
    if (!Py_IsInitialized()) throw std::runtime_error("frechet_call: Python has ended");
    nb::gil_scoped_acquire lock;
    Everything& all = everything();
    auto found = all.functions.find(number);
    if (found == all.functions.end())
        throw std::invalid_argument(
            "frechet_call: there is no function of this number; a compiled function that calls Python belongs to the "
            "process that compiled it");
    const Function function = found->second;  // it may be unregistered meanwhile
    std::string failure;
    try {
        Arguments arguments(frame, function.borrows);
        try {
            nb::object value = arguments.pass_to(function.function);
            const bool several = PyTuple_Check(value.ptr());
            const Index count = several ? Index(PyTuple_Size(value.ptr())) : 1;
            if (count != frame.results())
                throw std::invalid_argument("the function must return " + std::to_string(frame.results()) +
                                            " arrays, got " + std::to_string(count));
            for (Index i = 0; i < count; ++i)
                store(several ? nb::borrow(PyTuple_GetItem(value.ptr(), i)) : value, frame.result(i), i);
        } catch (nb::python_error& error) {
            failure = text_of_error(error);
            if (!function.borrows) {  // whose traceback would keep what was lent
                if (all.errors.size() == most_errors) all.errors.erase(all.errors.begin());
                all.errors.emplace_back(failure, nb::borrow(error.value()));
            }
        }
        if (function.borrows) arguments.require_given_back();
    } catch (nb::python_error& error) {  // of making the arrays
        failure = text_of_error(error);
    }
    if (!failure.empty()) throw std::runtime_error(failure);
}

std::int64_t register_function(nb::callable function, bool borrow) {
    Everything& all = everything();
    for (;;) {
        auto number = std::int64_t(all.random() >> 2);
        if (all.functions.emplace(number, Function{function, borrow}).second) return number;
    }
}

void unregister_function(std::int64_t number) {
    if (everything().functions.erase(number) == 0) throw nb::key_error("there is no function of this number");
}

nb::object take_error(const std::string& text) {
    auto& errors = everything().errors;
    for (std::size_t k = errors.size(); k-- > 0;)
        if (text.find(errors[k].first) != std::string::npos) {
            nb::object error = errors[k].second;
            errors.erase(errors.begin() + std::ptrdiff_t(k));
            return error;
        }
    return nb::none();
}

}  // namespace

void define_callback(nb::module_& m, nb::dict targets) {
    using nb::arg;
    Everything& all = everything();
    nb::object numpy = nb::module_::import_("numpy");
    all.ndarray = numpy.attr("ndarray");
    all.asarray = numpy.attr("asarray");
    for (std::size_t k = 0; k < dtype_count; ++k) all.dtype[k] = numpy.attr("dtype")(dtypes[k].name);
    targets["frechet_call"] = nb::capsule(reinterpret_cast<void*>(handler<call>));
    m.def("register_function", &register_function, arg("function"), arg("borrow") = false,
          "The number under which frechet_call calls a function.");
    m.def("unregister_function", &unregister_function, arg("number"), "Forget a function.");
    m.def("take_error", &take_error, arg("text"),
          "The last exception whose type and message stand in a text, which is forgotten; None if there is none.");
}

}  // namespace frechet::xla
