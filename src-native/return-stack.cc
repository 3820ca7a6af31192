#include "return-stack.h"

#if defined(__linux__) && defined(__x86_64__) && !defined(__ILP32__)
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace iomux {
namespace {

// As the kernel tells it: "Mitigation: Safe RET", "Vulnerable: Safe RET, no microcode", or the same in small
// letters by the first that had it, where "Vulnerable: Microcode, no safe RET" has none. No where /sys is
// hidden.
bool ReturnsBySafeRet() {
  std::FILE* file = std::fopen("/sys/devices/system/cpu/vulnerabilities/spec_rstack_overflow", "re");
  if (file == nullptr) return false;
  char line[128] = "";
  const bool told = std::fgets(line, sizeof line, file) != nullptr;
  std::fclose(file);
  return told && std::strstr(line, "afe RET") != nullptr && std::strstr(line, "no safe RET") == nullptr;
}

bool IsToRefill() {
  const char* forced = std::getenv("IOMUX_REFILL_RETURNS");
  return forced != nullptr && *forced != '\0' ? *forced == '1' : ReturnsBySafeRet();
}

}  // namespace

const bool kernel_leaves_returns = IsToRefill();

}  // namespace iomux

// Sixteen calls, of 32 that the stack has room for: more make an echo faster by none of the layers. The way
// back is a jump: a return would take the last.
//
// Where CET is in use, its own stack of return addresses, which is in memory, has them too, and the one by
// which this was called. rdsspq leaves its register alone where it is not.
asm(R"(
  .text
  .hidden iomux_refill_return_stack
  .globl iomux_refill_return_stack
  .type iomux_refill_return_stack, @function
  .p2align 4
iomux_refill_return_stack:
  .cfi_startproc
  pop %rcx
  .cfi_adjust_cfa_offset -8
  .cfi_register %rip, %rcx
  .rept 16
  call 1f
  int3
1:
  .cfi_adjust_cfa_offset 8
  .endr
  add $128, %rsp
  .cfi_adjust_cfa_offset -128
  xor %edx, %edx
  rdsspq %rdx
  test %rdx, %rdx
  jz 2f
  mov $17, %edx
  incsspq %rdx
2:
  notrack jmp *%rcx
  .cfi_endproc
  .size iomux_refill_return_stack, . - iomux_refill_return_stack
)");
#endif
