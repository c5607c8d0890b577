// A file of numbering plans. Its bytes: field 1001 (fixed64), FNV-1a of all that follows; the
// label, fields 1002 to 1006; and a PhoneMetadataCollection of libphonenumber's
// phonemetadata.proto, which has only field 1. What reads that message reads the whole file and
// passes over the other fields.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace i18n::phonenumbers {
class PhoneMetadata;
}

namespace customer_identity::phone {

/// A file is some 200 kB.
inline constexpr std::size_t kMaximumPlansFile = std::size_t{4} << 20U;
/// The world has 254; fewer would make most countries unreadable.
inline constexpr std::size_t kMinimumPlans = 200;
inline constexpr std::size_t kMaximumPlans = 1000;

struct PlansFile {
  PlansFile();
  PlansFile(PlansFile &&) noexcept;
  PlansFile &operator=(PlansFile &&) noexcept;
  ~PlansFile();

  std::string source;   // "npm google-libphonenumber 3.2.47"
  std::string version;  // of libphonenumber; empty when it is not known
  std::string date;     // "2026-09-29"
  std::string licence;
  std::vector<std::string> opened;  // E.164 numbers that the state before these plans did not have
  std::vector<std::unique_ptr<i18n::phonenumbers::PhoneMetadata>> plans;
};

/// The bytes of a regular file. Throws std::runtime_error, which says why they cannot be had.
std::string read_plans_file(const char *path);

/// Throws std::runtime_error where the bytes are not those of such a file, as they were written.
PlansFile parse_plans(std::string_view bytes);

}  // namespace customer_identity::phone
