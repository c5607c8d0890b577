// A phone for the log: enough of it to find the customer who calls, too little to call them.
#pragma once

#include <string_view>

namespace customer_identity::sms {

/// Trivially destructible.
struct MaskedPhone {
  char text[24];
};

/// "+49*********78": the first two digits, which begin with its country's, and the last two.
inline MaskedPhone masked(std::string_view phone) noexcept {
  constexpr std::size_t kFirst = 3;  // with the plus sign
  constexpr std::size_t kLast = 2;
  MaskedPhone masked = {};
  const std::size_t length = phone.size() < sizeof(masked.text) ? phone.size() : 0;
  for (std::size_t i = 0; i < length; ++i) {
    const bool shown = length > kFirst + kLast + 3 && (i < kFirst || i + kLast >= length);
    masked.text[i] = shown ? phone[i] : '*';
  }
  return masked;
}

}  // namespace customer_identity::sms
