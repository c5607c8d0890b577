// From a text as people type it to what would be dialled: digits, whether a plus stands before
// them, and an extension. What the library's regular expressions say of a text's form is said here.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "phone/phone.hpp"

namespace customer_identity::phone {

inline constexpr std::size_t kMaximumInput = 100;  // bytes; longer texts are left to the library

/// A buffer for digits, with room behind the longest number: copies are of a fixed size.
using Digits = std::array<char, kMaximumInput>;

struct Input {
  Input() = default;
  Input(const Input &) = delete;
  Input &operator=(const Input &) = delete;

  bool plus = false;
  std::string_view digits;     // in `buffer`
  std::string_view extension;  // in `buffer`, after them
  Digits buffer;
};

/// kOk, or why there is no number; nothing when only the library can tell.
using Outcome = std::optional<Reason>;

/// `input` is new.
Outcome read_input(std::string_view text, Input &input);

/// parse_fast() of a text that was read.
bool parse_fast(const Input &input, std::string_view region, Acceptance acceptance,
                Details &details);

}  // namespace customer_identity::phone
