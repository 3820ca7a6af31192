// epoll-echo.c, which refills the processor's stack of return addresses after each recv, send and wait;
// src-native/return-stack.h says why. It is what the limit becomes where the addon does so. Only for x86-64.
#define _GNU_SOURCE
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

// The calls write below the red zone, which the function around them may be using.
__attribute__((always_inline)) static inline long call_kernel(long number, long first, long second,
                                                              long third, long fourth) {
  register long in_r10 __asm__("r10") = fourth;
  register long in_r8 __asm__("r8") = 0;
  register long in_r9 __asm__("r9") = 0;
  long result;
  __asm__ volatile(
      "syscall\n"
      "lea -128(%%rsp), %%rsp\n"
      ".rept 16\n"
      "call 1f\n"
      "int3\n"
      "1:\n"
      ".endr\n"
      "lea 256(%%rsp), %%rsp\n"
      : "=a"(result)
      : "a"(number), "D"(first), "S"(second), "d"(third), "r"(in_r10), "r"(in_r8), "r"(in_r9)
      : "rcx", "r11", "memory");
  if (result >= 0) return result;
  errno = (int)-result;
  return -1;
}

#define recv(fd, data, length, flags) call_kernel(SYS_recvfrom, fd, (long)(data), (long)(length), flags)
#define send(fd, data, length, flags) call_kernel(SYS_sendto, fd, (long)(data), (long)(length), flags)
#define epoll_wait(epfd, events, capacity, time) \
  (int)call_kernel(SYS_epoll_wait, epfd, (long)(events), capacity, time)

#include "epoll-echo.c"
