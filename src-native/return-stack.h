// A processor predicts where functions return to by a stack of its own, onto which each call puts an address.
// A kernel that guards its returns by "Safe RET" (AMD, CVE-2023-20569) leaves addresses of its own there. The
// returns of the process take those, one after another, and go astray; and once they have, the kernel's next
// call is slower, as if its own returns were predicted worse: a send and a recv through a pair of Unix
// sockets take 1.6 µs in place of 1.2. So addresses of the process are put there before anything returns.
// Its returns go astray as before, for 6 ns each, and the kernel is as fast as it can be.
#pragma once

#if defined(__linux__) && defined(__x86_64__) && !defined(__ILP32__)

namespace iomux {

// Whether the kernel does so. Where it does not, it leaves the stack nearly as it was, and a refill would
// lead astray what is predicted. IOMUX_REFILL_RETURNS says otherwise.
[[gnu::visibility("hidden")]] extern const bool kernel_leaves_returns;

extern "C" [[gnu::visibility("hidden")]] void iomux_refill_return_stack();

// Between a system call and the first return after it.
[[gnu::always_inline]] inline void RefillReturnStack() {
  if (kernel_leaves_returns) iomux_refill_return_stack();
}

}  // namespace iomux
#endif
