// select(2), over bit arrays of our own. Every function returns a count, or -errno.
#if defined(__APPLE__)
#define _DARWIN_UNLIMITED_SELECT 1  // else macOS refuses descriptors from FD_SETSIZE on
#endif
#include <sys/select.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <vector>

#include "arguments.h"
#include "descriptor.h"
#include "poll.h"
#include "wait-set.h"

namespace iomux {
namespace {

// A set of descriptors in the layout of fd_set, as long as its highest member needs. An fd_set ends at
// FD_SETSIZE, 1,024, and FD_SET beyond that writes over whatever lies behind it; the kernel itself has no
// such limit.
class DescriptorSet {
 public:
  using Word = unsigned long;
  static constexpr int kBits = sizeof(Word) * CHAR_BIT;

  void Reserve(int descriptors) {
    const size_t words = (static_cast<size_t>(descriptors) + kBits - 1) / kBits;
    if (words_.size() < words) words_.resize(words);
  }
  void Put(int fd, bool member) {
    const Word bit = Word{1} << fd % kBits;
    words_[fd / kBits] = member ? words_[fd / kBits] | bit : words_[fd / kBits] & ~bit;
  }
  bool Has(int fd) const { return words_[fd / kBits] >> fd % kBits & 1; }
  Word word(size_t index) const { return words_[index]; }
  size_t words() const { return words_.size(); }
  void Assign(const DescriptorSet& other) { words_.assign(other.words_.begin(), other.words_.end()); }
  fd_set* native() { return reinterpret_cast<fd_set*>(words_.data()); }

 private:
  std::vector<Word> words_;
};

// The three sets of one call: what is asked for, or what is ready.
struct Sets {
  DescriptorSet read, write, except;

  void Reserve(int descriptors) {
    read.Reserve(descriptors);
    write.Reserve(descriptors);
    except.Reserve(descriptors);
  }
  void Put(int fd, uint32_t events) {
    read.Put(fd, events & kRead);
    write.Put(fd, events & kWrite);
    except.Put(fd, events & kPriority);
  }
  uint32_t At(int fd) const {
    return (read.Has(fd) ? kRead : 0u) | (write.Has(fd) ? kWrite : 0u) | (except.Has(fd) ? kPriority : 0u);
  }
  void Assign(const Sets& other) {
    read.Assign(other.read);
    write.Assign(other.write);
    except.Assign(other.except);
  }
};

int SelectOnce(int descriptors, Sets* ready, const Deadline& deadline) {
  timespec storage;
  const int count = pselect(descriptors, ready->read.native(), ready->write.native(), ready->except.native(),
                            deadline.RemainingToSleep(&storage), nullptr);
  return count < 0 ? -errno : count;
}

class SelectSet final : public WaitSet {
 public:
  static constexpr Backend kBackend = Backend::kSelect;

  explicit SelectSet(Environment& environment) : WaitSet(environment, kBackend) {}

  int Open(Napi::Int32Array shared) {
    const int status = waker().Open(shared, environment().pipe_waker());
    if (status < 0) return status;
    Grow(std::max(waker().bell(), environment().interrupt()) + 1);
    wanted_.read.Put(waker().bell(), true);
    if (environment().interrupt() >= 0) wanted_.read.Put(environment().interrupt(), true);
    return 0;
  }

  int Control(int fd, const Interest& interest) override {
    Grow(fd + 1);
    wanted_.Put(fd, interest.events);
    keys_[fd] = {interest.generation, true, interest.oneshot};
    return 0;
  }

  int Remove(int fd) override {
    if (fd >= descriptors_ || !keys_[fd].registered) return -ENOENT;
    wanted_.Put(fd, 0);
    keys_[fd] = {};
    return 0;
  }

  void Watched(std::vector<pollfd>* into) const override {
    into->push_back({waker().bell(), POLLIN, 0});
    for (int fd = 0; fd < descriptors_; fd++) {
      const uint32_t events = keys_[fd].registered ? wanted_.At(fd) : 0;
      if (events != 0) into->push_back({fd, ToPoll(events), 0});
    }
  }

  int Dump(Words into) const override {
    size_t count = 0;
    for (int fd = 0; fd < descriptors_ && 3 * count + 2 < into.length; fd++) {
      if (!keys_[fd].registered) continue;
      into.data[3 * count] = fd;
      into.data[3 * count + 1] = static_cast<int32_t>(keys_[fd].generation);
      into.data[3 * count + 2] = static_cast<int32_t>(wanted_.At(fd) | (keys_[fd].oneshot ? kOneshot : 0));
      count++;
    }
    return static_cast<int>(count);
  }

 protected:
  int WaitOnce(const Deadline& deadline) override {
    ready_.Assign(wanted_);
    int ready = SelectOnce(descriptors_, &ready_, deadline);
    if (ready == -EBADF) {
      // One closed descriptor fails the call for all. It is found, reported and left out; the others are
      // asked again without waiting, so that nobody pays for it.
      ReportClosed();
      ready_.Assign(wanted_);
      ready = SelectOnce(descriptors_, &ready_, Deadline(0));
      if (ready == -EBADF) return 0;  // another one was closed meanwhile, by another thread
    }
    if (ready <= 0) return ready;
    if (Take(waker().bell())) ReportBell();
    if (environment().interrupt() >= 0 && Take(environment().interrupt())) ReportInterrupt();
    // As in poll.cc, the scan starts behind the last descriptor that was reported.
    const size_t words = ready_.read.words();
    const size_t first = next_ / DescriptorSet::kBits;
    for (size_t i = 0; i <= words; i++) {
      const size_t index = (first + i) % words;
      DescriptorSet::Word bits =
          ready_.read.word(index) | ready_.write.word(index) | ready_.except.word(index);
      // The first word is visited twice: its upper part at the start, its lower part at the end.
      const DescriptorSet::Word upper = ~DescriptorSet::Word{0} << next_ % DescriptorSet::kBits;
      if (i == 0) bits &= upper;
      if (i == words) bits &= ~upper;
      for (; bits != 0; bits &= bits - 1) {
        const int fd = static_cast<int>(index) * DescriptorSet::kBits + __builtin_ctzl(bits);
        if (!Report(fd, keys_[fd].generation, ready_.At(fd))) {
          next_ = fd;
          return 0;
        }
        if (keys_[fd].oneshot) wanted_.Put(fd, 0);
      }
    }
    return 0;
  }

 private:
  struct Key {
    uint32_t generation = 0;
    bool registered = false;
    bool oneshot = false;
  };

  void Grow(int descriptors) {
    if (descriptors <= descriptors_) return;
    wanted_.Reserve(descriptors);
    keys_.resize(descriptors);
    descriptors_ = descriptors;
  }

  bool Take(int fd) {
    const bool ready = ready_.read.Has(fd);
    ready_.read.Put(fd, false);
    return ready;
  }

  void ReportClosed() {
    for (int fd = 0; fd < descriptors_; fd++) {
      if (!keys_[fd].registered || wanted_.At(fd) == 0 || IsOpen(fd)) continue;
      if (Report(fd, keys_[fd].generation, kInvalid)) wanted_.Put(fd, 0);
    }
  }

  Sets wanted_;
  Sets ready_;
  std::vector<Key> keys_;  // by descriptor
  int descriptors_ = 0;    // one more than the highest that was ever watched
  int next_ = 0;
};

void Add(Words files, DescriptorSet* set) {
  for (size_t i = 0; i < files.length; i++) set->Put(files.data[i], true);
}

void KeepReady(Words files, const DescriptorSet& ready) {
  for (size_t i = 0; i < files.length; i++) {
    if (!ready.Has(files.data[i])) files.data[i] = -1;
  }
}

int Highest(Words files) {
  int highest = -1;
  for (size_t i = 0; i < files.length; i++) {
    if (files.data[i] < 0) return INT_MAX;
    highest = std::max(highest, files.data[i]);
  }
  return highest;
}

// selectWait(readers, writers, exceptional, milliseconds) → count. What is not ready becomes -1, in place.
int SelectWait(Environment& environment, Words readers, Words writers, Words exceptional,
               double milliseconds) {
  int highest = std::max({Highest(readers), Highest(writers), Highest(exceptional)});
  // Linux cuts the sets off at the end of the process's descriptor table, and leaves what lies beyond as it
  // was: ready. An open descriptor is no further than that.
  if (highest >= 0 && !IsOpen(highest)) return -EBADF;
  highest = std::max(highest, environment.interrupt());
  Sets wanted, ready;
  wanted.Reserve(highest + 1);
  Add(readers, &wanted.read);
  Add(writers, &wanted.write);
  Add(exceptional, &wanted.except);
  const bool interruptible = environment.interrupt() >= 0;
  // Asked for by the caller as well? Then it is his, and stays in the result.
  if (interruptible) wanted.read.Put(environment.interrupt(), true);
  const Deadline deadline(environment.stopped() ? 0 : milliseconds);
  int count;
  for (;;) {
    ready.Assign(wanted);
    count = SelectOnce(highest + 1, &ready, environment.Stretch(deadline));
    if (count < 0 && count != -EINTR) return count;
    const bool rang = count > 0 && interruptible && ready.read.Has(environment.interrupt());
    if (rang) count--;
    if (environment.EndsWait(rang, count <= 0) || count > 0 || deadline.Expired()) break;
  }
  if (count <= 0) ready = Sets(), ready.Reserve(highest + 1);
  KeepReady(readers, ready.read);
  KeepReady(writers, ready.write);
  KeepReady(exceptional, ready.except);
  return std::max(count, 0);
}

// selectOpen(shared) → id of a wait set
int SelectOpen(Environment& environment, Napi::Int32Array shared) {
  return OpenSet<SelectSet>(environment, shared);
}

}  // namespace

void RegisterSelect(Napi::Object exports, Environment& environment) {
  Export<SelectWait>(exports, environment, "selectWait");
  Export<SelectOpen>(exports, environment, "selectOpen");
}

}  // namespace iomux
