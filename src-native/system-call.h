// System calls without the functions of a C library, for those that are made for every message. In a process
// with threads a C library makes of each a point at which the thread may be cancelled, for nothing; and its
// function would return before the stack of return addresses is refilled.
#pragma once

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <type_traits>

#include "return-stack.h"

namespace iomux {

template <typename Argument>
long ToRegister(Argument argument) {
  if constexpr (std::is_null_pointer_v<Argument>) {
    return 0;
  } else if constexpr (std::is_pointer_v<Argument>) {
    return reinterpret_cast<long>(argument);
  } else {
    return static_cast<long>(argument);
  }
}

// syscall(2): the result, or -1 and errno.
template <typename... Arguments>
[[gnu::always_inline]] inline long SystemCall(long number, Arguments... arguments) {
#if defined(__x86_64__) && !defined(__ILP32__)
  const long registers[6] = {ToRegister(arguments)...};
  register long in_r10 asm("r10") = registers[3];
  register long in_r8 asm("r8") = registers[4];
  register long in_r9 asm("r9") = registers[5];
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(registers[0]), "S"(registers[1]), "d"(registers[2]), "r"(in_r10),
                 "r"(in_r8), "r"(in_r9)
               : "rcx", "r11", "memory");
  RefillReturnStack();
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
#else
  return syscall(number, ToRegister(arguments)...);
#endif
}

// The call that the C library's function of this name makes, with the arguments that both take.
#define IOMUX_CALL(name, ...) SystemCall(SYS_##name, __VA_ARGS__)

}  // namespace iomux
#else
#define IOMUX_CALL(name, ...) name(__VA_ARGS__)
#endif
