// System calls that are made for every message, on Linux not by the functions of the C library. In a process
// with threads those make of each a point at which the thread may be cancelled, for nothing; and they return
// before the stack of return addresses can be refilled.
#pragma once

// Under a sanitizer they are the C library's, which tells it what memory the kernel writes to.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IOMUX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IOMUX_SANITIZED 1
#endif
#endif

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

#if defined(__x86_64__) && !defined(__ILP32__)
// The result, or -errno.
[[gnu::always_inline]] inline long EnterKernel(long number, long first = 0, long second = 0, long third = 0,
                                               long fourth = 0, long fifth = 0, long sixth = 0) {
  register long in_r10 asm("r10") = fourth;
  register long in_r8 asm("r8") = fifth;
  register long in_r9 asm("r9") = sixth;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(first), "S"(second), "d"(third), "r"(in_r10), "r"(in_r8), "r"(in_r9)
               : "rcx", "r11", "memory");
  RefillReturnStack();
  return result;
}
#endif

// syscall(2): the result, or -1 and errno.
template <typename... Arguments>
[[gnu::always_inline]] inline long SystemCall(long number, Arguments... arguments) {
#if defined(__x86_64__) && !defined(__ILP32__)
  const long result = EnterKernel(number, ToRegister(arguments)...);
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
#else
  return syscall(number, ToRegister(arguments)...);
#endif
}

}  // namespace iomux
#endif

// The call that the C library's function of this name makes, with the arguments that both take.
#if defined(__linux__) && !defined(IOMUX_SANITIZED)
#define IOMUX_CALL(name, ...) SystemCall(SYS_##name, __VA_ARGS__)
#else
#define IOMUX_CALL(name, ...) name(__VA_ARGS__)
#endif
