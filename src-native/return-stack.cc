#include "return-stack.h"

#if defined(__linux__) && defined(__x86_64__) && !defined(__ILP32__)
#include <cstdio>
#include <cstring>

namespace iomux {
namespace {

// As Linux tells it, whether or not the microcode has its part of it; nothing where a sandbox hides that.
bool ReturnsBySafeRet() {
  std::FILE* file = std::fopen("/sys/devices/system/cpu/vulnerabilities/spec_rstack_overflow", "re");
  if (file == nullptr) return false;
  char line[128] = "";
  const bool told = std::fgets(line, sizeof line, file) != nullptr;
  std::fclose(file);
  return told && std::strstr(line, "Safe RET") != nullptr;
}

}  // namespace

const bool kernel_leaves_returns = ReturnsBySafeRet();

}  // namespace iomux

// CET keeps a second stack of return addresses, in memory, which must lose what was called without a return;
// rdsspq leaves its register alone where that stack is not in use.
#if defined(__CET__)
#define LEAVE_SHADOW_STACK \
  "  xor %edx, %edx\n"     \
  "  rdsspq %rdx\n"        \
  "  test %rdx, %rdx\n"    \
  "  jz 2f\n"              \
  "  mov $17, %edx\n"      \
  "  incsspq %rdx\n"       \
  "2:\n"
#else
#define LEAVE_SHADOW_STACK ""
#endif

// More calls than functions return, one after another, until something is called again; and a jump, because a
// return would take the last of them.
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
)" LEAVE_SHADOW_STACK R"(
  notrack jmp *%rcx
  .cfi_endproc
  .size iomux_refill_return_stack, . - iomux_refill_return_stack
)");
#endif
