// Messages between threads; see mailbox.h.
#include "mailbox.h"

#include <cerrno>
#include <unordered_map>
#include <utility>

#include "arguments.h"
#include "environment.h"
#include "wait-set.h"

namespace iomux {
namespace {

// The process's, not an environment's: what one thread opens, another must find. A number that means nothing
// any more finds nothing, which a pointer could not.
struct Registry {
  std::mutex mutex;
  std::unordered_map<uint32_t, std::shared_ptr<Mailbox>> mailboxes;
  uint32_t last = 0;
};

Registry& Mailboxes() {
  static Registry registry;
  return registry;
}

// mailboxOpen(id) → 0; its number is written to `into`
int Open(Environment& environment, int id, Words into) {
  WaitSet* set = environment.Find(id);
  if (set == nullptr) return -EBADF;
  if (into.length < 1) return -EINVAL;
  into.data[0] = static_cast<int32_t>(set->OpenMailbox().number());
  return 0;
}

// mailboxPut(number, message) → 1, or 0 where it is closed
int Put(Environment&, uint32_t number, Bytes message) {
  if (message.length > UINT32_MAX) return -EMSGSIZE;
  const std::shared_ptr<Mailbox> mailbox = Mailbox::Find(number);
  return mailbox != nullptr && mailbox->Put(message.data, message.length);
}

// mailboxTake(id) → the messages, each behind its length; null where there is no mailbox
napi_value Take(Environment& environment, int id) {
  WaitSet* set = environment.Find(id);
  napi_value result = nullptr;
  if (set == nullptr) {
    napi_get_null(environment.env(), &result);
    return result;
  }
  const std::vector<uint8_t> messages = set->OpenMailbox().Take();
  void* data = nullptr;
  napi_create_buffer_copy(environment.env(), messages.size(), messages.data(), &data, &result);
  return result;
}

}  // namespace

std::shared_ptr<Mailbox> Mailbox::Open() {
  Registry& registry = Mailboxes();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  const uint32_t number = ++registry.last;
  std::shared_ptr<Mailbox> mailbox(new Mailbox(number));
  registry.mailboxes.emplace(number, mailbox);
  return mailbox;
}

std::shared_ptr<Mailbox> Mailbox::Find(uint32_t number) {
  Registry& registry = Mailboxes();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  const auto found = registry.mailboxes.find(number);
  return found == registry.mailboxes.end() ? nullptr : found->second;
}

void Mailbox::Close() {
  {
    Registry& registry = Mailboxes();
    const std::lock_guard<std::mutex> lock(registry.mutex);
    registry.mailboxes.erase(number_);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
  messages_ = {};
}

bool Mailbox::Put(const uint8_t* message, size_t length) {
  const auto size = static_cast<uint32_t>(length);
  const uint8_t prefix[] = {static_cast<uint8_t>(size), static_cast<uint8_t>(size >> 8),
                            static_cast<uint8_t>(size >> 16), static_cast<uint8_t>(size >> 24)};
  const std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return false;
  messages_.insert(messages_.end(), prefix, prefix + sizeof prefix);
  messages_.insert(messages_.end(), message, message + length);
  return true;
}

std::vector<uint8_t> Mailbox::Take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(messages_, {});
}

void RegisterMailbox(Napi::Object exports, Environment& environment) {
  Export<Open>(exports, environment, "mailboxOpen");
  Export<Put>(exports, environment, "mailboxPut");
  Export<Take>(exports, environment, "mailboxTake");
}

}  // namespace iomux
