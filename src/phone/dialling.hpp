// From digits to the person who answers: asks the fast path or the library, and settles what they
// cannot know: a calling code without its plus, countries where one subscriber has two numbers, and
// plans that have changed.
#pragma once

#include <string_view>

#include "phone/input.hpp"
#include "phone/phone.hpp"

namespace customer_identity::phone {

class Dialling {
 public:
  /// With `fast_only` nothing is asked of the library, and understood() tells whether that would
  /// have been needed.
  Dialling(std::string_view region, const Options &options, bool fast_only)
      : region_(region), options_(options), fast_only_(fast_only) {}

  /// Whose number `text` is, which holds one at most. True when it is acceptable.
  bool dial(std::string_view text, Details &details);
  /// The same for a text whose digits are known: `input` is all that read_input() says of it.
  bool dial(std::string_view text, const Input &input, Details &details);

  std::string_view region() const { return region_; }
  bool understood() const { return understood_; }

 private:
  void ask(std::string_view text, Details &details);
  bool settle(std::string_view text, Details &details);
  void consider_own_code(std::string_view text, Details &details);
  void unify(Details &details);
  void renew(std::string_view text, Details &details);

  std::string_view region_;
  const Options &options_;
  bool fast_only_;
  bool understood_ = true;
};

}  // namespace customer_identity::phone
