// What XLA hands to a function that it calls: buffers, attributes, and a way to tell of an error.
//
// This is the C interface of XLA's foreign functions alone.  A module that is compiled with the headers of one JAX
// runs with others: it reads fields that all versions have, and gives itself out for a version that the caller has.
#pragma once

#include <xla/ffi/api/c_api.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

namespace frechet::xla {

using Index = std::ptrdiff_t;

// An array of XLA's, contiguous in the order of C.
class Buffer {
public:
    explicit Buffer(const void* buffer) : buffer_(static_cast<const XLA_FFI_Buffer*>(buffer)) {}

    XLA_FFI_DataType type() const { return buffer_->dtype; }
    int ndim() const { return int(buffer_->rank); }
    Index length(int axis) const { return Index(buffer_->dims[axis]); }
    const std::int64_t* shape() const { return buffer_->dims; }
    // The entries along the axes from `first` up to `last`.
    Index size(int first, int last) const {
        Index product = 1;
        for (int axis = first; axis < last; ++axis) product *= length(axis);
        return product;
    }
    Index size() const { return size(0, ndim()); }

    template <class T>
    T* data() const {
        return static_cast<T*>(buffer_->data);
    }

    bool single() const { return type() == XLA_FFI_DataType_F32 || type() == XLA_FFI_DataType_C64; }
    bool complex() const { return type() == XLA_FFI_DataType_C64 || type() == XLA_FFI_DataType_C128; }
    bool inexact() const { return complex() || type() == XLA_FFI_DataType_F32 || type() == XLA_FFI_DataType_F64; }

private:
    const XLA_FFI_Buffer* buffer_;
};

inline void require(bool fulfilled, const char* what) {
    if (!fulfilled) throw std::invalid_argument(what);
}

class Frame {
public:
    explicit Frame(const XLA_FFI_CallFrame* frame) : frame_(frame) {}

    Index arguments() const { return Index(frame_->args.size); }
    Index results() const { return Index(frame_->rets.size); }
    Buffer argument(Index i) const {
        require(i < arguments(), "an argument is missing");
        return Buffer(frame_->args.args[i]);
    }
    Buffer result(Index i) const {
        require(i < results(), "a result is missing");
        return Buffer(frame_->rets.rets[i]);
    }

    std::int64_t integer(const char* name) const {
        auto* scalar = static_cast<const XLA_FFI_Scalar*>(attribute(name, XLA_FFI_AttrType_SCALAR));
        if (scalar->dtype != XLA_FFI_DataType_S64) wrong(name);
        return *static_cast<const std::int64_t*>(scalar->value);
    }
    std::string text(const char* name) const {
        auto* span = static_cast<const XLA_FFI_ByteSpan*>(attribute(name, XLA_FFI_AttrType_STRING));
        return std::string(span->ptr, span->len);
    }
    // The entries of an attribute that is a vector, at least `least` of them.
    const double* reals(const char* name, Index least, Index* count = nullptr) const {
        return static_cast<const double*>(array(name, XLA_FFI_DataType_F64, least, count));
    }
    const std::int64_t* integers(const char* name, Index least) const {
        return static_cast<const std::int64_t*>(array(name, XLA_FFI_DataType_S64, least, nullptr));
    }

private:
    [[noreturn]] static void wrong(const char* name) {
        throw std::invalid_argument(std::string("the attribute ") + name + " is missing, or of another type");
    }
    const void* attribute(const char* name, XLA_FFI_AttrType type) const {
        const XLA_FFI_Attrs& all = frame_->attrs;
        const std::size_t length = std::strlen(name);
        for (std::int64_t k = 0; k < all.size; ++k)
            if (all.names[k]->len == length && std::memcmp(all.names[k]->ptr, name, length) == 0 &&
                all.types[k] == type)
                return all.attrs[k];
        wrong(name);
    }
    const void* array(const char* name, XLA_FFI_DataType type, Index least, Index* count) const {
        auto* array = static_cast<const XLA_FFI_Array*>(attribute(name, XLA_FFI_AttrType_ARRAY));
        if (array->dtype != type || Index(array->size) < least) wrong(name);
        if (count != nullptr) *count = Index(array->size);
        return array->data;
    }

    const XLA_FFI_CallFrame* frame_;
};

inline XLA_FFI_Error* error(const XLA_FFI_Api* api, XLA_FFI_Error_Code code, const char* message) {
    XLA_FFI_Error_Create_Args args{};
    args.struct_size = XLA_FFI_Error_Create_Args_STRUCT_SIZE;
    args.message = message;
    args.errc = code;
    return api->XLA_FFI_Error_Create(&args);
}

// The minor version that a handler gives itself out for: the caller's, or that of the headers if they are older.
// JAX 0.6 does not tell its version; it has, and asks for, the first one, whose fields are all that is used here.
constexpr int first_version = 1;

inline int its_version(const XLA_FFI_Api* api) {
    int minor = api->api_version.minor_version;
    return minor < XLA_FFI_API_MINOR ? minor : XLA_FFI_API_MINOR;
}

// The function that XLA calls, around one that does the work and throws.
template <void (*work)(const Frame&)>
XLA_FFI_Error* handler(XLA_FFI_CallFrame* frame) {
    const XLA_FFI_Api* api = frame->api;
    for (XLA_FFI_Extension_Base* extension = frame->extension_start; extension != nullptr; extension = extension->next)
        if (extension->type == XLA_FFI_Extension_Metadata) {  // a question about the handler, not a call
            XLA_FFI_Metadata* about = reinterpret_cast<XLA_FFI_Metadata_Extension*>(extension)->metadata;
            about->api_version.major_version = XLA_FFI_API_MAJOR;
            about->api_version.minor_version = api == nullptr ? first_version : its_version(api);
            about->traits = 0;
            return nullptr;
        }
    try {
        work(Frame(frame));
        return nullptr;
    } catch (const std::bad_alloc&) {
        return error(api, XLA_FFI_Error_Code_RESOURCE_EXHAUSTED, "frechet: there is not enough memory");
    } catch (const std::invalid_argument& fault) {
        return error(api, XLA_FFI_Error_Code_INVALID_ARGUMENT, fault.what());
    } catch (const std::exception& fault) {
        return error(api, XLA_FFI_Error_Code_INTERNAL, fault.what());
    }
}

}  // namespace frechet::xla
