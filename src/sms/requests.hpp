// Requests to the provider that are under way, by libcurl's multi interface. Plain C++ without
// PostgreSQL.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "sms/masked_phone.hpp"
#include "sms/twilio.hpp"

namespace customer_identity::sms {

struct Message {
  std::int64_t id;
  std::string_view phone;  // E.164
  std::string_view text;   // UTF-8
};

/// Trivially destructible.
struct Result {
  std::int64_t message_id;
  MaskedPhone phone;
  Outcome outcome;
};

class Requests {
 public:
  Requests();
  ~Requests();
  Requests(const Requests &) = delete;
  Requests &operator=(const Requests &) = delete;

  /// Nothing of the arguments is used after the call.
  void start(const Account &account, const Message &message, int timeout_seconds);
  /// Sends and receives what can be, for no longer than that.
  void advance(int milliseconds);
  /// A request that has ended leaves here; false: none has.
  bool take(Result &result);
  std::size_t under_way() const { return requests_.size(); }

 private:
  struct Request;
  Request *find(const void *handle) const;
  void remove(Request *request);

  void *multi_;
  std::vector<std::unique_ptr<Request>> requests_;
};

}  // namespace customer_identity::sms
