// A text in the making, without allocations. Too much for it makes it empty, which is nobody's
// number.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace customer_identity::phone {

class ShortText {
 public:
  ShortText &add(std::string_view piece) {
    if (piece.size() > text_.size() - size_)
      size_ = 0;
    else
      size_ += piece.copy(text_.data() + size_, piece.size());
    return *this;
  }

  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::size_t size_ = 0;
  std::array<char, 320> text_;  // NOLINT(*-member-init): filled up to `size_`
};

}  // namespace customer_identity::phone
