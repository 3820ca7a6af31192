// Where a function marked IOMUX_RETURN_BY_JUMP jumps in place of a return.
#include "system-call.h"

#if defined(IOMUX_RETURNS_BY_JUMP)
// The name is the compiler's. No register but rcx is free when a function returns: what it returns is in rax.
asm(R"(
  .text
  .globl __x86_return_thunk
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
