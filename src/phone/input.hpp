// From a text as people type it to what would be dialled: digits, whether a plus stands before
// them, and an extension. What the library's regular expressions say of a text's form is said here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace customer_identity::phone {

inline constexpr std::size_t kLongestInput = 100;  // bytes; longer texts are left to the library

struct Input {
  Input() = default;
  Input(const Input &) = delete;
  Input &operator=(const Input &) = delete;

  bool plus = false;
  std::string_view digits;     // in the text, where they stand together there, or in `buffer`
  std::string_view extension;  // in `buffer`, after them
  std::array<char, kLongestInput> buffer;
};

enum class Reading : std::uint8_t {
  kDialled,
  kNotANumber,
  kNotUnderstood,  // the library has to read it
};

/// `input` is new, and refers to `text` afterwards.
Reading read_input(std::string_view text, Input &input);

}  // namespace customer_identity::phone
