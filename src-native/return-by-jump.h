// A function that has come from a system call may return by a jump, which the processor predicts by where it
// went before, while it predicts no return then: 15 ns less for each. What made no system call is predicted
// as it is, and would mislead those it returns to. Under CET a return is a return: the shadow stack takes
// nothing else for one, and a jump may only go where it is marked that one may arrive.
#pragma once

#if defined(__linux__) && defined(__x86_64__) && !defined(__ILP32__) && defined(__GNUC__) && \
    !defined(__clang__) && !defined(__CET__)
#define IOMUX_HAS_RETURN_THUNK 1
#define IOMUX_RETURN_BY_JUMP [[gnu::function_return("thunk-extern")]]
#else
#define IOMUX_RETURN_BY_JUMP
#endif
