// Messages from other threads, in the order in which they came.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace iomux {

// Belongs to a wait set; other threads know it by its number, and whoever is about to put something in holds
// it meanwhile.
class Mailbox {
 public:
  // Opens one, and gives it a number that no other had before.
  static std::shared_ptr<Mailbox> Open();
  static std::shared_ptr<Mailbox> Find(uint32_t number);
  void Close();

  uint32_t number() const { return number_; }

  // False where it is closed.
  bool Put(const uint8_t* message, size_t length);
  // All that came, each message behind its length: four bytes, the lowest first.
  std::vector<uint8_t> Take();

 private:
  explicit Mailbox(uint32_t number) : number_(number) {}

  const uint32_t number_;
  std::mutex mutex_;
  std::vector<uint8_t> messages_;
  bool closed_ = false;
};

}  // namespace iomux
