// How a plain C++ function becomes a JavaScript one: the only place that knows how arguments cross the
// border.
//
// A native function is written with the types it wants: `int Listen(Environment&, int fd, int backlog)`.
// Export reads each argument, throws a TypeError that names the first one of a wrong type (nothing has
// happened by then), calls the function and hands its result back. All of it is resolved at compile time, and
// neither an object nor a string is made on the way.
#pragma once

#include <napi.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "environment.h"
#include "views.h"

namespace iomux {

template <napi_typedarray_type Type, typename Element, typename View>
bool ReadTypedArray(napi_env env, napi_value value, View* view) {
  napi_typedarray_type type = Type;
  void* data = nullptr;
  size_t length = 0;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != Type) {
    return false;
  }
  *view = {static_cast<Element*>(data), length};
  return true;
}

// A number that is no 32-bit integer is refused: napi_get_value_int32 would make a 0 of NaN, and that is
// stdin.
inline bool ReadArgument(napi_env env, napi_value value, int32_t* out) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok ||
      !(number >= INT32_MIN && number <= INT32_MAX)) {
    return false;
  }
  *out = static_cast<int32_t>(number);
  return *out == number;
}
// JavaScript's bit operators make a mask with bit 31 negative.
inline bool ReadArgument(napi_env env, napi_value value, uint32_t* out) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok ||
      !(number >= INT32_MIN && number <= UINT32_MAX)) {
    return false;
  }
  const auto integer = static_cast<int64_t>(number);
  *out = static_cast<uint32_t>(integer);
  return static_cast<double>(integer) == number;
}
inline bool ReadArgument(napi_env env, napi_value value, double* out) {
  return napi_get_value_double(env, value, out) == napi_ok;
}
inline bool ReadArgument(napi_env env, napi_value value, Bytes* out) {
  return ReadTypedArray<napi_uint8_array, uint8_t>(env, value, out);
}
inline bool ReadArgument(napi_env env, napi_value value, Memory* out) {
  void* data = nullptr;
  if (napi_get_arraybuffer_info(env, value, &data, &out->length) != napi_ok) return false;
  out->data = static_cast<uint8_t*>(data);
  return true;
}
inline bool ReadArgument(napi_env env, napi_value value, Words* out) {
  return ReadTypedArray<napi_int32_array, int32_t>(env, value, out);
}
inline bool ReadArgument(napi_env env, napi_value value, Doubles* out) {
  return ReadTypedArray<napi_float64_array, double>(env, value, out);
}
inline bool ReadArgument(napi_env env, napi_value value, std::string* out) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  out->resize(length);
  return napi_get_value_string_utf8(env, value, out->data(), length + 1, &length) == napi_ok;
}
inline bool ReadArgument(napi_env env, napi_value value, Napi::Array* out) {
  bool is_array = false;
  if (napi_is_array(env, value, &is_array) != napi_ok || !is_array) return false;
  *out = Napi::Array(env, value);
  return true;
}
inline bool ReadArgument(napi_env env, napi_value value, Napi::Function* out) {
  napi_valuetype type = napi_undefined;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_function) return false;
  *out = Napi::Function(env, value);
  return true;
}
// Anything.
inline bool ReadArgument(napi_env, napi_value value, napi_value* out) {
  *out = value;
  return true;
}
inline bool ReadArgument(napi_env env, napi_value value, Napi::Int32Array* out) {
  Words words;
  if (!ReadArgument(env, value, &words)) return false;
  *out = Napi::Int32Array(env, value);
  return true;
}

template <typename T>
constexpr const char* kArgumentType = "of another type";
template <>
inline constexpr const char* kArgumentType<int32_t> = "a 32-bit integer";
template <>
inline constexpr const char* kArgumentType<uint32_t> = "a 32-bit integer";
template <>
inline constexpr const char* kArgumentType<double> = "a number";
template <>
inline constexpr const char* kArgumentType<Bytes> = "a Uint8Array";
template <>
inline constexpr const char* kArgumentType<Memory> = "an ArrayBuffer";
template <>
inline constexpr const char* kArgumentType<Words> = "an Int32Array";
template <>
inline constexpr const char* kArgumentType<Doubles> = "a Float64Array";
template <>
inline constexpr const char* kArgumentType<Napi::Int32Array> = "an Int32Array";
template <>
inline constexpr const char* kArgumentType<std::string> = "a string";
template <>
inline constexpr const char* kArgumentType<Napi::Array> = "an array";
template <>
inline constexpr const char* kArgumentType<Napi::Function> = "a function";

// Out of line, so that the strings it makes cost a right call nothing.
[[gnu::cold, gnu::noinline]] inline bool ThrowArgumentType(napi_env env, size_t index, const char* expected) {
  const std::string message = "native argument " + std::to_string(index) + " must be " + expected;
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message.c_str());
  return false;
}

template <typename T>
[[gnu::always_inline]] inline bool ReadOrThrow(napi_env env, napi_value value, size_t index, T* out) {
  return ReadArgument(env, value, out) || ThrowArgumentType(env, index, kArgumentType<T>);
}

inline napi_value ToResult(napi_env env, int result) {
  napi_value value = nullptr;
  napi_create_int32(env, result, &value);
  return value;
}
inline napi_value ToResult(napi_env, napi_value value) { return value; }

template <auto Function>
struct Exported;

template <typename Result, typename... Parameters, Result (*Function)(Environment&, Parameters...)>
struct Exported<Function> {
  static napi_value Call(napi_env env, napi_callback_info info) {
    size_t count = sizeof...(Parameters);
    napi_value values[sizeof...(Parameters) + 1];
    void* environment = nullptr;
    napi_get_cb_info(env, info, &count, values, nullptr, &environment);
    return Apply(env, *static_cast<Environment*>(environment), values,
                 std::index_sequence_for<Parameters...>());
  }

 private:
  template <size_t... Index>
  static napi_value Apply(napi_env env, Environment& environment, [[maybe_unused]] const napi_value* values,
                          std::index_sequence<Index...>) {
    std::tuple<std::decay_t<Parameters>...> arguments;
    if (!(ReadOrThrow(env, values[Index], Index, &std::get<Index>(arguments)) && ...)) return nullptr;
    if constexpr (std::is_void_v<Result>) {
      Function(environment, std::get<Index>(arguments)...);
      return nullptr;
    } else {
      return ToResult(env, Function(environment, std::get<Index>(arguments)...));
    }
  }
};

// Exports `Function` under `name`. The environment travels as the function's data: nothing is looked up per
// call.
template <auto Function>
void Export(Napi::Object exports, Environment& environment, const char* name) {
  const napi_env env = exports.Env();
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, Exported<Function>::Call, &environment, &function);
  napi_set_named_property(env, exports, name, function);
}

}  // namespace iomux
