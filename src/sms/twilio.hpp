// Twilio's Messages resource: what a request says, and what an answer means. Plain C++ without
// PostgreSQL and without a network.
#pragma once

#include <string>
#include <string_view>

namespace customer_identity::sms {

/// Who sends, as the settings customer_identity.twilio_* say.
struct Account {
  std::string_view base_url;
  std::string_view sid;
  std::string_view token;
  std::string_view sender;  // a phone, a name, or the sid of a messaging service
};

/// https to any host, http to this machine alone: the token travels with every request.
bool is_safe_base_url(std::string_view url) noexcept;
/// Whether the host is this machine by its name or number.
bool is_loopback(std::string_view url) noexcept;
/// Letters and digits: it becomes a part of the path.
bool is_sid(std::string_view text) noexcept;

std::string messages_url(const Account &account);
/// The body of the request, application/x-www-form-urlencoded. `text` is UTF-8.
std::string message_form(const Account &account, std::string_view phone, std::string_view text);

enum class Status {
  kSent,
  kRetry,    // the same request may succeed later
  kRefused,  // it never will
};

/// What became of a request. Trivially destructible; its texts are printable ASCII.
struct Outcome {
  Status status;
  bool account_at_fault;  // the settings are wrong, not the message
  int http_status;        // 0: no answer
  int code;               // Twilio's own; 0: none
  char provider_id[65];   // of a sent message
  char error[256];        // begins with Twilio's code, where it gave one: "21211: ..."
};

/// Twilio has the message. A second request would send it twice, so that this counts although the
/// rest of the answer is lost.
inline constexpr int kCreated = 201;

/// The meaning of a whole answer, or of any part of one that began with kCreated.
Outcome outcome_of(int http_status, std::string_view answer);
/// No answer, or half of one. Retried although the message may have gone out: Twilio has no key by
/// which it would know the second request.
Outcome unanswered(std::string_view why) noexcept;

}  // namespace customer_identity::sms
