// Reading a phone takes no memory, whatever its spelling, unless the library is asked.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <new>

#include "phone/reading.hpp"
#include "table.hpp"

namespace {

std::size_t allocations = 0;

}  // namespace

void *operator new(std::size_t size) {
  ++allocations;
  void *memory = std::malloc(size);  // NOLINT(cppcoreguidelines-no-malloc)
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void *memory) noexcept { std::free(memory); }               // NOLINT
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }  // NOLINT

namespace {

using namespace customer_identity::phone;

TEST(allocations, there_are_none) {
  prepare();
  int understood = 0;
  for (const Record &record : read_table("readings.tsv", 5)) {
    const std::size_t before = allocations;
    Details details;
    if (read_fast(record[0], record[1], {}, details)) ++understood;
    EXPECT_EQ(allocations, before) << record[0];
  }
  EXPECT_GT(understood, 100);
}

}  // namespace
