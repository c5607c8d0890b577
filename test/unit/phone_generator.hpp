// Makes up phones as people might type them, and what they might not: the same ones from the same
// seed, whatever the machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

/// A number from the environment, for tests that can be made longer or repeated.
std::uint64_t setting(const char *name, std::uint64_t otherwise);

struct TypedPhone {
  std::string text;
  std::string region;
};

class PhoneGenerator {
 public:
  explicit PhoneGenerator(std::uint64_t seed);

  TypedPhone next();

  /// Digits behind what may be two prefixes, dialled in one region after the other.
  TypedPhone next_overdialled();

 private:
  struct Example {
    std::string calling_code;
    std::string national;
    std::string prefix;  // dialled before it inside the country
  };

  std::size_t below(std::size_t bound) { return random_() % bound; }
  bool one_in(std::size_t chances) { return below(chances) == 0; }
  template <typename Container>
  auto &any(Container &container) {
    return container[below(container.size())];
  }

  std::string random_digits(std::size_t at_most);
  std::string misdialled(std::string digits);
  std::string dialled(const Example &example);
  std::string spelled(const std::string &digits);
  std::string mutated(std::string text);
  std::string noise();
  std::string extension();

  std::mt19937_64 random_;
  std::vector<std::string> regions_;
  std::size_t next_region_ = 0;
  std::vector<Example> examples_;
  std::vector<TypedPhone> recorded_;
};
