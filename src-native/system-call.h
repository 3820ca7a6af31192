// syscall(2) without a function of the C library, for what is called for every message. The kernel's own
// calls wear out the processor's stack of return addresses, so that it predicts none of the returns that
// follow: one function less to return from saves 25 ns.
#pragma once

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace iomux {

// The result, or -1 and errno.
[[gnu::always_inline]] inline long SystemCall(long number, long first, long second, long third, long fourth,
                                              long fifth, long sixth) {
#if defined(__x86_64__) && !defined(__ILP32__)
  register long in_r10 asm("r10") = fourth;
  register long in_r8 asm("r8") = fifth;
  register long in_r9 asm("r9") = sixth;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(first), "S"(second), "d"(third), "r"(in_r10), "r"(in_r8), "r"(in_r9)
               : "rcx", "r11", "memory");
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
#else
  return syscall(number, first, second, third, fourth, fifth, sixth);
#endif
}

}  // namespace iomux
#endif
