#include "plans_writer.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "phone/library.hpp"
#include "phone/library_door.hpp"

namespace {

using Door = i18n::phonenumbers::PhoneNumberUtilTest;

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value > 127; value >>= 7U) bytes += static_cast<char>((value & 127U) | 128U);
  return bytes + static_cast<char>(value);
}

std::string field(int number, const std::string &value) {
  return varint(static_cast<std::uint64_t>(number) * 8 + 2) + varint(value.size()) + value;
}

}  // namespace

i18n::phonenumbers::PhoneMetadataCollection installed_metadata() {
  const auto &library = customer_identity::phone::installed_library();
  i18n::phonenumbers::PhoneMetadataCollection collection;
  std::set<std::string> regions;
  library.GetSupportedRegions(&regions);
  for (const std::string &region : regions)
    *collection.add_metadata() = *Door::find(library, region, 0);
  std::set<int> codes;
  library.GetSupportedGlobalNetworkCallingCodes(&codes);
  for (const int code : codes) *collection.add_metadata() = *Door::find(library, "001", code);
  return collection;
}

std::string with_checksum(const std::string &body) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char byte : body) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
  std::string header = varint(1001 * 8 + 1);
  for (int byte = 0; byte < 8; ++byte, hash >>= 8U) header += static_cast<char>(hash & 255U);
  return header + body;
}

std::string written_plans(const i18n::phonenumbers::PhoneMetadataCollection &metadata,
                          const PlansLabel &label) {
  std::string body = field(1002, label.source) + field(1003, label.version) +
                     field(1004, label.date) + field(1005, "a licence");
  for (const std::string &number : label.opened) body += field(1006, number);
  return with_checksum(body + metadata.SerializeAsString());
}

namespace {

/// Of this process alone, and gone with it: others may be testing as well.
struct OwnFolder {
  OwnFolder() {
    std::string name = std::filesystem::temp_directory_path() / "customer_identity_plans.XXXXXX";
    path = mkdtemp(name.data());
  }
  ~OwnFolder() { std::filesystem::remove_all(path); }
  OwnFolder(const OwnFolder &) = delete;
  OwnFolder &operator=(const OwnFolder &) = delete;

  std::filesystem::path path;
};

}  // namespace

std::string plans_at(const std::string &name, const std::string &bytes) {
  static const OwnFolder folder;
  const std::filesystem::path path = folder.path / name;
  std::ofstream(path, std::ios::binary) << bytes;
  return path.string();
}
