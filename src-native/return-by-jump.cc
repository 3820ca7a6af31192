// Where a function marked IOMUX_RETURN_BY_JUMP jumps in place of a return.
#include "return-by-jump.h"

#if defined(IOMUX_HAS_RETURN_THUNK)
// The name is the compiler's, which makes one of its own, not weak, where the whole addon is to return by
// thunks. What a function returns is in rax; rcx is free then, and a system call has taken it before.
asm(R"(
  .text
  .weak __x86_return_thunk
  .hidden __x86_return_thunk
  .type __x86_return_thunk, @function
  .p2align 4
__x86_return_thunk:
  .cfi_startproc
  pop %rcx
  .cfi_adjust_cfa_offset -8
  .cfi_register %rip, %rcx
  jmp *%rcx
  .cfi_endproc
  .size __x86_return_thunk, . - __x86_return_thunk
)");
#endif
