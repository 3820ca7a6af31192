{
  "variables": {
    # IOMUX_LIBKQUEUE=1 builds the kqueue backend on Linux, over libkqueue, where pkg-config knows it.
    "libkqueue%": "<!(node -p \"process.env.IOMUX_LIBKQUEUE === '1' ? 1 : 0\")",
    # IOMUX_SANITIZE=address,undefined (or thread) instruments the addon.
    "sanitize%": "<!(node -p \"process.env.IOMUX_SANITIZE || ''\")",
  },
  "targets": [
    {
      "target_name": "iomux",
      "sources": [
        "src-native/addon.cc",
        "src-native/environment.cc",
        "src-native/descriptor.cc",
        "src-native/wait-set.cc",
        "src-native/host.cc",
        "src-native/host-uv.cc",
        "src-native/host-thread.cc",
        "src-native/waker.cc",
        "src-native/signals.cc",
        "src-native/mailbox.cc",
        "src-native/constants.cc",
        "src-native/address.cc",
        "src-native/socket.cc",
        "src-native/options.cc",
        "src-native/message.cc",
        "src-native/select.cc",
        "src-native/poll.cc",
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=8",
        "NAPI_DISABLE_CPP_EXCEPTIONS",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
      ],
      "cflags": ["-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-fno-plt"],
      "xcode_settings": {
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
        "OTHER_CFLAGS": ["-Wall", "-Wextra", "-Werror"],
      },
      "conditions": [
        ["OS=='linux'", {
          "sources": ["src-native/epoll.cc", "src-native/return-stack.cc"],
          "defines": ["IOMUX_EPOLL"],
          "libraries": ["-ldl"],
        }],
        ["OS in 'mac freebsd openbsd netbsd'", {
          "sources": ["src-native/kqueue.cc"],
          "defines": ["IOMUX_KQUEUE"],
        }],
        ["OS=='linux' and libkqueue==1", {
          "sources": ["src-native/kqueue.cc"],
          "defines": ["IOMUX_KQUEUE", "IOMUX_LIBKQUEUE"],
          "cflags": ["<!@(pkg-config --cflags libkqueue)"],
          "libraries": ["<!@(pkg-config --libs libkqueue)"],
        }],
        ["sanitize!=''", {
          "cflags": ["-fsanitize=<(sanitize)", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all", "-g", "-O1"],
          "ldflags": ["-fsanitize=<(sanitize)"],
        }],
      ],
    },
  ],
}
